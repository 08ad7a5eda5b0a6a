import { toSvg } from 'sluice-pictures';
import type { Curve, ScalingAdvice } from '../scaling/adviseScaling';
import { PERIOD_SECONDS } from '../scaling/simulateScaling';

/** As many points as a line of this width shows. */
const MAX_POINTS = 400;
const POLICIES = 4;

/** The advised policy beside the mirrored one, EMR's defaults and none: nodes above, what waits below. */
export function drawScaling(
  { part, outcomes }: ScalingAdvice,
  { demand, nodeCapacity }: Curve,
): Promise<string> {
  const every = Math.max(1, Math.ceil(demand.length / MAX_POINTS));
  const shown = demand.flatMap((_, at) => (at % every === 0 ? [at] : []));
  const hours = (at: number) => (at * PERIOD_SECONDS) / 3600;
  const values = [
    ...shown.map((at) => ({
      hours: hours(at),
      series: 'needed',
      nodes: demand[at]! / nodeCapacity,
      queue: null,
    })),
    ...outcomes.slice(0, POLICIES).flatMap(({ policy, nodes, queue }, i) =>
      shown.map((at) => ({
        ...{ hours: hours(at), nodes: nodes[at]!, queue: queue[at]! },
        series: i === 0 ? `advised: ${policy}` : policy,
      })),
    ),
  ];
  const x = { field: 'hours', type: 'quantitative', title: 'hours' } as const;
  const color = { field: 'series', type: 'nominal', title: null, legend: { labelLimit: 400 } } as const;
  return toSvg({
    title: `${part}: simulated`,
    data: { values },
    config: { background: 'white' },
    vconcat: [
      {
        ...{ width: 640, height: 220 },
        mark: { type: 'line', interpolate: 'step-after' },
        encoding: { x, color, y: { field: 'nodes', type: 'quantitative', title: 'nodes' } },
      },
      {
        ...{ width: 640, height: 140 },
        transform: [{ filter: 'datum.queue !== null' }],
        mark: { type: 'line', interpolate: 'step-after' },
        encoding: { x, color, y: { field: 'queue', type: 'quantitative', title: 'waiting' } },
      },
    ],
  });
}
