import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CreateDatabaseCommand, GetDatabasesCommand, GlueClient } from '@aws-sdk/client-glue';
import { ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  ensureLivyAndSpark,
  ensureS3Gateway,
  ensureTemporal,
  freePort,
  Processes,
  startLivy,
  startS3Gateway,
  startStack,
  startTemporal,
  type Stack,
} from '../../../src/local';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const env = process.env;
const context = { env, report: () => undefined };
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'sluice-local-'));
});
afterEach(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));

/** Processes that name the test's folder and still run. */
function leftOver(): string[] {
  const lines = execFileSync('ps', ['-eo', 'stat=,args=']).toString().split('\n');
  return lines.filter((line) => line.includes(dir) && !line.startsWith('Z'));
}

test('Temporal starts twice on one database, and knows its search attributes each time', async () => {
  const options = { binary: await ensureTemporal(context), env, dbFile: path.join(dir, 'temporal.db') };
  for (let start = 1; start <= 2; start += 1) {
    const [port, uiPort] = [await freePort(), await freePort()];
    const server = await startTemporal({ ...options, port, uiPort, logs: path.join(dir, 'logs') });
    expect((await fetch(server.uiUrl)).status).toBe(200);
    await server.stop();
  }
  expect(leftOver()).toEqual([]);
});

test('an object that is put through the S3 gateway is a file of its bucket', async () => {
  const processes = new Processes();
  const folder = path.join(dir, 's3');
  await mkdir(path.join(folder, 'lake'), { recursive: true });
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
  const gateway = await startS3Gateway({
    ...{ binary: await ensureS3Gateway(context), env, port: await freePort(), processes },
    ...{ folder, metadata: path.join(dir, 'metadata'), logs: path.join(dir, 'logs'), ...credentials },
  });
  const s3 = new S3Client({
    endpoint: gateway.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials,
  });
  await s3.send(new PutObjectCommand({ Bucket: 'lake', Key: 'sales/a.csv', Body: 'id\n1\n' }));
  const listed = await s3.send(new ListObjectsV2Command({ Bucket: 'lake' }));
  expect(listed.Contents?.map((object) => object.Key)).toEqual(['sales/a.csv']);
  expect(await readFile(path.join(folder, 'lake/sales/a.csv'), 'utf8')).toBe('id\n1\n');
  s3.destroy();
  await processes.stop();
  expect(leftOver()).toEqual([]);
});

test('Livy takes no batch of a page of another site, and leaves nothing', async () => {
  const processes = new Processes();
  const livy = await startLivy({
    ...{ tools: await ensureLivyAndSpark(context), env, port: await freePort(), processes },
    ...{ folder: path.join(dir, 'livy'), allowedFolders: [dir], logs: path.join(dir, 'logs') },
  });
  // It cannot add the header.
  const foreign = await fetch(`${livy.url}/batches`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ file: path.join(dir, 'job.py'), name: 'foreign' }),
  });
  expect(foreign.status).toBe(400);
  expect(await (await fetch(`${livy.url}/batches`)).json()).toMatchObject({ total: 0 });
  await processes.stop();
  expect(leftOver()).toEqual([]);
});

describe('a stack', () => {
  /** Stands for worker and webhook: ready at once, answers everything. */
  const STUB = `
    const port = process.argv[1].endsWith('webhook.js') ? Number(process.env.SLUICE_WEBHOOK_PORT) : 0;
    require('http').createServer((_, response) => response.end('{}'))
      .listen(port, '127.0.0.1', () => process.send({ ready: true }));`;

  async function options() {
    const [worker, webhook] = [path.join(dir, 'worker.js'), path.join(dir, 'webhook.js')];
    await Promise.all([writeFile(worker, STUB), writeFile(webhook, STUB)]);
    const names = [
      ...(['temporal', 'ui', 's3', 'glue', 'webhook', 'livy'] as const),
      ...(['workerMetrics', 'webhookMetrics'] as const),
    ];
    const ports = Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, await freePort()] as const)),
    );
    return {
      dir: path.join(dir, 'data'),
      ports,
      spark: false,
      programs: { worker, webhook },
      report: () => undefined,
    };
  }

  /** A client of the catalog with the environment that the stack gives to others. */
  function glueOf({ info: { env, s3 } }: Stack): GlueClient {
    const { accessKeyId, secretAccessKey, region } = s3;
    const endpoint = env['AWS_ENDPOINT_URL_GLUE']!;
    return new GlueClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } });
  }

  test('starts, refuses a second one on its folder and ports, and leaves no process', async () => {
    const first = await options();
    const stack = await startStack(first);
    expect(stack.info).toMatchObject({ ready: true, lake: 's3://lake', livy: null, dir: first.dir });
    const glue = glueOf(stack);
    await glue.send(new CreateDatabaseCommand({ DatabaseInput: { Name: 'shop' } }));
    expect(existsSync(path.join(first.dir, 's3/lake/.catalog/shop'))).toBe(true);
    glue.destroy();
    await expect(startStack(first)).rejects.toMatchObject({
      code: 'FolderInUse',
      message: expect.stringContaining(`process ${process.pid}`) as string,
    });
    await expect(startStack({ ...first, dir: path.join(dir, 'other') })).rejects.toMatchObject({
      code: 'PortTaken',
      message: expect.stringMatching(
        /\(temporal\).*\(ui\).*\(s3\).*\(glue\).*\(webhook\).*--port-offset N/,
      ) as string,
    });
    await Promise.all([stack.stop(), stack.stop()]);
    expect(leftOver()).toEqual([]);

    const again = await startStack(first);
    expect(again.info.s3).toEqual(stack.info.s3);
    const later = glueOf(again);
    expect((await later.send(new GetDatabasesCommand({}))).DatabaseList).toContainEqual({ Name: 'shop' });
    later.destroy();
    await again.stop();
  });

  test('ends whole when one of its processes crashes, and names process and log', async () => {
    const stack = await startStack(await options());
    const line = execFileSync('ps', ['-eo', 'pid=,args=']).toString().split('\n');
    const worker = line.find(
      (text) => text.includes(path.join(dir, 'worker.js')) && !text.includes('/bin/sh'),
    );
    process.kill(Number.parseInt(worker as string, 10), 'SIGKILL');
    expect((await stack.crashed).message).toMatch(
      /^worker ended unexpectedly \(SIGKILL\); its log: .*worker\.log$/,
    );
    expect(leftOver()).toEqual([]);
  });
});
