import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runQuery } from '../../../src/duckdb/query';
import { isDeepStrictEqual } from 'node:util';
import { HARD_FILES } from '../../support/hardFiles';
import { describeWithRealData, realData } from '../../support/data';
import { isLong } from '../../support/long';
import { runOnSpark } from '../../support/spark';

const jobs = join(__dirname, '..', '..', '..', 'jobs');

/** A pair of input files, and what must come out by the rules, worked out by hand. */
interface Case {
  sales: string;
  marketing: string;
  psd?: string[][];
  report?: string[];
}

const SALES_HEADER = 'Date,Opportunity Stage,Forecasted Monthly Revenue\n';
const MARKETING_HEADER = 'Date,New visitors SEO,New visitors CPC,New visitors Social Media,Return visitors\n';

const CASES: Record<string, Case> = {
  'quotes, CRLF, white space, order of columns, short rows and no last line end': {
    sales: [
      ' FORECASTED   monthly Revenue ,Note,"Opportunity\tStage",date\r',
      '10,"a, ""b""", Lead ,1/10/2013\r',
      '"20",x,"Lead"\t,"1/2/2014"\r',
      '30,x," Lead",1/2/2014\r',
      '40,x,lead,1/2/2014\r',
      '\r',
      '60,,Lead,\t1/2/2014',
    ].join('\n'),
    marketing: `Unknown,${MARKETING_HEADER}z,1/2/2014, 1 ,+2,-3,4\nz,1/10/2013,,n/a,12.5,\n`,
    psd: [
      ['1/10/2013', '1', '10'],
      ['1/2/2014', '2', '80'],
    ],
    report: ['1/10/2013,1,10,,,,', '1/2/2014,2,80,1,2,-3,4'],
  },
  'numbers past 2^53 and past 64 bits, sums of nothing': {
    sales: `${SALES_HEADER}1/1/2014,Lead,9007199254740993\n1/1/2014,Lead,9007199254740993\n1/2/2014,Lead,9223372036854775808\n1/2/2014,Lead,n/a\n1/3/2014,Lead,-9223372036854775808\n`,
    marketing: `${MARKETING_HEADER}1/1/2014,9223372036854775807,0,0,0\n1/2/2014,1,1,1,1\n`,
    psd: [
      ['1/1/2014', '2', '18014398509481986'],
      ['1/2/2014', '2', 'null'],
      ['1/3/2014', '1', '-9223372036854775808'],
    ],
    report: ['1/1/2014,2,18014398509481986,9223372036854775807,0,0,0', '1/2/2014,2,,1,1,1,1'],
  },
  'opaque dates in calendar order, dates on one side only, a day twice': {
    sales: `${SALES_HEADER}12/31/2016,Lead,1\n1/10/2013,Lead,1\n1/2/2014,Lead,1\n01/02/2014,Lead,1\n13/45/2014,Lead,1\nsoon,Lead,1\n2/30/2014,Lead,1\n`,
    marketing: `${MARKETING_HEADER}1/2/2014,1,1,1,1\n1/2/2014,2,2,2,2\nsoon,3,3,3,3\n12/31/2016,4,4,4,4\n5/5/2015,5,5,5,5\n`,
    psd: [
      ['1/10/2013', '1', '1'],
      ['01/02/2014', '1', '1'],
      ['1/2/2014', '1', '1'],
      ['12/31/2016', '1', '1'],
      ['13/45/2014', '1', '1'],
      ['2/30/2014', '1', '1'],
      ['soon', '1', '1'],
    ],
  },
  'long quoted fields, quoted white space, a quote that never closes, values that CSV must quote': {
    sales: `${SALES_HEADER.trimEnd()},Note\n1/1/2014,Lead,5,"${'x, ""y"" '.repeat(3_000)}"\n" 1/2/2014 ",Lead,6,\n"a,""b",Lead,7,\n#c\\d,Lead,8,\n`,
    marketing: `${MARKETING_HEADER}1/1/2014,1,1,1,1\n" 1/2/2014 ",2,2,2,2\n"a,""b",3,3,3,3\n#c\\d,4,4,4,4\n`,
    psd: [
      ['1/1/2014', '1', '5'],
      [' 1/2/2014 ', '1', '6'],
      ['#c\\d', '1', '8'],
      ['a,"b', '1', '7'],
    ],
    report: ['1/1/2014,1,5,1,1,1,1', ' 1/2/2014 ,1,6,2,2,2,2', '"#c\\d",1,8,4,4,4,4', '"a,""b",1,7,3,3,3,3'],
  },
  'headers only': { sales: SALES_HEADER, marketing: MARKETING_HEADER.trimEnd(), psd: [], report: [] },
};

const REPORT_HEADER =
  'date,leads_generated,forecasted_lead_revenue,new_visitors_seo,new_visitors_cpc,new_visitors_social_media,return_visitors';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-engines-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const base = () => ({
  names: {},
  maxRows: 100_000,
  tempFolder: folder,
  signal: new AbortController().signal,
});

async function rowsOf(sql: string): Promise<string[][]> {
  const { rows } = await runQuery({ ...base(), sql, variables: {} });
  return rows!.map((row) => Object.values(row).map(String));
}

/** The three jobs on DuckDB; the files end in `duckdb/` beside the input. */
async function runOnDuckdb(at: string): Promise<void> {
  const out = join(at, 'duckdb');
  await mkdir(out, { recursive: true });
  const run = async (
    script: string,
    variables: Record<string, string[]>,
    file: string,
    format: 'parquet' | 'csv',
  ) =>
    runQuery({
      ...base(),
      sql: await readFile(join(jobs, 'marketing-and-sales', script), 'utf8'),
      variables,
      output: { file: join(out, file), format },
    });
  await run('process-sales.sql', { sales: [join(at, 'sales.csv')] }, 'sales.parquet', 'parquet');
  await run(
    'process-marketing.sql',
    { marketing: [join(at, 'marketing.csv')] },
    'marketing.parquet',
    'parquet',
  );
  await run(
    'join.sql',
    { sales_leads: [join(out, 'sales.parquet')], marketing: [join(out, 'marketing.parquet')] },
    'report.csv',
    'csv',
  );
}

const sparkCalls = (at: string): string[][] => {
  const uri = (...parts: string[]) => `file://${join(at, ...parts)}`;
  const script = (name: string) => join(jobs, 'marketing-and-sales', name);
  return [
    [script('process_sales.py'), '--sales', uri('sales.csv'), '--output', uri('spark', 'sales/')],
    [
      script('process_marketing.py'),
      '--marketing',
      uri('marketing.csv'),
      '--output',
      uri('spark', 'marketing'),
    ],
    [
      script('join.py'),
      '--sales-leads',
      uri('spark', 'sales'),
      '--marketing',
      uri('spark', 'marketing'),
      '--output',
      uri('spark', 'report'),
      '--JOB_NAME',
      'x',
    ],
  ];
};

/** The one CSV file of a complete folder that holds nothing else. */
async function readOnlyCsv(at: string): Promise<string> {
  const [marker, part, ...others] = (await readdir(at)).sort();
  expect([marker, others]).toEqual(['_SUCCESS', []]);
  expect(part).toMatch(/^part-00000.*\.csv$/);
  return readFile(join(at, part!), 'utf8');
}

async function expectEqualOutputs(at: string): Promise<void> {
  const ordered = (file: string) => rowsOf(`SELECT * FROM read_parquet('${file}')`);
  const free = (file: string) => rowsOf(`SELECT * FROM read_parquet('${file}') ORDER BY ALL`);
  const types = (file: string) =>
    rowsOf(
      `SELECT name, type, repetition_type FROM parquet_schema('${file}') WHERE num_children IS NULL ORDER BY column_id`,
    );
  const codecs = (file: string) =>
    rowsOf(`SELECT DISTINCT compression FROM parquet_metadata('${file}') WHERE compression <> 'SNAPPY'`);
  for (const [name, read] of [
    ['sales', ordered],
    ['marketing', free],
  ] as const) {
    const [duckdb, spark] = [join(at, 'duckdb', `${name}.parquet`), join(at, 'spark', name, '*.parquet')];
    expect(await read(spark)).toEqual(await read(duckdb));
    expect(await types(spark)).toEqual(await types(duckdb));
    for (const file of [spark, duckdb]) expect(await codecs(file)).toEqual([]);
    expect((await readdir(join(at, 'spark', name))).filter((file) => /^\./.test(file))).toEqual([]);
  }
  expect(await readOnlyCsv(join(at, 'spark', 'report'))).toBe(
    await readFile(join(at, 'duckdb', 'report.csv'), 'utf8'),
  );
}

test('on hard files, SQL and Spark scripts give what the rules say, and the same', async () => {
  const places: [string, Case][] = [];
  for (const [index, hard] of Object.values(CASES).entries()) {
    const at = join(folder, `case-${index}`);
    await mkdir(at);
    await writeFile(join(at, 'sales.csv'), hard.sales);
    await writeFile(join(at, 'marketing.csv'), hard.marketing);
    await runOnDuckdb(at);
    places.push([at, hard]);
  }
  for (const [at, { psd, report }] of places) {
    expect(await rowsOf(`SELECT * FROM read_parquet('${join(at, 'duckdb', 'sales.parquet')}')`)).toEqual(psd);
    const lines = (await readFile(join(at, 'duckdb', 'report.csv'), 'utf8')).trimEnd().split('\n');
    expect(lines[0]).toBe(REPORT_HEADER);
    if (report) expect(lines.slice(1)).toEqual(report);
  }
  const outcomes = await runOnSpark(places.flatMap(([at]) => sparkCalls(at)));
  expect(outcomes.filter((outcome) => outcome !== null)).toEqual([]);
  for (const [at] of places) await expectEqualOutputs(at);
}, 600_000);

/** Where a message of DuckDB has a path, Spark has a URI. */
interface Read {
  rows?: (string | null)[][];
  refused?: string;
  account?: { read: number; rejected: number; unread: number; cases: { line: number; text: string }[] };
}

test('every hard file has the same rows, counts and cases on Spark as on DuckDB', async () => {
  const cases = await Promise.all(
    Object.entries(HARD_FILES).map(async ([name, hard], i) => {
      const file = join(folder, `hard-${i}.csv`);
      await writeFile(file, hard.bytes);
      const { delimiter, skipLines, encoding, maxBadShare } = hard.options ?? {};
      const given = {
        '--delimiter': delimiter,
        '--skip-lines': skipLines,
        '--encoding': encoding,
        '--max-bad-share': maxBadShare,
      };
      const options = Object.entries(given).flatMap(([option, value]) =>
        value === undefined ? [] : [option, String(value)],
      );
      return { name, hard, location: `file://${file}`, options };
    }),
  );
  const [source, answer] = [join(folder, 'hard.json'), join(folder, 'read.json')];
  await writeFile(source, JSON.stringify(cases));
  const script = join(__dirname, '..', '..', 'fixtures', 'read_hard_files.py');
  expect(await runOnSpark([[script, source, answer]])).toEqual([null]);
  const read = JSON.parse(await readFile(answer, 'utf8')) as Read[];
  const problems = cases.flatMap(({ name, hard, location }, i) => {
    const { rows, refused, account } = read[i]!;
    if (hard.refused !== undefined)
      return refused?.includes(hard.refused) && refused.includes(location) ? [] : [[name, read[i]]];
    const { rejected = [], unread = [] } = hard;
    const lines = [...rejected, ...unread.map(([line]) => line)].sort((a, b) => a - b);
    const expected = [hard.rows, hard.rows!.length, rejected.length, unread.length, lines];
    const found = [
      rows,
      account?.read,
      account?.rejected,
      account?.unread,
      account?.cases.map(({ line }) => line),
    ];
    return isDeepStrictEqual(found, expected) ? [] : [[name, read[i], expected]];
  });
  expect(problems).toEqual([]);
}, 600_000);

test('a file without a column, or none at all, is refused by name, and an earlier output stays', async () => {
  const at = join(folder, 'bad');
  await mkdir(join(at, 'spark', 'sales'), { recursive: true });
  await writeFile(join(at, 'spark', 'sales', 'old'), 'kept');
  await writeFile(join(at, 'sales.csv'), 'PNG\r\n\x1a\nnot a table');
  await expect(runOnDuckdb(at)).rejects.toMatchObject({
    code: 'BadData',
    message: expect.stringContaining(join(at, 'sales.csv')),
  });
  const [sales] = sparkCalls(at);
  const missing = [...sales!];
  missing[2] = `file://${join(at, 'nowhere.csv')}`;
  await writeFile(
    join(at, 'wide.csv'),
    `${SALES_HEADER}1/1/2014,Lead,9223372036854775807\n1/1/2014,Lead,1\n`,
  );
  const tooWide = [...sales!];
  tooWide[2] = `file://${join(at, 'wide.csv')}`;
  const outcomes = await runOnSpark([sales!, missing, tooWide]);
  expect(outcomes[2]).toMatch(/^BadData: .*wide\.csv: a sum of .* needs more than 64 bits$/);
  expect(outcomes[0]).toMatch(/^BadData: .*sales\.csv: no column "date"/);
  expect(outcomes[1]).toMatch(/^BadData: .*nowhere\.csv/);
  expect(await readdir(join(at, 'spark', 'sales'))).toEqual(['old']);
}, 600_000);

const miles = join(jobs, 'rate-codes', 'miles_per_rate_code.py');
const status = join(jobs, 'rate-codes', 'rate_code_status.py');

async function putTrips(root: string, text: string | Buffer): Promise<string> {
  const input = join(root, 'emr-step-functions', 'input');
  await mkdir(input, { recursive: true });
  await writeFile(join(input, 'tripdata.csv'), text);
  return `file://${root}`;
}

const storedMiles = (root: string) =>
  rowsOf(
    `SELECT rate_code, total_distance FROM read_parquet('${join(root, 'emr-step-functions', 'miles-per-rate', '*.parquet')}') ORDER BY ALL`,
  );

test('rate codes: nulls, any case of headers, header only, the stored miles count, an output that is there', async () => {
  const [hard, empty, bad] = ['hard', 'empty', 'no-fare'].map((name) => join(folder, `trips-${name}`)) as [
    string,
    string,
    string,
  ];
  const hardTrips = 'ratecodeid,TRIP_DISTANCE,Fare_Amount\n1,.50,-2.5\n1,,\n2,,\n,1.5,3\n 99 ,x,1\n';
  const hardUri = await putTrips(hard, hardTrips);
  const emptyUri = await putTrips(empty, 'RatecodeID,trip_distance,fare_amount\n');
  const badUri = await putTrips(bad, 'RatecodeID,trip_distance\n1,1\n');
  const [first, second, , , , again, noFare, noMiles] = await runOnSpark([
    [miles, hardUri],
    [status, `${hardUri}/`, '--sluice-key', 'a key'],
    [miles, emptyUri],
    [status, emptyUri],
    [miles, badUri],
    [miles, hardUri, '--if-exists', 'error'],
    [status, badUri],
    [status, await putTrips(join(folder, 'trips-alone'), hardTrips)],
  ]);
  expect([first, second]).toEqual([null, null]);
  expect(await storedMiles(hard)).toEqual([
    ['1', '0.5'],
    ['2', 'null'],
    ['99', 'null'],
    ['null', '1.5'],
  ]);
  const at = (root: string) => join(root, 'emr-step-functions', 'rate-code-status');
  const lines = (await readOnlyCsv(at(hard))).trimEnd().split('\n');
  expect(lines[0]).toBe('rate_code_id,total_distance,total_fare_amount');
  expect(lines.slice(1).sort()).toEqual(['1,0.5,-2.5', '2,,', '99,,1.0']);
  expect(await storedMiles(empty)).toEqual([]);
  expect(await readOnlyCsv(at(empty))).toBe('rate_code_id,total_distance,total_fare_amount\n');
  expect(again).toMatch(/^BadData: .*miles-per-rate: is there already/);
  expect(noFare).toMatch(/^BadData: .*tripdata\.csv: no column "fare_amount"/);
  expect(noMiles).toMatch(/^BadData: .*miles-per-rate: has no _SUCCESS/);
}, 600_000);

// Main's own test runs them in the suite, on DuckDB, Glue scripts and Spark, and holds the totals.
(isLong ? describeWithRealData : describe.skip)('on the real files', () => {
  test('rate codes have the public totals', async () => {
    const root = join(folder, 'trips-real');
    const uri = await putTrips(root, await readFile(join(realData, 'taxi', 'tripdata.csv')));
    expect(
      await runOnSpark([
        [miles, uri],
        [status, uri],
      ]),
    ).toEqual([null, null]);
    const rows = (await readOnlyCsv(join(root, 'emr-step-functions', 'rate-code-status')))
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',').map((value) => Number(Number(value).toFixed(2))))
      .sort(([a], [b]) => a! - b!);
    expect(rows).toEqual([
      [1, 49648.25, 229361],
      [2, 7606.17, 23608],
      [3, 598.06, 2370.5],
      [4, 164.82, 591],
      [5, 350.65, 4684.96],
      [99, 0, 77.2],
    ]);
  }, 600_000);

  test('SQL and Spark scripts give the same output', async () => {
    const at = join(folder, 'real');
    await mkdir(at);
    for (const name of ['sales.csv', 'marketing.csv']) {
      await writeFile(join(at, name), await readFile(join(realData, 'marketing-and-sales', name)));
    }
    await runOnDuckdb(at);
    expect((await runOnSpark(sparkCalls(at))).filter((outcome) => outcome !== null)).toEqual([]);
    await expectEqualOutputs(at);
  }, 600_000);
});
