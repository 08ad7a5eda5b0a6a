import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { SluiceError } from '../../../errors';

export interface Query {
  /** Statements; the last one is a SELECT whose rows, in their order, are the result. */
  sql: string;
  /** Read in SQL as `getvariable('<name>')`: a text, or a list of local file names. */
  variables: Record<string, string | string[]>;
  /** Local file name -> the URI that errors name instead. */
  names: Record<string, string>;
  /** The file that takes the rows; without it they come back. */
  output?: { file: string; format: 'parquet' | 'csv' };
  maxRows: number;
  /** Where DuckDB spills what does not fit into memory. */
  tempFolder: string;
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

/**
 * Runs a script in a DuckDB of its own. An abort interrupts the query.
 * @throws SluiceError BadData with DuckDB's own message
 */
export async function runQuery(query: Query): Promise<QueryResult> {
  const { signal, output, tempFolder, maxRows } = query;
  signal.throwIfAborted();
  const instance = await DuckDBInstance.create(':memory:', { temp_directory: tempFolder });
  const connection = await instance.connect();
  const interrupt = () => connection.interrupt();
  signal.addEventListener('abort', interrupt, { once: true });
  const startedAt = performance.now();
  try {
    for (const [name, value] of Object.entries(query.variables)) {
      await connection.run(`SET VARIABLE ${quoteName(name)} = ${toSql(value)}`);
    }
    const last = await runAllButLast(connection, query.sql);
    if (output) {
      const copied = await connection.run(
        `COPY (${last}\n) TO ${toSql(output.file)} (${OUTPUT_OPTIONS[output.format]})`,
      );
      const [[count]] = (await copied.getRows()) as [[bigint]];
      return { rowCount: Number(count), engineMs: elapsed(startedAt) };
    }
    const reader = await connection.runAndReadUntil(last, maxRows);
    const rows = reader.getRowObjectsJson().slice(0, maxRows) as Record<string, unknown>[];
    return { rows, rowCount: rows.length, engineMs: elapsed(startedAt) };
  } catch (error) {
    signal.throwIfAborted();
    throw new SluiceError('BadData', describe(error as Error, query.names), { cause: error });
  } finally {
    signal.removeEventListener('abort', interrupt);
    connection.closeSync();
    instance.closeSync();
  }
}

/** Runs every statement but the last, and returns the text of the last without its semicolon. */
async function runAllButLast(connection: DuckDBConnection, sql: string): Promise<string> {
  const statements = splitStatements(sql);
  for (const statement of statements.slice(0, -1)) await connection.run(statement);
  const last = statements.at(-1);
  if (last === undefined) throw new Error('The SQL is empty; its last statement must be a SELECT.');
  return last;
}

/** Statements at their semicolons, but for those in texts, quoted names and comments. */
export function splitStatements(sql: string): string[] {
  const statements: string[] = [];
  let current = '';
  for (const [token] of sql.matchAll(
    /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|[^'"\-/;]+|[\s\S]/g,
  )) {
    if (token === ';') {
      statements.push(current);
      current = '';
    } else if (!token.startsWith('--') && !token.startsWith('/*')) current += token;
  }
  return [...statements, current]
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

function describe(error: Error, names: Record<string, string>): string {
  let message = error.message.split('\n\n')[0]!;
  for (const [path, uri] of Object.entries(names)) message = message.replaceAll(path, uri);
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
