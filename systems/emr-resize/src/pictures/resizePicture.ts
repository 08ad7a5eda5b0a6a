import { toSvg } from 'sluice-pictures';
import type { ResizeAdvice } from '../advice/adviseResize';
import type { ClusterFacts } from '../advice/clusterFacts';
import type { Sample } from '../tasks/watchResize';

/** A series of what a resize is to be, or was. */
export interface ResizeSeries {
  name: string;
  samples: Sample[];
}

/** What the advice says that will happen: nodes, and blocks that are left to copy, by the larger estimate of each round. */
export function planSamples(
  { rounds }: ResizeAdvice,
  { hdfs: { blocks, replication } }: ClusterFacts,
): Sample[] {
  const samples: Sample[] = [];
  let seconds = 0;
  for (const { from, to, estimate } of rounds) {
    const replicas =
      blocks === null || estimate === null ? null : Math.ceil((blocks * replication * (from - to)) / from);
    samples.push({ seconds, nodes: from, blocksLeft: replicas });
    seconds += estimate?.mostSeconds ?? 0;
    samples.push({ seconds, nodes: to, blocksLeft: replicas === null ? null : 0 });
  }
  return samples;
}

/** Nodes over time above, blocks that are left below. */
export function drawResize(title: string, series: ResizeSeries[]): Promise<string> {
  const values = series.flatMap(({ name, samples }) =>
    samples.map((sample) => ({ ...sample, minutes: sample.seconds / 60, series: name })),
  );
  const x = { field: 'minutes', type: 'quantitative', title: 'minutes' } as const;
  const color = { field: 'series', type: 'nominal', title: null } as const;
  return toSvg({
    title,
    data: { values },
    config: { background: 'white' },
    vconcat: [
      {
        ...{ width: 560, height: 140 },
        mark: { type: 'line', interpolate: 'step-after', point: true },
        encoding: { x, color, y: { field: 'nodes', type: 'quantitative', title: 'nodes' } },
      },
      {
        ...{ width: 560, height: 180 },
        transform: [{ filter: 'datum.blocksLeft !== null' }],
        mark: { type: 'line', point: true },
        encoding: {
          x,
          color,
          y: { field: 'blocksLeft', type: 'quantitative', title: 'blocks left to copy' },
        },
      },
    ],
  });
}
