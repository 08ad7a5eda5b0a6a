/**
 * EventBridge events of S3, as an API destination sends them (one event a request, as it is), to arrivals.
 *
 * The key is not encoded here, unlike that of an S3 event notification: what comes is the key that was uploaded, with its
 * spaces, `+` and `%`, so nothing is decoded. Structure: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 * (it says nothing of encoding); keys seen to come as they are:
 * https://github.com/aws-solutions-library-samples/guidance-for-medialake-on-aws/pull/21.
 */
import { z } from 'zod';
import {
  bucketName,
  etagOf,
  eventTime,
  isKeyTooLong,
  KEY_TOO_LONG,
  objectSize,
  sentKey,
  sequencerOf,
  shortText,
  versionOf,
} from './fields';
import { problemsOf, wrongBody } from './problems';
import type { Notification } from './s3';

const anyEvent = z.object({ 'detail-type': z.string(), source: z.string() });

const createdEvent = z.object({
  time: eventTime,
  detail: z.object({
    bucket: z.object({ name: bucketName }),
    object: z.object({
      key: sentKey,
      size: objectSize,
      etag: shortText,
      /** A copy of EventBridge's name in near copies of it, such as moto's. */
      eTag: shortText,
      'version-id': shortText,
      sequencer: shortText,
    }),
  }),
});

/** API calls that create an object; a copy's and an upload's answers have no size. https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html */
const CREATING_CALLS = ['PutObject', 'CopyObject', 'CompleteMultipartUpload', 'PostObject'];

const apiCall = z.object({
  time: eventTime,
  detail: z.object({
    eventName: z.string(),
    errorCode: z.string().nullish(),
    requestParameters: z.object({ bucketName, key: sentKey }),
    responseElements: z.object({ 'x-amz-version-id': shortText }).nullish(),
    additionalEventData: z.object({ bytesTransferredIn: objectSize }).nullish(),
  }),
});

export function isEventBridgeEvent(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'detail-type' in body;
}

/** Throws `InvalidInput` that names every wrong field by its path, and never a value. */
export function parseEventBridgeEvent(body: unknown): Notification {
  const event = anyEvent.safeParse(body);
  if (!event.success) throw notEventBridge(problemsOf(event.error));
  if (event.data.source === 'aws.s3' && event.data['detail-type'] === 'AWS API Call via CloudTrail')
    return parseApiCall(body);
  if (event.data.source !== 'aws.s3' || event.data['detail-type'] !== 'Object Created') {
    return { arrivals: [], ignored: 1 };
  }
  const created = createdEvent.safeParse(body);
  if (!created.success) throw notEventBridge(problemsOf(created.error));
  const { bucket, object } = created.data.detail;
  if (isKeyTooLong(object.key)) throw notEventBridge([`detail.object.key: ${KEY_TOO_LONG}`]);
  if (object.key.endsWith('/')) return { arrivals: [], ignored: 1 };
  const arrival = {
    bucket: bucket.name,
    key: object.key,
    versionId: versionOf(object['version-id']),
    etag: etagOf(object.etag ?? object.eTag),
    size: object.size ?? null,
    sequencer: sequencerOf(object.sequencer),
    time: new Date(created.data.time).toISOString(),
  };
  return { arrivals: [arrival], ignored: 0 };
}

/** CloudTrail tells a call whether it went well or not; one with an error has created nothing. */
function parseApiCall(body: unknown): Notification {
  const { eventName } = (body as { detail?: { eventName?: unknown } }).detail ?? {};
  if (!CREATING_CALLS.includes(String(eventName))) return { arrivals: [], ignored: 1 };
  const call = apiCall.safeParse(body);
  if (!call.success) throw notEventBridge(problemsOf(call.error));
  const { requestParameters, errorCode, responseElements, additionalEventData } = call.data.detail;
  const { bucketName: bucket, key } = requestParameters;
  if (isKeyTooLong(key)) throw notEventBridge([`detail.requestParameters.key: ${KEY_TOO_LONG}`]);
  if (errorCode || key.endsWith('/')) return { arrivals: [], ignored: 1 };
  const arrival = {
    bucket,
    key,
    versionId: versionOf(responseElements?.['x-amz-version-id']),
    etag: null,
    size: eventName === 'PutObject' ? (additionalEventData?.bytesTransferredIn ?? null) : null,
    sequencer: null,
    time: new Date(call.data.time).toISOString(),
  };
  return { arrivals: [arrival], ignored: 0 };
}

function notEventBridge(problems: string[]) {
  return wrongBody('EventBridge event of S3', problems);
}
