import type { Cluster, ClusterStatus } from '@aws-sdk/client-emr';
import { SluiceError } from '../../errors';
import type { JobReference } from '../../jobs';
import { SharedPoller } from '../../services/polling';
import { measuresOf } from '../awsService';
import { markName, markerOf, succeeded } from '../references';
import type { JobState, Runner, SubmissionOf } from '../runner';
import { toReference } from './answers';
import { orUnknownId, pagesOf, submitWithinLimits, type EmrPort } from './port';

type Creation = SubmissionOf<'elasticmapreduce:createCluster'>;
type Termination = SubmissionOf<'elasticmapreduce:terminateCluster'>;

/** How far a worker's clock may be ahead of the service's. */
const CLOCK_SKEW_MS = 10 * 60_000;
const MAX_TAG_LENGTH = 256;

/** Why a cluster ended, where it did not end well: ClusterStateChangeReasonCode of the EMR API. */
const FAILURE_REASONS = [
  'INTERNAL_ERROR',
  'VALIDATION_ERROR',
  'INSTANCE_FAILURE',
  'INSTANCE_FLEET_TIMEOUT',
  'BOOTSTRAP_FAILURE',
  'STEP_FAILURE',
];

/** One stream of DescribeCluster calls, which take one id each. */
export function createClusterPoller(emr: EmrPort, gapMs: number): SharedPoller<Cluster> {
  return new SharedPoller({
    service: 'elasticmapreduce',
    size: 1,
    gapMs,
    fullGapMs: Math.min(gapMs, 200),
    describe: async ([ClusterId]) => {
      const answer = await orUnknownId(emr.describeCluster({ ClusterId: ClusterId! }));
      return new Map(answer?.Cluster ? [[ClusterId!, answer.Cluster]] : []);
    },
  });
}

/**
 * `elasticmapreduce:createCluster`. RunJobFlow takes no client token, so the key travels in the cluster's name, which
 * ListClusters shows. A cluster is
 * - running until it waits for steps: then it has been made well, and goes on (`stillRuns`);
 * - ended, when it terminates itself: well after all its steps, as stopped at somebody's request, else as failed.
 * States: https://docs.aws.amazon.com/emr/latest/APIReference/API_ClusterStatus.html
 */
export class EmrCreateClusterRunner implements Runner<'elasticmapreduce:createCluster'> {
  constructor(
    private readonly emr: EmrPort,
    private readonly poller: SharedPoller<Cluster>,
  ) {}

  async submit(submission: Creation): Promise<JobReference> {
    const { run, step } = submission;
    const { parameters } = submission.job;
    const marker = markerOf(submission.key);
    const { JobFlowId } = await submitWithinLimits(
      this.emr.runJobFlow({
        ...parameters,
        Name: markName(parameters.Name, marker),
        Tags: [
          ...(parameters.Tags ?? []),
          { Key: 'sluice:run', Value: toTagValue(run) },
          { Key: 'sluice:step', Value: toTagValue(step) },
          { Key: 'sluice-key', Value: marker },
        ],
      }),
    );
    return toReference(this.emr, submission, { clusterId: JobFlowId! });
  }

  async find(submission: Creation, since: Date): Promise<JobReference | null> {
    const CreatedAfter = new Date(Math.max(0, since.getTime() - CLOCK_SKEW_MS));
    for await (const { Clusters } of pagesOf((Marker) => this.emr.listClusters({ CreatedAfter, Marker }))) {
      const found = Clusters?.find(({ Name }) => Name?.endsWith(markerOf(submission.key)));
      if (found) return toReference(this.emr, submission, { clusterId: found.Id! });
    }
    return null;
  }

  async poll(_: Creation, reference: JobReference, signal: AbortSignal): Promise<JobState> {
    const { externalId } = reference;
    const cluster = await this.poller.get(externalId, signal);
    if (!cluster) return toLost(externalId);
    const { State = 'unknown', StateChangeReason, Timeline } = cluster.Status ?? {};
    const message = describeCluster(externalId, cluster);
    const hasFailed =
      State === 'TERMINATED_WITH_ERRORS' ||
      (State === 'TERMINATED' && FAILURE_REASONS.includes(StateChangeReason?.Code ?? ''));
    if (hasFailed) return { state: 'failed', message };
    if (State === 'TERMINATED' && StateChangeReason?.Code !== 'ALL_STEPS_COMPLETED')
      return { state: 'stopped', message };
    if (State !== 'WAITING' && State !== 'TERMINATED') return { state: 'running', nativeState: State };
    const begun = Timeline?.CreationDateTime ?? new Date(reference.submittedAt);
    const ended = (State === 'WAITING' ? Timeline?.ReadyDateTime : Timeline?.EndDateTime) ?? new Date();
    const done = succeeded(reference, {
      logUrl: logLocation(externalId, cluster),
      durationMs: ended.getTime() - begun.getTime(),
      measures: measuresOf({ NormalizedInstanceHours: cluster.NormalizedInstanceHours }),
      payload: { ClusterId: externalId },
    });
    return { ...done, stillRuns: State === 'WAITING' };
  }

  async stop(_: Creation, { externalId }: JobReference): Promise<void> {
    try {
      await this.emr.terminateJobFlows({ JobFlowIds: [externalId] });
    } catch (error) {
      throw isProtected(error) ? new SluiceError('JobLeaked', describeProtection(externalId)) : error;
    }
  }
}

/**
 * `elasticmapreduce:terminateCluster`: ends with the cluster, which may have ended before. Asking twice does no more
 * than asking once, so nothing need be found again.
 */
export class EmrTerminateClusterRunner implements Runner<'elasticmapreduce:terminateCluster'> {
  constructor(
    private readonly emr: EmrPort,
    private readonly poller: SharedPoller<Cluster>,
  ) {}

  async submit(submission: Termination): Promise<JobReference> {
    const { ClusterId } = submission.job.parameters;
    const { Cluster } = await this.emr.describeCluster({ ClusterId });
    if (!hasTerminated(Cluster?.Status)) {
      try {
        await this.emr.terminateJobFlows({ JobFlowIds: [ClusterId] });
      } catch (error) {
        throw isProtected(error) ? new SluiceError('InvalidJob', describeProtection(ClusterId)) : error;
      }
    }
    return toReference(this.emr, submission, { clusterId: ClusterId });
  }

  find(): Promise<null> {
    return Promise.resolve(null);
  }

  async poll(_: Termination, reference: JobReference, signal: AbortSignal): Promise<JobState> {
    const { externalId } = reference;
    const cluster = await this.poller.get(externalId, signal);
    if (!cluster) return toLost(externalId);
    if (!hasTerminated(cluster.Status))
      return { state: 'running', nativeState: cluster.Status?.State ?? 'unknown' };
    return succeeded(reference, {
      payload: { ClusterId: externalId, State: cluster.Status?.State },
      logUrl: logLocation(externalId, cluster),
    });
  }

  /** A termination cannot be taken back and soon ends by itself. */
  async stop(): Promise<void> {}
}

function toLost(clusterId: string): JobState {
  return { state: 'lost', message: `EMR cluster ${clusterId} is not known to EMR` };
}

function hasTerminated(status: ClusterStatus | undefined): boolean {
  return status?.State === 'TERMINATED' || status?.State === 'TERMINATED_WITH_ERRORS';
}

function isProtected(error: unknown): boolean {
  return /termination.?protected/i.test((error as Error).message);
}

function describeProtection(clusterId: string): string {
  return `EMR cluster ${clusterId} is protected from termination; turn its termination protection off, then terminate it`;
}

function describeCluster(clusterId: string, cluster: Cluster): string {
  const { State, StateChangeReason: reason, ErrorDetails } = cluster.Status ?? {};
  const log = logLocation(clusterId, cluster);
  return [
    `EMR cluster ${clusterId} is ${State}${reason?.Code ? ` (${reason.Code})` : ''}${reason?.Message ? `: ${reason.Message}` : ''}`,
    ...(ErrorDetails ?? []).map(({ ErrorCode, ErrorMessage }) => `${ErrorCode}: ${ErrorMessage}`),
    ...(log ? [`Log: ${log}`] : []),
  ].join('\n');
}

function logLocation(clusterId: string, cluster: Cluster): string | null {
  return cluster.LogUri ? `${cluster.LogUri.replace(/\/+$/, '')}/${clusterId}/` : null;
}

/** What a tag's value may hold: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-tags.html */
function toTagValue(text: string): string {
  return text.replace(/[^\p{L}\p{Z}\p{N}_.:/=+\-@]/gu, '_').slice(0, MAX_TAG_LENGTH);
}
