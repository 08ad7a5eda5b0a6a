import { join, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import {
  GlueClient,
  BatchStopJobRunCommand,
  GetJobRunCommand,
  GetJobRunsCommand,
  StartJobRunCommand,
} from '@aws-sdk/client-glue';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Config } from '../../config';
import { DuckdbRunner } from './duckdb';
import { GlueRunner, type GluePort } from './glue';
import { createLivyPort, LivyRunner } from './livy';
import { createLocalRunners } from './local';
import { LocalGlueRunner, LocalLivyRunner } from './localSpark';
import { createTasks } from '../tasks';
import type { Runners } from './runner';
import { WorkerTaskRunner } from './workerTask';

/** The folder `jobs/` of this package: beside `src` in a checkout, beside `dist` when built. */
export function packageJobsFolder(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = resolve(folder, '..');
  return join(folder, 'jobs');
}

/** The runners of a worker, by `SLUICE_ENGINES`. A resource without an engine has no runner. */
export function createRunners(config: Config, s3: S3Client, jobsFolders: readonly string[]): Runners {
  const runners: Runners = {
    'duckdb:query': new DuckdbRunner(s3, jobsFolders),
    'worker:task': new WorkerTaskRunner(createTasks(), s3),
  };
  const livy =
    config.livyUrl === null ? null : new LivyRunner(createLivyPort(config.livyUrl), config.livyUrl);
  if (config.engines === 'aws') {
    runners['glue:startJobRun'] = new GlueRunner(createGluePort());
    if (livy) runners['livy:createBatch'] = livy;
  } else {
    const s3Dir = config.s3Dir!;
    const localLivy = livy && new LocalLivyRunner(livy, s3Dir);
    if (localLivy) {
      runners['livy:createBatch'] = localLivy;
      runners['glue:startJobRun'] = new LocalGlueRunner(
        localLivy,
        join(packageJobsFolder(), 'glue-jobs.json'),
        `${config.lake}/jobs`,
      );
    }
    Object.assign(
      runners,
      createLocalRunners({ s3, s3Dir, lake: config.lake, jobsFolders, livy: localLivy }),
    );
  }
  return runners;
}

/** AWS Glue through the SDK, by its default credential and endpoint rules. One attempt each: the activities retry. */
export function createGluePort(client: GlueClient = new GlueClient({ maxAttempts: 1 })): GluePort {
  return {
    startJobRun: (input) => client.send(new StartJobRunCommand(input)),
    getJobRun: (input) => client.send(new GetJobRunCommand(input)),
    getJobRuns: (input) => client.send(new GetJobRunsCommand(input)),
    batchStopJobRun: (input) => client.send(new BatchStopJobRunCommand(input)),
    region: () => client.config.region(),
  };
}
