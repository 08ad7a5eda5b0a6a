import { readFile } from 'node:fs/promises';
import type { LocalAccount } from 'viem';
import { mnemonicToAccount, privateKeyToAccount } from 'viem/accounts';
import { SluiceError } from 'sluice';

export interface Accounts {
  owner: LocalAccount;
  bidders: LocalAccount[];
}

/** The development accounts that anvil funds; everybody knows their keys. */
const DEVELOPMENT_MNEMONIC = 'test test test test test test test test test test test junk';
const DEVELOPMENT_CHAINS = [31337, 1337];
const BIDDERS = 10;

/**
 * The accounts of a run. Keys come from a file of the worker's machine, `{ "owner": "0x…", "bidders": ["0x…", …] }`, and
 * leave this process only as signatures; without a file they are the development accounts, for a local chain alone.
 * @param keys `file:PATH`, or null
 * @throws SluiceError AccessDenied, InvalidInput; no message quotes a key
 */
export async function readAccounts(keys: string | null, chainId: number): Promise<Accounts> {
  if (keys === null) {
    if (!DEVELOPMENT_CHAINS.includes(chainId)) {
      throw new SluiceError(
        'AccessDenied',
        `The chain ${chainId} is no local one, and the worker has no keys for it; set AUCTION_KEYS=file:PATH`,
      );
    }
    const account = (addressIndex: number) => mnemonicToAccount(DEVELOPMENT_MNEMONIC, { addressIndex });
    // The first ten bid, as ten are funded; the owner is the next, whom the local chain funds as well.
    return { owner: account(BIDDERS), bidders: Array.from({ length: BIDDERS }, (_, i) => account(i)) };
  }
  const path = /^file:(.+)$/.exec(keys)?.[1];
  if (path === undefined) throw wrong('AUCTION_KEYS', 'give file:PATH');
  const { owner, bidders } = await readKeyFile(path);
  if (!Array.isArray(bidders) || bidders.length === 0) throw wrong(path, 'bidders: give a list of keys');
  return {
    owner: toAccount(owner, `${path}: owner`),
    bidders: bidders.map((key, i) => toAccount(key, `${path}: bidders[${i}]`)),
  };
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

function toAccount(key: unknown, where: string): LocalAccount {
  if (typeof key !== 'string' || !/^0x[0-9a-fA-F]{64}$/.test(key))
    throw wrong(where, 'is no private key; give 0x and 64 hex digits');
  return privateKeyToAccount(key as `0x${string}`);
}

function wrong(where: string, cure: string): SluiceError {
  return new SluiceError('InvalidInput', `${where}: ${cure}`);
}
