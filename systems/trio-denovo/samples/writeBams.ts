import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ensurePythonPackages } from 'sluice';
import { PYSAM } from '../src/reads/readsFile';

const PROGRAM = `
import json, pysam, sys
for sam, bam in json.load(sys.stdin):
    pysam.sort("-o", bam, sam)
    pysam.index(bam)
`;

/** Makes a BAM with an index of each SAM file: pairs of paths. */
export async function writeBams(pairs: [sam: string, bam: string][]): Promise<void> {
  const report = (line: string) => console.error(line);
  const { python } = await ensurePythonPackages(PYSAM, { env: process.env, report });
  const child = spawn(python, ['-c', PROGRAM], { stdio: ['pipe', 'inherit', 'inherit'] });
  child.stdin.end(JSON.stringify(pairs));
  await once(child, 'close');
  if (child.exitCode !== 0)
    throw new Error(`pysam could not write ${pairs.map(([, bam]) => bam).join(', ')}`);
}

/** `<sample>.bam` in a folder. */
export function bamIn(folder: string, sample: string): string {
  return join(folder, `${sample}.bam`);
}
