import type {
  AutoScalingPolicyDescription,
  Configuration,
  InstanceFleet,
  InstanceGroup,
  ManagedScalingPolicy,
  ShrinkPolicy,
} from '@aws-sdk/client-emr';
import type { Role } from '../advice/clusterFacts';
import { DEFAULT_SETTINGS, toProperties } from '../advice/hdfsSettings';
import type { Storage, StorageStatus } from './storage';

export interface Part {
  id: string;
  name: string;
  role: Role;
  requested: number;
  running: number;
  state: 'RUNNING' | 'RESIZING' | 'RECONFIGURING';
  spot: boolean;
  configurations: Configuration[];
  /** Counts what was asked for, and which of it is in force. */
  version: number;
  applied: number;
  shrinkPolicy?: ShrinkPolicy;
  policy?: AutoScalingPolicyDescription;
  /** When a fleet that shrinks stays at what runs. */
  shrinkUntil: number;
}

export interface LocalClusterOptions {
  id: string;
  name: string;
  collection: 'groups' | 'fleets';
  /** The primary node is there in any case. */
  core: number;
  task: number;
  storage: Storage;
  tags?: { Key: string; Value: string }[];
  /** A day on EMR. */
  fleetLimitMs?: number;
  now?: () => number;
}

const DAY_MS = 86_400_000;
const METRIC_PERIOD_MS = 300_000;
const CLASSIFICATION = 'hdfs-site';
const HADOOP_DEFAULTS = toProperties(DEFAULT_SETTINGS);

/**
 * A cluster whose core nodes are those of its HDFS: asked for fewer, it drains some and ends them; asked for more, it starts
 * some. Its settings are changed while it runs. Task nodes are counted only: there is no YARN.
 */
export class LocalCluster {
  readonly created: Date;
  readonly parts: Part[];
  managed: ManagedScalingPolicy | undefined;
  idleTimeoutSeconds: number | undefined;
  state: 'WAITING' | 'TERMINATED' = 'WAITING';
  private working: Promise<void> | undefined;
  private readonly writes: { at: number; written: number }[] = [];
  private readonly now: () => number;

  constructor(readonly options: LocalClusterOptions) {
    this.now = options.now ?? Date.now;
    this.created = new Date(this.now());
    const prefix = options.collection === 'groups' ? 'ig' : 'if';
    const part = (role: Role, size: number): Part => ({
      ...{ id: `${prefix}-${role.toUpperCase()}`, name: role, role, requested: size, running: size },
      ...{ state: 'RUNNING', spot: role === 'task', configurations: [], version: 0, applied: 0 },
      shrinkUntil: Infinity,
    });
    this.parts = [part('master', 1), part('core', options.core), part('task', options.task)];
  }

  status(): Promise<StorageStatus> {
    return this.options.storage.status();
  }

  resize(part: Part, size: number, shrinkPolicy?: ShrinkPolicy): void {
    part.requested = size;
    part.state = 'RESIZING';
    if (shrinkPolicy !== undefined) part.shrinkPolicy = shrinkPolicy;
    const isShrinkingFleet = this.options.collection === 'fleets' && size < part.running;
    part.shrinkUntil = isShrinkingFleet ? this.now() + (this.options.fleetLimitMs ?? DAY_MS) : Infinity;
  }

  configure(part: Part, configurations: Configuration[]): void {
    part.configurations = configurations;
    part.version++;
    part.state = 'RECONFIGURING';
  }

  /** Bytes written to HDFS within the last period of EMR's metrics. */
  writtenLately(written: number): number {
    const at = this.now();
    this.writes.push({ at, written });
    while (this.writes.length > 1 && this.writes[1]!.at < at - METRIC_PERIOD_MS) this.writes.shift();
    return written - this.writes[0]!.written;
  }

  /** Does what is due, once at a time. */
  advance(): Promise<void> {
    this.working ??= this.work().finally(() => (this.working = undefined));
    return this.working;
  }

  private async work(): Promise<void> {
    if (this.state === 'TERMINATED') return;
    const { storage } = this.options;
    for (const part of this.parts) {
      if (part.version !== part.applied) {
        const version = part.version;
        // What is not given any more is Hadoop's own again.
        if (part.role === 'master') await storage.configure(propertiesOf(part.configurations));
        part.applied = version;
        if (part.state === 'RECONFIGURING') part.state = 'RUNNING';
      }
      if (part.role === 'core') await this.workOnCore(part);
      else part.running = part.requested;
      if (part.state === 'RESIZING' && (part.running === part.requested || this.now() > part.shrinkUntil))
        part.state = 'RUNNING';
    }
  }

  private async workOnCore(core: Part): Promise<void> {
    const { storage } = this.options;
    const { nodes, bytesWritten } = await storage.status();
    this.writtenLately(bytesWritten);
    for (const { name } of nodes.filter(({ state }) => state === 'decommissioned'))
      await storage.remove(name);
    const alive = nodes.filter(({ state }) => state !== 'decommissioned');
    const staying = alive.filter(({ state }) => state === 'in service');
    core.running = alive.length;
    if (core.state !== 'RESIZING') return;
    if (staying.length < core.requested) await storage.add(core.requested - staying.length);
    else if (staying.length > core.requested)
      await storage.drain(staying.slice(core.requested).map(({ name }) => name));
  }
}

function propertiesOf(configurations: Configuration[]): Record<string, string> {
  const given = configurations.find(({ Classification }) => Classification === CLASSIFICATION)?.Properties;
  return { ...HADOOP_DEFAULTS, ...given };
}

const typeOf = ({ role }: Part) => role.toUpperCase() as 'MASTER' | 'CORE' | 'TASK';

/** As ListInstanceGroups shows it. */
export function showGroup(part: Part): InstanceGroup {
  return {
    Id: part.id,
    Name: part.name,
    InstanceGroupType: typeOf(part),
    Market: part.spot ? 'SPOT' : 'ON_DEMAND',
    InstanceType: 'local',
    RequestedInstanceCount: part.requested,
    RunningInstanceCount: part.running,
    Status: { State: part.state },
    Configurations: part.configurations,
    ConfigurationsVersion: part.version,
    LastSuccessfullyAppliedConfigurationsVersion: part.applied,
    ...(part.shrinkPolicy === undefined ? {} : { ShrinkPolicy: part.shrinkPolicy }),
    ...(part.policy === undefined ? {} : { AutoScalingPolicy: part.policy }),
  };
}

/** As ListInstanceFleets shows it: a unit of capacity an instance. */
export function showFleet(part: Part): InstanceFleet {
  const market = (onDemand: number, spot: number) => (part.spot ? spot : onDemand);
  return {
    Id: part.id,
    Name: part.name,
    InstanceFleetType: typeOf(part),
    Status: { State: part.state },
    TargetOnDemandCapacity: market(part.requested, 0),
    TargetSpotCapacity: market(0, part.requested),
    ProvisionedOnDemandCapacity: market(part.running, 0),
    ProvisionedSpotCapacity: market(0, part.running),
    InstanceTypeSpecifications: [
      { InstanceType: 'local', WeightedCapacity: 1, Configurations: part.configurations },
    ],
  };
}
