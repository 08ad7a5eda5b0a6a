import type { StepSummary } from '@aws-sdk/client-emr';
import { SluiceError } from '../../errors';
import type { JobReference } from '../../jobs';
import { PollerGroup } from '../../services/pollerGroup';
import { markName, markerOf, succeeded } from '../references';
import type { JobState, Runner, SubmissionOf } from '../runner';
import { scriptFailed } from '../scriptFailure';
import { toReference } from './answers';
import { orUnknownId, pagesOf, submitWithinLimits, type EmrPort } from './port';

type Addition = SubmissionOf<'elasticmapreduce:addStep'>;
type Cancellation = SubmissionOf<'elasticmapreduce:cancelStep'>;

/** How many step ids ListSteps takes. */
const BATCH = 10;
const ENDED = ['COMPLETED', 'CANCELLED', 'FAILED', 'INTERRUPTED'];

/** One stream of ListSteps calls for each cluster. */
export function createStepPollers(emr: EmrPort, gapMs: number): PollerGroup<StepSummary> {
  return new PollerGroup({
    service: 'elasticmapreduce',
    size: BATCH,
    gapMs,
    fullGapMs: Math.min(gapMs, 200),
    describe: async (clusterId, stepIds) =>
      new Map((await listSteps(emr, clusterId, stepIds)).map((step) => [step.Id!, step])),
  });
}

/** The steps of these ids that EMR knows. It refuses all ids for one that is gone, which must not hide the others. */
async function listSteps(emr: EmrPort, ClusterId: string, StepIds: string[]): Promise<StepSummary[]> {
  const answer = await orUnknownId(emr.listSteps({ ClusterId, StepIds }));
  if (answer) return answer.Steps ?? [];
  if (StepIds.length === 1) return [];
  const known: StepSummary[] = [];
  for (const id of StepIds) known.push(...(await listSteps(emr, ClusterId, [id])));
  return known;
}

/**
 * `elasticmapreduce:addStep`. AddJobFlowSteps takes no client token, so the key travels in the step's name, which
 * ListSteps shows. States: https://docs.aws.amazon.com/emr/latest/APIReference/API_StepStatus.html
 */
export class EmrAddStepRunner implements Runner<'elasticmapreduce:addStep'> {
  constructor(
    private readonly emr: EmrPort,
    private readonly pollers: PollerGroup<StepSummary>,
  ) {}

  async submit(submission: Addition): Promise<JobReference> {
    const { ClusterId, Step, ...rest } = submission.job.parameters;
    const Name = markName(Step.Name, markerOf(submission.key));
    const { StepIds } = await submitWithinLimits(
      this.emr.addJobFlowSteps({ ...rest, JobFlowId: ClusterId, Steps: [{ ...Step, Name }] }),
    );
    return toReference(this.emr, submission, { clusterId: ClusterId, externalId: StepIds![0]! });
  }

  async find(submission: Addition): Promise<JobReference | null> {
    const { ClusterId } = submission.job.parameters;
    for await (const { Steps } of pagesOf((Marker) => this.emr.listSteps({ ClusterId, Marker }))) {
      const found = Steps?.find(({ Name }) => Name?.endsWith(markerOf(submission.key)));
      if (found) return toReference(this.emr, submission, { clusterId: ClusterId, externalId: found.Id! });
    }
    return null;
  }

  async poll({ job }: Addition, reference: JobReference, signal: AbortSignal): Promise<JobState> {
    const { externalId } = reference;
    const step = await this.pollers.get(job.parameters.ClusterId, externalId, signal);
    if (!step) return toLost(job.parameters.ClusterId, externalId);
    const { State = 'unknown', Timeline } = step.Status ?? {};
    switch (State) {
      case 'COMPLETED': {
        const begun = Timeline?.StartDateTime ?? new Date(reference.submittedAt);
        const ended = Timeline?.EndDateTime ?? new Date();
        return succeeded(reference, {
          logUrl: step.LogUri ?? null,
          durationMs: ended.getTime() - begun.getTime(),
          payload: { ClusterId: job.parameters.ClusterId, StepId: externalId },
        });
      }
      case 'CANCELLED':
        return { state: 'stopped', message: describeStep(step) };
      case 'FAILED':
      case 'INTERRUPTED':
        return scriptFailed(describeStep(step));
      default:
        return { state: 'running', nativeState: State };
    }
  }

  /**
   * A step whose cancellation was asked for before and goes on is killed. EMR cancels running steps from release 5.28 on.
   * @throws SluiceError JobLeaked when the cluster's release cannot
   */
  async stop({ job }: Addition, { externalId }: JobReference): Promise<void> {
    const { ClusterId } = job.parameters;
    const before = await readStep(this.emr, ClusterId, externalId);
    if (hasEnded(before)) return;
    const wasAsked = before?.Status?.State === 'CANCEL_PENDING';
    const { CancelStepsInfoList } = await this.emr.cancelSteps({
      ClusterId,
      StepIds: [externalId],
      StepCancellationOption: wasAsked ? 'TERMINATE_PROCESS' : 'SEND_INTERRUPT',
    });
    const answer = CancelStepsInfoList?.[0];
    if (answer?.Status !== 'FAILED' || hasEnded(await readStep(this.emr, ClusterId, externalId))) return;
    throw new SluiceError(
      'JobLeaked',
      `EMR does not cancel step ${externalId}: ${answer.Reason ?? 'no reason given'}; running steps can be cancelled on EMR 5.28 and later, else terminate cluster ${ClusterId}`,
    );
  }
}

/**
 * `elasticmapreduce:cancelStep`: ends with the step, however that ends; the result says how. CancelSteps is idempotent,
 * so nothing need be found again.
 */
export class EmrCancelStepRunner implements Runner<'elasticmapreduce:cancelStep'> {
  constructor(
    private readonly emr: EmrPort,
    private readonly pollers: PollerGroup<StepSummary>,
  ) {}

  async submit(submission: Cancellation): Promise<JobReference> {
    const { ClusterId, StepId, ...options } = submission.job.parameters;
    const { CancelStepsInfoList } = await this.emr.cancelSteps({ ...options, ClusterId, StepIds: [StepId] });
    const answer = CancelStepsInfoList?.[0];
    if (answer?.Status === 'FAILED' && !hasEnded(await readStep(this.emr, ClusterId, StepId)))
      throw new SluiceError('InvalidJob', `EMR does not cancel step ${StepId}: ${answer.Reason}`);
    return toReference(this.emr, submission, { clusterId: ClusterId, externalId: StepId });
  }

  find(): Promise<null> {
    return Promise.resolve(null);
  }

  async poll({ job }: Cancellation, reference: JobReference, signal: AbortSignal): Promise<JobState> {
    const { externalId } = reference;
    const step = await this.pollers.get(job.parameters.ClusterId, externalId, signal);
    if (!step) return toLost(job.parameters.ClusterId, externalId);
    if (!hasEnded(step)) return { state: 'running', nativeState: step.Status?.State ?? 'unknown' };
    return succeeded(reference, {
      payload: { StepId: externalId, State: step.Status?.State },
      logUrl: step.LogUri ?? null,
    });
  }

  /** A cancellation cannot be taken back and soon ends by itself. */
  async stop(): Promise<void> {}
}

function toLost(clusterId: string, stepId: string): JobState {
  return { state: 'lost', message: `EMR step ${stepId} of cluster ${clusterId} is not known to EMR` };
}

async function readStep(emr: EmrPort, ClusterId: string, stepId: string): Promise<StepSummary | undefined> {
  return (await emr.listSteps({ ClusterId, StepIds: [stepId] })).Steps?.[0];
}

function hasEnded(step: StepSummary | undefined): boolean {
  return ENDED.includes(step?.Status?.State ?? '');
}

function describeStep({ Id, Name, Status, LogUri }: StepSummary): string {
  const { State, StateChangeReason, FailureDetails: details } = Status ?? {};
  const reason = [details?.Reason, details?.Message ?? StateChangeReason?.Message]
    .filter((text) => text)
    .join(': ');
  const log = details?.LogFile ?? LogUri;
  return `EMR step ${Id} (${Name}) is ${State}${reason ? `: ${reason}` : ''}${log ? `\nLog: ${log}` : ''}`;
}
