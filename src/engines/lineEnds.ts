import { createReadStream } from 'node:fs';
import { PassThrough, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import { SluiceError } from '../errors';
import type { DataFile } from './catalog';
import type { LineEnd } from './tableView';

const [LF, CR] = [10, 13];

/**
 * How the reader has to take the ends of a text table's lines. LF, CR and CRLF each end one, but the engine's reader does
 * not know them apart where there is a CR by itself beside a CRLF.
 * @throws SluiceError JobFailed for such files
 */
export async function lineEndOf(files: readonly DataFile[], signal: AbortSignal): Promise<LineEnd> {
  let [pairs, single] = [false, false];
  for (const { path, uri } of files) {
    let after = false;
    const follow = (isFeed: boolean) => {
      if (isFeed) pairs = true;
      else single = true;
    };
    for await (const chunk of bytesOf(path, signal)) {
      if (after) follow(chunk[0] === LF);
      for (let at = chunk.indexOf(CR); at !== -1 && at < chunk.length - 1; at = chunk.indexOf(CR, at + 1))
        follow(chunk[at + 1] === LF);
      after = chunk.at(-1) === CR;
    }
    if (after) single = true;
    if (pairs && single)
      throw new SluiceError(
        'JobFailed',
        `NOT_SUPPORTED: local Athena reads text with CRLF or with CR as the end of a line, and ${uri} or a file beside it has the other, too`,
      );
  }
  return single ? '\\n' : '\\r\\n';
}

/** The file as the engine unpacks it. */
async function* bytesOf(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const zstd = (zlib as { createZstdDecompress?: () => Transform }).createZstdDecompress;
  const packed = /\.(gz|zst)$/.exec(path)?.[1];
  // Node 20 cannot unpack it.
  if (packed === 'zst' && zstd === undefined) return;
  const unpacked = packed === 'gz' ? zlib.createGunzip() : packed === 'zst' ? zstd!() : new PassThrough();
  const read = pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), unpacked, { signal });
  try {
    yield* unpacked as AsyncIterable<Buffer>;
    await read;
  } finally {
    read.catch(() => {});
    unpacked.destroy();
  }
}
