/**
 * Workers are killed at random moments while the services fail at random: each job is started once, and none is left
 * running. `SLUICE_ROUNDS` is how often a worker is killed (default 4), `SLUICE_SEED` repeats a run.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { Job } from '../../../src/jobs';
import type { AwsDouble, ServiceDouble } from '../../support/aws/double';
import { EmrDouble } from '../../support/aws/emr';
import { GlueJobsDouble } from '../../support/aws/glue';
import { GlueCrawlersDouble } from '../../support/aws/glueCrawler';
import { startAwsDouble } from '../../support/aws/start';
import { quietRuntime, startServer } from '../../support/environment';

const WORKER = join(__dirname, '..', '..', '..', 'dist', 'src', 'worker.js');
const ROUNDS = Number(process.env['SLUICE_ROUNDS'] ?? 4);
const SEED = Number(process.env['SLUICE_SEED'] ?? Date.now() % 1_000_000);
const TASK_QUEUE = 'killed';
const CLUSTER = 'j-standing';
const RESOURCES = [
  'glue:startJobRun',
  'glue:startCrawler',
  'elasticmapreduce:addStep',
  'elasticmapreduce:createCluster',
] as const;
const JOBS = Array.from({ length: ROUNDS * RESOURCES.length }, (_, i) => `job-${i}`);
const OPERATIONS = [
  ...['StartJobRun', 'GetJobRun', 'GetJobRuns', 'BatchStopJobRun'],
  ...['StartCrawler', 'BatchGetCrawlers', 'ListCrawls', 'StopCrawler'],
  ...['AddJobFlowSteps', 'ListSteps', 'CancelSteps'],
  ...['RunJobFlow', 'DescribeCluster', 'ListClusters', 'TerminateJobFlows'],
];
/** How many faults wait for their call at most, so that the services answer more often than not. */
const MAX_FAULTS = 4;

const random = seeded(SEED);
const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
const pause = (durationMs: number) => new Promise((resolve) => setTimeout(resolve, durationMs));

let environment: TestWorkflowEnvironment;
let aws: AwsDouble;
let endpoint: string;
const workers = new Set<ChildProcess>();
const glueJobs = new GlueJobsDouble(JOBS);
const crawlers = new GlueCrawlersDouble(JOBS);
const emr = new EmrDouble();

beforeAll(async () => {
  quietRuntime();
  environment = await startServer();
  emr.addCluster(CLUSTER);
  for (const name of JOBS) {
    // Each crawler has run before, for somebody else.
    crawlers.begin(name, new Date(Date.now() - 3_600_000));
    crawlers.end(name, 'SUCCEEDED');
  }
  const glue: ServiceDouble = {
    service: 'glue',
    handlers: { ...glueJobs.handlers, ...crawlers.handlers },
  };
  const started = await startAwsDouble(glue, emr);
  aws = started.aws;
  endpoint = started.settings.endpoint;
}, 300_000);

afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  await environment?.teardown();
  await aws?.stop();
}, 60_000);

function startWorker(): Promise<ChildProcess> {
  const worker = spawn(process.execPath, [WORKER], {
    env: {
      ...process.env,
      ...{ TEMPORAL_ADDRESS: environment.address, TEMPORAL_NAMESPACE: 'default' },
      ...{ SLUICE_ENGINES: 'aws', SLUICE_TASK_QUEUE: TASK_QUEUE, SLUICE_LOG_LEVEL: 'silent' },
      ...{ SLUICE_POLL_MIN: '50ms', SLUICE_POLL_MAX: '500ms' },
      ...{ AWS_ENDPOINT_URL: endpoint, AWS_REGION: 'eu-west-1' },
      ...{ AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
    },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  workers.add(worker);
  return new Promise((resolve, reject) => {
    worker.once('message', () => resolve(worker));
    worker.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
  });
}

function kill(worker: ChildProcess): Promise<unknown> {
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  worker.kill('SIGKILL');
  workers.delete(worker);
  return ended;
}

function jobOf(name: string, resource: (typeof RESOURCES)[number]): Job {
  switch (resource) {
    case 'glue:startJobRun':
      return { resource, parameters: { JobName: name } };
    case 'glue:startCrawler':
      return { resource, parameters: { Name: name } };
    case 'elasticmapreduce:addStep':
      return {
        resource,
        parameters: {
          ClusterId: CLUSTER,
          Step: { Name: name, HadoopJarStep: { Jar: 'command-runner.jar' } },
        },
      };
    case 'elasticmapreduce:createCluster':
      return { resource, parameters: { Name: name, Instances: { KeepJobFlowAliveWhenNoSteps: true } } };
  }
}

/** How many remote jobs were started under a name. */
function startsOf(name: string): number {
  const carries = (made: { Name: string }) => made.Name.startsWith(`${name} `);
  return (
    [...glueJobs.runs.values()].filter(({ JobName }) => JobName === name).length +
    (crawlers.crawlers.get(name)!.crawls.length - 1) +
    [...emr.steps.values()].filter(carries).length +
    [...emr.clusters.values()].filter(carries).length
  );
}

/** The services go on: some of what runs has ended. */
function advance(): void {
  const some = () => random() < 0.1;
  for (const run of glueJobs.runs.values())
    if (['STARTING', 'RUNNING'].includes(run.JobRunState) && some())
      run.JobRunState = run.JobRunState === 'STARTING' ? 'RUNNING' : 'SUCCEEDED';
  for (const [name, { State }] of crawlers.crawlers)
    if (State === 'RUNNING' && some()) crawlers.end(name, 'SUCCEEDED');
  for (const { Id, State } of emr.steps.values())
    if (['PENDING', 'RUNNING'].includes(State) && some())
      emr.moveStep(Id, State === 'PENDING' ? 'RUNNING' : 'COMPLETED');
  for (const { Id, State } of emr.clusters.values())
    if (['STARTING', 'BOOTSTRAPPING'].includes(State) && some())
      emr.moveCluster(Id, State === 'STARTING' ? 'BOOTSTRAPPING' : 'WAITING');
}

function addFault(): void {
  if (aws.faults.length >= MAX_FAULTS) return;
  aws.faults.push({
    operation: pick(OPERATIONS),
    ...pick([
      { status: 0, type: '', message: '', accepted: true },
      { status: 0, type: '', message: '' },
      { status: 500, type: 'InternalFailure', message: 'oops' },
      { status: 400, type: 'ThrottlingException', message: 'Rate exceeded' },
    ]),
  });
}

test(
  `each of ${JOBS.length} jobs is started once and none is left, with workers killed ${ROUNDS} times (seed ${SEED})`,
  async () => {
    const services = setInterval(() => {
      advance();
      if (random() < 0.3) addFault();
    }, 50);
    const cancelled = new Set<string>();
    const cancels: Promise<void>[] = [];
    const ends: Promise<[string, string]>[] = [];
    let next = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const worker = await startWorker();
      for (const resource of RESOURCES) {
        const name = JOBS[next++]!;
        const run = await environment.client.workflow.start('job', {
          taskQueue: TASK_QUEUE,
          workflowId: name,
          args: [{ job: jobOf(name, resource) }],
        });
        ends.push(
          run.result().then(
            () => [name, 'completed'],
            async (error: Error) => [name, (await run.describe()).status.name + ` ${error.message}`],
          ),
        );
        if (random() < 0.3) {
          cancelled.add(name);
          cancels.push(pause(random() * 3000).then(async () => void (await run.cancel().catch(() => {}))));
        }
      }
      await pause(random() * 2000);
      await kill(worker);
    }
    const last = await startWorker();
    const outcomes = await Promise.all(ends);
    await Promise.all(cancels);
    clearInterval(services);
    await kill(last);

    const wrong = outcomes.filter(([name, outcome]) => {
      const starts = startsOf(name);
      return cancelled.has(name)
        ? starts > 1 || !/^(completed|CANCELLED)/.test(outcome)
        : starts !== 1 || outcome !== 'completed';
    });
    expect(wrong.map(([name, outcome]) => `${name}: ${startsOf(name)} started, ${outcome}`)).toEqual([]);
    expect(glueJobs.control.running()).toBe(0);
    expect(crawlers.control.running()).toBe(0);
    expect(emr.stepControl.running()).toBe(0);
    // The cluster that was there before is not the runs' to end.
    expect(emr.clusterControl.running()).toBe(1);
    expect(aws.violations).toEqual([]);
  },
  120_000 + ROUNDS * 10_000,
);

/** Mulberry32: numbers from 0 to 1 that a seed repeats. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
