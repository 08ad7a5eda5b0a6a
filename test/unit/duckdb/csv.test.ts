import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runQuery } from '../../../src/duckdb/query';
import { countOf, seedOf } from '../../support/long';
import { HARD_FILES, type HardFile } from '../../support/hardFiles';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-csv-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const COLUMNS = `{date: 'VARCHAR', stage: 'VARCHAR', revenue: 'BIGINT'}`;

async function read(
  bytes: string | Buffer,
  options: HardFile['options'] = {},
  sql = `SELECT date, stage, revenue::VARCHAR AS revenue FROM sluice_csv('in', ${COLUMNS})`,
) {
  const file = join(folder, 'in.csv');
  await writeFile(file, bytes);
  const given = Object.entries(options).map(([name, value]) => [name, String(value)]);
  return runQuery({
    sql,
    variables: { in: [file], ...(Object.fromEntries(given) as Record<string, string>) },
    names: { [file]: 's3://lake/in.csv' },
    maxRows: 10_000,
    tempFolder: folder,
    signal: new AbortController().signal,
  });
}

describe('a hard file is read by the rules, its rows are counted, and what cannot be read is told with its line', () => {
  test.each(Object.entries(HARD_FILES))('%s', async (_, { bytes, options, rows, refused, ...bad }) => {
    const { rejected = [], unread = [] } = bad;
    const done = read(bytes, options);
    if (refused !== undefined) {
      const failure = await done.catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'BadData', message: expect.stringContaining(refused) });
      expect((failure as Error).message).toContain('s3://lake/in.csv');
      expect((failure as Error).message).not.toContain(folder);
      return;
    }
    const { rows: found, account } = await done;
    expect(found!.map((row) => Object.values(row))).toEqual(rows);
    expect(account).toMatchObject({ read: rows!.length, rejected: rejected.length, unread: unread.length });
    const cases = account.cases.map(({ line, column, text }) => (column === null ? line : [line, text]));
    expect(cases).toEqual(
      [...rejected, ...unread].sort((a, b) => [a].flat().map(Number)[0]! - [b].flat().map(Number)[0]!),
    );
    for (const { file } of account.cases) expect(file).toBe('s3://lake/in.csv');
  });
});

const BAD = `Date,Stage,Revenue\na,Lead,1\nb,Lost,n/a\nc,Lost\nd,Lead,x\n`;

test.each([
  ['of rows that a filter drops', `FROM sluice_csv('in', ${COLUMNS}) WHERE stage = 'Lead'`],
  ['of columns that are not used', `SELECT date FROM sluice_csv('in', ${COLUMNS})`],
  ['of a query that only counts', `SELECT count(*) FROM sluice_csv('in', ${COLUMNS})`],
  [
    'once, of a reading that is used twice',
    `WITH s AS (FROM sluice_csv('in', ${COLUMNS})) SELECT * FROM s AS a JOIN s AS b USING (date)`,
  ],
  [
    'of an earlier statement',
    `CREATE TEMP TABLE t AS FROM sluice_csv('in', ${COLUMNS}); SELECT count(*) FROM t`,
  ],
])('bad rows and values count %s', async (_, sql) => {
  expect((await read(BAD, {}, sql)).account).toMatchObject({ read: 3, rejected: 1, unread: 2 });
});

test('rows of Parquet count once and as there are, also those that a filter or a join passes by', async () => {
  const query = (sql: string, variables: Record<string, string[]>, file?: string) =>
    runQuery({
      ...{ sql, variables, names: {}, maxRows: 10, tempFolder: folder },
      ...(file ? { output: { file, format: 'parquet' } } : {}),
      signal: new AbortController().signal,
    });
  const inputs = { a: ['1', '2', '3', '4', '5', '6', '7'], b: ['b'] };
  const paths = Object.fromEntries(
    Object.entries(inputs).map(([name, files]) => [
      name,
      files.map((file) => join(folder, `${name}${file}.parquet`)),
    ]),
  );
  for (const file of [...paths['a']!, ...paths['b']!])
    await query('SELECT range AS x, range % 10 AS k FROM range(1000)', {}, file);
  const a = "read_parquet(getvariable('a'))";
  const b = "read_parquet(getvariable('b'))";
  const read = async (sql: string) => (await query(sql, paths)).account.read;
  expect(await read(`SELECT count(*) FROM ${b} WHERE k = 3`)).toBe(1_000);
  expect(await read(`SELECT count(*) FROM ${b} AS s JOIN ${b} AS t USING (x) WHERE s.x > 990`)).toBe(1_000);
  expect(await read(`SELECT count(*) FROM ${a} AS s JOIN ${b} AS t USING (x) WHERE t.k = 3`)).toBe(8_000);
});

test('a text or comment that names sluice_csv is left alone', async () => {
  const sql = `SELECT 'sluice_csv(''in'')' AS t /* sluice_csv('in') */`;
  expect((await read('a\n', {}, sql)).rows).toEqual([{ t: "sluice_csv('in')" }]);
});

test.each([
  [`FROM sluice_csv('no', ${COLUMNS})`, 'no input is called "no"; there are: in'],
  [`FROM sluice_csv('in')`, 'needs an input and its columns'],
  [`FROM sluice_csv('in', {date: 'DAY'})`, '"DAY" is no type of a column'],
  [`FROM sluice_csv('in', ${COLUMNS}, sep := ';')`, 'is no option; there are delimiter, skipLines, encoding'],
  [`FROM sluice_csv('in', ${COLUMNS}, delimiter := ';;')`, 'is not one character'],
  [`FROM sluice_csv('in', ${COLUMNS}, encoding := 'klingon')`, 'encoding: "klingon" is unknown'],
])('%s is refused with the cure', async (sql, message) => {
  await expect(read('Date,Stage,Revenue\n', {}, sql)).rejects.toMatchObject({
    code: 'InvalidJob',
    message: expect.stringContaining(message),
  });
});

test('decimals and doubles are exact, or not read', async () => {
  const sql = `SELECT a::VARCHAR AS a, b FROM sluice_csv('in', {a: 'DECIMAL(38,2)', b: 'DOUBLE'})`;
  const text = 'a,b\n12345678901234567890123456789012345.67,.5\n1.005,1e3\n1.50,1e999\n-7,Infinity\n';
  const { rows, account } = await read(text, {}, sql);
  expect(rows!.map((row) => Object.values(row))).toEqual([
    ['12345678901234567890123456789012345.67', 0.5],
    [null, 1000],
    ['1.50', null],
    ['-7.00', null],
  ]);
  expect(account.cases.map(({ line, column }) => [line, column])).toEqual([
    [3, 'a'],
    [4, 'b'],
    [5, 'b'],
  ]);
});

test('of a query whose rows are not all asked for, the first come back', async () => {
  const { rows } = await read(`Date,Stage,Revenue\n${'a,Lead,1\n'.repeat(50_000)}x\n`);
  expect(rows).toHaveLength(10_000);
});

test("what Python's csv module writes, in all its ways, is read back equal", async () => {
  const seed = seedOf(20_261_128);
  const writer = join(__dirname, '..', '..', 'fixtures', 'write_csv.py');
  const { stdout } = spawnSync(
    'python3',
    [writer, folder, String(seed), String(countOf({ suite: 100, soak: 1_000 }))],
    {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    },
  );
  const files = JSON.parse(stdout) as { file: string; delimiter: string; rows: string[][] }[];
  for (const { file, delimiter, rows } of files) {
    const found = await runQuery({
      sql: `SELECT date, stage, revenue::VARCHAR AS revenue FROM sluice_csv('in', ${COLUMNS}, delimiter := '${delimiter}')`,
      variables: { in: [file] },
      ...{ names: {}, maxRows: 1_000, tempFolder: folder, signal: new AbortController().signal },
    });
    const expected = rows.map((row) => row.map((field) => (field === '' ? null : field)));
    expect({ seed, file, rows: found.rows!.map((row) => Object.values(row)) }).toEqual({
      seed,
      file,
      rows: expected,
    });
    expect(found.account).toMatchObject({ rejected: 0, unread: 0, read: rows.length });
  }
}, 240_000);
