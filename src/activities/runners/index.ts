import { join, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { EMRClient } from '@aws-sdk/client-emr';
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
import { createEmrPort, createEmrRunners } from './emr';
import { GlueRunner, type GluePort } from './glue';
import { createCrawlerPort, GlueCrawlerRunner } from './glueCrawler';
import { createLivyPort, LivyRunner } from './livy';
import { LocalGlueRunner, LocalLivyRunner } from './localSpark';
import { createTasks } from '../tasks';
import type { Runners } from './runner';
import { WorkerTaskRunner } from './workerTask';

/** One attempt each, since the activities retry; a call that is never answered must not hold up all polls of its service. */
const CLIENT_SETTINGS = {
  maxAttempts: 1,
  requestHandler: { connectionTimeout: 10_000, requestTimeout: 60_000, throwOnRequestTimeout: true },
};

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
    const gapMs = config.pollMinMs;
    const glue = new GlueClient(CLIENT_SETTINGS);
    runners['glue:startJobRun'] = new GlueRunner(createGluePort(glue), gapMs);
    runners['glue:startCrawler'] = new GlueCrawlerRunner(createCrawlerPort(glue), gapMs);
    Object.assign(runners, createEmrRunners(createEmrPort(new EMRClient(CLIENT_SETTINGS)), gapMs));
    if (livy) runners['livy:createBatch'] = livy;
  } else if (livy) {
    const localLivy = new LocalLivyRunner(livy, config.s3Dir!);
    runners['livy:createBatch'] = localLivy;
    runners['glue:startJobRun'] = new LocalGlueRunner(
      localLivy,
      join(packageJobsFolder(), 'glue-jobs.json'),
      `${config.lake}/jobs`,
    );
  }
  return runners;
}

/** AWS Glue's jobs through the SDK, by its default credential and endpoint rules. */
export function createGluePort(client: GlueClient): GluePort {
  return {
    startJobRun: (input) => client.send(new StartJobRunCommand(input)),
    getJobRun: (input) => client.send(new GetJobRunCommand(input)),
    getJobRuns: (input) => client.send(new GetJobRunsCommand(input)),
    batchStopJobRun: (input) => client.send(new BatchStopJobRunCommand(input)),
    region: () => client.config.region(),
  };
}
