/** The jobs that ship and the reading of CSV, on DuckDB, on Spark through Livy, and on Glue in local mode. */
import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { runQuery } from '../../../src/duckdb/query';
import { LocalGlueRunner, LocalLivyRunner } from '../../../src/engines/localSpark';
import type { Job } from '../../../src/jobs';
import { ensureLivyAndSpark, freePort, Processes, startLivy } from '../../../src/local';
import { createLivyPort, LivyRunner } from '../../../src/runners/livy/runner';
import type { JobState, Runner, SubmissionOf } from '../../../src/runners/runner';
import { describeWithRealData, hasRealData, realData } from '../../support/data';
import { HARD_FILES, type HardFile } from '../../support/hardFiles';
import { countOf, isLong, seedOf, testLong } from '../../support/long';

const jobs = join(__dirname, '..', '..', '..', 'jobs');
const fixtures = join(__dirname, '..', '..', 'fixtures');

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
  'numbers past 64 bits, sums of nothing, opaque dates in calendar order, a day twice, quotes of all kinds': {
    sales: [
      `${SALES_HEADER.trimEnd()},Note`,
      '3/1/2014,Lead,9007199254740993,',
      '3/1/2014,Lead,9007199254740993,',
      '3/2/2014,Lead,9223372036854775808,',
      '3/2/2014,Lead,n/a,',
      '3/3/2014,Lead,-9223372036854775808,',
      ...['12/31/2016', '1/10/2013', '1/2/2014', '01/02/2014', '13/45/2014', 'soon', '2/30/2014'].map(
        (date) => `${date},Lead,1,`,
      ),
      `1/1/2014,Lead,5,"${'x, ""y"" '.repeat(3_000)}"`,
      '" 1/2/2014 ",Lead,6,',
      '"a,""b",Lead,7,',
      '#c\\d,Lead,8,\n',
    ].join('\n'),
    marketing: [
      MARKETING_HEADER.trimEnd(),
      '3/1/2014,9223372036854775807,0,0,0',
      ...['3/2/2014', '1/2/2014', '1/2/2014', 'soon', '12/31/2016', '5/5/2015', '1/1/2014'].map(
        (date, i) => `${date},${i},${i},${i},${i}`,
      ),
      ...['" 1/2/2014 "', '"a,""b"', '#c\\d'].map((date) => `${date},9,9,9,9`),
      '',
    ].join('\n'),
    psd: [
      ['1/10/2013', '1', '1'],
      ['1/1/2014', '1', '5'],
      ['01/02/2014', '1', '1'],
      ['1/2/2014', '1', '1'],
      ['3/1/2014', '2', '18014398509481986'],
      ['3/2/2014', '2', 'null'],
      ['3/3/2014', '1', '-9223372036854775808'],
      ['12/31/2016', '1', '1'],
      [' 1/2/2014 ', '1', '6'],
      ['#c\\d', '1', '8'],
      ['13/45/2014', '1', '1'],
      ['2/30/2014', '1', '1'],
      ['a,"b', '1', '7'],
      ['soon', '1', '1'],
    ],
    report: [
      '1/1/2014,1,5,6,6,6,6',
      '1/2/2014,1,1,1,1,1,1',
      '1/2/2014,1,1,2,2,2,2',
      '3/1/2014,2,18014398509481986,9223372036854775807,0,0,0',
      '3/2/2014,2,,0,0,0,0',
      '12/31/2016,1,1,4,4,4,4',
      ' 1/2/2014 ,1,6,9,9,9,9',
      '"#c\\d",1,8,9,9,9,9',
      '"a,""b",1,7,9,9,9,9',
      'soon,1,1,3,3,3,3',
    ],
  },
  'headers only': { sales: SALES_HEADER, marketing: MARKETING_HEADER.trimEnd(), psd: [], report: [] },
};

const REPORT_HEADER =
  'date,leads_generated,forecasted_lead_revenue,new_visitors_seo,new_visitors_cpc,new_visitors_social_media,return_visitors';

let folder: string;
let livy: LocalLivyRunner;
/** Of the calls of each test: Spark starts but once. */
const outcomes: Record<string, (string | null)[]> = {};
const processes = new Processes();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-engines-'));
  // The buckets of a local stack are folders: `file://<folder>/lake/a` is `s3://lake/a`.
  await cp(jobs, join(folder, 'lake', 'jobs'), { recursive: true });
  for (const name of ['run_scripts.py', 'read_hard_files.py'])
    await cp(join(fixtures, name), join(folder, 'lake', 'jobs', name));
  const server = await startLivy({
    tools: await ensureLivyAndSpark({ env: process.env, report: () => {} }),
    ...{ env: process.env, port: await freePort(), processes },
    ...{ folder: join(folder, 'livy'), allowedFolders: [folder], logs: folder },
  });
  livy = new LocalLivyRunner(new LivyRunner(createLivyPort(server.url), server.url), folder);
  const calls = {
    cases: await prepareCases(),
    reading: await prepareReading(),
    bad: await prepareBad(),
    trips: await prepareTrips(),
    real: await prepareReal(),
  };
  const all = await runOnLivy(Object.values(calls).flat());
  for (const [name, { length }] of Object.entries(calls)) outcomes[name] = all.splice(0, length);
}, 600_000);

afterAll(async () => {
  await processes.stop();
  await rm(folder, { recursive: true, force: true });
});

let submissions = 0;

/** Runs a job to its end, as the activities do. @returns the message of its failure, if it has one */
async function runJob<R extends 'livy:createBatch' | 'glue:startJobRun'>(
  runner: Runner<R>,
  job: Job<R>,
): Promise<string | null> {
  const submission = { job, key: `run/step/${++submissions}`, run: 'run', step: 'step' } as SubmissionOf<R>;
  const reference = await runner.submit(submission);
  const { signal } = new AbortController();
  for (;;) {
    const progress = { resumed: undefined, keep: () => {} };
    const state: JobState = await runner.poll(submission, reference, signal, progress);
    if (state.state === 'succeeded') return null;
    if (state.state !== 'running') return state.message;
    await sleep(100);
  }
}

/** Job scripts `[script, argument…]`, in one batch of Livy; for each null, or its exit message. */
async function runOnLivy(calls: string[][]): Promise<(string | null)[]> {
  const paths = ['calls', 'outcomes'].map((name) => join(folder, `${name}-${submissions}.json`));
  const [source, answer] = paths as [string, string];
  await writeFile(source, JSON.stringify(calls));
  const parameters = {
    ...{ file: 's3://lake/jobs/run_scripts.py', pyFiles: ['s3://lake/jobs/sluice_rows.py'] },
    args: [source, answer],
  };
  expect(await runJob(livy, { resource: 'livy:createBatch', parameters })).toBeNull();
  return JSON.parse(await readFile(answer, 'utf8')) as (string | null)[];
}

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

const places: [string, Case][] = [];

async function prepareCases(): Promise<string[][]> {
  for (const [index, hard] of Object.values(CASES).entries()) {
    const at = join(folder, `case-${index}`);
    await mkdir(at);
    await writeFile(join(at, 'sales.csv'), hard.sales);
    await writeFile(join(at, 'marketing.csv'), hard.marketing);
    await runOnDuckdb(at);
    places.push([at, hard]);
  }
  return places.flatMap(([at]) => sparkCalls(at));
}

test('on hard files, SQL and Spark scripts give what the rules say, and the same', async () => {
  for (const [at, { psd, report }] of places) {
    expect(await rowsOf(`SELECT * FROM read_parquet('${join(at, 'duckdb', 'sales.parquet')}')`)).toEqual(psd);
    const lines = (await readFile(join(at, 'duckdb', 'report.csv'), 'utf8')).trimEnd().split('\n');
    expect(lines[0]).toBe(REPORT_HEADER);
    if (report) expect(lines.slice(1)).toEqual(report);
  }
  expect(outcomes['cases']!.filter((outcome) => outcome !== null)).toEqual([]);
  for (const [at] of places) await expectEqualOutputs(at);
});

interface ToRead {
  name: string;
  /** Below `s3://lake/`. */
  file: string;
  options: string[];
  hard: Omit<HardFile, 'bytes'>;
}

interface Read {
  rows?: (string | null)[][];
  refused?: string;
  account?: { read: number; rejected: number; unread: number; cases: { line: number; text: string }[] };
}

async function putHardFiles(): Promise<ToRead[]> {
  await mkdir(join(folder, 'lake', 'hard'), { recursive: true });
  return Promise.all(
    Object.entries(HARD_FILES).map(async ([name, hard], i) => {
      const file = `hard/${i}.csv`;
      await writeFile(join(folder, 'lake', file), hard.bytes);
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
      return { name, file, options, hard };
    }),
  );
}

/** Random files by Python's own csv module. */
async function putRandomFiles(): Promise<ToRead[]> {
  const seed = seedOf(20_261_128);
  const random = join(folder, 'lake', 'random');
  await mkdir(random, { recursive: true });
  const { stdout } = spawnSync(
    'python3',
    [join(fixtures, 'write_csv.py'), random, String(seed), String(countOf({ suite: 4, soak: 400 }))],
    { encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  const files = JSON.parse(stdout) as { file: string; delimiter: string; rows: string[][] }[];
  return files.map(({ file, delimiter, rows }) => ({
    name: `${file} of seed ${seed}`,
    file: file.slice(join(folder, 'lake', '/').length),
    options: ['--delimiter', delimiter],
    hard: { rows: rows.map((row) => row.map((field) => (field === '' ? null : field))) },
  }));
}

/** What is wrong with what Spark has read. */
function findProblems(files: ToRead[], read: Read[]): unknown[] {
  return files.flatMap(({ name, hard, file }, i) => {
    const { rows, refused, account } = read[i]!;
    if (hard.refused !== undefined)
      return refused?.includes(hard.refused) && refused.includes(`s3://lake/${file}`)
        ? []
        : [[name, read[i]]];
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
}

/** What is read on Livy, and what is on Glue. Each file on both takes as long again: in the suite they take turns. */
let toRead: { livy: ToRead[]; glue: ToRead[] };
const sourceAndAnswer = (engine: string) => [
  join(folder, `${engine}.json`),
  join(folder, `${engine}-read.json`),
];

async function prepareReading(): Promise<string[][]> {
  const all = [...(await putHardFiles()), ...(await putRandomFiles())];
  const half = (which: number) => (isLong ? all : all.filter((_, i) => i % 2 === which));
  toRead = { livy: half(0), glue: half(1) };
  for (const [engine, files] of Object.entries(toRead)) {
    const cases = files.map(({ file, options }) => ({
      location: `file://${join(folder, 'lake', file)}`,
      options,
    }));
    await writeFile(sourceAndAnswer(engine)[0]!, JSON.stringify(cases));
  }
  return [[join(folder, 'lake', 'jobs', 'read_hard_files.py'), ...sourceAndAnswer('livy')]];
}

const readBy = async (engine: 'livy' | 'glue') =>
  findProblems(toRead[engine], JSON.parse(await readFile(sourceAndAnswer(engine)[1]!, 'utf8')) as Read[]);

test("every hard file, and what Python's csv module writes, has the same rows, counts and cases on Livy and Glue as on DuckDB", async () => {
  expect(outcomes['reading']).toEqual([null]);
  expect(await readBy('livy')).toEqual([]);
  const glue = new LocalGlueRunner(livy, { hard: { script: 'read_hard_files.py' } }, 's3://lake/jobs');
  const [source, answer] = sourceAndAnswer('glue') as [string, string];
  const parameters = { JobName: 'hard', Arguments: { '--source': source, '--answer': answer } };
  expect(await runJob(glue, { resource: 'glue:startJobRun', parameters })).toBeNull();
  expect(await readBy('glue')).toEqual([]);
}, 600_000);

async function prepareBad(): Promise<string[][]> {
  const at = join(folder, 'bad');
  await mkdir(join(at, 'spark', 'sales'), { recursive: true });
  await writeFile(join(at, 'spark', 'sales', 'old'), 'kept');
  await writeFile(join(at, 'sales.csv'), 'PNG\r\n\x1a\nnot a table');
  const [sales] = sparkCalls(at);
  const missing = [...sales!];
  missing[2] = `file://${join(at, 'nowhere.csv')}`;
  await writeFile(
    join(at, 'wide.csv'),
    `${SALES_HEADER}1/1/2014,Lead,9223372036854775807\n1/1/2014,Lead,1\n`,
  );
  const tooWide = [...sales!];
  tooWide[2] = `file://${join(at, 'wide.csv')}`;
  return [sales!, missing, tooWide];
}

test('a file without a column, or none at all, is refused by name, and an earlier output stays', async () => {
  const at = join(folder, 'bad');
  await expect(runOnDuckdb(at)).rejects.toMatchObject({
    code: 'BadData',
    message: expect.stringContaining(join(at, 'sales.csv')),
  });
  expect(outcomes['bad']).toEqual([
    expect.stringMatching(/^BadData: .*sales\.csv: no column "date"/),
    expect.stringMatching(/^BadData: .*nowhere\.csv/),
    expect.stringMatching(/^BadData: .*wide\.csv: a sum of .* needs more than 64 bits$/),
  ]);
  expect(await readdir(join(at, 'spark', 'sales'))).toEqual(['old']);
});

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

const tripsAt = (name: string) => join(folder, `trips-${name}`);

async function prepareTrips(): Promise<string[][]> {
  const hardTrips = 'ratecodeid,TRIP_DISTANCE,Fare_Amount\n1,.50,-2.5\n1,,\n2,,\n,1.5,3\n 99 ,x,1\n';
  const hard = await putTrips(tripsAt('hard'), hardTrips);
  const empty = await putTrips(tripsAt('empty'), 'RatecodeID,trip_distance,fare_amount\n');
  const bad = await putTrips(tripsAt('no-fare'), 'RatecodeID,trip_distance\n1,1\n');
  return [
    [miles, hard],
    [status, `${hard}/`, '--sluice-key', 'a key'],
    [miles, empty],
    [status, empty],
    [miles, bad],
    [miles, hard, '--if-exists', 'error'],
    [status, bad],
    [status, await putTrips(tripsAt('alone'), hardTrips)],
  ];
}

test('rate codes: nulls, any case of headers, header only, the stored miles count, an output that is there', async () => {
  const [first, second, , , , again, noFare, noMiles] = outcomes['trips']!;
  const [hard, empty] = [tripsAt('hard'), tripsAt('empty')];
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
});

const realAt = () => join(folder, 'real');

async function prepareReal(): Promise<string[][]> {
  if (!hasRealData) return [];
  await mkdir(realAt());
  for (const name of ['sales.csv', 'marketing.csv'])
    await cp(join(realData, 'marketing-and-sales', name), join(realAt(), name));
  await runOnDuckdb(realAt());
  return sparkCalls(realAt());
}

describeWithRealData('on the real files', () => {
  test('SQL and Spark scripts give the same output', async () => {
    expect(outcomes['real']).toEqual([null, null, null]);
    await expectEqualOutputs(realAt());
  });

  // Main's own test runs them in the suite, and holds the totals.
  testLong(
    'rate codes have the public totals',
    async () => {
      const root = join(folder, 'trips-real');
      const uri = await putTrips(root, await readFile(join(realData, 'taxi', 'tripdata.csv')));
      expect(
        await runOnLivy([
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
    },
    600_000,
  );
});
