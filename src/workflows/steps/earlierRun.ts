import { CancellationScope, patched, workflowInfo } from '@temporalio/workflow';
import type { EarlierStep, LeftJob, Place, RetryOf, Taken } from '../../contracts/earlier';
import { describeJob, StepsByPlace } from '../../contracts/earlier';
import type { Job } from '../../jobs';
import type { Arrival } from '../../pipelines';
import { hash53 } from '../hash53';
import { activities, HEARTBEAT_TIMEOUT } from './activities';
import { byteLength } from './byteLength';
import { asApplicationFailure } from './failures';
import { describeStop, stopJob } from './jobActivities';
import type { Line } from './line';

type Of<K extends EarlierStep['kind']> = Extract<EarlierStep, { kind: K }>;

/** Where a step of this run is: its name and its place, and what it builds on. */
export interface StepPlace {
  step: string;
  place: Place;
  line: Line;
}

/** What is kept of the objects of one wait; of more, only a digest. */
const TAKEN_BYTES = 128 * 1024;
/** Clusters are what jobs run on: one that is made anew changes nothing of what was computed. */
const CLUSTERS: readonly string[] = ['elasticmapreduce:createCluster', 'elasticmapreduce:terminateCluster'];

/**
 * What this run may take over of the one that it goes on with; nothing for a run that is no retry. A step is taken over when it
 * is the same (its place, its job) and nothing that it builds on was done after it had begun.
 */
export class EarlierRun {
  private readonly jobs = new StepsByPlace<Of<'reuse'> | Of<'adopt'>>();
  private readonly waits = new StepsByPlace<Taken>();
  private readonly children = new StepsByPlace<Of<'child'>>();
  /** What is done anew, and not found in the others. */
  private readonly redone = new StepsByPlace<Of<'redo'>>();
  private readonly redoneChildren = new Set<string>();
  private notes: Taken[] = [];

  constructor(readonly retryOf: RetryOf | undefined) {}

  /**
   * Asks what the earlier run has done; only a retry has one.
   * @throws ActivityFailure UnknownRun when the server has forgotten it
   */
  async read(): Promise<void> {
    const retryOf = this.retryOf!;
    const read = activities.readEarlier.executeWithOptions.bind(activities.readEarlier);
    const options = {
      summary: `what ${retryOf.id} has done`,
      startToCloseTimeout: '10 minutes',
      heartbeatTimeout: HEARTBEAT_TIMEOUT,
      retry: { initialInterval: '1 s', maximumInterval: '30 s' },
    } as const;
    const undoing: LeftJob[] = [];
    for (let first: number | null = 0; first !== null;) {
      const page: Awaited<ReturnType<typeof read>> = await read(options, [retryOf, first]);
      for (const step of page.steps) {
        if (step.kind === 'wait') this.waits.add(step.taken);
        else if (step.kind === 'child') this.children.add(step);
        else if (step.kind === 'redo') this.redone.add(step);
        else if (step.kind === 'stop') undoing.push(step.left);
        else this.jobs.add(step);
      }
      first = page.next;
    }
    await Promise.all(undoing.map((left) => this.stopUndoing(left)));
  }

  /**
   * What undoes the earlier run must not go on beside what does it anew.
   * @throws ApplicationFailure JobLeaked
   */
  private async stopUndoing({ submission, reference }: LeftJob): Promise<void> {
    const stopped = await CancellationScope.nonCancellable(() =>
      stopJob(submission, reference, reference === null ? 'unknown' : 'submitted'),
    );
    if (stopped.outcome !== 'leaked') return;
    const { run, step } = submission;
    const message = `${step}, which undoes what ${run} did, was to be stopped first; ${describeStop(stopped)}`;
    throw asApplicationFailure({ code: 'JobLeaked', message, step: null });
  }

  /** What is known of a step; what undoes takes nothing over. */
  private find<T extends { step: string; place?: Place }>(
    steps: StepsByPlace<T>,
    at: StepPlace,
  ): T | undefined {
    const known = steps.find(at);
    if (known === undefined || at.line.undoes === undefined) return known;
    // In retries that began before, it did.
    return patched('undoing-takes-nothing-over') ? undefined : known;
  }

  /** The job that a step need not do anew, or null. */
  findJob(
    at: StepPlace,
    { job, maxRows }: { job: Job; maxRows?: number | undefined },
  ): Of<'reuse'> | Of<'adopt'> | null {
    const known = this.find(this.jobs, at);
    if (known === undefined || at.line.newestMs > Date.parse(known.began)) return null;
    if (this.isToBeRedone(at) || known.job !== describeJob({ job, maxRows })) return null;
    return known;
  }

  /** The job that may still run of a step that is done anew; a cluster has jobs that may have been taken over. */
  findLeft(at: StepPlace): LeftJob | null {
    const redone = this.find(this.redone, at);
    if (redone?.left) return redone.left;
    const known = this.find(this.jobs, at);
    if (known?.kind !== 'adopt' || CLUSTERS.includes(known.submission.job.resource)) return null;
    // In retries that began before, such a job went on beside the new one.
    return patched('left-jobs-are-stopped') ? known : null;
  }

  /**
   * Tells the line of a job that it is done.
   * @param doneMs when, in milliseconds since 1970
   * @param takenFrom what it was taken from; what was done anew alone then is so here
   */
  noteJob(
    at: StepPlace,
    { job, doneMs, takenFrom }: { job: Job; doneMs: number; takenFrom: Of<'reuse'> | Of<'adopt'> | null },
  ): void {
    const isAlone = takenFrom?.isAlone === true || this.retryOf?.redo?.includes(this.nameBefore(at)) === true;
    if (!isAlone && !CLUSTERS.includes(job.resource)) at.line.note(doneMs);
  }

  /** What a wait took, when its rule is the same and nothing came between; null otherwise. */
  findWait(at: StepPlace, rule: string): Taken | null {
    const known = this.find(this.waits, at);
    if (known === undefined || known.rule !== rule || this.isToBeRedone(at)) return null;
    return at.line.newestMs > Date.parse(known.began) ? null : known;
  }

  /** Keeps what a wait has taken for a retry of this run, and tells the line when it is not what it was before. */
  noteWait(
    at: StepPlace,
    { rule, began, objects, sign }: Pick<Taken, 'rule' | 'began' | 'sign'> & Required<Pick<Taken, 'objects'>>,
  ): void {
    const { step, place, line } = at;
    const digest = digestOf(objects);
    const isKept = byteLength({ objects, sign }) <= TAKEN_BYTES;
    const within = line.within.length === 0 ? {} : { within: [...line.within] };
    this.notes.push({ step, place, rule, began, ...within, digest, ...(isKept ? { objects } : {}), sign });
    if (this.retryOf !== undefined && this.waits.find(at)?.digest !== digest) line.note(Date.now());
  }

  /** What the waits have taken since this was asked last. */
  drainNotes(): { taken?: Taken[] } {
    const taken = this.notes.splice(0);
    return taken.length === 0 ? {} : { taken };
  }

  /** What a child run goes on with, when nothing that it builds on was done anew. */
  findChild(at: StepPlace): { retryOf?: RetryOf } {
    const known = this.find(this.children, at);
    if (known === undefined || this.isToBeRedone(at)) return {};
    if (at.line.newestMs > Date.parse(known.began)) return {};
    const { from, redo } = this.retryOf!;
    return { retryOf: { ...known.run, ...(from ? { from } : {}), ...(redo ? { redo } : {}) } };
  }

  /** A child run has said that it did some of its work anew. */
  markRedone(childId: string): void {
    this.redoneChildren.add(childId);
  }

  /** Tells the line of a child run that it is done. */
  noteChild(at: StepPlace, childId: string): void {
    const known = this.children.find(at)?.ended ?? null;
    const isKnown = known !== null && this.retryOf !== undefined && !this.redoneChildren.has(childId);
    at.line.note(isKnown ? Date.parse(known) : Date.now());
  }

  /** Whether this run, a retry, did work anew. */
  hasRedone(line: Line): boolean {
    return this.retryOf !== undefined && line.newestMs >= workflowInfo().startTime.getTime();
  }

  private isToBeRedone(at: StepPlace): boolean {
    const { from = [], redo = [] } = this.retryOf ?? {};
    const name = this.nameBefore(at);
    return from.includes(name) || redo.includes(name);
  }

  /** What the step is called in the plan of the retry, if it is known. */
  private nameBefore(at: StepPlace): string {
    const known = this.redone.find(at) ?? this.jobs.find(at) ?? this.waits.find(at) ?? this.children.find(at);
    return known?.step ?? at.step;
  }
}

/** Whether two waits took the same: a listing tells no versions, and an event no second that S3's listing has. */
function digestOf(objects: readonly Arrival[]): string {
  const parts = objects.map(({ bucket, key, etag, versionId, size }) => [
    ...[bucket, key],
    etag ?? versionId ?? size,
  ]);
  return hash53(JSON.stringify(parts.map((part) => JSON.stringify(part)).sort())).toString(36);
}
