import { toEventSelector, type Address, type GetLogsReturnType, type Hex } from 'viem';
import { SluiceError } from 'sluice';
import type { AuctionRecord } from '../records';
import { AUCTION_ABI } from './auctionAbi';
import { isInBloom } from './bloom';
import { isTooMuch, type Chain } from './client';
import type { Mark } from './cursor';

const EVENTS = AUCTION_ABI.filter((item) => item.type === 'event');
const TOPICS = EVENTS.map((event) => toEventSelector(event));
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

/** What a block's header says: where it stands in the chain, when it was made, and whose logs it may have. */
interface Header {
  number: bigint;
  hash: Hex;
  parentHash: Hex;
  timestamp: bigint;
  logsBloom: Hex;
}

/** As many blocks are asked for at a time. */
const HEADERS_AT_ONCE = 500;

/**
 * The events of a contract in a range of blocks, oldest first. A node that will not answer for so many blocks is asked for
 * half of them, and half again.
 *
 * Behind one address there may be many nodes, and one that lags behind answers for blocks that it does not have with no logs
 * at all, in place of an error. So the answer is held against the headers of the range: they have to follow one another, from
 * the block that was read last; the logs have to be of them; and a block whose filter has the contract, and of which no log
 * came, is asked for by its hash, which a node without the block refuses (EIP-234).
 * @throws SluiceError Transient when the chain changed meanwhile, or the node does not have all of it yet
 */
export async function readEvents(
  chain: Chain,
  { contract, epoch, range, parent }: { contract: string; epoch: number; range: Range; parent: string },
): Promise<EventsOfRange> {
  const { logs, to } = await readLogs(chain, contract, range);
  const headers = await readHeaders(chain, { from: range.from, to });
  let before = parent;
  for (const { number, hash, parentHash } of headers) {
    if (parentHash !== before) throw replaced(number);
    before = hash;
  }
  const byBlock = new Map(headers.map((header) => [header.number, header]));
  for (const { blockNumber, blockHash } of logs)
    if (byBlock.get(blockNumber)?.hash !== blockHash) throw replaced(blockNumber);
  const told = new Set(logs.map(({ blockNumber }) => blockNumber));
  const silent = headers.filter(({ number, logsBloom }) => !told.has(number) && mayHave(logsBloom, contract));
  const more = await Promise.all(
    silent.map(({ hash }) =>
      chain.ask((client) =>
        client.getLogs({ address: contract as Address, events: EVENTS, blockHash: hash, strict: true }),
      ),
    ),
  );
  const all = [...logs, ...more.flat()].sort((a, b) => Number(a.blockNumber - b.blockNumber));
  const records = all.map((log): AuctionRecord => ({
    Id: `${log.transactionHash}:${log.logIndex}`,
    Kind: log.eventName === 'Bid' ? 'bid' : 'withdrawal',
    Chain: chain.name,
    Contract: contract,
    Block: Number(log.blockNumber),
    BlockHash: log.blockHash,
    Timestamp: new Date(Number(byBlock.get(log.blockNumber)!.timestamp) * 1000).toISOString(),
    Bidder: log.args.bidder,
    Amount: log.args.amount.toString(),
    Epoch: epoch,
  }));
  const last = { block: to, hash: before };
  return { to: last, records, marks: marksOf(records, last) };
}

async function readLogs(
  chain: Chain,
  contract: string,
  { from, to }: Range,
): Promise<{ logs: Logs; to: number }> {
  for (;;) {
    try {
      const logs = await chain.ask((client) =>
        client.getLogs({
          address: contract as Address,
          events: EVENTS,
          fromBlock: BigInt(from),
          toBlock: BigInt(to),
          strict: true,
        }),
      );
      return { logs, to };
    } catch (error) {
      if (!isTooMuch(error) || to === from) throw error;
      to = from + Math.floor((to - from) / 2);
    }
  }
}

/** @throws SluiceError Transient for a block that the node does not have */
async function readHeaders(chain: Chain, { from, to }: Range): Promise<Header[]> {
  const headers: Header[] = [];
  for (let first = from; first <= to; first += HEADERS_AT_ONCE) {
    const count = Math.min(HEADERS_AT_ONCE, to - first + 1);
    const blocks = await Promise.all(Array.from({ length: count }, (_, i) => readBlock(chain, first + i)));
    blocks.forEach((block, i) => {
      if (block === null)
        throw new SluiceError('Transient', `The chain does not show block ${first + i} yet`);
      const { number, hash, parentHash, timestamp, logsBloom } = block;
      headers.push({ number, hash, parentHash, timestamp, logsBloom });
    });
  }
  return headers;
}

function mayHave(bloom: Hex, contract: string): boolean {
  return isInBloom(bloom, contract as Address) && TOPICS.some((topic) => isInBloom(bloom, topic));
}

function replaced(block: bigint): SluiceError {
  return new SluiceError('Transient', `The chain replaced block ${block} while it was read`);
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
