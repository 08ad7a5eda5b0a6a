import {
  InvokeCommand,
  type LambdaClient,
  type InvokeCommandInput,
  type InvokeCommandOutput,
} from '@aws-sdk/client-lambda';
import { isRetryable, SluiceError } from '../../errors';
import type { JobReference } from '../../jobs';
import { classifyError } from '../../services/failures';
import { consoleUrl, withCapacity } from '../awsService';
import { markerOf, succeeded } from '../references';
import type { JobState, Progress, Runner, SubmissionOf } from '../runner';

/** The one verb of Lambda in use. */
export interface LambdaPort {
  invoke(input: InvokeCommandInput, signal: AbortSignal): Promise<InvokeCommandOutput>;
  region(): Promise<string>;
}

/** A function runs for 15 minutes at most: https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html */
const REQUEST_TIMEOUT_MS = 16 * 60_000;
/** Functions that one worker waits for at a time: each holds a connection. */
const MAX_CONNECTIONS = 500;

/** What a client needs whose calls last as long as the function runs. */
export const LAMBDA_REQUESTS = {
  requestTimeout: REQUEST_TIMEOUT_MS,
  throwOnRequestTimeout: true,
  httpAgent: { maxSockets: MAX_CONNECTIONS, keepAlive: true },
  httpsAgent: { maxSockets: MAX_CONNECTIONS, keepAlive: true },
};

/** Lambda through the SDK, by its default credential and endpoint rules. One attempt each: a second one runs the function. */
export function createLambdaPort(client: LambdaClient): LambdaPort {
  return {
    invoke: (input, abortSignal) => client.send(new InvokeCommand(input), { abortSignal }),
    region: () => client.config.region(),
  };
}

type Submission = SubmissionOf<'lambda:invoke'>;

/** What a payload may weigh: both travel through Temporal. */
const MAX_PAYLOAD_BYTES = 256 * 1024;
/** How often a function is run whose answer is lost. */
const MAX_INVOCATIONS = 3;
/** A text of the payload that stands for the submission's key. */
const KEY_PLACEHOLDER = '$sluice.key';
/** How long the submit's look at the function may take. */
const DRY_RUN_TIMEOUT_MS = 30_000;
/** How many log lines a failure carries. */
const SHOWN_LOG_LINES = 15;

/**
 * `lambda:invoke`. The function runs while it is polled: Lambda answers when it has ended (RequestResponse), or at once
 * (Event, DryRun). Lambda has no client token and no list of its invocations, so a call whose answer is lost is made again
 * and the function may run again, three times in all. The key travels in the client context, by which the function can tell, and
 * in the payload where a text in it is `$sluice.key`.
 */
export class LambdaRunner implements Runner<'lambda:invoke'> {
  readonly worksInPoll = true;

  constructor(private readonly lambda: LambdaPort) {}

  /** Asks Lambda whether function, permission and input are right; runs nothing. */
  async submit(submission: Submission): Promise<JobReference> {
    const { FunctionName } = submission.job.parameters;
    const input = toInput(submission);
    await this.lambda.invoke(
      { ...input, InvocationType: 'DryRun', LogType: undefined },
      AbortSignal.timeout(DRY_RUN_TIMEOUT_MS),
    );
    const region = await this.lambda.region();
    return {
      resource: 'lambda:invoke',
      externalId: markerOf(submission.key),
      key: submission.key,
      url: consoleUrl(region, 'lambda/home', `/functions/${nameOf(FunctionName!)}`),
      submittedAt: new Date().toISOString(),
    };
  }

  /** Lambda does not tell what it was asked to run. */
  find(): Promise<null> {
    return Promise.resolve(null);
  }

  async poll(
    submission: Submission,
    reference: JobReference,
    signal: AbortSignal,
    progress: Progress,
  ): Promise<JobState> {
    const { FunctionName } = submission.job.parameters;
    const startedAt = Date.now();
    let answer: InvokeCommandOutput;
    progress.begin?.();
    try {
      answer = await withCapacity(
        this.lambda.invoke(toInput(submission), signal),
        ({ name, Reason = '' }) =>
          name === 'TooManyRequestsException' && /Concurrent.*LimitExceeded$/.test(Reason),
      );
    } catch (error) {
      const { code, message } = classifyError(error);
      if (signal.aborted) throw error;
      if (code === 'Transient' && isLostAnswer(error)) {
        const lost = 1 + ((progress.resumed as { lost?: number } | undefined)?.lost ?? 0);
        if (lost >= MAX_INVOCATIONS) return { state: 'failed', message: describeLost(FunctionName!, message) };
        progress.keep({ lost });
      }
      if (isRetryable(code)) throw error;
      // The function did not run, and would not when asked again.
      return { state: 'failed', message, code: code === 'InvalidJob' ? code : 'JobFailed' };
    }
    const log = Buffer.from(answer.LogResult ?? '', 'base64').toString();
    const bytes = answer.Payload?.byteLength ?? 0;
    const headline = `Lambda function ${FunctionName} answered ${answer.StatusCode}`;
    if (answer.FunctionError !== undefined)
      return { state: 'failed', message: describeFailure(headline, answer, log) };
    if (bytes > MAX_PAYLOAD_BYTES) {
      return {
        state: 'failed',
        message: `${headline} with ${bytes} bytes; a result carries ${MAX_PAYLOAD_BYTES}. Let the function write them to S3 and answer their location.`,
      };
    }
    return succeeded(reference, {
      logUrl: await this.logUrl(FunctionName!),
      durationMs: Date.now() - startedAt,
      measures: readReport(log),
      payload: readPayload(answer),
    });
  }

  stop({ job: { parameters } }: Submission): Promise<void> {
    const message = `Lambda has no way to stop a function that runs; ${parameters.FunctionName} goes on until its own time-out`;
    return Promise.reject(new SluiceError('JobLeaked', message));
  }

  private async logUrl(functionName: string): Promise<string> {
    const group = encodeURIComponent(`/aws/lambda/${nameOf(functionName)}`);
    return consoleUrl(await this.lambda.region(), 'cloudwatch/home', `logsV2:log-groups/log-group/${group}`);
  }
}

/** @throws SluiceError InvalidJob when a payload is too large or the client context is no JSON object */
function toInput({ job: { parameters }, key, run, step }: Submission): InvokeCommandInput {
  const { Payload, ClientContext, InvocationType = 'RequestResponse', ...others } = parameters;
  const body = Payload === undefined ? undefined : Buffer.from(writePayload(Payload, key));
  if (body && body.byteLength > MAX_PAYLOAD_BYTES) {
    throw new SluiceError(
      'InvalidJob',
      `lambda:invoke: Payload has ${body.byteLength} bytes, the limit is ${MAX_PAYLOAD_BYTES}; put the data into S3 and hand over its location`,
    );
  }
  const own = { 'sluice-key': markerOf(key), 'sluice-run': run, 'sluice-step': step };
  const context = readContext(ClientContext);
  const merged = { ...context, custom: { ...(context['custom'] as object | undefined), ...own } };
  return {
    ...(InvocationType === 'RequestResponse' ? { LogType: 'Tail' } : {}),
    ...others,
    InvocationType,
    ClientContext: Buffer.from(JSON.stringify(merged)).toString('base64'),
    ...(body ? { Payload: body } : {}),
  };
}

function writePayload(payload: unknown, key: string): string {
  return JSON.stringify(payload, (_, value: unknown) => (value === KEY_PLACEHOLDER ? markerOf(key) : value));
}

/** Nobody can tell whether the function ran: the connection broke, or a proxy gave up waiting. Lambda's own errors say that it did not. */
function isLostAnswer(error: unknown): boolean {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  return status === undefined || status === 504;
}

function describeLost(name: string, message: string): string {
  return (
    `Lambda function ${name} was invoked ${MAX_INVOCATIONS} times and no answer came: ${message}. It may have run each time: ` +
    'look at its log. A proxy between may cut connections that are silent; let the function answer sooner, or invoke it as Event'
  );
}

/** The job's own client context: base64 of a JSON object. */
function readContext(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  try {
    const context: unknown = JSON.parse(Buffer.from(text, 'base64').toString());
    if (typeof context === 'object' && context !== null) return context as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new SluiceError(
    'InvalidJob',
    'lambda:invoke: ClientContext is no JSON object in base64; mend it or leave it out',
  );
}

/** What the function answered: JSON as its value, anything else as text. */
function readPayload({ Payload }: InvokeCommandOutput): unknown {
  const text = Buffer.from(Payload ?? []).toString();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text === '' ? null : text;
  }
}

/** The function's own error and the last lines of its log. */
function describeFailure(headline: string, answer: InvokeCommandOutput, log: string): string {
  const payload = readPayload(answer);
  const { errorType, errorMessage } = (payload ?? {}) as { errorType?: string; errorMessage?: string };
  const reason = errorMessage ?? JSON.stringify(payload).slice(0, 1000);
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  return [
    `${headline}, ${answer.FunctionError}: ${errorType ? `${errorType}: ` : ''}${reason}`,
    ...lines.slice(-SHOWN_LOG_LINES),
  ].join('\n');
}

/** What the log's last line says of the cost: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html */
function readReport(log: string): Record<string, number> {
  const billed = /Billed Duration: (\d+) ms/.exec(log)?.[1];
  const memory = /Memory Size: (\d+) MB/.exec(log)?.[1];
  return {
    ...(billed ? { BilledDurationInMillis: Number(billed) } : {}),
    ...(billed && memory ? { BilledGBSeconds: (Number(billed) / 1000) * (Number(memory) / 1024) } : {}),
  };
}

/** The name of a function that is given as name, `name:alias`, `account:function:name` or ARN. */
function nameOf(functionName: string): string {
  return (/(?:^|:)function:([^:]+)/.exec(functionName)?.[1] ?? functionName).split(':')[0]!;
}
