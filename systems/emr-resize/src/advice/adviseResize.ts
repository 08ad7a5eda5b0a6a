import type { ClusterFacts, ClusterPart, Role } from './clusterFacts';
import { estimateDrain, type Estimate } from './estimateDrain';
import { DEFAULT_SETTINGS, FAST_SETTINGS, isAsFastAs, type HdfsSettings } from './hdfsSettings';
import {
  canReconfigure,
  isBusy,
  LIMITS,
  mostAtOnce,
  RESIZE_RULES,
  type Judgement,
  type Resize,
  type Verdict,
} from './resizeRules';

export interface ResizeRequest {
  /** The part's name. */
  part: string;
  /** Instances of a group, units of capacity of a fleet. */
  target: number;
  /** Whether HDFS gets the fast settings meanwhile; `auto`: where the drain would be long and the cluster is calm. */
  fast: 'auto' | 'true' | 'false';
}

/** One drain: nothing else goes meanwhile. */
export interface Round {
  from: number;
  to: number;
  /** Null where HDFS has nothing to copy, or it is not known how much. */
  estimate: Estimate | null;
}

export interface ResizeAdvice {
  clusterId: string;
  part: { name: string; kind: ClusterPart['kind']; role: Role };
  from: number;
  to: number;
  refused: boolean;
  verdicts: Verdict[];
  /** The settings that HDFS gets for the drain, or null when they stay. */
  tune: HdfsSettings | null;
  /** Those in force, to which they are set back. */
  settings: HdfsSettings;
  /** Empty when the resize is refused, or all is as asked for. */
  rounds: Round[];
  /** Of the whole resize by Hadoop's defaults and by the fast settings; null as in `Round`. */
  estimates: { usual: Estimate; fast: Estimate } | null;
}

/**
 * What is to be said of a resize before it is made. Pure: the same facts and request give the same advice.
 * @throws RangeError for a part that the cluster does not have
 */
export function adviseResize(facts: ClusterFacts, { part: name, target, fast }: ResizeRequest): ResizeAdvice {
  const part = facts.parts.find((other) => other.name === name);
  if (part === undefined)
    throw new RangeError(
      `cluster ${facts.clusterId} has no ${name}; it has ${facts.parts.map((other) => other.name).join(', ') || 'nothing'}`,
    );
  const unitsAnInstance = part.instances > 0 ? part.running / part.instances : 1;
  const toInstances = (units: number) => Math.floor(units / unitsAnInstance + 1e-9);
  const from = toInstances(part.running);
  const to = toInstances(target);
  const plan = planRounds(part, target);
  const estimateOf = (settings: HdfsSettings): Estimate | null => {
    const rounds = plan.map((round) =>
      estimate(facts, part, { from: toInstances(round.from), to: toInstances(round.to) }, settings),
    );
    return rounds.length === 0 || rounds.some((one) => one === null) ? null : sum(rounds as Estimate[]);
  };
  const { settings } = facts.hdfs;
  const resize: Resize = { facts, part, from, to, fast, estimate: estimateOf(settings) };
  const verdicts = RESIZE_RULES.filter((rule) => rule.concerns(resize)).map((rule): Verdict => ({
    rule: rule.id,
    ...rule.judge(resize),
    source: rule.source,
  }));
  const refused = has(verdicts, 'refuse');
  const tune = !refused && wantsFast(resize) ? FAST_SETTINGS : null;
  const usual = estimateOf(DEFAULT_SETTINGS);
  const quick = estimateOf(FAST_SETTINGS);
  return {
    clusterId: facts.clusterId,
    part: { name: part.name, kind: part.kind, role: part.role },
    ...{ from: part.running, to: target, refused, verdicts, tune, settings },
    rounds: refused
      ? []
      : plan.map((round) => ({
          ...round,
          estimate: estimate(
            facts,
            part,
            { from: toInstances(round.from), to: toInstances(round.to) },
            tune ?? settings,
          ),
        })),
    estimates: usual === null || quick === null ? null : { usual, fast: quick },
  };
}

const has = (verdicts: Verdict[], judgement: Judgement) =>
  verdicts.some(({ verdict }) => verdict === judgement);

/** A core group that shrinks does so in rounds; all else goes at once. */
function planRounds({ role, running }: ClusterPart, target: number): { from: number; to: number }[] {
  if (target === running) return [];
  if (role !== 'core' || target > running) return [{ from: running, to: target }];
  const rounds: { from: number; to: number }[] = [];
  for (let from = running; from > target;) {
    const to = Math.max(target, from - mostAtOnce(from));
    rounds.push({ from, to });
    from = to;
  }
  return rounds;
}

function wantsFast(resize: Resize): boolean {
  const { facts, part, from, to, fast, estimate } = resize;
  if (part.role !== 'core' || to >= from || fast === 'false') return false;
  if (!canReconfigure(facts)) return false;
  if (isAsFastAs(facts.hdfs.settings, FAST_SETTINGS)) return false;
  return fast === 'true' || ((estimate?.mostSeconds ?? 0) > LIMITS.slowDrainSeconds && !isBusy(resize));
}

function estimate(
  { hdfs }: ClusterFacts,
  { role }: ClusterPart,
  { from, to }: { from: number; to: number },
  settings: HdfsSettings,
): Estimate | null {
  if (role !== 'core' || to >= from || hdfs.blocks === null) return null;
  const { blocks, replication, bytesUsed, checkSeconds } = hdfs;
  return estimateDrain({
    ...{ blocks, replication, settings, checkSeconds },
    ...{ bytes: bytesUsed ?? 0, nodes: from, leaving: from - to },
  });
}

function sum(estimates: Estimate[]): Estimate {
  return estimates.reduce((total, { leastSeconds, mostSeconds }) => ({
    leastSeconds: total.leastSeconds + leastSeconds,
    mostSeconds: total.mostSeconds + mostSeconds,
  }));
}
