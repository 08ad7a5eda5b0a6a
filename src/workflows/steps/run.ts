import {
  CancellationScope,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import type { Job, JobResult } from '../../jobs';
import type { Arrival, GivenInputOf, JobOptions, TypedFields } from '../../pipelines';
import type { Failure, StepCheck, StepStatus } from '../../contracts/messages';
import type { Interval } from '../../contracts/schedules';
import type { ErrorCode } from '../../errors';
import { checkQuery, describeChecks, findCheckProblems, readChecks, type CheckOptions } from './check';
import type { TakenObjects } from './completeness';
import type { PipelineDefinition, StandardFields } from './pipelineDefinition';
import { asApplicationFailure, isReportable, toFailure } from './failures';
import { JobStep, type JobStepOptions } from './jobStep';
import type { Line } from './line';
import { batchesOf, eachJob, JOBS_WORKFLOW, type JobsInput, type MapJobsOptions } from './mapJobs';
import type { RunOptions, Shared } from './shared';
import { Wait, type WaitOptions } from './wait';

export type ParallelOptions = {
  /** What happens to the other branches when one fails: cancelled (the default), or left to finish. */
  onFailure?: 'cancel' | 'finish';
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
    return new Wait(shared, { name, parent, line, pattern }, options).run();
  }

  /**
   * Submits the job, awaits its end and returns what it says. A cancelled run stops the job first, and so does a job that
   * takes longer than its time-out.
   */
  job(name: string, job: Job, options: JobStepOptions = {}): Promise<JobResult> {
    const step = this.shared.board.addStep({ name, kind: 'job', parent: this.parent });
    return new JobStep(this.shared, { step, line: this.line }, job, options).run();
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
    await new JobStep(this.shared, { step, line: this.line }, job, { ...options, accept }).run();
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
            if (options.onFailure !== 'finish') scope.cancel();
          }
        }),
      ),
    );
    if (failures.length > 0) throw failures[0];
    return results as { [K in keyof T]: Awaited<ReturnType<T[K]>> };
  }

  /** A named part of the run, shown as a group around the steps that `body` makes. */
  async group<T>(
    name: string,
    body: (run: Run) => Promise<T>,
    { isFanOut = false }: { isFanOut?: boolean } = {},
  ): Promise<T> {
    const { board } = this.shared;
    const step = board.addStep({ name, kind: 'group', parent: this.parent });
    board.update(step, { state: 'running', attempts: 1 });
    const since = new Date().toISOString();
    const group = { name: step.name, since, ...(isFanOut ? { fanOut: true as const } : {}) };
    return this.closeGroup(step, () =>
      this.line.branch(group, (line) => body(new Run(this.shared, step.name, line))),
    );
  }

  /** A group of many steps of one kind, of which search attributes name the group alone. */
  private fanOut<T>(name: string, body: (run: Run) => Promise<T>): Promise<T> {
    return this.group(
      name,
      (group) => {
        this.shared.board.addFanOut(group.parent!);
        return body(group);
      },
      { isFanOut: true },
    );
  }

  /** Runs what has nothing to do with what runs beside it in this group. */
  private partOfFanOut<T>(body: (run: Run) => Promise<T>): Promise<T> {
    return this.line.partOfFanOut((line) => body(new Run(this.shared, this.parent, line)));
  }

  /** Runs another pipeline as a child run, shown as a group with the child's id. The child shares this run's `since`. */
  child<F extends TypedFields, T>(
    name: string,
    pipeline: PipelineDefinition<F, T>,
    input: GivenInputOf<F & StandardFields>,
  ): Promise<T | null> {
    return this.childOf<T | null>(name, pipeline.description.name, input);
  }

  /** A child run by its workflow type; see `child`. */
  private async childOf<T>(name: string, workflowType: string, input: object): Promise<T> {
    const { board } = this.shared;
    const id = `${workflowInfo().workflowId}/${name}`;
    const step = board.addStep({ name, kind: 'group', parent: this.parent, run: { id } });
    board.update(step, { state: 'running', attempts: 1 });
    const { since, startedBy, line } = this;
    const { earlier } = this.shared;
    const options: RunOptions = {
      since,
      ...(startedBy.length > 0 ? { arrivals: [...startedBy] } : {}),
      ...(this.interval === null ? {} : { interval: this.interval }),
      ...earlier.findChild(step.name, line),
      ...earlier.drainNotes(),
    };
    return this.closeGroup(step, async () => {
      const result = await executeChild<(input: object, options: RunOptions) => Promise<T>>(workflowType, {
        workflowId: id,
        args: [input, options],
        memo: { pipeline: workflowType },
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        staticSummary: name,
      });
      earlier.noteChild(line, step.name, id);
      return result;
    });
  }

  /**
   * One job for each item, at most `concurrency` (default 10) at a time; results in the order of the items. Past 500
   * items, or a megabyte of parameters, the jobs run in child runs, one after the other, so that no history grows large.
   * The first failure cancels the rest.
   * @throws ApplicationFailure InvalidInput for a concurrency that is no whole number above zero
   */
  async mapJobs<T>(
    name: string,
    items: readonly T[],
    jobOf: (item: T, index: number) => Job,
    options: MapJobsOptions = {},
  ): Promise<JobResult[]> {
    const { concurrency = 10, ...jobOptions } = options;
    if (!Number.isInteger(concurrency) || concurrency < 1) {
      const message = `${name}: concurrency is ${concurrency}; give a whole number above zero`;
      throw asApplicationFailure({ code: 'InvalidInput', message, step: name });
    }
    const work = { name, first: 0, jobs: items.map(jobOf), concurrency, options: jobOptions };
    const batches = batchesOf(work);
    if (batches.length <= 1) return this.eachJob(work);
    return this.group(name, async (group) => {
      const results: JobResult[] = [];
      for (const batch of batches) {
        const { first, jobs } = batch;
        const child = `${name} ${first + 1}-${first + jobs.length}`;
        const part = await group.partOfFanOut((run) => run.childOf<JobResult[]>(child, JOBS_WORKFLOW, batch));
        results.push(...part);
      }
      return results;
    });
  }

  /** The jobs of a `mapJobs` that one run holds. */
  eachJob(work: JobsInput): Promise<JobResult[]> {
    return this.fanOut(work.name, (group) =>
      eachJob(work, (step, job) => group.partOfFanOut((run) => run.job(step, job, work.options))),
    );
  }

  private async closeGroup<T>(step: StepStatus, body: () => Promise<T>): Promise<T> {
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
    }
  }
}
