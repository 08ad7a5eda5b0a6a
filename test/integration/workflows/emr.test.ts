/** Runs that use EMR: real runners and SDK clients over the strict double, on the real server. */
import { EMRClient } from '@aws-sdk/client-emr';
import type { WorkflowFailedError, WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { createEmrPort, createEmrRunners } from '../../../src/runners/emr/runners';
import type { Job } from '../../../src/jobs';
import { statusQuery, type RunStatus } from '../../../src/contracts/messages';
import type { AwsDouble } from '../../support/aws/double';
import { EmrDouble } from '../../support/aws/emr';
import { startAwsDouble } from '../../support/aws/start';
import { quietRuntime, startServer, startTestWorker } from '../../support/environment';
import { until } from '../../support/eventually';
import type { StepsInput } from '../../support/workflows';

let environment: TestWorkflowEnvironment;
let worker: Awaited<ReturnType<typeof startTestWorker>>;
let aws: AwsDouble;
let emr: EmrDouble;

beforeAll(async () => {
  quietRuntime();
  environment = await startServer();
}, 300_000);

afterAll(() => environment?.teardown(), 60_000);

beforeEach(async () => {
  emr = new EmrDouble();
  const started = await startAwsDouble(emr);
  aws = started.aws;
  const runners = createEmrRunners(createEmrPort(new EMRClient(started.settings)), 20);
  worker = await startTestWorker(environment, { runners, config: { retryForMs: 300 } });
}, 300_000);

afterEach(async () => {
  await worker.stop();
  await aws.stop();
  expect(aws.violations).toEqual([]);
});

const CREATE = 'make a cluster';
const createCluster: Job = {
  resource: 'elasticmapreduce:createCluster',
  parameters: { Name: 'nightly', Instances: { KeepJobFlowAliveWhenNoSteps: true } },
};
/** The double's first cluster is j-0. */
const addStep: Job = {
  resource: 'elasticmapreduce:addStep',
  parameters: { ClusterId: 'j-0', Step: { Name: 'load', HadoopJarStep: { Jar: 'command-runner.jar' } } },
};
const CLUSTER_AND_STEP = [
  { name: CREATE, job: createCluster },
  { name: 'load', job: addStep },
];

let runs = 0;
const start = (input: StepsInput): Promise<WorkflowHandle> =>
  environment.client.workflow.start('steps', {
    taskQueue: 'test',
    workflowId: `emr-${++runs}`,
    args: [input],
  });

async function clusterIsUp(): Promise<void> {
  await until(() => emr.clusters.size === 1);
  emr.clusterControl.move('WAITING');
}

async function stepRuns(): Promise<void> {
  await until(() => emr.steps.size === 1);
  emr.stepControl.move('RUNNING');
}

async function failureOf(run: WorkflowHandle): Promise<Error & { type?: string }> {
  return run.result().then(
    () => {
      throw new Error('the run did not fail');
    },
    (error: WorkflowFailedError) => error.cause as Error,
  );
}

const stepNames = async (run: WorkflowHandle) =>
  (await run.query<RunStatus, []>(statusQuery)).steps.map(({ name, state }) => `${name}: ${state}`);
const stateOf = (id: string) => emr.clusters.get(id)!.State;

test('a cluster ends with the run that created it and succeeds', async () => {
  const run = await start({ jobs: CLUSTER_AND_STEP });
  await clusterIsUp();
  await stepRuns();
  emr.stepControl.move('COMPLETED');
  await run.result();
  expect(stateOf('j-0')).toBe('TERMINATED');
  expect(await stepNames(run)).toEqual([
    `${CREATE}: succeeded`,
    'load: succeeded',
    `end the cluster of ${CREATE}: succeeded`,
  ]);
});

test('a cluster ends with the run that created it and fails', async () => {
  const run = await start({ jobs: CLUSTER_AND_STEP });
  await clusterIsUp();
  await stepRuns();
  emr.stepControl.move('FAILED');
  expect((await failureOf(run)).message).toContain('no such column');
  expect(stateOf('j-0')).toBe('TERMINATED');
});

test('a cancelled run stops its step, then its cluster', async () => {
  const run = await start({ jobs: CLUSTER_AND_STEP });
  await clusterIsUp();
  await stepRuns();
  await run.cancel();
  await failureOf(run);
  expect(emr.steps.get('s-0')!.State).toBe('CANCELLED');
  expect(stateOf('j-0')).toBe('TERMINATED');
});

test('a run that is cancelled while its cluster starts leaves none', async () => {
  const run = await start({ jobs: CLUSTER_AND_STEP });
  await until(() => emr.clusters.size === 1);
  await run.cancel();
  await failureOf(run);
  expect(stateOf('j-0')).toBe('TERMINATED');
});

test('a cluster that does not start in time is terminated', async () => {
  const run = await start({ jobs: [{ name: CREATE, job: createCluster, options: { timeout: '1 s' } }] });
  expect(await failureOf(run)).toMatchObject({ type: 'JobTimeout' });
  expect(stateOf('j-0')).toBe('TERMINATED');
});

test('a cluster that may not be looked at is ended all the same, or told as leaked', async () => {
  const denied = { status: 400, type: 'AccessDeniedException', message: 'not authorized to describe' };
  aws.faults.push({ operation: 'DescribeCluster', ...denied, times: 1_000 });
  const run = await start({ jobs: [{ name: CREATE, job: createCluster }] });
  const failure = await failureOf(run);
  expect(failure).toMatchObject({ type: 'JobLeaked' });
  expect(failure.message).toContain('not authorized to describe');
  expect(failure.message).toContain('j-0');
});

test.each(['succeeds', 'fails'])('a cluster that is to be kept outlives the run that %s', async (how) => {
  const run = await start({
    jobs: [{ name: CREATE, job: createCluster, options: { keep: true } }, CLUSTER_AND_STEP[1]!],
  });
  await clusterIsUp();
  await stepRuns();
  emr.stepControl.move(how === 'fails' ? 'FAILED' : 'COMPLETED');
  await (how === 'fails' ? failureOf(run) : run.result());
  expect(stateOf('j-0')).toBe('WAITING');
  expect(aws.calls['TerminateJobFlows']).toBeUndefined();
});

test('a cluster that the run terminates itself is ended once', async () => {
  const terminate: Job = {
    resource: 'elasticmapreduce:terminateCluster',
    parameters: { ClusterId: 'j-0' },
  };
  const run = await start({
    jobs: [
      { name: CREATE, job: createCluster },
      { name: 'terminate', job: terminate },
    ],
  });
  await clusterIsUp();
  await run.result();
  expect(stateOf('j-0')).toBe('TERMINATED');
  expect(aws.calls['TerminateJobFlows']).toBe(1);
});

test('rate-codes runs as two steps of a cluster, one after the other', async () => {
  emr.addCluster('j-spark');
  const run = await environment.client.workflow.start('rate-codes', {
    taskQueue: 'test',
    workflowId: `emr-${++runs}`,
    args: [{ engine: 'elasticmapreduce', clusterId: 'j-spark', rootPath: 's3://lake/taxi' }],
  });
  const scripts = [
    ['miles_per_rate_code.py', 'miles-per-rate'],
    ['rate_code_status.py', 'rate-code-status'],
  ] as const;
  for (const [i, [script, output]] of scripts.entries()) {
    await until(() => emr.steps.size === i + 1);
    expect(emr.steps.get(`s-${i}`)!.config).toEqual({
      Jar: 'command-runner.jar',
      Args: [
        ...['spark-submit', '--deploy-mode', 'cluster', '--py-files', 's3://lake/jobs/sluice_rows.py'],
        ...[`s3://lake/jobs/rate-codes/${script}`, 's3://lake/taxi', '--if-exists', 'overwrite'],
        ...['--delimiter', ',', '--skip-lines', '0', '--encoding', 'utf-8', '--max-bad-share', '1'],
        ...['--rows-to', `s3://lake/taxi/emr-step-functions/${output}-rejected/_rows.json`],
      ],
    });
    emr.stepControl.move('COMPLETED');
  }
  expect(await run.result()).toMatchObject({ output: expect.stringContaining('rate-code-status') });
  expect(stateOf('j-spark')).toBe('WAITING');
});

test('a failed step of rate-codes ends the run as failed, with the job that failed', async () => {
  emr.addCluster('j-spark');
  const run = await environment.client.workflow.start('rate-codes', {
    taskQueue: 'test',
    workflowId: `emr-${++runs}`,
    args: [{ engine: 'elasticmapreduce', clusterId: 'j-spark' }],
  });
  await stepRuns();
  emr.stepControl.move('FAILED');
  expect((await failureOf(run)).message).toMatch(/^MilesPerRate job failed: EMR step s-0 /);
});
