import type { S3Client } from '@aws-sdk/client-s3';
import type { LocalLivyRunner } from './localSpark';
import type { QueryProcesses } from '../duckdb/queryProcesses';
import type { Runners } from '../runners/runner';
import { LocalAthena } from './athena';
import { Catalog } from './catalog';
import { LocalCrawler } from './crawler';
import { LocalEmrStepRunner } from './emrStep';
import { InWorkerRunner } from './inWorker';
import { LocalRedshift } from './redshift';

/** What stands in for AWS services on one machine, over the lake behind the local S3 gateway. */
export function createLocalRunners({
  s3,
  processes,
  s3Dir,
  lake,
  jobsFolders,
  livy,
}: {
  s3: S3Client;
  processes: QueryProcesses;
  /** The folder whose sub-folders are the buckets. */
  s3Dir: string;
  lake: string;
  jobsFolders: readonly string[];
  livy: LocalLivyRunner | null;
}): Runners {
  const catalog = new Catalog(s3, processes, s3Dir, lake);
  return {
    'glue:startCrawler': new InWorkerRunner(
      'glue:startCrawler',
      new LocalCrawler(catalog, lake, jobsFolders),
      s3,
      lake,
    ),
    'athena:startQueryExecution': new InWorkerRunner(
      'athena:startQueryExecution',
      new LocalAthena(s3, catalog, lake),
      s3,
      lake,
    ),
    'redshiftdata:executeStatement': new InWorkerRunner(
      'redshiftdata:executeStatement',
      new LocalRedshift(s3, catalog),
      s3,
      lake,
    ),
    ...(livy ? { 'elasticmapreduce:addStep': new LocalEmrStepRunner(livy) } : {}),
  };
}
