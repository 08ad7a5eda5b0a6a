import type { HdfsSettings } from './hdfsSettings';

export type Role = 'master' | 'core' | 'task';

/** An instance group or fleet of a cluster. Sizes are instances of a group, and units of capacity of a fleet. */
export interface ClusterPart {
  id: string;
  name: string;
  kind: 'group' | 'fleet';
  role: Role;
  requested: number;
  running: number;
  /** How many instances run; of a group as many as `running`. */
  instances: number;
  /** Of a fleet: the units that are asked for in each market. */
  capacity?: { onDemand: number; spot: number };
  /** Whether some of it is on Spot. */
  spot: boolean;
  /** The service's own word, such as RUNNING or RESIZING. */
  state: string;
  /** Whether a policy of automatic scaling is on it. */
  hasPolicy: boolean;
}

/** What is known of a cluster before it is resized. Null is what nobody could say. */
export interface ClusterFacts {
  clusterId: string;
  name: string;
  /** Such as `emr-7.5.0`. */
  release: string;
  parts: ClusterPart[];
  /** Whether a policy of managed scaling is on the cluster. */
  managedScaling: boolean;
  stepsRunning: number;
  hdfs: {
    /** `dfs.replication`. */
    replication: number;
    blocks: number | null;
    bytesUsed: number | null;
    /** Percent. */
    utilization: number | null;
    writtenBytesPerSecond: number | null;
    underReplicated: number | null;
    missing: number | null;
    settings: HdfsSettings;
    /** How often the NameNode looks whether a node that goes has nothing left. */
    checkSeconds: number;
  };
  yarn: {
    /** Applications that run, each of which has a master. */
    applications: number | null;
    /** The roles of nodes that application masters may be on: `yarn.app.mapreduce.am.labels`; empty where any may be. */
    masterLabels: string[];
    /** Percent. */
    memoryAvailable: number | null;
    pendingContainers: number | null;
    /** How long a node that is to go waits for its tasks. */
    decommissionTimeoutSeconds: number;
  };
}

/** Whether a release such as `emr-7.5.0` is this one or a later one. */
export function isRelease(release: string, { major, minor }: { major: number; minor: number }): boolean {
  const [first, second] = (/^emr-(\d+)\.(\d+)/.exec(release) ?? []).slice(1).map(Number);
  return first !== undefined && (first > major || (first === major && second! >= minor));
}

/** HDFS's replication on EMR by core nodes: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-hdfs-config.html */
export function defaultReplication(coreNodes: number): number {
  if (coreNodes < 4) return 1;
  return coreNodes < 10 ? 2 : 3;
}

/** `yarn.resourcemanager.nodemanager-graceful-decommission-timeout-secs` on EMR, unless it is configured. */
export const DEFAULT_DECOMMISSION_TIMEOUT_SECONDS = 3600;
