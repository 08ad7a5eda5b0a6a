import { RecordRewriter, type Outcome } from './recordRewriter';

/** A piece of the input that is no record. */
export interface Rejected {
  /** The line of the (uncompressed) input in which it begins, from 1; lines end in a line feed. */
  line: number;
  /** Which of the input's records it is, from 1; what is none counts as one. */
  record: number;
  bytes: Buffer;
  reason: string;
}

/** A longer record is refused: it has to be in memory while its end is looked for. Kinesis takes records up to 10 MiB. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;

const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const LINE_FEED = 0x0a;
const BYTE_ORDER_MARK = Buffer.from('\ufeff');

/**
 * Splits a stream of JSON objects that stand one after the other, with or without white space between, and rewrites each
 * into one line with plain keys (see `RecordRewriter`). It goes by the grammar of JSON, so braces inside texts count for
 * nothing, and a chunk may end anywhere.
 *
 * After a bad record it goes on at the next `{` where a whole object stands that nothing but another `{`, white space or
 * the end follows. Inside a bad record that began as an object or a list, such a `{` counts only where the text went wrong,
 * right after a `}`, or at the beginning of a line: what is nested in the bad record is no record.
 */
export class RecordSplitter {
  records = 0;
  private readonly rewriter = new RecordRewriter();
  private rejected: Rejected[] = [];
  private rejections = 0;
  /** Chunks that were not looked at yet, and their bytes. */
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  /** What an incomplete record must have grown to before it is looked at again, so that it is not read over and over. */
  private wantedBytes = 0;
  /** Whether nothing of the input was taken from `waiting` yet. */
  private atStart = true;
  /** The line of the byte at `lineAt` of what is split. */
  private line = 1;
  private lineAt = 0;
  /** Set while the end of a bad record is looked for: why and where it is bad, and how many of its bytes were searched. */
  private bad: { reason: string; wrongAt: number; searched: number } | null = null;

  push(chunk: Buffer): void {
    this.waiting.push(chunk);
    this.waitingBytes += chunk.length;
    if (this.waitingBytes >= this.wantedBytes) this.split(false);
  }

  end(): void {
    this.split(true);
  }

  /** The records since the last call; valid until the next `push`. */
  takeRecords(): Buffer {
    const { out, length } = this.rewriter;
    this.rewriter.length = 0;
    return out.subarray(0, length);
  }

  takeRejected(): Rejected[] {
    const { rejected } = this;
    this.rejected = [];
    return rejected;
  }

  private split(final: boolean): void {
    const input = this.waiting.length === 1 ? this.waiting[0]! : Buffer.concat(this.waiting);
    let i = 0;
    if (this.atStart && input.subarray(0, 3).equals(BYTE_ORDER_MARK)) i = 3;
    for (;;) {
      if (this.bad === null) {
        i = skipSpace(input, i);
        if (i === input.length) break;
      }
      const end = this.bad ? this.findBadEnd(input, i, final) : this.readRecord(input, i, final);
      if (end === null) break;
      i = end;
    }
    const left = input.subarray(i);
    if (i > 0) this.atStart = false;
    this.moveTo(input, i);
    this.lineAt = 0;
    this.waiting = left.length === 0 ? [] : [left];
    this.waitingBytes = left.length;
    this.wantedBytes = 2 * left.length;
  }

  /** The end of the record at `start`, or null when it is not there yet. */
  private readRecord(input: Buffer, start: number, final: boolean): number | null {
    const { length } = this.rewriter;
    const outcome = this.rewriter.rewrite(input, start, input.length);
    const tooLong = `longer than ${MAX_RECORD_BYTES} bytes`;
    switch (outcome.kind) {
      case 'record':
        if (outcome.at - start > MAX_RECORD_BYTES) {
          this.rewriter.length = length;
          return this.reject(input, start, outcome.at, tooLong);
        }
        this.records++;
        return outcome.at;
      case 'other value':
        return this.reject(input, start, outcome.at, outcome.reason);
      case 'incomplete':
        if (final) return this.reject(input, start, input.length, outcome.reason);
        if (input.length - start <= MAX_RECORD_BYTES) return null;
        this.bad = { reason: tooLong, wrongAt: MAX_RECORD_BYTES, searched: MAX_RECORD_BYTES };
        return start;
      case 'bad': {
        const wrongAt = outcome.at - start;
        this.bad = { reason: outcome.reason, wrongAt, searched: wrongAt };
        return start;
      }
    }
  }

  private findBadEnd(input: Buffer, start: number, final: boolean): number | null {
    const bad = this.bad!;
    const nested = input[start] === OPEN_OBJECT || input[start] === 0x5b;
    const wrongAt = start + bad.wrongAt;
    for (let at = start + bad.searched; (at = input.indexOf(OPEN_OBJECT, at)) !== -1; at++) {
      if (at === start || (nested && at !== wrongAt && !mayBegin(input, start, at))) continue;
      const { length } = this.rewriter;
      const outcome = this.rewriter.rewrite(input, at, input.length);
      this.rewriter.length = length;
      const next = skipSpace(input, outcome.at);
      if (!final && isUndecided(outcome, next, input.length) && input.length - at <= MAX_RECORD_BYTES) {
        bad.searched = at - start;
        return null;
      }
      if (outcome.kind !== 'record' || (next < input.length && input[next] !== OPEN_OBJECT)) continue;
      this.bad = null;
      return this.reject(input, start, at, bad.reason);
    }
    if (final) {
      this.bad = null;
      return this.reject(input, start, input.length, bad.reason);
    }
    bad.searched = input.length - start;
    if (bad.searched <= MAX_RECORD_BYTES) return null;
    // Too much to keep: what was searched goes now, and the rest of the bad record as pieces of their own.
    this.bad = { ...bad, wrongAt: 0, searched: 0 };
    this.reject(input, start, input.length, bad.reason);
    return input.length;
  }

  private reject(input: Buffer, start: number, end: number, reason: string): number {
    const bytes = Buffer.from(input.subarray(start, end));
    if (bytes.length > 0) {
      this.moveTo(input, start);
      this.rejections++;
      this.rejected.push({ line: this.line, record: this.records + this.rejections, bytes, reason });
    }
    return end;
  }

  /** Counts the lines up to a position that is not before the last one. */
  private moveTo(input: Buffer, at: number): void {
    this.line += countLineFeeds(input.subarray(this.lineAt, at));
    this.lineAt = at;
  }
}

function isUndecided({ kind }: Outcome, next: number, length: number): boolean {
  return kind === 'incomplete' || (kind === 'record' && next === length);
}

/** Whether a record may begin at a `{` inside a bad one: after a `}`, or first in its line. */
function mayBegin(input: Buffer, start: number, at: number): boolean {
  for (let i = at - 1; i > start; i--) {
    if (input[i] === LINE_FEED) return true;
    if (!isSpace(input[i]!)) return input[i] === CLOSE_OBJECT;
  }
  return false;
}

export function countLineFeeds(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, at + 1)) count++;
  return count;
}

const isSpace = (c: number) => c === 0x20 || c === LINE_FEED || c === 0x0d || c === 0x09;

function skipSpace(input: Buffer, start: number): number {
  let i = start;
  while (i < input.length && isSpace(input[i]!)) i++;
  return i;
}
