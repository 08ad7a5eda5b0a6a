import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { ensureS3Gateway, freePort, Processes, startS3Gateway, type Stack } from '../../src/local';

/** A client of the S3 gateway of a local stack. */
export function connectToS3Of({ info }: Stack): S3Client {
  const { endpoint, region, ...credentials } = info.s3;
  return new S3Client({ endpoint, region, forcePathStyle: true, credentials });
}

/** A real S3 gateway over a new folder, with the bucket `lake`. */
export async function startTestS3(options: { eventUrl?: string } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-test-s3-'));
  const s3Dir = join(folder, 's3');
  await mkdir(join(s3Dir, 'lake'), { recursive: true });
  const processes = new Processes();
  const context = { env: process.env, report: () => {} };
  const gateway = await startS3Gateway({
    binary: await ensureS3Gateway(context),
    env: process.env,
    port: await freePort(),
    folder: s3Dir,
    metadata: join(folder, 'metadata'),
    accessKeyId: 'test',
    secretAccessKey: 'test-secret',
    logs: folder,
    processes,
    ...(options.eventUrl ? { eventUrl: options.eventUrl } : {}),
  });
  const s3 = new S3Client({
    endpoint: gateway.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test-secret' },
  });
  return {
    s3,
    s3Dir,
    endpoint: gateway.endpoint,
    async stop() {
      s3.destroy();
      await processes.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A client of an S3 that answers as the test says. */
export async function startAnsweringS3(answer: RequestListener) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const s3 = new S3Client({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
  return {
    s3,
    async stop() {
      s3.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
