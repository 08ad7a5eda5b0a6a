import type { S3Client } from '@aws-sdk/client-s3';
import type { SNSClient } from '@aws-sdk/client-sns';
import type { Client } from '@temporalio/client';
import type { Config } from '../setup/config';
import { costOf } from '../setup/prices';
import { lookUpCredentials } from '../setup/credentials';
import { createArrivalActivities } from './arrivals';
import { createEarlierActivities } from './earlier';
import { createJobActivities } from './jobs';
import { createLeftJobActivities } from './leftJobs';
import { createLineageActivities } from './lineage';
import { readMeasures } from './measures';
import { createNotifyActivities, type NotifyDependencies } from './notify';
import { readHistoryBytes } from './historyBytes';
import { createRetryTelling } from './retries';
import { RunnerRegistry, Runners, type AnyRunnerDefinition } from '../runners';
import type { Crawlers, GlueJobs } from '../runners/defineRunner';
import { Lineage } from '../services/lineage';
import { Limiter } from '../services/limiter';
import type { AnyTask } from '../tasks/defineTask';
import type { Activities } from '../contracts/activities';
import { createPoolActivities, type Limits } from './pools';
import { createScheduleActivities } from './schedules';
import { StuckRuns } from './stuckRuns';
import { packageJobsFolder, SHIPPED_GLUE_JOBS, SHIPPED_TASKS } from './shipped';

export type { Activities, Submission } from '../contracts/activities';

/** What the activities work with; everything is an argument. */
export interface ActivityDependencies {
  config: Config;
  client: Client;
  s3: S3Client;
  /** Whether the search attributes are registered: a run that sets an unregistered one would hang for ever. */
  searchAttributes: boolean;
  /** Folders with the scripts of `duckdb:query`, before the package's own. */
  jobsFolders?: readonly string[];
  /** Runners of one's own; one for a resource that ships replaces its runner. */
  runners?: readonly AnyRunnerDefinition[];
  /** Tasks of one's own; one with the name of a task that ships replaces it. */
  tasks?: readonly AnyTask[];
  /** The scripts of Glue jobs, for local engines, beside those that ship. */
  glueJobs?: GlueJobs;
  /** Glue crawlers, for local engines. */
  crawlers?: Crawlers;
  /** How many jobs of each pool run at once, in all runs on the task queue: by resource, or by the name that jobs give. */
  limits?: Limits;
  /** Whether the scripts of a test say what becomes of jobs: each has a submit, and no limit is kept. */
  isScripted?: boolean;
  /** Publishes to an SNS topic; default the SDK's. */
  publish?: NotifyDependencies['publish'];
}

/** Where and how a process tells of runs. */
function readNotifying({
  notify,
  notifyHosts,
  uiUrl,
}: Config): Omit<NotifyDependencies, 'readCost' | 'publish'> {
  return { target: notify, hosts: notifyHosts, uiUrl };
}

/** SNS through the SDK, which is loaded with the first message. */
function createPublish(): NotifyDependencies['publish'] {
  let client: SNSClient | undefined;
  return async (input) => {
    const sdk = await import('@aws-sdk/client-sns');
    client ??= new sdk.SNSClient({ credentials: lookUpCredentials });
    return client.send(new sdk.PublishCommand(input));
  };
}

/**
 * What tells of stuck runs, with the settings of a process.
 * @param identity see `StuckRunsDependencies`
 */
export function createStuckRuns(config: Config, client: Client, identity: string | null): StuckRuns {
  const { taskQueue, stuckAfterMs } = config;
  const telling = { ...readNotifying(config), publish: createPublish() };
  return new StuckRuns({ ...telling, client, taskQueue, stuckAfterMs, identity });
}

/** The runners of a worker, or of a command that looks at jobs. */
export function createRunners(
  deps: Omit<ActivityDependencies, 'client' | 'searchAttributes' | 'publish'>,
): Runners {
  const { config, s3 } = deps;
  return new Runners(new RunnerRegistry(deps.runners), {
    config,
    s3,
    jobsFolders: [...(deps.jobsFolders ?? []), packageJobsFolder()],
    tasks: [...SHIPPED_TASKS, ...(deps.tasks ?? [])],
    glueJobs: { ...SHIPPED_GLUE_JOBS, ...deps.glueJobs },
    crawlers: deps.crawlers ?? {},
    work: new Limiter(config.duckdb.queries),
  });
}

export function createActivities(deps: ActivityDependencies): Activities {
  const { config, client, s3 } = deps;
  const runners = createRunners(deps);
  const lineage = config.lineage && new Lineage(config.lineage);
  const telling = createRetryTelling(client, config.stuckAfterMs);
  const limits = deps.limits ?? {};
  return {
    describeWorker: () =>
      Promise.resolve({
        searchAttributes: deps.searchAttributes,
        notifies: config.notify !== null,
        tellsLineage: lineage !== null,
        stuckAfterMs: config.stuckAfterMs,
        looksFirst: true,
        worksHere: deps.isScripted ? [] : runners.registry.inWorker,
        limits: deps.isScripted ? null : Object.keys(limits),
      }),
    ...createNotifyActivities({
      ...readNotifying(config),
      publish: deps.publish ?? createPublish(),
      readCost: async (notification) =>
        config.prices === null ? null : costOf(await readMeasures(client, notification), config.prices),
    }),
    ...createLineageActivities(lineage),
    ...createJobActivities({
      ...{ ...config, ...telling, runners, lineage },
      readHistoryBytes: () => readHistoryBytes(client),
    }),
    ...createPoolActivities({ client, taskQueue: config.taskQueue, limits }),
    ...createEarlierActivities({ client, s3, runners }),
    ...createScheduleActivities({ client }),
    ...createLeftJobActivities({ client, runners }),
    ...createArrivalActivities({
      ...{ ...telling, client, s3 },
      ...{ taskQueue: config.taskQueue, listEveryMs: config.listEveryMs },
    }),
  };
}
