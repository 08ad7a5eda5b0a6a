import { SluiceError } from 'sluice';

/** A sample's coverage as CSV: how many positions have how many reads, and their share of the positions with a read at all. */
export function formatCoverage(sample: string, depths: readonly (readonly [number, number])[]): string {
  const covered = depths.reduce((sum, [, positions]) => sum + positions, 0);
  const rows = depths.map(
    ([depth, positions]) => `${sample},${depth},${positions},${(positions / covered).toFixed(9)}`,
  );
  return `${['sample,depth,positions,share', ...rows].join('\n')}\n`;
}

const ROW = /^[^,]+,(\d+),(\d+),[\d.]+$/;

/**
 * Pairs of a depth and how many positions have it.
 * @param file what errors name
 * @throws SluiceError BadData that names the line
 */
export function readCoverage(csv: string, file: string): [number, number][] {
  const [, ...rows] = csv.trimEnd().split('\n');
  return rows.map((row, i) => {
    const [, depth, positions] = ROW.exec(row) ?? [];
    if (depth === undefined)
      throw new SluiceError(
        'BadData',
        `${file}, line ${i + 2}: no sample, depth, positions and share: ${row.slice(0, 80)}; run the pipeline anew`,
      );
    return [Number(depth), Number(positions)];
  });
}
