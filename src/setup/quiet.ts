/**
 * Silences the AWS SDK's advice on Node versions: it would land on standard error beside the errors that scripts read.
 * Entries import this file first, because the SDK looks when its first client is made.
 */
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

const say = () => {};
/** For clients of AWS: without a logger they write some warnings to standard error beside the failure that they throw. */
export const SILENT = { trace: say, debug: say, info: say, warn: say, error: say };
