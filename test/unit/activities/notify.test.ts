import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { PublishCommandInput } from '@aws-sdk/client-sns';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createNotifyActivities } from '../../../src/activities/notify';
import type { Notification } from '../../../src/contracts/activities';
import { freePort } from '../../../src/local';
import { quietRuntime } from '../../support/environment';

const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:runs';
const notification: Notification = {
  event: 'ended',
  pipeline: 'reviews-export',
  run: { id: 'nightly ü/1', runId: 'r1' },
  state: 'failed',
  failure: { code: 'JobFailed', message: 'no such column', step: 'convert' },
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: '2026-01-01T00:10:00.000Z',
  measures: { DPUSeconds: 3 },
};

beforeAll(quietRuntime);

async function publishedFor(target: string | null, given: string | null): Promise<PublishCommandInput[]> {
  const published: PublishCommandInput[] = [];
  const { notify } = createNotifyActivities({
    publish: async (input) => void published.push(input),
    target,
    hosts: null,
    uiUrl: 'https://ui.example.com',
    readCost: async () => null,
  });
  await new MockActivityEnvironment().run(notify, notification, given);
  return published;
}

test('a topic gets a subject of plain ASCII, attributes to filter by, and the whole as JSON', async () => {
  const [message] = await publishedFor(null, TOPIC);
  expect(message).toMatchObject({
    TopicArn: TOPIC,
    Subject: 'reviews-export failed: nightly ?/1',
    MessageAttributes: {
      event: { DataType: 'String', StringValue: 'ended' },
      state: { DataType: 'String', StringValue: 'failed' },
      pipeline: { DataType: 'String', StringValue: 'reviews-export' },
    },
  });
  expect(JSON.parse(message!.Message!)).toEqual({
    ...notification,
    url: 'https://ui.example.com/namespaces/test/workflows/nightly%20%C3%BC%2F1/r1/history',
  });
});

test("the worker's own place is told when the run names none", async () => {
  expect(await publishedFor(TOPIC, null)).toHaveLength(1);
  expect(await publishedFor(null, null)).toHaveLength(0);
});

test('an error names the host of a URL and nothing else of it, since it may hold a secret', async () => {
  const port = await freePort();
  const { notify } = createNotifyActivities({
    publish: async () => {},
    target: `http://127.0.0.1:${port}/hooks/very-secret`,
    hosts: null,
    uiUrl: null,
    readCost: async () => null,
  });
  const error = await new MockActivityEnvironment().run(notify, notification, null).then(
    () => null,
    (caught: Error) => caught,
  );
  expect(error).toMatchObject({ type: 'ServerUnreachable' });
  expect(error!.message).toContain(`127.0.0.1:${port}`);
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('very-secret');
});

/** A receiver that answers as told, and what it was sent. */
async function withReceiver<T>(
  answer: { status: number; headers?: Record<string, string> },
  act: (port: number, received: IncomingMessage[]) => Promise<T>,
): Promise<T> {
  const received: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    received.push(request);
    response.writeHead(answer.status, answer.headers).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await act((server.address() as AddressInfo).port, received);
  } finally {
    server.close();
  }
}

function tell(target: string | null, given: string | null, hosts: string[] | null = null): Promise<void> {
  const { notify } = createNotifyActivities({
    publish: async () => {},
    target,
    hosts,
    uiUrl: null,
    readCost: async () => null,
  });
  return new MockActivityEnvironment().run(notify, notification, given);
}

test('a user and a password in the URL are sent as a header', () =>
  withReceiver({ status: 200 }, async (port, received) => {
    await tell(`http://me:p%40ss@127.0.0.1:${port}/hook`, null);
    expect(received[0]!.headers.authorization).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`);
    expect(received[0]!.url).toBe('/hook');
  }));

test('a redirect is told and not followed', () =>
  withReceiver({ status: 307, headers: { location: 'http://127.0.0.1:1/' } }, async (port, received) => {
    await expect(tell(null, `http://127.0.0.1:${port}/`)).rejects.toMatchObject({
      type: 'InvalidInput',
      message: expect.stringContaining('no redirect is followed'),
    });
    expect(received).toHaveLength(1);
  }));

test.each([
  'http://169.254.169.254/latest/meta-data/',
  'http://[fe80::1]/',
  'http://[fd00:ec2::254]/',
  'http://[::ffff:169.254.169.254]/',
  'http://2852039166/',
  'http://0xA9FEA9FE/',
])('%s is never told anything', async (target) => {
  await expect(tell(null, target)).rejects.toMatchObject({ type: 'AccessDenied', nonRetryable: true });
});

test('a run tells only the hosts that the worker allows, and that of its own place', () =>
  withReceiver({ status: 200 }, async (port, received) => {
    await expect(tell(null, `http://127.0.0.1:${port}/`, ['hooks.example.com'])).rejects.toMatchObject({
      type: 'AccessDenied',
      message: expect.stringContaining('SLUICE_NOTIFY_HOSTS'),
    });
    expect(received).toHaveLength(0);
    await tell(null, `http://127.0.0.1:${port}/`, ['127.0.0.1']);
    await tell(null, `http://127.0.0.1:${port}/`, [`127.0.0.1:${port}`]);
    await tell(`http://127.0.0.1:${port}/own`, `http://127.0.0.1:${port}/other`, []);
    await tell(`http://127.0.0.1:${port}/own`, null, []);
    expect(received).toHaveLength(4);
  }));
