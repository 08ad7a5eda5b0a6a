/** A contig, or a stretch of it by positions as in a VCF: from 1, both ends included. */
export interface Region {
  contig: string;
  start: number;
  /** Null for the end of the contig. */
  end: number | null;
}

/** Reads `17`, `17:5000-6000` or `17:5000-`; null for what is no region. */
export function parseRegion(text: string): Region | null {
  const [, contig, start = '1', end = ''] = /^([^:\s,]+)(?::([\d,]+)-([\d,]*))?$/.exec(text) ?? [];
  if (contig === undefined) return null;
  const number = (digits: string) => Number(digits.replaceAll(',', ''));
  const region = { contig, start: number(start), end: end === '' ? null : number(end) };
  const isRange = Number.isSafeInteger(region.start) && (region.end === null || region.end >= region.start);
  return isRange ? region : null;
}

export function formatRegion({ contig, start, end }: Region): string {
  return start === 1 && end === null ? contig : `${contig}:${start}-${end ?? ''}`;
}
