/**
 * S3 event notifications, as S3 itself and S3-compatible stores send them, to arrivals.
 *
 * **Is the key encoded?** S3 form-encodes it (`+` is a space, `%2B` a plus), and so does MinIO. versitygw sends the raw
 * key, under the same `eventSource` (`aws:s3`) and region. A key is taken as it stands when
 *
 * 1. the record is versitygw's own: its bucket ARN is `arn:aws:s3:::/BUCKET/KEY`, with a slash that no real bucket ARN
 *    has, or its `userIdentity` says `PrincipalId` (S3 writes `principalId`) beside a configuration id `…-global`; or
 * 2. form-encoding cannot have made it: it holds a space, a control or a character beyond ASCII, a `%` without two hex
 *    digits, or escapes that are not UTF-8.
 *
 * All other keys are decoded. What stays wrong is a third store that sends raw keys and has one with a `+` or a
 * well-formed `%XX` in it and nothing of rule 2: no field tells. The listing of the source finds such an object.
 *
 * versitygw differs in more than the key (seen in 1.8.0): its `sequencer` is a counter that starts again with the
 * process and is not padded, so it orders nothing and is dropped; copies and multipart uploads have size 0, which means
 * unknown; `eventTime` is in whole seconds, in the local time zone; `versionId` is null or empty in a versioned bucket.
 */
import { z } from 'zod';
import type { Arrival } from '../pipelines/arrival';
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

export interface Notification {
  arrivals: Arrival[];
  /** Other events than the creation of an object. */
  ignored: number;
}

const testEvent = z.object({ Event: z.literal('s3:TestEvent') });

/** An event relayed by SQS or SNS in the shape that Lambda is given: the event itself is the text of a record. */
const relayedRecord = z.union([
  z.object({ eventSource: z.literal('aws:sqs'), body: z.string() }).transform(({ body }) => body),
  z
    .object({ EventSource: z.literal('aws:sns'), Sns: z.object({ Message: z.string() }) })
    .transform(({ Sns }) => Sns.Message),
]);
const relay = z.object({ Records: z.tuple([relayedRecord], relayedRecord) });

/** The texts of the events within a body that SQS or SNS has relayed; null for any other. */
export function relayedEvents(body: unknown): string[] | null {
  const parsed = relay.safeParse(body);
  return parsed.success ? parsed.data.Records : null;
}

/** Records are checked one by one, since those that are ignored need not have an object at all. */
const envelope = z.object({ Records: z.array(z.object({ eventName: z.string() }).loose()) });

const createdRecord = z.object({
  eventVersion: z.string().regex(/^2\.\d+$/, 'expected version 2.x'),
  eventSource: z.string().regex(/^[a-z0-9-]+:s3$/, 'expected aws:s3 or the like'),
  eventTime,
  eventName: z.string(),
  userIdentity: z.object({ PrincipalId: z.string().nullish() }).nullish(),
  s3: z.object({
    configurationId: z.string().nullish(),
    bucket: z.object({ name: bucketName, arn: z.string().nullish() }),
    object: z.object({
      key: sentKey,
      size: objectSize,
      eTag: shortText,
      versionId: shortText,
      sequencer: shortText,
    }),
  }),
});

type CreatedRecord = z.infer<typeof createdRecord>;

/** Throws `InvalidInput` that names every wrong field by its path, and never a value. */
export function parseS3Notification(body: unknown): Notification {
  if (testEvent.safeParse(body).success) return { arrivals: [], ignored: 0 };

  const parsed = envelope.safeParse(body);
  if (!parsed.success) throw notS3(problemsOf(parsed.error));

  const arrivals: Arrival[] = [];
  const problems: string[] = [];
  let ignored = 0;
  parsed.data.Records.forEach((record, index) => {
    if (!isObjectCreated(record.eventName)) {
      ignored += 1;
      return;
    }
    const created = createdRecord.safeParse(record);
    if (!created.success) {
      problems.push(...problemsOf(created.error, ['Records', index]));
      return;
    }
    const arrival = toArrival(created.data);
    if (arrival.key.endsWith('/')) ignored += 1;
    else if (isKeyTooLong(arrival.key)) problems.push(`Records[${index}].s3.object.key: ${KEY_TOO_LONG}`);
    else arrivals.push(arrival);
  });
  if (problems.length > 0) throw notS3(problems);
  return { arrivals, ignored };
}

function isObjectCreated(eventName: string): boolean {
  return /^(s3:)?ObjectCreated:/.test(eventName);
}

function toArrival(record: CreatedRecord): Arrival {
  const { bucket, object } = record.s3;
  const gateway = isFromVersityGateway(record);
  return {
    bucket: bucket.name,
    key: gateway ? object.key : decodeKey(object.key),
    versionId: versionOf(object.versionId),
    etag: etagOf(object.eTag),
    size: gateway && !hasGatewaySize(record.eventName) ? null : (object.size ?? null),
    sequencer: gateway ? null : sequencerOf(object.sequencer),
    time: new Date(record.eventTime).toISOString(),
  };
}

function isFromVersityGateway({ s3, userIdentity }: CreatedRecord): boolean {
  if (s3.bucket.arn?.startsWith('arn:aws:s3:::/')) return true;
  return typeof userIdentity?.PrincipalId === 'string' && s3.configurationId?.endsWith('-global') === true;
}

function hasGatewaySize(eventName: string): boolean {
  return /:(Put|Post)$/.test(eventName);
}

/** The key as S3's API takes it; one that form-encoding cannot have made is returned as it is. */
function decodeKey(key: string): string {
  if (/[^\x21-\x7e]/.test(key)) return key;
  try {
    return decodeURIComponent(key.replace(/\+/g, ' '));
  } catch {
    return key;
  }
}

function notS3(problems: string[]) {
  return wrongBody('S3 event notification', problems);
}
