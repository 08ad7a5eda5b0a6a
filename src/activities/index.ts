import type { S3Client } from '@aws-sdk/client-s3';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import type { Client } from '@temporalio/client';
import type { Config } from '../setup/config';
import { createArrivalActivities } from './arrivals';
import { createJobActivities } from './jobs';
import { createNotifyActivities, type NotifyDependencies } from './notify';
import { createRunners, packageJobsFolder } from '../runners';
import type { Runners } from '../runners/runner';
import type { Activities } from '../contracts/activities';

export type { Activities, Submission } from '../contracts/activities';
export type { JobState, Runner, Runners } from '../runners/runner';

/** What the activities work with; everything is an argument. */
export interface ActivityDependencies {
  config: Config;
  client: Client;
  s3: S3Client;
  /** Whether the search attributes are registered: a run that sets an unregistered one would hang for ever. */
  searchAttributes: boolean;
  /** Folders with the scripts of `duckdb:query`, before the package's own. */
  jobsFolders?: readonly string[];
  /** Runners that replace or add to the built-in ones. */
  runners?: Runners;
  /** Publishes to an SNS topic; default the SDK's. */
  publish?: NotifyDependencies['publish'];
}

/** SNS through the SDK; its client is made with the first message. */
function createPublish(): NotifyDependencies['publish'] {
  let client: SNSClient | undefined;
  return (input) => (client ??= new SNSClient({})).send(new PublishCommand(input));
}

export function createActivities(deps: ActivityDependencies): Activities {
  const { config, client, s3 } = deps;
  const runners = {
    ...createRunners(config, s3, [...(deps.jobsFolders ?? []), packageJobsFolder()]),
    ...deps.runners,
  };
  return {
    describeWorker: () =>
      Promise.resolve({
        searchAttributes: deps.searchAttributes,
        uiUrl: config.uiUrl,
        notifies: config.notify !== null,
      }),
    ...createNotifyActivities({
      publish: deps.publish ?? createPublish(),
      target: config.notify,
      hosts: config.notifyHosts,
      uiUrl: config.uiUrl,
    }),
    ...createJobActivities({ ...config, runners }),
    ...createArrivalActivities({ client, s3, taskQueue: config.taskQueue, listEveryMs: config.listEveryMs }),
  };
}
