import { createHash, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';

/** What a Standard parameter holds: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html */
export const MOST_PARAMETER_BYTES = 4096;

/** How far the clock of a node may be behind the worker's. */
const CLOCK_SKEW_MS = 3_600_000;

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * SHA-256 of public keys (SubjectPublicKeyInfo, DER) whose private keys everybody can download, with where: the published
 * system's own repository, and what Go and Python test TLS with, which is copied far and wide.
 */
const PUBLISHED_KEYS: Record<string, string> = {
  '760e7521cfac9609513607bc4b32307e0727388cb8de2443b5085d654413c292':
    'aws-samples/emr-tls-security (scripts/inter-nodes.key)',
  '2a2c0921e2ada3c38e96324f3fc4ca5bf369a3aa61bf2238841695e6bf24958b':
    'aws-samples/emr-tls-security (scripts/wildcard-ec2-internal.key)',
  '64eebde4d94a861ca1b062a103ef51d4d8a2c1b0a2133838198230e9c85407ed':
    'golang/go (src/net/http/internal/testcert/testcert.go)',
  '010f3d5e0d322d24d7cbeb50b3fe54fb18eebf9f30f23909140b3e07af22619a':
    'python/cpython (Lib/test/certdata/keycert.pem)',
};

export interface Pair {
  /** PEM: the certificate of the node first, then those that signed it. */
  certificate: string;
  /** PEM, PKCS#8, without a password. */
  privateKey: string;
}

export interface DescribedCertificate {
  /** SHA-256 of the DER, as openssl prints it. */
  fingerprint: string;
  /** ISO 8601. */
  notAfter: string;
  subject: string;
  /** The one host that it is for; null for a wildcard. */
  hostName: string | null;
}

export interface CheckPair {
  pair: Pair;
  domain: string;
  now: Date;
  /** How messages name the two. */
  from?: { certificate: string; privateKey: string };
}

export interface MakeSelfSigned {
  domain: string;
  days: number;
  now: Date;
  /** Of the RSA key. */
  bits: number;
}

/** Makes a certificate for every host of the domain, as the published system does, with the names that TLS checks today. */
export async function makeSelfSigned({ domain, days, now, bits }: MakeSelfSigned): Promise<Pair> {
  const name = `*.${domain}`;
  const subject = [
    ...[
      { name: 'C', value: 'US' },
      { name: 'ST', value: 'MA' },
      { name: 'L', value: 'Boston' },
    ],
    ...[
      { name: 'O', value: 'EMR' },
      { name: 'OU', value: 'EMR' },
      { name: 'commonName', value: name },
    ],
  ];
  // Which takes a tenth of a second that no command should wait for.
  const { generate } = await import('selfsigned');
  const made = await generate(subject, {
    keySize: bits,
    algorithm: 'sha256',
    notBeforeDate: new Date(now.getTime() - CLOCK_SKEW_MS),
    notAfterDate: new Date(now.getTime() + days * 86_400_000),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: name }] },
    ],
  });
  return { certificate: withNewline(made.cert), privateKey: withNewline(made.private) };
}

function withNewline(pem: string): string {
  return `${pem.replaceAll('\r', '').trim()}\n`;
}

/** @throws Error when a block between BEGIN and END is no certificate */
export function readChain(pem: string): X509Certificate[] {
  return (pem.match(CERTIFICATE) ?? []).map((block) => new X509Certificate(block));
}

/** @throws Error for a text without a certificate */
export function describeCertificate(pem: string): DescribedCertificate {
  const [leaf] = readChain(pem);
  if (leaf === undefined) throw new Error('there is no certificate in the text');
  const names = namesOf(leaf);
  return {
    fingerprint: leaf.fingerprint256,
    notAfter: new Date(leaf.validTo).toISOString(),
    subject: leaf.subject.replaceAll('\n', ', '),
    hostName: names.length > 0 && names.every((name) => !name.startsWith('*')) ? names[0]! : null,
  };
}

function namesOf(certificate: X509Certificate): string[] {
  const names = certificate.subjectAltName ?? '';
  return names.split(', ').flatMap((name) => (name.startsWith('DNS:') ? [name.slice(4)] : []));
}

/** What is wrong with a certificate and its key, all at once, one line each. No line holds a piece of the key. */
export function findPairProblems(options: CheckPair): string[] {
  const { pair, domain, now, from = { certificate: 'certificate', privateKey: 'privateKey' } } = options;
  const at = (problem: string) => `${from.certificate}: ${problem}`;
  const problems = findSizeProblems(pair, from);
  let chain: X509Certificate[] = [];
  try {
    chain = readChain(pair.certificate);
    if (chain.length === 0) problems.push(at('has no certificate in PEM; give one with BEGIN CERTIFICATE'));
  } catch {
    problems.push(at('has a certificate that cannot be read; give it in PEM as its issuer gave it'));
  }
  const [leaf] = chain;
  if (leaf !== undefined) {
    problems.push(...findNameProblems(leaf, domain).map(at));
    problems.push(...chain.flatMap((certificate) => findDateProblems(certificate, now)).map(at));
    problems.push(...findChainProblems(chain).map(at));
    problems.push(...findPublishedKeys(chain).map(at));
  }
  return [...problems, ...findKeyProblems(pair.privateKey, leaf, from)];
}

function findSizeProblems(pair: Pair, from: { certificate: string; privateKey: string }): string[] {
  return (['certificate', 'privateKey'] as const).flatMap((part) => {
    const bytes = Buffer.byteLength(pair[part]);
    return bytes <= MOST_PARAMETER_BYTES
      ? []
      : [
          `${from[part]}: ${bytes} bytes; a parameter holds ${MOST_PARAMETER_BYTES}, give a shorter chain or an EC key`,
        ];
  });
}

function findNameProblems(leaf: X509Certificate, domain: string): string[] {
  const common = /^CN=(.*)$/m.exec(leaf.subject)?.[1];
  const names = namesOf(leaf);
  const isOf = (name: string) => name.toLowerCase().endsWith(`.${domain}`);
  const problems: string[] = [];
  if (names.length === 0)
    problems.push(
      'has no subjectAltName, without which no client of today takes it; make it with DNS names besides CN',
    );
  else if (!names.some(isOf))
    problems.push(
      `is for ${names.join(', ')} and not for hosts of ${domain}; correct the certificate or the domain`,
    );
  if (common === undefined || !isOf(common))
    problems.push(
      `has the CN ${common ?? '(none)'}, not of ${domain}; correct the certificate or the domain`,
    );
  return problems;
}

function findDateProblems(certificate: X509Certificate, now: Date): string[] {
  const name = certificate.subject.replaceAll('\n', ', ');
  const [from, to] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
  if (to <= now) return [`${name} ended on ${to.toISOString()}; give one that is valid`];
  if (from > now)
    return [`${name} begins on ${from.toISOString()}; give one that is valid now, or set the clock`];
  return [];
}

/** Each certificate must be signed by the one behind it. */
function findChainProblems(chain: X509Certificate[]): string[] {
  return chain.slice(0, -1).flatMap((certificate, i) => {
    const issuer = chain[i + 1]!;
    const signed = certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
    return signed
      ? []
      : [
          `number ${i + 1} of the chain is not signed by number ${i + 2}; give the leaf first, then each issuer`,
        ];
  });
}

/** Certificates whose private key everybody can download. */
export function findPublishedKeys(
  chain: X509Certificate[],
  published: Record<string, string> = PUBLISHED_KEYS,
): string[] {
  return chain.flatMap(({ publicKey }) => {
    const where = published[hashPublicKey(publicKey)];
    return where === undefined
      ? []
      : [`is the one whose private key ${where} publishes: anybody can pose as a node; make a new one`];
  });
}

function hashPublicKey(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

function findKeyProblems(
  pem: string,
  leaf: X509Certificate | undefined,
  from: { certificate: string; privateKey: string },
): string[] {
  const at = (problem: string) => [`${from.privateKey}: ${problem}`];
  if (/BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED/.test(pem))
    return at('is protected by a password, which no node has; give it without (openssl pkcs8 -topk8 -nodes)');
  if (!pem.includes('-----BEGIN PRIVATE KEY-----'))
    return at('is no key in PKCS#8; give it with BEGIN PRIVATE KEY (openssl pkcs8 -topk8 -nodes)');
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    return at('cannot be read; give an RSA or EC key as PKCS#8 in PEM');
  }
  if (key.asymmetricKeyType !== 'rsa' && key.asymmetricKeyType !== 'ec')
    return at(`is a key of the kind ${key.asymmetricKeyType}; give RSA or EC`);
  if (key.asymmetricKeyType === 'rsa' && key.asymmetricKeyDetails!.modulusLength! < 2048)
    return at(`has ${key.asymmetricKeyDetails!.modulusLength} bits; give 2048 or more`);
  if (leaf !== undefined && !leaf.checkPrivateKey(key))
    return at(`is not that of the certificate in ${from.certificate}; give the pair`);
  return [];
}
