import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { WorkflowFailedError } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { createAcceptArrivals } from '../../../src/arrivals/acceptArrivals';
import type { Arrival } from '../../../src/pipelines';
import { statusQuery } from '../../../src/contracts/messages';
import { quietRuntime, startTestWorker, startTimeSkipping, testConfig } from '../../support/environment';
import { startTestS3 } from '../../support/s3';
import type { InboxInput, InboxResult, StepsInput } from '../../support/workflows';
import { SHIPPED_PIPELINES } from '../../../src/workflows/shipped';

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

async function arrivalOf(
  key: string,
  etag: string | null = 'e1',
  sequencer: string | null = null,
): Promise<Arrival> {
  const time = new Date(await environment.currentTimeMs()).toISOString();
  return { bucket: 'lake', key, versionId: null, etag, size: 1, sequencer, time };
}

async function arrive(...[key, etag, sequencer]: Parameters<typeof arrivalOf>) {
  const accept = createAcceptArrivals(environment.client, {
    ...testConfig,
    pipelines: SHIPPED_PIPELINES,
    listEveryMs: LISTING_MS,
  });
  await accept([await arrivalOf(key, etag, sequencer)]);
}

async function etagOf(Key: string): Promise<string | null> {
  const { ETag } = await s3.s3.send(new HeadObjectCommand({ Bucket: 'lake', Key }));
  return ETag?.replaceAll('"', '') ?? null;
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

describe('what completes a wait, and what comes late', () => {
  async function startInbox(input: Partial<InboxInput> & { pattern: string }) {
    const run = await environment.client.workflow.start<(input: object) => Promise<InboxResult>>('inbox', {
      taskQueue: 'test',
      workflowId: `inbox-${++runs}`,
      args: [input],
    });
    await environment.sleep('1 minute');
    return run;
  }
  const rule = (complete: object) => JSON.stringify(complete);
  type Handle = Awaited<ReturnType<typeof startInbox>>;
  const objectsOf = async (run: Handle) => (await run.query(statusQuery)).steps[0]!.objects;

  test('a quiet period begins anew with each arrival', async () => {
    const run = await startInbox({
      pattern: 's3://lake/q/*',
      complete: rule({ quiet: '1 hour', atLeast: 2 }),
    });
    await arrive('q/a');
    await environment.sleep('3 hours');
    await arrive('q/b');
    await environment.sleep('50 minutes');
    await arrive('q/c');
    await environment.sleep('50 minutes');
    expect((await run.query(statusQuery)).state).toBe('running');
    expect((await run.result()).keys).toEqual(['q/a', 'q/b', 'q/c']);
  });

  test('a wait on a manifest takes what it lists, whatever its age, and waits for what is missing', async () => {
    await upload('m/data/old.csv');
    await environment.sleep('2 days');
    const urls = ['old', 'new'].map((name) => ({ url: `s3://lake/m/data/${name}.csv` }));
    await upload('m/list.json', JSON.stringify({ entries: urls }));
    const run = await startInbox({
      pattern: 's3://lake/m/data/*',
      complete: rule({ manifest: 'm/list.json' }),
    });
    await arrive('m/list.json', await etagOf('m/list.json'));
    await arrive('m/data/other.csv');
    await environment.sleep('1 hour');
    expect((await run.query(statusQuery)).state).toBe('running');
    await arrive('m/data/new.csv');
    expect((await run.result()).keys.sort()).toEqual(['m/data/new.csv', 'm/data/old.csv']);
  });

  test('a manifest that is replaced while its objects are awaited is read anew', async () => {
    await upload('r/list.json', '["r/never.csv"]');
    const run = await startInbox({ pattern: 's3://lake/r/*', complete: rule({ manifest: 'r/list.json' }) });
    await arrive('r/list.json', await etagOf('r/list.json'));
    await environment.sleep('1 hour');
    await upload('r/list.json', '["r/a.csv"]');
    await arrive('r/list.json', await etagOf('r/list.json'));
    await arrive('r/a.csv');
    expect((await run.result()).keys).toEqual(['r/a.csv']);
  });

  test.each([
    ['lists an object outside of the pattern', '["elsewhere/a.csv"]', 'does not fit'],
    ['is none', '{"tables":[]}', 'is no manifest'],
  ])('a manifest that %s fails the run and says so', async (what, text, message) => {
    const folder = what.replaceAll(' ', '-');
    const manifest = `${folder}/list.json`;
    await upload(manifest, text);
    const run = await startInbox({ pattern: `s3://lake/${folder}/*`, complete: rule({ manifest }) });
    await arrive(manifest, await etagOf(manifest));
    const failure = await failureOf(run);
    expect(failure).toMatchObject({ type: 'BadData', message: expect.stringContaining(message) });
  });

  test('a marker may be outside of the pattern', async () => {
    const run = await startInbox({ pattern: 's3://lake/p/*.csv', complete: rule({ marker: 'p/_SUCCESS' }) });
    await arrive('p/a.csv');
    await arrive('p/_SUCCESS');
    expect((await run.result()).keys).toEqual(['p/a.csv']);
  });

  test('an older version of a key never takes the place of a newer one', async () => {
    const run = await startInbox({ pattern: 's3://lake/o/*', complete: rule({ count: 2 }) });
    await arrive('o/a', 'newer', '0055AED6DCD90281E6');
    await arrive('o/a', 'older', '0055AED6DCD90281E');
    await arrive('o/b');
    expect((await run.result()).etags).toEqual(['newer', 'e1']);
  });

  test('an object that replaces a taken one is shown as late, and changes nothing', async () => {
    const run = await startInbox({ pattern: 's3://lake/l/*', hold: 'yes' });
    await arrive('l/a');
    await environment.sleep('1 minute');
    await run.signal('arrived', [await arrivalOf('l/a', 'e2')]);
    await run.signal('arrived', [await arrivalOf('l/a', 'e1')]);
    expect(await objectsOf(run)).toEqual([
      expect.objectContaining({ uri: 's3://lake/l/a', etag: 'e1' }),
      expect.objectContaining({ uri: 's3://lake/l/a', etag: 'e2', late: true }),
    ]);
    await run.signal('finish');
    expect((await run.result()).etags).toEqual(['e1']);
  });

  test.each([
    ['replaces a taken one', 'a', 'was replaced'],
    ['comes after the wait', 'b', 'came when'],
  ])('an object that %s fails a run that asks for it', async (what, name, message) => {
    const folder = what.replaceAll(' ', '-');
    const run = await startInbox({ pattern: `s3://lake/${folder}/*`, late: 'fail', hold: 'yes' });
    await arrive(`${folder}/a`);
    await environment.sleep('1 day');
    await arrive(`${folder}/a`);
    await environment.sleep('1 day');
    expect((await run.query(statusQuery)).state).toBe('running');
    await arrive(`${folder}/${name}`, 'e2');
    const failure = await failureOf(run);
    expect(failure).toMatchObject({ type: 'LateArrival', message: expect.stringContaining(message) });
    expect(await run.query(statusQuery)).toMatchObject({
      state: 'failed',
      failure: { code: 'LateArrival', step: 'wait' },
      steps: [{ state: 'failed', objects: [{}, { late: true }] }],
    });
  });
});
