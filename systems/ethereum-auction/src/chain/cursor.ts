import { SluiceError } from 'sluice';

/** A block that the listener has read to: where the next reading begins, or where a reorganisation is looked for. */
export interface Mark {
  block: number;
  hash: string;
  /** How many events of the block were put; 0 for a block that only ended a reading. */
  events: number;
}

/** A reading that is announced before its records are put, so that whoever comes next knows what may be in the stream. */
export interface Reading {
  from: number;
  to: Mark;
  /** The object with the records. */
  object: string;
  records: number;
  /** The blocks with events, and the last. Ascending. */
  marks: Mark[];
}

/**
 * How far a contract has been listened to. It is one object in S3 that is replaced only as it was read (`If-Match`), so two
 * listeners at once do not pass each other.
 *
 * The states of a listening:
 *
 *   idle     nothing is announced. The block and the hash of the cursor are asked of the chain. The same hash: read on, to
 *            the head or a bounded number of blocks further. Another hash: a reorganisation; see `rewind`.
 *   reading  the records lie in an object, and the cursor announces it (`announce`).
 *            They are put into the stream, and the cursor moves (`settle`): idle again. Killed before: the next listener finds
 *            the announcement and puts the same records again, which every reader drops by their id.
 *
 * A reorganisation is a number, the `epoch`: it grows by one, each block that is gone and had events gets a record that says
 * so with the new epoch, and what is read from then on carries the new epoch. A record counts when no such record of a later
 * epoch names its block. So a chain that goes back to a block it had left counts right as well.
 */
export interface Cursor {
  contract: string;
  /** Which chain it is, as `Chain.name` has it. */
  chain: string;
  epoch: number;
  /** Back to as deep as a reorganisation is followed. Ascending; the last is the cursor itself. */
  marks: Mark[];
  /** Records put so far, corrections among them. */
  records: number;
  reading: Reading | null;
}

export function startCursor(
  contract: string,
  chain: string,
  before: { block: number; hash: string },
): Cursor {
  return { contract, chain, epoch: 0, marks: [{ ...before, events: 0 }], records: 0, reading: null };
}

export function lastMark({ marks }: Cursor): Mark {
  return marks[marks.length - 1]!;
}

export function announce(cursor: Cursor, reading: Reading): Cursor {
  return { ...cursor, reading };
}

/**
 * The records of the reading are in the stream, or may be.
 * @param depth how many blocks deep a reorganisation is followed
 */
export function settle(cursor: Cursor, depth: number): Cursor {
  const { reading } = cursor;
  if (reading === null) return cursor;
  const marks = [...cursor.marks.filter(({ block }) => block < reading.from), ...reading.marks];
  const kept = trim(marks, depth);
  return { ...cursor, marks: kept, records: cursor.records + reading.records, reading: null };
}

/** One mark that is deeper than `depth` stays: at it the newer ones begin. */
function trim(marks: Mark[], depth: number): Mark[] {
  const oldest = marks[marks.length - 1]!.block - depth;
  const first = marks.findLastIndex(({ block }) => block <= oldest);
  return marks.slice(Math.max(0, first));
}

/**
 * The newest mark that is still on the chain.
 * @param hashOf the chain's hash of a block's number, null where it has no such block
 * @throws SluiceError BadData when the reorganisation is deeper than the marks
 */
export async function findAncestor(
  { marks, contract }: Cursor,
  hashOf: (block: number) => Promise<string | null>,
): Promise<Mark> {
  // Blocks above an ancestor differ and those below it do not, so halving finds it.
  let [low, high] = [0, marks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const { block, hash } = marks[middle]!;
    if ((await hashOf(block)) === hash) low = middle + 1;
    else high = middle;
  }
  const ancestor = marks[low - 1];
  if (ancestor !== undefined) return ancestor;
  throw new SluiceError(
    'BadData',
    `${contract}: the chain has replaced block ${marks[0]!.block}, which is deeper than this listener looks back; ` +
      `raise depth or confirmations, and begin with a new listener`,
  );
}

/** Goes back to a common ancestor. The blocks that are gone and had events each want a correcting record. */
export function rewind(cursor: Cursor, ancestor: Mark): { cursor: Cursor; gone: Mark[] } {
  const gone = cursor.marks.filter(({ block, events }) => block > ancestor.block && events > 0);
  const marks = cursor.marks.filter(({ block }) => block <= ancestor.block);
  return { cursor: { ...cursor, marks, epoch: cursor.epoch + 1 }, gone };
}
