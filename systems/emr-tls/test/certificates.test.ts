import { execFileSync } from 'node:child_process';
import { createHash, createPrivateKey } from 'node:crypto';
import {
  describeCertificate,
  findPairProblems,
  findPublishedKeys,
  makeSelfSigned,
  readChain,
  type Pair,
} from '../src/certificates';
import { issue } from './support/authority';

const domain = 'ec2.internal';
const problemsOf = (pair: Pair, at = domain) => findPairProblems({ pair, domain: at, now: new Date() });

test('a certificate that is made is for every host of the domain, has the published subject and fits a parameter', async () => {
  const pair = await makeSelfSigned({ domain, days: 365, now: new Date('2030-01-01'), bits: 4096 });
  expect(findPairProblems({ pair, domain, now: new Date('2030-01-01') })).toEqual([]);
  const [leaf] = readChain(pair.certificate);
  expect(leaf!.subject).toBe('C=US\nST=MA\nL=Boston\nO=EMR\nOU=EMR\nCN=*.ec2.internal');
  expect(leaf!.checkHost('ip-10-0-0-1.ec2.internal')).toBeDefined();
  expect(leaf!.checkHost('ip-10-0-0-1.eu-west-1.compute.internal')).toBeUndefined();
  expect(leaf!.verify(leaf!.publicKey)).toBe(true);
  const key = createPrivateKey(pair.privateKey);
  expect(key.asymmetricKeyDetails!.modulusLength).toBe(4096);
  for (const text of [pair.certificate, pair.privateKey]) {
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096);
    expect(text).not.toContain('\r');
  }
  expect(new Date(leaf!.validTo)).toEqual(new Date('2031-01-01'));
  // A node whose clock is behind takes it, too.
  expect(new Date(leaf!.validFrom)).toEqual(new Date('2029-12-31T23:00:00Z'));
  expect(describeCertificate(pair.certificate)).toMatchObject({
    hostName: null,
    fingerprint: leaf!.fingerprint256,
  });
});

test('a chain of three with an EC key has no problem, and its one host is known', () => {
  const pair = issue({ name: 'emr.ec2.internal' });
  expect(readChain(pair.certificate)).toHaveLength(3);
  expect(problemsOf(pair)).toEqual([]);
  expect(describeCertificate(pair.certificate).hostName).toBe('emr.ec2.internal');
});

test('all problems are told at once', () => {
  const other = issue({ name: '*.eu-west-1.compute.internal', notAfter: '20200201000000Z' });
  const { privateKey } = issue();
  expect(problemsOf({ certificate: other.certificate, privateKey })).toEqual([
    expect.stringMatching(
      /^certificate: is for \*\.eu-west-1\.compute\.internal and not for hosts of ec2\.internal; /,
    ),
    expect.stringMatching(
      /^certificate: has the CN \*\.eu-west-1\.compute\.internal, not of ec2\.internal; /,
    ),
    expect.stringMatching(
      /^certificate: CN=\*\.eu-west-1\.compute\.internal ended on 2020-02-01T00:00:00.000Z; /,
    ),
    expect.stringMatching(/^privateKey: is not that of the certificate in certificate; /),
  ]);
});

test.each([
  ['without subjectAltName', () => issue({ withoutNames: true }), /has no subjectAltName/],
  [
    'that begins later',
    () => issue({ notBefore: '20900101000000Z', notAfter: '20910101000000Z' }),
    /begins on 2090/,
  ],
  [
    'of a domain that only ends alike',
    () => issue({ name: '*.notec2.internal' }),
    /is for \*\.notec2\.internal and not for hosts/,
  ],
])('a certificate %s is refused', (_, make, said) => {
  expect(problemsOf(make()).join('\n')).toMatch(said);
});

test('a chain in another order, or with a link of another chain, is refused', () => {
  const pair = issue();
  const [leaf, middle, root] = pair.certificate.match(/-----BEGIN[^-]+-----[^-]+-----END CERTIFICATE-----/g)!;
  const chainOf = (...certificates: (string | undefined)[]) =>
    problemsOf({ ...pair, certificate: certificates.join('\n') });
  expect(chainOf(leaf, middle, root)).toEqual([]);
  expect(chainOf(leaf, root, middle)).toEqual([
    'certificate: number 1 of the chain is not signed by number 2; give the leaf first, then each issuer',
    'certificate: number 2 of the chain is not signed by number 3; give the leaf first, then each issuer',
  ]);
  const [, stranger] = issue().certificate.match(/-----BEGIN[^-]+-----[^-]+-----END CERTIFICATE-----/g)!;
  expect(chainOf(leaf, stranger)[0]).toContain('number 1 of the chain is not signed by number 2');
});

test('texts that are no certificate or key are told without a piece of them', () => {
  const pair = issue();
  const secret = pair.privateKey.split('\n')[1]!;
  const cases: [Pair, RegExp][] = [
    [{ ...pair, certificate: '' }, /has no certificate in PEM/],
    [
      { ...pair, certificate: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' },
      /has a certificate that cannot be read/,
    ],
    [{ ...pair, privateKey: '' }, /is no key in PKCS#8/],
    [
      { ...pair, privateKey: pair.privateKey.replace(/PRIVATE KEY/g, 'EC PRIVATE KEY') },
      /is no key in PKCS#8/,
    ],
    [
      { ...pair, privateKey: pair.privateKey.replace(/PRIVATE KEY/g, 'ENCRYPTED PRIVATE KEY') },
      /is protected by a password/,
    ],
    [{ ...pair, privateKey: pair.privateKey.replace(secret, secret.slice(4)) }, /cannot be read/],
  ];
  for (const [given, said] of cases) {
    const problems = problemsOf(given).join('\n');
    expect(problems).toMatch(said);
    expect(problems).not.toContain(secret.slice(8, 24));
  }
});

test('a chain that no parameter holds is refused with its size', () => {
  const pair = issue({ key: 'rsa', issuers: 3 });
  const bytes = Buffer.byteLength(pair.certificate);
  expect(bytes).toBeGreaterThan(4096);
  expect(problemsOf(pair)).toEqual([
    `certificate: ${bytes} bytes; a parameter holds 4096, give a shorter chain or an EC key`,
  ]);
});

test('a certificate whose private key is published is refused by name', () => {
  const pair = issue();
  const publicKey = execFileSync('openssl', ['x509', '-pubkey', '-noout'], { input: pair.certificate });
  const der = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'DER'], { input: publicKey });
  const published = { [createHash('sha256').update(der).digest('hex')]: 'some/where (some.key)' };
  expect(findPublishedKeys(readChain(pair.certificate), published)).toEqual([
    expect.stringMatching(
      /^is the one whose private key some\/where \(some\.key\) publishes: anybody can pose as a node/,
    ),
  ]);
  expect(findPublishedKeys(readChain(pair.certificate))).toEqual([]);
});
