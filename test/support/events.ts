/** A record of an S3 event notification, as S3 sends it. */
export function s3Record(object: object = {}, record: object = {}) {
  return {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: 'eu-central-1',
    eventTime: '2026-11-24T01:57:01.123Z',
    eventName: 'ObjectCreated:Put',
    userIdentity: { principalId: 'AWS:AIDA' },
    requestParameters: { sourceIPAddress: '192.0.2.1' },
    responseElements: { 'x-amz-request-id': 'A', 'x-amz-id-2': 'B' },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: 'uploads',
      bucket: { name: 'inbox', ownerIdentity: { principalId: 'A' }, arn: 'arn:aws:s3:::inbox' },
      object: { key: 'my+file.csv', size: 5, eTag: 'abc', versionId: 'v1', sequencer: '0055AED6', ...object },
    },
    ...record,
  };
}

/** An event as EventBridge's API destination sends it. */
export function eventBridgeEvent(object: object = {}, event: object = {}) {
  return {
    version: '0',
    id: '17793124-05d4-b198-2fde-7ededc63b103',
    'detail-type': 'Object Created',
    source: 'aws.s3',
    account: '123456789012',
    time: '2026-11-24T01:57:01Z',
    region: 'eu-central-1',
    resources: ['arn:aws:s3:::inbox'],
    detail: {
      version: '0',
      bucket: { name: 'inbox' },
      object: {
        key: 'my file.csv',
        size: 5,
        etag: 'abc',
        'version-id': 'v1',
        sequencer: '617f08299329d189',
        ...object,
      },
      'request-id': 'N4N7GDK58NMKJ12R',
      requester: '123456789012',
      'source-ip-address': '192.0.2.1',
      reason: 'PutObject',
    },
    ...event,
  };
}

/** An SNS message without a signature, for senders that have a secret. */
export function snsMessage(event: unknown, fields: object = {}) {
  return {
    Type: 'Notification',
    MessageId: '165545c9-2a5c-472c-8df2-7ff2be2b3b1b',
    TopicArn: 'arn:aws:sns:eu-central-1:123456789012:uploads',
    Subject: 'Amazon S3 Notification',
    Message: typeof event === 'string' ? event : JSON.stringify(event),
    Timestamp: '2026-11-24T01:57:02.000Z',
    ...fields,
  };
}
