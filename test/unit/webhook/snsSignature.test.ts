import { rootCertificates } from 'node:tls';
import { parseSnsMessage, type SubscriptionConfirmation } from '../../../src/webhook/sns';
import { createCheckSignature, isSubscribeUrl, SNS } from '../../../src/webhook/snsSignature';
import { issueCertificate } from '../../support/certificates';
import {
  CERTIFICATE_URL,
  file,
  ISSUER_URL,
  SnsDouble,
  SUBSCRIBE_URL,
  TOPIC,
  type Fields,
} from '../../support/sns';

let sns: SnsDouble;
let now: number;

beforeEach(() => {
  sns = new SnsDouble();
  now = Date.now();
});

function checker() {
  const check = createCheckSignature([TOPIC], { ...sns.dependencies, now: () => now });
  return (message: Fields) => check(parseSnsMessage(message));
}
const check = (message: Fields) => checker()(message);

describe('what SNS has signed is authentic', () => {
  test.each(['1', '2'])('a notification, by signature version %s', async (SignatureVersion) => {
    expect(await check(sns.message({ SignatureVersion }))).toBeNull();
  });

  test.each([
    ['with a subject', { Subject: 'Amazon S3 Notification' }],
    ['with an empty subject', { Subject: '' }],
    ['with line breaks, quotes and more than ASCII in it', { Message: 'a\n"b"\\ü🦫\r\n', Subject: 'é' }],
    ['with fields that are not signed', { MessageAttributes: { a: 1 } }],
    ['59 minutes old', { Timestamp: new Date(Date.now() - 59 * 60_000).toISOString() }],
    ['14 minutes ahead', { Timestamp: new Date(Date.now() + 14 * 60_000).toISOString() }],
  ])('a notification %s', async (_name, fields) => {
    expect(await check(sns.message(fields))).toBeNull();
  });

  test('confirmations, of a subscription and of its end', async () => {
    expect(await check(sns.confirmation())).toBeNull();
    expect(await check(sns.confirmation({ Type: 'UnsubscribeConfirmation' }))).toBeNull();
  });
});

describe('what is not authentic', () => {
  const hourAgo = () => new Date(Date.now() - 61 * 60_000).toISOString();
  const ahead = () => new Date(Date.now() + 16 * 60_000).toISOString();

  test.each<[string, string, () => Fields]>([
    ['another message', 'signature', () => sns.message({}, { Message: '{}' })],
    ['another id', 'signature', () => sns.message({}, { MessageId: 'other' })],
    ['another subject', 'signature', () => sns.message({ Subject: 'a' }, { Subject: 'b' })],
    ['a subject more', 'signature', () => sns.message({}, { Subject: 'a' })],
    ['a subject less', 'signature', () => sns.message({ Subject: 'a' }, { Subject: undefined })],
    [
      'a later time',
      'signature',
      () => sns.message({ Timestamp: hourAgo() }, { Timestamp: new Date().toISOString() }),
    ],
    ['another topic', 'topic', () => sns.message({ TopicArn: `${TOPIC}2` })],
    ['an old message', 'time', () => sns.message({ Timestamp: hourAgo() })],
    ['a message from the future', 'time', () => sns.message({ Timestamp: ahead() })],
    [
      'version 1 called 2',
      'signature',
      () => sns.message({ SignatureVersion: '1' }, { SignatureVersion: '2' }),
    ],
    ['an unknown version', 'signature', () => sns.message({ SignatureVersion: '3' })],
    [
      'a version named like a part of every object',
      'signature',
      () => sns.message({ SignatureVersion: 'toString' }),
    ],
    ['no version', 'signature', () => sns.message({}, { SignatureVersion: undefined })],
    ['no signature', 'signature', () => sns.message({}, { Signature: undefined })],
    ['an empty signature', 'signature', () => sns.message({}, { Signature: '' })],
    ['a signature that is not base64', 'signature', () => sns.message({}, { Signature: '!!!' })],
    ['no certificate', 'certificate', () => sns.message({}, { SigningCertURL: undefined })],
    [
      'a notification made of a confirmation',
      'signature',
      () => sns.confirmation({}, { Type: 'Notification' }),
    ],
    [
      'a confirmation with another URL',
      'signature',
      () => sns.confirmation({}, { SubscribeURL: `${SUBSCRIBE_URL}1` }),
    ],
    ['a confirmation with another token', 'signature', () => sns.confirmation({}, { Token: '1' })],
  ])('%s', async (_name, problem, message) => {
    expect(await check(message())).toBe(problem);
  });

  test('another key, with a certificate of the right name from elsewhere', async () => {
    const forged = issueCertificate({ name: 'sns.amazonaws.com' });
    expect(await check(sns.message({}, {}, forged))).toBe('signature');
  });

  test('nothing is fetched for a topic, a time or a URL that is wrong', async () => {
    await check(sns.message({ TopicArn: `${TOPIC}2` }));
    await check(sns.message({ Timestamp: hourAgo() }));
    await check(sns.message({}, { SigningCertURL: 'https://example.com/SimpleNotificationService-1.pem' }));
    expect(sns.fetched).toEqual([]);
  });

  test.each([
    'http://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem',
    'https://example.com/SimpleNotificationService-1.pem',
    'https://sns.eu-central-1.amazonaws.com.example.com/SimpleNotificationService-1.pem',
    'https://example.com/sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem',
    'https://bucket.s3.amazonaws.com/SimpleNotificationService-1.pem',
    'https://sns.eu-central-1.amazonaws.com:8443/SimpleNotificationService-1.pem',
    'https://user@sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem',
    'https://sns.eu-central-1.amazonaws.com@example.com/SimpleNotificationService-1.pem',
    'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem?Action=GetTopicAttributes',
    'https://sns.eu-central-1.amazonaws.com/?Action=GetTopicAttributes&a=/SimpleNotificationService-1.pem',
    'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem#a',
    'https://sns.eu-central-1.amazonaws.com/a/../SimpleNotificationService-1.pem',
    'https://sns.eu-central-1.amazonaws.com/a/SimpleNotificationService-1.pem',
    'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.txt',
    'https://sns.eu-central-1.amazonaws.com\\@example.com/SimpleNotificationService-1.pem',
    'https://sns.a.b.amazonaws.com/SimpleNotificationService-1.pem',
    'https://127.0.0.1/SimpleNotificationService-1.pem',
    'file:///SimpleNotificationService-1.pem',
    ' ',
  ])('a certificate from %s, which is not even fetched', async (SigningCertURL) => {
    expect(await check(sns.message({ SigningCertURL }))).toBe('certificate');
    expect(sns.fetched).toEqual([]);
  });
});

describe('certificates', () => {
  const dnsNames = ['sns.amazonaws.com'];
  const put = (pem: string) => sns.files.set(CERTIFICATE_URL, file(pem));

  test.each([
    'sns.amazonaws.com',
    'sns.eu-south-1.amazonaws.com',
    'sns-signing.af-south-1.amazonaws.com',
    'sns-us-gov-west-1.amazonaws.com',
    'sns-cn-north-1.amazonaws.com.cn',
  ])('the name %s is one of SNS', async (name) => {
    const leaf = issueCertificate({ name, issuer: sns.intermediate, issuerUrl: ISSUER_URL });
    put(leaf.pem);
    expect(await check(sns.message({}, {}, leaf))).toBeNull();
  });

  test('a chain in the file itself is taken, in any order', async () => {
    const between = issueCertificate({ name: 'Between', ca: true, issuer: sns.intermediate });
    const leaf = issueCertificate({ name: 'sns.amazonaws.com', issuer: between });
    put(leaf.pem + sns.intermediate.pem + between.pem);
    expect(await check(sns.message({}, {}, leaf))).toBeNull();
  });

  test.each<[string, () => ReturnType<typeof issueCertificate>]>([
    ['signed by itself', () => issueCertificate({ name: 'sns.amazonaws.com' })],
    ['signed by itself, and an authority', () => issueCertificate({ name: 'sns.amazonaws.com', ca: true })],
    [
      'of an authority that nobody trusts',
      () =>
        issueCertificate({
          ...{ name: 'sns.amazonaws.com', issuerUrl: ISSUER_URL },
          issuer: issueCertificate({ name: 'Test Server CA', ca: true }),
        }),
    ],
    [
      'issued by a certificate that may issue none',
      () => {
        const server = issueCertificate({ name: 'example.com', issuer: sns.intermediate });
        sns.files.set(ISSUER_URL, file(server.der));
        return issueCertificate({ name: 'sns.amazonaws.com', issuer: server, issuerUrl: ISSUER_URL });
      },
    ],
    [
      'whose issuer is nowhere to be found',
      () => issueCertificate({ name: 'sns.amazonaws.com', issuer: sns.intermediate }),
    ],
    [
      'whose issuer is at a URL that is no authority’s',
      () =>
        issueCertificate({
          ...{ name: 'sns.amazonaws.com', issuer: sns.intermediate },
          issuerUrl: 'http://example.com/ca.cer',
        }),
    ],
    [
      'that has expired',
      () =>
        issueCertificate({
          ...{ name: 'sns.amazonaws.com', issuer: sns.intermediate, issuerUrl: ISSUER_URL },
          validTo: new Date(Date.now() - 60_000),
        }),
    ],
    [
      'that is not valid yet',
      () =>
        issueCertificate({
          ...{ name: 'sns.amazonaws.com', issuer: sns.intermediate, issuerUrl: ISSUER_URL },
          validFrom: new Date(Date.now() + 60_000),
        }),
    ],
    [
      'of another service',
      () =>
        issueCertificate({
          ...{ name: 'sqs.amazonaws.com', issuer: sns.intermediate, issuerUrl: ISSUER_URL },
        }),
    ],
    [
      'whose alternative names are of another service',
      () =>
        issueCertificate({
          ...{ name: 'sns.amazonaws.com', issuer: sns.intermediate, issuerUrl: ISSUER_URL },
          dnsNames: ['sns.amazonaws.com.example.com'],
        }),
    ],
    [
      'with a short key',
      () =>
        issueCertificate({
          ...{ name: 'sns.amazonaws.com', issuer: sns.intermediate, issuerUrl: ISSUER_URL },
          keyType: 'small rsa',
        }),
    ],
    [
      'with a key of another kind',
      () =>
        issueCertificate({
          ...{ name: 'sns.amazonaws.com', issuer: sns.intermediate, issuerUrl: ISSUER_URL, dnsNames },
          keyType: 'ec',
        }),
    ],
  ])('one %s is refused', async (_name, issue) => {
    const leaf = issue();
    put(leaf.pem);
    expect(await check(sns.message({}, {}, leaf))).toBe('certificate');
  });

  test('an issuer that has expired is refused', async () => {
    const expired = { name: 'Old CA', ca: true, issuer: sns.root, validTo: new Date(Date.now() - 1000) };
    const intermediate = issueCertificate(expired);
    const leaf = issueCertificate({ name: 'sns.amazonaws.com', issuer: intermediate });
    put(leaf.pem + intermediate.pem);
    expect(await check(sns.message({}, {}, leaf))).toBe('certificate');
  });

  test.each(['', 'text', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
    'a file that holds none is refused: %j',
    async (text) => {
      put(text);
      expect(await check(sns.message())).toBe('certificate');
    },
  );

  test('a redirect is not followed, and what is missing is refused', async () => {
    sns.files.set(CERTIFICATE_URL, file('', 302));
    expect(await check(sns.message())).toBe('certificate');
    sns.files.delete(CERTIFICATE_URL);
    expect(await check(sns.message())).toBe('certificate');
  });

  test('a good one is fetched once, however many messages come at a time, until it expires', async () => {
    const check = checker();
    const message = sns.message();
    await Promise.all([check(message), check(message), check(message)]);
    await check(message);
    expect(sns.fetched).toEqual([CERTIFICATE_URL, ISSUER_URL]);
    now += 2 * 86_400_000;
    expect(await check(sns.message({ Timestamp: new Date(now).toISOString() }))).toBe('certificate');
    expect(sns.fetched).toHaveLength(3);
  });

  test('a bad one is asked for once a minute', async () => {
    const check = checker();
    put('text');
    await check(sns.message());
    await check(sns.message());
    expect(sns.fetched).toEqual([CERTIFICATE_URL]);
    put(sns.leaf.pem);
    now += 61_000;
    expect(await check(sns.message())).toBeNull();
  });

  test('a host that does not answer refuses nothing: the next message asks again', async () => {
    const { fetch } = sns.dependencies;
    sns.dependencies.fetch = () => Promise.reject(new Error('no connection'));
    const check = checker();
    await expect(check(sns.message())).rejects.toThrow('no connection');
    sns.files.set(CERTIFICATE_URL, file('', 503));
    sns.dependencies.fetch = fetch;
    await expect(checker()(sns.message())).rejects.toThrow('503');
    sns.files.set(CERTIFICATE_URL, file(sns.leaf.pem));
    expect(await checker()(sns.message())).toBeNull();
  });

  test('at most eight are fetched at one time', async () => {
    sns.dependencies.fetch = () => new Promise(() => {});
    const check = checker();
    const url = (n: number) => CERTIFICATE_URL.replace('.pem', `${n}.pem`);
    for (let n = 0; n < 8; n++) void check(sns.message({ SigningCertURL: url(n) }));
    await new Promise((resolve) => setImmediate(resolve));
    await expect(check(sns.message({ SigningCertURL: url(9) }))).rejects.toThrow('Too many');
  });

  test("the product trusts the roots that Node brings, and SNS's own hosts", () => {
    expect(SNS.roots).toBe(rootCertificates);
    expect(SNS.hosts.test('sns.cn-north-1.amazonaws.com.cn')).toBe(true);
    expect(SNS.hosts.test('sns.eu-central-1.amazonaws.com')).toBe(true);
    expect(SNS.hosts.test('xsns.eu-central-1.amazonaws.com')).toBe(false);
  });
});

describe('SubscribeURL', () => {
  const isGood = (SubscribeURL: string) => {
    const message = parseSnsMessage(sns.confirmation({ SubscribeURL })) as SubscriptionConfirmation;
    return isSubscribeUrl(message, sns.dependencies.hosts);
  };

  test('confirms this subscription', () => {
    expect(isGood(SUBSCRIBE_URL)).toBe(true);
    expect(isGood(SUBSCRIBE_URL.replace(TOPIC, encodeURIComponent(TOPIC)))).toBe(true);
  });

  test.each([
    ['another host', SUBSCRIBE_URL.replace('sns.', 'sqs.')],
    ['another scheme', SUBSCRIBE_URL.replace('https', 'http')],
    ['another action', SUBSCRIBE_URL.replace('ConfirmSubscription', 'DeleteTopic')],
    ['two actions', `${SUBSCRIBE_URL}&Action=DeleteTopic`],
    ['another topic', SUBSCRIBE_URL.replace('uploads', 'others')],
    ['another token', SUBSCRIBE_URL.replace('2336412f37', '1')],
    ['a port', SUBSCRIBE_URL.replace('.com/', '.com:444/')],
    ['a user', SUBSCRIBE_URL.replace('//', '//user:password@')],
    ['a path', SUBSCRIBE_URL.replace('/?', '/a?')],
    ['no URL', 'confirm'],
  ])('is refused with %s', (_name, url) => expect(isGood(url)).toBe(false));
});
