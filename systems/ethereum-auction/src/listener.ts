import type { S3Client } from '@aws-sdk/client-s3';
import { joinLocation, listKeys, SluiceError } from 'sluice';
import type { Chain } from './chain/client';
import {
  announce,
  findAncestor,
  lastMark,
  rewind,
  settle,
  startCursor,
  type Cursor,
  type Mark,
} from './chain/cursor';
import { correctionsOf, readEvents, readHash, readHead, type Finality } from './chain/events';
import { locationOf, putText, readJson, replaceJson, type Stored } from './lakeObjects';
import { toLines } from './records';

export interface Listening {
  chain: Chain;
  s3: S3Client;
  /** Where cursors and readings lie, such as `s3://lake/ethereum-auction`. */
  folder: string;
  contract: string;
  /** The chain that is meant, as its name; without it, one where this contract was listened to before is kept to. */
  known?: string | undefined;
  /** Where a listener begins that has no cursor yet: the block of the deployment. */
  fromBlock: number;
  finality: Finality;
  confirmations: number;
  /** How many blocks one reading has at most. */
  maxBlocks: number;
  /** How many blocks deep a reorganisation is followed. */
  depth: number;
}

/** What is to be put next; `object` is null when there is nothing. */
export interface NextReading {
  cursor: string;
  object: string | null;
  records: number;
  /** Records that earlier readings put. */
  total: number;
  /** The last block that is read, with this reading. */
  block: number;
  /** Whether more is waiting than this reading has. */
  more: boolean;
  epoch: number;
}

export function cursorOf({
  folder,
  chain,
  contract,
}: Pick<Listening, 'folder' | 'chain' | 'contract'>): string {
  return joinLocation(folder, 'cursors', `${chain.name}-${contract.toLowerCase()}.json`);
}

/**
 * Reads on from the cursor and announces what was read. What an earlier listener announced and did not finish comes first.
 * @throws SluiceError Transient when the chain changed meanwhile; BadData for a reorganisation that is too deep
 */
export async function readNext(listening: Listening): Promise<NextReading> {
  const { chain, s3, contract, maxBlocks } = listening;
  const uri = cursorOf(listening);
  const stored = await readJson<Cursor>(s3, uri);
  let cursor = stored?.value ?? (await beginCursor(listening));
  const { reading } = cursor;
  if (reading !== null)
    return answer(uri, cursor, {
      object: reading.object,
      records: reading.records,
      block: reading.to.block,
      more: true,
    });

  const before = lastMark(cursor);
  const head = await readHead(chain, listening.finality, listening.confirmations);
  const hash = await readHash(chain, before.block);
  let gone: Mark[] = [];
  // A node that lags behind has no such block; one whose chain was replaced has another.
  if (hash !== null && hash !== before.hash) {
    const ancestor = await findAncestor(cursor, (block) => readHash(chain, block));
    ({ cursor, gone } = rewind(cursor, ancestor));
  }
  const { block: last, hash: parent } = lastMark(cursor);
  const from = last + 1;
  const to = Math.min(head, last + maxBlocks);
  const went =
    to >= from
      ? await readEvents(chain, { contract, epoch: cursor.epoch, range: { from, to }, parent })
      : null;
  if (went === null && gone.length === 0)
    return answer(uri, cursor, { object: null, records: 0, block: before.block, more: false });

  const corrections = correctionsOf(gone, {
    contract,
    chain: chain.name,
    epoch: cursor.epoch,
    now: new Date(),
  });
  const records = [...corrections, ...(went?.records ?? [])];
  const end = went?.to ?? lastMark(cursor);
  const name = `${chain.name}-${contract.toLowerCase()}-${cursor.epoch}-${from}-${end.block}-${end.hash.slice(2, 10)}.jsonl`;
  const object = joinLocation(listening.folder, 'readings', name);
  await putText(s3, object, { text: toLines(records), contentType: 'application/x-ndjson' });
  const marks = went?.marks ?? [];
  const next = announce(cursor, { from, to: { ...end, events: 0 }, object, records: records.length, marks });
  // Somebody else was faster: what they announced comes with the next reading.
  if (!(await replaceJson(s3, uri, next, stored)))
    return answer(uri, cursor, { object: null, records: 0, block: before.block, more: true });
  return answer(uri, next, { object, records: records.length, block: end.block, more: end.block < head });
}

/** The reading's records are in the stream: the cursor moves past them. It does nothing when it has moved already. */
export async function moveCursor(
  s3: S3Client,
  { cursor: uri, object, depth }: { cursor: string; object: string; depth: number },
): Promise<Cursor> {
  for (;;) {
    const stored: Stored<Cursor> | null = await readJson<Cursor>(s3, uri);
    if (stored === null) throw new SluiceError('ObjectGone', `${uri}: the cursor is not there`);
    const { value } = stored;
    if (value.reading?.object !== object) return value;
    const moved = settle(value, depth);
    if (await replaceJson(s3, uri, moved, stored)) return moved;
  }
}

/** @throws SluiceError BadData when the contract was listened to on another chain: the RPC's address may lead elsewhere now */
async function beginCursor(listening: Listening): Promise<Cursor> {
  const { chain, contract, fromBlock, known } = listening;
  const others = known === undefined ? await findOtherChains(listening) : known === chain.name ? [] : [known];
  if (others.length > 0) {
    throw new SluiceError(
      'BadData',
      `${contract}: this is the chain ${chain.name}, and the contract was listened to on ${others.join(', ')}; ` +
        `point the listener to that chain, or give chain=${chain.name} to begin on this one`,
    );
  }
  const block = Math.max(0, fromBlock - 1);
  const hash = await readHash(chain, block);
  if (hash === null) throw new SluiceError('Transient', `The chain does not show block ${block} yet`);
  return startCursor(contract, chain.name, { block, hash });
}

/** The chains that have a cursor for this contract. */
async function findOtherChains({ s3, folder, contract }: Listening): Promise<string[]> {
  const { Bucket, Key } = locationOf(joinLocation(folder, 'cursors', 'x'));
  const prefix = Key.slice(0, -1);
  const end = `-${contract.toLowerCase()}.json`;
  const keys = await listKeys(s3, Bucket, prefix);
  return keys.filter((key) => key.endsWith(end)).map((key) => key.slice(prefix.length, -end.length));
}

function answer(
  uri: string,
  { epoch, records }: Cursor,
  next: Omit<NextReading, 'cursor' | 'epoch' | 'total'>,
): NextReading {
  return { cursor: uri, epoch, total: records, ...next };
}
