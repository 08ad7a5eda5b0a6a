import { readFile } from 'node:fs/promises';
import { KMSClient } from '@aws-sdk/client-kms';
import type { Hex } from 'viem';
import { mnemonicToAccount, privateKeyToAccount } from 'viem/accounts';
import { SluiceError } from 'sluice';
import type { Account } from './account';
import { ORDER, readKmsAccount } from './kmsAccount';

export interface Accounts {
  owner: Account;
  bidders: Account[];
}

/** The development accounts that anvil funds; everybody knows their keys. */
const DEVELOPMENT_MNEMONIC = 'test test test test test test test test test test test junk';
const DEVELOPMENT_CHAINS = [31337, 1337];
const BIDDERS = 10;

/**
 * The accounts of a run: keys of a file on the worker's machine, `{ "owner": "0x…", "bidders": ["0x…", …] }`, which leave this
 * process only as signatures, or references to keys of KMS, which never leave that. The file may have both, as `kms:KEY`.
 * Without the setting they are the development accounts, for a local chain alone.
 * @param keys `file:PATH`, or `kms:OWNER,BIDDER,…` with the id, ARN or alias of each key, or null
 * @throws SluiceError AccessDenied, InvalidInput; no message quotes a key
 */
export async function readAccounts(keys: string | null, chainId: number): Promise<Accounts> {
  if (keys === null) {
    if (!DEVELOPMENT_CHAINS.includes(chainId)) {
      throw new SluiceError(
        'AccessDenied',
        `The chain ${chainId} is no local one, and the worker has no keys for it; set AUCTION_KEYS=file:PATH or kms:OWNER,BIDDER`,
      );
    }
    return (development ??= deriveDevelopment());
  }
  const { source, owner, bidders } = await readReferences(keys);
  if (!Array.isArray(bidders) || bidders.length === 0) throw wrong(source, 'bidders: give a list of keys');
  // The accounts sign with it as long as they are used.
  const kms = new KMSClient({});
  const [first, ...others] = await Promise.all([
    toAccount(kms, owner, `${source}: owner`),
    ...bidders.map((key, i) => toAccount(kms, key, `${source}: bidders[${i}]`)),
  ]);
  return { owner: first, bidders: others };
}

/** Once a process: deriving them keeps it from all else for a third of a second. */
let development: Accounts | undefined;

function deriveDevelopment(): Accounts {
  const account = (addressIndex: number) => mnemonicToAccount(DEVELOPMENT_MNEMONIC, { addressIndex });
  // The first ten bid, as ten are funded; the owner is the next, whom the local chain funds as well.
  return { owner: account(BIDDERS), bidders: Array.from({ length: BIDDERS }, (_, i) => account(i)) };
}

interface References {
  /** What messages call it. */
  source: string;
  owner?: unknown;
  bidders?: unknown;
}

async function readReferences(keys: string): Promise<References> {
  const path = /^file:(.+)$/.exec(keys)?.[1];
  if (path !== undefined) return { source: path, ...(await readKeyFile(path)) };
  const ids = /^kms:(.+)$/.exec(keys)?.[1];
  if (ids === undefined) throw wrong('AUCTION_KEYS', 'give file:PATH, or kms:OWNER,BIDDER with keys of KMS');
  const [owner, ...bidders] = ids.split(',').map((id) => `kms:${id.trim()}`);
  return { source: 'AUCTION_KEYS', owner, bidders };
}

async function readKeyFile(path: string): Promise<{ owner?: unknown; bidders?: unknown }> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw wrong(path, `cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    return JSON.parse(text) as object;
  } catch {
    throw wrong(path, 'is no JSON; give { "owner": "0x…", "bidders": ["0x…"] }');
  }
}

async function toAccount(kms: KMSClient, key: unknown, where: string): Promise<Account> {
  const id = typeof key === 'string' ? /^kms:(.+)$/.exec(key)?.[1] : undefined;
  if (id !== undefined) return readKmsAccount(kms, id);
  if (typeof key !== 'string' || !/^0x[0-9a-fA-F]{64}$/.test(key) || !isOnCurve(BigInt(key)))
    throw wrong(where, 'is no private key; give 0x and 64 hex digits, or kms: and a key of KMS');
  return privateKeyToAccount(key as Hex);
}

/** Looked at here: what the library says of a number that is none has the number in it. */
const isOnCurve = (key: bigint) => key > 0n && key < ORDER;

function wrong(where: string, cure: string): SluiceError {
  return new SluiceError('InvalidInput', `${where}: ${cure}`);
}
