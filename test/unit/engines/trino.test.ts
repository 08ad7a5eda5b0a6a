/** Trino's dialect on DuckDB, against hand-worked answers and against sqlglot's translation of the same text. */
import { execFileSync } from 'node:child_process';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { TRINO_SESSION } from '../../../src/engines/trino';
import { runTrino } from '../../support/trino';
import { ensureAwsTestTools } from '../../../src/local';

/** Rows of every shape that the queries look at: seeded, so that each run sees the same. */
function generateEvents(count: number): string[] {
  let seed = 7;
  const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  const contact = () => ({
    contactid: `c${random(6)}`,
    state: ['CONNECTED', 'ENDED', null][random(3)],
    since: `2024-01-0${1 + random(9)}T0${random(10)}:00:00.${100 + random(900)}Z`,
  });
  const snapshot = () =>
    random(5) === 0
      ? null
      : JSON.stringify({
          agent: { username: ['ann', 'bob', 'ü"n', ''][random(4)], level: random(4) },
          contacts: random(6) === 0 ? null : Array.from({ length: random(4) }, contact),
        });
  return Array.from({ length: count }, (_, id) => {
    const values = [
      String(id),
      ...[snapshot(), snapshot()].map((text) => (text === null ? 'NULL' : `'${text}'`)),
      `'2024-01-0${1 + random(9)}T0${random(10)}:15:0${random(10)}.${100 + random(900)}Z'`,
      `[${Array.from({ length: random(4) }, () => random(9)).join(', ')}]::BIGINT[]`,
      random(7) === 0 ? 'NULL' : String(random(100) - 50),
    ];
    return `(${values.join(', ')})`;
  });
}

const PAIRS = `
  SELECT e.id, json_extract_scalar(cur, '$.contactid') AS contact, json_extract_scalar(prev, '$.state') AS prev_state
  FROM events e
  CROSS JOIN UNNEST(
    CAST(json_extract(e.current, '$.contacts') AS ARRAY(JSON)),
    CAST(json_extract(e.previous, '$.contacts') AS ARRAY(JSON))
  ) AS t(cur, prev)`;

/** Queries that sqlglot translates too. */
const SHARED = [
  `SELECT id, json_extract_scalar(current, '$.agent.username') AS username FROM events
     WHERE json_extract_scalar(current, '$.agent.username') IS NOT NULL`,
  `SELECT kind, count(*) AS n, sum(amount) AS total, avg(amount) AS mean FROM
     (SELECT CASE WHEN amount < 0 THEN 'out' ELSE 'in' END AS kind, amount FROM events WHERE amount IS NOT NULL) GROUP BY kind`,
  `SELECT id, x FROM events CROSS JOIN UNNEST(numbers) AS t(x)`,
  `SELECT id, x FROM events, UNNEST(numbers) AS t(x) WHERE x > 3`,
  `SELECT id, from_iso8601_timestamp(ts) AS happened FROM events WHERE from_iso8601_timestamp(ts) > TIMESTAMP '2024-01-05 00:00:00 UTC'`,
  `SELECT date_trunc('day', from_iso8601_timestamp(ts)) AS day, count(*) AS n, count(DISTINCT id) AS ids FROM events GROUP BY 1`,
  `SELECT id, row_number() OVER (PARTITION BY amount ORDER BY id) AS place, lag(id) OVER (ORDER BY id) AS before FROM events`,
  `WITH big AS (SELECT * FROM events WHERE amount > 10) SELECT a.id, b.id AS other FROM big a JOIN big b ON a.amount = b.amount AND a.id < b.id`,
  `SELECT id FROM events WHERE regexp_like(ts, '^2024-01-0[1-3]')`,
  `SELECT id, split_part(ts, 'T', 1) AS day, substr(ts, 12, 2) AS hour, strpos(ts, 'T') AS place FROM events`,
  `SELECT id, try_cast(substr(ts, 9, 2) AS integer) AS day, coalesce(amount, 0) AS amount, nullif(amount, 3) AS other FROM events`,
  `SELECT id, transform(numbers, x -> x * 2) AS doubled, filter(numbers, x -> x > 3) AS big FROM events`,
  `SELECT amount, max_by(id, ts) AS last, arbitrary(amount) AS same, count_if(id > 50) AS late FROM events GROUP BY amount`,
  `SELECT id, date_format(CAST(substr(ts, 1, 10) AS DATE), '%Y/%m/%d') AS day, date_parse(substr(ts, 1, 10), '%Y-%m-%d') AS parsed FROM events`,
  `SELECT id, contains(numbers, 4) AS has, array_join(numbers, '-') AS joined FROM events`,
  `SELECT approx_distinct(id) > 90 AS many, bool_and(amount > -100) AS all_of FROM events`,
];

/** Queries with their answers, worked out by hand. */
const ANSWERED: [string, unknown[][]][] = [
  [
    `SELECT x, y FROM UNNEST(ARRAY[1, 2, 3], ARRAY['a']) AS t(x, y)`,
    [
      [1, 'a'],
      [2, null],
      [3, null],
    ],
  ],
  [
    `SELECT k, v FROM UNNEST(MAP(ARRAY['a', 'b'], ARRAY[1, 2])) AS t(k, v)`,
    [
      ['a', 1],
      ['b', 2],
    ],
  ],
  [
    `SELECT g, x, n FROM (VALUES (1, ARRAY['p', 'q']), (2, CAST(NULL AS ARRAY(VARCHAR))), (3, ARRAY[])) AS s(g, xs)
       CROSS JOIN UNNEST(xs) WITH ORDINALITY AS t(x, n) ORDER BY 1, 3`,
    [
      [1, 'p', '1'],
      [1, 'q', '2'],
    ],
  ],
  [
    `SELECT g, x FROM (VALUES (1, ARRAY[5, 6]), (2, NULL)) s(g, xs) LEFT JOIN UNNEST(s.xs) AS t(x) ON TRUE ORDER BY 1, 2`,
    [
      [1, 5],
      [1, 6],
      [2, null],
    ],
  ],
  // A scalar is no object, a JSON null is null, and what is no JSON is null.
  [
    `SELECT json_extract_scalar('{"a":{"b":"x"}}', '$.a.b'), json_extract_scalar('{"a":{"b":"x"}}', '$.a'),
       json_extract_scalar('{"a":null}', '$.a'), json_extract_scalar('nope', '$.a'), json_extract_scalar('{"a":[7]}', '$.a[0]'),
       json_extract_scalar('{"a b":{"c":true}}', '$["a b"].c'), json_extract_scalar('{"n":12345678901234567890}', '$.n')`,
    [['x', null, null, null, '7', 'true', '12345678901234567890']],
  ],
  [
    `SELECT CAST(json_extract('{"a":"x"}', '$.a') AS VARCHAR), CAST(1.50 AS VARCHAR), CAST(true AS VARCHAR),
       CAST(TIMESTAMP '2024-01-02 03:04:05' AS VARCHAR), CAST('abc' AS VARCHAR(2)), json_format(json_parse('{"a": [1, 2]}')),
       json_format(CAST('a"b' AS JSON)), CAST(json_extract('{"a":"12"}', '$.a') AS BIGINT)`,
    [['x', '1.50', 'true', '2024-01-02 03:04:05', 'ab', '{"a":[1,2]}', '"a\\"b"', '12']],
  ],
  [
    `SELECT cardinality(ARRAY[1, 2, 3]), cardinality(MAP(ARRAY['a'], ARRAY[1])), element_at(ARRAY[1, 2], 2), element_at(ARRAY[1, 2], 5),
       element_at(MAP(ARRAY['a'], ARRAY[1]), 'a'), element_at(MAP(ARRAY['a'], ARRAY[1]), 'b'), json_array_length('[1, 2]')`,
    [['3', '1', 2, null, 1, null, '2']],
  ],
  [
    `SELECT 7 / 2, 7 / 2.0, if(1 > 2, 'a'), if(1 < 2, 'a', 'b'), split_part('a,b', ',', 3)`,
    [[3, '3.5', null, 'a', null]],
  ],
  [
    `SELECT date_parse('02/Jan/2024 03:04:05', '%d/%b/%Y %H:%i:%s'), date_format(TIMESTAMP '2024-01-02 03:04:05', '%Y-%m-%d %H:%i:%s %M'),
       date_diff('day', TIMESTAMP '2024-01-01 23:00:00', TIMESTAMP '2024-01-02 01:00:00'), date_add('month', 2, DATE '2024-01-31'),
       to_unixtime(from_iso8601_timestamp('1970-01-01T00:01:00Z')), to_iso8601(from_unixtime(60))`,
    [
      [
        '2024-01-02 03:04:05',
        '2024-01-02 03:04:05 January',
        '0',
        '2024-03-31',
        60,
        '1970-01-01T00:01:00.000Z',
      ],
    ],
  ],
  [
    `SELECT CAST(from_iso8601_timestamp('2024-01-02T03:04:05.678+02:00') AT TIME ZONE 'UTC' AS VARCHAR),
       CAST(TIMESTAMP '2024-01-02 03:04:05' AT TIME ZONE 'UTC' AS VARCHAR)`,
    [['2024-01-02 01:04:05.678 UTC', '2024-01-02 03:04:05 UTC']],
  ],
  [
    `SELECT regexp_extract('ab12', '[0-9]+'), regexp_extract('ab', '[0-9]+'), regexp_extract('ab12', '([a-z]+)([0-9]+)', 2), regexp_replace('a1b2', '([0-9])', '<$1>')`,
    [['12', null, '12', 'a<1>b<2>']],
  ],
  [
    `SELECT (CAST(ROW(1, 'x') AS ROW(a BIGINT, b VARCHAR))).b, CAST(json_parse('{"a":[{"b":1.5}]}') AS ROW(a ARRAY(ROW(b DOUBLE)))).a[1].b,
       CAST(json_parse('{"k":2}') AS MAP(VARCHAR, BIGINT))['k'], sum(x) FILTER (WHERE x > 1) FROM (VALUES (1), (2), (3)) AS t(x)`,
    [['x', 1.5, '2', '5']],
  ],
  [
    `SELECT CAST(CAST(x AS DOUBLE) AS VARCHAR) FROM (VALUES ('1.5'), ('0'), ('-2714843612'), ('10000000'), ('9999999.5'), ('1e300'), ('0.001'), ('0.00012'), ('-1.5e-7'), ('12345678.9')) AS t(x)`,
    [
      '1.5',
      '0.0',
      '-2.714843612E9',
      '1.0E7',
      '9999999.5',
      '1.0E300',
      '0.001',
      '1.2E-4',
      '-1.5E-7',
      '1.23456789E7',
    ].map((text) => [text]),
  ],
  // DuckDB's own list_reduce reads a column of another row: https://github.com/duckdb/duckdb/issues/25816
  [
    `SELECT id, reduce(l, 0, (s, x) -> s + x + v, s -> s * v) FROM
       (VALUES (1, ARRAY[1], 10), (2, ARRAY[1, 2], 30), (3, ARRAY[], 5), (4, NULL, 5), (5, ARRAY[7, 8, 9], 100)) AS t(id, l, v)
       WHERE v <> 10 ORDER BY id`,
    [
      [2, 1890],
      [3, 0],
      [4, null],
      [5, 32400],
    ],
  ],
  // Texts, quoted names and comments are not touched.
  [
    `SELECT 'UNNEST(a) -> json_extract(x)' AS "CAST(a AS VARCHAR)" -- CROSS JOIN UNNEST(
     FROM (VALUES (1))`,
    [['UNNEST(a) -> json_extract(x)']],
  ],
  [`SELECT at, t."column" FROM (SELECT 1 AS at, 2 AS column) t`, [[1, 2]]],
];

let connection: DuckDBConnection;
let python: string;

beforeAll(async () => {
  ({ python } = await ensureAwsTestTools({ env: process.env, report: () => {} }));
  connection = await (await DuckDBInstance.create(':memory:')).connect();
  for (const statement of TRINO_SESSION) await connection.run(statement);
  await connection.run(
    `CREATE TABLE events AS SELECT * FROM (VALUES ${generateEvents(100).join(', ')}) AS e(id, current, previous, ts, numbers, amount)`,
  );
}, 300_000);

afterAll(() => connection.closeSync());

async function rowsOf(sql: string): Promise<unknown[][]> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRowsJson();
}

/** Rows as a set of texts: SQL without ORDER BY has no order. */
const sorted = (rows: unknown[][]) => rows.map((row) => JSON.stringify(row)).sort();

function translate(sql: string[]): string[] {
  const script =
    'import json, sys, sqlglot; print(json.dumps([sqlglot.transpile(q, read="trino", write="duckdb")[0] for q in json.load(sys.stdin)]))';
  return JSON.parse(
    execFileSync(python, ['-c', script], { input: JSON.stringify(sql) }).toString(),
  ) as string[];
}

test.each(ANSWERED)('%s', async (sql, answer) => {
  expect((await runTrino(connection, sql)).rows).toEqual(answer);
});

test('gives the answers that sqlglot gives for the same text', async () => {
  const translated = translate(SHARED);
  for (const [i, sql] of SHARED.entries()) {
    const ours = sorted((await runTrino(connection, sql)).rows);
    expect({ sql, rows: ours }).toEqual({ sql, rows: sorted(await rowsOf(translated[i]!)) });
    expect(ours).not.toEqual([]);
  }
});

test('pairs arrays in JSON by position, the shorter padded with null', async () => {
  const rows = await rowsOf(`SELECT id, current, previous FROM events`);
  const contactsOf = (text: unknown) =>
    (
      JSON.parse((text as string | null) ?? '{}') as {
        contacts?: { contactid: string; state: string | null }[] | null;
      }
    ).contacts ?? [];
  const expected = rows.flatMap(([id, current, previous]) => {
    const [cur, prev] = [contactsOf(current), contactsOf(previous)];
    return Array.from({ length: Math.max(cur.length, prev.length) }, (_, i) => [
      id,
      cur[i]?.contactid ?? null,
      prev[i]?.state ?? null,
    ]);
  });
  expect(sorted((await runTrino(connection, PAIRS)).rows)).toEqual(sorted(expected));
});

// DuckDB's own TRY gave other values, or crashed: https://github.com/duckdb/duckdb/issues/25280
test('what fails in some rows of many is null there, and no other value changes', async () => {
  const texts = Array.from({ length: 3_000 }, (_, i) => (i % 11 === 3 ? 'none' : String(i)));
  await connection.run(
    `CREATE TABLE texts AS SELECT unnest(range(${texts.length})) AS i, unnest([${texts.map((text) => `'${text}'`).join(', ')}]) AS t`,
  );
  const sql = `SELECT i, try_cast(t AS integer), try(CAST(t AS integer)), try(coalesce(CAST(t AS bigint), 0) + 1),
      try('a long text beside ' || CAST(CAST(t AS integer) AS varchar)), try(100 / (i % 5)),
      CASE WHEN i % 2 = 0 THEN try(CAST(t AS integer) * 2) ELSE -1 END, try_cast(ARRAY[t, '7'] AS array(integer))
    FROM texts WHERE try(100 / (i % 3)) > 0 OR i % 4 = 0 ORDER BY i`;
  const expected = texts.flatMap((text, i) => {
    if (i % 3 === 0 && i % 4 !== 0) return [];
    const value = text === 'none' ? null : i;
    const of = <T>(answer: (value: number) => T) => (value === null ? null : answer(value));
    return [
      [
        String(i),
        value,
        value,
        of((n) => String(n + 1)),
        of((n) => `a long text beside ${n}`),
        i % 5 === 0 ? null : String(Math.trunc(100 / (i % 5))),
        i % 2 === 0 ? of((n) => n * 2) : -1,
        of((n) => [n, 7]),
      ],
    ];
  });
  for (let round = 0; round < 3; round++) expect((await runTrino(connection, sql)).rows).toEqual(expected);
}, 60_000);

// https://github.com/duckdb/duckdb/issues/24985
test('a sum over all rows of a part is right for more than a million of them', async () => {
  await connection.run(
    `CREATE TABLE parts AS SELECT CAST(i AS VARCHAR) AS part, 'same' AS place, CAST(i AS DOUBLE) AS value FROM range(1100000) AS r(i)`,
  );
  const all =
    'OVER (PARTITION BY part ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)';
  const sql = `SELECT count(*) FROM (SELECT value, sum(value) ${all} AS total, avg(value) ${all} AS mean FROM parts)
    WHERE total <> value OR mean <> value`;
  expect((await runTrino(connection, sql)).rows).toEqual([['0']]);
}, 60_000);
