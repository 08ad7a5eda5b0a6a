import { verify } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { fetchBounded } from './fetchBounded';
import type { SnsMessage, SubscriptionConfirmation } from './sns';
import { createFindCertificate, isCertificateUrl, type CertificateDependencies } from './snsCertificates';

/** Why a message is not authentic; for the operator's counters, never for the sender. */
export type SnsProblem = 'topic' | 'time' | 'certificate' | 'signature';

/** Resolves to null when the message is authentic. Rejects when the certificate cannot be had now: try again. */
export type CheckSignature = (message: SnsMessage) => Promise<SnsProblem | null>;

/** SNS's own hosts, and those of China. */
const HOSTS = /^sns\.[a-z0-9-]{3,40}\.amazonaws\.com(\.cn)?$/;

export const SNS: CertificateDependencies = {
  fetch: fetchBounded,
  hosts: HOSTS,
  roots: rootCertificates,
  now: () => Date.now(),
};

/** SNS goes on delivering one message for at most an hour. */
const MAX_AGE_MS = 60 * 60_000;
const MAX_AHEAD_MS = 15 * 60_000;

const HASHES = new Map([
  ['1', 'RSA-SHA1'],
  ['2', 'RSA-SHA256'],
]);

// https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html
const NOTIFICATION_FIELDS = ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'];
const CONFIRMATION_FIELDS = [
  'Message',
  'MessageId',
  'SubscribeURL',
  'Timestamp',
  'Token',
  'TopicArn',
  'Type',
];

/**
 * Checks, in this order, so that what costs most comes last: the topic is an allowed one, the time is within an hour,
 * the certificate's URL is one of SNS's, the certificate is good, and the signature is of this text.
 */
export function createCheckSignature(
  topics: readonly string[],
  deps: CertificateDependencies,
): CheckSignature {
  const findCertificate = createFindCertificate(deps);
  return async (message) => {
    if (!topics.includes(message.TopicArn)) return 'topic';
    const ageMs = deps.now() - Date.parse(message.Timestamp);
    if (!(ageMs <= MAX_AGE_MS && ageMs >= -MAX_AHEAD_MS)) return 'time';
    const hash = HASHES.get(message.SignatureVersion ?? '');
    if (hash === undefined || !message.Signature) return 'signature';
    const url = message.SigningCertURL ?? '';
    if (!isCertificateUrl(url, deps.hosts)) return 'certificate';
    const certificate = await findCertificate(url);
    if (certificate === null) return 'certificate';
    const signature = Buffer.from(message.Signature, 'base64');
    const isSigned = verify(hash, Buffer.from(signedText(message)), certificate.publicKey, signature);
    return isSigned ? null : 'signature';
  };
}

/** The text that SNS signs: each field that is there, name and value on lines of their own. */
export function signedText(message: SnsMessage): string {
  const fields = message.Type === 'Notification' ? NOTIFICATION_FIELDS : CONFIRMATION_FIELDS;
  const values = message as Record<string, unknown>;
  return fields
    .filter((name) => values[name] !== undefined && values[name] !== null)
    .map((name) => `${name}\n${String(values[name])}\n`)
    .join('');
}

/** Whether a GET of the URL confirms this very subscription, and does nothing else. */
export function isSubscribeUrl(
  { SubscribeURL, TopicArn, Token }: SubscriptionConfirmation,
  hosts: RegExp,
): boolean {
  const url = URL.canParse(SubscribeURL) ? new URL(SubscribeURL) : null;
  return (
    url !== null &&
    url.protocol === 'https:' &&
    hosts.test(url.hostname) &&
    SubscribeURL.startsWith(`https://${url.hostname}/?`) &&
    url.searchParams.size === 3 &&
    url.searchParams.get('Action') === 'ConfirmSubscription' &&
    url.searchParams.get('TopicArn') === TopicArn &&
    url.searchParams.get('Token') === Token
  );
}
