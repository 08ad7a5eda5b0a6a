import type { WorkflowHandle } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { createAcceptArrivals } from '../../../src/arrivals/acceptArrivals';
import { ensureTemporal } from '../../../src/local';
import type { Arrival } from '../../../src/pipelines';
import { WaitingRuns } from '../../../src/arrivals/waitingRuns';
import { statusQuery } from '../../../src/contracts/messages';
import { quietRuntime, startServer, startTestWorker, testConfig } from '../../support/environment';
import { until } from '../../support/eventually';
import { startTestS3 } from '../../support/s3';
import type { inbox, InboxInput } from '../../support/workflows';
import { SHIPPED_PIPELINES } from '../../../src/workflows/shipped';

let environment: TestWorkflowEnvironment;
let s3: Awaited<ReturnType<typeof startTestS3>>;
let worker: Awaited<ReturnType<typeof startTestWorker>>;
let waitingRuns: WaitingRuns;
let accept: ReturnType<typeof createAcceptArrivals>;

beforeAll(async () => {
  quietRuntime();
  [environment, s3] = await Promise.all([startServer(), startTestS3()]);
  worker = await startTestWorker(environment, { s3: s3.s3 });
}, 120_000);

beforeEach(() => {
  waitingRuns = new WaitingRuns(environment.client);
  accept = createAcceptArrivals(
    environment.client,
    { ...testConfig, pipelines: SHIPPED_PIPELINES },
    waitingRuns,
  );
});

afterAll(async () => {
  await worker?.stop();
  await Promise.all([environment?.teardown(), s3?.stop()]);
}, 60_000);

let runs = 0;
async function startInbox(input: Partial<InboxInput> & { pattern: string }) {
  const workflowId = `inbox-${++runs}`;
  const run = await environment.client.workflow.start<typeof inbox>('inbox', {
    taskQueue: 'test',
    workflowId,
    args: [input],
  });
  await until(async () => (await run.query(statusQuery)).steps[0]?.state === 'waiting');
  // It has subscribed itself: of objects that are not in S3, as those here, nobody is told who comes later.
  await until(async () => (await countEvents(workflowId, 'activityTaskCompleted')) > 0);
  return run;
}

const arrivalOf = (key: string): Arrival => ({
  ...{ bucket: 'lake', key, versionId: null, etag: key, size: 1, sequencer: null },
  time: new Date(Date.now() + 1_000).toISOString(),
});

async function eventsOf(id: string, kind: string) {
  const { events } = await environment.client.workflow.getHandle(id).fetchHistory();
  return (events ?? []).filter((event) => event[`${kind}EventAttributes` as keyof typeof event]);
}

const countEvents = async (id: string, kind: string) => (await eventsOf(id, kind)).length;

/** Who has told a run of arrivals: the webhook, or the `arrivals` workflow. */
async function tellersOf({ workflowId }: WorkflowHandle): Promise<string[]> {
  const signals = await eventsOf(workflowId, 'workflowExecutionSignaled');
  return signals
    .map((event) => event.workflowExecutionSignaledEventAttributes!)
    .filter(({ signalName }) => signalName === 'arrived')
    .map(({ externalWorkflowExecution }) => (externalWorkflowExecution ? 'arrivals' : 'webhook'));
}

test('the webhook tells a waiting run of its object, and nobody tells it again', async () => {
  const run = await startInbox({ pattern: 's3://lake/told/*.csv', hold: 'yes' });
  await until(async () => (await waitingRuns.refresh()) === 1);
  await accept([arrivalOf('told/a.csv')]);
  await until(async () => (await run.query(statusQuery)).steps[0]?.state === 'succeeded');
  await until(async () => (await waitingRuns.refresh()) === 0);
  // A later run is told of its object by `arrivals`: by then, it would have told the first one, too.
  const later = await startInbox({ pattern: 's3://lake/told/b.csv' });
  await accept([arrivalOf('told/b.csv')]);
  expect((await later.result())!.keys).toEqual(['told/b.csv']);
  expect(await tellersOf(later)).toEqual(['arrivals']);
  await run.signal('finish');
  expect((await run.result())!.keys).toEqual(['told/a.csv']);
  expect(await tellersOf(run)).toEqual(['webhook']);
});

test('a wait for more than one object is told of one, and arrivals brings the others', async () => {
  const run = await startInbox({ pattern: 's3://lake/count/*', complete: JSON.stringify({ count: 3 }) });
  await until(async () => (await waitingRuns.refresh()) === 1);
  const arrivals = ['a', 'b', 'c'].map((name) => arrivalOf(`count/${name}`));
  await accept(arrivals.slice(0, 2));
  await waitingRuns.refresh();
  await accept(arrivals);
  expect((await run.result())!.keys.sort()).toEqual(['count/a', 'count/b', 'count/c']);
  const [first, ...others] = await tellersOf(run);
  expect(first).toBe('webhook');
  expect(others.every((teller) => teller === 'arrivals')).toBe(true);
});

test('a run that is gone is no harm, and a run that nobody knew of is told by arrivals', async () => {
  const gone = await startInbox({ pattern: 's3://lake/stale/*' });
  await until(async () => (await waitingRuns.refresh()) === 1);
  await gone.terminate();
  const unknown = await startInbox({ pattern: 's3://lake/stale/*' });
  await accept([arrivalOf('stale/a')]);
  expect((await unknown.result())!.keys).toEqual(['stale/a']);
  expect(await tellersOf(unknown)).toEqual(['arrivals']);
});

test('of many runs that wait on one source, arrivals tells all', async () => {
  const waiting = await Promise.all(
    Array.from({ length: 21 }, () => startInbox({ pattern: 's3://lake/many/*' })),
  );
  await until(async () => (await waitingRuns.refresh()) === waiting.length);
  await accept([arrivalOf('many/a')]);
  for (const run of waiting) {
    expect((await run.result())!.keys).toEqual(['many/a']);
    expect(await tellersOf(run)).toEqual(['arrivals']);
  }
}, 60_000);

test('a server without the search attributes is asked again later, and says so once', async () => {
  const bare = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: await ensureTemporal({ env: process.env, report() {} }) },
    },
  });
  try {
    const stop = new AbortController();
    const warned = new Promise<unknown[]>((resolve) => {
      const following = new WaitingRuns(bare.client).follow(stop.signal, {
        warn(...line: unknown[]) {
          stop.abort();
          void following.then(() => resolve(line));
        },
      });
    });
    const [{ error }, message] = (await warned) as [{ error: string }, string];
    expect(message).toBe('who waits is not known; runs hear a little later');
    expect(error).toContain('SluiceWaitingFor');
  } finally {
    await bare.teardown();
  }
}, 60_000);
