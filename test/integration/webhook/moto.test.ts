/**
 * Notifications that moto makes of real uploads. S3 -> SNS -> HTTP is delivered by moto itself. Its EventBridge sends no
 * body to an API destination, so there its events go to a queue, and from there, as they are, to the webhook.
 */
import { verify, X509Certificate } from 'node:crypto';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { CreateTopicCommand, PublishCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import type { Arrival } from '../../../src/pipelines/arrival';
import { createWebhook } from '../../../src/webhook/server';
import { parseSnsMessage } from '../../../src/webhook/sns';
import { createCheckSignature, signedText, SNS } from '../../../src/webhook/snsSignature';
import { startMoto, type Moto } from '../../support/moto';

const INSTALL_TIMEOUT_MS = 600_000;
const SECRET = 'p4ss:w%rd/+';
const KEYS = [
  'a.csv',
  'in put/my file.csv',
  'a+b.csv',
  '100%.csv',
  'x%20y.csv',
  '%2B+ %.csv',
  'ü/日本 é 🦫.csv',
  'deep/er/and/deep/est.csv',
];

let moto: Moto;
let s3: S3Client;
let sns: SNSClient;
let webhook: FastifyInstance;
let url: URL;
let allowed: string;
let other: string;
let arrivals: Arrival[];
/** What came in, as it came. */
let bodies: string[];

beforeAll(async () => {
  moto = await startMoto();
  const { endpoint, region, credentials } = moto;
  s3 = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  sns = new SNSClient({ endpoint, region, credentials });
  const create = async (Name: string) => (await sns.send(new CreateTopicCommand({ Name }))).TopicArn!;
  [allowed, other] = [await create('uploads'), await create('others')];
  webhook = createWebhook({
    secrets: [SECRET],
    topics: [allowed],
    host: '127.0.0.1',
    acceptArrivals: async (more) => void arrivals.push(...more),
    isReady: async () => true,
    log: pino({ level: 'silent' }),
  });
  webhook.addHook('preHandler', async (request) => void bodies.push(String(request.body)));
  url = new URL('/events', await webhook.listen({ host: '127.0.0.1', port: 0 }));
}, INSTALL_TIMEOUT_MS);

afterAll(async () => {
  s3?.destroy();
  sns?.destroy();
  await webhook?.close();
});

beforeEach(() => {
  arrivals = [];
  bodies = [];
});

/** What the subscription's URL brings with it is sent as basic authentication. */
async function subscribe(TopicArn: string, secret: string | null): Promise<void> {
  const Endpoint = new URL(url);
  if (secret !== null) [Endpoint.username, Endpoint.password] = ['sluice', encodeURIComponent(secret)];
  await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'http', Endpoint: Endpoint.href }));
}

describe('S3 -> SNS -> HTTP', () => {
  const Bucket = 'by-sns';

  beforeAll(async () => {
    await s3.send(new CreateBucketCommand({ Bucket }));
    await subscribe(allowed, SECRET);
    const TopicConfigurations = [{ TopicArn: allowed, Events: ['s3:ObjectCreated:*' as const] }];
    await s3.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: { TopicConfigurations },
      }),
    );
  });

  test.each(KEYS)('the arrival of %s has the uploaded key', async (Key) => {
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'text' }));
    expect(arrivals).toMatchObject([{ bucket: Bucket, key: Key, size: 4, etag: ETag?.replaceAll('"', '') }]);
    await s3.send(new HeadObjectCommand({ Bucket, Key: arrivals[0]!.key }));
  });

  test('a multipart upload and a copy arrive', async () => {
    const Key = 'multi part+%41.bin';
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const part = { Bucket, Key, UploadId, PartNumber: 1 };
    const { ETag } = await s3.send(new UploadPartCommand({ ...part, Body: 'text' }));
    const MultipartUpload = { Parts: [{ ETag, PartNumber: 1 }] };
    await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }));
    const CopySource = `${Bucket}/${encodeURIComponent(Key)}`;
    await s3.send(new CopyObjectCommand({ Bucket, Key: 'co py+%41.bin', CopySource }));
    // moto tells of a multipart upload twice.
    expect(new Set(arrivals.map(({ key }) => key))).toEqual(new Set([Key, 'co py+%41.bin']));
  });

  test('a message that is no event of S3 is refused and changes nothing', async () => {
    await sns.send(new PublishCommand({ TopicArn: allowed, Message: 'hello' }));
    expect(bodies).toHaveLength(1);
    expect(arrivals).toEqual([]);
  });

  test('a topic that is not allowed, and a subscription with a wrong secret or none, bring nothing', async () => {
    const Message = JSON.stringify({ Records: [] });
    await subscribe(other, SECRET);
    await sns.send(new PublishCommand({ TopicArn: other, Message }));
    expect(bodies).toHaveLength(1);
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'x-sluice-secret': SECRET },
      body: bodies[0]!,
    });
    expect(answer.status).toBe(403);

    bodies = [];
    await subscribe(other, 'wrong');
    await subscribe(other, null);
    await sns.send(new PublishCommand({ TopicArn: other, Message }));
    // Only the first of three subscriptions got past the headers.
    expect(bodies).toHaveLength(1);
    expect(arrivals).toEqual([]);
  });

  test('what moto has signed has the text that we check, and its certificate is seen to be a forgery', async () => {
    await s3.send(new PutObjectCommand({ Bucket, Key: 'signed ü.csv', Body: 'text' }));
    const message = parseSnsMessage(JSON.parse(bodies[0]!));
    const path = new URL(message.SigningCertURL!).pathname;
    const pem = await moto.get('sns', path);
    const { publicKey } = new X509Certificate(pem);
    const signature = Buffer.from(message.Signature!, 'base64');
    expect(verify('RSA-SHA256', Buffer.from(signedText(message)), publicKey, signature)).toBe(true);

    // It says that Amazon's authority has issued it, and that one has not.
    const check = createCheckSignature([allowed], {
      ...SNS,
      fetch: async () => ({ status: 200, body: Buffer.from(pem) }),
    });
    expect(await check(message)).toBe('certificate');
  });
});

describe('S3 -> EventBridge', () => {
  const Bucket = 'by-eventbridge';
  let queue: string;

  beforeAll(async () => {
    await s3.send(new CreateBucketCommand({ Bucket }));
    const created = await moto.query('sqs', '2012-11-05', { Action: 'CreateQueue', QueueName: 'events' });
    queue = /<QueueUrl>(.*)<\/QueueUrl>/.exec(created)![1]!;
    const EventPattern = JSON.stringify({ source: ['aws.s3'] });
    await moto.call('events', 'AWSEvents.PutRule', { Name: 'uploads', EventPattern });
    const Arn = `arn:aws:sqs:${moto.region}:123456789012:events`;
    await moto.call('events', 'AWSEvents.PutTargets', { Rule: 'uploads', Targets: [{ Id: 'queue', Arn }] });
    await s3.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: { EventBridgeConfiguration: {} },
      }),
    );
  });

  /** The events of the queue, given to the webhook as an API destination would. Among them are those of no upload. */
  async function deliver(): Promise<{ arrivals: number; ignored: number }> {
    const { Messages = [] } = (await moto.call('sqs', 'AmazonSQS.ReceiveMessage', {
      QueueUrl: queue,
      MaxNumberOfMessages: 10,
    })) as { Messages?: { Body: string; ReceiptHandle: string }[] };
    const counts = { arrivals: 0, ignored: 0 };
    for (const { Body, ReceiptHandle } of Messages) {
      await moto.call('sqs', 'AmazonSQS.DeleteMessage', { QueueUrl: queue, ReceiptHandle });
      const headers = { 'x-sluice-secret': SECRET, 'content-type': 'application/json' };
      const response = await fetch(url, { method: 'POST', headers, body: Body });
      expect(response.status).toBe(200);
      const answer = (await response.json()) as typeof counts;
      counts.arrivals += answer.arrivals;
      counts.ignored += answer.ignored;
    }
    return counts;
  }

  test.each(KEYS)('the arrival of %s has the uploaded key', async (Key) => {
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'text' }));
    expect(await deliver()).toMatchObject({ arrivals: 1 });
    expect(arrivals).toMatchObject([{ bucket: Bucket, key: Key, size: 4, etag: ETag?.replaceAll('"', '') }]);
  });

  test('a removal is no arrival', async () => {
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'a.csv' }));
    expect(await deliver()).toMatchObject({ arrivals: 0, ignored: 1 });
    expect(arrivals).toEqual([]);
  });
});
