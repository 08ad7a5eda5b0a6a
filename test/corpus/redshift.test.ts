/** Local Redshift against what Redshift's documentation says. */
import { join } from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { REDSHIFT_SESSION } from '../../src/engines/redshiftFunctions';
import { rewriteRedshift } from '../../src/engines/redshiftSql';
import { addVerdict, judge, printFigures } from './figures';
import { readStatementFile } from './readStatements';

let connection: DuckDBConnection;
const statements = readStatementFile(join(__dirname, 'redshift.txt'));

beforeAll(async () => {
  connection = await (await DuckDBInstance.create(':memory:')).connect();
  for (const statement of REDSHIFT_SESSION) await connection.run(statement);
});

afterAll(() => connection.closeSync());

async function answer(sql: string): Promise<string> {
  try {
    const reader = await connection.runAndReadAll(`${rewriteRedshift(sql)}`);
    const texts = reader.columnNames().map((_, i) => `CAST(c${i} AS VARCHAR)`);
    const names = reader.columnNames().map((_, i) => `c${i}`);
    const asText = await connection.runAndReadAll(
      `SELECT ${texts.join(', ')} FROM (${rewriteRedshift(sql)}) AS t(${names.join(', ')})`,
    );
    return asText
      .getRows()
      .map((row) => row.map((value) => (value === null ? 'NULL' : String(value))).join(' | '))
      .join(' ;; ');
  } catch (error) {
    return `ERROR ${(error as Error).message}`;
  }
}

test('95 % of the statements have the answer of the documentation, and none has another without a word', async () => {
  const disagreements: string[] = [];
  for (const { kind, sql, answers } of statements) {
    const found = await answer(sql);
    const verdict = judge(found, answers);
    addVerdict(`Redshift ${kind}`, verdict);
    if (verdict !== 'agrees')
      disagreements.push(`${verdict}: ${sql}\n  expected ${answers.join(' or ')}\n  found    ${found}`);
  }
  const { agrees } = printFigures();
  expect(disagreements.filter((text) => text.startsWith('wrong'))).toEqual([]);
  expect(agrees).toBeGreaterThanOrEqual(statements.length * 0.95);
});

test('what local Redshift does not know is named with its place', () => {
  expect(() => rewriteRedshift('SELECT 1,\n  strtol(x, 16) FROM t')).toThrow(
    'line 2:3: local Redshift does not know the function strtol',
  );
});
