import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { findRetried, readRunHistory, startRetry } from '../../../src/activities/earlier';
import { StuckRuns } from '../../../src/activities/stuckRuns';
import type { ReapInput, ReapResult } from '../../../src/contracts/reap';
import type { Job } from '../../../src/jobs';
import type { JobOptions } from '../../../src/pipelines';
import { succeeded } from '../../../src/runners/references';
import { scheduleReap } from '../../../src/worker/scheduleReap';
import { quietRuntime, startServer, startTestWorker } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { RUNNING, ScriptedRunner } from '../../support/scriptedRunner';
import { startTestS3 } from '../../support/s3';

type TestRunners = NonNullable<Parameters<typeof startTestWorker>[1]['runners']>;

const WAITING = { ...succeeded({ resource: 'elasticmapreduce:createCluster' } as never), stillRuns: true };
const runner = new ScriptedRunner((step) => ({ states: [step.endsWith('cluster') ? WAITING : RUNNING] }));

let environment: TestWorkflowEnvironment;
let s3: Awaited<ReturnType<typeof startTestS3>>;
let worker: Awaited<ReturnType<typeof startTestWorker>>;

beforeAll(async () => {
  quietRuntime();
  [environment, s3] = await Promise.all([startServer(), startTestS3()]);
  const runners = {
    'livy:createBatch': runner,
    'elasticmapreduce:createCluster': runner,
  } as unknown as TestRunners;
  worker = await startTestWorker(environment, { s3: s3.s3, runners });
}, 120_000);

afterAll(async () => {
  await worker?.stop();
  await Promise.all([environment?.teardown(), s3?.stop()]);
}, 60_000);

const batch: Job = { resource: 'livy:createBatch', parameters: { file: 'endless.py' } };
const cluster = {
  resource: 'elasticmapreduce:createCluster',
  parameters: { Name: 'c', Instances: {} },
} as Job;

interface Work {
  name: string;
  job: Job;
  options?: JobOptions;
}

/** Starts a run that does its jobs one after the other, and resolves when the last one is there. */
async function start(id: string, jobs: Work[], options: { timeout?: string } = {}) {
  const handle = await environment.client.workflow.start('steps', {
    ...{ taskQueue: 'test', workflowId: id, args: [{ jobs }], memo: { pipeline: 'steps' } },
    ...(options.timeout === undefined ? {} : { workflowExecutionTimeout: options.timeout }),
  });
  await eventually(
    () => Promise.resolve(jobOf(jobs.at(-1)!.name)),
    (job) => job !== undefined,
  );
  return handle;
}

const jobOf = (step: string) => [...runner.jobs.values()].find((job) => job.step === step);
const isStopped = (step: string) => jobOf(step)?.stopped === true;

async function reap(input: Partial<ReapInput> = {}): Promise<ReapResult> {
  const args = [{ withinMs: 3_600_000, graceMs: 0, dryRun: false, ...input }];
  const workflowId = `reap-${Math.random()}`;
  return (await environment.client.workflow.execute('reap', {
    taskQueue: 'test',
    workflowId,
    args,
  })) as ReapResult;
}

/** What the server lists follows what it does by some milliseconds. */
const untilListed = (id: string) =>
  eventually(
    () => environment.client.workflow.count(`WorkflowId = '${id}' AND ExecutionStatus != 'Running'`),
    ({ count }) => count > 0,
  );

test('a job and a cluster of a run that was terminated are stopped, and what is to stay stays', async () => {
  const jobs = [
    { name: 'kept cluster', job: cluster, options: { keep: true } },
    { name: 'own cluster', job: cluster },
    { name: 'endless', job: batch },
  ];
  const run = await start('terminated', jobs);
  await start('goes on', [{ name: 'of one that runs', job: batch }]);
  await run.terminate();
  await untilListed('terminated');
  const seen = await reap({ dryRun: true });
  expect(seen.jobs.map(({ step, outcome }) => [step, outcome]).sort()).toEqual([
    ['endless', 'left running'],
    ['own cluster', 'left running'],
  ]);
  expect(isStopped('endless')).toBe(false);
  // Somebody may want to go on with a run that has just ended.
  expect((await reap({ graceMs: 600_000 })).jobs).toEqual([]);
  const { jobs: reaped } = await reap();
  expect(reaped.map(({ run: id, step, outcome }) => [id, step, outcome]).sort()).toEqual([
    ['terminated', 'endless', 'stopped'],
    ['terminated', 'own cluster', 'stopped'],
  ]);
  expect(['endless', 'own cluster', 'kept cluster', 'of one that runs'].map(isStopped)).toEqual([
    ...[true, true, false, false],
  ]);
  expect((await reap()).jobs).toEqual([]);
}, 60_000);

test('runs that no worker takes up are told once, where they tell their ends, and so is one that comes later', async () => {
  const { client } = environment;
  const startAlone = (id: string, input = {}) =>
    client.workflow.start('steps', {
      taskQueue: 'nobody',
      workflowId: id,
      args: [input],
      memo: { pipeline: 'steps' },
    });
  const told: Record<string, unknown>[] = [];
  const stuckRuns = new StuckRuns({
    ...{ client, taskQueue: 'nobody', stuckAfterMs: 900_000, identity: null },
    ...{ target: 'arn:aws:sns:eu-west-1:1:all', hosts: null, uiUrl: null },
    publish: ({ TopicArn, Message }) =>
      Promise.resolve(void told.push({ to: TopicArn, ...(JSON.parse(Message!) as object) })),
  });
  const untilRunning = (count: number) =>
    eventually(
      () => client.workflow.count(`TaskQueue = 'nobody' AND ExecutionStatus = 'Running'`),
      (running) => running.count === count,
    );
  const started = [await startAlone('alone'), await startAlone('alone too')];
  await untilRunning(2);
  await stuckRuns.look(Date.now() + 14 * 60_000);
  expect(told).toEqual([]);
  for (let looks = 0; looks < 2; looks++) await stuckRuns.look(Date.now() + 16 * 60_000);
  const event = { event: 'stuck', pipeline: 'steps', state: 'running', endedAt: null };
  expect(told).toEqual([
    expect.objectContaining({
      ...{
        ...event,
        to: 'arn:aws:sns:eu-west-1:1:all',
        run: { id: 'alone', runId: started[0]!.firstExecutionRunId },
      },
      failure: {
        ...{ code: 'NoWorker', step: null },
        message: expect.stringMatching(
          /on the task queue nobody; .*; 1 more runs are stuck for this reason$/,
        ),
      },
    }),
  ]);
  started.push(await startAlone('with a place', { notify: 'arn:aws:sns:eu-west-1:1:own' }));
  await untilRunning(3);
  await stuckRuns.look(Date.now() + 17 * 60_000);
  expect(told.slice(1)).toEqual([
    expect.objectContaining({
      ...event,
      to: 'arn:aws:sns:eu-west-1:1:own',
      run: { id: 'with a place', runId: started[2]!.firstExecutionRunId },
    }),
  ]);
  await Promise.all(started.map((run) => run.terminate()));
});

test('a job that a retry has taken over is left to it', async () => {
  const run = await start('retried', [{ name: 'adopted', job: batch }]);
  await run.terminate();
  const { client } = environment;
  const { description, root, nextId } = await findRetried(client, 'retried');
  const history = await readRunHistory(client, { id: 'retried', runId: description.runId });
  const { input } = history;
  await startRetry(client, { history, root, nextId, input, taskQueue: 'test', from: [], redo: [] });
  await untilListed('retried');
  await eventually(
    () => client.workflow.count(`WorkflowId = '${nextId}'`),
    ({ count }) => count > 0,
  );
  expect((await reap()).jobs).toEqual([]);
  expect(isStopped('adopted')).toBe(false);
}, 60_000);

test('the schedule stops what a run leaves that hits its execution time-out', async () => {
  const config = { taskQueue: 'test', reapEveryMs: 3_600_000 };
  await scheduleReap(environment.client, config);
  await start('timed out', [{ name: 'of one that timed out', job: batch }], { timeout: '3 s' });
  await untilListed('timed out');
  // A worker with another interval changes the schedule that is there.
  await scheduleReap(environment.client, { ...config, reapEveryMs: 1_000 });
  await eventually(
    () => Promise.resolve(isStopped('of one that timed out')),
    (stopped) => stopped,
  );
  await environment.client.schedule.getHandle('sluice-reap-test').delete();
}, 60_000);
