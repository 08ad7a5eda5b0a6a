import { sign } from 'node:crypto';
import type { Fetched } from '../../src/webhook/fetchBounded';
import type { CertificateDependencies } from '../../src/webhook/snsCertificates';
import { issueCertificate, type Issued } from './certificates';

export const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:uploads';
const HOST = 'https://sns.eu-central-1.amazonaws.com';
export const CERTIFICATE_URL = `${HOST}/SimpleNotificationService-0123456789abcdef.pem`;
export const ISSUER_URL = 'http://crt.r2m01.amazontrust.com/r2m01.cer';
export const SUBSCRIBE_URL = `${HOST}/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=2336412f37`;

export type Fields = Record<string, unknown>;

const ROOT = issueCertificate({ name: 'Test Root', ca: true });
const INTERMEDIATE = issueCertificate({ name: 'Test Server CA', ca: true, issuer: ROOT });
const LEAF = issueCertificate({
  ...{ name: 'sns.amazonaws.com', issuer: INTERMEDIATE },
  ...{ dnsNames: ['sns.amazonaws.com'], issuerUrl: ISSUER_URL },
});

/** SNS as the webhook sees it: what is at its URLs, certificates of an authority of its own, and signed messages. */
export class SnsDouble {
  readonly root = ROOT;
  readonly intermediate = INTERMEDIATE;
  readonly leaf = LEAF;
  readonly files = new Map<string, Fetched>([
    [CERTIFICATE_URL, file(this.leaf.pem)],
    [ISSUER_URL, file(this.intermediate.der)],
    [SUBSCRIBE_URL, file('<ConfirmSubscriptionResponse/>')],
  ]);
  /** Every URL that was asked for. */
  readonly fetched: string[] = [];

  readonly dependencies: CertificateDependencies = {
    fetch: async (url) => {
      this.fetched.push(url);
      return this.files.get(url) ?? { status: 404, body: Buffer.from('<Error/>') };
    },
    hosts: /^sns\.[a-z0-9-]{3,40}\.amazonaws\.com(\.cn)?$/,
    roots: [this.root.pem],
    now: () => Date.now(),
  };

  /** A signed message; `fields` go in before the signing, `tampered` after it. */
  message(fields: Fields = {}, tampered: Fields = {}, signer: Issued = this.leaf): Fields {
    const message: Fields = {
      Type: 'Notification',
      MessageId: '165545c9-2a5c-472c-8df2-7ff2be2b3b1b',
      TopicArn: TOPIC,
      Message: '{"Records":[]}',
      Timestamp: new Date().toISOString(),
      SignatureVersion: '2',
      SigningCertURL: CERTIFICATE_URL,
      UnsubscribeURL: `${HOST}/?Action=Unsubscribe`,
      ...fields,
    };
    const hash = message.SignatureVersion === '1' ? 'RSA-SHA1' : 'RSA-SHA256';
    const signature = sign(hash, Buffer.from(signedText(message)), signer.privateKey).toString('base64');
    return { ...message, Signature: signature, ...tampered };
  }

  confirmation(fields: Fields = {}, tampered: Fields = {}): Fields {
    return this.message(
      {
        Type: 'SubscriptionConfirmation',
        Token: '2336412f37',
        Message: 'You have chosen to subscribe.',
        SubscribeURL: SUBSCRIBE_URL,
        ...fields,
      },
      tampered,
    );
  }
}

export function file(body: string | Buffer, status = 200): Fetched {
  return { status, body: Buffer.from(body) };
}

/** Written down once more, from the documentation, so that the product's own is tested by it. */
function signedText(message: Fields): string {
  const part = (name: string) => `${name}\n${String(message[name])}\n`;
  if (message.Type !== 'Notification') {
    return ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']
      .map(part)
      .join('');
  }
  const subject = message.Subject === undefined ? '' : part('Subject');
  return part('Message') + part('MessageId') + subject + part('Timestamp') + part('TopicArn') + part('Type');
}
