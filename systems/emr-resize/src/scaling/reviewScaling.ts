import { inRules, type ScalingPolicy } from './scalingPolicy';
import { FLAP_SECONDS, PERIOD_SECONDS } from './simulateScaling';

/** What was seen of a group in a period of five minutes. */
export interface Seen {
  /** Milliseconds since 1970. */
  at: number;
  nodes: number;
  pending: number;
}

export interface Review {
  actions: number;
  /** Changes that were taken back within the hour. */
  flaps: number;
  /** Periods in which work waited while the most ran. */
  capped: number;
  hoursAtMost: number;
  /** The changed policy and why, or null when it is well as it is. */
  proposal: { policy: ScalingPolicy; reason: string } | null;
}

/** More flaps than these a day, or a larger share of periods capped, and the policy is to be changed. Ours. */
const FLAPS_A_DAY = 2;
const CAPPED_SHARE = 0.1;
const GROWTH = 1.5;
const MOST_COOLDOWN_SECONDS = 4 * 3600;

/** What came of a policy, and what would be better. Pure. */
export function reviewScaling(seen: readonly Seen[], policy: ScalingPolicy): Review {
  const review: Review = { actions: 0, flaps: 0, capped: 0, hoursAtMost: 0, proposal: null };
  let last: { at: number; direction: number } | null = null;
  seen.forEach(({ at, nodes, pending }, i) => {
    if (nodes >= policy.most) {
      review.hoursAtMost += PERIOD_SECONDS / 3600;
      if (pending > 0) review.capped++;
    }
    const direction = i === 0 ? 0 : Math.sign(nodes - seen[i - 1]!.nodes);
    if (direction === 0) return;
    review.actions++;
    if (last !== null && last.direction !== direction && at - last.at <= FLAP_SECONDS * 1000) review.flaps++;
    last = { at, direction };
  });
  return { ...review, proposal: propose(review, seen.length, policy) };
}

function propose({ flaps, capped }: Review, periods: number, policy: ScalingPolicy): Review['proposal'] {
  const days = (periods * PERIOD_SECONDS) / 86_400;
  if (periods > 0 && capped / periods > CAPPED_SHARE) {
    const most = Math.ceil(policy.most * GROWTH);
    const reason = `work waited at the most, ${policy.most}, in ${capped} of ${periods} periods`;
    return { policy: { ...policy, most }, reason };
  }
  const slowest = Math.max(0, ...inRules(policy).map(({ cooldownSeconds }) => cooldownSeconds));
  if (flaps > FLAPS_A_DAY * Math.max(1, days) && slowest > 0 && slowest < MOST_COOLDOWN_SECONDS) {
    const rules = policy.rules.map((rule) =>
      rule.change < 0
        ? { ...rule, cooldownSeconds: Math.min(MOST_COOLDOWN_SECONDS, 2 * rule.cooldownSeconds) }
        : rule,
    );
    return { policy: { ...policy, rules }, reason: `${flaps} changes were taken back within the hour` };
  }
  return null;
}
