import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runQuery } from '../../../src/activities/runners/duckdb/query';
import { ensureSpark } from '../../../src/local';
import { describeWithRealData, realData } from '../../support/data';

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
      '50,x,Lead\r',
      '60,,Lead,\t1/2/2014',
    ].join('\n'),
    marketing: `Unknown,${MARKETING_HEADER}z,1/2/2014, 1 ,+2,-3,4\nz,1/10/2013,,n/a,12.5,\n`,
    psd: [
      ['1/10/2013', '1', '10'],
      ['1/2/2014', '2', '80'],
      ['null', '1', '50'],
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

async function runOnSpark(calls: string[][]): Promise<(string | null)[]> {
  const { python } = await ensureSpark({ env: process.env, report: () => {} });
  return new Promise((resolve, reject) => {
    const env = { ...process.env, PYSPARK_PYTHON: python, SPARK_LOCAL_IP: '127.0.0.1' };
    const child = execFile(
      python,
      [join(__dirname, '..', '..', 'fixtures', 'run_scripts.py')],
      { env, maxBuffer: 1 << 26 },
      (error, stdout, stderr) =>
        error ? reject(new Error(stderr.slice(-4000))) : resolve(JSON.parse(stdout) as (string | null)[]),
    );
    child.stdin!.end(JSON.stringify(calls));
  });
}

async function expectEqualOutputs(at: string): Promise<void> {
  const ordered = (file: string) => rowsOf(`SELECT * FROM read_parquet('${file}')`);
  const free = (file: string) => rowsOf(`SELECT * FROM read_parquet('${file}') ORDER BY ALL`);
  const types = (file: string) =>
    rowsOf(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet('${file}'))`);
  for (const [name, read] of [
    ['sales', ordered],
    ['marketing', free],
  ] as const) {
    const [duckdb, spark] = [join(at, 'duckdb', `${name}.parquet`), join(at, 'spark', name, '*.parquet')];
    expect(await read(spark)).toEqual(await read(duckdb));
    expect(await types(spark)).toEqual(await types(duckdb));
  }
  const parts = (await readdir(join(at, 'spark', 'report'))).filter(
    (name) => name.endsWith('.csv') || name.endsWith('.txt'),
  );
  expect(parts).toHaveLength(1);
  expect(await readFile(join(at, 'spark', 'report', parts[0]!), 'utf8')).toBe(
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
}, 240_000);

test('a file without a column, or none at all, is refused by name, and an earlier output stays', async () => {
  const at = join(folder, 'bad');
  await mkdir(join(at, 'spark', 'sales'), { recursive: true });
  await writeFile(join(at, 'spark', 'sales', 'old'), 'kept');
  await writeFile(join(at, 'sales.csv'), '\x89PNG\r\n\x1a\nnot a table');
  await expect(runOnDuckdb(at)).rejects.toMatchObject({
    code: 'BadData',
    message: expect.stringContaining(join(at, 'sales.csv')),
  });
  const [sales] = sparkCalls(at);
  const missing = [...sales!];
  missing[2] = `file://${join(at, 'nowhere.csv')}`;
  const outcomes = await runOnSpark([sales!, missing]);
  expect(outcomes[0]).toMatch(/^BadData: .*sales\.csv: no column 'date'/);
  expect(outcomes[1]).toMatch(/^BadData: .*nowhere\.csv/);
  expect(await readdir(join(at, 'spark', 'sales'))).toEqual(['old']);
}, 120_000);

describeWithRealData('on the real files', () => {
  test('SQL and Spark scripts give the same output', async () => {
    const at = join(folder, 'real');
    await mkdir(at);
    for (const name of ['sales.csv', 'marketing.csv']) {
      await writeFile(join(at, name), await readFile(join(realData, 'marketing-and-sales', name)));
    }
    await runOnDuckdb(at);
    expect((await runOnSpark(sparkCalls(at))).filter((outcome) => outcome !== null)).toEqual([]);
    await expectEqualOutputs(at);
  }, 240_000);
});
