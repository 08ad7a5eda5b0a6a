import { createReadStream, createWriteStream, closeSync, openSync, readSync } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';
import { createGunzip } from 'node:zlib';
import { SluiceError } from '../../errors';
import type { Dialect, LineEnd } from './records';
import type { NotUtf8 } from './survey';

/** What a caller says of its files; what it does not say is as in `data.md`. */
export interface CsvOptions {
  delimiter: string;
  /** Lines above the header. */
  skipLines: number;
  /** Any that `TextDecoder` knows; of a file without byte order mark. */
  encoding: string;
}

const BYTE_ORDER_MARKS: { encoding: string; bytes: number[] }[] = [
  { encoding: 'utf-8', bytes: [0xef, 0xbb, 0xbf] },
  { encoding: 'utf-16le', bytes: [0xff, 0xfe] },
  { encoding: 'utf-16be', bytes: [0xfe, 0xff] },
];
const GZIP = [0x1f, 0x8b];

/**
 * The file as plain UTF-8: itself, or what gzip and its encoding come to, which is written to `decoded`.
 * @throws SluiceError BadData when it is not in its encoding, InvalidJob for an encoding that is unknown
 */
export async function decodeFile(
  path: string,
  decoded: string,
  encoding: string,
  signal: AbortSignal,
): Promise<string> {
  const isGzip = startsWith(readHead(path, 2), GZIP);
  const head = isGzip ? await readUnzippedHead(path) : readHead(path, 3);
  const marked = BYTE_ORDER_MARKS.find(({ bytes }) => startsWith(head, bytes))?.encoding;
  const found = marked ?? labelOf(encoding);
  if (!isGzip && found === 'utf-8') return path;
  const decode = found === 'utf-8' ? [] : [decodeFrom(found)];
  try {
    await pipeline(
      [createReadStream(path), ...(isGzip ? [createGunzip()] : []), ...decode, createWriteStream(decoded)],
      { signal },
    );
  } catch (error) {
    signal.throwIfAborted();
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (code.startsWith('Z_')) throw new SluiceError('BadData', `${path}: its gzip is broken: ${message}`);
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      throw new SluiceError(
        'BadData',
        `${path}: is not in ${found}; give its own encoding as the argument encoding`,
      );
    throw error;
  }
  return decoded;
}

/** @throws SluiceError BadData that names line and byte */
export function describeNotUtf8(path: string, textFile: string, { offset }: NotUtf8): SluiceError {
  const hex = readAt(textFile, offset).toString(16).toUpperCase().padStart(2, '0');
  return new SluiceError(
    'BadData',
    `${path}: byte ${offset + 1} (0x${hex}, line ${lineOf(textFile, offset)}) is no UTF-8; give the file's own encoding as the argument encoding, such as windows-1252 or iso-8859-1`,
  );
}

/** Pieces of a UTF-8 file's text, without its byte order mark. */
export function readText(path: string): { next: () => string | null; close: () => void } {
  const file = openSync(path, 'r');
  const decoder = new StringDecoder('utf8');
  const chunk = Buffer.allocUnsafe(1 << 20);
  let isFirst = true;
  return {
    next() {
      const length = readSync(file, chunk, 0, chunk.length, null);
      if (length === 0) return null;
      const text = decoder.write(chunk.subarray(0, length));
      if (!isFirst) return text;
      isFirst = false;
      return text.replace(/^\ufeff/, '');
    },
    close: () => closeSync(file),
  };
}

/** Whether a UTF-8 file begins with one. */
export function hasByteOrderMark(path: string): boolean {
  return startsWith(readHead(path, 3), BYTE_ORDER_MARKS[0]!.bytes);
}

/** The first line end of a text says which kind all are of; one in a quoted name of the header is none. */
export function dialectOf(
  head: string,
  { delimiter, skipLines }: Pick<CsvOptions, 'delimiter' | 'skipLines'>,
): Dialect {
  const between = `\\x${delimiter.charCodeAt(0).toString(16).padStart(2, '0')}`;
  const field = `"(?:[^"]|"")*"[ \\t]*|[^"\\r\\n${between}][^\\r\\n${between}]*|`;
  const header = new RegExp(`^(?:${field})(?:${between}(?:${field}))*(\\r\\n|\\n|\\r)`);
  const found = (skipLines === 0 ? header.exec(head)?.[1] : undefined) ?? /\r\n|\n|\r/.exec(head)?.[0];
  return { delimiter, lineEnd: (found ?? '\n') as LineEnd };
}

/** Whether a line of a file ends before a byte. */
export function endsAt(path: string, offset: number, lineEnd: LineEnd): boolean {
  return [...lineEnd].every((end, i) => readAt(path, offset - lineEnd.length + i) === end.charCodeAt(0));
}

function labelOf(encoding: string): string {
  try {
    return new TextDecoder(encoding).encoding;
  } catch {
    throw new SluiceError(
      'InvalidJob',
      `encoding: "${encoding}" is unknown; give one such as windows-1252, iso-8859-15 or utf-16le (https://encoding.spec.whatwg.org/#names-and-labels)`,
    );
  }
}

function decodeFrom(encoding: string): Transform {
  const decoder = new TextDecoder(encoding, { fatal: true });
  return new Transform({
    transform(chunk: Buffer, _, done) {
      try {
        done(null, decoder.decode(chunk, { stream: true }));
      } catch (error) {
        done(error as Error);
      }
    },
    flush(done) {
      try {
        done(null, decoder.decode());
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

async function readUnzippedHead(path: string): Promise<Buffer> {
  const stream = createReadStream(path).pipe(createGunzip());
  try {
    for await (const chunk of stream) return chunk as Buffer;
  } catch {
    // What is broken is told when the whole file is read.
  } finally {
    stream.destroy();
  }
  return Buffer.alloc(0);
}

function readHead(path: string, length: number): Buffer {
  const head = Buffer.alloc(length);
  const file = openSync(path, 'r');
  try {
    return head.subarray(0, readSync(file, head, 0, length, 0));
  } finally {
    closeSync(file);
  }
}

function readAt(path: string, offset: number): number {
  const byte = Buffer.alloc(1);
  const file = openSync(path, 'r');
  try {
    readSync(file, byte, 0, 1, offset);
    return byte[0]!;
  } finally {
    closeSync(file);
  }
}

/** The line, from 1, in which a byte lies. */
function lineOf(path: string, offset: number): number {
  const file = openSync(path, 'r');
  const chunk = Buffer.allocUnsafe(1 << 20);
  let [line, position, before] = [1, 0, 0];
  try {
    while (position < offset) {
      const length = readSync(file, chunk, 0, Math.min(chunk.length, offset - position), position);
      for (let at = 0; at < length; at++) {
        const byte = chunk[at]!;
        if (byte === 0x0d || (byte === 0x0a && before !== 0x0d)) line++;
        before = byte;
      }
      position += length;
    }
    return line;
  } finally {
    closeSync(file);
  }
}

function startsWith(bytes: Buffer, beginning: readonly number[]): boolean {
  return bytes.length >= beginning.length && beginning.every((byte, i) => bytes[i] === byte);
}
