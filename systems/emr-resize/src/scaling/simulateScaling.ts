import type { ScalingMetric, ScalingPolicy, ScalingRule } from './scalingPolicy';

export interface Simulation {
  policy: ScalingPolicy;
  /** Nodes at the start. */
  start: number;
  /**
   * Containers that arrive in each period of five minutes and run for one, or what HDFS holds, in the units of
   * `nodeCapacity`.
   */
  demand: readonly number[];
  /** How many containers a node has room for, or how much of HDFS. */
  nodeCapacity: number;
  /** Whether what finds no room waits, as containers do. What does not fit into HDFS is not there. */
  waits: boolean;
}

export interface Outcome {
  policy: string;
  /** How often the size was changed. */
  actions: number;
  /** How often it was changed back within the hour. */
  flaps: number;
  /** How often a rule wanted more than the most or fewer than the least. */
  capped: number;
  nodeHours: number;
  /** Containers that wait, on average. */
  meanQueue: number;
  hoursAtMost: number;
  /** By period. */
  nodes: number[];
  queue: number[];
}

export const PERIOD_SECONDS = 300;
/** A change back within this time is a flap. Ours. */
export const FLAP_SECONDS = 3600;
/** A node that is asked for works after this many periods. */
const START_PERIODS = 1;

/**
 * Plays a policy over a curve, a step for each period in which EMR has metrics. A rule counts once its metric was beyond the
 * threshold in each of its periods; growing comes before shrinking; nothing is changed within the cooldown of the last
 * change. A toy: it ranks policies and promises nothing.
 */
export function simulateScaling({ policy, start, demand, nodeCapacity, waits }: Simulation): Outcome {
  const clamp = (nodes: number) => Math.min(policy.most, Math.max(policy.least, nodes));
  const beyond = new Map<ScalingRule, number>();
  const rules = [...policy.rules].sort((a, b) => b.change - a.change);
  const outcome: Outcome = {
    ...{ policy: policy.name, actions: 0, flaps: 0, capped: 0, nodeHours: 0, meanQueue: 0, hoursAtMost: 0 },
    ...{ nodes: [], queue: [] },
  };
  let requested = clamp(start);
  /** Nodes that work, and those that come, by the period in which they do. */
  let working = requested;
  const coming = new Map<number, number>();
  let queue = 0;
  let quietUntil = -1;
  let last: { period: number; direction: number } | null = null;
  demand.forEach((arriving, period) => {
    working += coming.get(period) ?? 0;
    const capacity = working * nodeCapacity;
    const wanted = arriving + (waits ? queue : 0);
    const allocated = Math.min(wanted, capacity);
    queue = wanted - allocated;
    outcome.nodes.push(working);
    outcome.queue.push(queue);
    outcome.nodeHours += (requested * PERIOD_SECONDS) / 3600;
    if (requested === policy.most) outcome.hoursAtMost += PERIOD_SECONDS / 3600;
    for (const rule of rules) {
      const value = metricOf(rule.metric, { capacity, allocated, queue });
      const isBeyond = rule.when === 'below' ? value < rule.threshold : value > rule.threshold;
      beyond.set(rule, isBeyond ? (beyond.get(rule) ?? 0) + 1 : 0);
    }
    if (period < quietUntil) return;
    const rule = rules.find((one) => beyond.get(one)! >= one.periods);
    if (rule === undefined) return;
    const next = clamp(requested + rule.change);
    if (next !== requested + rule.change) outcome.capped++;
    if (next === requested) return;
    const direction = Math.sign(next - requested);
    outcome.actions++;
    if (
      last !== null &&
      last.direction !== direction &&
      (period - last.period) * PERIOD_SECONDS <= FLAP_SECONDS
    )
      outcome.flaps++;
    last = { period, direction };
    quietUntil = period + Math.ceil(rule.cooldownSeconds / PERIOD_SECONDS);
    if (direction > 0) {
      const at = period + START_PERIODS + 1;
      coming.set(at, (coming.get(at) ?? 0) + next - requested);
    } else takeAway(requested - next);
    requested = next;
    beyond.set(rule, 0);

    /** Nodes that have not come yet are the first not to come. */
    function takeAway(count: number): void {
      for (const [at, nodes] of [...coming].reverse()) {
        if (at <= period) continue;
        const cancelled = Math.min(nodes, count);
        coming.set(at, nodes - cancelled);
        count -= cancelled;
      }
      working -= count;
    }
  });
  outcome.meanQueue = demand.length === 0 ? 0 : outcome.queue.reduce((a, b) => a + b, 0) / demand.length;
  return outcome;
}

function metricOf(
  metric: ScalingMetric,
  { capacity, allocated, queue }: { capacity: number; allocated: number; queue: number },
): number {
  switch (metric) {
    case 'YARNMemoryAvailablePercentage':
      return capacity === 0 ? 0 : (100 * (capacity - allocated)) / capacity;
    // As EMR has it: pending by allocated, and pending alone where nothing is allocated.
    case 'ContainerPendingRatio':
      return allocated === 0 ? queue : queue / allocated;
    case 'HDFSUtilization':
      return capacity === 0 ? 100 : (100 * allocated) / capacity;
  }
}
