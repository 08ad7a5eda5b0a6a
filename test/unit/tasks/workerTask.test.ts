/** `worker:task`: tasks of one's own, as the worker runs them. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { ApplicationFailure } from '@temporalio/common';
import { defineTask, SluiceError, type AnyTask } from '../../../src';
import { createJobActivities } from '../../../src/activities/jobs';
import { field } from '../../../src/pipelines';
import type { Submission } from '../../../src/contracts/activities';
import { task } from '../../../src/workflows/task';
import { quietRuntime } from '../../support/environment';
import { runnersOf } from '../../support/runners';

beforeAll(quietRuntime);

const countTo = defineTask(
  {
    name: 'count-to',
    about: 'Counts.',
    input: {
      most: field.integer({ least: 1 }),
      step: field.integer({ default: 1, least: 1 }),
      into: field.object(),
    },
  },
  async ({ most, step, into }, { resumed, keep, report }) => {
    const first = ((resumed as number | undefined) ?? 0) + step;
    for (let n = first; n <= most; n += step) {
      report({ counted: n, of: most });
      keep(n);
    }
    return { output: into, measures: { first } };
  },
);

const RIGHT = { most: 4, into: 's3://lake/out.csv' };

function open(tasks: readonly AnyTask[], heartbeatDetails?: unknown) {
  const activities = createJobActivities({
    runners: runnersOf({}, { tasks }),
    ...{ pollMinMs: 5, pollMaxMs: 20, retryForMs: 60_000, credentialsForMs: 3_600_000 },
    ...{
      stuckAfterMs: Infinity,
      tellRun: () => Promise.resolve(),
      readHistoryBytes: () => Promise.resolve(0),
    },
  });
  const heartbeats: unknown[] = [];
  const run = <T>(act: () => Promise<T>): Promise<T> => {
    const environment = new MockActivityEnvironment(
      { heartbeatTimeoutMs: 1000, heartbeatDetails, scheduledTimestampMs: Date.now() },
      { logger: new DefaultLogger('ERROR') },
    );
    environment.on('heartbeat', (details: unknown) => heartbeats.push(structuredClone(details)));
    return environment.run(act);
  };
  const submissionOf = (input: object): Submission => ({
    job: {
      resource: 'worker:task',
      parameters: { task: 'count-to', input: input as Record<string, unknown> },
    },
    ...{ key: 'run/count/1', run: 'run', step: 'count' },
  });
  return {
    heartbeats,
    submit: (input: object) => run(() => activities.submitJob(submissionOf(input))),
    work: async (input: object) => {
      const reference = await run(() => activities.submitJob(submissionOf(input)));
      return run(() => activities.awaitJob(submissionOf(input), reference));
    },
  };
}

test("a task is given its input with defaults, and its result is the job's", async () => {
  const { work, heartbeats } = open([countTo]);
  expect(await work(RIGHT)).toMatchObject({
    resource: 'worker:task',
    output: 's3://lake/out.csv',
    measures: { first: 1 },
  });
  expect(heartbeats).toContainEqual(
    expect.objectContaining({ step: 'count', progress: { counted: 4, of: 4 }, work: { position: 4 } }),
  );
});

test('its job is marked as one that runs inside the worker', async () => {
  expect(await open([countTo]).submit(RIGHT)).toMatchObject({ runsInWorker: true });
});

test('a task that starts again goes on from what it kept', async () => {
  const { work } = open([countTo], { work: { position: 2 } });
  expect(await work(RIGHT)).toMatchObject({ measures: { first: 3 } });
});

test('all problems of the input are told before it works', async () => {
  const refused = open([countTo]).submit({ most: 0, into: 's3://lake/', other: 1 });
  await expect(refused).rejects.toMatchObject({ type: 'InvalidJob', nonRetryable: true });
  const { message } = (await refused.catch((error: ApplicationFailure) => error as Error)) as Error;
  expect(message).toBe(
    [
      'The input of the task count-to is wrong:',
      '  other: unknown field; known are most, step, into',
      '  most: 0; give a whole number from 1',
      '  into: "s3://lake/"; give an object in S3, such as s3://lake/sales/a.csv',
    ].join('\n'),
  );
});

test('a task that nobody defined is told with those that are there', async () => {
  await expect(open([]).submit(RIGHT)).rejects.toMatchObject({
    type: 'InvalidJob',
    message: expect.stringContaining('no task is called "count-to"') as string,
  });
});

test('BadData of a task fails its job for good', async () => {
  const failing = {
    ...countTo,
    run: () => Promise.reject(new SluiceError('BadData', 'line 3 is no record')),
  };
  await expect(open([failing]).work(RIGHT)).rejects.toMatchObject({
    type: 'BadData',
    nonRetryable: true,
    message: 'line 3 is no record',
  });
});

test('a name that is none is refused where it is written', () => {
  const define = () => defineTask({ name: '', about: '', input: {} }, () => Promise.resolve());
  expect(define).toThrow('defineTask: "" is no name');
});

test('a workflow states the job by name and input', () => {
  expect(task<typeof countTo>('count-to', RIGHT)).toEqual({
    resource: 'worker:task',
    parameters: { task: 'count-to', input: RIGHT },
  });
});
