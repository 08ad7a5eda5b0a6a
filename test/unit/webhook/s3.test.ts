import { SluiceError } from '../../../src/errors';
import { parseS3Notification } from '../../../src/webhook/s3';

const aws = (object: object = {}, record: object = {}) => ({
  eventVersion: '2.1',
  eventSource: 'aws:s3',
  awsRegion: 'eu-west-1',
  eventTime: '2026-11-24T01:57:01.123Z',
  eventName: 'ObjectCreated:Put',
  userIdentity: { principalId: 'AWS:AIDA' },
  s3: {
    s3SchemaVersion: '1.0',
    configurationId: 'uploads',
    bucket: { name: 'inbox', ownerIdentity: { principalId: 'A' }, arn: 'arn:aws:s3:::inbox' },
    object: { key: 'a.csv', size: 5, eTag: 'abc', sequencer: '0055AED6DCD90281E5', ...object },
  },
  ...record,
});

/** As versitygw 1.8.0 sends it. */
const gateway = (key: string, object: object = {}, record: object = {}) => ({
  eventVersion: '2.2',
  eventSource: 'aws:s3',
  awsRegion: 'us-east-1',
  eventTime: '2026-11-24T01:57:01Z',
  eventName: 's3:ObjectCreated:Put',
  userIdentity: { PrincipalId: 'k' },
  s3: {
    s3SchemaVersion: '1.0',
    configurationId: 'webhook-global',
    bucket: { name: 'inbox', ownerIdentity: { PrincipalId: 'k' }, arn: `arn:aws:s3:::/inbox/${key}` },
    object: { key, size: 5, eTag: '"8332-1"', versionId: null, sequencer: 'F', ...object },
  },
  ...record,
});

const keyOf = (record: object) => parseS3Notification({ Records: [record] }).arrivals[0]?.key;

function messageOf(body: unknown): string {
  try {
    parseS3Notification(body);
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'InvalidInput') return error.message;
    throw error;
  }
  throw new Error('It was accepted');
}

test('a record of S3 becomes an arrival', () => {
  expect(parseS3Notification({ Records: [aws({ versionId: '096fKKXTRTtl3on89fVO.nfljtsv6qko' })] })).toEqual({
    arrivals: [
      {
        bucket: 'inbox',
        key: 'a.csv',
        versionId: '096fKKXTRTtl3on89fVO.nfljtsv6qko',
        etag: 'abc',
        size: 5,
        sequencer: '0055AED6DCD90281E5',
        time: '2026-11-24T01:57:01.123Z',
      },
    ],
    ignored: 0,
  });
});

test.each([
  ['my+file.csv', 'my file.csv'],
  ['a%2Bb.csv', 'a+b.csv'],
  ['100%25.csv', '100%.csv'],
  ['x%2520y.csv', 'x%20y.csv'],
  ['in/%C3%BC/%E6%97%A5%E6%9C%AC.csv', 'in/ü/日本.csv'],
  ['folder%2Fa.csv', 'folder/a.csv'],
])('S3 encodes keys: %s is %s', (sent, key) => {
  expect(keyOf(aws({ key: sent }))).toBe(key);
});

test.each(['my file+1.csv', '100%.csv', 'ü+%20.csv', '%FF.csv', 'a%2', 'tab\t%20'])(
  'a key that encoding cannot have made is taken as it is: %s',
  (key) => {
    expect(keyOf(aws({ key }))).toBe(key);
  },
);

test.each(['my file.csv', 'a+b.csv', '100%.csv', 'x%20y.csv', 'a%2Bb.csv', 'ü/日本 é.csv', 'q?a=b&c#d.csv'])(
  'versitygw does not encode keys: %s',
  (key) => {
    expect(keyOf(gateway(key))).toBe(key);
  },
);

test('versitygw is known without its odd ARN too', () => {
  const record = gateway('a+b.csv');
  record.s3.bucket.arn = 'arn:aws:s3:::inbox';
  expect(keyOf(record)).toBe('a+b.csv');
});

test('a configuration of S3 may have the name of one of versitygw', () => {
  const record = aws({ key: 'a+b.csv' });
  record.s3.configurationId = 'webhook-global';
  expect(keyOf(record)).toBe('a b.csv');
});

test('what versitygw does not know is null: version, order, and the size of copies and multipart uploads', () => {
  const copy = gateway('b.csv', { size: 0, versionId: '' }, { eventName: 's3:ObjectCreated:Copy' });
  const { arrivals } = parseS3Notification({ Records: [gateway('a.csv', { size: 0 }), copy] });
  expect(arrivals).toMatchObject([
    { key: 'a.csv', etag: '8332-1', size: 0, versionId: null, sequencer: null },
    { key: 'b.csv', etag: '8332-1', size: null, versionId: null, sequencer: null },
  ]);
});

test('the time is told in UTC', () => {
  const { arrivals } = parseS3Notification({
    Records: [aws({}, { eventTime: '2026-11-24T03:57:01+02:00' })],
  });
  expect(arrivals[0]?.time).toBe('2026-11-24T01:57:01.000Z');
});

test('the version "null", an empty ETag and a sequencer that is not hex are null', () => {
  const record = aws({ versionId: 'null', eTag: '', sequencer: 'xyz' });
  expect(parseS3Notification({ Records: [record] }).arrivals).toMatchObject([
    { versionId: null, etag: null, sequencer: null },
  ]);
});

test('other events are counted, whatever they hold', () => {
  const records = [
    { eventName: 'ObjectRemoved:Delete' },
    { eventName: 's3:ObjectRestore:Post', s3: 5 },
    aws(),
  ];
  expect(parseS3Notification({ Records: records })).toMatchObject({
    arrivals: [{ key: 'a.csv' }],
    ignored: 2,
  });
});

test.each([{ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'inbox' }, { Records: [] }])(
  'a message without records is accepted: %j',
  (body) => {
    expect(parseS3Notification(body)).toEqual({ arrivals: [], ignored: 0 });
  },
);

test('unknown fields are ignored', () => {
  expect(keyOf({ ...aws(), more: { and: 'more' } })).toBe('a.csv');
});

test.each([
  [null, 'body: '],
  [[], 'body: '],
  [{}, 'Records: '],
  [{ Records: [{}] }, 'Records[0].eventName: '],
  [{ Records: [aws(), aws({ key: 5 })] }, 'Records[1].s3.object.key: '],
  [{ Records: [aws({ key: '' })] }, 'Records[0].s3.object.key: '],
  [{ Records: [aws({ size: -1 })] }, 'Records[0].s3.object.size: '],
  [{ Records: [aws({}, { eventVersion: '3.0' })] }, 'Records[0].eventVersion: expected version 2.x'],
  [{ Records: [aws({}, { eventSource: 'aws:sqs' })] }, 'Records[0].eventSource: expected aws:s3'],
  [{ Records: [aws({}, { eventTime: 'today' })] }, 'Records[0].eventTime: '],
])('what is wrong is named by its path: %j', (body, path) => {
  expect(messageOf(body)).toContain(path);
});

test('all problems are told at once, and no more than ten of them', () => {
  const message = messageOf({ Records: Array.from({ length: 12 }, () => aws({ key: 5 })) });
  expect(message).toContain('Records[9]');
  expect(message).toMatch(/; and 2 more$/);
});
