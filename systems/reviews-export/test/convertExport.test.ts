import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { runQuery } from 'sluice';
import { describeWithRealData, realData } from '../../../test/support/data';
import { startTestS3 } from '../../../test/support/s3';
import { runOnSpark } from '../../../test/support/spark';
import { convertExport } from '../src/tasks/convertExport';
import { findExport } from '../src/tasks/findExport';
import { runTask } from '../../../test/support/tasks';

const script = join(__dirname, '..', 'jobs', 'reviews-export', 'convert_export.py');
const COLUMNS = { user: 'text', book: 'text', rating: 'integer', author: 'text', review: 'text' };

const SAMPLE = [
  's3://lake/reviews/export-to-s3/AWSDynamoDB/01531436400000-146698ca/',
  's3://lake/reviews/datapipeline/2018-07-12-23-00-00/',
] as const;

type S3 = Awaited<ReturnType<typeof startTestS3>>;
let s3: S3;
let lake: string;
let hardExports: string[];
let goodExport: string;
let brokenExports: Awaited<ReturnType<typeof putBrokenExports>>;
/** Of the hard exports, four broken ones and the two samples, since Spark starts but once. */
let sparkOutcomes: (string | null)[];

beforeAll(async () => {
  s3 = await startTestS3();
  lake = join(s3.s3Dir, 'lake');
  hardExports = Object.values(await putHardExports());
  goodExport = await putExport('good', { files: [[{ Item: { Id: { S: 'kept' } } }]] });
  await convert(goodExport, 's3://lake/stays/');
  brokenExports = await putBrokenExports();
  const hasSample = existsSync(join(realData, 'dynamodb-reviews'));
  if (hasSample) await cp(join(realData, 'dynamodb-reviews'), join(lake, 'reviews'), { recursive: true });
  sparkOutcomes = await runOnSpark([
    ...hardExports.map((location, i) => sparkCall(location, hardOutputs(i)[1], hardColumns(i))),
    ...brokenExports.slice(0, 4).map(([location]) => sparkCall(location, 's3://lake/stays/')),
    ...(hasSample
      ? [
          sparkCall(SAMPLE[0], 's3://lake/reviews-spark-today/', COLUMNS),
          sparkCall(SAMPLE[1], 's3://lake/reviews-spark-2018/', COLUMNS),
        ]
      : []),
  ]);
}, 240_000);

afterAll(() => s3.stop());

async function rowsOf(sql: string): Promise<Record<string, unknown>[]> {
  const { rows } = await runQuery({
    sql,
    variables: {},
    names: {},
    maxRows: 200_000,
    tempFolder: s3.s3Dir,
    signal: new AbortController().signal,
  });
  return rows!;
}

interface Export {
  kind?: 'full' | 'incremental' | 'datapipeline';
  /** The records of each file. */
  files: unknown[][];
  itemCount?: number;
}

/** An export as the service writes it, below `exports/<name>/` of the lake; its URI. */
async function putExport(name: string, { kind = 'full', files, itemCount }: Export): Promise<string> {
  const at = join(lake, 'exports', name);
  const texts = files.map((records) => records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  if (kind === 'datapipeline') {
    const own = join(at, '2018-07-12-23-00-00');
    await mkdir(own, { recursive: true });
    for (const [i, text] of texts.entries()) await writeFile(join(own, `file-${i}`), text);
    const entries = texts.map((_, i) => ({ url: `s3://elsewhere/x/file-${i}`, mandatory: true }));
    await writeFile(join(own, 'manifest'), JSON.stringify({ name: 'DynamoDB-export', version: 3, entries }));
    await writeFile(join(own, '_SUCCESS'), '');
    return `s3://lake/exports/${name}/2018-07-12-23-00-00/`;
  }
  const own = join(at, 'AWSDynamoDB', '01531436400000-abcdef01');
  // Full exports have their data in their own folder, incremental ones in a folder that they share.
  const data = kind === 'full' ? join(own, 'data') : join(at, 'AWSDynamoDB', 'data');
  const dataKey = kind === 'full' ? 'old/AWSDynamoDB/01531436400000-abcdef01/data' : 'old/AWSDynamoDB/data';
  await mkdir(data, { recursive: true });
  await mkdir(own, { recursive: true });
  for (const [i, text] of texts.entries()) await writeFile(join(data, `f${i}.json.gz`), gzipSync(text));
  const lines = files.map((records, i) => ({
    itemCount: records.length,
    dataFileS3Key: `${dataKey}/f${i}.json.gz`,
  }));
  await writeFile(
    join(own, 'manifest-files.json'),
    lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
  );
  await writeFile(join(own, '_started'), '');
  const times =
    kind === 'full'
      ? { exportTime: '2018-07-12T23:00:00.000Z' }
      : { exportFromTime: '2018-07-11T23:00:00.000Z', exportToTime: '2018-07-12T23:00:00.000Z' };
  const summary = {
    exportType: kind === 'full' ? 'FULL_EXPORT' : 'INCREMENTAL_EXPORT',
    startTime: '2018-07-12T23:01:00.000Z',
    ...times,
    manifestFilesS3Key: 'old/AWSDynamoDB/01531436400000-abcdef01/manifest-files.json',
    itemCount: itemCount ?? files.flat().length,
    outputFormat: 'DYNAMODB_JSON',
  };
  await writeFile(join(own, 'manifest-summary.json'), JSON.stringify(summary));
  return `s3://lake/exports/${name}/AWSDynamoDB/01531436400000-abcdef01/`;
}

const convert = (location: string, output: string, columns: Record<string, string> = {}) =>
  runTask(convertExport, { export: location, output, columns }, { s3: s3.s3 });

const sparkCall = (location: string, output: string, columns: Record<string, string> = {}): string[] => {
  const local = (uri: string) => uri.replace('s3://', `file://${s3.s3Dir}/`);
  const list = Object.entries(columns).map((column) => column.join(':'));
  const rows = `${local(output).replace(/\/$/, '')}-rejected/_rows.json`;
  return [
    ...[script, '--export', local(location), '--output', local(output)],
    ...['--columns', list.join(','), '--rows-to', rows],
  ];
};

const parquetOf = (output: string) => `read_parquet('${output.replace('s3://', `${s3.s3Dir}/`)}*.parquet')`;
const contentOf = (output: string) => rowsOf(`SELECT * FROM ${parquetOf(output)} ORDER BY ALL`);
async function typesOf(output: string): Promise<Record<string, unknown>> {
  const columns = await rowsOf(
    `SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${parquetOf(output)})`,
  );
  return Object.fromEntries(
    columns.map((row): [string, unknown] => [String(row['column_name']), row['column_type']]),
  );
}

const HARD = [
  {
    Id: { S: 'all' },
    Text: { S: 'a "b"\\ \u2028 \u0001 \t ü 😀 }{ \n' },
    Long: { N: '9007199254740993' },
    Smallest: { N: '-9223372036854775808' },
    TooLong: { N: '9223372036854775808' },
    Digits38: { N: '12345678901234567890123456789012345678' },
    Price: { N: '1.50' },
    Wide: { N: '1E+125' },
    Both: { N: '12345678901234567890123456789012345678' },
    Binary: { B: 'AAH/' },
    Yes: { BOOL: true },
    Nil: { NULL: true },
    Texts: { SS: ['b', 'a'] },
    Numbers: { NS: ['9007199254740993', '0.1'] },
    Binaries: { BS: ['AA==', '/w=='] },
    List: { L: [{ S: 'x' }, { NULL: true }] },
    Nested: { M: { InnerMap: { M: { Deep: { L: [{ M: { K: { N: '1' } } }, { M: { J: { S: 's' } } }] } } } } },
    EmptyList: { L: [] },
    EmptyMap: { M: {} },
    OddList: { L: [{ S: 'x' }, { N: '1' }, { M: { b: { N: '2.0' }, a: { L: [{ BOOL: false }] } } }] },
    Odd: { S: 'text' },
    helpful_votes: { N: '1' },
    HelpfulVotes: { N: '2' },
    'Helpful-Votes': { N: '3' },
    ISBNCode: { S: 'i' },
    'größe 1': { S: 'g' },
    __proto: { S: 'p' },
  },
  {
    Id: { S: 'second' },
    Price: { N: '-0.125' },
    Wide: { N: '0.1' },
    Both: { N: '-0.5' },
    Odd: { M: { z: { N: '9007199254740993' }, a: { S: 'é' } } },
    Nested: { M: { Other: { BOOL: false } } },
    Small: { N: '1E2' },
  },
  { Id: { S: 'bare' } },
];

const HARD_TYPES = {
  id: 'VARCHAR',
  text: 'VARCHAR',
  long: 'BIGINT',
  smallest: 'BIGINT',
  too_long: 'DECIMAL(38,0)',
  digits38: 'DECIMAL(38,0)',
  price: 'DECIMAL(38,3)',
  // More than 38 digits in all: text, so that none is lost.
  wide: 'VARCHAR',
  both: 'VARCHAR',
  binary: 'VARCHAR',
  yes: 'BOOLEAN',
  nil: 'VARCHAR',
  texts: 'VARCHAR[]',
  numbers: 'DECIMAL(38,1)[]',
  binaries: 'VARCHAR[]',
  list: 'VARCHAR[]',
  nested: 'STRUCT(inner_map STRUCT(deep STRUCT(j VARCHAR, k BIGINT)[]), other BOOLEAN)',
  empty_list: 'VARCHAR[]',
  empty_map: 'VARCHAR',
  odd_list: 'VARCHAR[]',
  odd: 'VARCHAR',
  small: 'BIGINT',
  // By code points: `Helpful-Votes`, `HelpfulVotes`, `helpful_votes`.
  helpful_votes: 'BIGINT',
  helpful_votes_2: 'BIGINT',
  helpful_votes_3: 'BIGINT',
  isbn_code: 'VARCHAR',
  gr__e_1: 'VARCHAR',
  __proto: 'VARCHAR',
};

const HARD_ROW = {
  id: 'all',
  text: 'a "b"\\ \u2028 \u0001 \t ü 😀 }{ \n',
  long: '9007199254740993',
  smallest: '-9223372036854775808',
  too_long: '9223372036854775808',
  digits38: '12345678901234567890123456789012345678',
  price: '1.500',
  wide: `1${'0'.repeat(125)}`,
  both: '12345678901234567890123456789012345678',
  binary: 'AAH/',
  yes: true,
  nil: null,
  texts: ['b', 'a'],
  numbers: ['9007199254740993.0', '0.1'],
  binaries: ['AA==', '/w=='],
  list: ['x', null],
  nested: {
    inner_map: {
      deep: [
        { j: null, k: 1 },
        { j: 's', k: null },
      ],
    },
    other: null,
  },
  empty_list: [],
  empty_map: '{}',
  odd_list: ['x', '1', '{"a":[false],"b":2}'],
  odd: 'text',
  small: null,
  helpful_votes: 3,
  helpful_votes_2: 2,
  helpful_votes_3: 1,
  isbn_code: 'i',
  gr__e_1: 'g',
  __proto: 'p',
};

/** Type letters as they were in 2018. */
const in2018 = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(in2018);
  if (typeof value !== 'object' || value === null) return value;
  const letters: Record<string, string> = {
    S: 's',
    N: 'n',
    B: 'b',
    BOOL: 'bOOL',
    NULL: 'nULLValue',
    SS: 'sS',
    NS: 'nS',
    BS: 'bS',
    L: 'l',
    M: 'm',
  };
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [letters[key] ?? key, in2018(part)]));
};

async function putHardExports() {
  const items = HARD.map((Item) => ({ Item }));
  return {
    today: await putExport('hard', { files: [items.slice(0, 1), items.slice(1), []] }),
    'of 2018': await putExport('hard-2018', {
      kind: 'datapipeline',
      files: [HARD.slice(0, 2).map(in2018), HARD.slice(2).map(in2018)],
    }),
    changes: await putExport('changes', {
      kind: 'incremental',
      files: [
        [
          { Metadata: {}, Keys: { Id: { S: 'all' } }, NewImage: HARD[0] },
          { Metadata: {}, Keys: { Id: { S: 'gone' } }, OldImage: HARD[1] },
        ],
      ],
    }),
    nothing: await putExport('nothing', { files: [] }),
  };
}
const hardColumns = (i: number) => (i === 3 ? COLUMNS : { nil: 'integer', added: 'number', id: 'number' });
const hardOutputs = (i: number): [string, string] => [`s3://lake/duckdb-${i}/`, `s3://lake/spark-${i}/`];

test('every DynamoDB type of both formats, on DuckDB and on Spark', async () => {
  const outputs = [0, 1, 2, 3].map(hardOutputs);
  for (const [i, location] of hardExports.entries()) await convert(location, outputs[i]![0], hardColumns(i));
  expect(sparkOutcomes.slice(0, 4)).toEqual([null, null, null, null]);
  for (const [duckdb, spark] of outputs) {
    expect(await typesOf(spark)).toEqual(await typesOf(duckdb));
    expect(await contentOf(spark)).toEqual(await contentOf(duckdb));
    expect(await readdir(duckdb.replace('s3://', `${s3.s3Dir}/`))).toEqual([
      '_SUCCESS',
      'part-00000.snappy.parquet',
    ]);
  }
  const [today, of2018, changes, nothing] = outputs.map(([duckdb]) => duckdb);
  expect(await typesOf(today!)).toEqual({ ...HARD_TYPES, nil: 'BIGINT', added: 'DECIMAL(38,9)' });
  const rows = { rowsRead: 3, rowsRejected: 0, valuesUnread: 0, rowsWritten: 3 };
  expect(JSON.parse(await readFile(join(lake, 'spark-0-rejected', '_rows.json'), 'utf8'))).toEqual(rows);
  const content = await contentOf(today!);
  expect(content.find((row) => row['id'] === 'all')).toEqual({ ...HARD_ROW, added: null });
  expect(content.find((row) => row['id'] === 'second')).toMatchObject({
    price: '-0.125',
    wide: '0.1',
    both: '-0.5',
    odd: '{"a":"é","z":9007199254740993}',
    nested: { inner_map: null, other: false },
    small: 100,
    text: null,
  });
  expect(content.find((row) => row['id'] === 'bare')).toEqual({
    ...Object.fromEntries(Object.keys({ ...HARD_ROW, added: null }).map((name) => [name, null])),
    id: 'bare',
  });
  expect(await contentOf(of2018!)).toEqual(content);
  expect(await rowsOf(`SELECT ddb_operation, id, "long" FROM ${parquetOf(changes!)} ORDER BY id`)).toEqual([
    { ddb_operation: 'put', id: 'all', long: '9007199254740993' },
    { ddb_operation: 'delete', id: 'gone', long: null },
  ]);
  expect(await contentOf(nothing!)).toEqual([]);
  expect(await typesOf(nothing!)).toEqual({
    author: 'VARCHAR',
    book: 'VARCHAR',
    rating: 'BIGINT',
    review: 'VARCHAR',
    user: 'VARCHAR',
  });
}, 240_000);

async function putBrokenExports(): Promise<[string, Partial<Record<string, unknown>>][]> {
  const cases: [string, Partial<Record<string, unknown>>][] = [
    [
      await putExport('short', { files: [[{ Item: { Id: { S: 'x' } } }]], itemCount: 2 }),
      { code: 'BadData', message: expect.stringContaining('has 1 records, and its manifest says 2') },
    ],
    [
      await putExport('odd', { files: [[{ Item: { Id: { S: 'x' } } }, { Item: { Id: { Q: 1 } } }]] }),
      { code: 'BadData', message: expect.stringMatching(/f0\.json\.gz, line 2: .*no DynamoDB value/) },
    ],
    [
      await putExport('none', { files: [[{ Keys: {} }]] }),
      { code: 'BadData', message: expect.stringContaining('no Item; it has Keys') },
    ],
    [
      's3://lake/exports/missing/',
      { code: 'InvalidJob', message: expect.stringContaining('no finished export') },
    ],
    ['s3://lake/exports/', { code: 'InvalidJob', message: expect.stringContaining('more than one export') }],
  ];
  const lost = await putExport('lost', { files: [[{ Item: { Id: { S: 'x' } } }]] });
  await rm(join(lake, 'exports/lost/AWSDynamoDB/01531436400000-abcdef01/data/f0.json.gz'));
  cases.push([lost, { code: 'ObjectGone', message: expect.stringContaining('f0.json.gz') }]);
  const cut = await putExport('cut', { files: [[{ Item: { Id: { S: 'x'.repeat(1000) } } }]] });
  const cutFile = join(lake, 'exports/cut/AWSDynamoDB/01531436400000-abcdef01/data/f0.json.gz');
  await writeFile(cutFile, (await readFile(cutFile)).subarray(0, 30));
  cases.push([cut, { code: 'BadData', message: expect.stringContaining('f0.json.gz') }]);
  return cases;
}

test('an export that is broken, unfinished, doubled or of another format is refused, and the output stays', async () => {
  for (const [location, failure] of brokenExports)
    await expect(convert(location, 's3://lake/stays/')).rejects.toMatchObject(failure);
  expect(sparkOutcomes.slice(4, 8)).toEqual([
    expect.stringMatching(/^BadData: .*has 1 records/),
    expect.stringMatching(/^BadData: .*no DynamoDB value/),
    expect.stringMatching(/^BadData: .*Item/),
    expect.stringMatching(/^BadData: .*no finished export/),
  ]);
  expect(await contentOf('s3://lake/stays/')).toEqual([{ id: 'kept' }]);
  // Found from the folder above as well, with the time of its data.
  expect(await runTask(findExport, { location: 's3://lake/exports/good' }, { s3: s3.s3 })).toMatchObject({
    payload: { location: goodExport, timestamp: '2018-07-12-23-00-00', itemCount: 1 },
  });
}, 120_000);

test('100,000 items are converted in bounded memory, every one', async () => {
  const own = join(lake, 'exports', 'large', 'AWSDynamoDB', '01531436400000-abcdef01');
  const location = await putExport('large', { files: [[], [], [], []], itemCount: 100_000 });
  const review = 'words '.repeat(100);
  for (let file = 0; file < 4; file++) {
    const lines: string[] = [];
    for (let i = file; i < 100_000; i += 4) {
      const item = {
        User: { S: `user ${i}` },
        Book: { S: `book ${createHash('md5').update(String(i)).digest('hex')}` },
        Rating: { N: String((i % 5) + 1) },
        ...(i % 3 ? { Author: { S: `author ${i % 100}` } } : {}),
        Review: { S: review },
      };
      lines.push(JSON.stringify({ Item: item }));
    }
    await writeFile(join(own, 'data', `f${file}.json.gz`), gzipSync(lines.join('\n')));
  }
  global.gc?.();
  const before = process.memoryUsage().rss;
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 20);
  await convert(location, 's3://lake/large/', COLUMNS);
  clearInterval(watch);
  expect((most - before) / 2 ** 20).toBeLessThan(400);
  const [sums] = await rowsOf(
    `SELECT count(*)::INT AS n, count(DISTINCT book)::INT AS books, count(author)::INT AS authors, sum(rating)::INT AS ratings FROM ${parquetOf('s3://lake/large/')}`,
  );
  expect(sums).toEqual({ n: 100_000, books: 100_000, authors: 66_666, ratings: 300_000 });
}, 120_000);

describeWithRealData('on the sample table', () => {
  test('both formats give the same rows on both engines, as the items say', async () => {
    const [today, of2018] = SAMPLE;
    for (const [location, format] of [
      [today, 'today'],
      [of2018, '2018'],
    ] as const) {
      const found = await runTask(findExport, { location }, { s3: s3.s3 });
      expect(found.payload).toMatchObject({ location, timestamp: '2018-07-12-23-00-00' });
      await convert(location, `s3://lake/reviews-duckdb-${format}/`, COLUMNS);
    }
    expect(sparkOutcomes.slice(8, 10)).toEqual([null, null]);
    const outputs = ['duckdb-today', 'duckdb-2018', 'spark-today', 'spark-2018'].map(
      (name) => `s3://lake/reviews-${name}/`,
    );
    const first = await contentOf(outputs[0]!);
    for (const output of outputs) {
      expect(await contentOf(output)).toEqual(first);
      expect(await typesOf(output)).toEqual({
        author: 'VARCHAR',
        book: 'VARCHAR',
        edition: 'STRUCT(format VARCHAR, pages BIGINT)',
        helpful_votes: 'BIGINT',
        rating: 'BIGINT',
        read_dates: 'VARCHAR[]',
        review: 'VARCHAR',
        series: 'VARCHAR',
        shelves: 'VARCHAR[]',
        user: 'VARCHAR',
        would_recommend: 'BOOLEAN',
      });
    }
    // Another way to the same rows: the types taken off by name, the text of each file at once.
    const data = join(lake, today.replace('s3://lake/', ''), 'data');
    const texts = await Promise.all((await readdir(data)).map((name) => readFile(join(data, name))));
    const plain = texts
      .flatMap((text) => gunzipSync(text).toString().trimEnd().split('\n'))
      .map((line) => (JSON.parse(line) as { Item: Record<string, Record<string, never>> }).Item)
      .map((item) => [
        item['User']!['S'],
        item['Book']!['S'],
        Number(item['Rating']!['N']),
        item['Author']?.['S'] ?? null,
        item['HelpfulVotes'] ? Number(item['HelpfulVotes']['N']) : null,
        item['Shelves']?.['SS'] ?? null,
        item['WouldRecommend']?.['BOOL'] ?? null,
      ]);
    const byText = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    const converted = first.map((row) =>
      ['user', 'book', 'rating', 'author', 'helpful_votes', 'shelves', 'would_recommend'].map(
        (name) => row[name],
      ),
    );
    expect(converted.sort(byText)).toEqual(plain.sort(byText));
    expect(plain).toHaveLength(1000);
  }, 120_000);
});
