import type { Address, GetLogsReturnType, PublicClient } from 'viem';
import { SluiceError } from 'sluice';
import type { AuctionRecord } from '../records';
import { AUCTION_ABI } from './auctionAbi';
import { isTooMuch, type Chain } from './client';
import type { Mark } from './cursor';

const EVENTS = AUCTION_ABI.filter((item) => item.type === 'event');
type Logs = GetLogsReturnType<undefined, typeof EVENTS, true, bigint, bigint>;

export type Finality = 'latest' | 'safe' | 'finalized';

export interface Range {
  from: number;
  to: number;
}

export interface EventsOfRange {
  /** The last block that was read; before `to` where the node refused to answer for so many. */
  to: { block: number; hash: string };
  records: AuctionRecord[];
  /** The blocks with events, and the last. Ascending. */
  marks: Mark[];
}

/** The newest block that counts as final. */
export async function readHead(chain: Chain, finality: Finality, confirmations: number): Promise<number> {
  const { number } = await chain.ask((client) => client.getBlock({ blockTag: finality }));
  return Number(number) - confirmations;
}

/** The hash of a block, or null where the chain has none of this number (yet). */
export async function readHash(chain: Chain, block: number): Promise<string | null> {
  const found = await readBlock(chain, block);
  return found?.hash ?? null;
}

async function readBlock(chain: Chain, block: number) {
  return chain.ask((client) =>
    client.getBlock({ blockNumber: BigInt(block) }).catch((error: Error) => {
      if (error.name === 'BlockNotFoundError') return null;
      throw error;
    }),
  );
}

/**
 * The events of a contract in a range of blocks, oldest first. A node that will not answer for so many blocks is asked for
 * half of them, and half again.
 * @throws SluiceError Transient when the chain changed meanwhile, or the node does not have all of it yet
 */
export async function readEvents(
  chain: Chain,
  { contract, epoch, range }: { contract: string; epoch: number; range: Range },
): Promise<EventsOfRange> {
  let { to } = range;
  for (;;) {
    const before = await readHash(chain, to);
    if (before === null) throw new SluiceError('Transient', `The chain does not show block ${to} yet`);
    let logs: Logs;
    try {
      logs = await chain.ask((client) => askLogs(client, contract, { from: range.from, to }));
    } catch (error) {
      if (!isTooMuch(error) || to === range.from) throw error;
      to = range.from + Math.floor((to - range.from) / 2);
      continue;
    }
    const records = await toRecords(chain, { contract, epoch, logs });
    if ((await readHash(chain, to)) !== before)
      throw new SluiceError('Transient', `The chain replaced block ${to} while it was read`);
    return { to: { block: to, hash: before }, records, marks: marksOf(records, { block: to, hash: before }) };
  }
}

function askLogs(client: PublicClient, contract: string, { from, to }: Range): Promise<Logs> {
  return client.getLogs({
    address: contract as Address,
    events: EVENTS,
    fromBlock: BigInt(from),
    toBlock: BigInt(to),
    strict: true,
  });
}

async function toRecords(
  chain: Chain,
  { contract, epoch, logs }: { contract: string; epoch: number; logs: Logs },
): Promise<AuctionRecord[]> {
  const times = await readTimes(chain, logs);
  return logs.map((log) => ({
    Id: `${log.transactionHash}:${log.logIndex}`,
    Kind: log.eventName === 'Bid' ? 'bid' : 'withdrawal',
    Chain: chain.name,
    Contract: contract,
    Block: Number(log.blockNumber),
    BlockHash: log.blockHash,
    Timestamp: times.get(log.blockNumber)!,
    Bidder: log.args.bidder,
    Amount: log.args.amount.toString(),
    Epoch: epoch,
  }));
}

/** Newer nodes send a log's time along; others are asked for its block. */
async function readTimes(chain: Chain, logs: Logs): Promise<Map<bigint, string>> {
  const times = new Map<bigint, string>();
  const unknown = new Set<bigint>();
  for (const { blockNumber, ...log } of logs) {
    const seconds = (log as { blockTimestamp?: string | bigint | null }).blockTimestamp;
    if (seconds === undefined || seconds === null) unknown.add(blockNumber);
    else times.set(blockNumber, toTime(BigInt(seconds)));
  }
  await Promise.all(
    [...unknown].map(async (block) => {
      const found = await readBlock(chain, Number(block));
      if (found === null)
        throw new SluiceError('Transient', `The chain replaced block ${block} while it was read`);
      times.set(block, toTime(found.timestamp));
    }),
  );
  return times;
}

function toTime(seconds: bigint): string {
  return new Date(Number(seconds) * 1000).toISOString();
}

function marksOf(records: readonly AuctionRecord[], last: { block: number; hash: string }): Mark[] {
  const marks = new Map<number, Mark>();
  for (const { Block, BlockHash } of records) {
    const mark = marks.get(Block) ?? { block: Block, hash: BlockHash, events: 0 };
    mark.events++;
    marks.set(Block, mark);
  }
  if (!marks.has(last.block)) marks.set(last.block, { ...last, events: 0 });
  return [...marks.values()].sort((a, b) => a.block - b.block);
}

/** Says of each block that what was read of it does not count any more. */
export function correctionsOf(
  gone: readonly Mark[],
  { contract, chain, epoch, now }: { contract: string; chain: string; epoch: number; now: Date },
): AuctionRecord[] {
  return gone.map(({ block, hash }) => ({
    Id: hash,
    Kind: 'removed',
    Chain: chain,
    Contract: contract,
    Block: block,
    BlockHash: hash,
    Timestamp: now.toISOString(),
    Bidder: contract,
    Amount: '0',
    Epoch: epoch,
  }));
}
