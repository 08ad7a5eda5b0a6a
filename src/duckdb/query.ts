import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DuckDBConnection, DuckDBValueConverter, Json } from '@duckdb/node-api';
import { SluiceError } from '../errors';
import { CsvReadings, describeCases, type Profile, type RowAccount } from './csv/readings';
import { quoteName, splitStatements, toSql } from './tokens';

export { splitStatements } from './tokens';

export interface Query {
  /** Statements; the last one is a SELECT whose rows, in their order, are the result. */
  sql: string;
  /** Read in SQL as `getvariable('<name>')`: a text, or a list of local file names. */
  variables: Record<string, string | string[]>;
  /** Statements of a local engine's own (settings, macros, views), before the SQL is confined to its inputs. */
  prelude?: readonly string[];
  /** Local file name -> the URI that errors name instead. */
  names: Record<string, string>;
  /** The file that takes the rows; without it they come back. `options` of COPY replace the format's usual ones. */
  output?: { file: string; format: 'parquet' | 'csv'; options?: string };
  maxRows: number;
  /** Where DuckDB spills what does not fit into memory. Besides the files named here, the SQL can read only what is in it. */
  tempFolder: string;
  limits?: Partial<QueryLimits>;
  signal: AbortSignal;
  /** Told how far the query is, in percent, where DuckDB knows. */
  onProgress?: (percent: number) => void;
}

/** What a query may take of the machine. The SQL cannot raise it. */
export interface QueryLimits {
  memoryBytes: number;
  threads: number;
  /** What it may write aside when memory is short. */
  spillBytes: number;
}

export interface QueryResult {
  rows?: Record<string, unknown>[];
  rowCount: number;
  /** The time inside DuckDB, in milliseconds. */
  engineMs: number;
  account: RowAccount;
}

const OUTPUT_OPTIONS = {
  parquet: 'FORMAT parquet, COMPRESSION snappy',
  csv: "FORMAT csv, HEADER true, NULLSTR ''",
};

/** DuckDB's classes of error that the SQL is to blame for; all others are the data's. */
const SQL_ERROR = /^(Parser|Syntax|Binder|Catalog|Permission|Not implemented|Out of Memory) Error/;
/** An interrupt that comes between two statements is lost, so it is repeated. */
const INTERRUPT_INTERVAL_MS = 50;

/**
 * Runs a script in a DuckDB of its own, inside this process. An abort interrupts the query.
 * @throws SluiceError BadData or InvalidJob, with DuckDB's own message
 */
export async function runQuery(query: Query): Promise<QueryResult> {
  const { signal, output, maxRows } = query;
  signal.throwIfAborted();
  const maxBadShare = badShareOf(query.variables);
  // Who runs no query does not wait for its native part, as each command of a project would.
  const duckdb = await import('@duckdb/node-api');
  const instance = await duckdb.DuckDBInstance.create(':memory:', settingsOf(query));
  const connection = await instance.connect();
  let interrupts: NodeJS.Timeout | undefined;
  const interrupt = () => {
    connection.interrupt();
    interrupts ??= setInterval(() => connection.interrupt(), INTERRUPT_INTERVAL_MS);
  };
  signal.addEventListener('abort', interrupt, { once: true });
  const progress = reportProgress(connection, query.onProgress);
  const startedAt = performance.now();
  try {
    for (const statement of query.prelude ?? []) await connection.run(statement);
    await confine(connection, query);
    for (const [name, value] of Object.entries(query.variables)) {
      await connection.run(`SET VARIABLE ${quoteName(name)} = ${toSql(value)}`);
    }
    const readings = new CsvReadings(connection, query.variables, signal);
    const count = async () => readings.count(await takeProfile(query.tempFolder));
    const last = await runAllButLast(connection, query.sql, { readings, count, signal });
    const done: Omit<QueryResult, 'account' | 'engineMs'> = { rowCount: 0 };
    if (output) {
      const copied = await connection.run(
        `COPY (${last}\n) TO ${toSql(output.file)} (${output.options ?? OUTPUT_OPTIONS[output.format]})`,
      );
      const [[rows]] = (await copied.getRows()) as [[bigint]];
      done.rowCount = Number(rows);
    } else {
      const result = await connection.stream(last);
      const reader = new duckdb.DuckDBResultReader(result);
      await reader.readUntil(maxRows);
      done.rows = reader.convertRowObjects(toJson(duckdb.JsonDuckDBValueConverter)).slice(0, maxRows);
      // What became of all rows is known at the end.
      while (readings.readsCsv && ((await result.fetchChunk())?.rowCount ?? 0) > 0) signal.throwIfAborted();
      done.rowCount = done.rows.length;
    }
    await count();
    const account = await readings.account();
    refuseBadShare(account, maxBadShare);
    for (const found of account.cases) found.file = query.names[found.file] ?? found.file;
    return { ...done, account, engineMs: elapsed(startedAt) };
  } catch (error) {
    signal.throwIfAborted();
    const message = describe(error as Error, query.names);
    const code =
      error instanceof SluiceError ? error.code : SQL_ERROR.test(message) ? 'InvalidJob' : 'BadData';
    throw new SluiceError(code, message, { cause: error });
  } finally {
    clearInterval(progress);
    clearInterval(interrupts);
    signal.removeEventListener('abort', interrupt);
    connection.closeSync();
    instance.closeSync();
  }
}

/**
 * What DuckDB 1.5.6 gives wrong rows with. Each only makes some queries faster.
 * https://github.com/duckdb/duckdb/issues/24624, https://github.com/duckdb/duckdb/issues/24657
 */
const WRONG_OPTIMIZERS = ['common_subplan', 'late_materialization', 'top_n_window_elimination'];

function settingsOf({ tempFolder, limits = {} }: Query): Record<string, string> {
  const { memoryBytes, threads, spillBytes } = limits;
  return {
    temp_directory: tempFolder,
    disabled_optimizers: WRONG_OPTIMIZERS.join(),
    ...(memoryBytes === undefined ? {} : { memory_limit: `${memoryBytes}B` }),
    ...(threads === undefined ? {} : { threads: String(threads) }),
    ...(spillBytes === undefined ? {} : { max_temp_directory_size: `${spillBytes}B` }),
  };
}

/** How often a query's progress is looked at. */
const PROGRESS_INTERVAL_MS = 1_000;

function reportProgress(
  connection: DuckDBConnection,
  onProgress: Query['onProgress'],
): NodeJS.Timeout | undefined {
  if (onProgress === undefined) return undefined;
  return setInterval(() => {
    const { percentage } = connection.progress;
    // DuckDB says -1 where it does not know.
    if (percentage >= 0) onProgress(Math.floor(percentage));
  }, PROGRESS_INTERVAL_MS);
}

/** @throws SluiceError InvalidJob */
function badShareOf({ maxBadShare }: Query['variables']): number {
  const text = String(maxBadShare ?? 1);
  const share = Number(text);
  if (/^[\d.e-]+$/i.test(text) && share >= 0 && share <= 1) return share;
  throw new SluiceError(
    'InvalidJob',
    `maxBadShare: "${text}" is no share; give a number from 0 to 1, such as 0.001`,
  );
}

/** @throws SluiceError BadData that names the first five cases */
function refuseBadShare({ read, rejected, unread, cases }: RowAccount, maxBadShare: number): void {
  const bad = rejected + unread;
  if (bad === 0 || bad / (read + rejected) <= maxBadShare || maxBadShare === 1) return;
  throw new SluiceError(
    'BadData',
    `${rejected} rows were rejected and ${unread} values could not be read, of ${read + rejected} rows: more than maxBadShare ${maxBadShare} allows: ${describeCases(cases)}`,
  );
}

/** What DuckDB writes down of each statement. */
const PROFILE = 'profile.json';
const PROFILE_SETTINGS = { OPERATOR_TYPE: 'true', OPERATOR_CARDINALITY: 'true', EXTRA_INFO: 'true' };

/** The profile of the statement that has just run; null when it was not read to its end. */
async function takeProfile(folder: string): Promise<Profile | null> {
  const file = join(folder, PROFILE);
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Profile;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return null;
  } finally {
    await rm(file, { force: true });
  }
}

/** Takes from the SQL all files, folders and extensions but its own. Nothing in DuckDB gives them back. */
async function confine(
  connection: DuckDBConnection,
  { variables, names, output, tempFolder }: Query,
): Promise<void> {
  await connection.run("PRAGMA enable_profiling = 'json'");
  await connection.run(`SET profiling_output = ${toSql(join(tempFolder, PROFILE))}`);
  await connection.run(`SET custom_profiling_settings = ${toSql(JSON.stringify(PROFILE_SETTINGS))}`);
  const inputs = Object.values(variables).filter((value) => Array.isArray(value));
  const files = [...inputs.flat(), ...Object.keys(names)];
  const folders = [tempFolder, ...(output ? [dirname(output.file)] : [])];
  await connection.run(`SET allowed_paths = ${toSql(files)}`);
  await connection.run(`SET allowed_directories = ${toSql(folders)}`);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
}

interface Steps {
  readings: CsvReadings;
  count: () => Promise<void>;
  signal: AbortSignal;
}

/** Runs every statement but the last, and returns the text of the last without its semicolon. */
async function runAllButLast(
  connection: DuckDBConnection,
  sql: string,
  { readings, count, signal }: Steps,
): Promise<string> {
  const statements = splitStatements(sql);
  const last = statements.pop();
  if (last === undefined)
    throw new SluiceError('InvalidJob', 'The SQL is empty; its last statement must be a SELECT.');
  for (const statement of statements) {
    signal.throwIfAborted();
    await connection.run(await readings.expand(statement));
    await count();
  }
  signal.throwIfAborted();
  return readings.expand(last);
}

/** JSON's own number where it is exact; a larger integer is a text. */
const toJson =
  (usual: DuckDBValueConverter<Json>): DuckDBValueConverter<Json> =>
  (value, type, converter) =>
    typeof value === 'bigint' && Number.isSafeInteger(Number(value))
      ? Number(value)
      : usual(value, type, converter);

/** The first paragraph of DuckDB's message. The longest path goes first: one may be the beginning of another. */
function describe(error: Error, names: Record<string, string>): string {
  let message = error.message.replace('Failed to extract statements: ', '').split('\n\n')[0]!;
  const byLength = Object.entries(names).sort(([a], [b]) => b.length - a.length);
  for (const [path, uri] of byLength) message = message.replaceAll(path, () => uri);
  return message;
}

function elapsed(sinceMs: number): number {
  return Math.round(performance.now() - sinceMs);
}
