import type { Resource } from '../jobs';
import { createQueryProcesses } from '../duckdb/queryProcesses';
import { sharedBy, type RunnerContext } from '../runners/defineRunner';
import { LimitedRunner } from '../runners/limited';
import type { Runner } from '../runners/runner';
import { LocalAthena } from './athena';
import { Catalog } from './catalog';
import { LocalCrawler } from './crawler';
import { InWorkerRunner, type LocalEngine } from './inWorker';
import { LocalRedshift, LocalRedshiftBatch } from './redshift';
import type { LocalLake } from './session';

/** What stands in for AWS services on one machine, over the lake behind the local S3 gateway. */

const createLake = sharedBy((context: RunnerContext): LocalLake => {
  const { s3, config } = context;
  return {
    ...{ s3, lake: config.lake, catalog: new Catalog(s3, config.s3Dir!, config.lake) },
    processes: createQueryProcesses(context),
  };
});

function inWorker<R extends Resource>(
  resource: R,
  engine: LocalEngine<R>,
  { s3, config, work }: RunnerContext,
): Runner<R> {
  return new LimitedRunner(new InWorkerRunner(resource, engine, s3, config.lake), work);
}

export function createLocalCrawler(context: RunnerContext): Runner<'glue:startCrawler'> {
  const engine = new LocalCrawler(createLake(context), context.crawlers);
  return inWorker('glue:startCrawler', engine, context);
}

export function createLocalAthena(context: RunnerContext): Runner<'athena:startQueryExecution'> {
  const engine = new LocalAthena(createLake(context));
  return inWorker('athena:startQueryExecution', engine, context);
}

export function createLocalRedshift(context: RunnerContext): Runner<'redshiftdata:executeStatement'> {
  const engine = new LocalRedshift(createLake(context));
  return inWorker('redshiftdata:executeStatement', engine, context);
}

export function createLocalRedshiftBatch(
  context: RunnerContext,
): Runner<'redshiftdata:batchExecuteStatement'> {
  const engine = new LocalRedshiftBatch(createLake(context));
  return inWorker('redshiftdata:batchExecuteStatement', engine, context);
}
