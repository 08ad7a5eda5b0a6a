/**
 * `npm run bench -- athena [SIZE_MB]`: a scan of 1 GB of Parquet by local Athena, against DuckDB alone with the same
 * question in the same run; and a whole SELECT over 1,000 partitions of one row each, in which planning is nearly all. The
 * ratio is to be at most 1.2, the SELECT's time below 1 s.
 */
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';
import { QueryProcesses } from '../src/duckdb/queryProcesses';
import { LocalAthena } from '../src/engines/athena';
import { Catalog } from '../src/engines/catalog';
import type { LocalLake } from '../src/engines/session';
import { median } from './measure';
import { bench } from './stack';

const [sizeMb = 1_000] = process.argv.slice(2).map(Number);
const ROUNDS = 5;
const PARTITIONS = 1_000;
const MOST = { ratio: 1.2, partitionsMs: 1_000 };

const QUESTION = 'SELECT kind, count(*) AS n, sum(amount) AS total, max(name) AS last FROM';
const COLUMNS = 'id bigint, kind bigint, amount double, name string';

async function ask({ lake, ...local }: LocalLake, sql: string, id: string): Promise<number> {
  const athena = new LocalAthena({ lake, ...local });
  const parameters = { QueryString: sql, QueryExecutionContext: { Database: 'bench' } };
  const job = { resource: 'athena:startQueryExecution' as const, parameters };
  const startedAt = performance.now();
  await athena.run({ job, key: id, run: 'run', step: 'step' }, id, new AbortController().signal);
  return performance.now() - startedAt;
}

/** Files of some 100 MB, until they have the size. @returns their paths and size */
async function generateFiles(folder: string): Promise<{ paths: string[]; bytes: number }> {
  await mkdir(folder, { recursive: true });
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const paths: string[] = [];
  let bytes = 0;
  while (bytes < sizeMb * 1_000_000) {
    const path = join(folder, `${paths.length}.parquet`);
    await connection.run(
      `COPY (SELECT i AS id, i % 100 AS kind, random() * 1000 AS amount, md5(i::VARCHAR) AS name
       FROM range(${paths.length * 2_000_000}, ${(paths.length + 1) * 2_000_000}) AS t(i)) TO '${path}' (FORMAT parquet)`,
    );
    paths.push(path);
    bytes += (await stat(path)).size;
  }
  connection.closeSync();
  instance.closeSync();
  return { paths, bytes };
}

async function scanByDuckdb(processes: QueryProcesses, paths: string[], folder: string): Promise<number> {
  const startedAt = performance.now();
  await processes.run({
    sql: `${QUESTION} read_parquet(getvariable('files')) GROUP BY kind`,
    variables: { files: paths },
    ...{ names: {}, maxRows: 1, tempFolder: folder, signal: new AbortController().signal },
    output: { file: join(folder, 'out.csv'), format: 'csv' },
  });
  return performance.now() - startedAt;
}

async function measureScan(local: LocalLake, folder: string): Promise<boolean> {
  const { paths, bytes } = await generateFiles(join(folder, 'lake', 'big'));
  await ask(
    local,
    `CREATE EXTERNAL TABLE big (${COLUMNS}) STORED AS PARQUET LOCATION 's3://lake/big/'`,
    'big',
  );
  const temp = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  const [ours, alone]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(await scanByDuckdb(local.processes, paths, temp));
    ours.push(await ask(local, `${QUESTION} big GROUP BY kind`, `scan-${round}`));
  }
  await rm(temp, { recursive: true });
  const ratio = median(ours) / median(alone);
  console.log(
    `athena: a scan of ${(bytes / 1e9).toFixed(2)} GB: ${(median(ours) / 1000).toFixed(2)} s against ${(median(alone) / 1000).toFixed(2)} s by DuckDB alone; ratio ${ratio.toFixed(2)}`,
  );
  return ratio <= MOST.ratio;
}

async function measurePartitions(local: LocalLake, folder: string): Promise<boolean> {
  for (let i = 0; i < PARTITIONS; i++) {
    await mkdir(join(folder, 'lake', 'many', `d=${i}`), { recursive: true });
    await writeFile(join(folder, 'lake', 'many', `d=${i}`, 'a'), `${i}\n`);
  }
  await ask(
    local,
    "CREATE EXTERNAL TABLE many (a int) PARTITIONED BY (d string) LOCATION 's3://lake/many/'",
    'many',
  );
  await ask(local, 'MSCK REPAIR TABLE many', 'repair');
  const [all, one]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    all.push(await ask(local, 'SELECT count(*) AS n, sum(a) AS s, max(d) AS d FROM many', `all-${round}`));
    one.push(await ask(local, "SELECT a FROM many WHERE d = '500'", `one-${round}`));
  }
  console.log(
    `athena: a SELECT over ${PARTITIONS} partitions, planned and run: ${median(all).toFixed(0)} ms; of one of them: ${median(one).toFixed(0)} ms`,
  );
  return median(all) <= MOST.partitionsMs;
}

bench(async ({ folder, startS3 }) => {
  const s3: S3Client = await startS3();
  const s3Dir = join(folder, 's3');
  const processes = new QueryProcesses({ memoryBytes: 1e9, spillBytes: 1e10, threads: 2 });
  const local = { s3, lake: 's3://lake', catalog: new Catalog(s3, s3Dir, 's3://lake'), processes };
  const kept = [await measurePartitions(local, s3Dir), await measureScan(local, s3Dir)];
  if (kept.includes(false)) throw new Error('athena: more than it may be');
});
