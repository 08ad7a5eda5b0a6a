import type { Client } from '@temporalio/client';
import { defaultPayloadConverter, WorkflowNotFoundError } from '@temporalio/common';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow';
import { tsToDate } from '@temporalio/common/lib/time';
import { temporal } from '@temporalio/proto';
import type { JobEnd, LostAnswer, Submission, Undoes } from '../../contracts/activities';
import type { Place, Taken } from '../../contracts/earlier';
import { JOBS_WORKFLOW, stepOfBatch } from '../../contracts/batches';
import { redoneSignal } from '../../contracts/messages';
import { SluiceError } from '../../errors';
import type { JobReference, JobResult, StopResult } from '../../jobs';
import type { RunOptions } from '../../workflows/steps';
import type { JobsInput } from '../../workflows/steps/mapJobs';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;
type Payloads = temporal.api.common.v1.IPayloads | null | undefined;
const { EventType } = temporal.api.enums.v1;

/** A job as the history of its run tells it: its last submission, and what became of that. Times are ISO 8601. */
export interface HistoryJob {
  submission: Submission;
  reference: JobReference | null;
  /** `open`: the service may have the job still, whatever became of the run. */
  state: 'succeeded' | 'failed' | 'stopped' | 'not submitted' | 'open';
  result: JobResult | null;
  ended: string | null;
  failure: string | null;
}

export interface HistoryChild {
  step: string;
  place?: Place;
  run: { id: string; runId: string };
  began: string;
  /** When it succeeded, else null. */
  ended: string | null;
  failure: string | null;
  /** It is part of what undoes what its parent did. */
  undoes?: Undoes;
  /** It was a retry itself and has done work anew. */
  isRedone: boolean;
  /** Of a batch of a `mapJobs` of which no job may fail: its steps, all of which have succeeded when it has. */
  batch: { group: string; steps: string[] } | null;
}

/** A run as its history tells it, which any version of its pipeline's code may have made. */
export interface RunHistory {
  id: string;
  runId: string;
  workflowType: string;
  input: unknown;
  options: RunOptions;
  /** From when on it takes arrivals. */
  since: string;
  parent: { id: string; runId: string } | null;
  jobs: ReadonlyMap<string, HistoryJob>;
  waits: ReadonlyMap<string, Taken>;
  /** When each wait began that had to wait. */
  waiting: ReadonlyMap<string, string>;
  children: ReadonlyMap<string, HistoryChild>;
}

/** @throws SluiceError UnknownRun when the server has no such run, or has forgotten it */
export async function readRunHistory(
  client: Client,
  { id, runId }: { id: string; runId: string },
): Promise<RunHistory> {
  let events: readonly HistoryEvent[];
  try {
    events = (await client.workflow.getHandle(id, runId).fetchHistory()).events ?? [];
  } catch (cause) {
    if (cause instanceof WorkflowNotFoundError)
      throw new SluiceError('UnknownRun', `The server no longer has the run ${id} (${runId})`, { cause });
    throw cause;
  }
  return new HistoryReader(client, { id, runId }).read(events);
}

class HistoryReader {
  private readonly jobs = new Map<string, HistoryJob>();
  private readonly waits = new Map<string, Taken>();
  private readonly waiting = new Map<string, string>();
  private readonly children = new Map<string, HistoryChild>();
  /** By the id of the event that began them. */
  private readonly activities = new Map<string, { type: string; step: string }>();
  private readonly startedChildren = new Map<string, string>();

  constructor(
    private readonly client: Client,
    private readonly run: { id: string; runId: string },
  ) {}

  async read(events: readonly HistoryEvent[]): Promise<RunHistory> {
    const started = events[0]?.workflowExecutionStartedEventAttributes;
    const [input, given] = await this.decode(started?.input);
    const options = (given ?? {}) as RunOptions;
    // No codec is put over search attributes.
    const attributes = started?.searchAttributes?.indexedFields ?? {};
    const [by, at] = ['TemporalScheduledById', 'TemporalScheduledStartTime'].map(
      (name) => attributes[name] && defaultPayloadConverter.fromPayload<string>(attributes[name]),
    );
    const scheduledAt = at && new Date(at).toISOString();
    if (by && scheduledAt) options.schedule ??= { id: by, at: scheduledAt };
    const since = options.since ?? scheduledAt ?? timeOf(events[0]!);
    const parent = started?.parentWorkflowExecution;
    for (const event of events.slice(1)) await this.take(event);
    return {
      ...this.run,
      workflowType: started?.workflowType?.name ?? '',
      input,
      options,
      since,
      parent: parent?.workflowId ? { id: parent.workflowId, runId: parent.runId ?? '' } : null,
      jobs: this.jobs,
      waits: this.waits,
      waiting: this.waiting,
      children: this.children,
    };
  }

  private async take(event: HistoryEvent): Promise<void> {
    switch (event.eventType) {
      case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
        return this.takeScheduled(event);
      case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
        return this.takeCompleted(event);
      case EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
        return this.takeFailed(event);
      case EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
        return this.takeChild(event);
      case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
        return this.takeSignal(event);
      default:
        this.takeChildEvent(event);
    }
  }

  private async takeScheduled(event: HistoryEvent): Promise<void> {
    const { activityType, input } = event.activityTaskScheduledEventAttributes!;
    const type = activityType?.name ?? '';
    if (type === 'subscribe') {
      const [, subscription] = (await this.decode(input)) as [unknown, { step?: string }];
      if (subscription?.step && !this.waiting.has(subscription.step))
        this.waiting.set(subscription.step, timeOf(event));
    }
    if (type !== 'submitJob' && type !== 'awaitJob' && type !== 'stopJob') return;
    const [submission, reference = null] = (await this.decode(input)) as [Submission, JobReference | null];
    const { step } = submission;
    this.activities.set(String(event.eventId), { type, step });
    for (const taken of submission.taken ?? []) this.waits.set(taken.step, taken);
    const known = this.jobs.get(step);
    const isOthers = submission.run !== this.run.id && known?.submission.key !== submission.key;
    // A retry stops what it does anew; only what it takes over is its own.
    if (type === 'stopJob' && isOthers) return;
    if (known === undefined || known.submission.key !== submission.key || type === 'submitJob')
      this.jobs.set(step, {
        ...{ submission, reference, state: 'open', result: null, ended: null, failure: null },
      });
    else known.reference ??= reference;
  }

  private async takeCompleted(event: HistoryEvent): Promise<void> {
    const { scheduledEventId, result } = event.activityTaskCompletedEventAttributes!;
    const found = this.jobOf(scheduledEventId);
    if (found === null) return;
    const { type, job } = found;
    const [value] = await this.decode(result);
    if (type === 'submitJob') job.reference = value as JobReference;
    else if (type === 'awaitJob')
      Object.assign(job, { state: 'succeeded', result: value as JobResult, ended: timeOf(event) });
    else {
      const { outcome } = value as StopResult;
      // One that had ended by itself, or that nobody could stop, is to be looked at.
      job.state = outcome === 'stopped' ? 'stopped' : outcome === 'not submitted' ? outcome : 'open';
    }
  }

  private async takeFailed(event: HistoryEvent): Promise<void> {
    const { scheduledEventId, failure } = event.activityTaskFailedEventAttributes!;
    const found = this.jobOf(scheduledEventId);
    if (found === null || found.type === 'stopJob') return;
    const { type, job } = found;
    const info = failure?.applicationFailureInfo;
    const [detail] = (await this.decode(info?.details)) as [Partial<JobEnd & LostAnswer> | undefined];
    job.failure = `${info?.type ?? 'RunFailed'}: ${failure?.message ?? ''}`;
    if (type === 'awaitJob' ? detail?.ended === true : detail?.mayRun !== true) job.state = 'failed';
  }

  private async takeChild(event: HistoryEvent): Promise<void> {
    const { workflowId, workflowType, input } = event.startChildWorkflowExecutionInitiatedEventAttributes!;
    const prefix = `${this.run.id}/`;
    if (!workflowId?.startsWith(prefix)) return;
    const step = workflowId.slice(prefix.length);
    const [given, options] = (await this.decode(input)) as [unknown, RunOptions | undefined];
    for (const taken of options?.taken ?? []) this.waits.set(taken.step, taken);
    this.startedChildren.set(String(event.eventId), step);
    this.children.set(step, {
      ...{ step, run: { id: workflowId, runId: '' }, began: timeOf(event) },
      ...(options?.place && { place: options.place }),
      ...(options?.undoes !== undefined && { undoes: options.undoes }),
      ...{ ended: null, failure: null, isRedone: false },
      batch: workflowType?.name === JOBS_WORKFLOW ? readBatch(given as JobsInput) : null,
    });
  }

  private takeChildEvent(event: HistoryEvent): void {
    const started = event.childWorkflowExecutionStartedEventAttributes;
    const completed = event.childWorkflowExecutionCompletedEventAttributes;
    const failed = event.childWorkflowExecutionFailedEventAttributes;
    const { initiatedEventId } = started ?? completed ?? failed ?? {};
    const child = this.children.get(this.startedChildren.get(String(initiatedEventId)) ?? '');
    if (child === undefined) return;
    if (started) child.run.runId = started.workflowExecution?.runId ?? '';
    if (completed) child.ended = timeOf(event);
    if (failed) child.failure = failed.failure?.cause?.message ?? failed.failure?.message ?? '';
  }

  private async takeSignal(event: HistoryEvent): Promise<void> {
    const { signalName, input } = event.workflowExecutionSignaledEventAttributes!;
    if (signalName !== redoneSignal.name) return;
    const [childId] = (await this.decode(input)) as [string];
    const child = [...this.children.values()].find(({ run }) => run.id === childId);
    if (child) child.isRedone = true;
  }

  private jobOf(scheduledEventId: unknown): { type: string; job: HistoryJob } | null {
    const activity = this.activities.get(String(scheduledEventId));
    const job = activity && this.jobs.get(activity.step);
    return activity && job ? { type: activity.type, job } : null;
  }

  private async decode(payloads: Payloads): Promise<unknown[]> {
    const { loadedDataConverter } = this.client.options;
    const { payloadCodecs, payloadConverter } = loadedDataConverter;
    // Of a fan-out of thousands, most of the time would go into codecs that are not there.
    if (payloadCodecs.length === 0)
      return (payloads?.payloads ?? []).map((payload) => payloadConverter.fromPayload(payload));
    return decodeArrayFromPayloads(loadedDataConverter, payloads?.payloads);
  }
}

function readBatch(input: JobsInput): HistoryChild['batch'] {
  const { name, jobs, tolerated } = input;
  return tolerated === undefined ? { group: name, steps: jobs.map((_, i) => stepOfBatch(input, i)) } : null;
}

function timeOf({ eventTime }: HistoryEvent): string {
  return tsToDate(eventTime!).toISOString();
}
