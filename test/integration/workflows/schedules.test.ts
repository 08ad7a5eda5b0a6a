import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { findRetried, readRunHistory, startRetry } from '../../../src/activities/earlier';
import type { BackfilledTime, Interval } from '../../../src/contracts/schedules';
import type { JobState } from '../../../src/runners/runner';
import { succeeded } from '../../../src/runners/references';
import { quietRuntime, startServer, startTestWorker } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { RUNNING, ScriptedRunner, type Script } from '../../support/scriptedRunner';
import { startTestS3 } from '../../support/s3';

type TestRunners = NonNullable<Parameters<typeof startTestWorker>[1]['runners']>;

let states: Script['states'] = [];
const runner = new ScriptedRunner((_, submission) => {
  const reference = { resource: submission.job.resource } as never;
  return { states: [...states, succeeded(reference)] };
});

let environment: TestWorkflowEnvironment;
let s3: Awaited<ReturnType<typeof startTestS3>>;
let worker: Awaited<ReturnType<typeof startTestWorker>>;

beforeAll(async () => {
  quietRuntime();
  [environment, s3] = await Promise.all([startServer(), startTestS3()]);
  const runners = { 'livy:createBatch': runner } as unknown as TestRunners;
  const files = [join(__dirname, 'intervalPipeline.ts')];
  worker = await startTestWorker(environment, { s3: s3.s3, runners, files });
}, 120_000);

afterAll(async () => {
  await worker?.stop();
  await Promise.all([environment?.teardown(), s3?.stop()]);
}, 60_000);

const schedule = (id: string, spec: object, state: object) =>
  environment.client.schedule.create({
    scheduleId: id,
    spec,
    action: {
      ...{ type: 'startWorkflow', workflowType: 'about-interval', workflowId: id, taskQueue: 'test' },
      ...{ args: [{}, {}], memo: { pipeline: 'about-interval' } },
    },
    state,
  });

const backfill = (id: string, times: string[], concurrency: number): Promise<BackfilledTime[]> =>
  environment.client.workflow.execute('backfill', {
    taskQueue: 'test',
    workflowId: `backfill-${Math.random()}`,
    args: [{ schedule: id, times, concurrency }],
  }) as Promise<BackfilledTime[]>;

const intervalOf = (id: string) => environment.client.workflow.getHandle(id).result() as Promise<Interval>;

test('a backfill starts a run for each time, a few at once, each about the days before its time', async () => {
  await schedule(
    'weekdays',
    { cronExpressions: ['0 6 * * 1-5'], timezone: 'Europe/Berlin' },
    { paused: true },
  );
  const times = ['2025-03-27', '2025-03-28', '2025-03-31', '2025-04-01'].map((day, i) =>
    i < 2 ? `${day}T05:00:00.000Z` : `${day}T04:00:00.000Z`,
  );
  let most = 0;
  states = [RUNNING, RUNNING];
  const poll = runner.poll.bind(runner);
  const open = new Set<string>();
  runner.poll = async (submission, reference) => {
    open.add(submission.run);
    most = Math.max(most, open.size);
    if (most < 2) return RUNNING;
    const state: JobState = await poll(submission, reference);
    if (state.state !== 'running') open.delete(submission.run);
    return state;
  };
  const done = await backfill('weekdays', times, 2);
  expect(done.map(({ at, state }) => [at, state])).toEqual(times.map((at) => [at, 'completed']));
  expect(most).toBe(2);
  expect(done[2]!.run).toBe('weekdays-2025-03-31T04:00:00Z');
  // Over a weekend on which the clocks change.
  expect(await intervalOf(done[2]!.run)).toEqual({ from: times[1], to: times[2] });
  expect(await intervalOf(done[3]!.run)).toEqual({ from: times[2], to: times[3] });
  expect((await backfill('weekdays', times.slice(2), 1)).map(({ state }) => state)).toEqual([
    ...['there already', 'there already'],
  ]);
  states = [];
}, 60_000);

test('a run that its schedule starts is about the time since the one before, and so is its retry', async () => {
  const every = 1_000;
  states = [{ state: 'failed', message: 'not today' }];
  await schedule('seconds', { intervals: [{ every }] }, { remainingActions: 1 });
  const { client } = environment;
  const [run] = await eventually(
    async () => (await client.schedule.getHandle('seconds').describe()).info.recentActions,
    (actions) => actions.length > 0,
  );
  const id = run!.action.workflow.workflowId;
  await expect(intervalOf(id)).rejects.toThrow('Workflow execution failed');
  states = [];
  const going = await client.workflow.start('weekdays', { taskQueue: 'none', workflowId: 'going' });
  await expect(findRetried(client, 'going')).rejects.toThrow(
    'The run going has not ended. End it first with: sluice cancel going',
  );
  await going.terminate();
  const { description, root, nextId } = await findRetried(client, id);
  const history = await readRunHistory(client, { id, runId: description.runId });
  const { input } = history;
  const deadline = { within: '1 hour', expectedBy: '30 minutes' };
  await startRetry(client, {
    ...{ history, root, nextId, input, taskQueue: 'test', from: [], redo: [] },
    ...deadline,
  });
  const retried = await client.workflow.getHandle(nextId).describe();
  expect((await readRunHistory(client, { id: nextId, runId: retried.runId })).options).toMatchObject(
    deadline,
  );
  const { from, to } = await intervalOf(nextId);
  expect(id).toBe(`seconds-${to.slice(0, 19)}Z`);
  expect(Date.parse(to) - Date.parse(from)).toBe(every);
}, 60_000);
