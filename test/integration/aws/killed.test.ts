/**
 * Workers are killed at random moments while the services fail at random: each job of every resource that submits to a
 * service is started once, and none is left running. Lambda is not among them: docs/jobs.md says why. `SLUICE_ROUNDS` is
 * how often a worker is killed, `SLUICE_SEED` draws the same moments and cancellations again.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { WorkflowFailedError, WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { Job, Resource } from '../../../src/jobs';
import { seeded } from '../../../src/testing/random';
import { AthenaDouble } from '../../support/aws/athena';
import type { AwsDouble, ServiceDouble } from '../../support/aws/double';
import { EmrDouble } from '../../support/aws/emr';
import { EmrServerlessDouble } from '../../support/aws/emrServerless';
import { GlueJobsDouble } from '../../support/aws/glue';
import { GlueCrawlersDouble } from '../../support/aws/glueCrawler';
import { RedshiftDataDouble } from '../../support/aws/redshiftData';
import { countOf, isLong, SEED } from '../../support/long';
import { startAwsDouble } from '../../support/aws/start';
import { quietRuntime, serverEnv, startServer } from '../../support/environment';
import { giveUpWorker } from '../../support/workerProcesses';

const WORKER = join(__dirname, '..', '..', '..', 'dist', 'src', 'worker.js');
const ROUNDS = countOf({ suite: 2, soak: 20 });
const TASK_QUEUE = 'killed';
const CLUSTER = 'j-standing';
const APPLICATION = '00f5trm1fv0d3p09';
const RESOURCES = [
  'glue:startJobRun',
  'glue:startCrawler',
  'athena:startQueryExecution',
  'elasticmapreduce:addStep',
  'elasticmapreduce:createCluster',
  'emr-serverless:startJobRun',
  'redshiftdata:executeStatement',
  'redshiftdata:batchExecuteStatement',
] as const satisfies Resource[];
const JOBS_PER_KILL = 5;
const JOBS = Array.from({ length: ROUNDS * JOBS_PER_KILL }, (_, i) => `job-${i}`);
/** StartJobRun and GetJobRun are Glue's and EMR Serverless's. */
const OPERATIONS = [
  ...['StartJobRun', 'GetJobRun', 'GetJobRuns', 'BatchStopJobRun', 'CancelJobRun'],
  ...['StartCrawler', 'BatchGetCrawlers', 'ListCrawls', 'StopCrawler'],
  ...['StartQueryExecution', 'BatchGetQueryExecution', 'StopQueryExecution'],
  ...['AddJobFlowSteps', 'ListSteps', 'CancelSteps'],
  ...['RunJobFlow', 'DescribeCluster', 'ListClusters', 'TerminateJobFlows'],
  ...['ExecuteStatement', 'BatchExecuteStatement', 'DescribeStatement', 'CancelStatement'],
];
/** How many faults wait for their call at most, so that the services answer more often than not. */
const MAX_FAULTS = 8;
/** How many workers there are; one of them is killed at a time, or nothing would ever come to its end. */
const WORKERS = 2;
/** The longest pause before a kill. */
const MAX_PAUSE_MS = 2000;
/** How many runs are open at most when more are started: those that wait for their turn are not worth a kill. */
const MAX_OPEN = 60;

/** The test's own draws do not depend on how often the services have drawn. */
const random = seeded(SEED);
const serviceRandom = seeded(SEED + 1);
const pick = <T>(items: readonly T[]): T => items[Math.floor(serviceRandom() * items.length)]!;
const pause = (durationMs: number) => new Promise((resolve) => setTimeout(resolve, durationMs));

let environment: TestWorkflowEnvironment;
let aws: AwsDouble;
let endpoint: string;
const workers = new Set<ChildProcess>();
const glueJobs = new GlueJobsDouble(JOBS);
const crawlers = new GlueCrawlersDouble(JOBS);
const athena = new AthenaDouble();
const emr = new EmrDouble();
const serverless = new EmrServerlessDouble(APPLICATION);
const redshift = new RedshiftDataDouble();

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
  const started = await startAwsDouble(glue, athena, emr, serverless, redshift);
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
      ...serverEnv(environment),
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
    case 'athena:startQueryExecution':
      return { resource, parameters: { QueryString: `SELECT '${name}'` } };
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
    case 'emr-serverless:startJobRun':
      return {
        resource,
        parameters: {
          name,
          applicationId: APPLICATION,
          executionRoleArn: 'arn:aws:iam::123456789012:role/etl',
          jobDriver: { sparkSubmit: { entryPoint: 's3://lake/jobs/load.py' } },
        },
      };
    case 'redshiftdata:executeStatement':
      return { resource, parameters: { Sql: name, Database: 'dev', WorkgroupName: 'etl' } };
    case 'redshiftdata:batchExecuteStatement':
      return { resource, parameters: { Sqls: [name, 'ANALYZE'], Database: 'dev', WorkgroupName: 'etl' } };
  }
}

/** How many remote jobs were started under a name. */
function startsOf(name: string): number {
  const carries = (made: { Name: string }) => made.Name.startsWith(`${name} `);
  const started = [
    [...glueJobs.runs.values()].filter(({ JobName }) => JobName === name),
    crawlers.crawlers.get(name)!.crawls.slice(1),
    [...athena.queries.values()].filter(({ text }) => text === `SELECT '${name}'`),
    [...emr.steps.values()].filter(carries),
    [...emr.clusters.values()].filter(carries),
    [...serverless.runs.values()].filter(({ input }) => carries({ Name: String(input['name']) })),
    [...redshift.statements.values()].filter(({ sqls }) => sqls[0] === name),
  ];
  return started.flat().length;
}

/** How many remote jobs run, by service. */
function countRunning(): Record<string, number> {
  return {
    glueRuns: glueJobs.control.running(),
    crawls: crawlers.control.running(),
    queries: athena.control.running(),
    steps: emr.stepControl.running(),
    clusters: emr.clusterControl.running(),
    serverlessRuns: serverless.control.running(),
    statements: redshift.control.running(),
  };
}

/** The services go on: some of what runs has ended. */
function advance(): void {
  const move = (state: string, path: string[], to: (next: string) => void) => {
    const next = path[path.indexOf(state) + 1];
    if (path.includes(state) && next !== undefined && serviceRandom() < 0.1) to(next);
  };
  for (const run of glueJobs.runs.values())
    move(run.JobRunState, ['STARTING', 'RUNNING', 'SUCCEEDED'], (next) => (run.JobRunState = next));
  for (const [name, { State }] of crawlers.crawlers)
    move(State, ['RUNNING', 'SUCCEEDED'], (next) => crawlers.end(name, next));
  for (const query of athena.queries.values())
    move(query.state, ['QUEUED', 'RUNNING', 'SUCCEEDED'], (next) => athena.end(query, next));
  for (const { Id, State } of emr.steps.values())
    move(State, ['PENDING', 'RUNNING', 'COMPLETED'], (next) => emr.moveStep(Id, next));
  for (const { Id, State } of emr.clusters.values())
    move(State, ['STARTING', 'BOOTSTRAPPING', 'WAITING'], (next) => emr.moveCluster(Id, next));
  for (const run of serverless.runs.values())
    move(run.state, ['SUBMITTED', 'RUNNING', 'SUCCESS'], (next) => (run.state = next));
  for (const statement of redshift.statements.values())
    move(statement.state, ['SUBMITTED', 'STARTED', 'FINISHED'], (next) => (statement.state = next));
}

function addFault(): void {
  // What nobody calls must not keep out the faults of what is called.
  if (aws.faults.length >= MAX_FAULTS) aws.faults.shift();
  aws.faults.push({
    operation: pick(OPERATIONS),
    ...pick([
      { status: 0, type: '', message: '', accepted: true },
      { status: 0, type: '', message: '' },
      { status: 500, type: 'InternalFailure', message: 'oops' },
      { status: 500, type: 'InternalFailure', message: 'oops', accepted: true },
      { status: 400, type: 'ThrottlingException', message: 'Rate exceeded' },
    ]),
  });
}

test(
  `each of ${JOBS.length} jobs is started once and none is left, with workers killed ${ROUNDS} times (seed ${SEED})`,
  // What the services have seen is counted: another try would count both.
  { retry: 0, timeout: 120_000 + ROUNDS * 10_000 },
  async () => {
    const startedAt = Date.now();
    const services = setInterval(() => {
      advance();
      if (serviceRandom() < 0.3) addFault();
    }, 50);
    const cancelled = new Set<string>();
    const cancels: Promise<void>[] = [];
    const ends: Promise<[string, string]>[] = [];
    const open = new Map<Promise<unknown>, WorkflowHandle>();
    /** The long form waits for the time-outs by which the server finds out; the suite tells it at once. */
    const killAndTell = async (worker: ChildProcess) => {
      await kill(worker);
      if (isLong) return;
      const gone = [...open.values()].map((run) => giveUpWorker(run, worker.pid!));
      // A run may end meanwhile.
      await Promise.allSettled(gone);
    };
    const pool = await Promise.all(Array.from({ length: WORKERS }, startWorker));
    for (let round = 0; round < ROUNDS; round++) {
      while (open.size > MAX_OPEN) await Promise.race(open.keys());
      for (let i = round * JOBS_PER_KILL; i < (round + 1) * JOBS_PER_KILL; i++) {
        const name = JOBS[i]!;
        const resource = RESOURCES[i % RESOURCES.length]!;
        const run = await environment.client.workflow.start('job', {
          taskQueue: TASK_QUEUE,
          workflowId: name,
          args: [{ job: jobOf(name, resource) }],
        });
        const end = run.result().then(
          (): [string, string] => [name, 'completed'],
          async ({ cause }: WorkflowFailedError): Promise<[string, string]> => [
            name,
            `${(await run.describe()).status.name}: ${cause?.message}`,
          ],
        );
        ends.push(end);
        open.set(end, run);
        void end.then(() => open.delete(end));
        if (random() < 0.3) {
          cancelled.add(name);
          cancels.push(pause(random() * 3000).then(async () => void (await run.cancel().catch(() => {}))));
        }
      }
      const victim = Math.floor(random() * WORKERS);
      const [next] = await Promise.all([
        startWorker(),
        pause(random() * MAX_PAUSE_MS).then(() => killAndTell(pool[victim]!)),
      ]);
      pool[victim] = next;
    }
    const outcomes = await Promise.all(ends);
    await Promise.all(cancels);
    clearInterval(services);
    await Promise.all(pool.map(kill));

    const wrong = outcomes.filter(([name, outcome]) => {
      const starts = startsOf(name);
      if (outcome === 'completed') return starts !== 1;
      return starts > 1 || !cancelled.has(name) || !outcome.startsWith('CANCELLED');
    });
    const running = countRunning();
    if (isLong) {
      const started = JOBS.filter((name) => startsOf(name) > 0).length;
      const remote = JOBS.reduce((sum, name) => sum + startsOf(name), 0);
      const seconds = Math.round((Date.now() - startedAt) / 1000);
      console.log(
        `${ROUNDS} kills, ${JOBS.length} jobs, ${cancelled.size} of them cancelled; ${started} were submitted, ${remote} remote jobs started, left running: ${JSON.stringify(running)}; ${seconds} s`,
      );
    }
    expect(wrong.map(([name, outcome]) => `${name}: ${startsOf(name)} started, ${outcome}`)).toEqual([]);
    // The cluster that was there before is not the runs' to end.
    expect(running).toEqual({
      ...Object.fromEntries(Object.keys(running).map((of) => [of, 0])),
      clusters: 1,
    });
    expect(aws.violations).toEqual([]);
  },
);
