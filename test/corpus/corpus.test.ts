/** Local Athena against what Trino's, Athena's and Hive's documentation says. `npm run corpus` prints the figures. */
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { SluiceError } from '../../src/errors';
import { describeFailure } from '../../src/engines/session';
import { translateTrino, TRINO_SESSION } from '../../src/engines/trino';
import { loadParser } from '../../src/engines/trinoTree';
import { toText } from '../../src/engines/trinoTypes';
import { overColumns } from './columns';
import { addVerdict, judge, printFigures } from './figures';
import { readStatements } from './readStatements';

let connection: DuckDBConnection;
const statements = readStatements();
const disagreements: string[] = [];

beforeAll(async () => {
  await loadParser();
  connection = await (await DuckDBInstance.create(':memory:')).connect();
  for (const statement of TRINO_SESSION) await connection.run(statement);
});

afterAll(() => connection.closeSync());

async function answer(sql: string): Promise<string> {
  try {
    const { sql: translated, columns } = translateTrino(sql, { database: 'default', find: () => null });
    const texts = columns.map(({ type }, i) => toText(type, `c${i}`)).join(', ');
    const reader = await connection.runAndReadAll(
      `WITH result AS (${translated}) SELECT ${texts} FROM result`,
    );
    return reader
      .getRows()
      .map((row) => row.map((value) => (value === null ? 'NULL' : String(value))).join(' | '))
      .join(' ;; ');
  } catch (error) {
    const message = (error as Error).message;
    return `ERROR ${error instanceof SluiceError ? message : describeFailure(message)}`;
  }
}

test('the corpus has at least 500 statements, each with its source', () => {
  expect(statements.length).toBeGreaterThanOrEqual(500);
  expect(statements.filter(({ source }) => !source.startsWith('https://'))).toEqual([]);
});

test('95 % of the statements have the answer of the documentation, and none has another without a word', async () => {
  for (const { kind, sql, answers } of statements) {
    const found = await answer(sql);
    const verdict = judge(found, answers);
    addVerdict(kind, verdict);
    if (verdict !== 'agrees')
      disagreements.push(
        `${verdict}: ${sql}\n  expected ${answers.join(' or ')}\n  found    ${found.slice(0, 300)}`,
      );
  }
  const { agrees, wrong } = printFigures();
  expect(disagreements.filter((text) => text.startsWith('wrong'))).toEqual([]);
  expect(wrong).toBe(0);
  expect(agrees).toBeGreaterThanOrEqual(statements.length * 0.95);
  if (process.env['CORPUS_VERBOSE']) process.stdout.write(`${disagreements.join('\n')}\n`);
});

test('each statement answers the same where its values are columns, null where they are null, and nothing without rows', async () => {
  const wrong: string[] = [];
  let checked = 0;
  for (const statement of statements) {
    const sql = overColumns(statement);
    if (sql === null || statement.answers.some((text) => text.startsWith('ERROR'))) continue;
    const found = await answer(sql);
    const verdict = judge(
      found,
      statement.answers.map((text) => `${text} ;; NULL`),
    );
    // What has to be a constant says so.
    if (verdict !== 'agrees') {
      if (verdict === 'wrong')
        wrong.push(`${sql}\n  expected ${statement.answers.join(' or ')} ;; NULL\n  found    ${found}`);
      continue;
    }
    checked++;
    const none = await answer(`${sql} WHERE 1 = 0`);
    if (none !== '') wrong.push(`${sql} WHERE 1 = 0\n  found    ${none}`);
  }
  expect(wrong).toEqual([]);
  process.stdout.write(`${checked} statements over columns, nulls and no rows\n`);
  expect(checked).toBeGreaterThan(200);
});
