import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import { parseS3Uri } from '../pipelines/location';
import type { QueryResult } from '../duckdb/query';
import { createView, type Catalog } from './catalog';
import { namesIn, parseSql, quoteName, quoteText } from './sql';

/** One SELECT over the catalog's tables. */
export interface CatalogQuery {
  /** In DuckDB's dialect. */
  sql: string;
  /** Statements before the views are there, e.g. macros. */
  session: readonly string[];
  /** The database of names without one. */
  database: string;
  signal: AbortSignal;
}

/** A session with a view for each table that the query may name. */
export interface CatalogSession {
  /** The columns of the query's result. */
  columns: { name: string; type: string }[];
  /** Every name of a table's column, in lower case. */
  tableColumns: ReadonlySet<string>;
  /** The size of all files behind the tables, in bytes. */
  scannedBytes: number;
  /** A folder that is gone after the session. */
  folder: string;
  /** Runs a SELECT that reads the query's result as `result`, its columns `c0`, `c1`, …. */
  run(
    select: string,
    to: { output?: { file: string; format: 'csv' | 'parquet'; options?: string }; maxRows?: number },
  ): Promise<QueryResult>;
  /** The first rows of a SELECT over files in the folder. */
  read(select: string, maxRows: number): Promise<Record<string, unknown>[]>;
}

/** @throws SluiceError JobFailed with DuckDB's message */
export async function openSession<T>(
  catalog: Catalog,
  { sql, session, database, signal }: CatalogQuery,
  use: (session: CatalogSession) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-query-'));
  try {
    const tables = await catalog.listTables(namesIn(parseSql(sql)), signal);
    const names: Record<string, string> = {};
    let scannedBytes = 0;
    const views: string[] = [];
    for (const table of tables) {
      const files = await catalog.filesOf(table, signal);
      for (const { file } of files) {
        names[file.path] = file.uri;
        scannedBytes += file.bytes;
      }
      views.push(`CREATE SCHEMA IF NOT EXISTS ${quoteName(table.database)}`, createView(table, files));
    }
    const prelude = [
      ...session,
      ...views,
      `CREATE SCHEMA IF NOT EXISTS ${quoteName(database)}`,
      `SET search_path = ${quoteText(`${quoteName(database)},main`)}`,
    ];
    const query = (select: string, to: Parameters<CatalogSession['run']>[1]) =>
      catalog.processes.run({
        sql: [...prelude, select].join(';\n'),
        variables: {},
        names,
        maxRows: to.maxRows ?? 1,
        ...(to.output ? { output: to.output } : {}),
        tempFolder: folder,
        signal,
      });
    const described = await query(
      `SELECT column_name AS name, column_type AS type FROM (DESCRIBE ${sql}\n)`,
      { maxRows: 10_000 },
    );
    const columns = described.rows as unknown as CatalogSession['columns'];
    const aliases = columns.map((_, i) => `c${i}`).join(', ');
    const ofTables = tables.flatMap((table) => [...table.columns, ...table.partitionKeys]);
    return await use({
      columns,
      tableColumns: new Set(ofTables.map(({ name }) => name.toLowerCase())),
      scannedBytes,
      folder,
      run: (select, to) => query(`WITH result(${aliases}) AS (${sql}\n) ${select}`, to),
      async read(select, maxRows) {
        const read = await catalog.processes.run({
          sql: select,
          variables: {},
          names: {},
          maxRows,
          tempFolder: folder,
          signal,
        });
        return read.rows!;
      },
    });
  } catch (error) {
    if (error instanceof SluiceError && (error.code === 'InvalidJob' || error.code === 'BadData'))
      throw new SluiceError('JobFailed', error.message, { cause: error });
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Uploads a file as one object: it is there as a whole or not at all. */
export async function putFile(
  s3: S3Client,
  file: string,
  uri: string,
  signal: AbortSignal,
  metadata: Record<string, string> = {},
): Promise<void> {
  const { bucket, key } = parseS3Uri(uri)!;
  const { size } = await stat(file);
  await s3.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: key,
      Body: createReadStream(file),
      ContentLength: size,
      Metadata: metadata,
    }),
    { abortSignal: signal },
  );
}
