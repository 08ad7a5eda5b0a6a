import type { S3Client } from '@aws-sdk/client-s3';
import type { Client } from '@temporalio/client';
import type { Submission, Undoes } from '../../contracts/activities';
import {
  describeJob,
  StepsByPlace,
  type EarlierPage,
  type EarlierStep,
  type LeftJob,
  type Place,
  type RetryOf,
  type Taken,
} from '../../contracts/earlier';
import { SluiceError } from '../../errors';
import type { Runners } from '../../runners';
import { OutputCheck } from './outputs';
import { readRunHistory, type HistoryChild, type HistoryJob, type RunHistory } from './runHistory';

/** What an earlier run is judged with. */
export interface EarlierDependencies {
  client: Client;
  s3: S3Client;
  runners: Runners;
}

/** A step that an earlier run has come to. */
export type Candidate = {
  step: string;
  place?: Place;
  began: string;
  /** Its run did it anew, and not what came after it. */
  isAlone?: true;
  /** What it did was undone. */
  isUndone?: true;
  /** It is part of what undoes what its run did: a retry does not come to it. */
  isUndoing?: true;
} & (
  | { kind: 'job'; job: HistoryJob }
  | { kind: 'wait'; taken: Taken | null }
  | { kind: 'child'; child: HistoryChild }
);

/** What becomes of a candidate: it is taken over, or done anew for a reason. */
export interface Judgement {
  earlier: EarlierStep | null;
  reason: string;
  /** What may still run of a job that is not to be taken over. */
  left?: LeftJob;
  /** Its job, which the service has told to be running, is stopped unless it is taken over. */
  stillRuns?: boolean;
}

/**
 * The steps of a run and of those that it went on with, in the order in which they began. Of a step that several of them did,
 * the last one counts, even if it failed: it may have replaced what the others had made. When a run began to undo what it did, all
 * that began after the first thing to be undone was said counts as undone, also what it had taken over. Last come the jobs that may
 * still be undoing.
 */
export async function readCandidates(
  client: Client,
  run: { id: string; runId: string },
): Promise<{ newest: RunHistory; candidates: Candidate[] }> {
  const chain = [await readRunHistory(client, run)];
  for (let next = chain[0]!.options.retryOf; next !== undefined; next = chain.at(-1)!.options.retryOf) {
    try {
      chain.push(await readRunHistory(client, next));
    } catch (error) {
      if (error instanceof SluiceError && error.code === 'UnknownRun') break;
      throw error;
    }
  }
  const found = new StepsByPlace<Candidate>();
  const undoing: Candidate[] = [];
  for (const { jobs, waits, waiting, children, options } of chain.reverse()) {
    let undoneFromMs = Number.POSITIVE_INFINITY;
    const noteUndoing = (undoes: Undoes) => {
      if (undoes !== null) undoneFromMs = Math.min(undoneFromMs, Date.parse(undoes));
    };
    for (const [step, began] of waiting)
      if (!waits.has(step)) found.add({ kind: 'wait', step, began, taken: null });
    for (const taken of waits.values()) {
      const { step, place, began } = taken;
      found.add({ kind: 'wait', step, ...(place && { place }), began, taken });
    }
    for (const [step, job] of jobs) {
      const { place, since } = job.submission;
      const began = since ?? job.reference!.submittedAt;
      const isAlone = options.retryOf?.redo?.includes(step) === true;
      const candidate: Candidate = {
        ...{ kind: 'job', step, began, job },
        ...(place && { place }),
        ...(isAlone && { isAlone }),
      };
      const undoes = undoesOf(job.submission);
      if (undoes === undefined) found.add(candidate);
      else {
        noteUndoing(undoes);
        if (job.state === 'open') undoing.push({ ...candidate, isUndoing: true });
      }
    }
    for (const child of children.values()) {
      const { step, place, began, undoes } = child;
      if (undoes !== undefined) {
        noteUndoing(undoes);
        continue;
      }
      const before = found.find(child);
      // A retry that took all of it over has ended later than its work was done.
      const hasTakenAll = options.retryOf !== undefined && child.ended !== null && !child.isRedone;
      const ended = hasTakenAll && before?.kind === 'child' ? before.child.ended : child.ended;
      found.add({ kind: 'child', step, ...(place && { place }), began, child: { ...child, ended } });
    }
    markUndone(found, undoneFromMs);
  }
  const candidates = [...found.values()].sort((a, b) => Date.parse(a.began) - Date.parse(b.began));
  return { newest: chain.at(-1)!, candidates: [...candidates, ...undoing] };
}

/** How the groups are called that undo, in runs that do not tell it; and the jobs in them that put back an output. */
const UNDOING = /^undo /;
const PUT_BACK: readonly unknown[] = ['put-back-output', 'drop-kept-output'];

/** What a job is there to undo; undefined for any that is not. */
function undoesOf({ within = [], place, job }: Submission): Undoes | undefined {
  const told = within.find(({ undoes }) => undoes !== undefined);
  if (told !== undefined || place !== undefined) return told?.undoes;
  if (!UNDOING.test(within[0]?.name ?? '')) return undefined;
  // Of an older run it is not known from when on.
  const isPutBack = PUT_BACK.includes((job.parameters as { task?: unknown }).task);
  return isPutBack ? null : new Date(0).toISOString();
}

/** What a wait took is not undone: it is taken again unless what came before the wait is done anew. */
function markUndone(found: StepsByPlace<Candidate>, fromMs: number): void {
  for (const candidate of found.values())
    if (candidate.kind !== 'wait' && Date.parse(candidate.began) >= fromMs) candidate.isUndone = true;
}

/** How many services and objects are asked side by side. */
const SIDE_BY_SIDE = 20;
/** What is said of outputs at which a plan does not look. */
export const UNSEEN = '; the run looks at its outputs';
const UNDONE = 'it was undone';
const CLUSTER = 'elasticmapreduce:createCluster';
/** Far below the 2 MiB of a payload. */
const PAGE_BYTES = 512 * 1024;
const MAX_STEP_BYTES = 1024 * 1024;

/** A page of what can be taken over of a run, beginning with candidate `first`. */
export async function readEarlierPage(
  deps: EarlierDependencies,
  run: RetryOf,
  { first, signal }: { first: number; signal: AbortSignal },
): Promise<EarlierPage> {
  const { from = [], redo = [] } = run;
  const { candidates } = await readCandidates(deps.client, run);
  const judge = new Judge(deps, signal);
  const page: EarlierPage = { steps: [], next: null };
  let bytes = 0;
  for (let at = first; at < candidates.length; at += SIDE_BY_SIDE) {
    const judged = await Promise.all(
      candidates.slice(at, at + SIDE_BY_SIDE).map(async (candidate) => {
        const { step, place } = candidate;
        const { earlier, left } = await judge.judge(candidate);
        if (candidate.isUndoing) return left === undefined ? null : ({ kind: 'stop', left } as const);
        const isNamed = left !== undefined || from.includes(step) || redo.includes(step);
        if (earlier !== null || !isNamed) return earlier;
        return { kind: 'redo', step, ...(place && { place }), ...(left && { left }) } as const;
      }),
    );
    for (const [i, earlier] of judged.entries()) {
      if (earlier === null) continue;
      const stepBytes = Buffer.byteLength(JSON.stringify(earlier));
      if (stepBytes > MAX_STEP_BYTES) continue;
      bytes += stepBytes;
      if (page.steps.length > 0 && bytes > PAGE_BYTES) return { ...page, next: at + i };
      page.steps.push(earlier);
    }
  }
  return page;
}

/** Says what can be taken over, from what S3 and the services say now. */
export class Judge {
  private readonly outputs: OutputCheck;
  private looks = 0;

  constructor(
    private readonly deps: EarlierDependencies,
    private readonly signal: AbortSignal,
    /** Of how many jobs the outputs are looked at; of the others it is taken that they are there. */
    private readonly maxLooks = Number.POSITIVE_INFINITY,
  ) {
    this.outputs = new OutputCheck(deps.s3, signal);
  }

  /** Whether no more outputs are looked at. */
  get isSpent(): boolean {
    return this.looks >= this.maxLooks;
  }

  async judge(candidate: Candidate): Promise<Judgement> {
    const judgement = await this.judgeAsDone(candidate);
    const { earlier, stillRuns } = judgement;
    if (earlier === null || !(candidate.isUndone || candidate.isUndoing)) return judgement;
    const left =
      earlier.kind === 'adopt' ? { submission: earlier.submission, reference: earlier.reference } : null;
    const isCluster = left?.submission.job.resource === CLUSTER;
    return {
      earlier: null,
      reason: candidate.isUndone ? UNDONE : 'it was to undo what the run did',
      ...(left !== null && !isCluster && { left }),
      ...(stillRuns && { stillRuns }),
    };
  }

  private judgeAsDone(candidate: Candidate): Promise<Judgement> {
    switch (candidate.kind) {
      case 'wait':
        return this.judgeWait(candidate.taken);
      case 'child':
        return Promise.resolve(judgeChild(candidate.child));
      case 'job':
        return this.judgeJob(candidate);
    }
  }

  private async judgeWait(taken: Taken | null): Promise<Judgement> {
    if (taken === null) return { earlier: null, reason: 'no job had taken its objects' };
    for (const object of [...(taken.objects ?? []), ...(taken.sign === null ? [] : [taken.sign])]) {
      const problem =
        object.byHand === true && object.etag === null ? null : await this.outputs.findChange(object);
      if (problem !== null) return { earlier: null, reason: problem };
    }
    const count = taken.objects?.length;
    const reason =
      count === undefined
        ? 'its objects are looked up anew'
        : `its ${count} ${count === 1 ? 'object is' : 'objects are'} there`;
    return { earlier: { kind: 'wait', taken }, reason };
  }

  private async judgeJob({
    step,
    place,
    began,
    isAlone,
    isUndone,
    job: known,
  }: Extract<Candidate, { kind: 'job' }>): Promise<Judgement> {
    const described = { step, ...(place && { place }), began, ...(isAlone && { isAlone }) };
    const { submission, state, result, ended, failure } = known;
    const job = describeJob(submission);
    if (state === 'failed') return { earlier: null, reason: `it failed: ${failure}` };
    if (submission.check === true) return { earlier: null, reason: 'a check is made anew' };
    if (state === 'stopped') return { earlier: null, reason: 'it was stopped' };
    if (state === 'not submitted') return { earlier: null, reason: 'it had not been submitted' };
    // A cluster is not what it computes: it is good for as long as it runs.
    if (state === 'open' || submission.job.resource === CLUSTER)
      return this.judgeOpen({ ...described, job }, known);
    if (isUndone) return { earlier: null, reason: UNDONE };
    const done = { job: submission.job, result: result!, ended: ended! };
    const isLookedAt = this.looks++ < this.maxLooks;
    const problem = isLookedAt ? await this.outputs.findProblem(done) : null;
    if (problem !== null) return { earlier: null, reason: problem };
    const earlier: EarlierStep = {
      kind: 'reuse',
      ...described,
      job,
      run: submission.run,
      result: result!,
      ended: ended!,
    };
    return {
      earlier,
      reason: `it succeeded at ${ended!}${isLookedAt ? '' : UNSEEN}`,
    };
  }

  /** A job of which it is not known how it ended. */
  private async judgeOpen(
    described: { step: string; place?: Place; began: string; job: string; isAlone?: true },
    { submission, reference: known }: HistoryJob,
  ): Promise<Judgement> {
    const { runners } = this.deps;
    const { resource } = submission.job;
    const redo = (reason: string): Judgement => ({ earlier: null, reason });
    if (runners.registry.find(resource).runsInWorker === true) return redo('its work ended with its run');
    const runner = await runners.get(resource);
    if (runner.worksInPoll === true) return redo('its work ended with its run');
    const adopt = (reference: typeof known, reason: string): Judgement => ({
      earlier: { kind: 'adopt', ...described, submission: withoutNotes(submission), reference },
      reason,
    });
    if (known === null && runner.takesToken === true)
      return adopt(null, 'its service tells by the client token whether it was submitted');
    const reference = known ?? (await runner.find(submission, new Date(submission.since ?? 0)));
    if (reference === null) return redo('it had not been submitted');
    const state = await runner.poll(submission, reference, this.signal, {
      resumed: undefined,
      keep: () => {},
    });
    const job = `its job ${reference.externalId}`;
    const isCluster = resource === CLUSTER;
    if (state.state === 'running') return { ...adopt(reference, `${job} still runs`), stillRuns: !isCluster };
    if (state.state !== 'succeeded') return redo(`${job} is no longer good: ${state.message}`);
    if (!isCluster) return adopt(reference, `${job} has ended well`);
    return state.stillRuns === true
      ? adopt(reference, 'its cluster still runs')
      : redo('its cluster has ended');
  }
}

function judgeChild({ step, place, run, began, ended, failure }: HistoryChild): Judgement {
  const reason =
    ended === null ? `it did not succeed${failure ? `: ${failure}` : ''}` : `it succeeded at ${ended}`;
  if (run.runId === '') return { earlier: null, reason: 'it had not begun' };
  return { earlier: { kind: 'child', step, ...(place && { place }), run, began, ended }, reason };
}

/** The notes are those of the run that made the submission. */
function withoutNotes(submission: HistoryJob['submission']): HistoryJob['submission'] {
  const copy = { ...submission };
  delete copy.taken;
  return copy;
}
