import type {
  AddInstanceGroupsInput,
  AutoScalingPolicy,
  AutoTerminationPolicy,
  InstanceFleetModifyConfig,
  InstanceGroupModifyConfig,
  ManagedScalingPolicy,
  RunJobFlowInput,
} from '@aws-sdk/client-emr';
import { defaultReplication } from '../advice/clusterFacts';
import { LocalCluster, showFleet, showGroup, type Part } from './localCluster';
import type { Storage, StorageOptions } from './storage';

/** The answer of a service that refuses. */
export class Refusal extends Error {
  constructor(
    readonly type: string,
    message: string,
  ) {
    super(message);
  }
}

/** The cluster that is there from the start. */
export const STANDING = 'j-LOCALCLUSTER1';
const RELEASE = 'emr-7.5.0';

interface OfCluster {
  ClusterId: string;
}

const MEGABYTES_A_NODE = 16_384;

/** EMR's and CloudWatch's calls that are about clusters, over clusters of this machine. */
export class LocalEmr {
  readonly clusters = new Map<string, LocalCluster>();

  constructor(private readonly createStorage: (id: string, options: StorageOptions) => Promise<Storage>) {}

  add(cluster: LocalCluster): void {
    this.clusters.set(cluster.options.id, cluster);
  }

  /** Does what is due in every cluster. */
  async advance(): Promise<void> {
    await Promise.all([...this.clusters.values()].map((cluster) => cluster.advance()));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.clusters.values()].map(({ options }) => options.storage.stop()));
  }

  /** Operation -> what it answers. Dates are seconds. */
  readonly handlers: Record<string, (input: never) => Promise<object>> = {
    RunJobFlow: async ({ Name, Instances, Tags = [] }: RunJobFlowInput) => {
      const id = `j-LOCALCLUSTER${this.clusters.size + 1}`;
      const size = (role: string) =>
        (Instances?.InstanceGroups ?? [])
          .filter(({ InstanceRole }) => InstanceRole === role)
          .reduce((sum, { InstanceCount = 0 }) => sum + InstanceCount, 0);
      const core = size('CORE') || Math.max(1, (Instances?.InstanceCount ?? 2) - 1);
      const storage = await this.createStorage(id, { nodes: core, replication: defaultReplication(core) });
      this.add(
        new LocalCluster({
          ...{ id, name: Name ?? id, collection: 'groups', core, task: size('TASK'), storage },
          tags: Tags.map(({ Key = '', Value = '' }) => ({ Key, Value })),
        }),
      );
      return { JobFlowId: id };
    },
    TerminateJobFlows: async ({ JobFlowIds }: { JobFlowIds: string[] }) => {
      for (const id of JobFlowIds) {
        const cluster = this.find(id);
        cluster.state = 'TERMINATED';
        await cluster.options.storage.stop();
      }
      return {};
    },
    ListClusters: async () =>
      Promise.resolve({ Clusters: [...this.clusters.values()].reverse().map(summaryOf) }),
    DescribeCluster: async ({ ClusterId }: OfCluster) => {
      const cluster = this.find(ClusterId);
      const { storage, collection, tags = [] } = cluster.options;
      const status = cluster.state === 'TERMINATED' ? null : await storage.status();
      return {
        Cluster: {
          ...summaryOf(cluster),
          ReleaseLabel: RELEASE,
          InstanceCollectionType: collection === 'groups' ? 'INSTANCE_GROUP' : 'INSTANCE_FLEET',
          Tags: [...tags, { Key: 'hdfs', Value: storage.kind }, { Key: 'yarn', Value: 'simulator' }],
          Configurations: [
            {
              Classification: 'hdfs-site',
              Properties: {
                'dfs.replication': String(status?.replication ?? 0),
                'dfs.namenode.decommission.interval': String(status?.checkSeconds ?? 0),
              },
            },
          ],
        },
      };
    },
    ListSteps: async ({ ClusterId }: OfCluster) => {
      this.find(ClusterId);
      return Promise.resolve({ Steps: [] });
    },
    ListInstanceGroups: async ({ ClusterId }: OfCluster) => {
      const cluster = this.findOf(ClusterId, 'groups');
      await cluster.advance();
      return { InstanceGroups: cluster.parts.map(showGroup) };
    },
    ModifyInstanceGroups: async ({
      ClusterId,
      InstanceGroups = [],
    }: {
      ClusterId?: string;
      InstanceGroups?: InstanceGroupModifyConfig[];
    }) => {
      for (const given of InstanceGroups) {
        const { cluster, part } = this.findPart(ClusterId, given.InstanceGroupId);
        if (part.state !== 'RUNNING')
          throw new Refusal(
            'ValidationException',
            `The instance group ${part.id} is ${part.state} and cannot be modified`,
          );
        if (given.Configurations !== undefined) cluster.configure(part, given.Configurations);
        if (given.InstanceCount !== undefined) cluster.resize(part, given.InstanceCount, given.ShrinkPolicy);
      }
      return Promise.resolve({});
    },
    AddInstanceGroups: async ({ JobFlowId, InstanceGroups = [] }: AddInstanceGroupsInput) => {
      const cluster = this.findOf(JobFlowId!, 'groups');
      const ids = InstanceGroups.map(({ Name, InstanceCount = 0, Market }, i): Part => ({
        ...{ id: `ig-TASK${cluster.parts.length + i}`, name: Name ?? 'task', role: 'task' },
        ...{ requested: InstanceCount, running: 0, state: 'RESIZING', spot: Market === 'SPOT' },
        ...{ configurations: [], version: 0, applied: 0, shrinkUntil: Infinity },
      }));
      cluster.parts.push(...ids);
      return Promise.resolve({ JobFlowId, InstanceGroupIds: ids.map(({ id }) => id) });
    },
    ListInstanceFleets: async ({ ClusterId }: OfCluster) => {
      const cluster = this.findOf(ClusterId, 'fleets');
      await cluster.advance();
      return { InstanceFleets: cluster.parts.map(showFleet) };
    },
    ModifyInstanceFleet: async ({
      ClusterId,
      InstanceFleet,
    }: OfCluster & { InstanceFleet: InstanceFleetModifyConfig }) => {
      const { cluster, part } = this.findPart(ClusterId, InstanceFleet.InstanceFleetId);
      const { TargetOnDemandCapacity, TargetSpotCapacity, InstanceTypeConfigs } = InstanceFleet;
      if (InstanceTypeConfigs !== undefined)
        cluster.configure(part, InstanceTypeConfigs[0]?.Configurations ?? []);
      const size = part.spot ? TargetSpotCapacity : TargetOnDemandCapacity;
      if (size !== undefined) cluster.resize(part, size);
      return Promise.resolve({});
    },
    PutAutoScalingPolicy: async ({
      ClusterId,
      InstanceGroupId,
      AutoScalingPolicy: policy,
    }: OfCluster & { InstanceGroupId: string; AutoScalingPolicy: AutoScalingPolicy }) => {
      const { cluster, part } = this.findPart(ClusterId, InstanceGroupId);
      if (cluster.managed)
        throw new Refusal(
          'ValidationException',
          'Managed scaling is on; a policy of a group cannot be added',
        );
      part.policy = { ...policy, Status: { State: 'ATTACHED' } };
      return Promise.resolve({ ClusterId, InstanceGroupId, AutoScalingPolicy: part.policy });
    },
    RemoveAutoScalingPolicy: async ({
      ClusterId,
      InstanceGroupId,
    }: OfCluster & { InstanceGroupId: string }) => {
      delete this.findPart(ClusterId, InstanceGroupId).part.policy;
      return Promise.resolve({});
    },
    PutManagedScalingPolicy: async ({
      ClusterId,
      ManagedScalingPolicy: policy,
    }: OfCluster & { ManagedScalingPolicy: ManagedScalingPolicy }) => {
      const cluster = this.find(ClusterId);
      if (cluster.parts.some((part) => part.policy))
        throw new Refusal('ValidationException', 'A group has a policy; managed scaling cannot be added');
      cluster.managed = policy;
      return Promise.resolve({});
    },
    GetManagedScalingPolicy: async ({ ClusterId }: OfCluster) => {
      const { managed } = this.find(ClusterId);
      return Promise.resolve(managed ? { ManagedScalingPolicy: managed } : {});
    },
    RemoveManagedScalingPolicy: async ({ ClusterId }: OfCluster) => {
      this.find(ClusterId).managed = undefined;
      return Promise.resolve({});
    },
    PutAutoTerminationPolicy: async ({
      ClusterId,
      AutoTerminationPolicy: policy,
    }: OfCluster & { AutoTerminationPolicy: AutoTerminationPolicy }) => {
      this.find(ClusterId).idleTimeoutSeconds = policy.IdleTimeout;
      return Promise.resolve({});
    },
    GetAutoTerminationPolicy: async ({ ClusterId }: OfCluster) => {
      const IdleTimeout = this.find(ClusterId).idleTimeoutSeconds;
      return Promise.resolve(IdleTimeout === undefined ? {} : { AutoTerminationPolicy: { IdleTimeout } });
    },
    RemoveAutoTerminationPolicy: async ({ ClusterId }: OfCluster) => {
      this.find(ClusterId).idleTimeoutSeconds = undefined;
      return Promise.resolve({});
    },
    GetMetricData: async ({ MetricDataQueries = [] }: { MetricDataQueries?: MetricQuery[] }) => ({
      MetricDataResults: await Promise.all(
        MetricDataQueries.map(async ({ Id, MetricStat: { Metric } }) => {
          const cluster = this.find(Metric.Dimensions.find(({ Name }) => Name === 'JobFlowId')!.Value);
          const value = (await metricsOf(cluster))[Metric.MetricName];
          const at = Math.floor(Date.now() / 1000);
          return {
            ...{ Id, Label: Metric.MetricName, StatusCode: 'Complete' },
            ...(value === undefined ? { Timestamps: [], Values: [] } : { Timestamps: [at], Values: [value] }),
          };
        }),
      ),
    }),
  };

  private find(id: string): LocalCluster {
    const cluster = this.clusters.get(id);
    if (cluster) return cluster;
    throw new Refusal('InvalidRequestException', `Cluster id '${id}' is not valid.`);
  }

  private findOf(id: string, collection: 'groups' | 'fleets'): LocalCluster {
    const cluster = this.find(id);
    if (cluster.options.collection === collection) return cluster;
    throw new Refusal('InvalidRequestException', `Instance ${collection} are not used by cluster ${id}`);
  }

  private findPart(clusterId: string | undefined, id: string | undefined) {
    const clusters = clusterId === undefined ? [...this.clusters.values()] : [this.find(clusterId)];
    for (const cluster of clusters) {
      const part = cluster.parts.find((other) => other.id === id);
      if (part) return { cluster, part };
    }
    throw new Refusal('InvalidRequestException', `Instance group or fleet id '${id}' is not valid.`);
  }
}

interface MetricQuery {
  Id: string;
  MetricStat: { Metric: { MetricName: string; Dimensions: { Name: string; Value: string }[] } };
}

function summaryOf({ options, state, created }: LocalCluster) {
  return {
    Id: options.id,
    Name: options.name,
    Status: { State: state, Timeline: { CreationDateTime: created.getTime() / 1000 } },
  };
}

/** YARN's are those of a cluster without work: there is none here. */
async function metricsOf(cluster: LocalCluster): Promise<Record<string, number>> {
  const hdfs = await cluster.status();
  const nodesOf = (of: Part['role']) =>
    cluster.parts.filter(({ role }) => role === of).reduce((sum, { running }) => sum + running, 0);
  const workers = nodesOf('core') + nodesOf('task');
  return {
    HDFSUtilization: hdfs.bytesTotal === 0 ? 0 : (100 * hdfs.bytesUsed) / hdfs.bytesTotal,
    HDFSBytes: hdfs.nodes.reduce((sum, { bytes }) => sum + bytes, 0),
    HDFSBlocks: hdfs.blocks,
    HDFSBytesWritten: cluster.writtenLately(hdfs.bytesWritten),
    UnderReplicatedBlocks: hdfs.underReplicated,
    MissingBlocks: hdfs.missing,
    YARNMemoryAvailablePercentage: 100,
    MemoryTotalMB: workers * MEGABYTES_A_NODE,
    MemoryAvailableMB: workers * MEGABYTES_A_NODE,
    ContainerPending: 0,
    ContainerAllocated: 0,
    AppsRunning: 0,
    CoreNodesRunning: nodesOf('core'),
    TaskNodesRunning: nodesOf('task'),
  };
}
