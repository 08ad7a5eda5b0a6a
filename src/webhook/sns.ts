/** The message that SNS wraps around an event: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html */
import { z } from 'zod';
import { TOPIC_ARN } from '../pipelines/location';
import { boundedText } from './fields';
import { problemsOf, wrongBody } from './problems';

/** Text of one line: it is part of the signed text, where a line break would make two readings of it. */
const line = (limit: number) => z.string().regex(new RegExp(`^[^\\r\\n]{1,${limit}}$`));

const common = {
  MessageId: line(100),
  TopicArn: z.string().regex(TOPIC_ARN, 'expected the ARN of a topic'),
  Message: z.string(),
  Timestamp: z.iso.datetime(),
  // Absent where a secret takes their place.
  SignatureVersion: z.string().nullish(),
  Signature: boundedText(2048).nullish(),
  SigningCertURL: boundedText(2048).nullish(),
};
const confirmation = { ...common, Token: line(2048), SubscribeURL: line(4096) };

const snsMessage = z.discriminatedUnion('Type', [
  z.object({ ...common, Type: z.literal('Notification'), Subject: z.string().nullish() }),
  z.object({ ...confirmation, Type: z.literal('SubscriptionConfirmation') }),
  z.object({ ...confirmation, Type: z.literal('UnsubscribeConfirmation') }),
]);

export type SnsMessage = z.infer<typeof snsMessage>;
export type SubscriptionConfirmation = Extract<SnsMessage, { Type: 'SubscriptionConfirmation' }>;

export function isSnsMessage(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'TopicArn' in body && 'Type' in body;
}

/** Throws `InvalidInput` that names every wrong field by its path, and never a value. Says nothing of the signature. */
export function parseSnsMessage(body: unknown): SnsMessage {
  const parsed = snsMessage.safeParse(body);
  if (!parsed.success) throw wrongBody('SNS message', problemsOf(parsed.error));
  return parsed.data;
}
