import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { WorkflowFailedError } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { createAcceptArrivals } from '../../../src/acceptArrivals';
import type { Arrival } from '../../../src/pipelines';
import { statusQuery } from '../../../src/workflows/messages';
import { quietRuntime, startTestWorker, startTimeSkipping, testConfig } from '../../support/environment';
import { startTestS3 } from '../../support/s3';
import type { StepsInput } from '../../support/workflows';

const LISTING_MS = 86_400_000;

let environment: TestWorkflowEnvironment;
let s3: Awaited<ReturnType<typeof startTestS3>>;
let worker: Awaited<ReturnType<typeof startTestWorker>>;

beforeAll(async () => {
  quietRuntime();
  [environment, s3] = await Promise.all([startTimeSkipping(), startTestS3()]);
  worker = await startTestWorker(environment, {
    s3: s3.s3,
    searchAttributes: false,
    config: { listEveryMs: LISTING_MS },
  });
}, 120_000);

afterAll(async () => {
  await worker?.stop();
  await Promise.all([environment?.teardown(), s3?.stop()]);
}, 60_000);

let runs = 0;
function start(input: StepsInput) {
  return environment.client.workflow.start('steps', {
    taskQueue: 'test',
    workflowId: `wait-${++runs}`,
    args: [input],
  });
}

function upload(Key: string, Body = 'x') {
  return s3.s3.send(new PutObjectCommand({ Bucket: 'lake', Key, Body }));
}

async function arrive(key: string, etag = 'e1') {
  const time = new Date(await environment.currentTimeMs()).toISOString();
  const arrival: Arrival = { bucket: 'lake', key, versionId: null, etag, size: 1, sequencer: null, time };
  await createAcceptArrivals(environment.client, { ...testConfig, listEveryMs: LISTING_MS })([arrival]);
}

function both(folder: string): StepsInput {
  return {
    wait: {
      pattern: `s3://lake/${folder}/*.csv`,
      options: { within: '7 days', complete: { keys: [`${folder}/sales.csv`, `${folder}/marketing.csv`] } },
    },
  };
}

async function failureOf(run: { result(): Promise<unknown> }) {
  const error = await run.result().then(
    () => null,
    (e: unknown) => e,
  );
  return (error as WorkflowFailedError).cause as Error & { type?: string };
}

test('a run waits a week: one object on day 1, the other on day 6, told by events', async () => {
  const run = await start(both('a'));
  await environment.sleep('1 day');
  await arrive('a/sales.csv');
  await environment.sleep('5 days');
  const status = await run.query(statusQuery);
  expect(status).toMatchObject({
    state: 'running',
    waitingFor: ['s3://lake/a/*.csv'],
    steps: [{ name: 'wait', state: 'waiting' }],
  });
  await arrive('a/marketing.csv');
  const result = (await run.result()) as { wait: Arrival[] };
  expect(result.wait.map(({ key }) => key)).toEqual(['a/sales.csv', 'a/marketing.csv']);
});

test('a run that nothing reaches in a week fails and names what was missing', async () => {
  const failure = await failureOf(await start(both('b')));
  expect(failure.type).toBe('ArrivalTimeout');
  expect(failure.message).toContain('b/sales.csv, b/marketing.csv');
  expect(failure.message).toContain('sluice signal');
});

test('a run that only one of two objects reaches names the other', async () => {
  const run = await start(both('c'));
  await environment.sleep('1 day');
  await arrive('c/sales.csv');
  const failure = await failureOf(run);
  expect(failure.message).toContain('missing: c/marketing.csv');
});

test('an object that arrived before the run started is not taken, unless since reaches back to it', async () => {
  await upload('d/sales.csv');
  await environment.sleep('2 days');
  const late = await failureOf(
    await start({ wait: { pattern: 's3://lake/d/*.csv', options: { within: '1 day' } } }),
  );
  expect(late.type).toBe('ArrivalTimeout');
  const since = new Date(Date.now() - 60_000).toISOString();
  const run = await start({ wait: { pattern: 's3://lake/d/*.csv', options: { within: '1 day', since } } });
  const result = (await run.result()) as { wait: Arrival[] };
  expect(result.wait[0]).toMatchObject({ key: 'd/sales.csv', size: 1 });
  expect(result.wait[0]!.etag).toMatch(/^[0-9a-f]{32}$/);
});

test('an object whose event never came is found by the listing', async () => {
  const since = new Date(Date.now() - 60_000).toISOString();
  const run = await start({ wait: { pattern: 's3://lake/e/*.csv', options: { within: '7 days', since } } });
  await environment.sleep('1 hour');
  await upload('e/sales.csv');
  expect(((await run.result()) as { wait: Arrival[] }).wait[0]!.key).toBe('e/sales.csv');
});

test('an event that comes twice counts once, and a marker is not among the objects', async () => {
  const counted = await start({
    wait: { pattern: 's3://lake/f/**', options: { within: '2 days', complete: { count: 2 } } },
  });
  await environment.sleep('1 hour');
  await arrive('f/a');
  await arrive('f/a');
  await environment.sleep('1 hour');
  expect((await counted.query(statusQuery)).state).toBe('running');
  await arrive('f/x/b');
  expect(((await counted.result()) as { wait: Arrival[] }).wait.map(({ key }) => key)).toEqual([
    'f/a',
    'f/x/b',
  ]);

  const marked = await start({
    wait: { pattern: 's3://lake/g/*', options: { within: '2 days', complete: { marker: 'g/_SUCCESS' } } },
  });
  await environment.sleep('1 hour');
  await arrive('g/_SUCCESS');
  expect(((await failureOf(marked)) as Error).message).toContain('came, and no object with it');
});

test('a bucket that does not exist is a clear failure at once', async () => {
  const failure = await failureOf(await start({ wait: { pattern: 's3://no-such-bucket/x/*', options: {} } }));
  expect(failure.type).toBe('InvalidInput');
  expect(failure.message).toContain('no-such-bucket');
});
