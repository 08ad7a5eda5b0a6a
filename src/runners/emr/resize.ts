import { isDeepStrictEqual } from 'node:util';
import type { InstanceFleet, InstanceGroup } from '@aws-sdk/client-emr';
import { SluiceError } from '../../errors';
import type { JobReference } from '../../jobs';
import { PollerGroup } from '../../services/pollerGroup';
import { succeeded } from '../references';
import type { JobState, Runner, SubmissionOf } from '../runner';
import { toReference } from './answers';
import { orUnknownId, pagesOf, type EmrPort } from './port';

type Resize = 'elasticmapreduce:modifyInstanceGroupByName' | 'elasticmapreduce:modifyInstanceFleetByName';

/** An instance group or fleet: what both have in common. */
interface Resizable {
  id: string;
  name: string;
  kind: 'group' | 'fleet';
  state: string;
  reason: string | undefined;
  /** What is asked for and what runs, in the service's own words. */
  sizes: Record<string, number | undefined>;
  /** What runs is what is asked for. */
  agrees: boolean;
}

/** States from which a group or fleet does not come back by itself. */
const FAILED = ['ARRESTED', 'SUSPENDED', 'SHUTTING_DOWN', 'TERMINATING', 'TERMINATED', 'ENDED'];

/** What `modifyInstanceGroupByName` and `modifyInstanceFleetByName` share: finding by name, and waiting for the size. */
abstract class EmrResizeRunner<R extends Resize> implements Runner<R> {
  private readonly pollers: PollerGroup<Resizable>;

  constructor(
    protected readonly emr: EmrPort,
    gapMs: number,
  ) {
    this.pollers = new PollerGroup({
      service: 'elasticmapreduce',
      size: 100,
      gapMs,
      describe: async (clusterId) =>
        new Map((await orUnknownId(this.list(clusterId)))?.map((resizable) => [resizable.id, resizable])),
    });
  }

  /** Modifies unless all is as asked for already. */
  abstract submit(submission: SubmissionOf<R>): Promise<JobReference>;
  protected abstract list(clusterId: string): Promise<Resizable[]>;

  /** Asking for the same size twice is asking once, so nothing need be found again. */
  find(): Promise<null> {
    return Promise.resolve(null);
  }

  async poll({ job }: SubmissionOf<R>, reference: JobReference, signal: AbortSignal): Promise<JobState> {
    const { externalId, url } = reference;
    const { ClusterId } = job.parameters;
    const found = await this.pollers.get(ClusterId, externalId, signal);
    if (!found)
      return { state: 'lost', message: `EMR cluster ${ClusterId} no longer has ${externalId} (${url})` };
    const { kind, name, state, reason, sizes, agrees } = found;
    if (FAILED.includes(state)) {
      const message = `EMR instance ${kind} ${name} (${externalId}) of cluster ${ClusterId} is ${state}${reason ? `: ${reason}` : ''}`;
      return { state: 'failed', message };
    }
    if (state !== 'RUNNING' || !agrees) return { state: 'running', nativeState: state };
    return succeeded(reference, { payload: { ClusterId, ...sizes } });
  }

  /** @throws SluiceError JobLeaked always: EMR has no way to take a new size back */
  stop({ job }: SubmissionOf<R>, { externalId }: JobReference): Promise<void> {
    return Promise.reject(
      new SluiceError(
        'JobLeaked',
        `EMR goes on to resize ${externalId} of cluster ${job.parameters.ClusterId}; ask for another size to end it`,
      ),
    );
  }

  protected findByName<T extends { Name?: string | undefined }>(
    all: T[],
    { clusterId, kind, name }: { clusterId: string; kind: Resizable['kind']; name: string },
  ): T {
    const found = all.find(({ Name }) => Name === name);
    if (found) return found;
    throw new SluiceError(
      'InvalidJob',
      `EMR cluster ${clusterId} has no instance ${kind} "${name}"; it has: ${all.map(({ Name }) => Name).join(', ') || 'none'}`,
    );
  }
}

/**
 * `elasticmapreduce:modifyInstanceGroupByName`: ends when as many instances run as are asked for. A retried submit
 * modifies again only what still differs; instances to terminate are named by id, so that naming them twice is naming
 * them once.
 * https://docs.aws.amazon.com/emr/latest/APIReference/API_InstanceGroup.html
 */
export class EmrModifyInstanceGroupRunner extends EmrResizeRunner<'elasticmapreduce:modifyInstanceGroupByName'> {
  async submit(
    submission: SubmissionOf<'elasticmapreduce:modifyInstanceGroupByName'>,
  ): Promise<JobReference> {
    const { ClusterId, InstanceGroupName: name, InstanceGroup: asked } = submission.job.parameters;
    const group = this.findByName(await this.listGroups(ClusterId), {
      clusterId: ClusterId,
      kind: 'group',
      name,
    });
    const isAsAsked =
      !asked.EC2InstanceIdsToTerminate?.length &&
      agrees(asked.InstanceCount, group.RequestedInstanceCount) &&
      agrees(asked.Configurations, group.Configurations) &&
      agrees(asked.ShrinkPolicy, group.ShrinkPolicy);
    if (!isAsAsked) {
      await this.emr.modifyInstanceGroups({
        ClusterId,
        InstanceGroups: [{ ...asked, InstanceGroupId: group.Id }],
      });
    }
    return toReference(this.emr, submission, { clusterId: ClusterId, externalId: group.Id! });
  }

  protected async list(clusterId: string): Promise<Resizable[]> {
    return (await this.listGroups(clusterId)).map((group) => {
      const { Id, Name, Status, RequestedInstanceCount, RunningInstanceCount } = group;
      return {
        id: Id!,
        name: Name ?? '',
        kind: 'group',
        state: Status?.State ?? 'unknown',
        reason: Status?.StateChangeReason?.Message,
        sizes: { RequestedInstanceCount, RunningInstanceCount },
        agrees: RequestedInstanceCount === RunningInstanceCount,
      };
    });
  }

  private async listGroups(ClusterId: string): Promise<InstanceGroup[]> {
    const groups: InstanceGroup[] = [];
    for await (const page of pagesOf((Marker) => this.emr.listInstanceGroups({ ClusterId, Marker })))
      groups.push(...(page.InstanceGroups ?? []));
    return groups;
  }
}

/**
 * `elasticmapreduce:modifyInstanceFleetByName`: ends when the capacity asked for is provisioned. Capacity comes in units of
 * whole instances, so that more than was asked for may be there. A retried submit modifies again only what still differs.
 * https://docs.aws.amazon.com/emr/latest/APIReference/API_InstanceFleet.html
 */
export class EmrModifyInstanceFleetRunner extends EmrResizeRunner<'elasticmapreduce:modifyInstanceFleetByName'> {
  async submit(
    submission: SubmissionOf<'elasticmapreduce:modifyInstanceFleetByName'>,
  ): Promise<JobReference> {
    const { ClusterId, InstanceFleetName: name, InstanceFleet: asked } = submission.job.parameters;
    const fleet = this.findByName(await this.listFleets(ClusterId), {
      clusterId: ClusterId,
      kind: 'fleet',
      name,
    });
    const isAsAsked =
      asked.InstanceTypeConfigs === undefined &&
      agrees(asked.TargetOnDemandCapacity, fleet.TargetOnDemandCapacity) &&
      agrees(asked.TargetSpotCapacity, fleet.TargetSpotCapacity) &&
      agrees(asked.ResizeSpecifications, fleet.ResizeSpecifications);
    if (!isAsAsked) {
      await this.emr.modifyInstanceFleet({
        ClusterId,
        InstanceFleet: { ...asked, InstanceFleetId: fleet.Id },
      });
    }
    return toReference(this.emr, submission, { clusterId: ClusterId, externalId: fleet.Id! });
  }

  protected async list(clusterId: string): Promise<Resizable[]> {
    return (await this.listFleets(clusterId)).map((fleet) => {
      const { TargetOnDemandCapacity = 0, TargetSpotCapacity = 0 } = fleet;
      const { ProvisionedOnDemandCapacity = 0, ProvisionedSpotCapacity = 0 } = fleet;
      return {
        id: fleet.Id!,
        name: fleet.Name ?? '',
        kind: 'fleet',
        state: fleet.Status?.State ?? 'unknown',
        reason: fleet.Status?.StateChangeReason?.Message,
        sizes: {
          TargetOnDemandCapacity,
          TargetSpotCapacity,
          ProvisionedOnDemandCapacity,
          ProvisionedSpotCapacity,
        },
        agrees:
          ProvisionedOnDemandCapacity >= TargetOnDemandCapacity &&
          ProvisionedSpotCapacity >= TargetSpotCapacity,
      };
    });
  }

  private async listFleets(ClusterId: string): Promise<InstanceFleet[]> {
    const fleets: InstanceFleet[] = [];
    for await (const page of pagesOf((Marker) => this.emr.listInstanceFleets({ ClusterId, Marker })))
      fleets.push(...(page.InstanceFleets ?? []));
    return fleets;
  }
}

/** What is not asked for agrees with anything. */
function agrees(asked: unknown, there: unknown): boolean {
  return asked === undefined || isDeepStrictEqual(asked, there);
}
