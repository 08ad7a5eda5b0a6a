import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { freePort } from '../../../src/local/ports';
import { S3_REGION, startS3Gateway, type S3Gateway } from '../../../src/local/s3Gateway';
import { ensureS3Gateway } from '../../../src/local/tools';
import type { Arrival } from '../../../src/pipelines/arrival';
import { createWebhook } from '../../../src/webhook/server';

/** The first run on a machine builds the gateway. */
const INSTALL_TIMEOUT_MS = 600_000;

const HARD_KEYS = [
  'a.csv',
  'in put/my file.csv',
  'a+b.csv',
  '100%.csv',
  'x%20y.csv',
  'a%2Bb.csv',
  '%2B+ %.csv',
  'ü/日本 é 🦫.csv',
  'q?a=b&c#d.csv',
  "it's (1)!*~.csv",
  'a"b\\c<d>.csv',
  'a:b;c,d@e=f$g.csv',
  'deep/er/and/deep/est.csv',
];
const Bucket = 'inbox';
const SECRET = 'p4ss:w%rd/+';

describe('events of the S3 gateway', () => {
  let folder: string;
  let webhook: FastifyInstance;
  let gateway: S3Gateway;
  let s3: S3Client;
  let arrivals: Arrival[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-gateway-'));
    arrivals = [];
    webhook = createWebhook({
      secrets: [SECRET],
      host: '127.0.0.1',
      acceptArrivals: async (more) => void arrivals.push(...more),
      isReady: async () => true,
      log: pino({ level: 'silent' }),
    });
    const events = new URL('/events/s3', await webhook.listen({ host: '127.0.0.1', port: 0 }));
    events.username = 'sluice';
    events.password = encodeURIComponent(SECRET);
    const credentials = { accessKeyId: 'k', secretAccessKey: 's' };
    gateway = await startS3Gateway({
      binary: await ensureS3Gateway({ env: process.env, report: () => {} }),
      env: process.env,
      port: await freePort(),
      folder: join(folder, 'data'),
      metadata: join(folder, 'metadata'),
      logs: join(folder, 'logs'),
      eventUrl: events.href,
      ...credentials,
    });
    s3 = new S3Client({ endpoint: gateway.endpoint, forcePathStyle: true, region: S3_REGION, credentials });
    await s3.send(new CreateBucketCommand({ Bucket }));
  }, INSTALL_TIMEOUT_MS);

  afterAll(async () => {
    s3?.destroy();
    await gateway?.stop();
    await webhook?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(() => void arrivals.splice(0));

  const arrivalOf = (count: number) =>
    eventually(async () => {
      expect(arrivals).toHaveLength(count);
      return arrivals[count - 1]!;
    });

  test.each(HARD_KEYS)('the arrival of %s has the uploaded key', async (Key) => {
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'text' }));
    const arrival = await arrivalOf(1);
    expect(arrival).toMatchObject({ bucket: Bucket, key: Key, size: 4, versionId: null, sequencer: null });
    expect(arrival.etag).toBe(ETag?.replaceAll('"', ''));
    expect(Math.abs(Date.parse(arrival.time) - Date.now())).toBeLessThan(10_000);
    await s3.send(new HeadObjectCommand({ Bucket, Key: arrival.key }));
  });

  test('a multipart upload and a copy arrive, of unknown size', async () => {
    const Key = 'multi part+%41.bin';
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const part = { Bucket, Key, UploadId, PartNumber: 1 };
    const { ETag } = await s3.send(new UploadPartCommand({ ...part, Body: 'text' }));
    const MultipartUpload = { Parts: [{ ETag, PartNumber: 1 }] };
    await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }));
    expect(await arrivalOf(1)).toMatchObject({ key: Key, size: null, etag: expect.stringMatching(/-1$/) });

    const copy = { Bucket, Key: 'co py+%41.bin', CopySource: `${Bucket}/${encodeURIComponent(Key)}` };
    await s3.send(new CopyObjectCommand(copy));
    expect(await arrivalOf(2)).toMatchObject({ key: copy.Key, size: null });
  });

  test('a removal is no arrival', async () => {
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'a.csv' }));
    await s3.send(new PutObjectCommand({ Bucket, Key: 'next.csv', Body: 'text' }));
    expect(await arrivalOf(1)).toMatchObject({ key: 'next.csv' });
  });
});

async function eventually<T>(act: () => Promise<T>, timeoutMs = 10_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
