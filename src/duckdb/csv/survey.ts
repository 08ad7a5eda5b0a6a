import { isUtf8 } from 'node:buffer';
import { closeSync, openSync, readSync } from 'node:fs';
import { MAX_RECORD_LENGTH, type Dialect } from './records';

/** What a look at every byte of a file says. */
export interface Survey {
  /** DuckDB's own reader reads it by our rules; otherwise it is rewritten first. */
  isPlain: boolean;
  /**
   * It cannot be cut anywhere: a quoted field holds a line break, or a row where DuckDB cuts is none. From there on 1.5.6 reads
   * nothing, and says nothing.
   */
  isSequential: boolean;
}

/** A file holds what is no UTF-8. */
export class NotUtf8 extends Error {
  /** @param offset of the byte, from 0 */
  constructor(readonly offset: number) {
    super(`byte ${offset + 1} is no UTF-8`);
  }
}

const CHUNK = 1 << 20;
const [QUOTE, CR, LF, SPACE, TAB] = [0x22, 0x0d, 0x0a, 0x20, 0x09];
/** Where DuckDB cuts a file, in bytes: at its multiples, `CSVIterator::BYTES_PER_THREAD`. */
const CUT = 8_000_000;
/** How many lines behind a cut are looked at. */
const LINES_AT_CUT = 3;

/**
 * Looks at all bytes of a UTF-8 file at the speed of memory: quotes are the only places where it stops. Not plain is a file
 * - with a quote other than at the beginning or the end of a field, or one that never closes: readers differ there;
 * - with a blank inside of a quoted field's end: behind the reader nobody can tell it from one that does not count;
 * - with line ends of more than one kind;
 * - with more delimiters at the end of a row than there are columns: the reader takes any number, and none with a blank;
 * - with a line of more bytes than the reader takes, or with a NUL.
 * @param from the byte at which the header begins
 * @param width how many columns the header has
 * @throws NotUtf8
 */
export function surveyFile(path: string, from: number, dialect: Dialect, width: number): Survey {
  const quotes = new QuoteSurvey(dialect);
  const ends = new LineEndSurvey(dialect);
  const rows = new RowSurvey(dialect, width, from);
  const text = new TextSurvey();
  const file = openSync(path, 'r');
  try {
    const chunk = Buffer.allocUnsafe(CHUNK);
    let position = 0;
    for (;;) {
      const length = readSync(file, chunk, 0, CHUNK, position);
      const bytes = chunk.subarray(0, length);
      text.add(bytes);
      const data = position >= from ? bytes : bytes.subarray(Math.min(length, from - position));
      if (quotes.isPlain && ends.isPlain && rows.isPlain && data.length > 0) {
        quotes.add(data);
        ends.add(data);
        rows.add(data);
      }
      position += length;
      if (length === 0) break;
    }
    text.end();
    rows.end();
    return {
      isPlain: quotes.isPlain && ends.isPlain && rows.isPlain && !quotes.isOpen,
      isSequential: quotes.hasLineBreak || rows.isWrongAtCut,
    };
  } finally {
    closeSync(file);
  }
}

/** Whether every quote stands where RFC 4180 has it, over chunks. */
class QuoteSurvey {
  isPlain = true;
  isOpen = false;
  hasLineBreak = false;
  private before = LF;
  /** The last byte was a quote within a quoted field: what comes next says whether it closes it. */
  private isUndecided = false;
  private openFor = 0;
  private readonly delimiter: number;
  private readonly lineBreak: number;

  constructor({ delimiter, lineEnd }: Dialect) {
    this.delimiter = delimiter.charCodeAt(0);
    this.lineBreak = lineEnd === '\r' ? CR : LF;
    this.isPlain = this.delimiter < 0x80;
  }

  add(bytes: Buffer): void {
    let at = 0;
    const { length } = bytes;
    while (at < length) {
      if (this.isUndecided) {
        this.isUndecided = false;
        if (bytes[at] === QUOTE) {
          at++;
          continue;
        }
        this.isOpen = false;
        if (!this.isFieldEnd(bytes[at]!)) return this.refuse();
      }
      const quote = bytes.indexOf(QUOTE, at);
      const end = quote === -1 ? length : quote;
      if (this.isOpen) {
        if (!this.hasLineBreak) {
          const lineBreak = bytes.indexOf(this.lineBreak, at);
          this.hasLineBreak = lineBreak !== -1 && lineBreak < end;
        }
        if (this.openFor === 0 && end > at && isBlank(bytes[at]!)) return this.refuse();
        this.openFor += end - at;
        if (this.openFor > MAX_RECORD_LENGTH / 2) return this.refuse();
        if (quote === -1) break;
        if (this.openFor > 0 && isBlank(quote > 0 ? bytes[quote - 1]! : this.before)) return this.refuse();
        this.isUndecided = true;
      } else {
        if (quote === -1) break;
        if (!this.isFieldEnd(quote > 0 ? bytes[quote - 1]! : this.before)) return this.refuse();
        this.isOpen = true;
        this.openFor = 0;
      }
      at = quote + 1;
    }
    this.before = bytes[length - 1]!;
    if (this.isUndecided) this.before = QUOTE;
  }

  private isFieldEnd(byte: number): boolean {
    return byte === this.delimiter || byte === LF || byte === CR;
  }

  private refuse(): void {
    this.isPlain = false;
  }
}

/** Whether all line ends are of one kind, over chunks. */
class LineEndSurvey {
  isPlain = true;
  private before = 0;

  constructor(private readonly dialect: Dialect) {}

  add(bytes: Buffer): void {
    const { lineEnd } = this.dialect;
    if (lineEnd === '\n') this.isPlain = !bytes.includes(CR);
    else if (lineEnd === '\r') this.isPlain = !bytes.includes(LF);
    else this.isPlain = this.arePairs(bytes);
    this.before = bytes[bytes.length - 1]!;
  }

  private arePairs(bytes: Buffer): boolean {
    if (this.before === CR && bytes[0] !== LF) return false;
    for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) {
      if ((at > 0 ? bytes[at - 1] : this.before) !== CR) return false;
    }
    for (let at = bytes.indexOf(CR); at !== -1; at = bytes.indexOf(CR, at + 1)) {
      if (at + 1 < bytes.length && bytes[at + 1] !== LF) return false;
    }
    return true;
  }
}

/** Whether the reader tells rows by their length and their fields as we do, over chunks. */
class RowSurvey {
  isPlain = true;
  isWrongAtCut = false;
  private readonly delimiter: number;
  private readonly lineEnd: number;
  /** The line that the last chunk has begun. */
  private rest = Buffer.alloc(0) as Buffer;
  private nextCut: number;
  /** How many lines are still to be looked at behind a cut. */
  private toLookAt = 0;

  constructor(
    { delimiter, lineEnd }: Dialect,
    private readonly width: number,
    /** Of the next byte. */
    private position: number,
  ) {
    this.delimiter = delimiter.charCodeAt(0);
    this.lineEnd = lineEnd === '\n' ? LF : CR;
    this.nextCut = (Math.floor(position / CUT) + 1) * CUT;
  }

  add(bytes: Buffer): void {
    const last = bytes.lastIndexOf(this.lineEnd);
    const first = last === -1 ? bytes.length : bytes.indexOf(this.lineEnd);
    if (bytes.includes(0) || this.rest.length + first > MAX_RECORD_LENGTH) return this.refuse();
    this.lookAtCuts(bytes);
    for (const at of this.endsBehindNothing(bytes)) this.lookAtEnd(this.lineTo(bytes, at));
    this.rest = last === -1 ? Buffer.concat([this.rest, bytes]) : Buffer.from(bytes.subarray(last + 1));
    this.position += bytes.length;
  }

  end(): void {
    if (this.isPlain && this.rest.length > 0) this.lookAtEnd(this.rest);
  }

  /** The line ends behind a delimiter or a blank. */
  private endsBehindNothing(bytes: Buffer): number[] {
    const found: number[] = [];
    for (const before of new Set([this.delimiter, SPACE, TAB])) {
      if (bytes[0] === this.lineEnd && this.rest.at(-1) === before) found.push(0);
      if (before === TAB && !bytes.includes(TAB)) continue;
      // Backwards, the rarer byte is what is looked for.
      const pair = Buffer.of(before, this.lineEnd);
      for (let at = bytes.length; at > 0;) {
        at = bytes.lastIndexOf(pair, at - 1);
        if (at >= 0) found.push(at + 1);
      }
    }
    return found;
  }

  private lineTo(bytes: Buffer, end: number): Buffer {
    const begin = end === 0 ? 0 : bytes.lastIndexOf(this.lineEnd, end - 1) + 1;
    const line = bytes.subarray(begin, end);
    return begin === 0 ? Buffer.concat([this.rest, line]) : line;
  }

  private lookAtEnd(line: Buffer): void {
    let last = line.length - 1;
    while (last >= 0 && isBlank(line[last]!) && line[last] !== this.delimiter) last--;
    if (line[last] !== this.delimiter) return;
    const { fields, isQuoted } = this.countFields(line);
    // A line within a quoted field is not looked into.
    if (isQuoted || fields > this.width + 1 || (fields > this.width && last < line.length - 1)) this.refuse();
  }

  private lookAtCuts(bytes: Buffer): void {
    let at = 0;
    for (;;) {
      if (this.toLookAt === 0) {
        if (this.nextCut >= this.position + bytes.length) return;
        const cut = this.nextCut - this.position;
        // The line that the cut is in, and those behind it.
        at = cut === 0 ? 0 : bytes.lastIndexOf(this.lineEnd, cut - 1) + 1;
        this.toLookAt = LINES_AT_CUT;
        this.nextCut += CUT;
      }
      const end = bytes.indexOf(this.lineEnd, at);
      if (end === -1) return;
      const line = this.lineTo(bytes, end);
      const { fields } = this.countFields(line);
      const isExtraEmpty = fields === this.width + 1 && line[line.length - 1] === this.delimiter;
      if (fields !== this.width && !isExtraEmpty) this.isWrongAtCut = true;
      at = end + 1;
      this.toLookAt--;
    }
  }

  private countFields(line: Buffer): { fields: number; isQuoted: boolean } {
    let fields = 1;
    let isQuoted = false;
    for (const byte of line) {
      if (byte === QUOTE) isQuoted = !isQuoted;
      else if (byte === this.delimiter && !isQuoted) fields++;
    }
    return { fields, isQuoted };
  }

  private refuse(): void {
    this.isPlain = false;
  }
}

/** Whether all is UTF-8, over chunks that may cut a character. */
class TextSurvey {
  private rest = Buffer.alloc(0) as Buffer;
  private bytesBefore = 0;

  add(bytes: Buffer): void {
    const all = this.rest.length > 0 ? Buffer.concat([this.rest, bytes]) : bytes;
    const whole = all.length - countCutBytes(all);
    if (!isUtf8(all.subarray(0, whole))) throw new NotUtf8(this.bytesBefore + findWrongByte(all));
    this.rest = Buffer.from(all.subarray(whole));
    this.bytesBefore += whole;
  }

  end(): void {
    if (this.rest.length > 0) throw new NotUtf8(this.bytesBefore);
  }
}

/** Where the first character begins that is no UTF-8. */
function findWrongByte(bytes: Buffer): number {
  const isSound = (length: number) => {
    const head = bytes.subarray(0, length);
    return isUtf8(head.subarray(0, length - countCutBytes(head)));
  };
  let [sound, unsound] = [0, bytes.length];
  while (unsound - sound > 1) {
    const middle = (sound + unsound) >> 1;
    if (isSound(middle)) sound = middle;
    else unsound = middle;
  }
  return sound - countCutBytes(bytes.subarray(0, sound));
}

/** How many bytes at the end begin a character that they do not end. */
function countCutBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? back : 0;
    }
  }
  return 0;
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}
