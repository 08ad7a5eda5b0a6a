import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensurePythonPackages } from 'sluice';
import { PYSAM } from '../../src/reads/readsFile';
import { bamIn, writeBams } from '../../samples/writeBams';

/** Writes a BAM with an index into a folder, and returns its path. */
export async function writeBam(folder: string, name: string, sam: string): Promise<string> {
  const file = join(folder, `${name}.sam`);
  await writeFile(file, sam);
  await writeBams([[file, bamIn(folder, name)]]);
  return bamIn(folder, name);
}

/**
 * What samtools' own commands, which pysam has inside, say of a BAM: `depth` over each position with deletions covered, and
 * each base by `count_coverage`, which knows nothing of mates.
 */
const PROGRAM = `
import json, pysam, sys
bam, contig, start, end = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
depth = {}
for line in pysam.depth("-J", "-d", "0", "-r", "%s:%d-%d" % (contig, start, end), bam).splitlines():
    _, pos, count = line.split("\\t")
    depth[int(pos)] = int(count)
with pysam.AlignmentFile(bam) as reads:
    bases = reads.count_coverage(contig, start - 1, end, quality_threshold=13)
counts = {start + i: [column[i] for column in bases] for i in range(end - start + 1)}
json.dump({"depth": depth, "counts": counts}, sys.stdout)
`;

export interface ByPosition {
  depth: Record<string, number>;
  /** A, C, G, T of each position. */
  counts: Record<string, number[]>;
}

export async function askSamtools(
  bam: string,
  contig: string,
  start: number,
  end: number,
): Promise<ByPosition> {
  const { python } = await ensurePythonPackages(PYSAM, { env: process.env, report: () => {} });
  const args = ['-c', PROGRAM, bam, contig, String(start), String(end)];
  const { stdout } = await promisify(execFile)(python, args, { maxBuffer: 1 << 28 });
  return JSON.parse(stdout) as ByPosition;
}
