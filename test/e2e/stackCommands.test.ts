/** `sluice dev` and `sluice demo` as a user runs them: as processes of their own. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { StackInfo } from '../../src/local';
import { sluice } from '../support/cli';
import { knowsListening, listeningPorts } from '../support/listening';
import { portOffset } from '../support/portOffset';

const ROOT = join(__dirname, '..', '..');
const client = join(ROOT, 'dist', 'src', 'client.js');
const PORT_OFFSET = portOffset();

let folder: string;
let running: ChildProcess[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-commands-'));
  running = [];
});

afterEach(async () => {
  for (const child of running) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

const devArguments = () => [
  ...['dev', '--json', '--no-spark', '--dir', folder, '--port-offset', String(PORT_OFFSET)],
];

/** Starts `sluice dev` and resolves with its one line. */
async function startDev(): Promise<{ child: ChildProcess; info: StackInfo }> {
  const child = spawn(process.execPath, [client, ...devArguments()], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  running.push(child);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { child, info: JSON.parse(line) as StackInfo };
}

async function endDev(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** Processes whose command line or folder has to do with this test's data folder. */
function leftOver(): string[] {
  const lines = execFileSync('ps', ['-eo', 'stat=,args=']).toString().split('\n');
  return lines.filter((line) => line.includes(folder) && !line.trim().startsWith('Z'));
}

async function upload({ s3 }: StackInfo, key: string, body: string): Promise<void> {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const credentials = { accessKeyId, secretAccessKey };
  const gateway = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  await gateway.send(new PutObjectCommand({ Bucket: 'lake', Key: key, Body: body }));
  gateway.destroy();
}

test('a run that waits goes on after dev was ended and started again on its folder', async () => {
  const first = await startDev();
  if (knowsListening) {
    const { loopback, open } = listeningPorts(first.child.pid!);
    expect(loopback).toContain(Number(new URL(first.info.s3.endpoint).port));
    expect(open).toEqual([]);
  }
  const started = await sluice(['start', 'marketing-and-sales', '--id', 'patient', '--json'], {
    env: first.info.env,
  });
  expect(started.code).toBe(0);
  await upload(
    first.info,
    'sales/a.csv',
    'Date,Opportunity Stage,Forecasted Monthly Revenue\n1/1/2014,Lead,7\n',
  );
  const second = await sluice(devArguments());
  expect(second.code).toBe(2);
  expect(JSON.parse(second.stderr)).toMatchObject({ error: { code: 'FolderInUse' } });
  await endDev(first.child);
  expect(leftOver()).toEqual([]);

  const again = await startDev();
  expect(again.info.s3).toEqual(first.info.s3);
  await upload(
    again.info,
    'marketing/b.csv',
    'Date,New visitors SEO,New visitors CPC,New visitors Social Media,Return visitors\n1/1/2014,1,2,3,4\n',
  );
  const watched = await sluice(['watch', 'patient'], { env: again.info.env });
  expect(watched.stdout).toContain('completed');
  expect(watched.code).toBe(0);
  await endDev(again.child);
  expect(leftOver()).toEqual([]);
}, 120_000);

test('the demo without Spark runs the main job, tells where all lies, and ends what it started', async () => {
  const { code, stdout } = await sluice(['demo', '--no-spark', '--json', '--dir', folder], { cwd: ROOT });
  expect(code).toBe(0);
  const told = JSON.parse(stdout) as { state: string; url: string; outputs: { folder: string }[] };
  expect(told).toMatchObject({
    state: 'completed',
    url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/namespaces\/default\/workflows\//) as string,
    outputs: [
      { title: 'Joined report', folder: join(folder, 's3/lake/marketing-and-sales/sales-leads-influenced/') },
    ],
  });
  expect(leftOver()).toEqual([]);
}, 120_000);
