/** What strangers and mistakes send, each with its answer. Nothing of it may change anything. */
import { request } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import type { Arrival } from '../../../src/pipelines/arrival';
import { renderMetrics } from '../../../src/webhook/metrics';
import { createWebhook, type WebhookDependencies } from '../../../src/webhook/server';
import { issueCertificate } from '../../support/certificates';
import { isLong } from '../../support/long';
import { eventBridgeEvent, s3Record, snsMessage } from '../../support/events';
import { CERTIFICATE_URL, file, SnsDouble, SUBSCRIBE_URL, TOPIC, type Fields } from '../../support/sns';

/** Requests to show that none leaves anything behind. */
const REFUSED = isLong ? 10_000 : 2_000;
const SECRET = 'b3d1-hidden';
const OLD_SECRET = 'a2c0-hidden';
const RETIRED_SECRET = '9f11-hidden';
const OTHER_TOPIC = TOPIC.replace('uploads', 'others');
const event = JSON.stringify({ Records: [s3Record()] });
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const withSecret = { authorization: `Bearer ${SECRET}` };
const fromSns = { 'x-amz-sns-message-type': 'Notification', 'content-type': 'text/plain; charset=UTF-8' };
const forged = issueCertificate({ name: 'sns.amazonaws.com' });

let server: FastifyInstance;
let sns: SnsDouble;
let taken: Arrival[];
let lines: string[];

async function start(deps: Partial<WebhookDependencies> = {}): Promise<void> {
  sns = new SnsDouble();
  taken = [];
  lines = [];
  server = createWebhook({
    secrets: [SECRET, OLD_SECRET],
    topics: [TOPIC],
    host: '0.0.0.0',
    acceptArrivals: async (arrivals) => void taken.push(...arrivals),
    isReady: async () => true,
    log: pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }),
    sns: sns.dependencies,
    ...deps,
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
}

afterEach(() => server?.close());

interface Request {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string | Buffer | Fields;
}

interface Answer {
  status: number;
  headers: NodeJS.Dict<string | string[]>;
  text: string;
}

/** By `node:http`, since `fetch` does not send everything that is wrong. */
function send({ method = 'POST', path = '/events', headers = {}, body = event }: Request): Promise<Answer> {
  const { port } = server.server.address() as AddressInfo;
  const bytes = Buffer.isBuffer(body)
    ? body
    : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      );
    });
    sent.on('error', reject);
    sent.end(bytes);
  });
}

/** Sends bytes as they are; the answer's status. */
async function sendBytes(...parts: string[]): Promise<number> {
  const socket = connect((server.server.address() as AddressInfo).port, '127.0.0.1');
  for (const part of parts) socket.write(part);
  let answer = '';
  for await (const chunk of socket) {
    answer += String(chunk);
    if (answer.includes('\r\n\r\n')) break;
  }
  socket.destroy();
  return Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1]);
}

const signed = (fields?: Fields, tampered?: Fields): Fields =>
  sns.message({ Message: event, ...fields }, tampered);
const hourAgo = () => new Date(Date.now() - 61 * 60_000).toISOString();

/** Name, status, request. Messages are made when the test runs, so that their time is right but where it is meant not to be. */
const TABLE: [string, number, () => Request][] = [
  // Without a secret, or with a wrong one.
  ['no secret', 401, () => ({})],
  ['an empty secret', 401, () => ({ headers: { 'x-sluice-secret': '' } })],
  ['a wrong secret', 401, () => ({ headers: { authorization: 'Bearer wrong' } })],
  ['a secret that was retired', 401, () => ({ headers: { authorization: `Bearer ${RETIRED_SECRET}` } })],
  ['the beginning of a secret', 401, () => ({ headers: { authorization: `Bearer ${SECRET.slice(0, -1)}` } })],
  ['a secret and more', 401, () => ({ headers: { authorization: `Bearer ${SECRET}x` } })],
  ['both secrets in one', 401, () => ({ headers: { authorization: `Bearer ${SECRET},${OLD_SECRET}` } })],
  ['a secret in capitals', 401, () => ({ headers: { 'x-sluice-secret': SECRET.toUpperCase() } })],
  ['a secret without a scheme', 401, () => ({ headers: { authorization: SECRET } })],
  ['a secret of another scheme', 401, () => ({ headers: { authorization: `Digest ${SECRET}` } })],
  ['a secret as the user name', 401, () => ({ headers: { authorization: basic(`${SECRET}:`) } })],
  ['a password that is wrong', 401, () => ({ headers: { authorization: basic('sluice:wrong') } })],
  ['credentials that are not base64', 401, () => ({ headers: { authorization: 'Basic %%%' } })],
  ['a secret in the query', 401, () => ({ path: `/events?secret=${SECRET}` })],
  ['a secret in the body', 401, () => ({ body: { secret: SECRET, Records: [s3Record()] } })],
  ['a secret in a cookie', 401, () => ({ headers: { cookie: `x-sluice-secret=${SECRET}` } })],
  ['an EventBridge event without a secret', 401, () => ({ body: eventBridgeEvent() })],
  ['an SNS message without a header of SNS', 401, () => ({ body: signed() })],

  // Called SNS's, and not signed by SNS.
  ['an S3 event notification that says it is of SNS', 401, () => ({ headers: fromSns })],
  [
    'an EventBridge event that says it is of SNS',
    401,
    () => ({ headers: fromSns, body: eventBridgeEvent() }),
  ],
  ['no JSON that says it is of SNS', 401, () => ({ headers: fromSns, body: '{' })],
  [
    'an SNS message of the wrong shape',
    401,
    () => ({ headers: fromSns, body: { Type: 'Other', TopicArn: 5 } }),
  ],
  ['an SNS message without a signature', 401, () => ({ headers: fromSns, body: snsMessage(event) })],
  [
    'an SNS message with an empty signature',
    401,
    () => ({ headers: fromSns, body: signed({}, { Signature: '' }) }),
  ],
  [
    'an SNS message with a signature of zeros',
    401,
    () => ({ headers: fromSns, body: signed({}, { Signature: Buffer.alloc(256).toString('base64') }) }),
  ],
  [
    'a raw delivery without a secret',
    401,
    () => ({ headers: { ...fromSns, 'x-amz-sns-rawdelivery': 'true' } }),
  ],
  [
    'a signed message that says it is a raw delivery',
    401,
    () => ({ headers: { ...fromSns, 'x-amz-sns-rawdelivery': 'true' }, body: signed() }),
  ],
  [
    'a signature by a certificate of the right name, not of AWS',
    401,
    () => {
      sns.files.set(CERTIFICATE_URL, file(forged.pem));
      return { headers: fromSns, body: sns.message({ Message: event }, {}, forged) };
    },
  ],
  [
    'a signature by a certificate from another host',
    401,
    () => ({
      headers: fromSns,
      body: signed({ SigningCertURL: 'https://example.com/SimpleNotificationService-1.pem' }),
    }),
  ],
  [
    'a certificate that SNS does not have',
    401,
    () => ({ headers: fromSns, body: signed({ SigningCertURL: CERTIFICATE_URL.replace('.pem', '1.pem') }) }),
  ],
  [
    'a certificate by a redirect',
    401,
    () => {
      sns.files.set(CERTIFICATE_URL, file('', 301));
      return { headers: fromSns, body: signed() };
    },
  ],

  // Signed by SNS, and tampered with, replayed, or of somebody else.
  [
    'a signed message with another key in it',
    401,
    () => ({ headers: fromSns, body: signed({}, { Message: event.replace('my+file', 'other') }) }),
  ],
  [
    'a signed message with another id',
    401,
    () => ({ headers: fromSns, body: signed({}, { MessageId: '1' }) }),
  ],
  [
    'a signed message with a subject more',
    401,
    () => ({ headers: fromSns, body: signed({}, { Subject: 'a' }) }),
  ],
  [
    'a signed message given to another topic',
    401,
    () => ({ headers: fromSns, body: signed({ TopicArn: OTHER_TOPIC }, { TopicArn: TOPIC }) }),
  ],
  [
    'a signed message of another topic',
    401,
    () => ({ headers: fromSns, body: signed({ TopicArn: OTHER_TOPIC }) }),
  ],
  [
    'a signed message of a topic of that name in another account',
    401,
    () => ({ headers: fromSns, body: signed({ TopicArn: TOPIC.replace('1234', '9999') }) }),
  ],
  [
    'a message replayed after an hour',
    401,
    () => ({ headers: fromSns, body: signed({ Timestamp: hourAgo() }) }),
  ],
  [
    'a message replayed with a new time',
    401,
    () => ({
      headers: fromSns,
      body: signed({ Timestamp: hourAgo() }, { Timestamp: new Date().toISOString() }),
    }),
  ],
  [
    'a message of tomorrow',
    401,
    () => ({
      headers: fromSns,
      body: signed({ Timestamp: new Date(Date.now() + 86_400_000).toISOString() }),
    }),
  ],
  [
    'a signature of version 1 called version 2',
    401,
    () => ({ headers: fromSns, body: signed({ SignatureVersion: '1' }, { SignatureVersion: '2' }) }),
  ],
  ['a signature of version 0', 401, () => ({ headers: fromSns, body: signed({ SignatureVersion: '0' }) })],
  [
    'the confirmation of a subscription made a notification',
    401,
    () => ({ headers: fromSns, body: { ...sns.confirmation(), Type: 'Notification', Message: event } }),
  ],
  [
    'a signed message that holds no event',
    400,
    () => ({ headers: fromSns, body: signed({ Message: 'hello' }) }),
  ],

  // Subscriptions that are not ours.
  [
    'a confirmation of another topic, signed',
    401,
    () => ({ headers: fromSns, body: sns.confirmation({ TopicArn: OTHER_TOPIC }) }),
  ],
  [
    'a confirmation of another topic, with a secret',
    403,
    () => ({ headers: withSecret, body: sns.confirmation({ TopicArn: OTHER_TOPIC }) }),
  ],
  [
    'a confirmation at another host, with a secret',
    400,
    () => ({
      headers: withSecret,
      body: sns.confirmation({ SubscribeURL: 'https://example.com/?Action=1' }),
    }),
  ],
  [
    'a confirmation at the metadata of a machine, with a secret',
    400,
    () => ({
      headers: withSecret,
      body: sns.confirmation({ SubscribeURL: 'http://169.254.169.254/latest/' }),
    }),
  ],
  [
    'a confirmation that does something else, with a secret',
    400,
    () => ({
      headers: withSecret,
      body: sns.confirmation({ SubscribeURL: SUBSCRIBE_URL.replace('Confirm', 'Delete') }),
    }),
  ],
  [
    'a confirmation with a URL put into it',
    401,
    () => ({ headers: fromSns, body: sns.confirmation({}, { SubscribeURL: `${SUBSCRIBE_URL}&a=b` }) }),
  ],

  // With a secret, and wrong.
  [
    'a topic that is not allowed, with a secret',
    403,
    () => ({ headers: withSecret, body: snsMessage(event, { TopicArn: OTHER_TOPIC }) }),
  ],
  [
    'a raw delivery of a topic that is not allowed, with a secret',
    403,
    () => ({
      headers: { ...withSecret, 'x-amz-sns-rawdelivery': 'true', 'x-amz-sns-topic-arn': OTHER_TOPIC },
    }),
  ],
  ['an empty body', 400, () => ({ headers: withSecret, body: '' })],
  ['text', 400, () => ({ headers: withSecret, body: 'hello' })],
  ['half a body of JSON', 400, () => ({ headers: withSecret, body: event.slice(0, 100) })],
  ['null', 400, () => ({ headers: withSecret, body: 'null' })],
  ['bytes that are not UTF-8', 400, () => ({ headers: withSecret, body: Buffer.from([0xff, 0xfe, 0x00]) })],
  [
    'a compressed body',
    400,
    () => ({ headers: { ...withSecret, 'content-encoding': 'gzip' }, body: Buffer.from('1f8b0800', 'hex') }),
  ],
  ['another JSON', 400, () => ({ headers: withSecret, body: { a: 1 } })],
  ['records that are none', 400, () => ({ headers: withSecret, body: { Records: 5 } })],
  ['fields by a prototype', 400, () => ({ headers: withSecret, body: `{"__proto__":${event}}` })],
  ['objects in each other', 400, () => ({ headers: withSecret, body: '{"Records":'.repeat(20_000) })],
  [
    'a good record beside a bad one',
    400,
    () => ({ headers: withSecret, body: { Records: [s3Record(), s3Record({ key: 5 })] } }),
  ],
  [
    'a key that is too long',
    400,
    () => ({ headers: withSecret, body: { Records: [s3Record({ key: 'a'.repeat(1025) })] } }),
  ],
  [
    'a bucket that cannot be',
    400,
    () => ({
      headers: withSecret,
      body: eventBridgeEvent({}, { detail: { bucket: { name: '../a' }, object: { key: 'a' } } }),
    }),
  ],
  ['a body that is too large', 413, () => ({ headers: withSecret, body: ' '.repeat(256 * 1024 + 1) })],
  ['headers that are too large', 431, () => ({ headers: { ...withSecret, 'x-large': 'a'.repeat(9000) } })],
  ['another method', 404, () => ({ headers: withSecret, method: 'PUT' })],
  ['another path', 404, () => ({ headers: withSecret, path: '/events/s4' })],
  ['a path that climbs', 404, () => ({ headers: withSecret, path: '/events/../admin' })],
];

test('the table is as long as it should be, and no request is in it twice', () => {
  expect(TABLE.length).toBeGreaterThanOrEqual(40);
  expect(new Set(TABLE.map(([name]) => name)).size).toBe(TABLE.length);
});

describe('a request that is refused changes nothing', () => {
  beforeEach(() => start());

  test.each(TABLE)('%s: %i', async (_name, status, make) => {
    const countBefore = arrivalsCounted();
    const answer = await send(make());
    expect({ status: answer.status, text: answer.text }).toMatchObject({ status });
    if (status === 401) {
      expect(JSON.parse(answer.text)).toEqual({ error: { code: 'AccessDenied', message: 'Access denied.' } });
      expect(answer.headers['www-authenticate']).toBe('Basic realm="sluice"');
    }
    expect(taken).toEqual([]);
    expect(sns.fetched).not.toContain(SUBSCRIBE_URL);
    expect(sns.fetched.filter((url) => !/^https:\/\/sns\.|^http:\/\/crt\./.test(url))).toEqual([]);
    expect(arrivalsCounted()).toBe(countBefore);
    expect(lines.join('')).not.toMatch(/hidden|AIDA|192\.0\.2\.1/);
  });

  test.each<[string, number, string[]]>([
    ['no HTTP', 400, ['nonsense\r\n\r\n']],
    [
      'two lengths of one body',
      400,
      ['POST /events HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}'],
    ],
    [
      'a length and chunks',
      400,
      [
        'POST /events HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
      ],
    ],
    [
      'chunks without an end to them',
      413,
      [
        `POST /events HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${SECRET}\r\ntransfer-encoding: chunked\r\n\r\n`,
        ...Array.from({ length: 5 }, () => `10000\r\n${' '.repeat(0x10000)}\r\n`),
      ],
    ],
    [
      'a length beyond the limit, without a secret',
      401,
      ['POST /events HTTP/1.1\r\nhost: a\r\ncontent-length: 9999999999\r\n\r\n'],
    ],
    ['a line break in a header', 400, ['POST /events HTTP/1.1\r\nhost: a\r\nx: a\rb: c\r\n\r\n']],
  ])('bytes: %s: %i', async (_name, status, parts) => {
    expect(await sendBytes(...parts)).toBe(status);
    expect(taken).toEqual([]);
  });

  test('headers that come slowly are given up after some seconds', async () => {
    const socket = connect((server.server.address() as AddressInfo).port, '127.0.0.1');
    socket.write('POST /events HTTP/1.1\r\nhost: a\r\n');
    const started = Date.now();
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect(Date.now() - started).toBeLessThan(9_000);
  }, 15_000);

  test('what is wrong is counted, for the operator', async () => {
    const before = renderMetrics();
    await send({});
    await send({ headers: fromSns, body: signed({}, { MessageId: '1' }) });
    await send({ headers: fromSns, body: signed({ Timestamp: hourAgo() }) });
    await send({ headers: fromSns, body: signed({ TopicArn: OTHER_TOPIC }) });
    await send({ headers: fromSns, body: signed({}, { SigningCertURL: 'https://example.com' }) });
    for (const reason of ['secret', 'signature', 'time', 'topic', 'certificate']) {
      const name = `sluice_webhook_refused_total{reason="${reason}"}`;
      expect(valueOf(name, renderMetrics()) - valueOf(name, before)).toBe(1);
    }
  });
});

describe('what is right is let in', () => {
  beforeEach(() => start());

  test.each<[string, () => Request]>([
    ['either of two secrets', () => ({ headers: { authorization: `Bearer ${OLD_SECRET}` } })],
    ['a secret as a password', () => ({ headers: { authorization: basic(`sluice:${SECRET}`) } })],
    ['EventBridge with a secret', () => ({ headers: withSecret, body: eventBridgeEvent() })],
    ['the other path', () => ({ headers: withSecret, path: '/events/s3', body: eventBridgeEvent() })],
    ['SNS with a secret and no signature', () => ({ headers: withSecret, body: snsMessage(event) })],
    ['SNS with a signature', () => ({ headers: fromSns, body: signed() })],
    [
      'SNS with a signature of version 1',
      () => ({ headers: fromSns, body: signed({ SignatureVersion: '1' }) }),
    ],
    [
      'SNS around EventBridge, signed',
      () => ({ headers: fromSns, body: signed({ Message: JSON.stringify(eventBridgeEvent()) }) }),
    ],
    [
      'SNS raw, with a secret',
      () => ({
        headers: {
          ...{ authorization: basic(`sluice:${SECRET}`), 'x-amz-sns-rawdelivery': 'true' },
          ...{ ...fromSns, 'x-amz-sns-topic-arn': TOPIC },
        },
      }),
    ],
  ])('%s', async (_name, make) => {
    expect(await send(make())).toMatchObject({ status: 200, text: '{"arrivals":1,"ignored":0}' });
    expect(taken).toMatchObject([{ bucket: 'inbox', key: 'my file.csv' }]);
  });

  test('a message twice is handed on twice: the `arrivals` workflow drops the second', async () => {
    const body = signed();
    expect((await send({ headers: fromSns, body })).status).toBe(200);
    expect((await send({ headers: fromSns, body })).status).toBe(200);
    expect(taken).toHaveLength(2);
    expect(taken[0]).toEqual(taken[1]);
  });

  test.each<[string, () => Request]>([
    [
      'signed',
      () => ({ headers: { 'x-amz-sns-message-type': 'SubscriptionConfirmation' }, body: sns.confirmation() }),
    ],
    ['with a secret', () => ({ headers: withSecret, body: sns.confirmation({}, { Signature: undefined }) })],
  ])('a subscription of an allowed topic is confirmed, once a request: %s', async (_name, make) => {
    expect(await send(make())).toMatchObject({ status: 200, text: '{"arrivals":0,"ignored":1}' });
    expect(sns.fetched.filter((url) => url === SUBSCRIBE_URL)).toHaveLength(1);
    expect(taken).toEqual([]);
  });

  test.each([
    ['does not answer', null],
    ['refuses', 403],
    ['redirects', 302],
  ])('when SNS %s, the confirmation is to be sent again', async (_name, status) => {
    const { fetch } = sns.dependencies;
    sns.dependencies.fetch = async (url) => {
      if (url !== SUBSCRIBE_URL) return fetch(url);
      if (status === null) throw new Error('no connection');
      return file('', status);
    };
    const answer = await send({ headers: fromSns, body: sns.confirmation() });
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
  });

  test.each<[string, () => Promise<never>]>([
    ['cannot be had', () => Promise.reject(new Error('no connection'))],
    ['does not come', () => new Promise(() => {})],
  ])('when the certificate %s, the message is to be sent again, within two seconds', async (_name, fetch) => {
    sns.dependencies.fetch = fetch;
    const started = Date.now();
    const answer = await send({ headers: fromSns, body: signed() });
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    expect(Date.now() - started).toBeLessThan(2_000);
    expect(taken).toEqual([]);
  });

  test('the end of a subscription is ignored', async () => {
    const body = sns.confirmation({ Type: 'UnsubscribeConfirmation' });
    expect(await send({ headers: fromSns, body })).toMatchObject({ status: 200 });
    expect(sns.fetched).not.toContain(SUBSCRIBE_URL);
  });
});

describe('settings', () => {
  test('with topics and no secret only signatures are let in, on any address', async () => {
    await start({ secrets: [] });
    expect((await send({})).status).toBe(401);
    expect((await send({ headers: { authorization: 'Bearer ' } })).status).toBe(401);
    expect((await send({ headers: fromSns, body: signed() })).status).toBe(200);
  });

  test('with a secret and no topic any topic is let in by the secret, no signature is, and nothing is confirmed', async () => {
    await start({ topics: [] });
    expect((await send({ headers: withSecret, body: snsMessage(event) })).status).toBe(200);
    expect((await send({ headers: fromSns, body: signed() })).status).toBe(401);
    expect((await send({ headers: withSecret, body: sns.confirmation() })).status).toBe(403);
    expect(sns.fetched).toEqual([]);
  });
});

describe('load', () => {
  test('what waits for Temporal is bounded: beyond it the answer comes at once', async () => {
    await start({ acceptArrivals: () => new Promise(() => {}) });
    const answers: Promise<Answer>[] = [];
    for (let i = 0; i < 1_000; i += 50) {
      for (let j = 0; j < 50; j++) answers.push(send({ headers: withSecret }));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(answers);
    const started = Date.now();
    expect((await send({ headers: withSecret })).status).toBe(503);
    expect(Date.now() - started).toBeLessThan(500);
  }, 30_000);

  test(`${REFUSED} requests that are refused leave nothing behind`, async () => {
    await start({ log: pino({ level: 'silent' }) });
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const requests = TABLE.filter(([, status]) => status !== 413).map(([, , make]) => make());
    // Each with a certificate of its own, so that no memory of them helps.
    const newCertificate = (n: number): Request => ({
      headers: fromSns,
      body: { ...signed(), SigningCertURL: CERTIFICATE_URL.replace('.pem', `${n}.pem`) },
    });
    const sendMany = async (from: number, to: number) => {
      for (let n = from; n < to; n += 20) {
        const batch = Array.from({ length: 20 }, (_, i) => n + i);
        const make = (i: number) => (i % 4 === 0 ? newCertificate(i) : requests[i % requests.length]!);
        for (const { status } of await Promise.all(batch.map((i) => send(make(i)))))
          expect(status).not.toBe(200);
      }
    };
    const heap = () => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    await sendMany(0, REFUSED / 10);
    const before = heap();
    await sendMany(REFUSED / 10, REFUSED / 10 + REFUSED);
    const grownMiB = (heap() - before) / 2 ** 20;
    expect(taken).toEqual([]);
    expect(grownMiB).toBeLessThan(isLong ? 16 : 6);
  }, 120_000);
});

function arrivalsCounted(): number {
  return valueOf('sluice_webhook_arrivals_total', renderMetrics());
}

function valueOf(name: string, metrics: string): number {
  const line = metrics.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}
