import { isRelease, type ClusterFacts, type ClusterPart } from './clusterFacts';
import { isAsFastAs, FAST_SETTINGS } from './hdfsSettings';
import type { Estimate } from './estimateDrain';

/** A resize that is asked for, with what the rules look at. */
export interface Resize {
  facts: ClusterFacts;
  part: ClusterPart;
  /** Instances before and after; of a fleet, what its units come to. */
  from: number;
  to: number;
  fast: 'auto' | 'true' | 'false';
  /** By the settings in force; null when it is not known how much is to be copied. */
  estimate: Estimate | null;
}

export type Judgement = 'pass' | 'warn' | 'refuse';

export interface Verdict {
  rule: string;
  verdict: Judgement;
  /** What was found; null when nobody could say. */
  value: number | string | null;
  /** What it was held against. */
  limit: number | string | null;
  text: string;
  source: string;
}

export interface Rule {
  id: string;
  about: string;
  /** Where it is from; `ours` is a threshold that we chose. */
  source: string;
  /** Whether it says something about this resize. */
  concerns(resize: Resize): boolean;
  judge(resize: Resize): Pick<Verdict, 'verdict' | 'value' | 'limit' | 'text'>;
}

const GUIDE = 'AWS Big Data Blog: resizing and automatic scaling on EMR';
const DOCS = 'EMR Management Guide';
const HADOOP = 'hdfs-default.xml, yarn-default.xml';
const MEGABYTE = 1024 * 1024;

/** Thresholds. Those that are ours are said to be so in their rules' sources. */
export const LIMITS = {
  /** Bytes that each core node writes to HDFS a second. */
  heavyWritesPerNode: 20 * MEGABYTE,
  busyWritesPerNode: 5 * MEGABYTE,
  /** Percent of HDFS that is used once the nodes have gone. */
  utilizationAfter: 85,
  /** Percent of YARN's memory below which a cluster is busy. */
  busyMemoryAvailable: 25,
  /** The share of core nodes that go at once. */
  shareAtOnce: 0.2,
  /** From which estimate on `fast: auto` sets the fast settings. */
  slowDrainSeconds: 600,
  /** A block of HDFS, and the mean size below which files are small. */
  smallBlockBytes: 32 * MEGABYTE,
  /** https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-scaledown-behavior.html */
  fleetSeconds: 86_400,
};

const shrinks = ({ from, to }: Resize) => to < from;
const isCore = ({ part }: Resize) => part.role === 'core';
const shrinksCore = (resize: Resize) => isCore(resize) && shrinks(resize);

function most(value: number | null, limit: number, beyond: Judgement): Judgement {
  return value === null ? 'warn' : value > limit ? beyond : 'pass';
}

const shown = (value: number | null, unit = '') =>
  value === null ? 'not known' : `${Math.round(value * 100) / 100}${unit}`;

/** Bytes that each core node writes a second, now. */
export function writesPerNode({ facts, from }: Resize): number | null {
  const written = facts.hdfs.writtenBytesPerSecond;
  return written === null ? null : written / Math.max(1, from);
}

export function isBusy(resize: Resize): boolean {
  const { memoryAvailable } = resize.facts.yarn;
  return (
    (writesPerNode(resize) ?? 0) > LIMITS.busyWritesPerNode ||
    (memoryAvailable ?? 100) < LIMITS.busyMemoryAvailable
  );
}

/** Whether application masters are on core nodes alone. */
export function areOnCore({ yarn: { masterLabels } }: ClusterFacts): boolean {
  return masterLabels.length > 0 && !masterLabels.includes('TASK');
}

/** https://docs.aws.amazon.com/emr/latest/ManagementGuide/instance-fleet-reconfiguration.html, and the same of groups */
export function canReconfigure({ release }: ClusterFacts): boolean {
  return isRelease(release, { major: 5, minor: 21 });
}

/** How many core nodes may go at once. */
export function mostAtOnce(nodes: number): number {
  return Math.max(1, Math.floor(nodes * LIMITS.shareAtOnce));
}

/** The guidance, one rule each. `npm test` holds the README's table against it. */
export const RESIZE_RULES: readonly Rule[] = [
  {
    id: 'master-stays',
    about: 'A primary node is not resized.',
    source: DOCS,
    concerns: ({ part }) => part.role === 'master',
    judge: ({ part, to }) => ({
      verdict: 'refuse',
      value: to,
      limit: part.running,
      text: `${part.name} is the primary ${part.kind}; resize core or task`,
    }),
  },
  {
    id: 'one-core-node',
    about: 'At least one core node stays.',
    source: GUIDE,
    concerns: isCore,
    judge: ({ to }) => ({
      verdict: to < 1 ? 'refuse' : 'pass',
      value: to,
      limit: 1,
      text: 'core nodes after the resize',
    }),
  },
  {
    id: 'core-above-replication',
    about: 'As many core nodes stay as HDFS keeps copies of a block.',
    source: DOCS,
    concerns: isCore,
    judge: ({ to, facts }) => ({
      verdict: to < facts.hdfs.replication ? 'refuse' : 'pass',
      value: to,
      limit: facts.hdfs.replication,
      text: 'core nodes after the resize, against dfs.replication',
    }),
  },
  {
    id: 'core-above-masters',
    about:
      'As many core nodes stay as application masters run at once, where masters run on core nodes alone.',
    source: GUIDE,
    concerns: (resize) => shrinksCore(resize) && areOnCore(resize.facts),
    judge: ({ to, facts: { yarn } }) => ({
      verdict: yarn.applications === null ? 'warn' : to < yarn.applications ? 'refuse' : 'pass',
      value: to,
      limit: yarn.applications,
      text: 'core nodes after the resize, against applications that run',
    }),
  },
  {
    id: 'master-label-without-spot',
    about: 'Application masters are not on task nodes while those are on Spot.',
    source: GUIDE,
    concerns: () => true,
    judge: ({ facts: { parts, yarn } }) => {
      const spot = parts.some((part) => part.role === 'task' && part.spot && part.requested > 0);
      // Without labels, as from release 6 on, masters are anywhere.
      const verdict = yarn.masterLabels.includes('TASK')
        ? 'refuse'
        : yarn.masterLabels.length
          ? 'pass'
          : 'warn';
      return {
        verdict: spot ? verdict : 'pass',
        value: yarn.masterLabels.join(',') || 'none',
        limit: 'CORE',
        text: 'yarn.app.mapreduce.am.labels: a Spot node that is taken back takes its application with it',
      };
    },
  },
  {
    id: 'calm-writes',
    about: 'A core group does not shrink while much is written to HDFS.',
    source: `${GUIDE}; 20 MB/s a node is ours`,
    concerns: shrinksCore,
    judge: (resize) => ({
      verdict: most(writesPerNode(resize), LIMITS.heavyWritesPerNode, 'refuse'),
      value: writesPerNode(resize),
      limit: LIMITS.heavyWritesPerNode,
      text: `each core node writes ${shown(toMegabytes(writesPerNode(resize)), ' MB/s')}; shrink once the writing job has ended`,
    }),
  },
  {
    id: 'one-drain',
    about: 'One drain at a time: nothing else is being resized, and no block is short of copies.',
    source: `${DOCS}; waiting for the blocks is ours`,
    concerns: () => true,
    judge: (resize) => {
      const { facts } = resize;
      const moving = facts.parts.filter(({ state, requested, running, kind }) =>
        kind === 'group' ? requested !== running || state !== 'RUNNING' : state !== 'RUNNING',
      );
      const short = shrinksCore(resize) ? (facts.hdfs.underReplicated ?? 0) : 0;
      return {
        verdict: moving.length > 0 || short > 0 ? 'refuse' : 'pass',
        value: moving.length > 0 ? moving.map(({ name, state }) => `${name} ${state}`).join(', ') : short,
        limit: 0,
        text: 'groups and fleets that change, or blocks that are short of copies; wait until there are none',
      };
    },
  },
  {
    id: 'no-policy',
    about: 'What a policy scales is not resized by hand: the policy would take it back.',
    source: DOCS,
    concerns: () => true,
    judge: ({ facts, part }) => ({
      verdict: part.hasPolicy || facts.managedScaling ? 'refuse' : 'pass',
      value: facts.managedScaling ? 'managed scaling' : part.hasPolicy ? 'automatic scaling' : 'none',
      limit: 'none',
      text: 'a policy that scales it; remove the policy, or change its limits instead',
    }),
  },
  {
    id: 'no-block-missing',
    about: 'No node goes while HDFS misses blocks.',
    source: 'ours',
    concerns: shrinksCore,
    judge: ({ facts: { hdfs } }) => ({
      verdict: most(hdfs.missing, 0, 'refuse'),
      value: hdfs.missing,
      limit: 0,
      text: 'missing blocks: a node that is away may have the last copy',
    }),
  },
  {
    id: 'room-in-hdfs',
    about: 'What is in HDFS fits on the nodes that stay.',
    source: 'ours: 85 %',
    concerns: shrinksCore,
    judge: ({ facts: { hdfs }, from, to }) => {
      const after = hdfs.utilization === null ? null : (hdfs.utilization * from) / Math.max(1, to);
      return {
        verdict: most(after, LIMITS.utilizationAfter, 'refuse'),
        value: after,
        limit: LIMITS.utilizationAfter,
        text: `HDFS would be ${shown(after, ' %')} full`,
      };
    },
  },
  {
    id: 'few-at-a-time',
    about: 'Core nodes go a few at a time, one round after the other.',
    source: `${GUIDE}; a fifth is ours`,
    concerns: shrinksCore,
    judge: ({ from, to }) => ({
      verdict: from - to > mostAtOnce(from) ? 'warn' : 'pass',
      value: from - to,
      limit: mostAtOnce(from),
      text: 'core nodes that go; more than the limit go in rounds',
    }),
  },
  {
    id: 'busy-and-fast',
    about: 'The fast settings harm a cluster that is busy.',
    source: `${GUIDE}; 5 MB/s a node and 25 % of memory are ours`,
    concerns: (resize) => shrinksCore(resize) && resize.fast === 'true',
    judge: (resize) => ({
      verdict: isBusy(resize) ? 'warn' : 'pass',
      value: resize.facts.yarn.memoryAvailable,
      limit: LIMITS.busyMemoryAvailable,
      text: `YARN has ${shown(resize.facts.yarn.memoryAvailable, ' %')} of its memory left`,
    }),
  },
  {
    id: 'settings-can-change',
    about: 'The settings of HDFS are changed while a cluster runs from release 5.21 on.',
    source: DOCS,
    concerns: (resize) =>
      shrinksCore(resize) &&
      resize.fast !== 'false' &&
      !isAsFastAs(resize.facts.hdfs.settings, FAST_SETTINGS),
    judge: ({ facts }) => ({
      verdict: canReconfigure(facts) ? 'pass' : 'warn',
      value: facts.release,
      limit: 'emr-5.21.0',
      text: 'release; with an earlier one the resize is made with the settings in force',
    }),
  },
  {
    id: 'tasks-end-in-time',
    about: 'A task that runs longer than the time-out of a node that goes is killed and runs anew elsewhere.',
    source: HADOOP,
    concerns: shrinks,
    judge: ({ facts: { yarn, stepsRunning } }) => ({
      verdict: stepsRunning > 0 || (yarn.applications ?? 0) > 0 ? 'warn' : 'pass',
      value: yarn.applications,
      limit: yarn.decommissionTimeoutSeconds,
      text: `applications that run; a node waits ${yarn.decommissionTimeoutSeconds} s for their tasks`,
    }),
  },
  {
    id: 'fleet-within-a-day',
    about: 'A fleet shrinks for a day at most, and stays at what runs then.',
    source: GUIDE,
    concerns: (resize) => shrinks(resize) && resize.part.kind === 'fleet',
    judge: ({ estimate }) => ({
      verdict: most(estimate?.mostSeconds ?? null, LIMITS.fleetSeconds, 'warn'),
      value: estimate?.mostSeconds ?? null,
      limit: LIMITS.fleetSeconds,
      text: 'seconds that the drain may take',
    }),
  },
  {
    id: 'large-files',
    about: 'Many small files make a drain slow; join them first with s3-dist-cp.',
    source: `${GUIDE}; a mean of 32 MB is ours`,
    concerns: shrinksCore,
    judge: ({ facts: { hdfs } }) => {
      const { blocks, bytesUsed, replication } = hdfs;
      const mean =
        blocks === null || bytesUsed === null ? null : bytesUsed / replication / Math.max(1, blocks);
      return {
        verdict: mean === null || (blocks! > 1000 && mean < LIMITS.smallBlockBytes) ? 'warn' : 'pass',
        value: mean,
        limit: LIMITS.smallBlockBytes,
        text: `a block has ${shown(toMegabytes(mean), ' MB')} on average`,
      };
    },
  },
  {
    id: 'core-on-demand',
    about: 'Core nodes are On-Demand: HDFS is on them.',
    source: GUIDE,
    concerns: isCore,
    judge: ({ part }) => ({
      verdict: part.spot ? 'warn' : 'pass',
      value: part.spot ? 'SPOT' : 'ON_DEMAND',
      limit: 'ON_DEMAND',
      text: 'market of the core nodes',
    }),
  },
];

function toMegabytes(bytes: number | null): number | null {
  return bytes === null ? null : bytes / MEGABYTE;
}
