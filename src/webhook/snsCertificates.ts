import { X509Certificate } from 'node:crypto';
import type { Fetch } from './fetchBounded';

export interface CertificateDependencies {
  fetch: Fetch;
  /** The hosts that certificates are taken from. */
  hosts: RegExp;
  /** PEM of the certificate authorities that are trusted. */
  roots: readonly string[];
  /** Milliseconds since the epoch. */
  now(): number;
}

/** The certificate at a URL when all is well with it, else null. Rejects when a server does not answer: try again. */
export type FindCertificate = (url: string) => Promise<X509Certificate | null>;

const GOOD_LIMIT = 64;
const BAD_LIMIT = 256;
const BAD_FOR_MS = 60_000;
const FETCH_LIMIT = 8;

/** Where the certificate of an authority is published; what comes from there is trusted only by a root's signature. */
const ISSUER_URL = /^http:\/\/[a-z0-9.-]+\.(amazontrust|digicert)\.com\/[A-Za-z0-9._/-]+$/;

/**
 * Whom SNS's certificates name, by region: sns.amazonaws.com, sns.REGION, sns-signing.REGION or sns-REGION. As in
 * software.amazon.awssdk.services.sns.internal.messagemanager.
 */
const SUBJECT = /^sns(-signing)?([.-][a-z0-9-]+)?\.amazonaws\.com(\.cn)?$/;

/**
 * Finds SNS's signing certificates and keeps them: those that are good until they expire, those that are not for a
 * minute. Both memories, and the number of fetches at one time, are bounded, since strangers choose the URLs.
 */
export function createFindCertificate(deps: CertificateDependencies): FindCertificate {
  const good = new Map<string, X509Certificate>();
  const bad = new Map<string, number>();
  const fetching = new Map<string, Promise<X509Certificate | null>>();

  const find = async (url: string): Promise<X509Certificate | null> => {
    const certificate = await fetchCertificate(url, deps);
    if (certificate) keep(good, url, certificate, GOOD_LIMIT);
    else keep(bad, url, deps.now() + BAD_FOR_MS, BAD_LIMIT);
    return certificate;
  };

  return async (url) => {
    const known = good.get(url);
    if (known && isInTime(known, deps.now())) return known;
    if ((bad.get(url) ?? 0) > deps.now()) return null;
    const underWay = fetching.get(url);
    if (underWay) return underWay;
    if (fetching.size >= FETCH_LIMIT) throw new Error('Too many certificates are being fetched');
    const found = find(url).finally(() => fetching.delete(url));
    fetching.set(url, found);
    return found;
  };
}

/**
 * Whether a certificate may be taken from there: HTTPS, a pinned host, no user, port or query, and the name that SNS
 * gives its certificates. With a query the same host would answer API calls, and hand out text of a stranger's.
 */
export function isCertificateUrl(url: string, hosts: RegExp): boolean {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  return (
    parsed !== null &&
    hosts.test(parsed.hostname) &&
    url === `https://${parsed.hostname}${parsed.pathname}` &&
    /^\/SimpleNotificationService-[A-Za-z0-9]+\.pem$/.test(parsed.pathname)
  );
}

async function fetchCertificate(url: string, deps: CertificateDependencies): Promise<X509Certificate | null> {
  const { status, body } = await deps.fetch(url);
  if (status >= 500) throw new Error(`The host of certificates answers ${status}`);
  if (status !== 200) return null;
  const [leaf, ...others] = readCertificates(body);
  if (!leaf || leaf.ca || !isInTime(leaf, deps.now()) || !isForSns(leaf) || !isRsa(leaf)) return null;
  const issuers = others.length > 0 ? others : await fetchIssuer(leaf, deps);
  return isChained(leaf, issuers, deps) ? leaf : null;
}

/** SNS's file has one certificate, which names the place of its issuer's. */
async function fetchIssuer(leaf: X509Certificate, deps: CertificateDependencies): Promise<X509Certificate[]> {
  const url = /^CA Issuers - URI:(\S+)$/m.exec(leaf.infoAccess ?? '')?.[1];
  if (url === undefined || !ISSUER_URL.test(url)) return [];
  const { status, body } = await deps.fetch(url);
  if (status !== 200) throw new Error(`The host of issuers answers ${status}`);
  return readCertificates(body);
}

/** From `leaf` over `issuers`, in any order, to a root: each certificate in time and signed by the next. */
function isChained(
  leaf: X509Certificate,
  issuers: X509Certificate[],
  deps: CertificateDependencies,
): boolean {
  const left = [...issuers];
  for (let last = leaf; ;) {
    const trusted = findIssuer(last, trustedRoots(deps.roots));
    if (trusted) return isInTime(trusted, deps.now());
    const next = findIssuer(last, left);
    if (!next || !isInTime(next, deps.now())) return false;
    left.splice(left.indexOf(next), 1);
    last = next;
  }
}

function findIssuer(
  certificate: X509Certificate,
  candidates: readonly X509Certificate[],
): X509Certificate | undefined {
  return candidates.find(
    (issuer) => issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey),
  );
}

const parsedRoots = new WeakMap<readonly string[], X509Certificate[]>();

function trustedRoots(roots: readonly string[]): X509Certificate[] {
  const parsed = parsedRoots.get(roots) ?? roots.map((pem) => new X509Certificate(pem));
  parsedRoots.set(roots, parsed);
  return parsed;
}

/** PEM of any number of certificates, or one in DER. Nothing when one cannot be read. */
function readCertificates(body: Buffer): X509Certificate[] {
  const pems = body.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  try {
    return (pems ?? [body]).map((one) => new X509Certificate(one));
  } catch {
    return [];
  }
}

function isInTime(certificate: X509Certificate, now: number): boolean {
  return Date.parse(certificate.validFrom) <= now && now <= Date.parse(certificate.validTo);
}

/** By its alternative names, or by its common name when it has none. */
function isForSns({ subject, subjectAltName }: X509Certificate): boolean {
  const names =
    subjectAltName === undefined
      ? [...subject.matchAll(/^CN=(.*)$/gm)].map((match) => match[1]!)
      : [...subjectAltName.matchAll(/(?:^|, )DNS:([^,]+)/g)].map((match) => match[1]!);
  return names.some((name) => SUBJECT.test(name));
}

function isRsa({ publicKey }: X509Certificate): boolean {
  return (
    publicKey.asymmetricKeyType === 'rsa' && (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048
  );
}

/** Puts it last; the one that was put first makes room. */
function keep<T>(map: Map<string, T>, key: string, value: T, limit: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > limit) map.delete(map.keys().next().value!);
}
