import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pair } from '../../src/certificates';

export interface IssueOptions {
  /** DNS name; CN is the same. */
  name?: string;
  key?: 'rsa' | 'ec';
  /** How many certificates above the leaf. */
  issuers?: number;
  /** OpenSSL's own text, `20200101000000Z`. */
  notBefore?: string;
  notAfter?: string;
  withoutNames?: boolean;
}

/** Certificates that openssl, not the code under test, has issued: leaf, intermediates, root. */
export function issue({
  name = '*.ec2.internal',
  key = 'ec',
  issuers = 2,
  ...dates
}: IssueOptions = {}): Pair {
  const folder = mkdtempSync(join(tmpdir(), 'emr-tls-test-'));
  const at = (file: string) => join(folder, file);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const makeKey = (file: string) =>
    openssl(
      ...['genpkey', '-out', at(file), '-algorithm', key === 'ec' ? 'EC' : 'RSA', '-pkeyopt'],
      key === 'ec' ? 'ec_paramgen_curve:P-256' : 'rsa_keygen_bits:2048',
    );
  try {
    const period = dates.notAfter === undefined ? ['-days', '30'] : [];
    const certificates: string[] = [];
    for (let level = issuers; level >= 0; level--) {
      const isLeaf = level === 0;
      makeKey(`${level}.key`);
      const subject = isLeaf ? `/CN=${name}` : `/CN=Authority ${level}`;
      openssl('req', '-new', '-key', `${level}.key`, '-subj', subject, '-out', `${level}.csr`);
      const extensions = isLeaf
        ? dates.withoutNames
          ? 'basicConstraints=CA:false\n'
          : `basicConstraints=CA:false\nsubjectAltName=DNS:${name}\nextendedKeyUsage=serverAuth,clientAuth\n`
        : 'basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\n';
      writeFileSync(at('extensions'), extensions);
      const isRoot = level === issuers;
      const signer = isRoot
        ? ['-signkey', `${level}.key`]
        : ['-CA', `${level + 1}.crt`, '-CAkey', `${level + 1}.key`, '-CAcreateserial'];
      if (isLeaf && dates.notAfter !== undefined) signLeaf(openssl, folder, { isRoot, ...dates });
      else
        openssl(
          ...['x509', '-req', '-in', `${level}.csr`, ...signer, ...(isLeaf ? period : ['-days', '30'])],
          ...['-extfile', 'extensions', '-out', `${level}.crt`],
        );
      certificates.unshift(readFileSync(at(`${level}.crt`), 'utf8'));
    }
    return { certificate: certificates.join(''), privateKey: readFileSync(at('0.key'), 'utf8') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `openssl ca` alone takes the dates of a certificate. */
function signLeaf(
  openssl: (...args: string[]) => unknown,
  folder: string,
  {
    isRoot,
    notBefore = '20200101000000Z',
    notAfter,
  }: { isRoot: boolean; notBefore?: string; notAfter?: string },
): void {
  const [certificate, key] = isRoot ? [[], '0.key'] : [['-cert', '1.crt'], '1.key'];
  writeFileSync(
    join(folder, 'ca.conf'),
    `[ca]\ndefault_ca=own\n[own]\nnew_certs_dir=.\ndatabase=index\nserial=number\ndefault_md=sha256\npolicy=any\nunique_subject=no\n[any]\ncommonName=supplied\n`,
  );
  writeFileSync(join(folder, 'index'), '');
  writeFileSync(join(folder, 'number'), '01');
  openssl(
    ...[
      'ca',
      '-batch',
      '-config',
      'ca.conf',
      ...certificate,
      '-keyfile',
      key,
      ...(isRoot ? ['-selfsign'] : []),
    ],
    ...['-in', '0.csr', '-out', '0.crt', '-notext', '-startdate', notBefore, '-enddate', notAfter!],
    ...['-extfile', 'extensions'],
  );
}
