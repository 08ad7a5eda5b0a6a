/** Queries in Trino's dialect over the tables of a DuckDB connection. */
import type { DuckDBConnection } from '@duckdb/node-api';
import { translateTrino, type TrinoTable } from '../../src/engines/trino';
import { loadParser } from '../../src/engines/trinoTree';
import { fromDuckdb } from '../../src/engines/trinoTypes';

export interface TrinoResult {
  header: string[];
  rows: unknown[][];
}

/** Answers as DuckDB gives them, before they become the texts of a result file. */
export async function runTrino(connection: DuckDBConnection, sql: string): Promise<TrinoResult> {
  await loadParser();
  const reader = await connection.runAndReadAll(
    `SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns ORDER BY ordinal_position`,
  );
  const tables = new Map<string, TrinoTable>();
  for (const [database, name, column, type] of reader.getRows() as string[][]) {
    const key = `${database}.${name}`.toLowerCase();
    const table = tables.get(key) ?? { database: database!, name: name!, columns: [] };
    tables.set(key, { ...table, columns: [...table.columns, { name: column!, type: fromDuckdb(type!) }] });
  }
  const { sql: translated, columns } = translateTrino(sql, {
    database: 'main',
    find: (database, name) => tables.get(`${database}.${name}`) ?? null,
  });
  const result = await connection.runAndReadAll(translated);
  return { header: columns.map(({ name }, i) => name ?? `_col${i}`), rows: result.getRowsJson() };
}
