import type { S3Client } from '@aws-sdk/client-s3';
import type { Client } from '@temporalio/client';
import {
  describeJob,
  keyOf,
  type EarlierPage,
  type EarlierStep,
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
export type Candidate = { step: string; place?: Place; began: string } & (
  | { kind: 'job'; job: HistoryJob }
  | { kind: 'wait'; taken: Taken | null }
  | { kind: 'child'; child: HistoryChild }
);

/** What becomes of a candidate: it is taken over, or done anew for a reason. */
export interface Judgement {
  earlier: EarlierStep | null;
  reason: string;
  /** Its job, which the service has told to be running, is stopped unless it is taken over. */
  stillRuns?: boolean;
}

/**
 * The steps of a run and of those that it went on with, in the order in which they began. Of a step that several of them did,
 * the last one counts, even if it failed: it may have replaced what the others had made.
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
  const found = new FoundSteps();
  for (const { jobs, waits, waiting, children, options } of chain.reverse()) {
    for (const [step, began] of waiting)
      if (!waits.has(step)) found.add({ kind: 'wait', step, began, taken: null });
    for (const taken of waits.values()) {
      const { step, place, began } = taken;
      found.add({ kind: 'wait', step, ...(place && { place }), began, taken });
    }
    for (const [step, job] of jobs) {
      const { place, since } = job.submission;
      const began = since ?? job.reference!.submittedAt;
      found.add({ kind: 'job', step, ...(place && { place }), began, job });
    }
    for (const child of children.values()) {
      const { step, place, began } = child;
      const before = found.get(child);
      // A retry that took all of it over has ended later than its work was done.
      const hasTakenAll = options.retryOf !== undefined && child.ended !== null && !child.isRedone;
      const ended = hasTakenAll && before?.kind === 'child' ? before.child.ended : child.ended;
      found.add({ kind: 'child', step, ...(place && { place }), began, child: { ...child, ended } });
    }
  }
  const candidates = [...found.values()].sort((a, b) => Date.parse(a.began) - Date.parse(b.began));
  return { newest: chain.at(-1)!, candidates };
}

/** Steps by their places; of an older run, which does not tell them, by their names. */
class FoundSteps {
  private readonly steps = new Map<string, Candidate>();

  /** Takes the place of what an earlier run of the chain did in this step. */
  add(candidate: Candidate): void {
    this.steps.delete(candidate.step);
    this.steps.set(keyOf(candidate), candidate);
  }

  get(step: { step: string; place?: Place }): Candidate | undefined {
    return this.steps.get(keyOf(step)) ?? this.steps.get(step.step);
  }

  values(): Iterable<Candidate> {
    return this.steps.values();
  }
}

/** How many services and objects are asked side by side. */
const SIDE_BY_SIDE = 20;
/** What is said of outputs at which a plan does not look. */
export const UNSEEN = '; the run looks at its outputs';
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
        const { earlier } = await judge.judge(candidate);
        const isAsked = from.includes(step) || redo.includes(step);
        return earlier ?? (isAsked ? ({ kind: 'redo', step, ...(place && { place }) } as const) : null);
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

  judge(candidate: Candidate): Promise<Judgement> {
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
    job: known,
  }: Extract<Candidate, { kind: 'job' }>): Promise<Judgement> {
    const described = { step, ...(place && { place }), began };
    const { submission, state, result, ended, failure } = known;
    const job = describeJob(submission);
    if (state === 'failed') return { earlier: null, reason: `it failed: ${failure}` };
    if (submission.check === true) return { earlier: null, reason: 'a check is made anew' };
    if (state === 'stopped') return { earlier: null, reason: 'it was stopped' };
    if (state === 'not submitted') return { earlier: null, reason: 'it had not been submitted' };
    // A cluster is not what it computes: it is good for as long as it runs.
    if (state === 'open' || submission.job.resource === 'elasticmapreduce:createCluster')
      return this.judgeOpen({ ...described, job }, known);
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
    described: { step: string; place?: Place; began: string; job: string },
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
    const isCluster = resource === 'elasticmapreduce:createCluster';
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
