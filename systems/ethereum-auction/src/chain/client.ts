import {
  BaseError,
  createPublicClient,
  http,
  HttpRequestError,
  RpcRequestError,
  TimeoutError,
  type PublicClient,
} from 'viem';
import { SluiceError } from 'sluice';

/** Which chain it is: the number that it signs with, and the beginning of its first block's hash, which a chain that was started anew has not. */
export interface ChainIdentity {
  chainId: number;
  genesis: string;
}

export interface Chain extends ChainIdentity {
  client: PublicClient;
  /** As records and file names have it: `31337-0a1b2c3d`. */
  name: string;
  /** Runs one question and tells its failures apart. */
  ask<T>(question: (client: PublicClient) => Promise<T>): Promise<T>;
  /** A node's own words without what they may have of its URL. */
  hideSecrets(text: string): string;
}

export interface ConnectOptions {
  rpcUrl: string;
  /** The chain that the run began with; any other is refused. */
  expected?: ChainIdentity | undefined;
  timeoutMs?: number;
  retryCount?: number;
}

const TIMEOUT_MS = 15_000;

/**
 * Connects to a chain's JSON-RPC and makes sure that it is the same chain as before.
 * @throws SluiceError ServerUnreachable, Throttled, Transient; BadData for another chain than expected
 */
export async function connectChain({
  rpcUrl,
  expected,
  timeoutMs,
  retryCount,
}: ConnectOptions): Promise<Chain> {
  const client = createPublicClient({
    // A cached block number would hide the blocks of the last seconds from a listener.
    cacheTime: 0,
    pollingInterval: 250,
    transport: http(rpcUrl, {
      batch: { batchSize: 100 },
      timeout: timeoutMs ?? TIMEOUT_MS,
      retryCount: retryCount ?? 4,
      retryDelay: 250,
    }),
  }) as PublicClient;
  const ask = async <T>(question: (asked: PublicClient) => Promise<T>): Promise<T> => {
    try {
      return await question(client);
    } catch (error) {
      throw toChainError(error, rpcUrl);
    }
  };
  const [chainId, { hash }] = await ask((asked) =>
    Promise.all([asked.getChainId(), asked.getBlock({ blockNumber: 0n })]),
  );
  const genesis = hash.slice(2, 10);
  if (expected !== undefined && (expected.chainId !== chainId || expected.genesis !== genesis)) {
    throw new SluiceError(
      'BadData',
      `${hostOf(rpcUrl)} is the chain ${chainId}-${genesis} and was ${expected.chainId}-${expected.genesis}; point it to the chain that the run began with, or start a new run`,
    );
  }
  return {
    client,
    chainId,
    genesis,
    name: `${chainId}-${genesis}`,
    ask,
    hideSecrets: (text) => hideSecrets(text, rpcUrl),
  };
}

/** The one place that tells what a chain's answers mean. No message has what only the URL says: it may hold a key. */
export function toChainError(error: unknown, rpcUrl: string): unknown {
  if (error instanceof SluiceError) return error;
  const host = hostOf(rpcUrl);
  // What the client cannot make anything of, such as an answer without a result.
  if (!(error instanceof BaseError)) return of('Transient', `${host} gave an empty answer`);
  const request = error.walk((cause) => cause instanceof HttpRequestError) as HttpRequestError | null;
  if (request !== null) {
    const { status } = request;
    if (status === 429) return of('Throttled', `${host} asks to slow down (429)`);
    if (status === 401 || status === 403)
      return of('AccessDenied', `${host} denied access (${status}); check the key in AUCTION_RPC_URL`);
    // `fetch` tells by a TypeError that it could not connect; all else is an answer that is none.
    if (status === undefined && (request.cause as Error | undefined)?.name !== 'TypeError')
      return of('Transient', `${host} answered nothing that can be read`);
    if (status === undefined)
      return of('ServerUnreachable', `The chain does not answer at ${host}; start it, or correct rpcUrl`);
    return of('Transient', `${host} answered ${status}`);
  }
  if (error.walk((cause) => cause instanceof TimeoutError) !== null)
    return of('Transient', `${host} did not answer in time`);
  const rpc = error.walk((cause) => cause instanceof RpcRequestError) as RpcRequestError | null;
  if (rpc?.code === 429 || /rate limit|too many requests/i.test(rpc?.details ?? ''))
    return of('Throttled', `${host} asks to slow down`);
  return of(
    'Transient',
    `${host}: ${hideSecrets(`${error.shortMessage}${error.details ? ` ${error.details}` : ''}`, rpcUrl)}`,
  );

  function of(code: 'Throttled' | 'AccessDenied' | 'ServerUnreachable' | 'Transient', message: string) {
    return new SluiceError(code, message);
  }
}

/** Shorter parts of a URL are words, such as `v3`. */
const LEAST_SECRET = 6;

/** A text without what the URL alone says: a node's own words may quote its path, query or user. */
function hideSecrets(text: string, rpcUrl: string): string {
  if (!URL.canParse(rpcUrl)) return text.replaceAll(rpcUrl, hostOf(rpcUrl));
  const url = new URL(rpcUrl);
  const named = [rpcUrl, url.href].reduce((rest, whole) => rest.replaceAll(whole, url.host), text);
  return secretsOf(url).reduce(
    (rest, secret) => rest.replaceAll(new RegExp(escaped(secret), 'gi'), '…'),
    named,
  );
}

/** The longest first, so that nothing is left of one that holds another. */
function secretsOf({ username, password, pathname, search, hash }: URL): string[] {
  const path = `${pathname}${search}${hash}`;
  const parts = [username, password, ...path.split(/[/?&=#]/)].flatMap((part) => [
    part,
    decoded(part),
    decoded(part.replaceAll('+', ' ')),
    encodeURIComponent(decoded(part)),
  ]);
  return [...new Set([path, ...parts])]
    .filter((part) => part.length >= LEAST_SECRET)
    .sort((a, b) => b.length - a.length);
}

const escaped = (part: string) => part.replaceAll(/[^\w\s]/g, '\\$&');

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** What a node says in any of its words when it was asked for too much at once. */
export function isTooMuch(error: unknown): boolean {
  return (
    error instanceof SluiceError &&
    /block range|ranges? (is |of |over )?(too|\d)|too (many|large|wide)|(more than|at most|maximum.*) \d+ (results|logs|blocks)|limit(ed)? (to|exceeded)|exceed|response size|answered 413$/i.test(
      error.message.replaceAll(/(?<=\d)[,_](?=\d{3})/g, ''),
    ) &&
    error.code === 'Transient'
  );
}

export function hostOf(rpcUrl: string): string {
  return URL.canParse(rpcUrl) ? new URL(rpcUrl).host : 'the chain';
}
