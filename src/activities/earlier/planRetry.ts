import type { SubmissionGroup } from '../../contracts/activities';
import { SluiceError } from '../../errors';
import { findNearest } from '../../pipelines/nearest';
import { classifyError } from '../../services/failures';
import {
  Judge,
  readCandidates,
  UNSEEN,
  type Candidate,
  type EarlierDependencies,
  type Judgement,
} from './earlierSteps';
import type { HistoryChild, RunHistory } from './runHistory';

/** What a retry does with a step of the run that it goes on with. */
export interface PlannedStep {
  step: string;
  kind: 'wait' | 'job' | 'run';
  /** The groups that hold it, outermost first. */
  within: string[];
  /** `go on`: a child run that does some of its steps anew; `stop`: a job that still undoes what the earlier run did. */
  action: 'reuse' | 'adopt' | 'redo' | 'go on' | 'stop';
  reason: string;
  /** The id of a child run, and what becomes of its steps. */
  run?: string;
  steps?: PlannedStep[];
}

/** What a person wants done anew, by the names of steps; see `RetryOf`. */
export interface RetryChoice {
  from: readonly string[];
  redo: readonly string[];
}

/** Of so many jobs the outputs are looked at: a plan is to be there in seconds. */
const MAX_LOOKS = 500;
const CHILDREN_SIDE_BY_SIDE = 4;
const ANEW = 'its run is begun anew';

/**
 * What a retry of an ended run would do, as far as it can be told before it runs: the code may have been mended, and a step
 * whose job is another is done anew.
 * @throws SluiceError InvalidInput for a step that the run did not come to
 */
export async function planRetry(
  deps: EarlierDependencies,
  run: { id: string; runId: string },
  choice: RetryChoice,
): Promise<{ history: RunHistory; steps: PlannedStep[] }> {
  const judge = new Judge(deps, new AbortController().signal, MAX_LOOKS);
  const planner = new Planner(deps, judge, choice);
  const { history, steps } = await planner.plan(run, false);
  const known = new Set(planner.names);
  for (const name of [...choice.from, ...choice.redo]) {
    if (known.has(name)) continue;
    const inGroup = planner.groups.get(name);
    if (inGroup)
      throw new SluiceError(
        'InvalidInput',
        `"${name}" is a group of ${run.id}, not a step. Name its steps, each with an option of its own: ${listSome([...inGroup])}`,
      );
    const nearest = findNearest(name, [...known]);
    const hint = nearest === undefined ? '' : ` Did you mean "${nearest}"?`;
    throw new SluiceError(
      'InvalidInput',
      `${run.id} has come to no step "${name}".${hint} See its steps with: sluice status ${run.id}`,
    );
  }
  return { history, steps };
}

const SHOWN_NAMES = 20;

function listSome(names: string[]): string {
  const more = names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : '';
  return `${names
    .slice(0, SHOWN_NAMES)
    .map((name) => `"${name}"`)
    .join(', ')}${more}`;
}

/** A candidate with its judgement, and when the work that it stands for was done; null for none that is good. */
interface Judged extends Judgement {
  candidate: Candidate;
  within: readonly SubmissionGroup[];
  /** The names of these groups, which are the same in each run where the steps tell their places. */
  path: readonly string[];
  /** Milliseconds since 1970. */
  beganMs: number;
  endedMs: number | null;
  isAnew: boolean;
}

class Planner {
  readonly names: string[] = [];
  /** The steps in each group, those of the groups within it, too. */
  readonly groups = new Map<string, Set<string>>();

  constructor(
    private readonly deps: EarlierDependencies,
    private readonly judge: Judge,
    private readonly choice: RetryChoice,
  ) {}

  /** @param isAnew whether all of the run is to be done anew */
  async plan(
    run: { id: string; runId: string },
    isAnew: boolean,
  ): Promise<{ history: RunHistory; steps: PlannedStep[] }> {
    const { newest, candidates } = await readCandidates(this.deps.client, run);
    for (const candidate of candidates.filter(({ isUndoing }) => !isUndoing)) {
      this.names.push(candidate.step);
      for (const { name } of withinOf(candidate)) this.addToGroup(name, [candidate.step]);
    }
    const judged = (await this.judgeAll(candidates, isAnew)).filter(isShown);
    const steps: PlannedStep[] = [];
    for (let at = 0; at < judged.length; at += CHILDREN_SIDE_BY_SIDE)
      steps.push(
        ...(await Promise.all(judged.slice(at, at + CHILDREN_SIDE_BY_SIDE).map((one) => this.toStep(one)))),
      );
    return { history: newest, steps };
  }

  private addToGroup(group: string, steps: readonly string[]): void {
    const known = this.groups.get(group) ?? new Set();
    for (const step of steps) known.add(step);
    this.groups.set(group, known);
  }

  private async judgeAll(candidates: Candidate[], isAnew: boolean): Promise<Judged[]> {
    const SIDE_BY_SIDE = 20;
    const judged: Judged[] = [];
    for (let at = 0; at < candidates.length; at += SIDE_BY_SIDE)
      judged.push(
        ...(await Promise.all(candidates.slice(at, at + SIDE_BY_SIDE).map((one) => this.judgeOne(one)))),
      );
    const { from, redo } = this.choice;
    /** What is done anew, and leads to that for what comes after it. */
    const causes: Judged[] = [];
    for (const one of judged) {
      const { step, isUndoing } = one.candidate;
      if (isUndoing) continue;
      const cause = causes.find((other) => precedes(other, one));
      const asked = from.includes(step) || redo.includes(step);
      const stopped = one.stillRuns ? '; its job still runs and is stopped first' : '';
      if (isAnew) Object.assign(one, { earlier: null, reason: ANEW });
      else if (asked) Object.assign(one, { earlier: null, reason: `as asked${stopped}` });
      else if (cause && one.earlier !== null)
        Object.assign(one, {
          earlier: null,
          reason: `${cause.candidate.step} comes before it and is done anew${stopped}`,
        });
      else if (one.earlier === null) one.reason += stopped;
      one.isAnew = one.earlier === null;
      if (one.isAnew && !redo.includes(step) && leadsOn(one)) causes.push(one);
    }
    return judged;
  }

  private async judgeOne(candidate: Candidate): Promise<Judged> {
    const judgement = await this.judge.judge(candidate).catch((error: unknown): Judgement => {
      const { code, message } = classifyError(error);
      return {
        ...assumed(candidate),
        reason: `the run looks at it; from here it cannot be seen: ${code}: ${message}`,
      };
    });
    const ended =
      candidate.kind === 'job'
        ? candidate.job.ended
        : candidate.kind === 'child'
          ? candidate.child.ended
          : null;
    const within = withinOf(candidate);
    const isPlaced = candidate.kind !== 'child' && candidate.place !== undefined;
    return {
      ...{ candidate, ...judgement, isAnew: judgement.earlier === null, within },
      path: isPlaced ? candidate.place!.slice(0, -1) : within.map(({ name }) => name),
      beganMs: Date.parse(candidate.began),
      endedMs: ended === null ? null : Date.parse(ended),
    };
  }

  /** The steps of a batch of which nothing is to be looked at any more: its own history, of thousands of events, would say the same. */
  private planBatch({ batch, ended }: HistoryChild, isAnew: boolean): PlannedStep[] | null {
    const { from, redo } = this.choice;
    if (batch === null || ended === null || !this.judge.isSpent) return null;
    const { group, steps } = batch;
    if (steps.some((step) => from.includes(step) || redo.includes(step))) return null;
    this.names.push(...steps);
    this.addToGroup(group, steps);
    const reason = isAnew ? ANEW : `it had succeeded by ${ended}${UNSEEN}`;
    const action = isAnew ? 'redo' : 'reuse';
    return steps.map((step) => ({ step, kind: 'job', within: [group], action, reason }));
  }

  private async toStep({ candidate, earlier, reason, within }: Judged): Promise<PlannedStep> {
    const { step, kind } = candidate;
    const place = { step, within: within.map(({ name }) => name) };
    if (candidate.isUndoing) return { ...place, kind: 'job', action: 'stop', reason };
    if (kind !== 'child') {
      const action = earlier === null ? 'redo' : earlier.kind === 'adopt' ? 'adopt' : 'reuse';
      return { ...place, kind, action, reason };
    }
    const { run } = candidate.child;
    if (run.runId === '') return { ...place, kind: 'run', action: 'redo', reason };
    const steps =
      this.planBatch(candidate.child, earlier === null) ?? (await this.plan(run, earlier === null)).steps;
    const isWhole = candidate.child.ended !== null && steps.every(({ action }) => action === 'reuse');
    const action = earlier === null ? 'redo' : isWhole ? 'reuse' : 'go on';
    return { ...place, kind: 'run', action, reason, run: run.id, steps };
  }
}

/** What undoes is of interest as long as it goes on. */
function isShown({ candidate, left }: Judged): boolean {
  return candidate.isUndoing !== true || left !== undefined;
}

/** What is taken of a step that cannot be looked at. */
function assumed(candidate: Candidate): Pick<Judgement, 'earlier' | 'left'> {
  const { step, began } = candidate;
  if (candidate.isUndone || candidate.isUndoing)
    return { earlier: null, ...(candidate.kind === 'job' && { left: candidate.job }) };
  if (candidate.kind === 'wait')
    return { earlier: candidate.taken && { kind: 'wait', taken: candidate.taken } };
  if (candidate.kind === 'child') return { earlier: { kind: 'child', ...candidate.child } };
  const { submission, reference, result, ended, state } = candidate.job;
  const described = { step, began, job: '' };
  return {
    earlier:
      state === 'succeeded'
        ? { kind: 'reuse', ...described, run: submission.run, result: result!, ended: ended! }
        : { kind: 'adopt', ...described, submission, reference },
  };
}

function withinOf(candidate: Candidate): readonly SubmissionGroup[] {
  if (candidate.kind === 'child') return [];
  return (candidate.kind === 'job' ? candidate.job.submission.within : candidate.taken?.within) ?? [];
}

/** Whether what comes after a step must be done anew with it; a wait that had taken nothing leads to nothing that was done. */
function leadsOn({ candidate }: Judged): boolean {
  if (candidate.kind === 'wait') return candidate.taken !== null;
  return candidate.kind !== 'job' || candidate.job.submission.check !== true;
}

/** Whether the one was done before the other began, and not in a branch beside it. */
function precedes(a: Judged, b: Judged): boolean {
  const aEndedMs = a.endedMs ?? (a.candidate.kind === 'wait' ? a.beganMs : null);
  if (aEndedMs === null || a === b) return false;
  if (aEndedMs > b.beganMs) return false;
  const parts = a.path.findIndex((name, i) => name !== b.path[i]);
  if (parts === -1) return a.within.at(-1)?.fanOut !== true || b.within.length > a.within.length;
  const other = b.within[parts];
  return other === undefined || aEndedMs <= Date.parse(other.since);
}
