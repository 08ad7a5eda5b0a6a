import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { seeded } from 'sluice/testing';
import { makeTrioReads, type Testimony } from './trioReads';
import { CHILD, FATHER, KNOWN_SITE, makeTrioVcf, MOTHER } from './trioVcf';
import { bamIn, writeBams } from './writeBams';

const SITES = 2_000;
const DENOVO = 24;
/** Of the known site the reads are sure; of the others they say one of these in turn. */
const TESTIMONIES: Testimony[] = ['confirmed', 'absent', 'confirmed', 'inherited', 'open'];

export interface MadeTrio {
  genotypes: string;
  /** Of child, father and mother. */
  alignments: string[];
  testimonies: Record<number, Testimony>;
}

/** Writes a VCF and three BAMs with an index each into a folder: one trio, the same for the same seed. */
export async function makeTrio(folder: string, seed: number): Promise<MadeTrio> {
  const random = seeded(seed);
  const samples: [string, string, string] = [CHILD, FATHER, MOTHER];
  const { text, planted } = makeTrioVcf(random, { sites: SITES, denovo: DENOVO, samples });
  const sites = planted.map((site, i) => ({
    ...site,
    testimony: site.pos === KNOWN_SITE.pos ? 'confirmed' : TESTIMONIES[i % TESTIMONIES.length]!,
  }));
  const reads = makeTrioReads(random, { samples, sites, odd: true });
  await mkdir(folder, { recursive: true });
  const genotypes = join(folder, 'trio.vcf.gz');
  await writeFile(genotypes, gzipSync(text));
  const sams = samples.map((sample): [string, string] => [
    join(folder, `${sample}.sam`),
    bamIn(folder, sample),
  ]);
  for (const [i, [sam]] of sams.entries()) await writeFile(sam, reads[samples[i]!]!);
  await writeBams(sams);
  for (const [sam] of sams) await rm(sam);
  return {
    genotypes,
    alignments: sams.map(([, bam]) => bam),
    testimonies: Object.fromEntries(sites.map(({ pos, testimony }) => [pos, testimony])),
  };
}
