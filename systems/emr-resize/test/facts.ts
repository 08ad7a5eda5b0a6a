import { type ClusterFacts, type ClusterPart } from '../src/advice/clusterFacts';
import { DEFAULT_SETTINGS } from '../src/advice/hdfsSettings';

export const group = (given: Partial<ClusterPart>): ClusterPart => {
  const { running = 6 } = given;
  return {
    ...{ id: 'ig-core', name: 'core', kind: 'group', role: 'core', spot: false, hasPolicy: false },
    ...{ state: 'RUNNING', requested: running, running, instances: running },
    ...given,
  };
};

/** The published exercise: a primary node and six core nodes, teragen's billion rows and 25,000 small files. */
export function clusterFacts({
  hdfs,
  yarn,
  ...given
}: Partial<Omit<ClusterFacts, 'hdfs' | 'yarn'>> & {
  hdfs?: Partial<ClusterFacts['hdfs']>;
  yarn?: Partial<ClusterFacts['yarn']>;
} = {}): ClusterFacts {
  return {
    ...{ clusterId: 'j-1', name: 'nightly', release: 'emr-6.15.0', managedScaling: false, stepsRunning: 0 },
    parts: [group({ id: 'ig-master', name: 'master', role: 'master', running: 1 }), group({})],
    ...given,
    hdfs: {
      ...{ replication: 2, blocks: 25_746, bytesUsed: 200e9, utilization: 40, writtenBytesPerSecond: 0 },
      ...{ underReplicated: 0, missing: 0, settings: DEFAULT_SETTINGS, checkSeconds: 30 },
      ...hdfs,
    },
    yarn: {
      ...{ applications: 0, masterLabels: ['CORE'], memoryAvailable: 100, pendingContainers: 0 },
      decommissionTimeoutSeconds: 3600,
      ...yarn,
    },
  };
}
