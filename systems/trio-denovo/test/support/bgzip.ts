import { crc32, deflateRawSync } from 'node:zlib';
import { BGZF_END } from '../../src/reads/readsFile';

const BLOCK_BYTES = 60_000;

/** As `bgzip` writes it: blocks of gzip that tell their size. https://samtools.github.io/hts-specs/SAMv1.pdf, 4.1 */
export function bgzip(text: string): Buffer {
  const bytes = Buffer.from(text);
  const blocks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = bytes.subarray(at, at + BLOCK_BYTES);
    const packed = deflateRawSync(block);
    const head = Buffer.from('1f8b08040000000000ff0600424302000000', 'hex');
    head.writeUInt16LE(head.length + packed.length + 8 - 1, 16);
    const tail = Buffer.alloc(8);
    tail.writeUInt32LE(crc32(block), 0);
    tail.writeUInt32LE(block.length, 4);
    blocks.push(head, packed, tail);
  }
  return Buffer.concat([...blocks, BGZF_END]);
}
