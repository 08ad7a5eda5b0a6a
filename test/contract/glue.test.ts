import { GlueClient } from '@aws-sdk/client-glue';
import { classifyError } from '../../src/activities/failures';
import { createGluePort } from '../../src/activities/runners';
import { GLUE_KEY_ARGUMENT, GlueRunner } from '../../src/activities/runners/glue';
import { markerOf, type SubmissionOf } from '../../src/activities/runners/runner';
import { GlueDouble } from '../support/glueDouble';

let glue: GlueDouble;
let runner: GlueRunner;

function createRunner(endpoint: string): GlueRunner {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  return new GlueRunner(
    createGluePort(new GlueClient({ endpoint, region: 'eu-west-1', credentials, maxAttempts: 1 })),
  );
}

beforeEach(async () => {
  glue = new GlueDouble(['load']);
  runner = createRunner(await glue.start());
});

afterEach(() => glue.stop());

const submission = (key: string, JobName = 'load'): SubmissionOf<'glue:startJobRun'> => ({
  job: { resource: 'glue:startJobRun', parameters: { JobName, Arguments: { '--day': 'monday' } } },
  key,
  run: 'run',
  step: 'step',
});

test('the key travels as an argument beside the own ones, and the link leads to the run', async () => {
  const reference = await runner.submit(submission('a'));
  expect(glue.runs.get(reference.externalId)!.Arguments).toEqual({
    '--day': 'monday',
    [GLUE_KEY_ARGUMENT]: markerOf('a'),
  });
  expect(reference.url).toContain('eu-west-1.console.aws.amazon.com/gluestudio');
});

test('a run whose answer was lost is found by its key, also past the first page', async () => {
  glue.faults.push({
    operation: 'StartJobRun',
    status: 500,
    type: 'InternalServiceException',
    message: 'oops',
    accepted: true,
  });
  await expect(runner.submit(submission('a'))).rejects.toThrow('oops');
  await runner.submit(submission('b'));
  expect((await runner.find(submission('a')))!.externalId).toBe('jr_0');
  expect(await runner.find(submission('c'))).toBeNull();
});

test.each([
  ['STARTING', 'running'],
  ['RUNNING', 'running'],
  ['STOPPING', 'running'],
  ['WAITING', 'running'],
  ['A_STATE_OF_TOMORROW', 'running'],
  ['SUCCEEDED', 'succeeded'],
  ['STOPPED', 'stopped'],
  ['FAILED', 'failed'],
  ['TIMEOUT', 'failed'],
  ['ERROR', 'failed'],
  ['EXPIRED', 'failed'],
])('the state %s is %s', async (native, state) => {
  const reference = await runner.submit(submission('a'));
  const run = glue.runs.get(reference.externalId)!;
  Object.assign(run, {
    JobRunState: native,
    ErrorMessage: 'out of memory',
    DPUSeconds: 12.5,
    ExecutionTime: 30,
  });
  const polled = await runner.poll(submission('a'), reference);
  expect(polled.state).toBe(state);
  if (polled.state === 'failed') expect(polled.message).toContain('out of memory');
  if (polled.state === 'succeeded')
    expect(polled.result.measures).toEqual({ DPUSeconds: 12.5, ExecutionTime: 30 });
});

test('a stop is asked for, and the end is what the service says', async () => {
  const reference = await runner.submit(submission('a'));
  await runner.stop(submission('a'), reference);
  expect((await runner.poll(submission('a'), reference)).state).toBe('running');
  glue.runs.get(reference.externalId)!.JobRunState = 'STOPPED';
  expect((await runner.poll(submission('a'), reference)).state).toBe('stopped');
});

test.each([
  ['ConcurrentRunsExceededException', 400, 'NoCapacity'],
  ['ThrottlingException', 400, 'Throttled'],
  ['InternalServiceException', 500, 'Transient'],
  ['AccessDeniedException', 400, 'AccessDenied'],
  ['InvalidInputException', 400, 'InvalidJob'],
])('%s is told apart', async (type, status, code) => {
  glue.faults.push({ operation: 'StartJobRun', status, type, message: 'the words of the service' });
  const error = await runner.submit(submission('a')).catch((caught: unknown) => caught);
  expect(classifyError(error)).toMatchObject({
    code,
    message: expect.stringContaining('the words of the service'),
  });
});

test('a job that does not exist is a mistake, a server that does not answer is not', async () => {
  const missing = await runner.submit(submission('a', 'nothing')).catch((caught: unknown) => caught);
  expect(classifyError(missing).code).toBe('InvalidJob');
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
  expect(classifyError(refused).code).toBe('ServerUnreachable');
  expect(classifyError(new Error('fetch failed', { cause: refused })).code).toBe('ServerUnreachable');
});
