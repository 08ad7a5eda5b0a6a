/** How the fields and rows of a file are told apart; always given, never guessed. */
export interface Dialect {
  /** One character. */
  delimiter: string;
  lineEnd: LineEnd;
}

export type LineEnd = '\n' | '\r\n' | '\r';

/** One row as it stands in the file. */
export interface CsvRecord {
  /** The line on which it begins, from 1. */
  line: number;
  /** Its text without its line end. */
  text: string;
  /** Unquoted and trimmed; null when no row can be made of it. */
  fields: string[] | null;
  /** Why there are no fields. */
  reason: string | null;
}

/** A record with more characters is no row; a quote that is open for so long is one that never closes. */
export const MAX_RECORD_LENGTH = 2_000_000;

const QUOTE = '"';

type Parsed = { fields: string[] | null; reason: string | null; end: number } | 'needs more';

/**
 * Splits text into records by RFC 4180: a field whose first character is a quote may hold delimiters and line breaks, and
 * `""` in it is one quote; a quote anywhere else is an ordinary character. Blanks at both ends of an unquoted field, and
 * between a closing quote and the delimiter, do not count. Empty lines are no records. Where a quote never closes, or
 * text follows a closing one, no row can be made of the line, and reading goes on behind it.
 *
 * DuckDB's own reader reads what it reads alike; this one tells lines, and reads the files that the two would read
 * differently (`surveyFile`).
 */
export class RecordReader {
  private buffer = '';
  private at = 0;
  private line: number;
  private hasEnded = false;
  private readonly lineBreak: string;

  /** @param next the next piece of text, or null at the end */
  constructor(
    private readonly next: () => string | null,
    private readonly dialect: Dialect,
    firstLine = 1,
  ) {
    this.line = firstLine;
    this.lineBreak = dialect.lineEnd === '\r' ? '\r' : '\n';
  }

  /** The next line whatever is in it, or null at the end. */
  readLine(): string | null {
    const end = this.findLineEnd();
    if (end === -1 && this.at >= this.buffer.length) return null;
    return this.take(end === -1 ? this.buffer.length : end);
  }

  /** The fields of the next line, which may be an empty one. */
  readHeader(): string[] {
    const end = this.findLineEnd();
    if (end !== -1 && this.textTo(end) === '') {
      this.take(end);
      return [];
    }
    return this.read()?.fields ?? [];
  }

  /** The next record, or null at the end. */
  read(): CsvRecord | null {
    for (;;) {
      const lineEnd = this.findLineEnd();
      if (lineEnd === -1 && this.at >= this.buffer.length) return null;
      const end = lineEnd === -1 ? this.buffer.length : lineEnd;
      const { line } = this;
      const text = this.textTo(end);
      if (text === '') {
        this.take(end);
        continue;
      }
      if (!text.includes(QUOTE)) {
        this.take(end);
        if (text.length > MAX_RECORD_LENGTH) return refuse(line, text, tooLong());
        return { line, text, fields: text.split(this.dialect.delimiter).map(trimBlanks), reason: null };
      }
      let parsed = this.parse();
      while (parsed === 'needs more') {
        this.fill();
        parsed = this.parse();
      }
      const taken = this.take(parsed.end);
      if (taken.length > MAX_RECORD_LENGTH) return refuse(line, taken, tooLong());
      return { line, text: taken, fields: parsed.fields, reason: parsed.reason };
    }
  }

  /** From the record's first character to its end; the buffer may have to hold more for it. */
  private parse(): Parsed {
    const { buffer, hasEnded, lineBreak } = this;
    const { delimiter } = this.dialect;
    const fields: string[] = [];
    for (let at = this.at; ;) {
      if (buffer[at] !== QUOTE) {
        const lineEnd = buffer.indexOf(lineBreak, at);
        if (lineEnd === -1 && !hasEnded) return 'needs more';
        const end = lineEnd === -1 ? buffer.length : lineEnd;
        const next = buffer.indexOf(delimiter, at);
        if (next !== -1 && next < end) {
          fields.push(trimBlanks(buffer.slice(at, next)));
          at = next + 1;
          continue;
        }
        fields.push(trimBlanks(this.withoutReturn(at, end)));
        return { fields, reason: null, end };
      }
      const close = this.findClosingQuote(at + 1);
      if (close === -1) {
        if (!hasEnded && buffer.length - this.at <= MAX_RECORD_LENGTH) return 'needs more';
        const lineEnd = buffer.indexOf(lineBreak, this.at);
        return {
          fields: null,
          reason: 'a quote that never closes',
          end: lineEnd === -1 ? buffer.length : lineEnd,
        };
      }
      let after = close + 1;
      while ((buffer[after] === ' ' || buffer[after] === '\t') && buffer[after] !== delimiter) after++;
      if (!hasEnded && after + 1 >= buffer.length) return 'needs more';
      fields.push(buffer.slice(at + 1, close).replaceAll('""', QUOTE));
      if (buffer[after] === delimiter) {
        at = after + 1;
        continue;
      }
      if (after >= buffer.length) return { fields, reason: null, end: buffer.length };
      const skipped = lineBreak === '\n' && buffer[after] === '\r' ? after + 1 : after;
      if (buffer[skipped] === lineBreak) return { fields, reason: null, end: skipped };
      const lineEnd = buffer.indexOf(lineBreak, after);
      if (lineEnd === -1 && !hasEnded) return 'needs more';
      return {
        fields: null,
        reason: 'text behind a closing quote',
        end: lineEnd === -1 ? buffer.length : lineEnd,
      };
    }
  }

  /** The quote that closes a field, or -1 when the buffer does not tell. */
  private findClosingQuote(from: number): number {
    const { buffer, hasEnded } = this;
    for (let at = buffer.indexOf(QUOTE, from); at !== -1; at = buffer.indexOf(QUOTE, at + 2)) {
      if (at + 1 === buffer.length && !hasEnded) return -1;
      if (buffer[at + 1] !== QUOTE) return at;
    }
    return -1;
  }

  private findLineEnd(): number {
    let from = this.at;
    for (;;) {
      const end = this.buffer.indexOf(this.lineBreak, from);
      if (end !== -1 || this.hasEnded) return end;
      from = this.buffer.length - this.at;
      this.fill();
    }
  }

  private fill(): void {
    const more = this.next();
    if (more === null) this.hasEnded = true;
    this.buffer = this.buffer.slice(this.at) + (more ?? '');
    this.at = 0;
  }

  private withoutReturn(from: number, end: number): string {
    const hasReturn = this.lineBreak === '\n' && end > from && this.buffer[end - 1] === '\r';
    return this.buffer.slice(from, hasReturn ? end - 1 : end);
  }

  private textTo(end: number): string {
    return this.withoutReturn(this.at, end);
  }

  /** Goes behind the line end at `end`. */
  private take(end: number): string {
    const text = this.textTo(end);
    for (let at = this.at; ; at++) {
      at = this.buffer.indexOf(this.lineBreak, at);
      if (at === -1 || at > end) break;
      this.line++;
    }
    this.at = end + 1;
    return text;
  }
}

function refuse(line: number, text: string, reason: string): CsvRecord {
  return { line, text, fields: null, reason };
}

function tooLong(): string {
  return `more than ${MAX_RECORD_LENGTH} characters`;
}

/** Without spaces and tabs at both ends. */
function trimBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return from === 0 && to === text.length ? text : text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
