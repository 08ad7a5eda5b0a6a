import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WorkflowFailedError, WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { SluiceError } from '../../../src/errors';
import { findParked } from '../../../src/cli/resume';
import { readStatus } from '../../../src/cli/readStatus';
import { resumeSignal, statusQuery, type RunStatus } from '../../../src/contracts/messages';
import { quietRuntime, startServer, startTestWorker, testConfig } from '../../support/environment';
import { eventually, until } from '../../support/eventually';
import { resetRun } from '../../support/resetRun';
import type { Runner } from '../../../src/runners/runner';
import { RUNNING, ScriptedRunner, succeeded, type Script } from '../../support/scriptedRunner';
import type { StepsInput } from '../../support/workflows';

let environment: TestWorkflowEnvironment;
let worker: Awaited<ReturnType<typeof startTestWorker>>;
let runner: ScriptedRunner;
/** What the service does with the job of each step. */
let scripts: Record<string, Partial<Script>>;

beforeAll(async () => {
  quietRuntime();
  environment = await startServer();
  // An await that outlives its test goes on asking the runner of that test.
  const owners = new Map<string, ScriptedRunner>();
  const ownerOf = ({ key }: { key: string }) => owners.get(key) ?? runner;
  const current: Runner = {
    get worksInPoll() {
      return runner.worksInPoll;
    },
    submit(submission) {
      owners.set(submission.key, runner);
      return runner.submit(submission);
    },
    find: (submission) => ownerOf(submission).find(submission),
    poll: (submission, reference) => ownerOf(submission).poll(submission, reference),
    stop: (submission) => ownerOf(submission).stop(submission),
  };
  worker = await startTestWorker(environment, {
    runners: { 'livy:createBatch': current, 'duckdb:query': current },
  });
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

const statusWhen = (run: WorkflowHandle, reached: (status: RunStatus) => boolean): Promise<RunStatus> =>
  eventually(() => run.query(statusQuery), reached);

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

describe('a submit that is given up', () => {
  const lost = { error: new SluiceError('Transient', 'connection reset'), accepted: true };
  const denied = new SluiceError('AccessDenied', 'not allowed to list');

  test('whose answer was lost, and whose job cannot be looked up, has its job stopped', async () => {
    scripts['load'] = { submitFaults: [lost], findFaults: [denied], states: [RUNNING] };
    const run = await start({ job: { name: 'load' } });
    const failure = await failureOf(run);
    expect(failure).toMatchObject({
      type: 'AccessDenied',
      message: `${denied.message}; the job was stopped.`,
    });
    const { steps } = await run.query(statusQuery);
    expect(steps[0]).toMatchObject({ state: 'failed', job: { externalId: '0' } });
    expect(runner.calls).toMatchObject({ submit: 1, find: 2, stop: 1 });
  });

  test('whose job was looked up since, and not found, leaves nothing to stop', async () => {
    const refused = { error: denied, accepted: false };
    scripts['load'] = { submitFaults: [{ ...lost, accepted: false }, refused] };
    const failure = await failureOf(await start({ job: { name: 'load' } }));
    expect(failure).toMatchObject({ type: 'AccessDenied', message: denied.message });
    expect(runner.calls).toMatchObject({ submit: 2, find: 1, stop: 0 });
  });

  test('after calls that never reached the service leaves nothing to stop', async () => {
    const unreachable = {
      error: new SluiceError('ServerUnreachable', 'connect ECONNREFUSED'),
      accepted: false,
    };
    scripts['load'] = { submitFaults: [unreachable], findFaults: [denied] };
    const failure = await failureOf(await start({ job: { name: 'load' } }));
    expect(failure).toMatchObject({ type: 'AccessDenied', message: denied.message });
    expect(runner.calls).toMatchObject({ submit: 1, find: 1, stop: 0 });
  });
});

describe('a job whose retries are used up, in a run that parks', () => {
  /** Lets the parked steps go on, as `sluice resume` finds them. */
  async function resume(run: WorkflowHandle, step?: string): Promise<string[]> {
    const session = { client: environment.client, config: testConfig, address: environment.address };
    const parked = findParked(await readStatus(session, run.workflowId, () => {}), step);
    for (const { run: id, name } of parked)
      await environment.client.workflow.getHandle(id).signal(resumeSignal, name);
    return parked.map(({ name }) => name);
  }
  const isParked = ({ steps }: RunStatus) => steps[0]?.state === 'parked';
  const expired = new SluiceError('Credentials', 'the token has expired');

  test('while it is awaited goes on being the same job', async () => {
    const end = succeeded({ resource: 'livy:createBatch', externalId: '0' });
    scripts['load'] = { states: [RUNNING, ...Array.from({ length: 5 }, () => expired), end] };
    const run = await start({ job: { name: 'load', onExhausted: 'park', credentialsFor: '1 ms' } });
    const { steps } = await statusWhen(run, isParked);
    expect(steps[0]).toMatchObject({ job: { externalId: '0' }, failure: { code: 'Credentials' } });
    await expect(resume(run, 'other')).rejects.toThrow(/No step "other" of .* is parked; parked are: load/);
    for (let ended = false; !ended;) {
      expect(await resume(run)).toEqual(['load']);
      const { state } = await statusWhen(run, (status) => isParked(status) || status.state !== 'running');
      ended = state !== 'running';
    }
    await run.result();
    expect(runner.calls).toMatchObject({ submit: 1, stop: 0 });
  });

  test('after an answer that was lost looks for the job before it submits another', async () => {
    // Longer than the budget.
    const after = new Promise<void>((resolve) => setTimeout(resolve, 20));
    const error = new SluiceError('Transient', 'connection reset');
    scripts['load'] = { submitFaults: [{ error, accepted: true, after }] };
    const run = await start({ job: { name: 'load', onExhausted: 'park', retryFor: '1 ms' } });
    await statusWhen(run, isParked);
    await resume(run);
    await run.result();
    expect(runner.accepted).toBe(1);
    expect(runner.calls).toMatchObject({ submit: 1, find: 1, stop: 0 });
  });
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

test('a job whose submit loses its answer while the run is being cancelled is stopped', async () => {
  let loseAnswer = () => {};
  const lost = new Promise<void>((resolve) => (loseAnswer = resolve));
  scripts['load'] = {
    states: [RUNNING],
    submitFaults: [{ error: new SluiceError('Transient', 'connection reset'), accepted: true, after: lost }],
  };
  const run = await start({ job: { name: 'load' } });
  await until(() => runner.accepted === 1);
  await run.cancel();
  await until(async () => {
    const { events } = await run.fetchHistory();
    return events?.some((event) => event.activityTaskCancelRequestedEventAttributes) ?? false;
  });
  loseAnswer();
  expect((await failureOf(run)).constructor.name).toBe('CancelledFailure');
  expect(await run.query(statusQuery)).toMatchObject({
    state: 'cancelled',
    steps: [{ state: 'stopped', failure: { message: 'Cancelled; the job was stopped.' } }],
  });
  expect([...runner.jobs.values()]).toMatchObject([{ stopped: true }]);
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

test('the failure of a job that timed out ends with what went wrong last before', async () => {
  const reset = Object.assign(new Error('reset by peer'), { code: 'ECONNRESET' });
  scripts['load'] = { states: [reset, RUNNING] };
  const failure = await failureOf(await start({ job: { name: 'load', timeout: '1 s' } }));
  expect(failure).toMatchObject({
    type: 'JobTimeout',
    message:
      'load did not end within 1 s; the job was stopped. The last failure before: Transient: reset by peer',
  });
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
  scripts['good'] = { states: [RUNNING] };
  scripts['bad'] = { states: [failed] };
  const run = await start({ parallel: ['good', 'bad'], parallelOptions: { siblings: 'finish' } });
  const stateOf = ({ steps }: RunStatus, step: string) => steps.find(({ name }) => name === step)?.state;
  const status = await statusWhen(run, (now) => stateOf(now, 'bad') === 'failed');
  expect(stateOf(status, 'good')).toBe('running');
  scripts['good'] = {};
  expect((await failureOf(run)).message).toBe(failed.message);
  expect(stateOf(await run.query(statusQuery), 'good')).toBe('succeeded');
  expect(runner.calls.stop).toBe(0);
});

test.each([
  { parallel: ['bad', 'good'] },
  { map: { items: 2, concurrency: 2, siblings: 'finish' } },
] satisfies StepsInput[])(
  'a run that is cancelled while branches beside one that failed finish ends as cancelled: %j',
  async (input) => {
    const [bad, good] = input.map ? ['map 1', 'map 2'] : ['bad', 'good'];
    scripts[bad] = { states: [failed] };
    scripts[good] = { states: [RUNNING] };
    const run = await start({ ...input, parallelOptions: { siblings: 'finish' } });
    await statusWhen(run, ({ steps }) => {
      const [one, other] = [bad, good].map((step) => steps.find(({ name }) => name === step));
      return one?.state === 'failed' && Boolean(other?.job?.externalId);
    });
    await run.cancel();
    await run.result().catch(() => null);
    expect((await run.describe()).status.name).toBe('CANCELLED');
    expect((await run.query(statusQuery)).state).toBe('cancelled');
  },
);

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

test('a job costs twelve history events, however often it is polled', async () => {
  const lengthOf = async (jobs: number) => {
    scripts = {};
    const run = await start({ map: { items: jobs, concurrency: 1 } });
    await run.result();
    return (await run.describe()).historyLength;
  };
  // Two activities of three events, each with a workflow task of three.
  expect(((await lengthOf(12)) - (await lengthOf(2))) / 10).toBeLessThanOrEqual(12);
});

test('a job inside the worker costs six, and one for the search attributes', async () => {
  const job = { resource: 'duckdb:query' as const, parameters: { sql: 'SELECT 1' } };
  const lengthOf = async (count: number) => {
    scripts = {};
    const run = await start({ jobs: Array.from({ length: count }, (_, i) => ({ name: `job ${i}`, job })) });
    await run.result();
    expect((await run.query(statusQuery)).steps.at(-1)?.job).toMatchObject({
      externalId: expect.stringMatching(/^\d+$/),
    });
    return (await run.describe()).historyLength;
  };
  const [few, many] = [await lengthOf(2), await lengthOf(12)];
  expect((many - few) / 10).toBeLessThanOrEqual(7);
});

test('a job that the service has no room for is shown waiting in line, and starts once', async () => {
  const full = { error: new SluiceError('NoCapacity', 'concurrent runs exceeded'), accepted: false };
  scripts['load'] = { submitFaults: [full, full] };
  const run = await start({ job: { name: 'load' } });
  await statusWhen(run, ({ steps }) => steps[0]?.state === 'waiting for capacity');
  await run.result();
  expect((await run.query(statusQuery)).steps[0]).toMatchObject({ state: 'succeeded', attempts: 1 });
  expect(runner.calls.submit).toBe(3);
  expect(runner.accepted).toBe(1);
});

test('a job that waits in line for longer than it may fails and says so', async () => {
  const full = { error: new SluiceError('NoCapacity', 'concurrent runs exceeded'), accepted: false };
  scripts['load'] = { submitFaults: Array.from({ length: 1000 }, () => full) };
  const run = await start({ job: { name: 'load', capacityTimeout: '1 s' } });
  const failure = await failureOf(run);
  expect(failure).toMatchObject({ type: 'NoCapacity' });
  expect(failure.message).toContain('no room for the job within 1.0 s: concurrent runs exceeded');
  expect(runner.accepted).toBe(0);
});

test('a failed job is submitted anew as often as asked, under a new key each time', async () => {
  scripts['load'] = { states: [failed] };
  const run = await start({ job: { name: 'load', retry: { attempts: 3, interval: '10 ms' } } });
  expect(await failureOf(run)).toMatchObject({ type: 'JobFailed' });
  expect((await run.query(statusQuery)).steps[0]).toMatchObject({ state: 'failed', attempts: 3 });
  expect(runner.jobs.size).toBe(3);
});

test('a job that works in its polls fails with the first refusal, and elsewhere one is only a slower poll', async () => {
  const refusal = new SluiceError('InvalidJob', 'no such bucket');
  scripts['load'] = {
    states: [refusal, RUNNING, succeeded({ resource: 'livy:createBatch', externalId: '0' })],
  };
  await (await start({ job: { name: 'load' } })).result();
  runner = new ScriptedRunner((step) => scripts[step] ?? {});
  runner.worksInPoll = true;
  const failure = await failureOf(await start({ job: { name: 'load' } }));
  expect(failure.message).toContain('no such bucket');
  expect(runner.calls.poll).toBe(1);
});

test('a job that its service refused after all has ended, so nothing is left to stop', async () => {
  scripts['load'] = { states: [{ state: 'failed', code: 'InvalidJob', message: 'no such function' }] };
  const run = await start({ job: { name: 'load' } });
  expect(await failureOf(run)).toMatchObject({ type: 'InvalidJob' });
  expect((await run.query(statusQuery)).steps[0]).toMatchObject({ state: 'failed' });
  expect(runner.calls).toMatchObject({ poll: 1, stop: 0 });
});

test.each([
  ['a time-out of a job', { job: { name: 'load', timeout: '99999999999 days' } }, 'timeout'],
  ['a pause', { job: { name: 'load', retry: { attempts: 2, interval: 'soon' } } }, 'retry.interval'],
  [
    'a wait',
    { wait: { pattern: 's3://lake/a/*', options: { within: '99999999999 days' } } },
    'within 99999999999 days',
  ],
  ['a wait', { wait: { pattern: 's3://lake/a/*', options: { since: 'yesterday' } } }, 'from yesterday on'],
] satisfies [string, StepsInput, string][])(
  '%s of a length that is none fails the run at once and says so',
  async (_, input, what) => {
    const failure = await failureOf(await start(input));
    expect(failure).toMatchObject({ type: 'InvalidInput', message: expect.stringContaining(what) });
    expect(runner.calls.submit).toBe(0);
  },
);

test.each([0, -1, 1.5])('mapJobs with %d jobs at a time fails and says so', async (concurrency) => {
  const failure = await failureOf(await start({ map: { items: 3, concurrency } }));
  const message = `map: concurrency is ${concurrency}; give a whole number above zero`;
  expect(failure).toMatchObject({ type: 'InvalidInput', message });
  expect(runner.calls.submit).toBe(0);
});

describe('the end of a run', () => {
  const told: { headers: IncomingHttpHeaders; body: Record<string, unknown> }[] = [];
  let receiver: Server;
  let url: string;
  /** Statuses of the next answers; then 200. */
  let answers: number[];

  beforeAll(async () => {
    receiver = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        const status = answers.shift() ?? 200;
        if (status === 200) told.push({ headers: request.headers, body: JSON.parse(text) });
        response.writeHead(status).end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  });
  afterAll(() => new Promise((resolve) => receiver.close(resolve)));
  beforeEach(() => {
    told.splice(0);
    answers = [];
  });

  test('is told to the place that the input names, with run, state and failure', async () => {
    scripts['load'] = { states: [failed] };
    answers = [503];
    const run = await start({ job: { name: 'load' }, notify: url });
    await failureOf(run);
    expect(told).toHaveLength(1);
    expect(told[0]!.body).toMatchObject({
      pipeline: 'steps',
      run: { id: run.workflowId, runId: expect.any(String) },
      state: 'failed',
      failure: { code: 'JobFailed', step: 'load', message: failed.message },
    });
  });

  test('is told for a run that ends well, too, and a place that refuses changes nothing about the run', async () => {
    answers = [400];
    await (await start({ job: { name: 'load' }, notify: url })).result();
    await (await start({ job: { name: 'load' }, notify: url })).result();
    expect(told.map(({ body }) => body['state'])).toEqual(['completed']);
  });
});

test('a run that is reset while it awaits a job goes on awaiting it', async () => {
  const states = [RUNNING];
  scripts['load'] = { states };
  const run = await start({ job: { name: 'load' } });
  await until(() => runner.calls.poll > 0);
  const reset = await resetRun(environment.client, run, 'last task');
  await statusWhen(reset, ({ steps }) => steps[0]?.state === 'running');
  scripts['load'] = {};
  await reset.result();
  expect(runner.accepted).toBe(1);
  expect(runner.calls.stop).toBe(0);
});
