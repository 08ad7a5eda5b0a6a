import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { SluiceError } from '../errors';

export interface Request {
  url: string;
  method: string;
  headers: Record<string, string>;
  body?: string;
  timeoutMs: number;
  /** PEM of the authorities to trust in place of the system's. */
  ca?: string;
  /** Whether an address must not be spoken to; it is asked for the one that is connected to, whatever the name resolves to. */
  refuses?: (address: string) => boolean;
}

export interface Answer {
  status: number;
  text: string;
}

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/**
 * One request over HTTP or HTTPS. It follows no redirect, and waits for the whole answer no longer than `timeoutMs`.
 * @throws SluiceError AccessDenied for an address that is refused
 */
export function sendRequest({ url, method, headers, body, timeoutMs, ca, refuses }: Request): Promise<Answer> {
  const address = new URL(url);
  const host = address.hostname.replace(/^\[|\]$/g, '');
  const refused = () =>
    new SluiceError('AccessDenied', `${host} is an address that Sluice sends nothing to; give another host`);
  if (refuses && isIP(host) !== 0 && refuses(host)) return Promise.reject(refused());
  return new Promise((resolve, reject) => {
    const send = address.protocol === 'https:' ? requestHttps : requestHttp;
    const request = send(
      address,
      {
        method,
        headers: { ...headers, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) },
        signal: AbortSignal.timeout(timeoutMs),
        agent: false,
        ...(ca === undefined ? {} : { ca }),
        ...(refuses
          ? {
              lookup: (name: string, options: LookupOptions, callback: LookupCallback) =>
                lookup(name, options, (error, found, family) => {
                  const addresses = typeof found === 'string' ? [{ address: found }] : (found ?? []);
                  if (!error && addresses.some((one) => refuses(one.address))) callback(refused(), '', 0);
                  else callback(error, found, family);
                }),
            }
          : {}),
      },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes <= MAX_ANSWER_BYTES) chunks.push(chunk);
          else response.destroy(new Error(`${host} answers more than ${MAX_ANSWER_BYTES} bytes`));
        });
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode!, text: Buffer.concat(chunks).toString() }),
        );
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

type LookupCallback = (
  error: Error | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

/** Addresses of the machine's own network and of what clouds answer with credentials: link-local ones, and those that stand for them. */
export function isLinkLocal(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  const hexMapped = /^::ffff:([0-9a-f]{1,4}):[0-9a-f]{1,4}$/i.exec(address)?.[1];
  return (
    /^169\.254\./.test(mapped) ||
    (hexMapped !== undefined && hexMapped.toLowerCase() === 'a9fe') ||
    mapped === '100.100.100.200' ||
    mapped === '192.0.0.192' ||
    /^fe[89ab][0-9a-f]:/i.test(mapped) ||
    /^fd00:ec2:/i.test(mapped)
  );
}
