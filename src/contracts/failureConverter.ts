import { DefaultFailureConverter } from '@temporalio/common';

/**
 * Puts the messages and stacks of failures into payloads, which a codec encrypts. Loaded by path, outside of the workflow
 * sandbox and inside.
 */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
