import { join, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Config } from '../setup/config';
import { Limiter } from '../services/limiter';
import { createTasks } from '../tasks';
import { createAwsRunners } from './aws';
import { QueryProcesses } from '../duckdb/queryProcesses';
import { DuckdbRunner } from '../duckdb/runner';
import { LimitedRunner } from './limited';
import { createLivyPort, LivyRunner } from './livy';
import { createLocalRunners } from '../engines';
import { LocalGlueRunner, LocalLivyRunner } from '../engines/localSpark';
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
  const { memoryBytes, spillBytes, threads, queries } = config.duckdb;
  const processes = new QueryProcesses({
    memoryBytes: Math.floor(memoryBytes / queries),
    spillBytes: Math.floor(spillBytes / queries),
    threads,
  });
  const runners: Runners = {
    'duckdb:query': new DuckdbRunner(s3, jobsFolders, processes),
    'worker:task': new WorkerTaskRunner(createTasks(), s3),
  };
  const livy =
    config.livyUrl === null ? null : new LivyRunner(createLivyPort(config.livyUrl), config.livyUrl);
  if (config.engines === 'aws') {
    Object.assign(runners, createAwsRunners(config.pollMinMs));
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
      createLocalRunners({ s3, processes, s3Dir, lake: config.lake, jobsFolders, livy: localLivy }),
    );
  }
  return limitWork(runners, queries);
}

/** Tasks wait for S3 and DynamoDB more than they compute. */
const TASKS_PER_CORE = 4;

/** Awaits are many and cost nothing; what works inside the worker is as much at a time as its cores can do. */
function limitWork(runners: Runners, mostQueries: number): Runners {
  const queries = new Limiter(mostQueries);
  const tasks = new Limiter(availableParallelism() * TASKS_PER_CORE);
  const limited = Object.entries(runners).map(([resource, runner]) => {
    const works = runner.worksInPoll === true && resource !== 'lambda:invoke';
    const limiter = resource === 'worker:task' ? tasks : queries;
    return [resource, works ? new LimitedRunner(runner, limiter) : runner];
  });
  return Object.fromEntries(limited) as Runners;
}
