import { ServiceFault, type ServiceDouble } from './double';

interface Cluster {
  Id: string;
  Name: string;
  Tags: { Key: string; Value: string }[];
  TerminationProtected: boolean;
  State: string;
  reason?: { Code?: string; Message?: string };
  created: Date;
  ended?: Date;
}

interface Step {
  Id: string;
  clusterId: string;
  Name: string;
  config: { Jar: string; Args?: string[] };
  State: string;
  created: Date;
  ended?: Date;
}

interface Group {
  Id: string;
  Name: string;
  Status: { State: string; StateChangeReason?: { Message: string } };
  RequestedInstanceCount: number;
  RunningInstanceCount: number;
}

interface Fleet {
  Id: string;
  Name: string;
  Status: { State: string; StateChangeReason?: { Message: string } };
  TargetOnDemandCapacity: number;
  TargetSpotCapacity: number;
  ProvisionedOnDemandCapacity: number;
  ProvisionedSpotCapacity: number;
}

interface OfCluster {
  ClusterId: string;
  Marker?: string;
}

const CLUSTER_ENDED = ['TERMINATED', 'TERMINATED_WITH_ERRORS'];
const STEP_ENDED = ['COMPLETED', 'CANCELLED', 'FAILED', 'INTERRUPTED'];
const MESSAGE = 'the service says: no such column';
/** A page of every list: small, so that whoever reads only the first misses the rest. */
const PAGE = 2;
/** How many ids ListSteps takes. */
const MAX_STEP_IDS = 10;

/** Amazon EMR: clusters, their steps, instance groups and fleets. */
export class EmrDouble implements ServiceDouble {
  readonly service = 'emr';
  readonly clusters = new Map<string, Cluster>();
  readonly steps = new Map<string, Step>();
  readonly groups: Group[] = [
    { Id: 'ig-0', Name: 'core', Status: { State: 'RUNNING' }, ...counts(2) },
    { Id: 'ig-1', Name: 'task', Status: { State: 'RUNNING' }, ...counts(0) },
    { Id: 'ig-2', Name: 'spare', Status: { State: 'RUNNING' }, ...counts(1) },
  ];
  readonly fleets: Fleet[] = [
    { Id: 'if-0', Name: 'core', Status: { State: 'RUNNING' }, ...capacities(4) },
    { Id: 'if-1', Name: 'task', Status: { State: 'RUNNING' }, ...capacities(0) },
  ];
  /** Releases before 5.28 do not. */
  cancelsRunningSteps = true;
  readonly cancelOptions: (string | undefined)[] = [];

  readonly handlers = {
    RunJobFlow: ({ Name, Tags = [], Instances }: RunJobFlow) => {
      const Id = `j-${this.clusters.size}`;
      const TerminationProtected = Instances.TerminationProtected ?? false;
      const State = 'STARTING';
      this.clusters.set(Id, { Id, Name, Tags, TerminationProtected, State, created: new Date() });
      return { JobFlowId: Id };
    },
    DescribeCluster: ({ ClusterId }: OfCluster) => {
      const cluster = this.clusterOf(ClusterId);
      const shown = {
        ...{ Id: cluster.Id, Name: cluster.Name, Tags: cluster.Tags, LogUri: 's3://logs/emr/' },
        ...{ Status: statusOf(cluster), NormalizedInstanceHours: 16 },
      };
      if (cluster.State === 'TERMINATING') this.moveCluster(ClusterId, 'TERMINATED:USER_REQUEST');
      return { Cluster: shown };
    },
    ListClusters: ({ CreatedAfter = 0, Marker }: { CreatedAfter?: number; Marker?: string }) => {
      const newestFirst = [...this.clusters.values()]
        .filter(({ created }) => created.getTime() >= CreatedAfter * 1000)
        .reverse();
      return page(newestFirst, Marker, 'Clusters', (cluster) => ({
        ...{ Id: cluster.Id, Name: cluster.Name, Status: statusOf(cluster) },
      }));
    },
    TerminateJobFlows: ({ JobFlowIds }: { JobFlowIds: string[] }) => {
      for (const id of JobFlowIds) {
        const cluster = this.clusterOf(id);
        if (cluster.TerminationProtected) {
          throw new ServiceFault(
            'ValidationException',
            'Could not shut down one or more job flows since they are termination protected.',
          );
        }
        if (!CLUSTER_ENDED.includes(cluster.State)) cluster.State = 'TERMINATING';
      }
      return {};
    },
    AddJobFlowSteps: ({ JobFlowId, Steps }: { JobFlowId: string; Steps: NewStep[] }) => {
      const cluster = this.clusterOf(JobFlowId);
      if (CLUSTER_ENDED.includes(cluster.State))
        throw new ServiceFault(
          'ValidationException',
          'A job flow that is shutting down may not be modified.',
        );
      return {
        StepIds: Steps.map(({ Name, HadoopJarStep }) => {
          const Id = `s-${this.steps.size}`;
          const step = { Id, clusterId: JobFlowId, Name, config: HadoopJarStep, State: 'PENDING' };
          this.steps.set(Id, { ...step, created: new Date() });
          return Id;
        }),
      };
    },
    ListSteps: ({ ClusterId, StepIds, Marker }: OfCluster & { StepIds?: string[] }) => {
      this.clusterOf(ClusterId);
      if ((StepIds?.length ?? 0) > MAX_STEP_IDS)
        throw new ServiceFault('ValidationException', 'more than 10 step ids');
      for (const id of StepIds ?? []) this.stepOf(ClusterId, id);
      const newestFirst = [...this.steps.values()]
        .filter((step) => step.clusterId === ClusterId && (StepIds?.includes(step.Id) ?? true))
        .reverse();
      const shown = page(newestFirst, Marker, 'Steps', showStep, StepIds ? MAX_STEP_IDS : PAGE);
      if (StepIds) {
        for (const step of newestFirst)
          if (step.State === 'CANCEL_PENDING') this.moveStep(step.Id, 'CANCELLED');
      }
      return shown;
    },
    CancelSteps: ({ ClusterId, StepIds, StepCancellationOption }: CancelSteps) => {
      this.cancelOptions.push(StepCancellationOption);
      return {
        CancelStepsInfoList: StepIds.map((StepId) => {
          const step = this.stepOf(ClusterId, StepId);
          const refuse = (Reason: string) => ({ StepId, Status: 'FAILED', Reason });
          if (STEP_ENDED.includes(step.State)) return refuse('Cannot cancel a step that has ended');
          if (step.State === 'RUNNING' && !this.cancelsRunningSteps) return refuse('The step is running');
          step.State = 'CANCEL_PENDING';
          return { StepId, Status: 'SUBMITTED' };
        }),
      };
    },
    ListInstanceGroups: ({ ClusterId, Marker }: OfCluster) => {
      this.clusterOf(ClusterId);
      const shown = page(this.groups, Marker, 'InstanceGroups', (group) => structuredClone(group));
      if (!shown['Marker']) for (const group of this.groups) resize(group);
      return shown;
    },
    ModifyInstanceGroups: ({ InstanceGroups }: { InstanceGroups: ModifyGroup[] }) => {
      for (const { InstanceGroupId, InstanceCount } of InstanceGroups) {
        const group = this.groups.find(({ Id }) => Id === InstanceGroupId)!;
        group.RequestedInstanceCount = InstanceCount ?? group.RequestedInstanceCount;
        group.Status.State = 'RESIZING';
      }
      return {};
    },
    ListInstanceFleets: ({ ClusterId, Marker }: OfCluster) => {
      this.clusterOf(ClusterId);
      const shown = page(this.fleets, Marker, 'InstanceFleets', (fleet) => structuredClone(fleet));
      for (const fleet of this.fleets) {
        fleet.ProvisionedOnDemandCapacity = fleet.TargetOnDemandCapacity;
        fleet.ProvisionedSpotCapacity = fleet.TargetSpotCapacity;
        if (fleet.Status.State === 'RESIZING') fleet.Status.State = 'RUNNING';
      }
      return shown;
    },
    ModifyInstanceFleet: ({
      InstanceFleet: { InstanceFleetId, ...sizes },
    }: {
      InstanceFleet: ModifyFleet;
    }) => {
      const fleet = this.fleets.find(({ Id }) => Id === InstanceFleetId)!;
      Object.assign(fleet, sizes);
      fleet.Status.State = 'RESIZING';
      return {};
    },
  };

  readonly clusterControl = {
    started: () => this.clusters.size,
    running: () => [...this.clusters.values()].filter(({ State }) => !CLUSTER_ENDED.includes(State)).length,
    move: (state: string) => this.moveCluster([...this.clusters.keys()].at(-1)!, state),
    forget: () => this.clusters.clear(),
  };

  readonly stepControl = {
    started: () => this.steps.size,
    running: () => [...this.steps.values()].filter(({ State }) => !STEP_ENDED.includes(State)).length,
    move: (state: string) => this.moveStep([...this.steps.keys()].at(-1)!, state),
    forget: () => this.steps.clear(),
  };

  /** A cluster that is there already. */
  addCluster(Id: string): void {
    const cluster = { Id, Name: 'standing', Tags: [], TerminationProtected: false, State: 'WAITING' };
    this.clusters.set(Id, { ...cluster, created: new Date() });
  }

  /** @param state a state, with or without the code of its reason: `TERMINATED:STEP_FAILURE` */
  moveCluster(id: string, state: string): void {
    const cluster = this.clusterOf(id);
    const [State, Code] = state.split(':') as [string, string?];
    cluster.State = State;
    if (!CLUSTER_ENDED.includes(State)) return;
    cluster.reason = { ...(Code ? { Code } : {}), Message: MESSAGE };
    cluster.ended = new Date();
    for (const step of this.steps.values())
      if (step.clusterId === id && !STEP_ENDED.includes(step.State)) this.moveStep(step.Id, 'CANCELLED');
  }

  moveStep(id: string, state: string): void {
    const step = this.steps.get(id)!;
    step.State = state;
    if (STEP_ENDED.includes(state)) step.ended = new Date();
  }

  private clusterOf(id: string): Cluster {
    const cluster = this.clusters.get(id);
    if (!cluster) throw new ServiceFault('InvalidRequestException', `Cluster id '${id}' is not valid.`);
    return cluster;
  }

  private stepOf(clusterId: string, id: string): Step {
    const step = this.steps.get(id);
    if (step?.clusterId === clusterId) return step;
    throw new ServiceFault('InvalidRequestException', `Step id '${id}' is not valid.`);
  }
}

interface RunJobFlow {
  Name: string;
  Tags?: { Key: string; Value: string }[];
  Instances: { TerminationProtected?: boolean };
}

interface NewStep {
  Name: string;
  HadoopJarStep: { Jar: string; Args?: string[] };
}

interface CancelSteps {
  ClusterId: string;
  StepIds: string[];
  StepCancellationOption?: string;
}

interface ModifyGroup {
  InstanceGroupId: string;
  InstanceCount?: number;
}

interface ModifyFleet {
  InstanceFleetId: string;
  TargetOnDemandCapacity?: number;
  TargetSpotCapacity?: number;
}

function counts(count: number) {
  return { RequestedInstanceCount: count, RunningInstanceCount: count };
}

function capacities(onDemand: number) {
  return {
    TargetOnDemandCapacity: onDemand,
    TargetSpotCapacity: 0,
    ProvisionedOnDemandCapacity: onDemand,
    ProvisionedSpotCapacity: 0,
  };
}

/** One instance comes or goes each time that somebody looks. */
function resize(group: Group): void {
  const missing = group.RequestedInstanceCount - group.RunningInstanceCount;
  group.RunningInstanceCount += Math.sign(missing);
  if (missing === 0 && group.Status.State === 'RESIZING') group.Status.State = 'RUNNING';
}

function statusOf({ State, reason, created, ended }: Cluster) {
  const Timeline = { CreationDateTime: created, ...(ended ? { EndDateTime: ended } : {}) };
  return { State, Timeline, ...(reason ? { StateChangeReason: reason } : {}) };
}

function showStep({ Id, Name, State, created, ended }: Step) {
  const FailureDetails = { Reason: 'Unknown Error', Message: MESSAGE, LogFile: `s3://logs/${Id}/stderr.gz` };
  const Timeline = { CreationDateTime: created, ...(ended ? { EndDateTime: ended } : {}) };
  return { Id, Name, Status: { State, Timeline, ...(State === 'FAILED' ? { FailureDetails } : {}) } };
}

function page<T, S>(
  all: T[],
  marker: string | undefined,
  name: string,
  show: (item: T) => S,
  size = PAGE,
): Record<string, unknown> {
  const at = Number(marker ?? 0);
  const end = at + size;
  return {
    [name]: all.slice(at, end).map(show),
    ...(end < all.length ? { Marker: String(end) } : {}),
  };
}
