import { oneOf, whole, type Random } from 'sluice/testing';
import type { PlantedSite } from './trioVcf';

/** What the reads are made to say of a site: seen in the child alone, in nobody, in a parent as well, or by too few to say. */
export type Testimony = 'confirmed' | 'absent' | 'inherited' | 'open';

export interface TrioReadsOptions {
  /** Child, father and mother. */
  samples: [string, string, string];
  contig?: string;
  contigLength?: number;
  sites: (PlantedSite & { testimony: Testimony })[];
  /**
   * Whether all that a BAM may hold occurs: deletions, insertions, clips, bad bases, overlapping mates, and reads that do not
   * count: unmapped, duplicate, secondary, failed by the vendor.
   */
  odd?: boolean;
}

const READ_LENGTH = 100;
/** Reads that hold a site, of each sample. */
const READS = 24;
const FEW_READS = 4;
const GOOD = 'I';
const BAD = '#';

const FLAG = {
  /** In a proper pair: only then is it known that mates may overlap. */
  paired: 0x1 | 0x2,
  unmapped: 0x4,
  reverse: 0x10,
  first: 0x40,
  last: 0x80,
};
const NOT_COUNTED = { secondary: 0x100, failed: 0x200, duplicate: 0x400 };

/** SAM of each sample, sorted by position. There is no genome behind it: a place has the base that its number gives. */
export function makeTrioReads(random: Random, options: TrioReadsOptions): Record<string, string> {
  const { samples, contig = '17', contigLength = 81_195_210, sites, odd = false } = options;
  const refs = new Map(sites.map(({ pos, ref }) => [pos, ref[0]!]));
  const baseAt = (pos: number) => refs.get(pos) ?? 'ACGT'[Math.imul(pos, 2_654_435_761) >>> 30]!;
  return Object.fromEntries(
    samples.map((sample, role) => {
      const reads: SamRead[] = [];
      for (const [i, site] of sites.entries()) {
        const isOpen = site.testimony === 'open' && role === 0;
        const has =
          (role === 0 && site.testimony !== 'absent') || (role === 2 && site.testimony === 'inherited');
        for (let j = 0; j < (isOpen ? FEW_READS : READS); j++) {
          const alleles = has && j % 2 === 0 ? site.alt : site.ref;
          const name = `${sample}.${i}.${j}`;
          reads.push(...makeReads(random, { name, site, base: alleles[0]!, baseAt, contigLength, odd }));
        }
      }
      reads.sort((a, b) => a.pos - b.pos);
      const lines = [
        '@HD\tVN:1.6\tSO:coordinate',
        `@SQ\tSN:${contig}\tLN:${contigLength}`,
        `@RG\tID:${sample}\tSM:${sample}`,
        ...reads.map((read) => formatRead(read, contig, sample)),
      ];
      if (odd)
        lines.push(`${sample}.unmapped\t${FLAG.unmapped}\t*\t0\t0\t*\t*\t0\t0\tACGT\tIIII\tRG:Z:${sample}`);
      return [sample, `${lines.join('\n')}\n`];
    }),
  );
}

interface SamRead {
  name: string;
  flag: number;
  pos: number;
  cigar: string;
  bases: string;
  qualities: string;
}

interface Wanted {
  name: string;
  site: PlantedSite;
  /** At the site. */
  base: string;
  baseAt: (pos: number) => string;
  contigLength: number;
  odd: boolean;
}

/** A read over the site, and in an odd set its mate over the same place, or one that does not count. */
function makeReads(random: Random, wanted: Wanted): SamRead[] {
  const { name, site, base, baseAt, contigLength, odd } = wanted;
  const most = Math.min(site.pos, contigLength - READ_LENGTH);
  const start = Math.max(1, whole(random, site.pos - READ_LENGTH + 1, most));
  const bases = Array.from({ length: READ_LENGTH }, (_, i) =>
    start + i === site.pos ? base : baseAt(start + i),
  );
  const qualities = Array.from({ length: READ_LENGTH }, () => GOOD);
  const flag = random() < 0.5 ? FLAG.reverse : 0;
  const plain = {
    name,
    flag,
    pos: start,
    cigar: `${READ_LENGTH}M`,
    bases: bases.join(''),
    qualities: qualities.join(''),
  };
  if (!odd) return [plain];
  const at = site.pos - start;
  switch (whole(random, 0, 9)) {
    case 0:
      return [cut(plain, whole(random, 10, 60), 3)];
    case 1:
      return [insert(plain, whole(random, 10, 60), oneOf(random, ['A', 'GT', 'CCC']))];
    case 2: {
      const clipped = Math.min(at, whole(random, 1, 20));
      const soft = clipped > 0 ? `${clipped}S` : '';
      return [{ ...plain, pos: start + clipped, cigar: `5H${soft}${READ_LENGTH - clipped}M` }];
    }
    case 3:
      qualities[at] = BAD;
      return [{ ...plain, qualities: qualities.join('') }];
    case 4: {
      const mate = { ...plain, flag: FLAG.paired | FLAG.last };
      return [{ ...plain, flag: FLAG.paired | FLAG.first }, mate];
    }
    case 5: {
      const extra = oneOf(random, Object.values(NOT_COUNTED));
      return [plain, { ...plain, name: `${name}.not-counted`, flag: flag | extra }];
    }
    default:
      return [plain];
  }
}

/** Without `length` bases, which the read skips. */
function cut(read: SamRead, at: number, length: number): SamRead {
  const rest = READ_LENGTH - at - length;
  return {
    ...read,
    cigar: `${at}M${length}D${rest}M`,
    bases: read.bases.slice(0, at) + read.bases.slice(at + length),
    qualities: read.qualities.slice(length),
  };
}

function insert(read: SamRead, at: number, bases: string): SamRead {
  return {
    ...read,
    cigar: `${at}M${bases.length}I${READ_LENGTH - at}M`,
    bases: read.bases.slice(0, at) + bases + read.bases.slice(at),
    qualities: read.qualities + GOOD.repeat(bases.length),
  };
}

function formatRead(
  { name, flag, pos, cigar, bases, qualities }: SamRead,
  contig: string,
  sample: string,
): string {
  const mate = flag & FLAG.paired ? ['=', pos, READ_LENGTH] : ['*', 0, 0];
  return [name, flag, contig, pos, 60, cigar, ...mate, bases, qualities, `RG:Z:${sample}`].join('\t');
}
