import { getAddress } from 'viem';
import { isAddress } from './chain/address';
import type { AuctionRecord } from './records';
import { readObject } from './writtenObject';

/** A record as it was read: addresses have their checksum, and what older records do not have is empty. */
export type ReadRecord = Omit<AuctionRecord, 'Kind'> & { Kind: string };

export interface Unreadable {
  text: string;
  column: string | null;
  reason: string;
}

const TIME = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?$/;
const SPACE = /\s*/y;
const AMOUNT = /^\d{1,78}$/;
const KINDS = ['bid', 'withdrawal', 'removed'];

/**
 * The records of a line: one, or several without a break between, as a stream leaves records that have none. An amount is a
 * JSON text or number; of a number the digits are taken as they stand, since a double is exact to 2^53 only.
 */
export function parseRecords(line: string): (ReadRecord | Unreadable)[] {
  const text = line.trim();
  return (isJson(text) ? [text] : splitLine(text)).map(parseRecord);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The objects of a line, and what is none between them. */
function splitLine(line: string): string[] {
  const parts: string[] = [];
  for (let at = 0; at < line.length;) {
    const end = endOfObject(line, at) ?? findObject(line, at);
    parts.push(line.slice(at, end).trim());
    at = end;
  }
  return parts;
}

/** Where the object that begins here ends, with the white space after it; null where none does, or something else follows. */
function endOfObject(line: string, start: number): number | null {
  const object = readObject(line, start);
  if (object === null) return null;
  SPACE.lastIndex = object.end;
  SPACE.test(line);
  const end = SPACE.lastIndex;
  return end === line.length || line[end] === '{' ? end : null;
}

/** Where the next object after something that is none begins: right after a brace. */
function findObject(line: string, start: number): number {
  const next = /\}\s*(?=\{)/g;
  next.lastIndex = start;
  while (next.test(line)) if (readObject(line, next.lastIndex) !== null) return next.lastIndex;
  return line.length;
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
  /** A text, or a number's digits; empty where it is missing, which null is as well. Null for what is neither. */
  const textOf = (column: string): string | null => {
    const value = given[column] ?? '';
    if (typeof value === 'number') return readObject(text, 0)!.values.get(column)!;
    return typeof value === 'string' ? value : null;
  };
  const { Contract, Block, Timestamp, Bidder } = given;
  const Kind = given['Kind'] ?? 'bid';
  const Epoch = given['Epoch'] ?? 0;
  const [Id, Chain, BlockHash] = [textOf('Id'), textOf('Chain'), textOf('BlockHash')];
  if (Id === null) return refuse('Id', 'no text');
  if (Chain === null) return refuse('Chain', 'no text');
  if (BlockHash === null) return refuse('BlockHash', 'no text');
  const Amount = amountOf(textOf('Amount'));
  if (!KINDS.includes(Kind as string)) return refuse('Kind', `no kind of record: ${JSON.stringify(Kind)}`);
  if (!Number.isSafeInteger(Block) || (Block as number) < 0)
    return refuse('Block', 'no whole number from 0 to 2^53-1');
  if (!Number.isSafeInteger(Epoch)) return refuse('Epoch', 'no whole number');
  const time = timeOf(Timestamp);
  if (time === null) return refuse('Timestamp', 'no time of ISO 8601 of the years 1 to 9999');
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
    Timestamp: time,
    Bidder: getAddress(Bidder),
    Amount,
    Epoch: Epoch as number,
  };
}

/** A day and a time, in UTC where it names no zone; null for what is no time of a calendar's day. */
function timeOf(value: unknown): string | null {
  const [, date, clock, zone = 'Z'] = (typeof value === 'string' && TIME.exec(value)) || [];
  if (date === undefined || !isDay(date)) return null;
  const time = new Date(`${date}T${clock}${zone}`);
  return Number.isNaN(time.getTime()) || !isYear(time.getUTCFullYear()) ? null : time.toISOString();
}

/** `Date` takes a day that its month does not have as one of the next. */
function isDay(date: string): boolean {
  const day = new Date(`${date}T00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(date);
}

/** What the engines' windows have room for. */
const isYear = (year: number) => year >= 1 && year <= 9999;

function amountOf(digits: string | null): string | null {
  if (digits === null || !AMOUNT.test(digits)) return null;
  return BigInt(digits) < 2n ** 256n ? BigInt(digits).toString() : null;
}
