import {
  DescribeClusterCommand,
  GetManagedScalingPolicyCommand,
  ListInstanceFleetsCommand,
  ListInstanceGroupsCommand,
  ListStepsCommand,
  type Cluster,
  type Configuration,
  type InstanceFleet,
  type InstanceGroup,
  type InstanceTypeConfig,
  type InstanceTypeSpecification,
} from '@aws-sdk/client-emr';
import {
  DEFAULT_DECOMMISSION_TIMEOUT_SECONDS,
  defaultReplication,
  isRelease,
  type ClusterFacts,
  type ClusterPart,
  type Role,
} from '../advice/clusterFacts';
import { CHECK_SECONDS } from '../advice/estimateDrain';
import { toSettings } from '../advice/hdfsSettings';
import type { Clients } from './clients';
import { METRIC_SECONDS, readNewest } from './readMetrics';

/** Facts of a cluster, and the configurations of its primary node, to which they are set back. */
export interface Look {
  facts: ClusterFacts;
  masterName: string;
  /** Of the primary group, or of the first instance type of the primary fleet. */
  configurations: Configuration[];
  /** All instance types of the primary fleet: a request names all of them. Empty for a group. */
  types: InstanceTypeConfig[];
}

export interface LookRequest {
  clusterId: string;
  /** How many blocks HDFS has, where no metric tells. */
  blocks?: number | undefined;
}

const GIGABYTE = 1e9;

/** Asks EMR and CloudWatch all that the advice is made of; changes nothing. */
export async function lookAtCluster(clients: Clients, { clusterId, blocks }: LookRequest): Promise<Look> {
  const { emr } = clients;
  const { Cluster: cluster = {} } = await emr.send(new DescribeClusterCommand({ ClusterId: clusterId }));
  const { parts, configurations, types } = await readParts(clients, cluster);
  const { Steps: running = [] } = await emr.send(
    new ListStepsCommand({ ClusterId: clusterId, StepStates: ['RUNNING', 'PENDING'] }),
  );
  const { ManagedScalingPolicy: managed } = hasManagedScaling(cluster)
    ? await emr.send(new GetManagedScalingPolicyCommand({ ClusterId: clusterId }))
    : {};
  const metrics = await readNewest(clients, clusterId, [
    ...(['HDFSUtilization', 'CapacityRemainingGB', 'HDFSBytesWritten', 'UnderReplicatedBlocks'] as const),
    ...(['MissingBlocks', 'YARNMemoryAvailablePercentage', 'ContainerPending', 'AppsRunning'] as const),
    ...(['HDFSBlocks', 'HDFSBytes'] as const),
  ]);
  const property = (classification: string, name: string) =>
    [...configurations, ...(cluster.Configurations ?? [])].find(
      ({ Classification, Properties }) =>
        Classification === classification && Properties?.[name] !== undefined,
    )?.Properties?.[name];
  const coreNodes = parts
    .filter(({ role }) => role === 'core')
    .reduce((sum, part) => sum + part.instances, 0);
  const settings = configurations.find(({ Classification }) => Classification === 'hdfs-site')?.Properties;
  const facts: ClusterFacts = {
    clusterId,
    name: cluster.Name ?? '',
    release: cluster.ReleaseLabel ?? '',
    parts,
    managedScaling: managed !== undefined,
    stepsRunning: running.length,
    hdfs: {
      replication: Number(property('hdfs-site', 'dfs.replication')) || defaultReplication(coreNodes),
      blocks: blocks ?? metrics.HDFSBlocks,
      bytesUsed: metrics.HDFSBytes ?? usedBytes(metrics),
      utilization: metrics.HDFSUtilization,
      writtenBytesPerSecond:
        metrics.HDFSBytesWritten === null ? null : metrics.HDFSBytesWritten / METRIC_SECONDS,
      underReplicated: metrics.UnderReplicatedBlocks,
      missing: metrics.MissingBlocks,
      settings: toSettings(settings ?? {}),
      checkSeconds: Number(property('hdfs-site', 'dfs.namenode.decommission.interval')) || CHECK_SECONDS,
    },
    yarn: {
      applications: metrics.AppsRunning,
      masterLabels: labelsOf(property('mapred-site', 'yarn.app.mapreduce.am.labels'), cluster),
      memoryAvailable: metrics.YARNMemoryAvailablePercentage,
      pendingContainers: metrics.ContainerPending,
      decommissionTimeoutSeconds:
        Number(
          property('yarn-site', 'yarn.resourcemanager.nodemanager-graceful-decommission-timeout-secs'),
        ) || DEFAULT_DECOMMISSION_TIMEOUT_SECONDS,
    },
  };
  const masterName = parts.find(({ role }) => role === 'master')?.name ?? '';
  return { facts, masterName, configurations, types };
}

/** What a cluster consists of now. */
export async function readParts(
  { emr }: Clients,
  { Id: ClusterId, InstanceCollectionType }: Cluster,
): Promise<Pick<Look, 'configurations' | 'types'> & { parts: ClusterPart[]; groups: InstanceGroup[] }> {
  let Marker: string | undefined;
  const paged = () => ({ ClusterId, ...(Marker ? { Marker } : {}) });
  const groups: InstanceGroup[] = [];
  const fleets: InstanceFleet[] = [];
  do {
    if (InstanceCollectionType === 'INSTANCE_FLEET') {
      const page = await emr.send(new ListInstanceFleetsCommand(paged()));
      fleets.push(...(page.InstanceFleets ?? []));
      Marker = page.Marker;
    } else {
      const page = await emr.send(new ListInstanceGroupsCommand(paged()));
      groups.push(...(page.InstanceGroups ?? []));
      Marker = page.Marker;
    }
  } while (Marker);
  const parts = [...groups.map(toGroupPart), ...fleets.map(toFleetPart)];
  const group = groups.find(({ InstanceGroupType }) => InstanceGroupType === 'MASTER');
  const fleet = fleets.find(({ InstanceFleetType }) => InstanceFleetType === 'MASTER');
  const types = (fleet?.InstanceTypeSpecifications ?? []).map(toTypeConfig);
  const configurations = group?.Configurations ?? types[0]?.Configurations ?? [];
  return { parts, configurations, types, groups };
}

const toRole = (type: string | undefined): Role => (type ?? 'TASK').toLowerCase() as Role;

/** A type as a request has it; what is asked for anew is its configurations. */
function toTypeConfig(type: InstanceTypeSpecification): InstanceTypeConfig {
  const { InstanceType, WeightedCapacity, BidPrice, BidPriceAsPercentageOfOnDemandPrice } = type;
  return {
    InstanceType: InstanceType!,
    ...(WeightedCapacity === undefined ? {} : { WeightedCapacity }),
    ...(BidPrice === undefined ? {} : { BidPrice }),
    ...(BidPriceAsPercentageOfOnDemandPrice === undefined ? {} : { BidPriceAsPercentageOfOnDemandPrice }),
    Configurations: type.Configurations ?? [],
  };
}

function toGroupPart(group: InstanceGroup): ClusterPart {
  const running = group.RunningInstanceCount ?? 0;
  return {
    ...{ id: group.Id!, name: group.Name ?? group.Id!, kind: 'group', role: toRole(group.InstanceGroupType) },
    ...{ requested: group.RequestedInstanceCount ?? 0, running, instances: running },
    ...{ spot: group.Market === 'SPOT', state: group.Status?.State ?? 'unknown' },
    hasPolicy: group.AutoScalingPolicy !== undefined,
  };
}

/** Of fleets of several types, as few instances as its units may come to. */
function toFleetPart(fleet: InstanceFleet): ClusterPart {
  const { TargetOnDemandCapacity = 0, TargetSpotCapacity = 0 } = fleet;
  const { ProvisionedOnDemandCapacity = 0, ProvisionedSpotCapacity = 0 } = fleet;
  const running = ProvisionedOnDemandCapacity + ProvisionedSpotCapacity;
  const weights = (fleet.InstanceTypeSpecifications ?? []).map(
    ({ WeightedCapacity }) => WeightedCapacity ?? 1,
  );
  return {
    ...{ id: fleet.Id!, name: fleet.Name ?? fleet.Id!, kind: 'fleet', role: toRole(fleet.InstanceFleetType) },
    ...{ requested: TargetOnDemandCapacity + TargetSpotCapacity, running },
    instances: Math.floor(running / Math.max(1, ...weights)),
    capacity: { onDemand: TargetOnDemandCapacity, spot: TargetSpotCapacity },
    ...{ spot: TargetSpotCapacity > 0, state: fleet.Status?.State ?? 'unknown', hasPolicy: false },
  };
}

function usedBytes(metrics: Record<'HDFSUtilization' | 'CapacityRemainingGB', number | null>): number | null {
  const { HDFSUtilization: used, CapacityRemainingGB: left } = metrics;
  return used === null || left === null || used >= 100 ? null : (left * GIGABYTE * used) / (100 - used);
}

/** Node labels are on by default up to release 5, where masters are on core nodes. */
function labelsOf(configured: string | undefined, { ReleaseLabel = '' }: Cluster): string[] {
  if (configured !== undefined) return configured.split(',').map((label) => label.trim());
  return /^emr-[45]\./.test(ReleaseLabel) ? ['CORE'] : [];
}

/** From release 5.30 on: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-managed-scaling.html */
function hasManagedScaling({ ReleaseLabel = '' }: Cluster): boolean {
  return isRelease(ReleaseLabel, { major: 5, minor: 30 });
}
