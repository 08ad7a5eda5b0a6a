import type { SiteView } from './readsFile';
import type { Verdict } from './judgeSite';

export interface Variant {
  chrom: string;
  /** From 1. */
  pos: number;
  /** Null at a place that was asked for and at which the child has no variant. */
  ref: string | null;
  alt: string | null;
  id: string | null;
}

export interface SampleBases {
  depth: number;
  A: number;
  C: number;
  G: number;
  T: number;
  N: number;
  deleted: number;
  /** Reads that have the ALT. */
  alt: number;
}

/** One of `sites.json`. */
export interface Site extends Variant {
  samples: Record<string, SampleBases>;
  verdict: Verdict;
  reason: string;
  /** The picture's place below the output. */
  picture: string;
}

/** What pictures are drawn of: the reads of each sample, in the order of `samples`. */
export interface SiteReads {
  picture: string;
  title: string;
  pos: number;
  samples: { sample: string; reads: SiteView['reads'] }[];
}

/** `pileups/17-63052581-T-A.svg`; long alleles are cut, and what no file should be called by is `_`. */
export function pictureOf({ chrom, pos, ref, alt }: Variant, taken: readonly string[]): string {
  const parts = [chrom, pos, ...[ref, alt].flatMap((allele) => allele?.slice(0, 12) ?? [])];
  const name = parts.join('-').replace(/[^\w.-]/g, '_');
  for (let i = 1; ; i++) {
    const picture = `pileups/${name}${i === 1 ? '' : `-${i}`}.svg`;
    if (!taken.includes(picture)) return picture;
  }
}

export function titleOf({ chrom, pos, ref, alt, id }: Variant): string {
  const change = ref === null ? '' : ` ${ref}>${alt}`;
  return `${chrom}:${pos}${change}${id ? ` (${id})` : ''}`;
}
