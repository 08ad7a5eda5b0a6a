import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { RunView } from '../../../src/cli/readStatus';
import { startStack, type Stack } from '../../../src/local';
import { useCommandLines, type CommandOptions } from '../../support/cli';
import { connectToS3Of } from '../../support/s3';
import { portOffset } from '../../support/portOffset';

const root = path.join(__dirname, '..', '..', '..');

let stack: Stack;
let dir: string;
let s3: S3Client;

interface Ended {
  exitCode: number;
  out: string;
  err: string;
}

const runCommand = useCommandLines();

/** Runs the built command line. Build first: `npm run build`. */
async function sluice(
  args: string[],
  { env = {}, ...options }: Pick<CommandOptions, 'input' | 'env'> = {},
): Promise<Ended> {
  const { code, stdout, stderr } = await runCommand(args, {
    ...{ env: { ...stack.info.env, ...env }, cwd: dir },
    ...options,
  });
  return { exitCode: code!, out: stdout, err: stderr };
}

async function readRun(id: string): Promise<RunView> {
  return JSON.parse((await sluice(['status', id, '--json'])).out) as RunView;
}

async function untilWaiting(id: string): Promise<void> {
  for (let i = 0; i < 50; i++) if ((await readRun(id)).waitingFor.length === 2) return;
  throw new Error(`${id} does not wait`);
}

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'sluice-cli-'));
  stack = await startStack({
    ...{ dir, spark: false, portOffset: portOffset(), report: () => {} },
    programs: {
      worker: path.join(root, 'dist/src/worker.js'),
      webhook: path.join(root, 'dist/src/webhook.js'),
    },
  });
  s3 = connectToS3Of(stack);
}, 300_000);

afterAll(async () => {
  s3?.destroy();
  await stack?.stop();
  if (dir) await rm(dir, { recursive: true, force: true, maxRetries: 3 });
}, 60_000);

test('doctor finds nothing to mend in the local stack', async () => {
  const { exitCode, out } = await sluice(['doctor', '--json']);
  expect(JSON.parse(out)).toMatchObject({ ok: true });
  expect(exitCode).toBe(0);
});

test('doctor says what to mend', async () => {
  const { exitCode, out } = await sluice(['doctor'], { env: { SLUICE_TASK_QUEUE: 'nobody' } });
  expect(out).toContain('none polls the task queue nobody');
  expect(exitCode).toBe(1);
});

test('a server that is away is exit code 3 with its address', async () => {
  const { exitCode, err } = await sluice(['list', '--json'], { env: { TEMPORAL_ADDRESS: '127.0.0.1:1' } });
  expect(exitCode).toBe(3);
  expect(JSON.parse(err)).toMatchObject({
    error: { code: 'ServerUnreachable', message: expect.stringContaining('127.0.0.1:1') },
  });
});

test('start --wait gives the result of a job from standard input, and the rows that status and watch give', async () => {
  await s3.send(new PutObjectCommand({ Bucket: 'lake', Key: 'numbers.csv', Body: 'x,y\n42,a\nn/a,b\n' }));
  const sql = "select sum(x)::int as x from sluice_csv('numbers', {x: 'BIGINT'})";
  const parameters = { sql, inputs: { numbers: 's3://lake/numbers.csv' } };
  const { exitCode, out, err } = await sluice(['start', 'job', '--input', '-', '--wait', '--json'], {
    input: JSON.stringify({ resource: 'duckdb:query', parameters }),
  });
  expect(err).toBe('');
  const ended = JSON.parse(out) as RunView;
  expect(ended).toMatchObject({
    ...{ state: 'completed', result: { rows: [{ x: 42 }] } },
    measures: { rowsRead: 2, rowsRejected: 0, valuesUnread: 1, rowsWritten: 1 },
    steps: [{ rows: { read: 2, rejected: 0, unread: 1, written: 1 } }],
  });
  const { measures, steps } = ended;
  expect(await readRun(ended.id)).toMatchObject({ measures, steps });
  const watched = (await sluice(['watch', ended.id, '--json'])).out.trim().split('\n').at(-1)!;
  expect(JSON.parse(watched)).toMatchObject({ measures, steps });
  expect(exitCode).toBe(0);
});

test('start --wait and status show the rows of a job', async () => {
  const input = JSON.stringify({ resource: 'duckdb:query', parameters: { sql: 'select 42 as x' } });
  const args = ['start', 'job', '--id', 'rows', '--input', '-', '--wait'];
  for (const { out } of [await sluice(args, { input }), await sluice(['status', 'rows'])])
    expect(out).toMatch(/\nrows:\nx\n42\n$/);
});

test('start --wait is exit code 1 when the job fails', async () => {
  const input = JSON.stringify({ resource: 'duckdb:query', parameters: { sql: 'select nope' } });
  const { exitCode, out } = await sluice(['start', 'job', '--input', '-', '--wait', '--json'], { input });
  expect(JSON.parse(out)).toMatchObject({ state: 'failed', failure: { code: expect.any(String) } });
  expect(exitCode).toBe(1);
});

test('a job whose output folder is in no bucket fails before it has run, and names the bucket', async () => {
  const output = { location: 's3://nobucket/out/', format: 'csv' };
  const input = JSON.stringify({ resource: 'duckdb:query', parameters: { sql: 'select 42 as x', output } });
  const { exitCode, out } = await sluice(['start', 'job', '--input', '-', '--wait', '--json'], { input });
  expect(JSON.parse(out)).toMatchObject({
    state: 'failed',
    failure: { code: 'InvalidInput', message: expect.stringContaining('The bucket nobucket does not exist') },
  });
  expect(exitCode).toBe(1);
});

test('a run is started once by its id, shown waiting, listed, and cancelled', async () => {
  const started = await sluice(['start', 'marketing-and-sales', '--id', 'once', '--json']);
  expect(JSON.parse(started.out)).toEqual({
    id: 'once',
    runId: expect.any(String),
    url: expect.stringContaining('/once/'),
  });
  expect((await sluice(['start', 'marketing-and-sales', '--id', 'once'])).exitCode).toBe(2);
  await untilWaiting('once');
  expect((await sluice(['status', 'once'])).out).toContain('wait for sales data  waiting');
  const listed = JSON.parse((await sluice(['list', '--state', 'running', '--json'])).out) as RunView[];
  expect(listed.map(({ id }) => id)).toContain('once');
  const cancelled = await sluice(['cancel', 'once', '--json']);
  expect(cancelled.exitCode).toBe(0);
  expect(JSON.parse(cancelled.out)).toMatchObject({ state: 'cancelled' });
  expect((await sluice(['watch', 'once'])).exitCode).toBe(1);
});

test('an object is handed to the child run that waits for it', async () => {
  const Body = 'Date,Opportunity Stage\n1/1/2014,Lead\n';
  await s3.send(new PutObjectCommand({ Bucket: 'lake', Key: 'sales/by-hand.csv', Body }));
  const later = new Date(Date.now() + 3_600_000).toISOString();
  await sluice(['start', 'main', '--id', 'hand', '--since', later]);
  await untilWaiting('hand');
  const refused = await sluice(['signal', 'hand', 'arrival', 's3://lake/elsewhere/none.csv']);
  expect(refused).toMatchObject({
    exitCode: 2,
    err: expect.stringMatching(/^InvalidInput: .*does not exist/),
  });
  expect((await sluice(['signal', 'hand', 'arrival', 's3://lake/sales/by-hand.csv'])).exitCode).toBe(0);
  const [group] = (await readRun('hand')).steps;
  const wait = group?.steps?.find(({ name }) => name === 'wait for sales data');
  expect(wait).toMatchObject({ state: 'succeeded', objects: [{ uri: 's3://lake/sales/by-hand.csv' }] });
  await sluice(['cancel', 'hand']);
});

test.each(['status', 'watch', 'cancel'])(
  '%s of an unknown run names the way to the known ones',
  async (command) => {
    const { exitCode, err } = await sluice([command, 'nobody']);
    expect(exitCode).toBe(2);
    expect(err).toMatch(/^UnknownRun: .*sluice list/);
  },
);

test('a schedule is created, listed, paused, resumed, triggered and deleted', async () => {
  const create = [
    'schedule',
    'create',
    'marketing-and-sales',
    '--id',
    'weekly',
    '--time-zone',
    'Europe/Berlin',
    '--json',
  ];
  expect(JSON.parse((await sluice(create)).out)).toMatchObject({ id: 'weekly', paused: false });
  expect((await sluice(create)).exitCode).toBe(2);
  for (const verb of ['pause', 'resume', 'trigger'])
    expect((await sluice(['schedule', verb, 'weekly'])).exitCode).toBe(0);
  expect((await sluice(['schedule', 'list'])).out).toMatch(/weekly .*0 0 \* \* 1 Europe\/Berlin/);
  expect((await sluice(['schedule', 'delete', 'weekly'])).exitCode).toBe(0);
  expect((await sluice(['schedule', 'delete', 'weekly'])).exitCode).toBe(2);
});

test('a wrong cron string is wrong input', async () => {
  const { exitCode, err } = await sluice(['schedule', 'create', 'main', '--cron', '99 * * * *', '--json']);
  expect(exitCode).toBe(2);
  expect(JSON.parse(err)).toMatchObject({
    error: { code: 'InvalidInput', message: expect.stringContaining('five fields') },
  });
});
