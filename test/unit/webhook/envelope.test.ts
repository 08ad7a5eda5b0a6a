import { SluiceError } from '../../../src/errors';
import { openEnvelope, openSnsMessage } from '../../../src/webhook/envelope';
import type { Notification } from '../../../src/webhook/s3';
import { eventBridgeEvent, s3Record, snsMessage } from '../../support/events';

const arrival = { bucket: 'inbox', key: 'my file.csv', versionId: 'v1', etag: 'abc', size: 5 };

function open(body: unknown): Notification {
  const envelope = openEnvelope(typeof body === 'string' ? body : JSON.stringify(body));
  return envelope.kind === 'sns' ? openSnsMessage(envelope.message) : envelope.notification;
}

function messageOf(body: unknown): string {
  try {
    open(body);
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'InvalidInput') return error.message;
    throw error;
  }
  throw new Error('It was accepted');
}

const keyOf = (object: object) => open(eventBridgeEvent(object)).arrivals[0]?.key;

describe('what a body is, it tells itself', () => {
  test.each<[string, unknown]>([
    ['an S3 event notification', { Records: [s3Record()] }],
    ['an EventBridge event', eventBridgeEvent()],
    ['SNS around an S3 event notification', snsMessage({ Records: [s3Record()] })],
    ['SNS around an EventBridge event', snsMessage(eventBridgeEvent())],
    ['SNS without a subject', snsMessage(eventBridgeEvent(), { Subject: undefined })],
  ])('%s', (_name, body) => {
    expect(open(body)).toMatchObject({ arrivals: [arrival], ignored: 0 });
  });

  test.each(['2.0', '2.1', '2.2', '2.3', '2.4', '2.5', '2.6', '2.15'])(
    'version %s of S3 notifications',
    (eventVersion) => {
      expect(open({ Records: [s3Record({}, { eventVersion })] }).arrivals).toMatchObject([arrival]);
    },
  );

  test('several records are as many arrivals', () => {
    const Records = [
      s3Record(),
      s3Record({ key: 'b%2Bc.csv' }),
      s3Record({}, { eventName: 'ObjectRemoved:Delete' }),
    ];
    const { arrivals, ignored } = open(snsMessage({ Records }));
    expect(arrivals.map(({ key }) => key)).toEqual(['my file.csv', 'b+c.csv']);
    expect(ignored).toBe(1);
  });

  test.each<[string, unknown, number]>([
    ['a test event', { Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'inbox' }, 0],
    ['a test event by SNS', snsMessage({ Event: 's3:TestEvent' }), 0],
    ['a deletion in EventBridge', eventBridgeEvent({}, { 'detail-type': 'Object Deleted' }), 1],
    ['an unknown event of S3', eventBridgeEvent({}, { 'detail-type': 'Object Painted', detail: 5 }), 1],
    ['an event of another service', { 'detail-type': 'EC2 Instance State-change', source: 'aws.ec2' }, 1],
    [
      'an end of a subscription',
      snsMessage('Bye', { Type: 'UnsubscribeConfirmation', Token: 'a', SubscribeURL: 'b' }),
      1,
    ],
  ])('%s is no arrival, and no mistake', (_name, body, ignored) => {
    expect(open(body)).toEqual({ arrivals: [], ignored });
  });
});

describe('an EventBridge event', () => {
  test('becomes an arrival', () => {
    expect(open(eventBridgeEvent())).toEqual({
      arrivals: [{ ...arrival, sequencer: '617f08299329d189', time: '2026-11-24T01:57:01.000Z' }],
      ignored: 0,
    });
  });

  test.each([
    'my file.csv',
    'a+b.csv',
    '100%.csv',
    'x%20y.csv',
    'a%2Bb.csv',
    'ü/日本 é 🦫.csv',
    '%2B++ %20.mp3',
  ])('has the key as it was uploaded: %s', (key) => expect(keyOf({ key })).toBe(key));

  test('may lack version, size, etag and sequencer, as may a bucket without versioning', () => {
    const absent = { 'version-id': undefined, size: undefined, etag: undefined, sequencer: undefined };
    const nothing = { versionId: null, size: null, etag: null, sequencer: null };
    expect(open(eventBridgeEvent(absent)).arrivals).toMatchObject([nothing]);
    expect(open(eventBridgeEvent({ 'version-id': 'null' })).arrivals).toMatchObject([{ versionId: null }]);
  });
});

describe('what is wrong is named by its path', () => {
  test.each<[unknown, string]>([
    ['', 'no body'],
    ['{', 'The body is not JSON'],
    ['null', 'body: '],
    ['"Records"', 'body: '],
    ['[]', 'body: '],
    [eventBridgeEvent({ key: 5 }), 'detail.object.key: '],
    [eventBridgeEvent({ key: '' }), 'detail.object.key: '],
    [eventBridgeEvent({ key: 'ü'.repeat(513) }), 'detail.object.key: expected at most 1024 bytes'],
    [eventBridgeEvent({ size: -1 }), 'detail.object.size: '],
    [eventBridgeEvent({}, { time: 'today' }), 'time: '],
    [eventBridgeEvent({}, { detail: {} }), 'detail.bucket: '],
    [eventBridgeEvent({}, { source: 5 }), 'source: '],
    [eventBridgeEvent({}, { 'detail-type': null }), 'detail-type: '],
    [
      { Records: [s3Record({ key: 'a'.repeat(1025) })] },
      'Records[0].s3.object.key: expected at most 1024 bytes',
    ],
    [{ Records: [s3Record({ key: 'a'.repeat(4000) })] }, 'Records[0].s3.object.key: '],
    [{ Records: [s3Record({ versionId: 'a'.repeat(2000) })] }, 'Records[0].s3.object.versionId: '],
    [snsMessage('no event'), 'The message of the SNS notification is not JSON'],
    [snsMessage('{"a":1}'), 'Records: '],
    [snsMessage(snsMessage(eventBridgeEvent())), 'holds an SNS message'],
    [snsMessage(eventBridgeEvent(), { Type: 'Other' }), 'Type: '],
    [snsMessage(eventBridgeEvent(), { TopicArn: 'uploads' }), 'TopicArn: expected the ARN of a topic'],
    [snsMessage(eventBridgeEvent(), { MessageId: 'a\nb' }), 'MessageId: '],
    [snsMessage(eventBridgeEvent(), { Message: { a: 1 } }), 'Message: '],
    [snsMessage(eventBridgeEvent(), { Timestamp: 'today' }), 'Timestamp: '],
  ])('%j', (body, message) => expect(messageOf(body)).toContain(message));

  test('and no value is told', () => {
    const secret = 'private matter';
    const bodies = [
      eventBridgeEvent({ size: secret, key: 5 }),
      snsMessage(secret),
      snsMessage('{}', { Type: secret, TopicArn: secret, [secret]: secret }),
      { Records: [s3Record({ size: secret }, { eventSource: secret, eventTime: secret })] },
    ];
    for (const body of bodies) expect(messageOf(body)).not.toContain(secret);
  });
});

describe('a hostile body', () => {
  test.each([
    '{"__proto__":{"Records":[]}}',
    '{"__proto__":{"detail-type":"Object Created","source":"aws.s3"}}',
    '{"constructor":{"prototype":{"Records":[]}}}',
    '{"Records":[{"__proto__":{"eventName":"ObjectCreated:Put"}}]}',
  ])('cannot lend its fields by a prototype: %s', (body) => {
    expect(messageOf(body)).toBeTruthy();
    expect(({} as Record<string, unknown>).Records).toBeUndefined();
  });

  test('fields of a prototype beside the real ones change nothing', () => {
    const body = JSON.stringify({ Records: [s3Record()] }).replace(
      '{"eventVersion"',
      '{"__proto__":{"x":1},"eventVersion"',
    );
    expect(open(body).arrivals).toMatchObject([arrival]);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  test('of keys that are there twice, the last counts, in the signed text as in the arrival', () => {
    const body = JSON.stringify(eventBridgeEvent()).replace('"key":', '"key":"first.csv","key":');
    expect(open(body).arrivals).toMatchObject([arrival]);
  });

  test.each([
    ['arrays', '['.repeat(120_000) + ']'.repeat(120_000)],
    ['objects', '{"Records":'.repeat(20_000) + '1' + '}'.repeat(20_000)],
    ['a message', JSON.stringify(snsMessage('['.repeat(100_000) + ']'.repeat(100_000)))],
  ])('of %s in each other is refused quickly', (_name, body) => {
    const started = performance.now();
    expect(messageOf(body)).toBeTruthy();
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
