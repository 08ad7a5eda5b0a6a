import { readdir, readFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Client, Connection } from '@temporalio/client';
import { statusQuery, type RunStatus } from '../../src/contracts/messages';
import { startStack, type Stack } from '../../src/local';
import { runQuery } from '../../src/duckdb/query';
import { eventually } from '../support/eventually';
import { describeWithRealData, realData } from '../support/data';
import { useCommandLines } from '../support/cli';
import { testLong } from '../support/long';
import { portOffset } from '../support/portOffset';
import { connectToS3Of } from '../support/s3';

/** Far from the default ports, so that a stack of the developer's own may run beside. */
const PORT_OFFSET = portOffset();

interface Step {
  name: string;
  kind: string;
  state: string;
  job: { resource: string; externalId: string } | null;
  progress?: Record<string, number | null>;
  steps?: Step[];
}
interface Status {
  state: string;
  waitingFor: string[];
  failure: { code: string; message: string; step: string } | null;
  result: unknown;
  steps: Step[];
}

const sluice = useCommandLines();
let folder: string;
let stack: Stack;
let env: NodeJS.ProcessEnv;
let s3: S3Client;
let client: Client;
let lake: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-e2e-'));
  stack = await startStack({ dir: folder, portOffset: PORT_OFFSET, spark: true, report: () => {} });
  env = { ...stack.info.env };
  lake = join(folder, 's3', 'lake');
  s3 = connectToS3Of(stack);
  client = new Client({ connection: await Connection.connect({ address: stack.info.temporal.address }) });
}, 300_000);

afterAll(async () => {
  s3?.destroy();
  await client?.connection.close();
  await stack?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

async function upload(key: string, body: Buffer | string): Promise<void> {
  await s3.send(new PutObjectCommand({ Bucket: 'lake', Key: key, Body: body }));
}

async function uploadReal(key: string, file: string): Promise<void> {
  await upload(key, await readFile(join(realData, file)));
}

/** A test that is run again has runs of its own. */
let ids = 0;
const newId = (name: string) => `${name}-${++ids}`;

async function status(id: string): Promise<Status> {
  const { stdout, stderr } = await sluice(['status', id, '--json'], { env });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Status;
}

/** Asks the run itself: a command for each look would take what Spark needs of the machine. */
async function statusWhen(id: string, reached: (status: RunStatus) => boolean): Promise<RunStatus> {
  return eventually(async () => {
    const now = await client.workflow.getHandle(id).query(statusQuery);
    if (reached(now) || now.state === 'running') return now;
    throw new Error(`${id} is ${now.state}: ${JSON.stringify(now.failure)}`);
  }, reached);
}

const allSteps = (steps: Step[]): Step[] => steps.flatMap((step) => [step, ...allSteps(step.steps ?? [])]);

async function onlyFile(location: string, ending: string): Promise<string> {
  const path = join(lake, location);
  const names = (await readdir(path)).filter((name) => name.endsWith(ending) && !/^[._]/.test(name));
  expect(names).toHaveLength(1);
  expect(await readdir(path)).toContain('_SUCCESS');
  return join(path, names[0]!);
}

async function rowsOf(sql: string): Promise<Record<string, unknown>[]> {
  const { rows } = await runQuery({
    sql,
    variables: {},
    names: {},
    maxRows: 100,
    tempFolder: folder,
    signal: new AbortController().signal,
  });
  return rows!;
}

async function checkReport(): Promise<string> {
  const [psd] = await rowsOf(
    `SELECT count(*)::INT AS days, sum(leads_generated)::VARCHAR AS leads, sum(forecasted_lead_revenue)::VARCHAR AS revenue FROM read_parquet('${await onlyFile('marketing-and-sales/tmp/sales', '.parquet')}')`,
  );
  expect(psd).toEqual({ days: 1802, leads: '9141', revenue: '2714843612' });
  const [pmd] = await rowsOf(
    `SELECT count(*)::INT AS days FROM read_parquet('${await onlyFile('marketing-and-sales/tmp/marketing', '.parquet')}')`,
  );
  expect(pmd).toEqual({ days: 1461 });
  const report = await readFile(await onlyFile('marketing-and-sales/sales-leads-influenced', '.csv'), 'utf8');
  const lines = report.trimEnd().split('\n');
  expect(lines[0]).toBe(
    'date,leads_generated,forecasted_lead_revenue,new_visitors_seo,new_visitors_cpc,new_visitors_social_media,return_visitors',
  );
  expect(lines).toHaveLength(1 + 1393);
  const revenue = lines.slice(1).reduce((sum, line) => sum + BigInt(line.split(',')[2]!), 0n);
  expect(revenue).toBe(2_528_481_912n);
  const days = lines.slice(1).map((line) => Date.parse(`${line.split(',')[0]} UTC`));
  expect(days).toEqual([...days].sort((a, b) => a - b));
  return report;
}

describeWithRealData('on the real files', () => {
  let onDuckdb: string;

  beforeAll(() => uploadReal('emr-step-functions/input/tripdata.csv', 'taxi/tripdata.csv'));

  test('main waits, processes, joins and sums up, with the published totals', async () => {
    const id = newId('main');
    const started = await sluice(['start', 'main', '--id', id, '--json'], { env });
    expect(started.code).toBe(0);
    expect(JSON.parse(started.stdout)).toMatchObject({
      id,
      url: expect.stringContaining(`/workflows/${id}/`),
    });
    const child = `${id}/marketing-and-sales`;
    await statusWhen(child, ({ waitingFor }) => waitingFor.length === 2);
    await uploadReal('sales/sales.csv', 'marketing-and-sales/sales.csv');
    await statusWhen(child, ({ waitingFor }) => waitingFor.join() === 's3://lake/marketing/*.csv');
    await uploadReal('marketing/marketing.csv', 'marketing-and-sales/marketing.csv');

    const watched = await sluice(['watch', id], { env });
    expect(watched.stderr).toBe('');
    expect(watched.code).toBe(0);
    const ended = await status(id);
    expect(ended).toMatchObject({ state: 'completed', failure: null });
    expect(
      allSteps(ended.steps)
        .filter(({ kind }) => kind === 'job')
        .map(({ name, state }) => [name, state]),
    ).toEqual([
      ['process sales data', 'succeeded'],
      ['process marketing data', 'succeeded'],
      ['join marketing and sales data', 'succeeded'],
      ['MilesPerRateCode', 'succeeded'],
      ['RateCodeStatus', 'succeeded'],
    ]);
    onDuckdb = await checkReport();

    const table = await readFile(await onlyFile('emr-step-functions/rate-code-status', '.csv'), 'utf8');
    const [header, ...rows] = table.trimEnd().split('\n');
    expect(header).toBe('rate_code_id,total_distance,total_fare_amount');
    const expected: Record<string, [number, number]> = {
      1: [49648.25, 229361],
      2: [7606.17, 23608],
      3: [598.06, 2370.5],
      4: [164.82, 591],
      5: [350.65, 4684.96],
      99: [0, 77.2],
    };
    expect(rows).toHaveLength(6);
    for (const row of rows) {
      const [code, distance, fare] = row.split(',');
      expect(Number(distance)).toBeCloseTo(expected[code!]![0], 2);
      expect(Number(fare)).toBeCloseTo(expected[code!]![1], 2);
    }
  }, 180_000);

  // With `SLUICE_LONG=1`: in the suite the scripts are held against SQL on these files by `engines.test.ts`, in one Spark.
  testLong(
    'the same pipeline on Glue scripts gives the same report, byte for byte',
    async () => {
      const id = newId('glue');
      const given = ['--id', id, '--since', '1 hour', '-p', 'engine=glue', '--wait', '--json'];
      const started = await sluice(['start', 'marketing-and-sales', ...given], { env });
      expect(started.stderr).toBe('');
      expect(JSON.parse(started.stdout)).toMatchObject({ id, state: 'completed' });
      expect(await checkReport()).toBe(onDuckdb);
    },
    180_000,
  );

  test('an output that is there already is left alone and fails the run when ifExists says error', async () => {
    const id = newId('exists');
    const file = await onlyFile('emr-step-functions/miles-per-rate', '.parquet');
    const started = await sluice(
      ['start', 'rate-codes', '--id', id, '-p', 'ifExists=error', '--wait', '--json'],
      { env },
    );
    expect(started.code).toBe(1);
    expect(JSON.parse(started.stdout)).toMatchObject({
      state: 'failed',
      failure: {
        step: 'MilesPerRateCode',
        message: expect.stringMatching(/^MilesPerRate job failed: .*is there already/s),
      },
    });
    expect(await onlyFile('emr-step-functions/miles-per-rate', '.parquet')).toBe(file);
  }, 120_000);

  test('a batch that somebody kills by hand sends the run to its fallback', async () => {
    const id = newId('killed');
    expect(
      (await sluice(['start', 'rate-codes', '--id', id, '-p', 'onFailure=fallback'], { env })).code,
    ).toBe(0);
    const { steps } = await statusWhen(id, (now) => Boolean(now.steps[0]?.job?.externalId));
    await fetch(`${stack.info.livy!.url}/batches/${steps[0]!.job!.externalId}`, {
      method: 'DELETE',
      headers: { 'x-requested-by': 'test' },
    });
    const ended = await sluice(['watch', id], { env });
    expect(ended.code).toBe(0);
    expect(await status(id)).toMatchObject({
      state: 'completed with fallback',
      failure: { step: 'MilesPerRateCode' },
    });
  }, 120_000);
});

/** Its two tasks never end. */
const SLOW_SCRIPT = `
import time
from sluice_rows import RowJob, run


def main():
    job = RowJob("slow", "--numbers")
    job.read_csv(job.arguments.numbers, {"x": "BIGINT"})
    job.spark.sparkContext.parallelize(range(2), 2).foreach(lambda _: time.sleep(3600))


run(main)
`;

test('how far a script on Spark is, in tasks and rows, is in the status of its run; cancel stops its batch in Livy', async () => {
  await upload('slow/slow.py', SLOW_SCRIPT);
  await upload('slow/sluice_rows.py', await readFile(join(process.cwd(), 'jobs', 'sluice_rows.py')));
  await upload('slow/numbers.csv', 'x\n1\n2\n3\n');
  const parameters = {
    file: 's3://lake/slow/slow.py',
    pyFiles: ['s3://lake/slow/sluice_rows.py'],
    args: ['--numbers', 's3://lake/slow/numbers.csv'],
  };
  const { stdout } = await sluice(['start', 'job', '--input', '-', '--json'], {
    env,
    input: JSON.stringify({ resource: 'livy:createBatch', parameters }),
  });
  const { id } = JSON.parse(stdout) as { id: string };
  const { steps } = await eventually(
    () => status(id),
    ({ state, steps: [step] }) => state !== 'running' || step?.progress?.['of'] === 2,
    { deadlineMs: 90_000, pauseMs: 1_000 },
  );
  expect(steps).toMatchObject([{ state: 'running', progress: { tasks: 0, of: 2, rowsRead: 3 } }]);
  expect((await sluice(['cancel', id], { env })).code).toBe(0);
  expect(await status(id)).toMatchObject({ state: 'cancelled', steps: [{ state: 'stopped' }] });
  const batch = await fetch(`${stack.info.livy!.url}/batches/${steps[0]!.job!.externalId}`);
  expect(batch.status).toBe(404);
}, 180_000);

test('a file that lacks a column names file and column, and the earlier output stays', async () => {
  const id = newId('bad');
  const folderBefore = await readdir(join(lake, 'marketing-and-sales', 'tmp', 'sales')).catch(() => []);
  await sluice(['start', 'marketing-and-sales', '--id', id, '-p', 'output=bad'], { env });
  await statusWhen(id, ({ waitingFor }) => waitingFor.length === 2);
  await upload('sales/bad.csv', 'a,b\n1,2\n');
  const ended = await sluice(['watch', id], { env });
  expect(ended.code).toBe(1);
  const { failure } = await status(id);
  expect(failure).toMatchObject({ code: 'BadData', step: 'process sales data' });
  expect(failure!.message).toContain('s3://lake/sales/bad.csv: no column "date"');
  expect(await readdir(join(lake, 'marketing-and-sales', 'tmp', 'sales')).catch(() => [])).toEqual(
    folderBefore,
  );
}, 60_000);

test('arrivals handed over by hand end waits, and an extra job of any resource runs beside', async () => {
  const id = newId('extra');
  const job = {
    name: 'count',
    resource: 'duckdb:query',
    parameters: { sql: 'SELECT 42 AS answer' },
    arrival: 's3://lake/elsewhere/*.csv',
  };
  // Nothing that is in the lake is new enough for this run: only a person can hand it over.
  const since = new Date(Date.now() + 3_600_000).toISOString();
  const input = JSON.stringify({ extraJobs: [job], output: 'extra' });
  await sluice(['start', 'marketing-and-sales', '--id', id, '--since', since, '--input', '-'], {
    env,
    input,
  });
  await statusWhen(id, ({ waitingFor }) => waitingFor.length === 3);
  await upload('sales/s.csv', 'Date,Opportunity Stage,Forecasted Monthly Revenue\n1/2/2014,Lead,5\n');
  await upload(
    'marketing/m.csv',
    'Date,New visitors SEO,New visitors CPC,New visitors Social Media,Return visitors\n1/2/2014,1,2,3,4\n',
  );
  await upload('elsewhere/old.csv', 'x');
  for (const key of ['sales/s.csv', 'marketing/m.csv', 'elsewhere/old.csv']) {
    const handed = await sluice(['signal', id, 'arrival', `s3://lake/${key}`], { env });
    expect(handed.stderr).toBe('');
    expect(handed.code).toBe(0);
  }
  expect((await sluice(['watch', id], { env })).code).toBe(0);
  const { result } = await status(id);
  expect(result).toMatchObject({ extraJobs: { count: { rows: [{ answer: 42 }] } } });
  expect(await readFile(await onlyFile('extra/sales-leads-influenced', '.csv'), 'utf8')).toMatch(
    /\n1\/2\/2014,1,5,1,2,3,4\n$/,
  );
}, 60_000);
