import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger, type Logger } from '@temporalio/worker';
import { createJobActivities } from '../../src/activities/jobs';
import type { Progress, Runner } from '../../src/runners/runner';
import type { Activities } from '../../src/contracts/activities';
import { ensureAwsTestTools } from '../../src/local';
import type { Resource } from '../../src/jobs';
import { AwsDouble, type ServiceDouble } from '../support/aws/double';
import { RunnerRegistry, Runners, type AnyRunnerDefinition } from '../../src/runners';
import { runnerContext } from '../support/runners';
import { quietRuntime } from '../support/environment';
import type { ClientSettings } from './contractCase';

/** Where a runner of the tests that are one service's own starts; every test ends with no violation. */
export function useDouble<D extends ServiceDouble>(create: () => D) {
  let serviceModels: string;
  const made = {} as { aws: AwsDouble; double: D; settings: ClientSettings };
  beforeAll(async () => {
    quietRuntime();
    ({ serviceModels } = await ensureAwsTestTools({ env: process.env, report: () => {} }));
  }, 300_000);
  beforeEach(async () => {
    made.double = create();
    made.aws = new AwsDouble(serviceModels, [made.double]);
    made.settings = {
      endpoint: await made.aws.start(),
      region: 'eu-west-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 1,
    };
  });
  afterEach(async () => {
    await made.aws.stop();
    expect(made.aws.violations).toEqual([]);
  });
  return made;
}

export const SIGNAL: AbortSignal = new AbortController().signal;
export const PROGRESS: Progress = { resumed: undefined, keep: () => {} };

type JobActivities = Pick<Activities, 'submitJob' | 'awaitJob' | 'stopJob'>;

/** One worker's job activities over a runner, each run as Temporal runs it. */
export function createWorker(
  given: Resource | AnyRunnerDefinition,
  runner: Runner,
  { min, max, logger = new DefaultLogger('ERROR') }: { min: number; max: number; logger?: Logger } = {
    min: 5,
    max: 20,
  },
): JobActivities {
  const definition = typeof given === 'string' ? new RunnerRegistry().find(given) : given;
  const activities = createJobActivities({
    runners: new Runners(
      new RunnerRegistry([{ ...definition, engines: ['aws'], create: () => runner }]),
      runnerContext(),
    ),
    pollMinMs: min,
    pollMaxMs: max,
    retryForMs: 60_000,
    credentialsForMs: 3_600_000,
    stuckAfterMs: Infinity,
    tellRun: () => Promise.resolve(),
    readHistoryBytes: () => Promise.resolve(0),
  });
  const run = <T>(act: () => Promise<T>): Promise<T> =>
    new MockActivityEnvironment(
      { heartbeatTimeoutMs: 1000, scheduledTimestampMs: Date.now() },
      { logger },
    ).run(act);
  return {
    submitJob: (submission) => run(() => activities.submitJob(submission)),
    awaitJob: (submission, reference) => run(() => activities.awaitJob(submission, reference)),
    stopJob: (submission, reference) => run(() => activities.stopJob(submission, reference)),
  };
}
