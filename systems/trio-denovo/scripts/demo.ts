/**
 * A made-up trio from its files to the report, on a local stack of its own, which ends with it:
 * `npm run demo -- [--engine duckdb|livy] [--seed N] [--dir DIR] [--port-offset N]`
 */
import { mkdir, mkdtemp, readFile, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { runDemo, say, withLocalStack } from 'sluice-demo';
import { makeTrio } from '../samples/makeTrio';
import type { Site } from '../src/reads/sites';

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'duckdb' },
    seed: { type: 'string', default: '1' },
    dir: { type: 'string', default: join(tmpdir(), `sluice-trio-demo-${process.pid}`) },
    'port-offset': { type: 'string', default: '400' },
  },
});
const stack = {
  project: join(__dirname, '..'),
  dir: values.dir,
  portOffset: values['port-offset'],
  spark: values.engine === 'livy',
};

runDemo(async () => {
  const made = await makeTrio(await mkdtemp(join(tmpdir(), 'sluice-trio-')), Number(values.seed));
  say('a VCF of 2,000 sites and three BAMs are made up');
  await withLocalStack(stack, async ({ ui, run }) => {
    say(`S3 and Temporal are up: ${ui.url}`);
    const lake = join(values.dir, 's3', 'lake');
    await mkdir(join(lake, 'in'), { recursive: true });
    // The lake is a plain folder here; elsewhere `aws s3 cp` brings the files.
    for (const file of [made.genotypes, ...made.alignments.flatMap((bam) => [bam, `${bam}.bai`])])
      await rename(file, join(lake, 'in', basename(file)));
    const uri = (file: string) => `s3://lake/in/${basename(file)}`;
    const { counts } = (await run('trio-denovo', {
      genotypes: uri(made.genotypes),
      alignments: made.alignments.map(uri).join(','),
      engine: values.engine,
    })) as { counts: Record<string, number> };
    for (const [name, count] of Object.entries(counts)) say(`${name}.csv: ${count} variants`);
    const output = join(lake, 'trio-denovo');
    const sites = JSON.parse(await readFile(join(output, 'sites.json'), 'utf8')) as Site[];
    for (const { chrom, pos, ref, alt, verdict, reason } of sites)
      say(`${chrom}:${pos} ${ref}>${alt}: ${verdict} (${reason})`);
    say(`report: ${join(output, 'report.html')}`);
  });
});
