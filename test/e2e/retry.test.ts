import { mkdtemp, readFile, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { startStack, type Stack } from '../../src/local';
import { useCommandLines } from '../support/cli';
import { connectToS3Of } from '../support/s3';
import { portOffset } from '../support/portOffset';

const PORT_OFFSET = portOffset();

const sluice = useCommandLines();
let folder: string;
let stack: Stack;
let env: NodeJS.ProcessEnv;
let s3: S3Client;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-e2e-'));
  stack = await startStack({
    dir: folder,
    portOffset: PORT_OFFSET,
    spark: false,
    webhook: false,
    report: () => {},
  });
  env = { ...stack.info.env };
  s3 = connectToS3Of(stack);
}, 120_000);

afterAll(async () => {
  s3?.destroy();
  await stack?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

const put = (Key: string, Body: string) => s3.send(new PutObjectCommand({ Bucket: 'lake', Key, Body }));

interface Answer {
  id: string | null;
  state: string;
  plan: { steps: { step: string; action: string; reason: string; within: string[] }[] };
  steps: { name: string; takenFrom?: { id: string; job: string } }[];
}

async function json(...args: string[]): Promise<Answer> {
  const { stdout, stderr } = await sluice([...args, '--json'], { env });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Answer;
}

const SALES = 'date,opportunity_stage,forecasted_monthly_revenue\n3/1/2025,Lead,100\n3/2/2025,Lead,50\n';
const MARKETING =
  'date,new_visitors_seo,new_visitors_cpc,new_visitors_social_media,return_visitors\n3/1/2025,1,2,3,4\n';

const start = (id: string) =>
  json('start', 'marketing-and-sales', '--id', id, '--since', '1 hour', '-p', `output=${id}`, '--wait');

const fileOf = (output: string, name: string) =>
  join(folder, 's3', 'lake', output, 'sales-leads-influenced', name);

test('a run that failed goes on from the failed step, once, and leaves what one leaves that never failed', async () => {
  await put('sales/sales.csv', SALES);
  await put('marketing/marketing.csv', MARKETING);
  expect(await start('good')).toMatchObject({ state: 'completed' });
  // The join publishes nothing into a folder that holds what no job wrote.
  await put('bad/sales-leads-influenced/foreign.csv', 'not ours');
  expect(await start('bad')).toMatchObject({ state: 'failed' });
  const planned = await json('retry', 'bad');
  expect(planned.id).toBeNull();
  expect(planned.plan.steps.map(({ within, step, action }) => [...within, step, action].join(' / '))).toEqual(
    [
      expect.stringMatching(/^(sales|marketing) \/ wait for \w+ data \/ reuse$/),
      expect.stringMatching(/^(sales|marketing) \/ wait for \w+ data \/ reuse$/),
      expect.stringMatching(/^(sales|marketing) \/ process \w+ data \/ reuse$/),
      expect.stringMatching(/^(sales|marketing) \/ process \w+ data \/ reuse$/),
      'join marketing and sales data / redo',
    ],
  );
  expect(planned.plan.steps.at(-1)!.reason).toContain('foreign.csv');
  const refused = await sluice(['retry', 'bad'], { env });
  expect(refused).toMatchObject({ code: 0, stdout: expect.stringContaining('reuse') });
  expect(refused.stderr).toBe('Nothing was started. Start it with: --yes\n');
  await unlink(fileOf('bad', 'foreign.csv'));
  expect(await json('retry', 'bad', '--yes', '--wait')).toMatchObject({
    id: 'bad-retry-1',
    state: 'completed',
  });
  const { steps } = await json('status', 'bad-retry-1');
  const redone = steps.filter(({ takenFrom }) => takenFrom === undefined).map(({ name }) => name);
  expect(redone.sort()).toEqual(['join marketing and sales data', 'marketing', 'sales']);
  expect(await readFile(fileOf('bad', 'part-00000.csv'))).toEqual(
    await readFile(fileOf('good', 'part-00000.csv')),
  );
  const again = await sluice(['retry', 'bad', '--yes'], { env });
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('is completed') });
}, 120_000);

test.each([
  [['retry', 'nothing'], 'UnknownRun'],
  [['retry', 'good', '--from', 'join marketing'], 'has come to no step "join marketing"'],
])('%j is refused', async (args, message) => {
  expect(await sluice(args, { env })).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
});
