import { dirname } from 'node:path';
import {
  DuckDBInstance,
  JsonDuckDBValueConverter,
  type DuckDBConnection,
  type DuckDBValueConverter,
  type Json,
} from '@duckdb/node-api';
import { SluiceError } from '../errors';

export interface Query {
  /** Statements; the last one is a SELECT whose rows, in their order, are the result. */
  sql: string;
  /** Read in SQL as `getvariable('<name>')`: a text, or a list of local file names. */
  variables: Record<string, string | string[]>;
  /** Local file name -> the URI that errors name instead. */
  names: Record<string, string>;
  /** The file that takes the rows; without it they come back. `options` of COPY replace the format's usual ones. */
  output?: { file: string; format: 'parquet' | 'csv'; options?: string };
  maxRows: number;
  /** Where DuckDB spills what does not fit into memory. Besides the files named here, the SQL can read only what is in it. */
  tempFolder: string;
  /** DuckDB's own notation, e.g. `1GB`; its default is 80 % of the machine's memory. */
  memoryLimit?: string;
  signal: AbortSignal;
}

export interface QueryResult {
  rows?: Record<string, unknown>[];
  rowCount: number;
  /** The time inside DuckDB, in milliseconds. */
  engineMs: number;
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
 * Runs a script in a DuckDB of its own. An abort interrupts the query.
 * @throws SluiceError BadData or InvalidJob, with DuckDB's own message
 */
export async function runQuery(query: Query): Promise<QueryResult> {
  const { signal, output, tempFolder, memoryLimit, maxRows } = query;
  signal.throwIfAborted();
  const settings = { temp_directory: tempFolder, ...(memoryLimit ? { memory_limit: memoryLimit } : {}) };
  const instance = await DuckDBInstance.create(':memory:', settings);
  const connection = await instance.connect();
  let interrupts: NodeJS.Timeout | undefined;
  const interrupt = () => {
    connection.interrupt();
    interrupts ??= setInterval(() => connection.interrupt(), INTERRUPT_INTERVAL_MS);
  };
  signal.addEventListener('abort', interrupt, { once: true });
  const startedAt = performance.now();
  try {
    await confine(connection, query);
    for (const [name, value] of Object.entries(query.variables)) {
      await connection.run(`SET VARIABLE ${quoteName(name)} = ${toSql(value)}`);
    }
    const last = await runAllButLast(connection, query.sql, signal);
    if (output) {
      const copied = await connection.run(
        `COPY (${last}\n) TO ${toSql(output.file)} (${output.options ?? OUTPUT_OPTIONS[output.format]})`,
      );
      const [[count]] = (await copied.getRows()) as [[bigint]];
      return { rowCount: Number(count), engineMs: elapsed(startedAt) };
    }
    const reader = await connection.streamAndReadUntil(last, maxRows);
    const rows = reader.convertRowObjects(toJson).slice(0, maxRows) as Record<string, unknown>[];
    return { rows, rowCount: rows.length, engineMs: elapsed(startedAt) };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SluiceError) throw error;
    const message = describe(error as Error, query.names);
    throw new SluiceError(SQL_ERROR.test(message) ? 'InvalidJob' : 'BadData', message, { cause: error });
  } finally {
    clearInterval(interrupts);
    signal.removeEventListener('abort', interrupt);
    connection.closeSync();
    instance.closeSync();
  }
}

/** Takes from the SQL all files, folders and extensions but its own. Nothing in DuckDB gives them back. */
async function confine(
  connection: DuckDBConnection,
  { variables, names, output, tempFolder }: Query,
): Promise<void> {
  const inputs = Object.values(variables).filter((value) => Array.isArray(value));
  const files = [...inputs.flat(), ...Object.keys(names)];
  const folders = [tempFolder, ...(output ? [dirname(output.file)] : [])];
  await connection.run(`SET allowed_paths = ${toSql(files)}`);
  await connection.run(`SET allowed_directories = ${toSql(folders)}`);
  await connection.run('SET enable_external_access = false');
}

/** Runs every statement but the last, and returns the text of the last without its semicolon. */
async function runAllButLast(
  connection: DuckDBConnection,
  sql: string,
  signal: AbortSignal,
): Promise<string> {
  const statements = splitStatements(sql);
  const last = statements.pop();
  if (last === undefined)
    throw new SluiceError('InvalidJob', 'The SQL is empty; its last statement must be a SELECT.');
  for (const statement of statements) {
    signal.throwIfAborted();
    await connection.run(statement);
  }
  signal.throwIfAborted();
  return last;
}

/** Texts (with backslashes only in `E'…'`), `$tag$` texts, quoted names, comments, words, and any other character. */
const TOKEN =
  /\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$(?:[A-Za-z_]\w*)?\$)[\s\S]*?\1|--[^\n]*|\/\*[\s\S]*?\*\/|\w[\w$]*|[\s\S]/g;

/** Statements at their semicolons, but for those in texts, quoted names and comments. A comment becomes a space. */
export function splitStatements(sql: string): string[] {
  const statements = [''];
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token === ';') statements.push('');
    else statements[statements.length - 1] += /^(--|\/\*)/.test(token) ? ' ' : token;
  }
  return statements.map((statement) => statement.trim()).filter((statement) => statement !== '');
}

/** JSON's own number where it is exact; a larger integer is a text. */
const toJson: DuckDBValueConverter<Json> = (value, type, converter) =>
  typeof value === 'bigint' && Number.isSafeInteger(Number(value))
    ? Number(value)
    : JsonDuckDBValueConverter(value, type, converter);

/** The first paragraph of DuckDB's message. The longest path goes first: one may be the beginning of another. */
function describe(error: Error, names: Record<string, string>): string {
  let message = error.message.replace('Failed to extract statements: ', '').split('\n\n')[0]!;
  const byLength = Object.entries(names).sort(([a], [b]) => b.length - a.length);
  for (const [path, uri] of byLength) message = message.replaceAll(path, () => uri);
  return message;
}

function toSql(value: string | string[]): string {
  return Array.isArray(value)
    ? `[${value.map(toSql).join(', ')}]::VARCHAR[]`
    : `'${value.replaceAll("'", "''")}'`;
}

function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function elapsed(sinceMs: number): number {
  return Math.round(performance.now() - sinceMs);
}
