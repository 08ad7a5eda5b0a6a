import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import { parseS3Uri } from '../pipelines/location';
import type { QueryResult } from '../duckdb/query';
import type { QueryProcesses } from '../duckdb/queryProcesses';
import type { Catalog, Partition, Table } from './catalog';
import { isIceberg, listIcebergFiles } from './iceberg';
import { isProjected, projectPartitions } from './projection';
import { lineEndOf } from './lineEnds';
import { quoteName, quoteText } from './sql';
import { createView, escapePath, structureQuery, type TableFile } from './tableView';

/** What the local engines work on. */
export interface LocalLake {
  s3: S3Client;
  /** The URI of the lake. */
  lake: string;
  catalog: Catalog;
  /** Where the SQL over the catalog's tables runs. */
  processes: QueryProcesses;
}

/** One SELECT over the catalog's tables. */
export interface CatalogQuery {
  /** In DuckDB's dialect. */
  sql: string;
  /** The tables that it may name. */
  tables: readonly Table[];
  /** Statements before the views are there, e.g. macros. */
  session: readonly string[];
  /** The database of names without one. */
  database: string;
  /** Values that the query asks of a table's columns, by `database.name` and column. */
  asked?: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;
  signal: AbortSignal;
}

/** A session with a view for each table that the query may name. */
export interface CatalogSession {
  /** The size of all files behind the tables, in bytes. */
  scannedBytes: number;
  /** The rows that the statements run so far have read of the tables' files. */
  rowsRead(): number;
  /** A folder that is gone after the session. */
  folder: string;
  /** The columns of the query's result, in DuckDB's notation. */
  describe(): Promise<{ name: string; type: string }[]>;
  /** Runs a SELECT that reads the query's result as `result`, its columns `c0`, `c1`, …. */
  run(
    select: string,
    to: {
      /** How many columns the query has. */
      columns: number;
      output?: { file: string; format: 'csv' | 'parquet'; options?: string };
      maxRows?: number;
    },
  ): Promise<QueryResult>;
  /** The first rows of a SELECT over files in the folder. */
  read(select: string, maxRows: number): Promise<Record<string, unknown>[]>;
}

/** @throws SluiceError JobFailed with what the engine says, in Athena's words where they are known */
export async function openSession<T>(
  { catalog, processes }: LocalLake,
  { sql, tables, session, database, asked = new Map(), signal }: CatalogQuery,
  use: (session: CatalogSession) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-query-'));
  try {
    const names: Record<string, string> = {};
    const parquetFiles: Record<string, string[]> = {};
    let scannedBytes = 0;
    let rowsRead = 0;
    const views: string[] = [];
    const runSql = (
      text: string,
      to: { output?: Parameters<CatalogSession['run']>[1]['output']; maxRows?: number },
      prelude: readonly string[] = [],
    ) =>
      processes.run({
        sql: text,
        prelude,
        // By these a scan is known as one of Parquet, whose rows the files know.
        variables: parquetFiles,
        names,
        maxRows: to.maxRows ?? 1,
        ...(to.output ? { output: to.output } : {}),
        tempFolder: folder,
        signal,
      });
    for (const table of tables) {
      if (table.view !== undefined) continue;
      const partitions = partitionsFor(table, asked.get(`${table.database}.${table.name}`) ?? new Map());
      const files = isIceberg(table)
        ? (await listIcebergFiles(catalog, table)).map((file) => ({ file, values: [] }))
        : await catalog.filesOf(table, partitions, signal);
      for (const { file } of files) {
        names[file.path] = file.uri;
        names[escapePath(file.path)] = file.uri;
        scannedBytes += file.bytes;
      }
      if (table.format === 'parquet' && files.length > 0)
        parquetFiles[`${table.database}.${table.name}`] = files.map(({ file }) => file.path);
      views.push(`CREATE SCHEMA IF NOT EXISTS ${quoteName(table.database)}`);
      const paths = files.map(({ file }) => file);
      views.push(
        createView(table, files, {
          structure: await structureOf(table, files, runSql),
          ...(table.format === 'csv' ? { end: await lineEndOf(paths, signal) } : {}),
        }),
      );
    }
    const prelude = [
      ...session,
      ...views,
      `CREATE SCHEMA IF NOT EXISTS ${quoteName(database)}`,
      `SET search_path = ${quoteText(`${quoteName(database)},main`)}`,
    ];
    const query = async (select: string, to: Parameters<typeof runSql>[1]) => {
      const done = await runSql(select, to, prelude);
      rowsRead += done.account.read;
      return done;
    };
    return await use({
      scannedBytes,
      rowsRead: () => rowsRead,
      folder,
      async describe() {
        const { rows } = await query(
          `SELECT column_name AS name, column_type AS type FROM (DESCRIBE ${sql}\n)`,
          {
            maxRows: 10_000,
          },
        );
        return rows as unknown as { name: string; type: string }[];
      },
      run(select, { columns, ...to }) {
        const aliases = Array.from({ length: columns }, (_, i) => `c${i}`).join(', ');
        return query(`WITH result(${aliases}) AS (${sql}\n) ${select}`, to);
      },
      async read(select, maxRows) {
        return (await runSql(select, { maxRows })).rows!;
      },
    });
  } catch (error) {
    if (error instanceof SluiceError && (error.code === 'InvalidJob' || error.code === 'BadData'))
      throw new SluiceError('JobFailed', describeFailure(error.message), { cause: error });
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function partitionsFor(table: Table, asked: ReadonlyMap<string, readonly string[]>): readonly Partition[] {
  if (isProjected(table)) return projectPartitions(table, asked);
  return table.partitions.filter(({ values }) =>
    table.partitionKeys.every(
      ({ name, type }, i) => type !== 'string' || (asked.get(name)?.includes(values[i]!) ?? true),
    ),
  );
}

async function structureOf(
  { format }: Table,
  files: readonly TableFile[],
  run: (sql: string, to: { maxRows: number }) => Promise<QueryResult>,
): Promise<string | null> {
  if (format !== 'json' || files.length === 0) return null;
  const { rows } = await run(structureQuery(files.map(({ file }) => file)), { maxRows: 1 });
  const structure = rows?.[0]?.['structure'];
  return typeof structure === 'string' ? structure : null;
}

/** What the engine says of data, with the code that Athena gives it. */
const CODES: readonly [RegExp, string][] = [
  [/must appear in the GROUP BY clause|must appear in the GROUP BY/i, 'EXPRESSION_NOT_AGGREGATE'],
  [/Overflow|out of range|Out of Range/, 'NUMERIC_VALUE_OUT_OF_RANGE'],
  [/Malformed JSON|Invalid Input Error: .*JSON|JSON/i, 'HIVE_BAD_DATA'],
  [/Could not parse string .* according to format/i, 'INVALID_FUNCTION_ARGUMENT'],
  [/More than one row returned by a subquery/, 'SUBQUERY_MULTIPLE_ROWS'],
  [/Map keys must be unique/, 'INVALID_FUNCTION_ARGUMENT'],
  [/^(Conversion Error|Invalid Input Error|IO Error|Invalid Error)/, 'HIVE_BAD_DATA'],
];

/** Trino's own words come back in the engine's message where the translation put them. */
export function describeFailure(message: string): string {
  const raised = /'sluice:([\s\S]*)' to INT32/.exec(message);
  if (raised) return raised[1]!;
  if (/^[A-Z_]+: /.test(message)) return message;
  if (message.includes('quoted new lines')) {
    const file = /^\s*file = (.*)$/m.exec(message)?.[1];
    return `NOT_SUPPORTED: local Athena does not know quotes with a line break inside, where OpenCSVSerde ends the row${file === undefined ? '' : `: ${file}`}`;
  }
  const code = CODES.find(([pattern]) => pattern.test(message))?.[1] ?? 'NOT_SUPPORTED';
  return `${code}: local Athena cannot run this query; its engine says: ${message}`;
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
