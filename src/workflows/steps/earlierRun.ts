import { workflowInfo } from '@temporalio/workflow';
import type { EarlierStep, RetryOf, Taken } from '../../contracts/earlier';
import { describeJob } from '../../contracts/earlier';
import type { Job } from '../../jobs';
import type { Arrival } from '../../pipelines';
import { hash53 } from '../hash53';
import { activities, HEARTBEAT_TIMEOUT } from './activities';
import { byteLength } from './byteLength';
import type { Line } from './line';

type Of<K extends EarlierStep['kind']> = Extract<EarlierStep, { kind: K }>;

/** What is kept of the objects of one wait; of more, only a digest. */
const TAKEN_BYTES = 128 * 1024;
/** Clusters are what jobs run on: one that is made anew changes nothing of what was computed. */
const CLUSTERS: readonly string[] = ['elasticmapreduce:createCluster', 'elasticmapreduce:terminateCluster'];

/**
 * What this run may take over of the one that it goes on with; nothing for a run that is no retry. A step is taken over when it
 * is the same (its name, its job) and nothing that it builds on was done after it had begun.
 */
export class EarlierRun {
  private readonly jobs = new Map<string, Of<'reuse'> | Of<'adopt'>>();
  private readonly waits = new Map<string, Taken>();
  private readonly children = new Map<string, Of<'child'>>();
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
    for (let first: number | null = 0; first !== null;) {
      const page: Awaited<ReturnType<typeof read>> = await read(options, [retryOf, first]);
      for (const step of page.steps) {
        if (step.kind === 'wait') this.waits.set(step.taken.step, step.taken);
        else if (step.kind === 'child') this.children.set(step.step, step);
        else this.jobs.set(step.step, step);
      }
      first = page.next;
    }
  }

  /** The job that a step need not do anew, or null. */
  findJob(
    step: string,
    { job, maxRows, line }: { job: Job; maxRows?: number | undefined; line: Line },
  ): Of<'reuse'> | Of<'adopt'> | null {
    const known = this.jobs.get(step);
    if (known === undefined || line.newestMs > Date.parse(known.began)) return null;
    if (this.isToBeRedone(step) || known.job !== describeJob({ job, maxRows })) return null;
    return known;
  }

  /** Tells the line of a job that it is done; `doneMs` is when. */
  noteJob(line: Line, { step, job, doneMs }: { step: string; job: Job; doneMs: number }): void {
    const isAlone = this.retryOf?.redo?.includes(step) === true;
    if (!isAlone && !CLUSTERS.includes(job.resource)) line.note(doneMs);
  }

  /** What a wait took, when its rule is the same and nothing came between; null otherwise. */
  findWait(step: string, rule: string, line: Line): Taken | null {
    const known = this.waits.get(step);
    if (known === undefined || known.rule !== rule || this.isToBeRedone(step)) return null;
    return line.newestMs > Date.parse(known.began) ? null : known;
  }

  /** Keeps what a wait has taken for a retry of this run, and tells the line when it is not what it was before. */
  noteWait(
    line: Line,
    {
      step,
      rule,
      began,
      objects,
      sign,
    }: Required<Pick<Taken, 'objects'>> & Omit<Taken, 'digest' | 'objects'>,
  ): void {
    const digest = digestOf(objects);
    const isKept = byteLength({ objects, sign }) <= TAKEN_BYTES;
    const within = line.within.length === 0 ? {} : { within: [...line.within] };
    this.notes.push({ step, rule, began, ...within, digest, ...(isKept ? { objects } : {}), sign });
    if (this.retryOf !== undefined && this.waits.get(step)?.digest !== digest) line.note(Date.now());
  }

  /** What the waits have taken since this was asked last. */
  drainNotes(): { taken?: Taken[] } {
    const taken = this.notes.splice(0);
    return taken.length === 0 ? {} : { taken };
  }

  /** What a child run goes on with, when nothing that it builds on was done anew. */
  findChild(step: string, line: Line): { retryOf?: RetryOf } {
    const known = this.children.get(step);
    if (known === undefined || this.isToBeRedone(step)) return {};
    if (line.newestMs > Date.parse(known.began)) return {};
    const { from, redo } = this.retryOf!;
    return { retryOf: { ...known.run, ...(from ? { from } : {}), ...(redo ? { redo } : {}) } };
  }

  /** A child run has said that it did some of its work anew. */
  markRedone(childId: string): void {
    this.redoneChildren.add(childId);
  }

  /** Tells the line of a child run that it is done. */
  noteChild(line: Line, step: string, childId: string): void {
    const known = this.children.get(step)?.ended ?? null;
    const isKnown = known !== null && this.retryOf !== undefined && !this.redoneChildren.has(childId);
    line.note(isKnown ? Date.parse(known) : Date.now());
  }

  /** Whether this run, a retry, did work anew. */
  hasRedone(line: Line): boolean {
    return this.retryOf !== undefined && line.newestMs >= workflowInfo().startTime.getTime();
  }

  private isToBeRedone(step: string): boolean {
    const { from = [], redo = [] } = this.retryOf ?? {};
    return from.includes(step) || redo.includes(step);
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
