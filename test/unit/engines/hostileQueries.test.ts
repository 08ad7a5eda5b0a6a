/** Queries for local Athena that mean no good: each is translated, or refused with its place, and takes no worker with it. */
import { LocalAthena } from '../../../src/engines/athena';
import type { LocalLake } from '../../../src/engines/session';
import { translateTrino, type TrinoTable } from '../../../src/engines/trino';
import { loadParser } from '../../../src/engines/trinoTree';
import { VARCHAR } from '../../../src/engines/trinoTypes';
import { createRandom } from '../../support/random';

beforeAll(() => loadParser());

const view = (name: string, text: string): TrinoTable => ({
  ...{ database: 'd', name, view: text },
  columns: [{ name: 'a', type: VARCHAR }],
});
const translate = (sql: string, tables: TrinoTable[] = []) =>
  translateTrino(sql, {
    database: 'd',
    find: (_, name) => tables.find((table) => table.name === name) ?? null,
  });

test('a view that names itself, by way of another, is told', () => {
  const views = [view('a', 'SELECT a FROM b'), view('b', 'SELECT a FROM a')];
  expect(() => translate('SELECT a FROM a', views)).toThrow(
    "VIEW_IS_RECURSIVE: line 1:15: Statement is recursive: view 'd.a'",
  );
});

test('views that name two others each are not followed to the end of memory', () => {
  const doubling = Array.from({ length: 40 }, (_, i) =>
    view(`v${i}`, i === 0 ? "SELECT 'x' AS a" : `SELECT a FROM v${i - 1} UNION ALL SELECT a FROM v${i - 1}`),
  );
  expect(() => translate('SELECT a FROM v39', doubling)).toThrow('more than 500 views');
  expect(translate('SELECT a FROM v5', doubling).columns).toHaveLength(1);
});

test.each<[string, (n: number) => string]>([
  ['parentheses', (n) => `SELECT ${'('.repeat(n)}1${')'.repeat(n)}`],
  ['parentheses that are not closed', (n) => `SELECT ${'('.repeat(n)}`],
  ['sums', (n) => `SELECT 1${' + 1'.repeat(n)}`],
  ['texts', (n) => `SELECT 'a'${" || 'a'".repeat(n)}`],
  ['conditions', (n) => `SELECT 1 WHERE true${' AND true'.repeat(n)}`],
  ['cases', (n) => `SELECT ${'CASE WHEN true THEN '.repeat(n)}1${' END'.repeat(n)}`],
  ['subqueries', (n) => `SELECT * FROM ${'(SELECT * FROM '.repeat(n)}t${')'.repeat(n)}`],
  ['negations', (n) => `SELECT ${'NOT '.repeat(n)}true`],
  ['values of a list', (n) => `SELECT 1 WHERE 1 IN (1${', 1'.repeat(n)})`],
  ['columns', (n) => `SELECT 1${', 1'.repeat(n)}`],
])('thousands of %s are translated, or refused as InvalidJob', (_, make) => {
  for (const count of [10, 1_000, 5_000]) {
    try {
      translate(make(count));
    } catch (error) {
      expect(error).toMatchObject({ code: 'InvalidJob' });
    }
  }
  expect(translate('SELECT 1').columns).toHaveLength(1);
});

test('500 statements of chance are translated, or refused as InvalidJob', () => {
  const random = createRandom(11);
  const pieces = [
    ...[
      'SELECT',
      'FROM',
      'WHERE',
      'CASE',
      'WHEN',
      'END',
      'CAST(',
      'AS',
      'JOIN',
      'UNNEST(',
      'OVER (',
      'IN (',
      'VALUES',
    ],
    ...[
      '(',
      ')',
      ',',
      '*',
      '?',
      "'",
      "'a'",
      '"',
      '"b"',
      '1',
      '1e999',
      '--',
      '/*',
      '*/',
      ';',
      '\u0000',
      '😀',
      '=',
      '->',
    ],
    ...[
      't',
      'count(*)',
      'ARRAY[1',
      ']',
      'MAP()',
      'DATE',
      'INTERVAL',
      'NULL',
      'constructor',
      '__proto__',
      'toString(',
    ],
  ];
  for (let round = 0; round < 500; round++) {
    const sql = `SELECT ${Array.from({ length: random(15) }, () => pieces[random(pieces.length)]!).join(' ')}`;
    try {
      translate(sql);
    } catch (error) {
      expect({ sql, error }).toMatchObject({ sql, error: { code: 'InvalidJob' } });
    }
  }
});

test('a query that is longer than Athena takes is refused before anything runs', () => {
  const athena = new LocalAthena({} as LocalLake);
  const QueryString = `SELECT '${'ü'.repeat(131_072)}'`;
  expect(() => athena.check({ QueryString })).toThrow('262153 bytes, and Athena takes 262144');
});
