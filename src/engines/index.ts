import type { Resource } from '../jobs';
import { createQueryProcesses } from '../duckdb/queryProcesses';
import { sharedBy, type RunnerContext } from '../runners/defineRunner';
import { LimitedRunner } from '../runners/limited';
import type { Runner } from '../runners/runner';
import { LocalAthena } from './athena';
import { Catalog } from './catalog';
import { LocalCrawler } from './crawler';
import { InWorkerRunner, type LocalEngine } from './inWorker';
import { LocalRedshift } from './redshift';

/** What stands in for AWS services on one machine, over the lake behind the local S3 gateway. */

const createCatalog = sharedBy(
  (context: RunnerContext) =>
    new Catalog(context.s3, createQueryProcesses(context), context.config.s3Dir!, context.config.lake),
);

function inWorker<R extends Resource>(
  resource: R,
  engine: LocalEngine<R>,
  { s3, config, work }: RunnerContext,
): Runner<R> {
  return new LimitedRunner(new InWorkerRunner(resource, engine, s3, config.lake), work);
}

export function createLocalCrawler(context: RunnerContext): Runner<'glue:startCrawler'> {
  const engine = new LocalCrawler(createCatalog(context), context.config.lake, context.crawlers);
  return inWorker('glue:startCrawler', engine, context);
}

export function createLocalAthena(context: RunnerContext): Runner<'athena:startQueryExecution'> {
  const engine = new LocalAthena(context.s3, createCatalog(context), context.config.lake);
  return inWorker('athena:startQueryExecution', engine, context);
}

export function createLocalRedshift(context: RunnerContext): Runner<'redshiftdata:executeStatement'> {
  const engine = new LocalRedshift(context.s3, createCatalog(context));
  return inWorker('redshiftdata:executeStatement', engine, context);
}
