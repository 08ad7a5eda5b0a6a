import { openEnvelope } from '../../../src/webhook/envelope';

const record = (key: string) => ({
  eventVersion: '2.1',
  eventSource: 'aws:s3',
  eventTime: '2026-01-02T03:04:05.000Z',
  eventName: 'ObjectCreated:Put',
  s3: { bucket: { name: 'lake' }, object: { key, size: 5, eTag: 'e', sequencer: '01' } },
});
const event = JSON.stringify({ Records: [record('sales/a.csv')] });
const keysOf = (body: unknown) => {
  const opened = openEnvelope(JSON.stringify(body));
  if (opened.kind === 'sns') throw new Error('closed');
  return [opened.notification.arrivals.map(({ key }) => key), opened.notification.ignored];
};

test('events that SQS relays are taken, also behind a topic, and those that SNS hands to Lambda', () => {
  const sqs = (body: string) => ({ eventSource: 'aws:sqs', messageId: '1', body });
  expect(keysOf({ Records: [sqs(event), sqs(event)] })).toEqual([['sales/a.csv', 'sales/a.csv'], 0]);
  const topic = JSON.stringify({ Type: 'Notification', TopicArn: 'arn', Message: event });
  expect(keysOf({ Records: [sqs(topic)] })).toEqual([['sales/a.csv'], 0]);
  expect(keysOf({ Records: [{ EventSource: 'aws:sns', Sns: { Message: event } }] })).toEqual([
    ['sales/a.csv'],
    0,
  ]);
});

test("a relayed text that is no event is refused, and a folder's marker is ignored", () => {
  expect(() => keysOf({ Records: [{ eventSource: 'aws:sqs', body: 'hello' }] })).toThrow(
    'The event in Records[0] is not JSON.',
  );
  expect(keysOf({ Records: [record('sales/')] })).toEqual([[], 1]);
});

const call = (detail: object) => ({
  'detail-type': 'AWS API Call via CloudTrail',
  source: 'aws.s3',
  time: '2026-01-02T03:04:05Z',
  detail: { requestParameters: { bucketName: 'lake', key: 'sales/a b.csv' }, ...detail },
});

test('an API call that CloudTrail tells is an arrival where it creates an object, and had no error', () => {
  expect(keysOf(call({ eventName: 'PutObject' }))).toEqual([['sales/a b.csv'], 0]);
  expect(keysOf(call({ eventName: 'PutObject', errorCode: 'AccessDenied' }))).toEqual([[], 1]);
  expect(keysOf(call({ eventName: 'GetObject' }))).toEqual([[], 1]);
});
