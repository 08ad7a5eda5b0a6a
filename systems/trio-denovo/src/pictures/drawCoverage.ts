import { toSvg } from 'sluice-pictures';
import { SAMPLE_COLORS } from './colors';

export interface SampleCoverage {
  sample: string;
  /** Pairs of a depth and how many positions have it. */
  depths: [number, number][];
}

export interface CoveragePoint {
  sample: string;
  depth: number;
  share: number;
}

/**
 * The points of the published picture: depths rounded down to a multiple of `bin`, and the share of a sample's covered
 * positions that have them. A logarithm has no place for 0: what is rounded down to it is drawn at 1.
 */
export function pointsOf({ sample, depths }: SampleCoverage, bin: number): CoveragePoint[] {
  const covered = depths.reduce((sum, [, positions]) => sum + positions, 0);
  const byBin = new Map<number, number>();
  for (const [depth, positions] of depths) {
    const rounded = Math.max(1, Math.floor(depth / bin) * bin);
    byBin.set(rounded, (byBin.get(rounded) ?? 0) + positions);
  }
  return [...byBin].map(([depth, positions]) => ({ sample, depth, share: positions / covered }));
}

/** Share of positions by depth, a line a sample, depth on a logarithmic axis. */
export function drawCoverage(samples: readonly SampleCoverage[], bin: number): Promise<string> {
  return toSvg({
    title: 'Coverage',
    data: { values: samples.flatMap((sample) => pointsOf(sample, bin)) },
    width: 560,
    height: 300,
    mark: { type: 'line', point: true },
    encoding: {
      x: {
        field: 'depth',
        type: 'quantitative',
        title: 'reads over a position',
        scale: { type: 'log', nice: false },
      },
      y: { field: 'share', type: 'quantitative', title: 'share of covered positions' },
      color: {
        field: 'sample',
        type: 'nominal',
        title: null,
        scale: { domain: samples.map(({ sample }) => sample), range: SAMPLE_COLORS },
      },
    },
    config: { background: 'white' },
  });
}
