import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { SluiceError } from 'sluice';

/** What the lines before the first record of a VCF say. */
export interface VcfHeader {
  compression: 'none' | 'gzip';
  /** How many lines there are before the first record. */
  lines: number;
  /** In the order of their columns. */
  samples: string[];
  /** Length by name, null where the header gives none; empty when it names no contigs. */
  contigs: Record<string, number | null>;
}

/** The columns before the samples: https://samtools.github.io/hts-specs/VCFv4.3.pdf, 1.5 */
export const FIXED_COLUMNS = [
  '#CHROM',
  'POS',
  'ID',
  'REF',
  'ALT',
  'QUAL',
  'FILTER',
  'INFO',
  'FORMAT',
] as const;

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
/** A header of so many bytes is none. */
const MAX_HEADER_BYTES = 256 * 1024 * 1024;

/**
 * Reads the header of a VCF, plain or compressed, and leaves the rest of the stream alone.
 * @throws SluiceError BadData that names the file and the cure
 */
export async function readHeader(bytes: Readable, uri: string): Promise<VcfHeader> {
  const lines = new HeaderLines(uri);
  let compression: VcfHeader['compression'] = 'none';
  let source: Readable = bytes;
  try {
    const first = await readFirst(bytes);
    if (first !== null) {
      bytes.unshift(first);
      if (first.subarray(0, 2).equals(GZIP_MAGIC)) {
        compression = 'gzip';
        source = bytes.pipe(createGunzip());
        bytes.on('error', (error) => source.destroy(error));
      }
    }
    for await (const chunk of source as AsyncIterable<Buffer>) if (lines.take(chunk)) break;
  } catch (error) {
    if (!/^(Z_|ERR_.*ZLIB)/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
    throw new SluiceError('BadData', `${uri}: its gzip is broken before the first record; upload it again`, {
      cause: error,
    });
  } finally {
    source.destroy();
    bytes.destroy();
  }
  return { compression, ...lines.finish() };
}

/** The first bytes, at least two; null for an empty stream. */
async function readFirst(bytes: Readable): Promise<Buffer | null> {
  for (;;) {
    const chunk = bytes.read() as Buffer | null;
    if (chunk !== null) return chunk;
    if (bytes.readableEnded) return null;
    await Promise.race([once(bytes, 'readable'), once(bytes, 'end')]);
  }
}

class HeaderLines {
  private rest = '';
  private readonly decoder = new TextDecoder();
  private bytes = 0;
  private lines = 0;
  private samples: string[] | null = null;
  private readonly contigs: VcfHeader['contigs'] = {};

  constructor(private readonly uri: string) {}

  /** Whether the header is complete. */
  take(chunk: Buffer): boolean {
    this.bytes += chunk.length;
    this.rest += this.decoder.decode(chunk, { stream: true });
    const lines = this.rest.split('\n');
    this.rest = lines.pop()!;
    for (const line of lines) {
      this.takeLine(line.replace(/\r$/, ''));
      if (this.samples !== null) return true;
    }
    if (this.bytes > MAX_HEADER_BYTES) this.refuse('has no line that begins with #CHROM');
    return false;
  }

  finish(): Omit<VcfHeader, 'compression'> {
    // A file without records may lack the end of its last line.
    if (this.samples === null && this.rest.startsWith(FIXED_COLUMNS[0]))
      this.takeLine(this.rest.replace(/\r$/, ''));
    const { samples, lines, contigs } = this;
    if (samples === null) return this.refuse('ends before the line that begins with #CHROM');
    return { samples, lines, contigs };
  }

  private takeLine(line: string): void {
    this.lines++;
    if (this.lines === 1 && !/^\uFEFF?##fileformat=VCFv4\./.test(line))
      this.refuse(`begins with "${line.slice(0, 40)}", and a VCF 4 with ##fileformat=VCFv4.`);
    const [, inside] = /^##contig=<(.*)>$/.exec(line) ?? [];
    if (inside !== undefined) {
      const [, name] = /(?:^|,)ID=([^,]+)/.exec(inside) ?? [];
      const [, length] = /(?:^|,)length=(\d+)/.exec(inside) ?? [];
      if (name !== undefined) this.contigs[name] = length === undefined ? null : Number(length);
    }
    if (!line.startsWith('#')) this.refuse(`has no line that begins with #CHROM before line ${this.lines}`);
    if (line.startsWith('##')) return;
    const columns = line.split('\t');
    const wrong = FIXED_COLUMNS.findIndex((name, i) => columns[i] !== name);
    if (wrong !== -1)
      this.refuse(
        `column ${wrong + 1} is "${columns[wrong] ?? ''}" in line ${this.lines}, and should be ${FIXED_COLUMNS[wrong]}; columns are parted by tabs`,
      );
    this.samples = columns.slice(FIXED_COLUMNS.length);
  }

  private refuse(what: string): never {
    throw new SluiceError('BadData', `${this.uri}: ${what}; give a VCF 4 with genotypes, plain or gzip`);
  }
}
