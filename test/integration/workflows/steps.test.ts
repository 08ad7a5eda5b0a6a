import type { WorkflowFailedError, WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { SluiceError } from '../../../src/errors';
import { statusQuery, type RunStatus } from '../../../src/workflows/messages';
import { quietRuntime, startServer, startTestWorker } from '../../support/environment';
import { RUNNING, ScriptedRunner, type Script } from '../../support/scriptedRunner';
import type { StepsInput } from '../../support/workflows';

let environment: TestWorkflowEnvironment;
let worker: Awaited<ReturnType<typeof startTestWorker>>;
let runner: ScriptedRunner;
/** What the service does with the job of each step. */
let scripts: Record<string, Partial<Script>>;

beforeAll(async () => {
  quietRuntime();
  environment = await startServer();
  const current = new Proxy({} as ScriptedRunner, {
    get: (_, name: keyof ScriptedRunner) => {
      const member: unknown = Reflect.get(runner, name);
      return typeof member === 'function' ? (member.bind(runner) as unknown) : member;
    },
  });
  worker = await startTestWorker(environment, { runners: { 'livy:createBatch': current } });
}, 120_000);

afterAll(async () => {
  await worker?.stop();
  await environment?.teardown();
}, 60_000);

beforeEach(() => {
  scripts = {};
  runner = new ScriptedRunner((step) => scripts[step] ?? {});
});

let runs = 0;
function start(input: StepsInput): Promise<WorkflowHandle> {
  return environment.client.workflow.start('steps', {
    taskQueue: 'test',
    workflowId: `steps-${++runs}`,
    args: [input],
  });
}

async function statusWhen(run: WorkflowHandle, reached: (status: RunStatus) => boolean): Promise<RunStatus> {
  for (;;) {
    const status = await run.query(statusQuery);
    if (reached(status)) return status;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function failureOf(run: WorkflowHandle): Promise<Error & { type?: string }> {
  try {
    await run.result();
  } catch (error) {
    return (error as WorkflowFailedError).cause as Error;
  }
  throw new Error('the run did not fail');
}

const failed = { state: 'failed', message: 'the service says: no such column' } as const;

test('a job is submitted, awaited and summed up', async () => {
  scripts['load'] = {
    states: [
      RUNNING,
      RUNNING,
      {
        state: 'succeeded',
        result: {
          resource: 'livy:createBatch',
          externalId: '0',
          url: null,
          output: null,
          logUrl: null,
          durationMs: 1,
          measures: { units: 2 },
        },
      },
    ],
  };
  const run = await start({ job: { name: 'load' } });
  await run.result();
  const status = await run.query(statusQuery);
  expect(status).toMatchObject({
    state: 'completed',
    measures: { units: 2 },
    steps: [{ name: 'load', kind: 'job', state: 'succeeded', job: { externalId: '0' } }],
  });
  expect(runner.calls).toMatchObject({ submit: 1, find: 0, poll: 3 });
});

test('a submit whose answer is lost is found again and not repeated', async () => {
  scripts['load'] = {
    submitFaults: [{ error: new SluiceError('Transient', 'connection reset'), accepted: true }],
  };
  await (await start({ job: { name: 'load' } })).result();
  expect(runner.accepted).toBe(1);
  expect(runner.calls).toMatchObject({ submit: 1, find: 1 });
});

test('a submit that the service did not accept is repeated', async () => {
  scripts['load'] = { submitFaults: [{ error: new SluiceError('Throttled', 'slow down'), accepted: false }] };
  await (await start({ job: { name: 'load' } })).result();
  expect(runner.accepted).toBe(1);
  expect(runner.calls.submit).toBe(2);
});

test('polls that fail are only slower polls', async () => {
  scripts['load'] = { states: [new Error('500'), new SluiceError('Throttled', 'slow'), { ...failed }] };
  const failure = await failureOf(await start({ job: { name: 'load' } }));
  expect(failure).toMatchObject({ type: 'JobFailed', message: failed.message });
  expect(runner.calls.poll).toBe(3);
});

test('a cancelled run stops its job and waits until it has ended', async () => {
  scripts['load'] = { states: [RUNNING] };
  const run = await start({ job: { name: 'load' } });
  await statusWhen(
    run,
    (status) => status.steps[0]?.job?.externalId !== undefined && status.steps[0]?.job?.externalId !== null,
  );
  await run.cancel();
  expect((await failureOf(run)).constructor.name).toBe('CancelledFailure');
  const status = await run.query(statusQuery);
  expect(status).toMatchObject({
    state: 'cancelled',
    steps: [{ state: 'stopped', failure: { message: 'Cancelled; the job was stopped.' } }],
  });
  expect(runner.calls.stop).toBe(1);
});

test('a cancelled run leaves its job running when asked to', async () => {
  scripts['load'] = { states: [RUNNING] };
  const run = await start({ job: { name: 'load', onCancel: 'leave' } });
  await statusWhen(run, (status) => Boolean(status.steps[0]?.job?.externalId));
  await run.cancel();
  await failureOf(run);
  expect(runner.calls.stop).toBe(0);
});

test('a job that outlasts its time-out is stopped and the failure says so', async () => {
  scripts['load'] = { states: [RUNNING] };
  const failure = await failureOf(await start({ job: { name: 'load', timeout: '1 s' } }));
  expect(failure).toMatchObject({
    type: 'JobTimeout',
    message: 'load did not end within 1 s; the job was stopped.',
  });
  expect(runner.calls.stop).toBe(1);
});

test('when a branch fails the others are cancelled, and all have ended before the failure goes on', async () => {
  scripts['good'] = { states: [RUNNING] };
  scripts['bad'] = { states: [RUNNING, RUNNING, failed] };
  const run = await start({ parallel: ['good', 'bad'] });
  expect((await failureOf(run)).message).toBe(failed.message);
  const status = await run.query(statusQuery);
  expect(status.failure).toMatchObject({ step: 'bad', code: 'JobFailed' });
  expect(Object.fromEntries(status.steps.map(({ name, state }) => [name, state]))).toEqual({
    'branch good': 'stopped',
    'branch bad': 'failed',
    good: 'stopped',
    bad: 'failed',
  });
  expect(runner.calls.stop).toBe(1);
});

test('when asked to, the other branches finish before the failure goes on', async () => {
  scripts['bad'] = { states: [failed] };
  const run = await start({ parallel: ['good', 'bad'], parallelOptions: { onFailure: 'finish' } });
  await failureOf(run);
  const { steps } = await run.query(statusQuery);
  expect(steps.find(({ name }) => name === 'good')?.state).toBe('succeeded');
});

test('mapJobs runs one job an item, and past the limit in child runs', async () => {
  const run = await start({ map: { items: 7, concurrency: 3 } });
  expect(await run.result()).toEqual({ map: 7 });
  const large = await start({ map: { items: 501, concurrency: 50 } });
  expect(await large.result()).toEqual({ map: 501 });
  expect(runner.accepted).toBe(508);
  const { steps } = await large.query(statusQuery);
  expect(steps.map(({ name }) => name)).toEqual(['map', 'map 1-500', 'map 501-501']);
  const { historyLength } = await large.describe();
  expect(historyLength).toBeLessThan(60);
}, 120_000);

test('the status stands in the search attributes and in the current details', async () => {
  const run = await start({ job: { name: 'load' } });
  await run.result();
  const description = await run.describe();
  expect(description.searchAttributes).toMatchObject({
    SluicePipeline: ['steps'],
    SluiceState: ['completed'],
    SluiceStep: ['load'],
  });
  const metadata = await run.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  expect(metadata.currentDetails).toContain('| load | succeeded | 1 |');
});

test('a job costs at most fourteen history events, however often it is polled', async () => {
  scripts['load'] = { states: [...Array.from({ length: 10 }, () => RUNNING), { ...failed }] };
  const run = await start({ job: { name: 'load' } });
  await failureOf(run);
  // Start, its task, the worker's description, the first attributes and the run's end come besides.
  expect((await run.describe()).historyLength).toBeLessThanOrEqual(14 + 8);
});
