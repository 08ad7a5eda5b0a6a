import {
  CancellationScope,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import type { Job, JobResult } from '../../jobs';
import type { Arrival, GivenInputOf, JobOptions, TypedFields } from '../../pipelines';
import type { Undoes } from '../../contracts/activities';
import { JOBS_WORKFLOW } from '../../contracts/batches';
import type { Failure, StepCheck, StepStatus } from '../../contracts/messages';
import type { Interval } from '../../contracts/schedules';
import type { ErrorCode } from '../../errors';
import { checkQuery, describeChecks, findCheckProblems, readChecks, type CheckOptions } from './check';
import { checkHistory, checkSize } from './byteLength';
import type { TakenObjects } from './completeness';
import type { Deadline } from './deadlines';
import type { PipelineDefinition, StandardFields } from './pipelineDefinition';
import { joinFolder, parentFolder } from '../../pipelines/location';
import { task } from '../task';
import { asApplicationFailure, firstOf, isReportable, toFailure } from './failures';
import { JobStep, type JobStepOptions } from './jobStep';
import type { Line } from './line';
import {
  batchesOf,
  eachJob,
  toleratedOf,
  tooManyFailed,
  type JobsInput,
  type MapJobsOptions,
  type MapOutcome,
  type Siblings,
  type Tolerance,
} from './mapJobs';
import type { RunOptions, Shared } from './shared';
import { Wait, type WaitOptions } from './wait';

export type ParallelOptions = {
  /** What happens to the other branches when one fails: cancelled (the default), or left to finish. */
  siblings?: Siblings;
};

/** The building blocks, bound to one run; `parallel` hands each branch a `Run` of its own. */
export class Run {
  constructor(
    private readonly shared: Shared,
    private readonly parent: string | null,
    private readonly line: Line,
  ) {}

  /** ISO 8601: from when on the run takes arrivals. */
  get since(): string {
    return this.shared.since;
  }

  /**
   * What a scheduled run is about: from the time of its schedule before until its own (ISO 8601, the end not included), whenever
   * it really runs. Also that of a run that makes up for a time that has passed; null for a run that no schedule started.
   */
  get interval(): Interval | null {
    return this.shared.interval;
  }

  /** The objects whose arrival started the run; empty for a run that a person or a schedule started. */
  get startedBy(): readonly Arrival[] {
    return this.shared.startedBy;
  }

  /**
   * Waits until objects that fit `pattern` have arrived, and returns them with their versions pinned, oldest first.
   * @throws ApplicationFailure ArrivalTimeout that names what was missing
   */
  waitForArrivals(name: string, pattern: string, options: WaitOptions = {}): Promise<TakenObjects> {
    const { shared, parent, line } = this;
    const place = line.place(name);
    return new Wait(shared, { name, parent, line, place, pattern }, options).run();
  }

  /**
   * Submits the job, awaits its end and returns what it says. A cancelled run stops the job first, and so does a job that
   * takes longer than its time-out.
   */
  job(name: string, job: Job, options: JobStepOptions = {}): Promise<JobResult> {
    const step = this.shared.board.addStep({ name, kind: 'job', parent: this.parent });
    const { line } = this;
    const at = { step, line, place: line.place(name) };
    const { expectedBy } = options;
    const deadline = expectedBy === undefined ? {} : { expectedBy };
    return this.shared.deadlines.keep(step, deadline, () => new JobStep(this.shared, at, job, options).run());
  }

  /**
   * Holds rows in the lake against rules, on DuckDB in the worker. The step's status has each rule with what was found.
   * @returns the rules, and whether each holds
   * @throws ApplicationFailure CheckFailed with every rule that does not hold, unless `onFailure` is `warn`; InvalidInput
   */
  async check(name: string, check: CheckOptions, options: JobOptions = {}): Promise<StepCheck[]> {
    const { board } = this.shared;
    const step = board.addStep({ name, kind: 'job', parent: this.parent });
    const fail = (code: ErrorCode, problem: string) => {
      const failure: Failure = { code, message: `${name}: ${problem}`, step: name };
      board.update(step, { state: 'failed', failure });
      return asApplicationFailure(failure);
    };
    const problems = findCheckProblems(check);
    if (problems.length > 0) throw fail('InvalidInput', problems.join('; '));
    let checks: StepCheck[] = [];
    const accept = (result: JobResult) => {
      checks = readChecks(result);
      board.update(step, { checks });
      if (check.onFailure !== 'warn' && checks.some(({ holds }) => !holds))
        throw fail('CheckFailed', describeChecks(checks));
    };
    const job: Job = { resource: 'duckdb:query', parameters: checkQuery(check) };
    const { line } = this;
    const at = { step, line, place: line.place(name) };
    await new JobStep(this.shared, at, job, { ...options, accept }).run();
    return checks;
  }

  /**
   * Runs all branches side by side and returns their results by name. All have ended before the first failure goes on.
   * A branch is a group in the status, named by its key.
   */
  async parallel<T extends Record<string, (run: Run) => Promise<unknown>>>(
    branches: T,
    options: ParallelOptions = {},
  ): Promise<{ [K in keyof T]: Awaited<ReturnType<T[K]>> }> {
    const scope = new CancellationScope();
    const failures: unknown[] = [];
    const results: Record<string, unknown> = {};
    await scope.run(() =>
      Promise.all(
        Object.entries(branches).map(async ([name, branch]) => {
          try {
            results[name] = await this.group(name, branch);
          } catch (error) {
            failures.push(error);
            if (options.siblings !== 'finish') scope.cancel();
          }
        }),
      ),
    );
    if (failures.length > 0) throw firstOf(failures);
    return results as { [K in keyof T]: Awaited<ReturnType<T[K]>> };
  }

  /**
   * Says how what follows is undone; to be called before it is done, and safe when it was not. Of a run with the input
   * `onFailure=undo` that fails or is cancelled, all that was said is done in reverse order, each a group of steps with their own
   * retries, and whatever of it fails is told beside the run's own failure. A cancellation does not interrupt it.
   */
  undo(name: string, body: (run: Run) => Promise<unknown>): void {
    this.shared.compensations.add({ name, undo: body, sinceMs: Date.now() });
  }

  /**
   * Of a run with the input `onFailure=undo`, keeps a copy of an output folder in S3 before a job replaces it, and puts it back when the
   * run is undone. The copy lies beside the folder, in `_<name>.before/<run id>/`, and goes when the run ends well or all of it was put
   * back. For any other run it does nothing.
   */
  async keepOutput(name: string, output: string): Promise<void> {
    const { compensations, ending } = this.shared;
    if (!compensations.areWanted) return;
    // Of a run that was reset it stays the same.
    const copy = copyOf(output, workflowInfo().firstExecutionRunId);
    await this.job(`keep ${name}`, task('keep-output', { output, copy }));
    const drop = (run: Run) => run.job(`drop the copy of ${name}`, task('drop-kept-output', { copy }));
    const undo = async (run: Run) => {
      await run.job(`put back ${name}`, task('put-back-output', { output, copy }));
      await drop(run);
    };
    compensations.add({ name: `the output ${name}`, undo, sinceMs: null });
    ending.atEnd(async () => {
      if (!compensations.haveBegun) await drop(new Run(this.shared, null, this.line)).catch(rethrowDefect);
    });
  }

  /**
   * A named part of the run, shown as a group around the steps that `body` makes.
   * @throws ApplicationFailure Overdue when it has taken longer than `within`
   */
  group<T>(name: string, body: (run: Run) => Promise<T>, deadline: Deadline = {}): Promise<T> {
    return this.openGroup(name, body, { deadline });
  }

  /** A group that undoes what the run has done; see `Compensations`. */
  undoing<T>(name: string, body: (run: Run) => Promise<T>, undoes: Undoes): Promise<T> {
    return this.openGroup(name, body, { undoes });
  }

  private openGroup<T>(
    name: string,
    body: (run: Run) => Promise<T>,
    { deadline = {}, isFanOut = false, undoes }: { deadline?: Deadline; isFanOut?: boolean; undoes?: Undoes },
  ): Promise<T> {
    const { board } = this.shared;
    const step = board.addStep({ name, kind: 'group', parent: this.parent });
    board.update(step, { state: 'running', attempts: 1 });
    const since = new Date().toISOString();
    const group = {
      ...{ name: step.name, since },
      ...(isFanOut ? { fanOut: true as const } : {}),
      ...(undoes === undefined ? {} : { undoes }),
    };
    const line = this.line.branch(group, this.line.place(name));
    const run = new Run(this.shared, step.name, line);
    return this.closeGroup(step, () => this.shared.deadlines.keep(step, deadline, () => body(run)), line);
  }

  /** A group of many steps of one kind, of which search attributes name the group alone. */
  private fanOut<T>(name: string, body: (run: Run) => Promise<T>): Promise<T> {
    return this.openGroup(
      name,
      (group) => {
        this.shared.board.addFanOut(group.parent!);
        return body(group);
      },
      { isFanOut: true },
    );
  }

  /** Runs what has nothing to do with what runs beside it in this group. */
  private async partOfFanOut<T>(body: (run: Run) => Promise<T>): Promise<T> {
    const line = this.line.partOfFanOut();
    try {
      return await body(new Run(this.shared, this.parent, line));
    } finally {
      this.line.join(line);
    }
  }

  /** Runs another pipeline as a child run, shown as a group with the child's id. The child shares this run's `since` and `onExhausted`. */
  child<F extends TypedFields, T>(
    name: string,
    pipeline: PipelineDefinition<F, T>,
    input: GivenInputOf<F & StandardFields>,
  ): Promise<T | null> {
    const onExhausted = this.shared.parked.byDefault ? 'park' : 'fail';
    return this.childOf<T | null>(name, pipeline.description.name, { onExhausted, ...input });
  }

  /** A child run by its workflow type; see `child`. */
  private async childOf<T>(name: string, workflowType: string, input: object): Promise<T> {
    const { board } = this.shared;
    const id = `${workflowInfo().workflowId}/${name}`;
    const step = board.addStep({ name, kind: 'group', parent: this.parent, run: { id } });
    board.update(step, { state: 'running', attempts: 1 });
    const { since, startedBy, line } = this;
    const place = line.place(name);
    const { earlier, notices } = this.shared;
    const options: RunOptions = {
      ...{ since, place, parent: board.status.pipeline },
      ...(line.undoes === undefined ? {} : { undoes: line.undoes }),
      ...(startedBy.length > 0 ? { arrivals: [...startedBy] } : {}),
      ...(this.interval === null ? {} : { interval: this.interval }),
      ...(notices.target === null ? {} : { notify: notices.target }),
      ...earlier.findChild({ step: step.name, place, line }),
      ...earlier.drainNotes(),
    };
    return this.closeGroup(step, async () => {
      checkSize([input, options], `The input of ${step.name}`, step.name);
      if (!this.shared.isFailing) checkHistory(step.name);
      const result = await executeChild<(input: object, options: RunOptions) => Promise<T>>(workflowType, {
        workflowId: id,
        args: [input, options],
        memo: { pipeline: workflowType },
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        staticSummary: name,
      });
      earlier.noteChild({ step: step.name, place, line }, id);
      return result;
    });
  }

  /**
   * One job for each item, at most `concurrency` (default 10) at a time; results in the order of the items. Past 500
   * items, or a megabyte of parameters, the jobs run in child runs, one after the other, so that no history grows large.
   * The first failure cancels the rest, unless `siblings` lets it finish; with `tolerate`, some may fail and are listed.
   * @throws ApplicationFailure InvalidInput for a concurrency that is no whole number above zero, or what is no tolerance
   */
  mapJobs<T>(
    name: string,
    items: readonly T[],
    jobOf: (item: T, index: number) => Job,
    options: MapJobsOptions & { tolerate: Tolerance },
  ): Promise<MapOutcome>;
  mapJobs<T>(
    name: string,
    items: readonly T[],
    jobOf: (item: T, index: number) => Job,
    options?: MapJobsOptions,
  ): Promise<JobResult[]>;
  async mapJobs<T>(
    name: string,
    items: readonly T[],
    jobOf: (item: T, index: number) => Job,
    options: MapJobsOptions = {},
  ): Promise<JobResult[] | MapOutcome> {
    const { concurrency = 10, siblings, tolerate, ...given } = options;
    const jobOptions: JobOptions = this.shared.parked.byDefault ? { onExhausted: 'park', ...given } : given;
    if (!Number.isInteger(concurrency) || concurrency < 1) {
      const message = `${name}: concurrency is ${concurrency}; give a whole number above zero`;
      throw asApplicationFailure({ code: 'InvalidInput', message, step: name });
    }
    const work: JobsInput = {
      ...{ name, first: 0, jobs: items.map(jobOf), concurrency, options: jobOptions },
      ...(siblings === undefined ? {} : { siblings }),
      ...(tolerate === undefined ? {} : { tolerated: toleratedOf(name, tolerate, items.length) }),
    };
    const batches = batchesOf(work);
    if (batches.length <= 1) return this.eachJob(work);
    return this.group(name, (group) => group.eachBatch(work, batches));
  }

  /** The jobs of a `mapJobs` that one run holds. */
  eachJob(work: JobsInput): Promise<JobResult[] | MapOutcome> {
    return this.fanOut(work.name, async (group) => {
      const outcome = await eachJob(work, (step, job) =>
        group.partOfFanOut((run) => run.job(step, job, work.options)),
      );
      return group.answerOf(work, outcome);
    });
  }

  /** The batches of a `mapJobs` that is too large for one run, each as a child run. */
  private async eachBatch(work: JobsInput, batches: JobsInput[]): Promise<JobResult[] | MapOutcome> {
    const { siblings, tolerated = 0 } = work;
    const outcome: MapOutcome = { results: [], failed: [] };
    for (const batch of batches) {
      const { first, jobs } = batch;
      const child = `${work.name} ${first + 1}-${first + jobs.length}`;
      // Those that finish whatever happens tell all that has failed; the others end with the first failure too many.
      const left = siblings === 'finish' ? jobs.length : tolerated - outcome.failed.length;
      const isTolerant = siblings === 'finish' || work.tolerated !== undefined;
      const input = isTolerant ? { ...batch, tolerated: left } : batch;
      const part = await this.partOfFanOut((run) =>
        run.childOf<JobResult[] | MapOutcome>(child, JOBS_WORKFLOW, input),
      );
      const { results, failed } = Array.isArray(part) ? { results: part, failed: [] } : part;
      outcome.results.push(...results);
      outcome.failed.push(...failed);
    }
    const [one, ...others] = outcome.failed;
    if (one !== undefined && outcome.failed.length > tolerated) throw tooManyFailed([one, ...others]);
    return this.answerOf(work, outcome);
  }

  private answerOf({ tolerated }: JobsInput, outcome: MapOutcome): JobResult[] | MapOutcome {
    // None has failed where none may.
    if (tolerated === undefined) return outcome.results as JobResult[];
    if (outcome.failed.length > 0) this.shared.board.noteTolerated(this.parent!, outcome.failed.length);
    return outcome;
  }

  private async closeGroup<T>(step: StepStatus, body: () => Promise<T>, line?: Line): Promise<T> {
    const { board } = this.shared;
    try {
      const result = await body();
      board.update(step, { state: 'succeeded' });
      return result;
    } catch (error) {
      if (!isReportable(error)) throw error;
      if (isCancellation(error)) board.update(step, { state: 'stopped' });
      else board.update(step, { state: 'failed', failure: toFailure(error, null) });
      throw error;
    } finally {
      if (line) this.line.join(line);
    }
  }
}

function copyOf(output: string, runId: string): string {
  const folder = output.replace(/\/+$/, '');
  const parent = parentFolder(folder);
  return joinFolder(parent, `_${folder.slice(parent.length)}.before`, runId);
}

/** A copy that stays harms nobody: its step says so. */
function rethrowDefect(error: unknown): void {
  if (!isReportable(error)) throw error;
}
