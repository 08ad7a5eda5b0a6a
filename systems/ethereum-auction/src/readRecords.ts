import { getAddress } from 'viem';
import { isAddress } from './chain/address';
import type { AuctionRecord } from './records';

/** A record as it was read: addresses have their checksum, and what older records do not have is empty. */
export type ReadRecord = Omit<AuctionRecord, 'Kind'> & { Kind: string };

export interface Unreadable {
  text: string;
  column: string | null;
  reason: string;
}

const AMOUNT = /^\d{1,78}$/;
const KINDS = ['bid', 'withdrawal', 'removed'];

/**
 * The records of a line: one, or several without a break between, as a stream leaves records that have none. An amount is a
 * JSON text or number; of a number the digits are taken as they stand, since a double is exact to 2^53 only.
 */
export function parseRecords(line: string): (ReadRecord | Unreadable)[] {
  // No value of a record holds a brace.
  return line
    .split(/(?<=\})\s*(?=\{)/)
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map(parseRecord);
}

function parseRecord(text: string): ReadRecord | Unreadable {
  const refuse = (column: string | null, reason: string): Unreadable => ({ text, column, reason });
  let given: Record<string, unknown>;
  try {
    given = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return refuse(null, 'no JSON');
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return refuse(null, 'no JSON object');
  const { Contract, Block, Timestamp, Bidder } = given;
  const Kind = given['Kind'] ?? 'bid';
  const Epoch = given['Epoch'] ?? 0;
  const Id = textOf(given['Id']);
  const Chain = textOf(given['Chain']);
  const BlockHash = textOf(given['BlockHash']);
  if (Id === null) return refuse('Id', 'no text');
  if (Chain === null) return refuse('Chain', 'no text');
  if (BlockHash === null) return refuse('BlockHash', 'no text');
  const Amount = amountOf(text, given['Amount']);
  if (!KINDS.includes(Kind as string)) return refuse('Kind', `no kind of record: ${JSON.stringify(Kind)}`);
  if (!Number.isSafeInteger(Block)) return refuse('Block', 'no whole number');
  if (!Number.isSafeInteger(Epoch)) return refuse('Epoch', 'no whole number');
  if (typeof Timestamp !== 'string' || Number.isNaN(Date.parse(Timestamp)))
    return refuse('Timestamp', 'no time');
  if (!isAddress(Contract)) return refuse('Contract', 'no address');
  if (!isAddress(Bidder)) return refuse('Bidder', 'no address');
  if (Amount === null) return refuse('Amount', 'no whole number of wei, or more than 2^256');
  return {
    Id,
    Kind: Kind as string,
    Chain,
    Contract: getAddress(Contract),
    Block: Block as number,
    BlockHash,
    Timestamp: new Date(Timestamp).toISOString(),
    Bidder: getAddress(Bidder),
    Amount,
    Epoch: Epoch as number,
  };
}

/** A text, or a number as one; empty where it is missing, which null is as well. Null for what is neither. */
function textOf(value: unknown): string | null {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
}

function amountOf(text: string, value: unknown): string | null {
  const digits =
    typeof value === 'string'
      ? value
      : typeof value === 'number'
        ? /"Amount"\s*:\s*([^,}\s]+)/.exec(text)?.[1]
        : undefined;
  if (digits === undefined || !AMOUNT.test(digits)) return null;
  return BigInt(digits) < 2n ** 256n ? BigInt(digits).toString() : null;
}
