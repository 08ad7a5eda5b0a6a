import type { WorkflowFailedError, WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { readStatus, type RunView } from '../../../src/cli/readStatus';
import { renderStatus } from '../../../src/cli/render';
import { poolWorkflowId, returnSlotsSignal } from '../../../src/contracts/pools';
import { quietRuntime, startServer, startTestWorker, testConfig } from '../../support/environment';
import { eventually, until } from '../../support/eventually';
import { resetRun } from '../../support/resetRun';
import { RUNNING, ScriptedRunner, type Script } from '../../support/scriptedRunner';
import type { StepsInput } from '../../support/workflows';

let environment: TestWorkflowEnvironment;
let worker: Awaited<ReturnType<typeof startTestWorker>>;
let runner: ScriptedRunner;
/** What the service does with the job of each step. */
let scripts: Record<string, Partial<Script>>;
/** The steps whose jobs were submitted, in their order. */
let submitted: string[];
let atOnce: number;
let mostAtOnce: number;

beforeAll(async () => {
  quietRuntime();
  environment = await startServer();
  runner = new ScriptedRunner((step) => scripts[step] ?? {});
  const counted = {
    submit(submission: Parameters<ScriptedRunner['submit']>[0]) {
      submitted.push(submission.step);
      mostAtOnce = Math.max(mostAtOnce, ++atOnce);
      return runner.submit(submission);
    },
    find: (submission: Parameters<ScriptedRunner['find']>[0]) => runner.find(submission),
    async poll(...polled: Parameters<ScriptedRunner['poll']>) {
      const state = await runner.poll(...polled);
      if (state.state !== 'running') atOnce--;
      return state;
    },
    stop: (submission: Parameters<ScriptedRunner['stop']>[0]) => runner.stop(submission),
  };
  worker = await startTestWorker(environment, {
    runners: { 'livy:createBatch': counted, 'duckdb:query': counted },
    limits: { warehouse: 1, other: 1, few: 3, own: 3, 'duckdb:query': 1 },
  });
}, 120_000);

afterAll(async () => {
  await worker?.stop();
  await environment?.teardown();
}, 60_000);

beforeEach(() => {
  scripts = {};
  submitted = [];
  atOnce = mostAtOnce = 0;
});

let runs = 0;
const start = (input: StepsInput): Promise<WorkflowHandle> =>
  environment.client.workflow.start('steps', {
    ...{ taskQueue: 'test', workflowId: `limits-${++runs}`, args: [input] },
    memo: { pipeline: 'steps' },
  });
const startJob = (name: string, options: Partial<StepsInput['job']> = {}) =>
  start({ job: { name, pool: 'warehouse', ...options } });

const view = (run: WorkflowHandle): Promise<RunView> =>
  readStatus({ client: environment.client, config: testConfig, address: '' }, run.workflowId, () => {});
const stepWhen = async (run: WorkflowHandle, isThere: (step: RunView['steps'][number]) => boolean) =>
  (
    await eventually(
      () => view(run),
      ({ steps }) => steps[0] !== undefined && isThere(steps[0]),
    )
  ).steps[0]!;
const inLine = (run: WorkflowHandle, place: number) =>
  stepWhen(run, ({ state, pool }) => state === 'waiting for capacity' && pool?.place === place);
const running = (run: WorkflowHandle) => stepWhen(run, ({ job }) => job?.externalId != null);

/** Runs a job that holds the only slot of the warehouse until it is let go. */
async function holdWarehouse(): Promise<{ run: WorkflowHandle; letGo: () => void }> {
  scripts['hold'] = { states: [RUNNING] };
  const run = await startJob('hold');
  await running(run);
  return { run, letGo: () => delete scripts['hold'] };
}

async function failureOf(run: WorkflowHandle): Promise<Error & { type?: string }> {
  const error = await run.result().catch((caught: unknown) => caught);
  return (error as WorkflowFailedError).cause as Error;
}

test('jobs of other runs wait in line for the slot of a pool, are shown there, and go by priority and then by turn', async () => {
  const { run, letGo } = await holdWarehouse();
  const usual = await startJob('usual');
  await inLine(usual, 1);
  const late = await startJob('late');
  await inLine(late, 2);
  const urgent = await startJob('urgent', { priority: 1 });
  await inLine(urgent, 1);
  await inLine(late, 3);
  expect(renderStatus(await view(late), { color: false })).toMatch(
    /└─ late {2}waiting for capacity \(pool warehouse, 3rd in line\)/,
  );
  letGo();
  await Promise.all([run, usual, late, urgent].map((each) => each.result()));
  expect(submitted).toEqual(['hold', 'urgent', 'usual', 'late']);
  expect(mostAtOnce).toBe(1);
  expect((await view(late)).steps[0]).not.toHaveProperty('pool');
  // However many go before it, it asks once and hears of its turn.
  expect(await countEvents(late)).toMatchObject({ activities: { askSlots: 1 }, signals: 1 });
});

test('an urgent job of a run that has a usual one in line goes before the usual jobs of other runs', async () => {
  const { run, letGo } = await holdWarehouse();
  const other = await startJob('usual of another');
  await inLine(other, 1);
  const usual = { name: 'usual', options: { pool: 'warehouse' } };
  const urgent = { name: 'urgent', options: { pool: 'warehouse', priority: 1 } as const };
  const both = await start({ branches: [[usual], [{ name: 'before' }, urgent]] });
  await eventually(
    () => view(both),
    ({ steps }) => steps.some(({ name, pool }) => name === 'urgent' && pool?.place === 1),
  );
  await inLine(other, 2);
  letGo();
  await Promise.all([run, other, both].map((each) => each.result()));
  expect(submitted).toEqual(['hold', 'before', 'urgent', 'usual of another', 'usual']);
});

test('the jobs of two runs together are never more than the limit, and all of them run', async () => {
  const map = { items: 25, concurrency: 10, pool: 'few' };
  const both = await Promise.all([start({ map }), start({ map })]);
  expect(await Promise.all(both.map((run) => run.result()))).toEqual([{ map: 25 }, { map: 25 }]);
  expect(mostAtOnce).toBeGreaterThan(1);
  expect(mostAtOnce).toBeLessThanOrEqual(3);
  const { activities } = await countEvents(both[0]);
  // Ten ask at first; then whoever is served asks anew, as long as the other run waits.
  expect(activities['askSlots']).toBeLessThanOrEqual(26);
});

test('a run whose jobs have room asks its pool once, however many they are', async () => {
  const run = await start({ map: { items: 30, concurrency: 3, pool: 'own' } });
  await run.result();
  const { activities, signals } = await countEvents(run);
  expect(activities['askSlots']).toBe(1);
  expect(signals).toBe(0);
});

async function countEvents(run: WorkflowHandle) {
  const { events } = await run.fetchHistory();
  const activities: Record<string, number> = {};
  let signals = 0;
  for (const {
    activityTaskScheduledEventAttributes: scheduled,
    workflowExecutionSignaledEventAttributes,
  } of events!) {
    const name = scheduled?.activityType?.name;
    if (name) activities[name] = (activities[name] ?? 0) + 1;
    if (workflowExecutionSignaledEventAttributes) signals++;
  }
  return { activities, signals };
}

test('a job takes a slot of its resource and one of the pool that it names', async () => {
  const query = { resource: 'duckdb:query' as const, parameters: { sql: 'SELECT 1' } };
  const startQuery = (name: string) => start({ jobs: [{ name, job: query, options: { pool: 'few' } }] });
  scripts['first'] = { states: [RUNNING] };
  const first = await startQuery('first');
  await until(() => submitted.includes('first'));
  const second = await startQuery('second');
  const { pool } = await inLine(second, 1);
  expect(pool?.name).toBe('duckdb:query');
  delete scripts['first'];
  await Promise.all([first.result(), second.result()]);
});

test('a job that is cancelled in line was never submitted, and the next takes its turn', async () => {
  const { run, letGo } = await holdWarehouse();
  const cancelled = await startJob('cancelled');
  await inLine(cancelled, 1);
  const next = await startJob('next');
  await inLine(next, 2);
  await cancelled.cancel();
  await expect(cancelled.result()).rejects.toThrow();
  expect((await view(cancelled)).steps[0]).toMatchObject({
    state: 'stopped',
    failure: { code: 'Cancelled', message: 'Cancelled; the job had not been submitted.' },
  });
  await inLine(next, 1);
  letGo();
  await Promise.all([run.result(), next.result()]);
  expect(submitted).toEqual(['hold', 'next']);
});

test('a job that waits in line for longer than it may fails, and names the pool and what to change', async () => {
  const { run, letGo } = await holdWarehouse();
  const failure = await failureOf(await startJob('impatient', { capacityTimeout: '1 s' }));
  expect(failure).toMatchObject({
    type: 'NoCapacity',
    message:
      'impatient: no slot of the pool warehouse came free within 1.0 s. Raise "warehouse" in the limits of ' +
      "sluice.config.ts, or the job's capacityTimeout.",
  });
  letGo();
  await run.result();
});

/** Side by side, since in each a pool has to look after its holders, which it does twice a minute. */
test('the slot of a run that is terminated goes to the next in line, and so does the turn of one that waited; a run that is reset keeps its slot', async () => {
  const isTerminated = async () => {
    const { run } = await holdWarehouse();
    const waiting = await startJob('waiting');
    await inLine(waiting, 1);
    const next = await startJob('next');
    await inLine(next, 2);
    await waiting.terminate();
    await run.terminate();
    await next.result();
    expect(submitted.filter((step) => !step.startsWith('other'))).toEqual(['hold', 'next']);
  };
  const isReset = async () => {
    scripts['other hold'] = { states: [RUNNING] };
    const run = await startJob('other hold', { pool: 'other' });
    await running(run);
    const goesOn = await resetRun(environment.client, run, 'last task');
    const next = await startJob('other next', { pool: 'other' });
    await inLine(next, 1);
    // It was looked whether the holder goes on.
    const pool = environment.client.workflow.getHandle(poolWorkflowId('test', 'other'));
    await until(async () =>
      (await pool.fetchHistory()).events!.some(
        ({ activityTaskCompletedEventAttributes: completed }) =>
          completed !== null && completed !== undefined,
      ),
    );
    await inLine(next, 1);
    delete scripts['other hold'];
    await Promise.all([goesOn.result(), next.result()]);
  };
  await Promise.all([isTerminated(), isReset()]);
});

test('a job of a pool that the project does not have fails with the name that is meant', async () => {
  expect(await failureOf(await startJob('load', { pool: 'warehose' }))).toMatchObject({
    type: 'InvalidJob',
    message:
      'load: the pool "warehose" is not among the limits of sluice.config.ts. Did you mean "warehouse"? Add it with its number.',
  });
});

test('a pool whose history has grown goes on with all who wait', async () => {
  const { run, letGo } = await holdWarehouse();
  const pool = environment.client.workflow.getHandle(poolWorkflowId('test', 'warehouse'));
  const { runId } = await pool.describe();
  const next = await startJob('next');
  await inLine(next, 1);
  // Signals that are large and say nothing.
  const left = Array.from({ length: 20_000 }, (_, i) => i);
  const nothing = { run: { workflowId: 'nobody', runId: 'nobody' }, slots: 0, left };
  for (let sent = 0; sent < 25; sent++) await pool.signal(returnSlotsSignal, nothing);
  await until(async () => (await pool.describe()).runId !== runId);
  await inLine(next, 1);
  letGo();
  await Promise.all([run.result(), next.result()]);
}, 60_000);
