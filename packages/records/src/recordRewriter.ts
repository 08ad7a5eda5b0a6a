import { isUtf8 } from 'node:buffer';

/** What the text at a position is. `at` is the end of a record or value, or the byte where the text stops being JSON. */
export interface Outcome {
  kind: 'record' | 'other value' | 'incomplete' | 'bad';
  at: number;
  /** Why it is bad, in words for people. */
  reason: string;
}

/** Deeper nesting is refused: no engine reads it, and the tables of key names would grow with it. */
const MAX_DEPTH = 100;
/** The names that are kept between records; keys that are data themselves must not fill the memory. */
const MAX_NAMES = 65_536;
/** A power of two. */
const KEYS_KEPT = 4096;
const MAX_SERIAL = 2_000_000_000;

/** What may come next. */
const enum Next {
  Value,
  FirstItem,
  FirstKey,
  Key,
  Colon,
  CommaOrEnd,
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const LITERALS: Record<number, Buffer> = {
  0x74: Buffer.from('true'),
  0x66: Buffer.from('false'),
  0x6e: Buffer.from('null'),
};
/** RFC 8259, section 7: what follows a backslash. */
const ESCAPED = new Set(Buffer.from('"\\/bfnrtu'));

interface Name {
  id: number;
  text: string;
  bytes: Buffer;
}

/**
 * The name that a key gets: lower case, and only a-z, 0-9 and _ of it. A key of which nothing is left is `_`, since no
 * engine has columns without a name.
 */
export function nameOf(key: string): string {
  return key.toLowerCase().replace(/[^a-z0-9_]/g, '') || '_';
}

/**
 * Rewrites the keys of JSON records (RFC 8259) byte by byte: every key gets its name, at every depth; values stay as they
 * are written, and white space between them goes, so that a record is one line. When two keys of one object get the same
 * name, the later ones are called `<name>_2`, `<name>_3` and so on, in the order of the text.
 */
export class RecordRewriter {
  /** The records rewritten so far are the first `length` bytes; each ends in a line feed. */
  out = Buffer.allocUnsafe(256 * 1024);
  length = 0;

  /** Keys as they were written last, by their hash: most keys need no more than a look here. */
  private keys: ({ written: Buffer; name: Name } | undefined)[] = emptyKeys();
  private names = new Map<string, Name>();
  /** By depth and name: the serial number of the object that had it last. */
  private seen: Int32Array[] = [];
  private serial = 0;
  private readonly serials = new Int32Array(MAX_DEPTH + 1);
  private readonly closers = new Uint8Array(MAX_DEPTH + 1);

  /** Reads one value from `start`, which is no white space. Only a record adds to `out`. */
  rewrite(input: Buffer, start: number, end: number): Outcome {
    if (this.names.size > MAX_NAMES || this.serial > MAX_SERIAL) this.forget();
    // A key may get longer only through its suffix, which `writeName` makes room for.
    this.reserve(this.length, end - start + 1);
    let i = start;
    let o = this.length;
    let depth = 0;
    let next: Next = Next.Value;
    for (;;) {
      let c = input[i]!;
      while (i < end && (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09)) c = input[++i]!;
      if (i >= end) return incomplete(end);
      if (next === Next.CommaOrEnd) {
        const closer = this.closers[depth]!;
        if (c === COMMA) next = closer === CLOSE_OBJECT ? Next.Key : Next.Value;
        else if (c === closer) depth--;
        else return bad(i, `"," or "${String.fromCharCode(closer)}" is missing`);
        this.out[o++] = c;
        i++;
      } else if (next === Next.Colon) {
        if (c !== COLON) return bad(i, '":" is missing after a key');
        this.out[o++] = c;
        i++;
        next = Next.Value;
        continue;
      } else if (next === Next.Key || (next === Next.FirstKey && c !== CLOSE_OBJECT)) {
        if (c !== QUOTE) return bad(i, 'a key is missing');
        const close = findStringEnd(input, i + 1, end);
        if (close < 0)
          return close === INCOMPLETE ? incomplete(end) : bad(-close, stringProblem(input, -close));
        o = this.writeName(this.findName(input, i + 1, close), o, depth, end - close + 1);
        i = close + 1;
        next = Next.Colon;
        continue;
      } else if (
        (next === Next.FirstKey && c === CLOSE_OBJECT) ||
        (next === Next.FirstItem && c === CLOSE_ARRAY)
      ) {
        this.out[o++] = c;
        i++;
        depth--;
        next = Next.CommaOrEnd;
      } else if (c === OPEN_OBJECT || c === OPEN_ARRAY) {
        if (++depth > MAX_DEPTH) return bad(i, `nested more than ${MAX_DEPTH} levels deep`);
        if (c === OPEN_OBJECT) this.serials[depth] = ++this.serial;
        this.closers[depth] = c === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY;
        next = c === OPEN_OBJECT ? Next.FirstKey : Next.FirstItem;
        this.out[o++] = c;
        i++;
        continue;
      } else {
        const isText = c === QUOTE;
        let valueEnd = isText ? findStringEnd(input, i + 1, end) : findScalarEnd(input, i, end);
        if (valueEnd === INCOMPLETE) return incomplete(end);
        if (valueEnd <= 0) return bad(-valueEnd, isText ? stringProblem(input, -valueEnd) : 'no JSON value');
        if (isText) valueEnd++;
        const { out } = this;
        // Copying a long value through the engine costs less than a loop; a short one does not.
        if (valueEnd - i > 64) o += input.copy(out, o, i, valueEnd);
        else for (let from = i; from < valueEnd; from++) out[o++] = input[from]!;
        i = valueEnd;
        next = Next.CommaOrEnd;
      }
      if (depth > 0) continue;
      if (input[start] !== OPEN_OBJECT)
        return { kind: 'other value', at: i, reason: `${kindOf(input[start]!)}, not an object` };
      if (!isUtf8(input.subarray(start, i))) return { kind: 'other value', at: i, reason: 'not UTF-8' };
      this.out[o++] = 0x0a;
      this.length = o;
      return { kind: 'record', at: i, reason: '' };
    }
  }

  private findName(input: Buffer, start: number, end: number): Name {
    let hash = end - start;
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + input[i]!) | 0;
    const slot = (hash ^ (hash >>> 15)) & (KEYS_KEPT - 1);
    const known = this.keys[slot];
    if (known && known.written.length === end - start) {
      let same = 0;
      while (start + same < end && known.written[same] === input[start + same]) same++;
      if (start + same === end) return known.name;
    }
    const written = Buffer.from(input.subarray(start, end));
    // A key may be escaped, and lower case may turn a letter beyond ASCII into one of a to z.
    const name = this.internName(nameOf(JSON.parse(`"${written.toString()}"`) as string));
    this.keys[slot] = { written, name };
    return name;
  }

  private internName(text: string): Name {
    const known = this.names.get(text);
    if (known) return known;
    const name = { id: this.names.size, text, bytes: Buffer.from(`"${text}"`) };
    this.names.set(text, name);
    return name;
  }

  private writeName(wanted: Name, at: number, depth: number, inputLeft: number): number {
    const serial = this.serials[depth]!;
    let name = wanted;
    for (let suffix = 2; this.isTaken(name, depth, serial); suffix++)
      name = this.internName(`${wanted.text}_${suffix}`);
    this.seen[depth]![name.id] = serial;
    const { bytes } = name;
    this.reserve(at, bytes.length + inputLeft);
    const { out } = this;
    let o = at;
    for (let i = 0; i < bytes.length; i++) out[o++] = bytes[i]!;
    return o;
  }

  private isTaken({ id }: Name, depth: number, serial: number): boolean {
    let seen = this.seen[depth];
    if (seen === undefined || seen.length <= id) {
      const larger = new Int32Array(Math.max(256, 2 * id));
      if (seen) larger.set(seen);
      this.seen[depth] = seen = larger;
    }
    return seen[id] === serial;
  }

  /** Makes room for `more` bytes from `at` on. */
  private reserve(at: number, more: number): void {
    if (at + more <= this.out.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.out.length, at + more));
    this.out.copy(larger, 0, 0, at);
    this.out = larger;
  }

  private forget(): void {
    this.keys = emptyKeys();
    this.names = new Map();
    this.seen = [];
    this.serial = 0;
  }
}

const emptyKeys = () => Array.from({ length: KEYS_KEPT }, () => undefined);

const INCOMPLETE = Number.MIN_SAFE_INTEGER;

const incomplete = (at: number): Outcome => ({ kind: 'incomplete', at, reason: 'the record has no end' });
const bad = (at: number, reason: string): Outcome => ({ kind: 'bad', at, reason });

/** The closing quote's position; minus the position of what no string may hold; or INCOMPLETE. */
function findStringEnd(input: Buffer, start: number, end: number): number {
  for (let i = start; i < end; i++) {
    const c = input[i]!;
    if (c === QUOTE) return i;
    if (c < 0x20) return -i;
    if (c !== BACKSLASH) continue;
    if (++i >= end) return INCOMPLETE;
    if (!ESCAPED.has(input[i]!)) return -i;
    if (input[i] !== 0x75) continue;
    for (let digits = 0; digits < 4; digits++) {
      if (++i >= end) return INCOMPLETE;
      if (!isHex(input[i]!)) return -i;
    }
  }
  return INCOMPLETE;
}

/** The end of a number, true, false or null; minus the position of what is none; or INCOMPLETE. */
function findScalarEnd(input: Buffer, start: number, end: number): number {
  const literal = LITERALS[input[start]!];
  if (literal) {
    for (let k = 0; k < literal.length; k++) {
      if (start + k >= end) return INCOMPLETE;
      if (input[start + k] !== literal[k]) return -(start + k);
    }
    return start + literal.length;
  }
  let i = start;
  if (input[i] === 0x2d) i++;
  const whole = i;
  while (i < end && isDigit(input[i]!)) i++;
  if (i >= end) return INCOMPLETE;
  // No digit, or a zero before others.
  if (i === whole || (input[whole] === 0x30 && i > whole + 1)) return -i;
  if (input[i] === 0x2e) {
    const first = ++i;
    while (i < end && isDigit(input[i]!)) i++;
    if (i >= end) return INCOMPLETE;
    if (i === first) return -i;
  }
  if (input[i] === 0x65 || input[i] === 0x45) {
    if (input[++i] === 0x2b || input[i] === 0x2d) i++;
    const first = i;
    while (i < end && isDigit(input[i]!)) i++;
    if (i >= end) return INCOMPLETE;
    if (i === first) return -i;
  }
  return i;
}

const isDigit = (c: number) => c >= 0x30 && c <= 0x39;
const isHex = (c: number) => isDigit(c) || (c >= 0x41 && c <= 0x46) || (c >= 0x61 && c <= 0x66);

function stringProblem(input: Buffer, at: number): string {
  return input[at]! < 0x20 ? 'a control character in a text' : 'an unknown escape in a text';
}

function kindOf(c: number): string {
  if (c === OPEN_ARRAY) return 'a list';
  return c === QUOTE ? 'a text' : c === 0x6e ? 'null' : c === 0x74 || c === 0x66 ? 'a boolean' : 'a number';
}
