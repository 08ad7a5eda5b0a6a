import { makeTrio } from './makeTrio';

/** `npm run samples -- FOLDER [SEED]`: a trio that stands for nobody, as trio.vcf.gz and three BAMs. */
async function main([folder = 'samples-out', seed = '1']: string[]): Promise<void> {
  const { genotypes, alignments } = await makeTrio(folder, Number(seed));
  for (const file of [genotypes, ...alignments]) console.log(`Wrote ${file}`);
}

void main(process.argv.slice(2));
