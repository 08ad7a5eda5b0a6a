import { oneOf, whole, type Random } from 'sluice/testing';

export interface TrioVcfOptions {
  sites: number;
  /** How many of the sites are de novo. */
  denovo: number;
  contig?: string;
  contigLength?: number;
  /** Child, father and mother. */
  samples?: [string, string, string];
  /** Whether all that a VCF may hold occurs: haploid and half-missing genotypes, several records at a position and so on. */
  odd?: boolean;
  lineEnd?: '\n' | '\r\n';
}

export interface PlantedSite {
  pos: number;
  ref: string;
  alt: string;
}

export interface TrioVcf {
  text: string;
  /** De novo by construction: both parents are called, and have the reference alone. Single bases, by position. */
  planted: PlantedSite[];
}

export const CHILD = 'NA19685';
export const FATHER = 'NA19661';
export const MOTHER = 'NA19660';
/** Of the published notebook: 17:63052581 T>A. */
export const KNOWN_SITE = { pos: 63_052_581, ref: 'T', alt: 'A', id: 'rs201316886' };

/** A VCF of a trio that stands for nobody, the same for the same random numbers. */
export function makeTrioVcf(random: Random, options: TrioVcfOptions): TrioVcf {
  const { sites, denovo, contig = '17', contigLength = 81_195_210, odd = false, lineEnd = '\n' } = options;
  const samples = options.samples ?? [CHILD, FATHER, MOTHER];
  const gap = Math.floor(contigLength / (sites + 1));
  const places = Array.from(
    { length: sites },
    (_, i) => 1 + i * gap + whole(random, 1, Math.max(1, gap - 1)),
  );
  const known = contigLength > KNOWN_SITE.pos ? Math.floor(KNOWN_SITE.pos / gap) : -1;
  if (known >= 0 && known < sites) places[known] = KNOWN_SITE.pos;
  const chosen = new Set<number>();
  if (denovo > 0 && known >= 0 && known < sites) chosen.add(known);
  while (chosen.size < Math.min(denovo, sites)) chosen.add(whole(random, 0, sites - 1));
  const planted: PlantedSite[] = [];
  // Columns stand in another order than the roles are named in, as in files of many samples.
  const columns = [samples[2], 'HG00096', samples[0], samples[1]];
  const lines = [
    '##fileformat=VCFv4.1',
    '##source=samples/trioVcf.ts (made up; no genome of anybody)',
    `##contig=<ID=${contig},length=${contigLength}>`,
    '##INFO=<ID=VT,Number=1,Type=String,Description="Kind of ""variant"", tab-free">'.replaceAll('""', "'"),
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
    '##FORMAT=<ID=DS,Number=1,Type=Float,Description="Dosage">',
    `#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t${columns.join('\t')}`,
  ];
  for (const [i, pos] of places.entries()) {
    const isKnown = pos === KNOWN_SITE.pos;
    const isPlanted = chosen.has(i);
    const ref = isKnown ? KNOWN_SITE.ref : oneOf(random, [...'ACGT']);
    const alts = isKnown ? [KNOWN_SITE.alt] : isPlanted ? [otherBase(random, ref)] : altsOf(random, ref, odd);
    const id = isKnown ? KNOWN_SITE.id : random() < 0.1 ? '.' : `rs${whole(random, 1, 999_999_999)}`;
    const separator = random() < 0.7 ? '|' : '/';
    const father = isPlanted ? [0, 0] : drawAlleles(random, alts.length);
    const mother = isPlanted ? [0, 0] : drawAlleles(random, alts.length);
    const child = isPlanted ? [0, 1] : [oneOf(random, father), oneOf(random, mother)];
    const genotypeOf = (alleles: number[]) => {
      const texts = alleles.map(String);
      if (!isPlanted && random() < 0.02) texts.fill('.');
      if (odd && !isPlanted && random() < 0.05) texts[whole(random, 0, 1)] = '.';
      if (odd && !isPlanted && random() < 0.05) texts.pop();
      return texts.join(separator);
    };
    const hasDosage = random() < 0.5;
    const cells = [mother, drawAlleles(random, alts.length), child, father].map(
      (alleles) => genotypeOf(alleles) + (hasDosage ? ':0.5' : ''),
    );
    const format = hasDosage ? 'GT:DS' : 'GT';
    lines.push([contig, pos, id, ref, alts.join(','), 100, 'PASS', 'VT=x', format, ...cells].join('\t'));
    if (isPlanted) planted.push({ pos, ref, alt: alts[0]! });
    // A deletion at the place of a single base: another variant, in a record of its own.
    if (odd && !isPlanted && random() < 0.1)
      lines.push(
        [
          contig,
          pos,
          '.',
          `${ref}CA`,
          ref,
          '.',
          '.',
          '.',
          'GT',
          '0/0',
          '0/0',
          '0/1',
          oneOf(random, ['0/0', '0/1', './.']),
        ].join('\t'),
      );
    if (odd && random() < 0.02)
      lines.push([contig, pos, '.', ref, '.', '.', '.', '.', 'GT', '0/0', '0/0', '0/0', '0/0'].join('\t'));
    if (odd && random() < 0.02)
      lines.push(
        [contig, pos, '.', ref, '<DEL>', '.', '.', '.', 'GT', '0/0', '0/0', '0/1', '0/0'].join('\t'),
      );
    if (odd && !isPlanted && random() < 0.02)
      lines.push(
        [contig, pos, '.', ref, otherBase(random, ref), '.', '.', '.', 'DS', '1', '1', '1', '1'].join('\t'),
      );
  }
  return { text: lines.map((line) => line + lineEnd).join(''), planted };
}

function altsOf(random: Random, ref: string, odd: boolean): string[] {
  const draw = random();
  if (draw < 0.05) return [ref + oneOf(random, ['A', 'CA', 'GTT'])];
  if (draw < 0.1) {
    const first = otherBase(random, ref);
    return [
      first,
      oneOf(
        random,
        [...'ACGT'].filter((base) => base !== ref && base !== first),
      ),
    ];
  }
  if (odd && draw < 0.12) return ['*', otherBase(random, ref)];
  if (odd && draw < 0.14) return [otherBase(random, ref), `${ref}TT`];
  return [otherBase(random, ref)];
}

function otherBase(random: Random, base: string): string {
  return oneOf(
    random,
    [...'ACGT'].filter((other) => other !== base),
  );
}

/** Two alleles; most are the reference. */
function drawAlleles(random: Random, alternatives: number): number[] {
  const draw = () => (random() < 0.75 ? 0 : whole(random, 1, alternatives));
  return [draw(), draw()];
}
