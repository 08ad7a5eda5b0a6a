import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import type { Arrival } from '../../../src/pipelines/arrival';
import { renderMetrics, startMetricsServer } from '../../../src/webhook/metrics';
import { closeWebhook, createWebhook, type WebhookDependencies } from '../../../src/webhook/server';

const SECRET = 'b3d1-hidden';
const bearer = { authorization: `Bearer ${SECRET}` };
const record = {
  eventVersion: '2.1',
  eventSource: 'aws:s3',
  eventTime: '2026-11-24T01:57:01.123Z',
  eventName: 'ObjectCreated:Put',
  s3: { bucket: { name: 'inbox' }, object: { key: 'my+file.csv', size: 5, eTag: 'abc' } },
  comment: 'private matter',
};
const event = JSON.stringify({ Records: [record, { eventName: 'ObjectRemoved:Delete' }] });

let server: FastifyInstance;
let url: string;
let lines: string[];
let taken: Arrival[][];

async function start(deps: Partial<WebhookDependencies> = {}): Promise<void> {
  lines = [];
  taken = [];
  server = createWebhook({
    secrets: [SECRET],
    host: '0.0.0.0',
    acceptArrivals: async (arrivals) => void taken.push(arrivals),
    isReady: async () => true,
    log: pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }),
    ...deps,
  });
  url = await server.listen({ host: '127.0.0.1', port: 0 });
}

afterEach(async () => {
  await server?.close();
});

async function post(body: string | undefined, headers: Record<string, string> = bearer, path = '/events/s3') {
  const response = await fetch(url + path, { method: 'POST', headers, ...(body !== undefined && { body }) });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

describe('a request and its answer', () => {
  beforeEach(() => start());

  test.each([
    [
      'an event',
      '/events/s3',
      event,
      { 'content-type': 'application/json; charset=utf-8' },
      { arrivals: 1, ignored: 1 },
    ],
    [
      'an event from SNS',
      '/events',
      event,
      { 'content-type': 'text/plain; charset=UTF-8' },
      { arrivals: 1, ignored: 1 },
    ],
    ['an odd content type', '/events', event, { 'content-type': 'nonsense' }, { arrivals: 1, ignored: 1 }],
    ['an empty content type', '/events', event, { 'content-type': '' }, { arrivals: 1, ignored: 1 }],
    ['a test event', '/events/s3', '{"Event":"s3:TestEvent"}', {}, { arrivals: 0, ignored: 0 }],
  ])('%s is accepted', async (_name, path, body, headers, answer) => {
    expect(await post(body, { ...bearer, ...headers }, path)).toMatchObject({ status: 200, body: answer });
    expect(taken.flat().map(({ key }) => key)).toEqual(answer.arrivals > 0 ? ['my file.csv'] : []);
  });

  test.each([
    ['no secret', event, {}, 401, 'AccessDenied', /^Access denied\.$/],
    ['a wrong secret', event, { authorization: 'Bearer wrong' }, 401, 'AccessDenied', /^Access denied\.$/],
    ['no secret and a bad body', '{', {}, 401, 'AccessDenied', /^Access denied\.$/],
    ['no body', undefined, bearer, 400, 'InvalidInput', /no body/],
    ['no JSON', 'private matter', bearer, 400, 'InvalidInput', /^The body is not JSON\.$/],
    ['no notification', '{"a":1}', bearer, 400, 'InvalidInput', /Records: /],
    [
      'a wrong record',
      '{"Records":[{"eventName":"ObjectCreated:Put"}]}',
      bearer,
      400,
      'InvalidInput',
      /\[0\]\.s3: /,
    ],
    ['too large a body', ' '.repeat(256 * 1024 + 1), bearer, 413, 'InvalidInput', /larger than 256 KiB/],
  ])('%s is refused', async (_name, body, headers, status, code, message) => {
    const answer = await post(body, headers);
    expect(answer).toMatchObject({
      status,
      body: { error: { code, message: expect.stringMatching(message) } },
    });
    expect(taken).toEqual([]);
  });

  test('a request without a content type is accepted', async () => {
    const response = await fetch(`${url}/events`, {
      method: 'POST',
      headers: bearer,
      body: Buffer.from(event),
    });
    expect(response.status).toBe(200);
  });

  test('a body of the largest size is accepted', async () => {
    expect((await post(event.padEnd(256 * 1024))).status).toBe(200);
  });

  test('an unknown route is not found', async () => {
    expect(await post(event, bearer, '/other')).toMatchObject({
      status: 404,
      body: { error: { code: 'InvalidInput' } },
    });
    expect((await fetch(`${url}/events/s3`)).status).toBe(404);
  });

  test('headers that are too large are refused with 431', async () => {
    expect((await post(event, { ...bearer, 'x-large': 'a'.repeat(9000) })).status).toBe(431);
  });

  test('bytes that are not HTTP are answered with 400', async () => {
    const socket = connect((server.server.address() as AddressInfo).port, '127.0.0.1');
    socket.end('nonsense\r\n\r\n');
    const chunks: string[] = [];
    for await (const chunk of socket) chunks.push(String(chunk));
    expect(chunks.join('')).toMatch(/^HTTP\/1.1 400 Bad Request.*"code":"InvalidInput"/s);
  });

  test('logs hold bucket and key, and neither secret nor body', async () => {
    await post(event);
    await post(event, { authorization: 'Bearer guessed' });
    await post('private matter');
    const log = lines.join('');
    expect(log).toContain('"bucket":"inbox","key":"my file.csv"');
    expect(log).not.toMatch(/b3d1|guessed|private matter/);
  });

  test('requests, arrivals and ignored records are counted', async () => {
    const count = (name: string) =>
      Number(
        renderMetrics()
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.split(' ')[1] ?? 0,
      );
    const names = [
      'sluice_webhook_requests_total{status="200"}',
      'sluice_webhook_requests_total{status="401"}',
      'sluice_webhook_arrivals_total',
      'sluice_webhook_ignored_total',
    ];
    const before = names.map(count);
    await post(event);
    await post(event, {});
    await fetch(`${url}/healthz`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(names.map((name, index) => count(name) - before[index]!)).toEqual([1, 1, 1, 1]);
  });
});

describe('handing on', () => {
  test('the answer waits until the arrivals are accepted', async () => {
    let release = () => {};
    await start({ acceptArrivals: () => new Promise((resolve) => (release = resolve)) });
    let answered = false;
    const answer = post(event).finally(() => (answered = true));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(answered).toBe(false);
    release();
    expect((await answer).status).toBe(200);
  });

  test.each([
    ['fails', () => Promise.reject(new Error('no connection'))],
    [
      'throws',
      () => {
        throw new Error('no connection');
      },
    ],
    ['does not answer', () => new Promise<void>(() => {})],
  ])('when it %s, the sender is told to try again within two seconds', async (_name, acceptArrivals) => {
    await start({ acceptArrivals });
    const started = Date.now();
    const answer = await post(event);
    expect(answer).toMatchObject({ status: 503, body: { error: { code: 'Transient' } } });
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(JSON.stringify(answer.body)).not.toContain('no connection');
    expect(Date.now() - started).toBeLessThan(2000);
  });

  test('an acceptance that fails after the answer harms nothing', async () => {
    await start({
      acceptArrivals: () =>
        new Promise((_resolve, reject) => setTimeout(() => reject(new Error('late')), 1600)),
    });
    expect((await post(event)).status).toBe(503);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test('a close lets the request in flight end', async () => {
    await start({ acceptArrivals: () => new Promise((resolve) => setTimeout(resolve, 300)) });
    const answer = post(event);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const closed = server.close();
    expect((await answer).status).toBe(200);
    const started = Date.now();
    await closed;
    expect(Date.now() - started).toBeLessThan(1000);
  });
});

test('a close cuts off what does not end in time', async () => {
  await start({ acceptArrivals: async () => {} });
  const socket = connect((server.server.address() as AddressInfo).port, '127.0.0.1');
  const ended = new Promise((resolve) => socket.on('error', resolve).on('close', resolve));
  socket.write(
    `POST /events HTTP/1.1\r\nhost: a\r\nauthorization: ${bearer.authorization}\r\ncontent-length: 9\r\n\r\n`,
  );
  await once(server.server, 'request');
  const started = Date.now();
  await closeWebhook(server, 300);
  await ended;
  expect(Date.now() - started).toBeLessThan(2_000);
});

test.each([
  ['is', async () => true, 200],
  ['is not', async () => false, 503],
  ['may not be', () => Promise.reject(new Error('no connection')), 503],
  ['does not say whether it is', () => new Promise<boolean>(() => {}), 503],
])(
  'readyz tells whether Temporal can be reached, healthz does not ask: it %s',
  async (_name, isReady, status) => {
    await start({ isReady });
    expect((await fetch(`${url}/readyz`)).status).toBe(status);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  },
);

describe('without a secret', () => {
  test.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('it runs on %s', async (host) => {
    await start({ secrets: [], host });
    expect((await post(event, {})).status).toBe(200);
    expect((await post(event, { origin: 'https://example.com' })).status).toBe(401);
  });

  test.each(['0.0.0.0', '::', '10.0.0.1', 'example.com', '127.0.0.1.example.com', ''])(
    'it does not run on "%s"',
    async (host) => {
      await expect(start({ secrets: [], host })).rejects.toMatchObject({
        code: 'InvalidInput',
        message: expect.stringContaining('SLUICE_WEBHOOK_SECRET'),
      });
    },
  );

  test('an empty secret is a mistake', async () => {
    await expect(start({ secrets: ['good', ' '] })).rejects.toMatchObject({ code: 'InvalidInput' });
  });
});

test('metrics are served, and a port in use is told', async () => {
  const metrics = await startMetricsServer(0);
  const { port } = metrics.address() as AddressInfo;
  try {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`);
    expect(response.headers.get('content-type')).toContain('version=0.0.4');
    expect(await response.text()).toBe(renderMetrics());
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
    await expect(startMetricsServer(port)).rejects.toMatchObject({ code: 'PortTaken' });
  } finally {
    metrics.closeAllConnections();
    metrics.close();
  }
});
