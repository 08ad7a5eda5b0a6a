/** A sample's coverage as CSV: how many positions have how many reads, and their share of the positions with a read at all. */
export function formatCoverage(sample: string, depths: readonly (readonly [number, number])[]): string {
  const covered = depths.reduce((sum, [, positions]) => sum + positions, 0);
  const rows = depths.map(
    ([depth, positions]) => `${sample},${depth},${positions},${(positions / covered).toFixed(9)}`,
  );
  return `${['sample,depth,positions,share', ...rows].join('\n')}\n`;
}

/** Pairs of a depth and how many positions have it. */
export function readCoverage(csv: string): [number, number][] {
  const [, ...rows] = csv.trimEnd().split('\n');
  return rows.map((row) => {
    const [depth, positions] = row.split(',').slice(-3);
    return [Number(depth), Number(positions)];
  });
}
