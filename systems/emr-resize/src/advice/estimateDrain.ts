import type { HdfsSettings } from './hdfsSettings';

export interface Drain {
  /** Blocks of the whole file system. */
  blocks: number;
  /** Bytes of all replicas. */
  bytes: number;
  replication: number;
  /** DataNodes that live before any goes. */
  nodes: number;
  /** How many of them go at once. */
  leaving: number;
  settings: HdfsSettings;
  /** How often the NameNode looks whether a node that goes has nothing left. */
  checkSeconds: number;
}

export interface Estimate {
  leastSeconds: number;
  mostSeconds: number;
}

/** `dfs.namenode.redundancy.interval.seconds`: a round of copies is handed out this often. */
const ROUND_SECONDS = 3;
/** `dfs.namenode.decommission.interval`, unless it is configured. */
export const CHECK_SECONDS = 30;
/** What a node sends to others beside its work. Ours: EMR says nothing of it. */
const NODE_BYTES_PER_SECOND = 50 * 1024 * 1024;

/**
 * How long HDFS copies what is on nodes that go. The NameNode hands out `multiplier × DataNodes` copies a round
 * (BlockManager.computeDatanodeWork); a block of which no other copy is left has one sender, which takes the hard limit. The
 * least counts the nodes that go among those that work, the most does not, and waits for the NameNode to look.
 */
export function estimateDrain(drain: Drain): Estimate {
  const { blocks, bytes, replication, nodes, leaving, settings, checkSeconds } = drain;
  const replicas = Math.ceil((blocks * replication * leaving) / nodes);
  const seconds = (working: number) => {
    const senders = replication > 1 ? working : leaving;
    const aRound = Math.min(settings.workMultiplier * working, settings.maxStreamsHardLimit * senders);
    const handedOut = Math.ceil(replicas / aRound) * ROUND_SECONDS;
    return Math.max(handedOut, (bytes * leaving) / nodes / (NODE_BYTES_PER_SECOND * senders));
  };
  return { leastSeconds: seconds(nodes), mostSeconds: seconds(Math.max(1, nodes - leaving)) + checkSeconds };
}
