import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runQuery, type QueryResult } from '../../../src/duckdb/query';
import { describeWithRealData, realData } from '../../support/data';

const jobs = join(__dirname, '..', '..', '..', 'jobs', 'marketing-and-sales');
const SALES = 'Date,Opportunity Stage,Forecasted Monthly Revenue';
const MARKETING = 'Date,New visitors SEO,New visitors CPC,New visitors Social Media,Return visitors';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-jobs-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function run(
  script: string,
  variables: Record<string, string[]>,
  output?: { file: string; format: 'parquet' | 'csv' },
): Promise<QueryResult> {
  return runQuery({
    sql: await readFile(join(jobs, script), 'utf8'),
    variables,
    names: { [join(folder, 'in.csv')]: 's3://lake/sales/in.csv' },
    maxRows: 10_000,
    tempFolder: folder,
    signal: new AbortController().signal,
    ...(output ? { output } : {}),
  });
}

async function put(text: string | Buffer, name = 'in.csv'): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
}

const processSales = async (text: string | Buffer) =>
  (await run('process-sales.sql', { sales: [await put(text)] })).rows!.map((row) => Object.values(row));
const processMarketing = async (text: string | Buffer) =>
  (await run('process-marketing.sql', { marketing: [await put(text)] })).rows!.map((row) =>
    Object.values(row),
  );

describe('process sales data', () => {
  test('keeps only the stage that is exactly Lead', async () => {
    const text = `${SALES}\n1/1/2014,Lead,1\n1/1/2014,lead,2\n1/1/2014,Leads,4\n1/1/2014," Lead",8\n1/1/2014, Lead ,16\n1/1/2014,,32\n`;
    expect(await processSales(text)).toEqual([['1/1/2014', 2, 17]]);
  });

  test('finds columns by their header, whatever order, case and white space', async () => {
    const text =
      '\ufeffForecasted  Monthly\tRevenue , extra ,"DATE",opportunity stage\r\n7,"a, ""b""",1/1/2014,"Lead"\r\n';
    expect(await processSales(text)).toEqual([['1/1/2014', 1, 7]]);
  });

  test('takes what is no 64-bit integer as null; a sum of nothing is null', async () => {
    const values = ['n/a', '12.5', '1e3', '', '+', '0x1F', '9223372036854775808', '1 2'];
    const rows = values.map((value) => `1/1/2014,Lead,${value}\n`).join('');
    expect(await processSales(`${SALES}\n${rows}`)).toEqual([['1/1/2014', values.length, null]]);
    expect(await processSales(`${SALES}\n${rows}1/1/2014,Lead,+5\n1/1/2014,Lead, -7 \n`)).toEqual([
      ['1/1/2014', values.length + 2, -2],
    ]);
  });

  test('sums exactly past 2^53, and refuses a sum past 64 bits', async () => {
    const big = `${SALES}\n1/1/2014,Lead,9007199254740993\n1/1/2014,Lead,0\n`;
    expect(await processSales(big)).toEqual([['1/1/2014', 2, '9007199254740993']]);
    // The way there may be longer than 64 bits.
    const edge = `${SALES}\n1/1/2014,Lead,9223372036854775807\n1/1/2014,Lead,9223372036854775807\n1/1/2014,Lead,-9223372036854775807\n`;
    expect(await processSales(edge)).toEqual([['1/1/2014', 3, '9223372036854775807']]);
    await expect(
      processSales(`${SALES}\n1/1/2014,Lead,9223372036854775807\n1/1/2014,Lead,1\n`),
    ).rejects.toMatchObject({
      code: 'BadData',
      message: expect.stringContaining(
        's3://lake/sales/in.csv: a sum of forecasted_monthly_revenue needs more than 64 bits',
      ),
    });
  });

  test('sorts by calendar date and leaves the text; what is no date comes last, by text', async () => {
    const dates = [
      'soon',
      '13/45/2014',
      '12/31/2016',
      '1/10/2013',
      '2/29/2015',
      '01/02/2014',
      '1/2/2014',
      '2/29/2016',
    ];
    const rows = await processSales(`${SALES}\n${dates.map((date) => `${date},Lead,1\n`).join('')}`);
    expect(rows.map(([date]) => date)).toEqual([
      '1/10/2013',
      '01/02/2014',
      '1/2/2014',
      '2/29/2016',
      '12/31/2016',
      '13/45/2014',
      '2/29/2015',
      'soon',
    ]);
  });

  test('gives no rows for a header only, with and without its line end', async () => {
    expect(await processSales(`${SALES}\r\n`)).toEqual([]);
    expect(await processSales(SALES)).toEqual([]);
  });

  test('reads long quoted fields and several files, each by its own header', async () => {
    const one = await put(`${SALES},Note\n1/1/2014,Lead,1,"${'a, ""b"" '.repeat(20_000)}"\n`, 'one.csv');
    const two = await put('Opportunity Stage,Forecasted Monthly Revenue,Date\nLead,2,1/1/2014\n', 'two.csv');
    const { rows } = await run('process-sales.sql', { sales: [one, two] });
    expect(rows).toEqual([{ date: '1/1/2014', leads_generated: 2, forecasted_lead_revenue: 3 }]);
  });

  test.each([
    [
      'lacks a column',
      'Date,Stage\n1/1/2014,Lead\n',
      'no column "opportunity_stage"; the header has date, stage',
    ],
    [
      'has a blank before a quote of its header',
      `Date, "Opportunity Stage" ,Forecasted Monthly Revenue\n1/1/2014,Lead,1\n`,
      'no column "opportunity_stage"; the header has date, "opportunity_stage", forecasted_monthly_revenue; where a blank stands before a quote, take it out',
    ],
    ['is empty', '', 'no column "date"; the header has nothing'],
    ['begins with an empty line', `\n${SALES}\n1/1/2014,Lead,1\n`, 'no column "date"'],
    ['is binary', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0xff]), ''],
    ['is Parquet', Buffer.concat([Buffer.from('PAR1'), Buffer.alloc(64, 0xfe), Buffer.from('PAR1')]), ''],
  ])('a file that %s is refused, and named by its URI', async (_, text, reason) => {
    const failure = await processSales(text).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'BadData',
      message: expect.stringContaining('s3://lake/sales/in.csv'),
    });
    expect((failure as Error).message).toContain(reason);
    expect((failure as Error).message).not.toContain(folder);
  });
});

describe('process marketing data', () => {
  test('keeps every row, duplicates too; what has no number is null, and a short row is rejected', async () => {
    const text = `${MARKETING},Events\n1/1/2014,1,+2,-3, 4 ,"x, y"\n1/1/2014,1,+2,-3, 4 ,\n1/2/2014,,n/a,,,\n,,,,,\n1/3/2014,1`;
    expect(await processMarketing(text)).toEqual([
      ['1/1/2014', 1, 2, -3, 4],
      ['1/1/2014', 1, 2, -3, 4],
      ['1/2/2014', null, null, null, null],
      [null, null, null, null, null],
    ]);
  });
});

test('an empty marketing file is refused as well', async () => {
  await expect(processMarketing('')).rejects.toMatchObject({
    code: 'BadData',
    message: expect.stringContaining('s3://lake/sales/in.csv: no column "date"'),
  });
});

describe('join', () => {
  async function join3(sales: string, marketing: string): Promise<string> {
    const files = Object.fromEntries(
      ['s.parquet', 'm.parquet', 'r.csv'].map((name) => [name, join(folder, name)]),
    );
    const leads = { sales: [await put(sales, 's.csv')] };
    await run('process-sales.sql', leads, { file: files['s.parquet']!, format: 'parquet' });
    const visits = { marketing: [await put(marketing, 'm.csv')] };
    await run('process-marketing.sql', visits, { file: files['m.parquet']!, format: 'parquet' });
    const inputs = { sales_leads: [files['s.parquet']!], marketing: [files['m.parquet']!] };
    await run('join.sql', inputs, { file: files['r.csv']!, format: 'csv' });
    return readFile(files['r.csv']!, 'utf8');
  }
  const HEADER =
    'date,leads_generated,forecasted_lead_revenue,new_visitors_seo,new_visitors_cpc,new_visitors_social_media,return_visitors\n';

  test('drops days on one side only and days that are null, repeats a repeated day', async () => {
    const sales = `${SALES}\n1/10/2014,Lead,\n1/2/2014,Lead,1\n3/3/2014,Lead,1\n,Lead,1\n`;
    const marketing = `${MARKETING}\n4/4/2014,0,0,0,0\n1/2/2014,2,2,2,2\n1/2/2014,1,1,1,1\n01/02/2014,3,3,3,3\n1/10/2014,,,,\n,9,9,9,9\n`;
    expect(await join3(sales, marketing)).toBe(
      `${HEADER}1/2/2014,1,1,1,1,1,1\n1/2/2014,1,1,2,2,2,2\n1/10/2014,1,,,,,\n`,
    );
  });

  test('writes the header when there are no rows', async () => {
    expect(await join3(`${SALES}\n`, `${MARKETING}\n`)).toBe(HEADER);
  });

  test('names file and column when an input is not what the jobs before it write', async () => {
    const sales = { sales: [await put(`${SALES}\n1/1/2014,Lead,1\n`, 's.csv')] };
    const file = join(folder, 's.parquet');
    await run('process-sales.sql', sales, { file, format: 'parquet' });
    await expect(run('join.sql', { sales_leads: [file], marketing: [file] })).rejects.toMatchObject({
      code: 'BadData',
      message: expect.stringContaining(`${file}: no column "new_visitors_seo"; the columns are date,`),
    });
  });
});

describeWithRealData('on the real files', () => {
  test('the jobs give the public totals, and soon', async () => {
    const files = ['s.parquet', 'm.parquet'].map((name) => join(folder, name)) as [string, string];
    const input = async (name: string) => [
      await put(await readFile(join(realData, 'marketing-and-sales', name)), name),
    ];
    const psd = await run(
      'process-sales.sql',
      { sales: await input('sales.csv') },
      { file: files[0], format: 'parquet' },
    );
    const pmd = await run(
      'process-marketing.sql',
      { marketing: await input('marketing.csv') },
      { file: files[1], format: 'parquet' },
    );
    const { rows } = await run('join.sql', { sales_leads: [files[0]], marketing: [files[1]] });
    const total = (name: string, of: Record<string, unknown>[]) =>
      of.reduce((sum, row) => sum + Number(row[name]), 0);
    const leads = (await run('process-sales.sql', { sales: [join(folder, 'sales.csv')] })).rows!;
    expect([psd.rowCount, pmd.rowCount, rows!.length]).toEqual([1_802, 1_461, 1_393]);
    expect(total('leads_generated', leads)).toBe(9_141);
    expect(total('forecasted_lead_revenue', leads)).toBe(2_714_843_612);
    expect(total('forecasted_lead_revenue', rows!)).toBe(2_528_481_912);
    expect(psd.engineMs).toBeLessThan(2_000);
  });
});
