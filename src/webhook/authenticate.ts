import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export type Authenticate = (headers: IncomingHttpHeaders) => boolean;

/**
 * A request is authentic when it carries one of the secrets (several, so that they can be rotated) as a bearer token,
 * as the password of basic authentication with any user name, or in `x-sluice-secret`. The time taken tells nothing:
 * digests are compared, and always with every secret.
 *
 * Without secrets the server may be open, on loopback only; what is left to keep out is a web page in a browser on this
 * machine, and browsers put `Origin` on every POST.
 */
export function createAuthenticate(secrets: readonly string[], isOpen: boolean): Authenticate {
  if (secrets.length === 0) return (headers) => isOpen && headers.origin === undefined;
  const accepted = secrets.map(digest);
  return (headers) => {
    let authentic = false;
    for (const candidate of candidatesOf(headers)) {
      const offered = digest(candidate);
      for (const secret of accepted) authentic = timingSafeEqual(offered, secret) || authentic;
    }
    return authentic;
  };
}

/** The secrets that the headers offer: none to two. */
function candidatesOf(headers: IncomingHttpHeaders): string[] {
  const candidates: string[] = [];
  const [, scheme, credentials] = /^(\w+) +(\S+) *$/.exec(headers.authorization ?? '') ?? [];
  if (credentials !== undefined) {
    if (scheme?.toLowerCase() === 'bearer') candidates.push(credentials);
    if (scheme?.toLowerCase() === 'basic') candidates.push(...passwordOf(credentials));
  }
  const own = headers['x-sluice-secret'];
  if (typeof own === 'string') candidates.push(own);
  return candidates;
}

/** The password begins after the first colon and may hold more of them. */
function passwordOf(credentials: string): string[] {
  const pair = Buffer.from(credentials, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return colon < 0 ? [] : [pair.slice(colon + 1)];
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
