import type { Role } from '../advice/clusterFacts';

/** Metrics of EMR in CloudWatch: https://docs.aws.amazon.com/emr/latest/ManagementGuide/UsingEMR_ViewingMetrics.html */
export type ScalingMetric = 'YARNMemoryAvailablePercentage' | 'ContainerPendingRatio' | 'HDFSUtilization';

export interface ScalingRule {
  name: string;
  metric: ScalingMetric;
  when: 'below' | 'above';
  threshold: number;
  /** For how many periods of five minutes in a row. */
  periods: number;
  /** Instances: above zero more, below zero fewer. */
  change: number;
  /** How long nothing else is changed afterwards. */
  cooldownSeconds: number;
}

/** A policy of one instance group. Without rules it is a fixed size. */
export interface ScalingPolicy {
  name: string;
  least: number;
  most: number;
  rules: ScalingRule[];
}

export interface Bounds {
  least: number;
  most: number;
}

export const growsBy = ({ change }: ScalingRule) => change > 0;
export const outRules = ({ rules }: ScalingPolicy) => rules.filter(growsBy);
export const inRules = ({ rules }: ScalingPolicy) => rules.filter((rule) => !growsBy(rule));

/** A fixed size: no policy at all. */
export function fixedSize(nodes: number, name = `none, ${nodes} nodes`): ScalingPolicy {
  return { name, least: nodes, most: nodes, rules: [] };
}

const OUT_COOLDOWN_SECONDS = 300;
/** EMR's own defaults: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-automatic-scaling.html */
export function emrDefaults(bounds: Bounds): ScalingPolicy {
  return twoSided('defaults of EMR', bounds, {
    out: { threshold: 15, periods: 1, change: 1, cooldownSeconds: OUT_COOLDOWN_SECONDS },
    in: { threshold: 75, periods: 1, change: -1, cooldownSeconds: OUT_COOLDOWN_SECONDS },
  });
}

/** The mistake that the guidance warns of: as eager to shrink as to grow. */
export function mirrored(bounds: Bounds): ScalingPolicy {
  return twoSided('mirrored', bounds, {
    out: { threshold: 15, periods: 1, change: 2, cooldownSeconds: OUT_COOLDOWN_SECONDS },
    in: { threshold: 75, periods: 1, change: -2, cooldownSeconds: OUT_COOLDOWN_SECONDS },
  });
}

/** Grows at once and shrinks late, by less. The periods and cooldowns of shrinking are ours. */
export function forgiving(
  bounds: Bounds,
  { step, cooldownSeconds }: { step: number; cooldownSeconds: number },
): ScalingPolicy {
  return twoSided(`forgiving, ${step} at a time, ${cooldownSeconds} s`, bounds, {
    out: { threshold: 15, periods: 1, change: step, cooldownSeconds: OUT_COOLDOWN_SECONDS },
    in: { threshold: 75, periods: 3, change: -Math.ceil(step / 2), cooldownSeconds },
  });
}

/** What a core group is scaled by: never YARN's memory alone, and a node at a time. The thresholds are ours. */
export function coreByHdfs(bounds: Bounds): ScalingPolicy {
  const metric = 'HDFSUtilization';
  return {
    name: 'core by HDFSUtilization',
    ...bounds,
    rules: [
      ...[{ name: 'out', metric, when: 'above', threshold: 80, periods: 1, change: 1, cooldownSeconds: 900 }],
      ...[
        { name: 'in', metric, when: 'below', threshold: 40, periods: 3, change: -1, cooldownSeconds: 3600 },
      ],
    ] as ScalingRule[],
  };
}

type Side = Pick<ScalingRule, 'threshold' | 'periods' | 'change' | 'cooldownSeconds'>;

function twoSided(name: string, bounds: Bounds, { out, in: inward }: { out: Side; in: Side }): ScalingPolicy {
  const metric = 'YARNMemoryAvailablePercentage';
  return {
    name,
    ...bounds,
    rules: [
      { name: 'out', metric, when: 'below', ...out },
      { name: 'in', metric, when: 'above', ...inward },
    ],
  };
}

/**
 * What is wrong with a policy of a role, one line each; empty for one that can be put.
 * @param least the smallest size that HDFS and the application masters leave, for core
 */
export function findPolicyProblems(policy: ScalingPolicy, role: Role, least = 0): string[] {
  const problems: string[] = [];
  const core = role === 'core';
  if (policy.most < policy.least) problems.push(`most ${policy.most} is below least ${policy.least}`);
  if (policy.least < (core ? Math.max(1, least) : 0))
    problems.push(`least ${policy.least} is below ${Math.max(1, least)}, which core needs`);
  for (const rule of policy.rules) {
    if (core && rule.metric !== 'HDFSUtilization')
      problems.push(`${rule.name}: core is scaled by HDFSUtilization, not by ${rule.metric}`);
    if (role === 'task' && rule.metric === 'HDFSUtilization')
      problems.push(`${rule.name}: task nodes have no HDFS; HDFSUtilization says nothing of them`);
  }
  for (const out of outRules(policy))
    for (const inward of inRules(policy)) {
      if (inward.cooldownSeconds <= out.cooldownSeconds)
        problems.push(`${inward.name}: its cooldown is not longer than that of ${out.name}`);
      if (inward.periods <= out.periods)
        problems.push(`${inward.name}: it waits no more periods than ${out.name}`);
      if (-inward.change > out.change)
        problems.push(`${inward.name}: it takes away more than ${out.name} adds`);
    }
  return problems;
}
