import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runQuery, splitStatements, type Query } from '../../../src/duckdb/query';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-query-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const run = (sql: string, options: Partial<Query> = {}) =>
  runQuery({
    sql,
    variables: {},
    names: {},
    maxRows: 100,
    tempFolder: folder,
    signal: new AbortController().signal,
    ...options,
  });

test('the last statement gives the rows; semicolons in texts and comments end nothing', async () => {
  const sql = `-- first; not a statement
    CREATE TABLE t AS SELECT 1 AS a; /* ; */
    SELECT/**/a, 'x;--' AS b, $$;'$$ AS c, $q$;$$;$q$ AS d, E'\\';' AS e, 8-/*;*/2 AS "f;""" FROM t; -- done;`;
  expect((await run(sql)).rows).toEqual([{ a: 1, b: 'x;--', c: ";'", d: ';$$;', e: "';", 'f;"': 6 }]);
});

test('statements are told apart without their comments', () => {
  expect(splitStatements(" a ;; b -- c ; d\n; 'e''; f' ; /* g; */ ")).toEqual(['a', 'b', "'e''; f'"]);
  expect(splitStatements("nice'x;y' ; e'\\';' ; a$1;b")).toEqual(["nice'x;y'", "e'\\';'", 'a$1', 'b']);
  expect(splitStatements(' -- nothing;\n ; ')).toEqual([]);
});

test('variables are texts and lists of texts, whatever is in them', async () => {
  const variables = { 'a b"': "it's; $$", list: ["x'y", ''], none: [] };
  const sql = `SELECT getvariable('a b"') AS text, getvariable('list') AS list, len(getvariable('none')) AS none`;
  expect((await run(sql, { variables })).rows).toEqual([{ text: "it's; $$", list: ["x'y", ''], none: 0 }]);
});

test('rows survive JSON: an integer past 2^53 is a text', async () => {
  const sql =
    "SELECT 9007199254740991 AS safe, 9007199254740993 AS big, [1::BIGINT, -9007199254740993] AS list, NULL AS nothing, DATE '2020-02-29' AS day, 1.50::DECIMAL(9,2) AS money, 'nan'::DOUBLE AS nan, true AS yes";
  const { rows } = await run(sql);
  expect(JSON.parse(JSON.stringify(rows))).toEqual([
    {
      safe: 9007199254740991,
      big: '9007199254740993',
      list: [1, '-9007199254740993'],
      nothing: null,
      day: '2020-02-29',
      money: '1.50',
      nan: 'NaN',
      yes: true,
    },
  ]);
});

// https://github.com/duckdb/duckdb/issues/24624 and https://github.com/duckdb/duckdb/issues/24657
test.each([
  [
    'branches over one join',
    `CREATE TABLE flags AS SELECT false AS f; CREATE TABLE texts AS SELECT 'a' AS t;
     SELECT count(*)::INT AS v FROM (
       SELECT * FROM flags LEFT JOIN texts ON true WHERE NOT (NOT f AND substring(t FROM -4294967296) <> t) UNION ALL
       SELECT * FROM flags LEFT JOIN texts ON true WHERE (NOT f AND substring(t FROM -4294967296) <> t) IS NULL)`,
    [{ v: 1 }],
  ],
  [
    'the first rows by a part of a cast',
    `CREATE TABLE nested AS SELECT {id: k, of: {a: k + 200, b: k + 30}} AS n FROM range(3) AS r(k);
     SELECT (n.of::STRUCT(b VARCHAR, a VARCHAR)).b AS v FROM nested ORDER BY n.id LIMIT 2`,
    [{ v: '30' }, { v: '31' }],
  ],
  [
    'the first row of each group by a part of a cast',
    `CREATE TABLE nested AS SELECT k % 2 AS part, {id: k, of: {a: k + 200, b: 50 - k}} AS n FROM range(6) AS r(k);
     SELECT n.id::INT AS v FROM nested QUALIFY row_number() OVER (PARTITION BY part ORDER BY (n.of::STRUCT(b VARCHAR, a VARCHAR)).b) = 1
     ORDER BY v`,
    [{ v: 4 }, { v: 5 }],
  ],
])('no optimizer changes the rows: %s', async (_, sql, rows) => {
  expect((await run(sql)).rows).toEqual(rows);
});

test('no more rows than asked for are read', async () => {
  const { rows, rowCount } = await run('SELECT i FROM range(1000000000000) AS r(i)', { maxRows: 3 });
  expect(rows).toEqual([{ i: 0 }, { i: 1 }, { i: 2 }]);
  expect(rowCount).toBe(3);
});

test('a CSV output has exact integers, empty fields for null, and its header without rows', async () => {
  const file = join(folder, 'out.csv');
  const output = { file, format: 'csv' as const };
  const sql = 'SELECT 9223372036854775807 AS a, NULL::INT AS b, \'x,"y"\' AS c -- end';
  expect((await run(sql, { output })).rowCount).toBe(1);
  expect(await readFile(file, 'utf8')).toBe('a,b,c\n9223372036854775807,,"x,""y"""\n');
  expect((await run('SELECT 1 AS a, 2 AS b WHERE false', { output })).rowCount).toBe(0);
  expect(await readFile(file, 'utf8')).toBe('a,b\n');
});

test('a Parquet output is Snappy and keeps order and types', async () => {
  const file = join(folder, 'out.parquet');
  const output = { file, format: 'parquet' as const };
  const sql = 'SELECT i, i::VARCHAR AS t FROM range(5) AS r(i) ORDER BY i DESC';
  expect(await run(sql, { output })).toMatchObject({ rowCount: 5, engineMs: expect.any(Number) });
  expect((await run(`FROM '${file}' LIMIT 2`)).rows).toEqual([
    { i: 4, t: '4' },
    { i: 3, t: '3' },
  ]);
  expect((await run(`SELECT DISTINCT compression AS c FROM parquet_metadata('${file}')`)).rows).toEqual([
    { c: 'SNAPPY' },
  ]);
});

test.each([
  ['SELECT nope', 'InvalidJob', /Binder Error: Referenced column "nope"/],
  ['SELEC 1', 'InvalidJob', /Parser Error/],
  ['SELECT * FROM nowhere', 'InvalidJob', /Catalog Error: Table with name nowhere/],
  [' -- nothing', 'InvalidJob', /SQL is empty/],
  ["SELECT error('the column is missing')", 'BadData', /the column is missing/],
  ["SELECT CAST('x' AS INT)", 'BadData', /Conversion Error/],
])('%s fails as %s, in DuckDB’s own words', async (sql, code, message) => {
  await expect(run(sql)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test('a statement that is no SELECT writes no output', async () => {
  const output = { file: join(folder, 'out.csv'), format: 'csv' as const };
  await expect(run('CREATE TABLE t (a INT)', { output })).rejects.toMatchObject({ code: 'InvalidJob' });
});

test('an error names an input by its URI, not by the local file', async () => {
  const [short, long] = [join(folder, 'a'), join(folder, 'a.csv')];
  const names = { [short]: 's3://lake/short', [long]: 's3://lake/$&.csv' };
  const sql = "SELECT error(getvariable('day')[1] || ' and ' || getvariable('day')[2])";
  await expect(run(sql, { variables: { day: [long, short] }, names })).rejects.toMatchObject({
    message: expect.stringContaining('s3://lake/$&.csv and s3://lake/short'),
  });
});

test('the SQL reaches its inputs and its own folder, and no other file', async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), 'sluice-elsewhere-'));
  try {
    const [input, secret] = [join(elsewhere, 'input.csv'), join(elsewhere, 'secret.csv')];
    await writeFile(input, 'x\n1\n');
    await writeFile(secret, 'x\n2\n');
    const variables = { input: [input] };
    expect((await run("SELECT x FROM read_csv(getvariable('input'))", { variables })).rows).toEqual([
      { x: 1 },
    ]);
    for (const sql of [
      `FROM read_csv('${secret}')`,
      `COPY (SELECT 1) TO '${join(elsewhere, 'out.csv')}'`,
      'SET enable_external_access = true',
      `ATTACH '${join(elsewhere, 'a.db')}'`,
    ]) {
      await expect(run(sql, { variables })).rejects.toMatchObject({ name: 'SluiceError' });
    }
  } finally {
    await rm(elsewhere, { recursive: true, force: true });
  }
});

test('what does not fit into the memory limit is spilled, not refused', async () => {
  const sql = 'SELECT i, md5(i::VARCHAR) AS h FROM range(1600000) AS r(i) ORDER BY h';
  const output = { file: join(folder, 'sorted.parquet'), format: 'parquet' as const };
  expect((await run(sql, { output, limits: { memoryBytes: 120_000_000 } })).rowCount).toBe(1_600_000);
});

test('an abort ends a long query soon, with the signal’s reason', async () => {
  const abort = new AbortController();
  const reason = new Error('cancelled by a person');
  const startedAt = performance.now();
  setTimeout(() => abort.abort(reason), 100);
  const sql = 'SELECT sum(hash(a.i * b.i)) AS s FROM range(1000000) AS a(i), range(1000000) AS b(i)';
  await expect(run(sql, { signal: abort.signal })).rejects.toBe(reason);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  await expect(run('SELECT 1', { signal: abort.signal })).rejects.toBe(reason);
});
