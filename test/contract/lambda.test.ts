import { LambdaClient } from '@aws-sdk/client-lambda';
import { classifyError } from '../../src/services/failures';
import { createLambdaPort, LAMBDA_REQUESTS, LambdaRunner } from '../../src/runners/lambda/runner';
import { markerOf } from '../../src/runners/references';
import type { SubmissionOf } from '../../src/runners/runner';
import { LambdaDouble } from '../support/aws/lambda';
import { createWorker, PROGRESS, SIGNAL, useDouble } from './useDouble';

const made = useDouble(() => new LambdaDouble());
const createRunner = () =>
  new LambdaRunner(createLambdaPort(new LambdaClient({ ...made.settings, requestHandler: LAMBDA_REQUESTS })));

type Submission = SubmissionOf<'lambda:invoke'>;
const submission = (more: Partial<Submission['job']['parameters']> = {}): Submission => ({
  job: {
    resource: 'lambda:invoke',
    parameters: { FunctionName: 'load', Payload: { day: 'monday' }, ...more },
  },
  key: 'a',
  run: 'weekly',
  step: 'load “sales”',
});

async function invoke(given = submission()) {
  const runner = createRunner();
  return runner.poll(given, await runner.submit(given), SIGNAL, PROGRESS);
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
const contextOf = (text: string | undefined): unknown => JSON.parse(Buffer.from(text!, 'base64').toString());

test('a submit looks at the function and runs nothing; the await runs it once', async () => {
  const worker = createWorker('lambda:invoke', createRunner());
  const reference = await worker.submitJob(submission());
  expect([made.double.dryRuns, made.double.invocations.length]).toEqual([1, 0]);
  expect(reference).toMatchObject({
    externalId: markerOf('a'),
    url: 'https://eu-west-1.console.aws.amazon.com/lambda/home?region=eu-west-1#/functions/load',
  });
  expect((await worker.awaitJob(submission(), reference)).payload).toEqual({ leads: 3 });
  expect(made.double.invocations).toHaveLength(1);
});

test("the key travels in the client context beside the user's own", async () => {
  const ClientContext = base64(JSON.stringify({ client: { title: 'etl' }, custom: { team: 'etl' } }));
  await invoke(submission({ ClientContext }));
  const [{ ClientContext: sent, Payload } = {}] = made.double.invocations;
  expect(JSON.parse(Payload!)).toEqual({ day: 'monday' });
  expect(contextOf(sent)).toEqual({
    client: { title: 'etl' },
    custom: {
      team: 'etl',
      'sluice-key': markerOf('a'),
      'sluice-run': 'weekly',
      'sluice-step': 'load “sales”',
    },
  });
});

test.each([
  ['JSON', '[1,2]', [1, 2]],
  ['text', 'plain', 'plain'],
  ['nothing', '', null],
])('an answer that is %s is the payload', async (_, Payload, payload) => {
  made.double.run = () => ({ Payload });
  expect(await invoke()).toMatchObject({ state: 'succeeded', result: { payload } });
});

test('a result says what was billed, from the end of the log', async () => {
  const report = 'REPORT RequestId: 1\tDuration: 1500.4 ms\tBilled Duration: 1501 ms\tMemory Size: 512 MB\t';
  made.double.run = () => ({ Payload: 'null', LogResult: base64(`START\n${report}\n`) });
  expect(await invoke()).toMatchObject({
    result: { measures: { BilledDurationInMillis: 1501, BilledGBSeconds: 0.7505 } },
  });
  expect(made.double.invocations[0]!.LogType).toBe('Tail');
});

test("a function that fails fails the job with the function's own error and the end of its log", async () => {
  made.double.run = () => ({
    FunctionError: 'Unhandled',
    Payload: JSON.stringify({ errorType: 'KeyError', errorMessage: 'no column lead_id' }),
    LogResult: base64('START\nreading sales.csv\n'),
  });
  expect(await invoke()).toEqual({
    state: 'failed',
    message:
      'Lambda function load answered 200, Unhandled: KeyError: no column lead_id\nSTART\nreading sales.csv',
  });
});

test('an answer that is too large for a result fails with its cure', async () => {
  made.double.run = () => ({ Payload: JSON.stringify('x'.repeat(300_000)) });
  const state = await invoke();
  expect(state).toMatchObject({ state: 'failed', message: expect.stringContaining('write them to S3') });
});

test.each([
  ['a payload that is too large', { Payload: 'x'.repeat(300_000) }, 'put the data into S3'],
  ['a client context that is no JSON', { ClientContext: base64('nonsense') }, 'ClientContext'],
])('%s is refused before anything runs', async (_, more, cure) => {
  const refused = await createRunner()
    .submit(submission(more))
    .catch((error: unknown) => error);
  expect(classifyError(refused)).toMatchObject({
    code: 'InvalidJob',
    message: expect.stringContaining(cure),
  });
  expect(made.aws.calls).toEqual({});
});

test('a function that is not there is a mistake, told at the submit', async () => {
  const refused = await createRunner()
    .submit(submission({ FunctionName: 'nothing' }))
    .catch((error: unknown) => error);
  expect(classifyError(refused)).toMatchObject({
    code: 'InvalidJob',
    message: expect.stringContaining('nothing'),
  });
});

test.each([
  ['Event', 1],
  ['DryRun', 0],
] as const)('an invocation of type %s is not waited for', async (InvocationType, ran) => {
  expect(await invoke(submission({ InvocationType }))).toMatchObject({
    state: 'succeeded',
    result: { payload: null },
  });
  expect(made.double.invocations).toHaveLength(ran);
});

test.each([
  ['ReservedFunctionConcurrentInvocationLimitExceeded', 'NoCapacity'],
  ['ConcurrentInvocationLimitExceeded', 'NoCapacity'],
  ['CallerRateLimitExceeded', 'Throttled'],
])('too many requests for the reason %s are %s, and the await goes on', async (Reason, code) => {
  const runner = createRunner();
  const reference = await runner.submit(submission());
  const fault = {
    operation: 'Invoke',
    status: 429,
    type: 'TooManyRequestsException',
    message: 'Rate Exceeded.',
  };
  made.aws.faults.push({ ...fault, content: { Reason } });
  const refused = await runner.poll(submission(), reference, SIGNAL, PROGRESS).catch((error: unknown) => error);
  expect(classifyError(refused).code).toBe(code);
  made.aws.faults.push({ ...fault, content: { Reason } });
  await createWorker('lambda:invoke', runner).awaitJob(submission(), reference);
  expect(made.double.invocations).toHaveLength(1);
});

test('an await without permission fails at once, with what the service says', async () => {
  const runner = createRunner();
  const reference = await runner.submit(submission());
  made.aws.faults.push({
    operation: 'Invoke',
    status: 403,
    type: 'AccessDeniedException',
    message: 'not authorized to perform lambda:InvokeFunction',
  });
  expect(await runner.poll(submission(), reference, SIGNAL, PROGRESS)).toMatchObject({
    state: 'failed',
    message: expect.stringContaining('lambda:InvokeFunction'),
  });
});

test('an answer that is lost runs the function again, with the same key', async () => {
  const runner = createRunner();
  const reference = await runner.submit(submission());
  made.aws.faults.push({ operation: 'Invoke', status: 0, type: '', message: '', accepted: true });
  await createWorker('lambda:invoke', runner).awaitJob(submission(), reference);
  const [first, second] = made.double.invocations.map(({ ClientContext }) => contextOf(ClientContext));
  expect(second).toEqual(first);
  expect(second).toMatchObject({ custom: { 'sluice-key': markerOf('a') } });
});

test('a function whose answers are all lost is run three times and no more', async () => {
  const runner = createRunner();
  const reference = await runner.submit(submission());
  made.aws.faults.push({ operation: 'Invoke', status: 0, type: '', message: '', accepted: true, times: 9 });
  await expect(createWorker('lambda:invoke', runner).awaitJob(submission(), reference)).rejects.toMatchObject({
    type: 'JobFailed',
    nonRetryable: true,
    message: expect.stringContaining('invoked 3 times and no answer came'),
  });
  expect(made.double.invocations).toHaveLength(3);
});

test('refusals of Lambda itself, which ran nothing, are not counted as invocations', async () => {
  const runner = createRunner();
  const reference = await runner.submit(submission());
  const fault = { operation: 'Invoke', status: 502, type: 'ENINotReadyException', message: 'not ready' };
  made.aws.faults.push({ ...fault, times: 5 });
  await createWorker('lambda:invoke', runner).awaitJob(submission(), reference);
  expect(made.double.invocations).toHaveLength(1);
});

test('the key stands in the payload where it is asked for', async () => {
  await invoke(submission({ Payload: { day: 'monday', once: ['$sluice.key'] } }));
  expect(JSON.parse(made.double.invocations[0]!.Payload!)).toEqual({ day: 'monday', once: [markerOf('a')] });
});

test('an await that is cancelled lets go of its call while the function runs', async () => {
  const controller = new AbortController();
  const runner = createRunner();
  const reference = await runner.submit(submission());
  let end: () => void = () => {};
  const begun = new Promise<void>((resolve) => {
    made.double.run = () => {
      resolve();
      return new Promise((ended) => (end = () => ended({})));
    };
  });
  const polled = runner.poll(submission(), reference, controller.signal, PROGRESS);
  await begun;
  controller.abort();
  await expect(polled).rejects.toThrow(/abort/i);
  end();
});

test('stopping says that the function goes on, and does not run it', async () => {
  const worker = createWorker('lambda:invoke', createRunner());
  const reference = await worker.submitJob(submission());
  expect(await worker.stopJob(submission(), reference)).toMatchObject({
    outcome: 'leaked',
    externalId: markerOf('a'),
    message: expect.stringContaining('goes on until its own time-out'),
  });
  expect(made.double.invocations).toHaveLength(0);
});
