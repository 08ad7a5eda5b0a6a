import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

/** A certificate and its key. */
export interface Issued {
  pem: string;
  der: Buffer;
  name: string;
  privateKey: KeyObject;
}

export interface CertificateOptions {
  /** The common name. */
  name: string;
  /** Left out: signed by itself. */
  issuer?: Issued;
  /** Whether it may issue others. */
  ca?: boolean;
  validFrom?: Date;
  validTo?: Date;
  /** DNS names beside the common name. */
  dnsNames?: string[];
  /** Where the issuer's certificate is published. */
  issuerUrl?: string;
  keyType?: 'rsa' | 'small rsa' | 'ec';
}

const DAY_MS = 86_400_000;
let serial = 1;

/** Makes a real X.509 certificate (RFC 5280), since `node:crypto` reads them only. */
export function issueCertificate(options: CertificateOptions): Issued {
  const { name, ca = false, dnsNames = [], keyType = 'rsa' } = options;
  const { publicKey, privateKey } = generateKeys(keyType);
  const signer = options.issuer?.privateKey ?? privateKey;
  const validFrom = options.validFrom ?? new Date(Date.now() - DAY_MS);
  const validTo = options.validTo ?? new Date(Date.now() + DAY_MS);
  const extensions = [
    ...(ca ? [extension('551d13', sequence(Buffer.from([1, 1, 0xff])))] : []),
    ...(dnsNames.length > 0
      ? [extension('551d11', sequence(...dnsNames.map((dnsName) => der(0x82, Buffer.from(dnsName)))))]
      : []),
    ...(options.issuerUrl
      ? [
          extension(
            '2b06010505070101',
            sequence(sequence(oid('2b06010505073002'), der(0x86, Buffer.from(options.issuerUrl)))),
          ),
        ]
      : []),
  ];
  const algorithm =
    signer.asymmetricKeyType === 'ec'
      ? sequence(oid('2a8648ce3d040302'))
      : sequence(oid('2a864886f70d01010b'), der(0x05));
  const content = sequence(
    der(0xa0, integer(2)),
    integer(serial++),
    algorithm,
    distinguishedName(options.issuer?.name ?? name),
    sequence(time(validFrom), time(validTo)),
    distinguishedName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length > 0 ? [der(0xa3, sequence(...extensions))] : []),
  );
  const signature = sign('sha256', content, signer);
  const certificate = sequence(content, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = certificate.toString('base64').match(/.{1,64}/g)!;
  const pem = ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
  return { pem, der: certificate, name, privateKey };
}

function generateKeys(keyType: NonNullable<CertificateOptions['keyType']>) {
  return keyType === 'ec'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: keyType === 'rsa' ? 2048 : 1024 });
}

function der(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size =
    length < 128
      ? Buffer.from([length])
      : length < 256
        ? Buffer.from([0x81, length])
        : Buffer.from([0x82, length >> 8, length & 255]);
  return Buffer.concat([Buffer.from([tag]), size, content]);
}

const sequence = (...contents: Buffer[]) => der(0x30, ...contents);
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const integer = (value: number) =>
  der(0x02, Buffer.from([value >> 8, value & 255].slice(value < 128 ? 1 : 0)));
const time = (value: Date) => der(0x18, Buffer.from(`${value.toISOString().replace(/[-:T]|\.\d+/g, '')}`));
const extension = (id: string, value: Buffer) => sequence(oid(id), der(0x04, value));
const distinguishedName = (name: string) =>
  sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(name)))));
