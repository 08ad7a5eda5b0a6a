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

const AB = `{a: 'VARCHAR', b: 'VARCHAR'}`;

/** Files that DuckDB's own reader reads in another way, with what is read, and the lines that are not. */
test.each<[string, string, Record<string, string>, string[][], number[]]>([
  [
    'lines above the header end in two ways',
    'T 5\nsecond\r\na,b\n1,2\n3,4\n',
    { skipLines: '2' },
    [
      ['1', '2'],
      ['3', '4'],
    ],
    [],
  ],
  [
    'the lines above end unlike the first',
    'T\r\nsecond\na,b\r\n1,2\r\n',
    { skipLines: '2' },
    [['1', '2']],
    [],
  ],
  ['a return within a line above', 'T\nsec\rond\na,b\n1,2\n', { skipLines: '2' }, [['1', '2']], []],
  ['a quote above that never closes', '"T\na,b\n1,2\n', { skipLines: '1' }, [['1', '2']], []],
  ['a quote above over two lines', '"T\nmore"\na,b\n1,2\n', { skipLines: '2' }, [['1', '2']], []],
  ['a mark and lines above', '\ufeffT\nmore\na,b\n1,2\n', { skipLines: '2' }, [['1', '2']], []],
  ['a return within a quoted name', '"z\rz",a,b\n0,1,2\n', {}, [['1', '2']], []],
  [
    'delimiters too many at the end',
    'a,b\n1,2\n3,4,,\n5,6,,,,\n7,8,\n',
    {},
    [
      ['1', '2'],
      ['7', '8'],
    ],
    [3, 4],
  ],
  [
    'a blank behind the last delimiter',
    'a,b\n1,2\n3,4, \n5,6,\t\n',
    {},
    [
      ['1', '2'],
      ['3', '4'],
      ['5', '6'],
    ],
    [],
  ],
  ['the two of them, and no line end', 'a,b\r\n1,2, \r\n3,4,,', {}, [['1', '2']], [3]],
  ['a NUL behind the last delimiter', 'a,b\n1,2\n3,4,,\0\n', {}, [['1', '2']], [3]],
  [
    'last fields that are empty',
    'a,b\n1,\n2,',
    {},
    [
      ['1', null!],
      ['2', null!],
    ],
    [],
  ],
])('%s', async (_, text, options, rows, rejected) => {
  const done = await read(text, options, `SELECT a, b FROM sluice_csv('in', ${AB})`);
  expect(done.rows!.map((row) => Object.values(row))).toEqual(rows);
  expect(done.account).toMatchObject({ read: rows.length, rejected: rejected.length });
  expect(done.account.cases.map(({ line }) => line)).toEqual(rejected);
});

test('a row that is none is one row, wherever DuckDB cuts the file', async () => {
  const sql = `SELECT count(*)::INT AS count, sum(b)::DOUBLE AS sum FROM sluice_csv('in', {a: 'VARCHAR', b: 'BIGINT'})`;
  for (const at of [800_000, 799_999]) {
    const lines = Array.from({ length: 850_000 }, () => 'good,1234');
    lines[at] = 'bad_row_x';
    const { rows, account } = await read(`a,b\n${lines.join('\n')}\n`, {}, sql);
    expect(rows).toEqual([{ count: 849_999, sum: 849_999 * 1234 }]);
    expect(account).toMatchObject({ read: 849_999, rejected: 1 });
    expect(account.cases).toMatchObject([{ line: at + 2 }]);
  }
});

test.each([
  ['x', 40_000_000, 1],
  ['日', 700_000, 0],
  ['é', 1_200_000, 0],
  ['"', 1_200_000, 0],
])('a row of a field with %s, %i times, is counted', async (character, times, rejected) => {
  const sql = `SELECT count(*)::INT AS count, max(length(b))::INT AS longest FROM sluice_csv('in', ${AB})`;
  const { rows, account } = await read(`a,b\n1,x${character.repeat(times)}\n2,y\n`, {}, sql);
  expect(rows).toEqual([rejected === 1 ? { count: 1, longest: 1 } : { count: 2, longest: times + 1 }]);
  expect(account).toMatchObject({ rejected, cases: rejected === 1 ? [{ line: 2 }] : [] });
});

test('an input that is read twice in two ways is read in both', async () => {
  const sql = `SELECT a, b FROM sluice_csv('in', ${AB}) UNION ALL SELECT c, d FROM sluice_csv('in', {c: 'VARCHAR', d: 'VARCHAR'}, skipLines := 1)`;
  const { rows } = await read('a,b\nc,d\n1,x"2\n3,4\n', {}, sql);
  const twice = [
    { a: '1', b: 'x"2' },
    { a: '3', b: '4' },
  ];
  expect(rows).toEqual([{ a: 'c', b: 'd' }, ...twice, ...twice]);
});

test('rows that are only counted, twice, belong to both readings', async () => {
  const count = `(SELECT count(*)::INT FROM sluice_csv('in', ${AB}))`;
  const { rows, account } = await read('a,b\n1,2\n3\n5,6\n', {}, `SELECT ${count} AS x, ${count} AS y`);
  expect(rows).toEqual([{ x: 2, y: 2 }]);
  expect(account).toMatchObject({ read: 4, rejected: 2 });
});

test('columns whose names are numbers keep their order', async () => {
  const columns = `{"2021": 'BIGINT', "2020": 'BIGINT', "__proto__": 'VARCHAR', "2019": 'BIGINT'}`;
  const sql = `SELECT t::VARCHAR AS row FROM (SELECT * FROM sluice_csv('in', ${columns}) UNION ALL SELECT 4, 3, 'z', 2) AS t`;
  const { rows } = await read('2019,__proto__,2020,2021\n1,p,2,3\n', {}, sql);
  expect(rows!.map(({ row }) => (row as string).replace(/'[^']*': /g, ''))).toEqual([
    '{3, 2, p, 1}',
    '{4, 3, z, 2}',
  ]);
});

test('of several files, one of which no row can be read is told', async () => {
  const [good, bad] = [join(folder, 'good.csv'), join(folder, 'bad.csv')];
  await writeFile(good, 'a,b\n1,2\n');
  await writeFile(bad, 'a,b\n1\n2\n');
  const done = runQuery({
    sql: `SELECT a, b FROM sluice_csv('in', ${AB})`,
    variables: { in: [good, bad] },
    names: { [good]: 's3://lake/good.csv', [bad]: 's3://lake/bad.csv' },
    maxRows: 10,
    tempFolder: folder,
    signal: new AbortController().signal,
  });
  await expect(done).rejects.toMatchObject({
    code: 'BadData',
    message:
      'no row could be read: s3://lake/bad.csv, line 2: 1 fields; the header has 2: 1; s3://lake/bad.csv, line 3: 1 fields; the header has 2: 2',
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

test('of a query whose rows are not all asked for, the first come back, and all are counted', async () => {
  const text = `Date,Stage,Revenue\n${'a,Lead,1\n'.repeat(50_000)}x\n`;
  const { rows, account } = await read(text);
  expect(rows).toHaveLength(10_000);
  expect(account).toMatchObject({ read: 50_000, rejected: 1 });
  const refused = read(text, { maxBadShare: 0 });
  await expect(refused).rejects.toMatchObject({
    code: 'BadData',
    message: expect.stringContaining('of 50001 rows'),
  });
});

test.each([' ', '0x1', '', '1.5', '-0.1', 'few', '.'])('maxBadShare %j is no share', async (maxBadShare) => {
  const refused = read('Date,Stage,Revenue\na,b,1\n', { maxBadShare } as unknown as HardFile['options']);
  await expect(refused).rejects.toMatchObject({
    code: 'InvalidJob',
    message: expect.stringContaining('is no share'),
  });
});

test("what Python's csv module writes, in all its ways, is read back equal", async () => {
  const seed = seedOf(20_261_128);
  const writer = join(__dirname, '..', '..', 'fixtures', 'write_csv.py');
  const { stdout } = spawnSync(
    'python3',
    [writer, folder, String(seed), String(countOf({ suite: 25, soak: 1_000 }))],
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
