/**
 * `npm run histories`: plays each pipeline and building block against a real server, with scripted jobs, and keeps its
 * history beside this file.
 */
import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { findRetried, readRunHistory, startRetry } from '../../src/activities/earlier';
import { createAcceptArrivals } from '../../src/arrivals/acceptArrivals';
import { addTrigger } from '../../src/arrivals/triggers';
import { arrivedSignal, resumeSignal, statusQuery } from '../../src/contracts/messages';
import { poolWorkflowId } from '../../src/contracts/pools';
import { SluiceError } from '../../src/errors';
import type { Arrival } from '../../src/pipelines';
import type { Completeness, RunOptions } from '../../src/workflows/steps';
import type { JobsInput } from '../../src/workflows/steps/mapJobs';
import { quietRuntime, startServer, startTestWorker, testConfig } from '../support/environment';
import { eventually } from '../support/eventually';
import { recordHistory } from '../support/recordHistory';
import { resetRun } from '../support/resetRun';
import { startTestS3 } from '../support/s3';
import { RUNNING, ScriptedRunner, type Script } from '../support/scriptedRunner';
import type { InboxInput, StepsInput } from '../support/workflows';

type TestRunners = NonNullable<Parameters<typeof startTestWorker>[1]['runners']>;

const LIST_EVERY_MS = 1_500;

let environment: TestWorkflowEnvironment;
let s3: Awaited<ReturnType<typeof startTestS3>>;
let worker: Awaited<ReturnType<typeof startTestWorker>>;
let accept: ReturnType<typeof createAcceptArrivals>;
/** What becomes of the job of each step; without a script it succeeds. */
let scripts: Record<string, Partial<Script>>;
/** Whether S3 answers nothing. */
let isRefused = false;

beforeAll(async () => {
  quietRuntime();
  [environment, s3] = await Promise.all([startServer(), startTestS3()]);
  const slowDown = Object.assign(new Error('slow down'), { name: 'SlowDown' });
  s3.s3.middlewareStack.add((next) => (args) => (isRefused ? Promise.reject(slowDown) : next(args)));
  const runner = new ScriptedRunner((step) => scripts[step] ?? {});
  const runners = { 'livy:createBatch': runner, 'duckdb:query': runner, 'glue:startJobRun': runner } as unknown as TestRunners;
  const config = { listEveryMs: LIST_EVERY_MS };
  worker = await startTestWorker(environment, { s3: s3.s3, runners, config, limits: { warehouse: 1 } });
  accept = createAcceptArrivals(environment.client, { ...testConfig, ...config, pipelines: [] });
}, 120_000);

afterAll(async () => {
  await worker?.stop();
  await Promise.all([environment?.teardown(), s3?.stop()]);
}, 60_000);

beforeEach(() => {
  scripts = {};
});

function start(workflow: string, id: string, input: object, options?: RunOptions): Promise<WorkflowHandle> {
  return environment.client.workflow.start(workflow, {
    taskQueue: 'test',
    workflowId: id,
    args: options === undefined ? [input] : [input, options],
  });
}

const startSteps = (id: string, input: StepsInput) => start('steps', id, input);
const startInbox = (id: string, input: Partial<InboxInput> & { complete?: string }) =>
  start('inbox', id, { pattern: `s3://lake/${id}/*`, ...input });
const handleOf = (id: string) => environment.client.workflow.getHandle(id);

async function upload(...keys: string[]): Promise<Arrival[]> {
  const arrivals: Arrival[] = [];
  for (const key of keys) {
    // Also a manifest that lists the object `a` beside it.
    const Body = JSON.stringify([`${key.split('/')[0]}/a`]);
    const { ETag } = await s3.s3.send(new PutObjectCommand({ Bucket: 'lake', Key: key, Body }));
    const etag = ETag!.replaceAll('"', '');
    const time = new Date().toISOString();
    arrivals.push({ bucket: 'lake', key, versionId: null, etag, size: Body.length, sequencer: null, time });
  }
  return arrivals;
}

const arrive = async (...keys: string[]) => accept(await upload(...keys));
const until = (run: WorkflowHandle, state: string) =>
  eventually(
    () => run.query(statusQuery),
    ({ steps }) => steps[0]?.state === state,
  );
const end = (run: WorkflowHandle) => run.result().catch(() => null);

const failed = { state: 'failed', message: 'the service says: no such column' } as const;

describe('pipelines', () => {
  test('main, with its two parts', async () => {
    await upload('sales/a.csv', 'marketing/a.csv');
    const run = await start('main', 'main', {}, { since: new Date(Date.now() - 60_000).toISOString() });
    await run.result();
    await recordHistory('main', run);
    for (const part of ['marketing-and-sales', 'rate-codes'])
      await recordHistory(part, handleOf(`main/${part}`));
  });

  test('a run that falls back', async () => {
    scripts['MilesPerRateCode'] = { states: [failed] };
    const run = await start('rate-codes', 'fallback', { onFailure: 'fallback' });
    await run.result();
    await recordHistory('fallback', run);
  });

  test('a run that undoes what it has done', async () => {
    await upload('sales/undone.csv', 'marketing/undone.csv');
    scripts['join marketing and sales data'] = { states: [failed] };
    const since = new Date(Date.now() - 60_000).toISOString();
    const run = await start('marketing-and-sales', 'undone', { onFailure: 'undo', output: 'undone' }, { since });
    await end(run);
    await recordHistory('undone', run);
  });

  test('a run that goes on with another', async () => {
    await upload('sales/retried.csv', 'marketing/retried.csv');
    const step = 'join marketing and sales data';
    scripts[step] = { states: [failed] };
    const since = new Date(Date.now() - 60_000).toISOString();
    const input = { output: 'retried', engine: 'glue' };
    const run = await start('marketing-and-sales', 'to-be-retried', input, { since });
    await end(run);
    delete scripts[step];
    const { client } = environment;
    const { description, root, nextId } = await findRetried(client, run.workflowId);
    const { workflowId: id, runId } = description;
    const history = await readRunHistory(client, { id, runId });
    const retry = await startRetry(client, {
      ...{ history, root, nextId, input: history.input, taskQueue: 'test', from: [], redo: [] },
    });
    await retry.result();
    await recordHistory('retry', retry);
  });

  test('a job as a run of its own', async () => {
    const job = { resource: 'livy:createBatch', parameters: { file: 'noop.py' } };
    const run = await start('job', 'job', { job });
    await run.result();
    await recordHistory('job', run);
  });
});

describe('jobs', () => {
  test('parked, and let go on', async () => {
    const expired = new SluiceError('Credentials', 'the token has expired');
    scripts['parked'] = { states: [RUNNING, expired, expired] };
    const run = await startSteps('job-parked', {
      job: { name: 'parked', onExhausted: 'park', credentialsFor: '1 ms' },
    });
    await until(run, 'parked');
    scripts['parked'] = {};
    await run.signal(resumeSignal, null);
    await run.result();
    await recordHistory('job-parked', run);
  });

  test('submitted anew, waiting in line, beside each other, and failed', async () => {
    const full = { error: new SluiceError('NoCapacity', 'concurrent runs exceeded'), accepted: false };
    scripts['again'] = { states: [failed] };
    scripts['in line'] = { submitFaults: [full, full] };
    const run = await startSteps('jobs-retried', {
      parallel: ['in line', 'beside'],
      job: { name: 'again', retry: { attempts: 2, interval: '10 ms' } },
    });
    await end(run);
    await recordHistory('jobs-retried', run);
  });

  test('stopped when the run is cancelled', async () => {
    scripts['load'] = { states: [RUNNING] };
    const run = await startSteps('job-cancelled', { job: { name: 'load' } });
    await eventually(
      () => run.query(statusQuery),
      ({ steps }) => Boolean(steps[0]?.job?.externalId),
    );
    await run.cancel();
    await end(run);
    await recordHistory('job-cancelled', run);
  });

  test('stopped when their time is up', async () => {
    scripts['load'] = { states: [RUNNING] };
    const run = await startSteps('job-timeout', { job: { name: 'load', timeout: '1 s' } });
    await end(run);
    await recordHistory('job-timeout', run);
  });

  test('inside the worker, one of them begun again, and one whose time is up', async () => {
    const job = { resource: 'duckdb:query' as const, parameters: { sql: 'SELECT 1' } };
    scripts['again'] = { states: [failed] };
    scripts['late'] = { states: [RUNNING] };
    const run = await startSteps('job-here', {
      jobs: [
        { name: 'done', job },
        { name: 'again', job, options: { retry: { attempts: 2, interval: '1 s' } } },
        { name: 'late', job, options: { timeout: '1 s' } },
      ],
    });
    await eventually(
      () => run.query(statusQuery),
      ({ steps }) => Boolean(steps[1]?.failure),
    );
    delete scripts['again'];
    await end(run);
    await recordHistory('job-here', run);
  });

  test('of a fan-out, and of one that needs child runs', async () => {
    const few = await startSteps('map-jobs', { map: { items: 5, concurrency: 2 } });
    await few.result();
    await recordHistory('map-jobs', few);
    const many = await startSteps('map-jobs-in-children', { map: { items: 501, concurrency: 50 } });
    await many.result();
    await recordHistory('map-jobs-in-children', many);
    const job = { resource: 'livy:createBatch' as const, parameters: { file: 'noop.py' } };
    const batch: JobsInput = { name: 'map', first: 500, jobs: [job, job], concurrency: 2, options: {} };
    const child = await start('jobs', 'jobs', batch);
    await child.result();
    await recordHistory('jobs', child);
  }, 120_000);
});

describe('limits and deadlines', () => {
  /** A run whose job has the name that its id ends in. */
  const startInPool = (id: string) =>
    startSteps(id, { job: { name: id.replace(/^.*-/, ''), pool: 'warehouse' } });

  /** Runs a job that holds the only slot of the warehouse until it is let go. */
  async function holdSlot(id: string) {
    const name = id.replace(/^.*-/, '');
    scripts[name] = { states: [RUNNING] };
    const run = await startInPool(id);
    await eventually(
      () => run.query(statusQuery),
      ({ steps }) => Boolean(steps[0]?.job?.externalId),
    );
    return { run, letGo: () => delete scripts[name] };
  }

  test('a run that returns its slot as it ends', async () => {
    const { run: first, letGo } = await holdSlot('returned-first');
    const next = await startInPool('returned-next');
    await until(next, 'waiting for capacity');
    letGo();
    await Promise.all([first.result(), next.result()]);
    await recordHistory('slot-returned', first);
  });

  test('jobs that wait for a slot, one of which is cancelled, and their pool', async () => {
    const { run: hold, letGo } = await holdSlot('slot-hold');
    const cancelled = await startInPool('slot-cancelled');
    await until(cancelled, 'waiting for capacity');
    const waiting = await startInPool('slot-waiting');
    await until(waiting, 'waiting for capacity');
    await cancelled.cancel();
    await end(cancelled);
    letGo();
    await Promise.all([hold.result(), waiting.result()]);
    for (const run of [hold, cancelled, waiting]) await recordHistory(run.workflowId, run);
    await recordHistory('pool', handleOf(poolWorkflowId('test', 'warehouse')));
  });

  test('a job that is late', async () => {
    scripts['load'] = { states: [RUNNING] };
    const run = await startSteps('late', { job: { name: 'load', expectedBy: '100 ms' } });
    await eventually(
      () => run.query(statusQuery),
      ({ steps }) => steps[0]?.late !== undefined,
    );
    delete scripts['load'];
    await run.result();
    await recordHistory('late', run);
  });
});

describe('waits', () => {
  test.each<[string, Completeness, string[]]>([
    ['wait-count', { count: 2 }, ['a', 'b']],
    ['wait-keys', { keys: ['wait-keys/a', 'wait-keys/b'] }, ['a', 'b']],
    ['wait-marker', { marker: 'wait-marker/_SUCCESS' }, ['a', '_SUCCESS']],
    ['wait-manifest', { manifest: 'wait-manifest/list' }, ['list', 'a']],
    ['wait-quiet', { quiet: '1 s', atLeast: 2 }, ['a', 'b']],
  ])('%s', async (id, complete, names) => {
    const run = await startInbox(id, { complete: JSON.stringify(complete) });
    await until(run, 'waiting');
    for (const name of names) await arrive(`${id}/${name}`);
    await run.result();
    await recordHistory(id, run);
  });

  test('whose marker is elsewhere', async () => {
    const complete: Completeness = { marker: 'wait-marker-elsewhere/_SUCCESS' };
    const pattern = 's3://lake/wait-marker-elsewhere/x/*';
    const run = await startInbox('wait-marker-elsewhere', { pattern, complete: JSON.stringify(complete) });
    await until(run, 'waiting');
    await arrive('wait-marker-elsewhere/x/a', 'wait-marker-elsewhere/_SUCCESS');
    await run.result();
    await recordHistory('wait-marker-elsewhere', run);
  });

  test('for one object, and what `arrivals` does for it', async () => {
    const run = await startInbox('wait-one', {});
    await until(run, 'waiting');
    await arrive('wait-one/a');
    await run.result();
    await recordHistory('wait-one', run);
    await recordHistory('arrivals', handleOf('arrivals:s3://lake/wait-one/'));
  });

  test('told of two versions of one second', async () => {
    const run = await startInbox('wait-in-doubt', { complete: JSON.stringify({ count: 2 }) });
    await until(run, 'waiting');
    const [shown, other] = await upload('wait-in-doubt/a', 'wait-in-doubt/b');
    await run.signal(arrivedSignal, [shown!]);
    await run.signal(arrivedSignal, [{ ...shown!, etag: 'replaced', sequencer: '1' }, other!]);
    await run.result();
    await recordHistory('wait-in-doubt', run);
  });

  test('whose time is up', async () => {
    const run = await startSteps('wait-timeout', {
      wait: { pattern: 's3://lake/wait-timeout/*', options: { within: '1 s' } },
    });
    await end(run);
    await recordHistory('wait-timeout', run);
  });

  test('parked, since S3 cannot be read, and let go on', async () => {
    isRefused = true;
    const run = await start('marketing-and-sales', 'wait-parked', { within: '3 s', onExhausted: 'park' });
    await eventually(
      () => run.query(statusQuery),
      ({ steps }) => steps.filter(({ state }) => state === 'parked').length === 2,
    );
    isRefused = false;
    await run.signal(resumeSignal, 'wait for sales data');
    await run.cancel();
    await end(run);
    await recordHistory('wait-parked', run);
  });

  test('that are cancelled', async () => {
    const run = await startInbox('wait-cancelled', {});
    await until(run, 'waiting');
    await run.cancel();
    await end(run);
    await recordHistory('wait-cancelled', run);
  });

  test('after which a late object fails the run', async () => {
    const run = await startInbox('late-fails', { late: 'fail', hold: 'yes' });
    await until(run, 'waiting');
    await arrive('late-fails/a');
    await until(run, 'succeeded');
    await arrive('late-fails/b');
    await end(run);
    await recordHistory('late-fails', run);
  });

  test('after which a late object starts another run', async () => {
    const run = await startInbox('late-starts', { late: 'start new run', hold: 'yes' });
    await until(run, 'waiting');
    await arrive('late-starts/a');
    await until(run, 'succeeded');
    await arrive('late-starts/b');
    await eventually(
      async () => (await run.query(statusQuery)).steps[0]?.objects?.length,
      (count) => count === 2,
    );
    await run.signal('finish');
    await run.result();
    await recordHistory('late-starts', run);
  });
});

describe('arrivals', () => {
  test('that start runs', async () => {
    const pattern = 's3://lake/arrivals-start/*';
    const since = new Date(Date.now() - 1_000).toISOString();
    const trigger = { pipeline: 'inbox', pattern, input: { pattern }, since };
    await addTrigger(environment.client, { ...testConfig, listEveryMs: LIST_EVERY_MS }, trigger);
    await arrive('arrivals-start/told');
    await upload('arrivals-start/untold');
    const source = handleOf('arrivals:s3://lake/arrivals-start/');
    await eventually(
      async () => (await source.fetchHistory()).events!,
      (events) => events.filter((event) => event.activityTaskCompletedEventAttributes).length >= 6,
    );
    await recordHistory('arrivals-start', source);
  });

  test('for a run that was reset', async () => {
    const run = await startInbox('arrivals-reset', { complete: JSON.stringify({ count: 2 }) });
    await eventually(
      () => run.fetchHistory(),
      ({ events }) => events!.some((event) => event.timerStartedEventAttributes),
    );
    const reset = await resetRun(environment.client, run, 'last task');
    await until(reset, 'waiting');
    await arrive('arrivals-reset/a');
    await arrive('arrivals-reset/b');
    await reset.result();
    await recordHistory('arrivals-reset', handleOf('arrivals:s3://lake/arrivals-reset/'));
  });
});
