import type { ScalingMetric, ScalingPolicy } from './scalingPolicy';

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
  const rules = [...policy.rules].sort((a, b) => b.change - a.change);
  /** For how many periods in a row the metric of each rule was beyond its threshold. */
  const beyond = rules.map(() => 0);
  const outcome: Outcome = {
    ...{ policy: policy.name, actions: 0, flaps: 0, capped: 0, nodeHours: 0, meanQueue: 0, hoursAtMost: 0 },
    ...{ nodes: [], queue: [] },
  };
  let requested = clamp(start);
  /** Nodes that work, and those that come, by the period in which they do. */
  let working = requested;
  const coming = Array.from({ length: demand.length + START_PERIODS + 1 }, () => 0);
  let queue = 0;
  /** What metrics are made of; one object for all periods, since there are many. */
  const load = { capacity: 0, allocated: 0, queue: 0 };
  let quietUntil = -1;
  let last: { period: number; direction: number } | null = null;

  /** Nodes that have not come yet are the first not to come. */
  const takeAway = (count: number, period: number) => {
    for (let at = period + START_PERIODS + 1; at > period; at--) {
      const cancelled = Math.min(coming[at]!, count);
      coming[at]! -= cancelled;
      count -= cancelled;
    }
    working -= count;
  };

  demand.forEach((arriving, period) => {
    working += coming[period]!;
    const capacity = working * nodeCapacity;
    const wanted = arriving + (waits ? queue : 0);
    const allocated = Math.min(wanted, capacity);
    queue = wanted - allocated;
    load.capacity = capacity;
    load.allocated = allocated;
    load.queue = queue;
    outcome.nodes.push(working);
    outcome.queue.push(queue);
    outcome.nodeHours += (requested * PERIOD_SECONDS) / 3600;
    if (requested === policy.most) outcome.hoursAtMost += PERIOD_SECONDS / 3600;
    for (let i = 0; i < rules.length; i++) {
      const { metric, when, threshold } = rules[i]!;
      const value = metricOf(metric, load);
      beyond[i] = (when === 'below' ? value < threshold : value > threshold) ? beyond[i]! + 1 : 0;
    }
    if (period < quietUntil) return;
    const due = rules.findIndex(({ periods }, i) => beyond[i]! >= periods);
    const rule = rules[due];
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
      coming[period + START_PERIODS + 1]! += next - requested;
    } else takeAway(requested - next, period);
    requested = next;
    beyond[due] = 0;
  });
  outcome.meanQueue = demand.length === 0 ? 0 : outcome.queue.reduce((a, b) => a + b, 0) / demand.length;
  return outcome;
}

interface Load {
  capacity: number;
  allocated: number;
  queue: number;
}

function metricOf(metric: ScalingMetric, { capacity, allocated, queue }: Load): number {
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
