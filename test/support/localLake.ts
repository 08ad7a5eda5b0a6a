import type { S3Client } from '@aws-sdk/client-s3';
import { Catalog } from '../../src/engines/catalog';
import type { LocalLake } from '../../src/engines/session';
import { testQueryProcesses } from './queryProcesses';

/** The local engines' own view of a test's lake. */
export function localLake({ s3, s3Dir }: { s3: S3Client; s3Dir: string }): LocalLake {
  const lake = 's3://lake';
  return { s3, lake, catalog: new Catalog(s3, s3Dir, lake), processes: testQueryProcesses() };
}
