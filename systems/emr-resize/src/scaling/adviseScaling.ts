import type { ClusterFacts, ClusterPart } from '../advice/clusterFacts';
import { areOnCore } from '../advice/resizeRules';
import {
  coreByHdfs,
  emrDefaults,
  findPolicyProblems,
  fixedSize,
  forgiving,
  mirrored,
  type Bounds,
  type ScalingPolicy,
} from './scalingPolicy';
import { simulateScaling, type Outcome, type Simulation } from './simulateScaling';

/** What a group had to do over time; see `Simulation`. */
export type Curve = Pick<Simulation, 'demand' | 'nodeCapacity' | 'waits'>;

export interface ScalingAdvice {
  part: string;
  role: 'core' | 'task';
  /** The policy to put; one without rules is a size to keep, with no policy. */
  policy: ScalingPolicy;
  /** Every policy that was played: the advised one, the mirrored one, EMR's defaults, the best size without one, the rest. */
  outcomes: Outcome[];
  remarks: string[];
}

/** How much longer the queue may be than that of the mirrored policy. */
const QUEUE_TOLERANCE = 1.1;
const STEPS = [1, 2, 4];
const COOLDOWNS_SECONDS = [900, 1800];

/**
 * The cheapest of the policies that neither flap more than the mirrored one nor let more than a tenth more wait. A fixed
 * size is among them, so the advice may be to have none.
 */
export function adviseScaling(
  part: Pick<ClusterPart, 'name' | 'spot'> & { role: 'core' | 'task' },
  curve: Curve,
  { start, ...given }: Bounds & { start: number },
): ScalingAdvice {
  const bounds = { least: given.least, most: given.most };
  const play = (policy: ScalingPolicy) => ({ policy, outcome: simulateScaling({ policy, start, ...curve }) });
  const eager = play(mirrored(bounds));
  const policies =
    part.role === 'core'
      ? [coreByHdfs(bounds)]
      : STEPS.flatMap((step) =>
          COOLDOWNS_SECONDS.map((cooldownSeconds) => forgiving(bounds, { step, cooldownSeconds })),
        );
  const candidates = [...sizesWithin(bounds).map((nodes) => fixedSize(nodes)), ...policies].map(play);
  const isGoodEnough = ({ flaps, meanQueue }: Outcome) =>
    flaps <= eager.outcome.flaps && meanQueue <= QUEUE_TOLERANCE * eager.outcome.meanQueue + 1e-9;
  // The most nodes from the start neither flap nor let more wait than any policy, so there is always one.
  const ranked = candidates
    .filter(({ outcome }) => isGoodEnough(outcome))
    .sort((one, other) => compareCosts(one.outcome, other.outcome));
  const best = ranked[0]!;
  // What no policy at all would be, at its best, is what any policy has to be better than.
  const none = ranked.filter((one) => one !== best && one.policy.rules.length === 0).slice(0, 1);
  const rest = candidates.filter((one) => one !== best && one !== none[0]);
  const others = [eager, play(emrDefaults(bounds)), ...none, ...rest];
  return {
    ...{ part: part.name, role: part.role, policy: best.policy },
    outcomes: [best, ...others].map(({ outcome }) => outcome),
    remarks: remarksOn(part, best, given.most),
  };
}

const compareCosts = (one: Outcome, other: Outcome) =>
  one.nodeHours - other.nodeHours || one.actions - other.actions;

/** The fixed sizes that are played: at most nine, the least and the most among them. */
function sizesWithin({ least, most }: Bounds): number[] {
  const step = Math.max(1, (most - least) / 8);
  const sizes = new Set<number>();
  for (let size = least; size < most; size += step) sizes.add(Math.round(size));
  return [...sizes, most].filter((size, i, all) => all.indexOf(size) === i);
}

function remarksOn(
  { role, spot }: Pick<ClusterPart, 'spot'> & { role: 'core' | 'task' },
  { policy, outcome }: { policy: ScalingPolicy; outcome: Outcome },
  most: number,
): string[] {
  return [
    ...(policy.rules.length === 0
      ? [`${policy.least} nodes without a policy are cheaper than any policy`]
      : []),
    ...(role === 'core' && spot ? ['core nodes hold HDFS: take On-Demand'] : []),
    ...(role === 'task' && !spot ? ['task nodes may be Spot, unless the time they end at counts'] : []),
    ...(outcome.hoursAtMost > 0 && policy.rules.length > 0 && outcome.meanQueue > 0
      ? [`work waits while the most, ${most}, run: allow more`]
      : []),
  ];
}

/** The smallest size of a core group: copies of a block, application masters, and one. */
export function leastCore(facts: ClusterFacts): number {
  const masters = areOnCore(facts) ? (facts.yarn.applications ?? 0) : 0;
  return Math.max(1, facts.hdfs.replication, masters);
}

export type ScalingMeans = 'automatic' | 'managed';

/**
 * How a cluster is scaled: by a policy of each group, or by managed scaling of the cluster, never by both.
 * @throws RangeError that says what is in the way
 */
export function chooseMeans(facts: ClusterFacts, asked: ScalingMeans | 'auto'): ScalingMeans {
  const fleets = facts.parts.some(({ kind }) => kind === 'fleet');
  const policies = facts.parts.filter(({ hasPolicy }) => hasPolicy).map(({ name }) => name);
  const means = asked === 'auto' ? (fleets || facts.managedScaling ? 'managed' : 'automatic') : asked;
  if (means === 'automatic' && fleets)
    throw new RangeError('automatic scaling is for instance groups; give managed for a cluster of fleets');
  if (means === 'automatic' && facts.managedScaling)
    throw new RangeError('managed scaling is on the cluster; remove it before a group gets a policy');
  if (means === 'managed' && policies.length > 0)
    throw new RangeError(`${policies.join(', ')} have policies; remove them before managed scaling`);
  return means;
}

/** @throws RangeError that lists what is wrong with the policy */
export function checkPolicy(policy: ScalingPolicy, role: 'core' | 'task', least: number): void {
  const problems = findPolicyProblems(policy, role, least);
  if (problems.length > 0) throw new RangeError(`${policy.name}: ${problems.join('; ')}`);
}
