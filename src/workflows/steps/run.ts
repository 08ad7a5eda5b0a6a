import {
  ActivityCancellationType,
  CancellationScope,
  condition,
  executeChild,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  ParentClosePolicy,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
  TimeoutFailure,
  ActivityFailure,
  ApplicationFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities, Notification, Submission } from '../../activities/types';
import { SluiceError } from '../../errors';
import { runsInWorker, type Job, type JobReference, type JobResult, type StopResult } from '../../jobs';
import { parseInput, type Arrival, type JobOptions, type OnFailure, type Pipeline } from '../../pipelines';
import { parseDuration } from '../../pipelines/duration';
import { isSince } from '../../pipelines/arrival';
import { arrivalsWorkflowId, matchesPattern, sourceOf } from '../../pipelines/location';
import { remember } from '../memory';
import {
  arrivedSignal,
  unsubscribeSignal,
  type Failure,
  type RunState,
  type StepStatus,
  type Subscription,
} from '../messages';
import { asApplicationFailure, isReportable, toFailure } from './failures';
import { StatusBoard } from './status';

const DEFAULT_JOB_TIMEOUT = '1 day';
/** Heartbeats come about every third of it; a worker killed during an await is noticed this late. */
const HEARTBEAT_TIMEOUT = '15 s';
const JOB_RETRY = { initialInterval: '1 s', backoffCoefficient: 2, maximumInterval: '30 s' } as const;
/** How often a job is submitted whose failures the service calls retryable. */
const RETRYABLE_ATTEMPTS = 3;
const RETRY_PAUSE_MS = 10_000;
const MAX_RETRY_PAUSE_MS = 5 * 60_000;
/** The failures of a job that has ended; after any other, a job that was submitted may still run. */
const JOB_ENDS = ['JobFailed', 'JobStopped', 'JobLost'];

const { describeWorker } = proxyLocalActivities<Activities>({ startToCloseTimeout: '10 s' });
const { subscribe } = proxyActivities<Activities>({
  startToCloseTimeout: '30 s',
  retry: { initialInterval: '1 s', maximumInterval: '30 s' },
});
const activities = proxyActivities<Activities>({ startToCloseTimeout: '1 minute' });

/** When a wait is over. Exactly one rule; without any, one object is enough. */
export type Completeness =
  /** So many different keys. */
  | { count: number }
  /** These keys, all of them. */
  | { keys: string[] }
  /** A key that is written last, e.g. `sales/_SUCCESS`; it is not among the objects that the wait returns. */
  | { marker: string };

export interface WaitOptions {
  /** How long to wait, a duration; default 7 days. */
  within?: string;
  /** ISO 8601: arrivals from this time on; default the run's scheduled or start time, or what `--since` says. */
  since?: string;
  complete?: Completeness;
}

export interface RunOptions {
  /** ISO 8601; see `WaitOptions.since`. */
  since?: string;
}

export type ParallelOptions = {
  /** What happens to the other branches when one fails: cancelled (the default), or left to finish. */
  onFailure?: 'cancel' | 'finish';
};

/** State that all branches of one run share. */
interface Shared {
  board: StatusBoard;
  since: string;
  inbox: Arrival[];
  clusters: { submission: Submission; reference: JobReference }[];
}

/** One submission of a job's step, and how it was asked for. */
interface JobAttempt {
  step: StepStatus;
  submission: Submission;
  reference: JobReference | null;
  options: JobOptions & { failedAs?: string };
  timeout: string;
}

/** The building blocks, bound to one run; `parallel` hands each branch a `Run` of its own. */
export class Run {
  constructor(
    private readonly shared: Shared,
    private readonly parent: string | null,
  ) {}

  /** ISO 8601: from when on the run takes arrivals. */
  get since(): string {
    return this.shared.since;
  }

  /**
   * Waits until objects that fit `pattern` have arrived, and returns them with their versions pinned, oldest first.
   * @throws ApplicationFailure ArrivalTimeout that names what was missing
   */
  async waitForArrivals(
    name: string,
    pattern: string,
    options: WaitOptions = {},
  ): Promise<[Arrival, ...Arrival[]]> {
    const { board, inbox } = this.shared;
    const within = options.within ?? '7 days';
    const since = options.since ?? this.shared.since;
    const step = board.addStep({ name, kind: 'wait', parent: this.parent });
    const source = sourceOf(pattern);
    const withinMs = parseDuration(within);
    if (source === null || withinMs === null) {
      const failure: Failure = {
        code: 'InvalidInput',
        message: `${name}: cannot wait for ${pattern} within ${within}; give an S3 URI such as s3://lake/sales/*.csv and a duration such as "7 days"`,
        step: name,
      };
      board.update(step, { state: 'failed', failure });
      throw asApplicationFailure(failure);
    }
    const fitting = () =>
      inbox.filter((arrival) => matchesPattern(pattern, arrival) && isSince(arrival, since));
    board.update(step, { state: 'waiting', waitingFor: pattern, attempts: 1 });

    const { workflowId, runId } = workflowInfo();
    const subscription: Subscription = { workflowId, runId, pattern, since };
    const deadlineMs = Date.now() + withinMs;
    try {
      if (findComplete(fitting(), options.complete) === null) {
        await subscribe.executeWithOptions(
          { startToCloseTimeout: '30 s', scheduleToCloseTimeout: withinMs, summary: name },
          [source, subscription],
        );
        await condition(
          () => findComplete(fitting(), options.complete) !== null,
          Math.max(1, deadlineMs - Date.now()),
          {
            summary: name,
          },
        );
        await this.unsubscribe(subscription);
      }
      const taken = findComplete(fitting(), options.complete);
      if (taken === null) {
        throw new SluiceError(
          'ArrivalTimeout',
          describeMissing(pattern, within, since, fitting(), options.complete),
        );
      }
      board.update(step, {
        state: 'succeeded',
        objects: taken.map(({ bucket, key, versionId, etag, size }) => ({
          uri: `s3://${bucket}/${key}`,
          versionId,
          etag,
          size,
        })),
      });
      return taken;
    } catch (error) {
      if (!isReportable(error)) throw error;
      if (isCancellation(error)) {
        await CancellationScope.nonCancellable(() => this.unsubscribe(subscription));
        board.update(step, { state: 'stopped' });
        throw error;
      }
      const failure = toFailure(error, name);
      board.update(step, { state: 'failed', failure });
      throw asApplicationFailure(failure, error instanceof SluiceError ? undefined : error);
    }
  }

  /**
   * Submits the job, awaits its end and returns what it says. A cancelled run stops the job first, and so does a job that
   * takes longer than its time-out. The step is
   * - `running`, and `waiting for capacity` while the service has no room for the job;
   * - submitted anew, under a new key, after a failure that `options.retry` or the service calls worth it;
   * - `succeeded`, `failed`, `stopped`, or `leaked` when nobody could confirm that the job has ended.
   */
  async job(name: string, job: Job, options: JobOptions & { failedAs?: string } = {}): Promise<JobResult> {
    const { board } = this.shared;
    const step = board.addStep({ name, kind: 'job', parent: this.parent });
    const timeout = options.timeout ?? DEFAULT_JOB_TIMEOUT;
    const deadlineMs = Date.now() + (parseDuration(timeout) ?? parseDuration(DEFAULT_JOB_TIMEOUT)!);
    for (let number = 1; ; number++) {
      const submission = this.submissionOf(step, job, number, options);
      let reference: JobReference | null = null;
      board.update(step, {
        state: 'running',
        attempts: number,
        job: { resource: job.resource, externalId: null, url: null },
      });
      try {
        reference = await this.submit(step, submission, deadlineMs, options);
        board.update(step, {
          state: 'running',
          job: { resource: job.resource, externalId: reference.externalId, url: reference.url },
        });
        const result = await awaitJob(submission, reference, deadlineMs);
        board.addMeasures(result);
        board.update(step, { state: 'succeeded' });
        this.noteCluster(submission, reference, options);
        return result;
      } catch (error) {
        if (!isReportable(error)) throw error;
        const pauseMs = pauseBeforeRetry(error, number, options);
        if (pauseMs !== null && Date.now() + pauseMs < deadlineMs) {
          board.update(step, { failure: toFailure(error, step.name) });
          await sleep(pauseMs, { summary: `${step.name}: pause before submitting anew` });
          board.update(step, { failure: null });
          continue;
        }
        throw await this.endJob({ step, submission, reference, options, timeout }, error);
      }
    }
  }

  private submissionOf(step: StepStatus, job: Job, number: number, options: JobOptions): Submission {
    const { workflowId, runId } = workflowInfo();
    return {
      job,
      key: [workflowId, runId, step.name, number].join('/'),
      run: workflowId,
      step: step.name,
      since: new Date().toISOString(),
      ...(options.maxRows === undefined ? {} : { maxRows: options.maxRows }),
    };
  }

  private async submit(
    step: StepStatus,
    submission: Submission,
    deadlineMs: number,
    options: JobOptions,
  ): Promise<JobReference> {
    const activityOptions = {
      summary: `submit ${step.name}`,
      heartbeatTimeout: HEARTBEAT_TIMEOUT,
      retry: JOB_RETRY,
      cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    };
    const remainingMs = () => Math.max(1, deadlineMs - Date.now());
    try {
      return await activities.submitJob.executeWithOptions(
        { ...activityOptions, startToCloseTimeout: '2 minutes', scheduleToCloseTimeout: remainingMs() },
        [submission],
      );
    } catch (error) {
      if (!isReportable(error) || toFailure(error, null).code !== 'NoCapacity') throw error;
    }
    this.shared.board.update(step, { state: 'waiting for capacity' });
    const inLineMs = Math.min(parseDuration(options.capacityTimeout ?? '') ?? Infinity, remainingMs());
    return activities.submitJob.executeWithOptions(
      {
        ...activityOptions,
        summary: `submit ${step.name}, waiting for capacity`,
        startToCloseTimeout: inLineMs,
        scheduleToCloseTimeout: inLineMs,
      },
      [{ ...submission, inLine: true }],
    );
  }

  /** Brings the step of a job that did not succeed to its end, and returns what to throw. */
  private async endJob(
    { step, submission, reference, options, timeout }: JobAttempt,
    error: unknown,
  ): Promise<unknown> {
    const { board } = this.shared;
    const { job } = submission;
    const timedOut = error instanceof ActivityFailure && error.cause instanceof TimeoutFailure;
    const failed = toFailure(error, step.name);
    if (options.failedAs) failed.message = `${options.failedAs}: ${failed.message}`;
    const mayRun = reference !== null && !runsInWorker(job.resource) && !JOB_ENDS.includes(failed.code);
    if (!isCancellation(error) && !timedOut && !mayRun) {
      board.update(step, { state: failed.code === 'JobStopped' ? 'stopped' : 'failed', failure: failed });
      return asApplicationFailure(failed, error);
    }
    if (isCancellation(error) && options.onCancel === 'leave') {
      board.update(step, {
        state: 'stopped',
        failure: { code: 'Cancelled', message: 'The job was left running, as asked.', step: step.name },
      });
      return error;
    }
    const stopped = await CancellationScope.nonCancellable(() => stopJob(submission, reference));
    const leaked = stopped.outcome === 'leaked';
    const ending = leaked
      ? `the job could not be stopped and may still run: ${stopped.externalId ?? 'id unknown'} ${stopped.url ?? ''} ${stopped.message ?? ''}`.trim()
      : stopped.outcome === 'stopped'
        ? 'the job was stopped'
        : `the job had ${stopped.outcome === 'not submitted' ? 'not been submitted' : 'already ended'}`;
    const inLine = step.state === 'waiting for capacity' ? ' The service had no room for it.' : '';
    const failure: Failure = timedOut
      ? {
          code: leaked ? 'JobLeaked' : 'JobTimeout',
          message: `${step.name} did not end within ${timeout}; ${ending}.${inLine}`,
          step: step.name,
        }
      : isCancellation(error)
        ? { code: leaked ? 'JobLeaked' : 'Cancelled', message: `Cancelled; ${ending}.`, step: step.name }
        : {
            code: leaked ? 'JobLeaked' : failed.code,
            message: `${failed.message}; ${ending}.`,
            step: step.name,
          };
    board.update(step, {
      state: leaked ? 'leaked' : isCancellation(error) ? 'stopped' : 'failed',
      failure,
      job: {
        resource: job.resource,
        externalId: stopped.externalId ?? reference?.externalId ?? null,
        url: stopped.url ?? reference?.url ?? null,
      },
    });
    return isCancellation(error) ? error : asApplicationFailure(failure, error);
  }

  /** A cluster that the run created ends with the run; one that it terminated itself needs no ending. */
  private noteCluster(submission: Submission, reference: JobReference, options: JobOptions): void {
    const { job } = submission;
    const { clusters } = this.shared;
    if (job.resource === 'elasticmapreduce:createCluster' && !options.keep)
      clusters.push({ submission, reference });
    if (job.resource === 'elasticmapreduce:terminateCluster') {
      const ended = job.parameters.ClusterId;
      this.shared.clusters = clusters.filter((cluster) => cluster.reference.externalId !== ended);
    }
  }

  /** Ends the clusters that the run has created and left. */
  async endClusters(): Promise<void> {
    const { board, clusters } = this.shared;
    const ending = clusters.splice(0).map(async ({ submission, reference }) => {
      const { resource } = submission.job;
      const { externalId, url } = reference;
      const step = board.addStep({
        ...{ name: `end the cluster of ${submission.step}`, kind: 'job', parent: null },
        job: { resource, externalId, url },
      });
      board.update(step, { state: 'running', attempts: 1 });
      const { outcome, message } = await stopJob(submission, reference);
      const failure: Failure | null =
        outcome === 'leaked'
          ? {
              code: 'JobLeaked',
              message: `The cluster ${externalId} may still run: ${message ?? ''} ${url ?? ''}`.trim(),
              step: step.name,
            }
          : null;
      board.update(step, { state: failure ? 'leaked' : 'succeeded', failure });
    });
    await Promise.all(ending);
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
    const outcome = scope.run(() =>
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
    await outcome;
    if (failures.length > 0) throw failures[0];
    return results as { [K in keyof T]: Awaited<ReturnType<T[K]>> };
  }

  /** A named part of the run, shown as a group around the steps that `body` makes. */
  async group<T>(name: string, body: (run: Run) => Promise<T>): Promise<T> {
    const { board } = this.shared;
    const step = board.addStep({ name, kind: 'group', parent: this.parent });
    board.update(step, { state: 'running', attempts: 1 });
    return this.closeGroup(step, () => body(new Run(this.shared, step.name)));
  }

  /** Runs another pipeline as a child run, shown as a group with the child's id. The child shares this run's `since`. */
  async child<T>(name: string, pipeline: Pipeline, input: object): Promise<T> {
    const { board } = this.shared;
    const id = `${workflowInfo().workflowId}/${name}`;
    const step = board.addStep({ name, kind: 'group', parent: this.parent, run: { id } });
    board.update(step, { state: 'running', attempts: 1 });
    const options: RunOptions = { since: this.since };
    return this.closeGroup(step, () =>
      executeChild<(input: object, options: RunOptions) => Promise<T>>(pipeline.name, {
        workflowId: id,
        args: [input, options],
        memo: { pipeline: pipeline.name },
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        staticSummary: name,
      }),
    );
  }

  /**
   * One job for each item, at most `concurrency` (default 10) at a time; results in the order of the items. Past
   * `JOBS_PER_RUN` items the jobs run in child runs of that many, one after the other, so that no history grows large.
   * The first failure cancels the rest.
   */
  async mapJobs<T>(
    name: string,
    items: readonly T[],
    jobOf: (item: T, index: number) => Job,
    options: JobOptions & { concurrency?: number } = {},
  ): Promise<JobResult[]> {
    const { concurrency = 10, ...jobOptions } = options;
    const jobs = items.map(jobOf);
    if (jobs.length > JOBS_PER_RUN) {
      return this.group(name, async (run) => {
        const results: JobResult[] = [];
        for (let first = 0; first < jobs.length; first += JOBS_PER_RUN) {
          const batch: JobsInput = {
            name,
            first,
            jobs: jobs.slice(first, first + JOBS_PER_RUN),
            concurrency,
            options: jobOptions,
          };
          results.push(
            ...(await run.child<JobResult[]>(
              `${name} ${first + 1}-${first + batch.jobs.length}`,
              jobsPipeline,
              batch,
            )),
          );
        }
        return results;
      });
    }
    return this.group(name, (run) => run.eachJob(name, jobs, 0, concurrency, jobOptions));
  }

  /** @internal */
  async eachJob(
    name: string,
    jobs: Job[],
    first: number,
    concurrency: number,
    options: JobOptions,
  ): Promise<JobResult[]> {
    const results: JobResult[] = [];
    let next = 0;
    const scope = new CancellationScope();
    const failures: unknown[] = [];
    const work = async () => {
      while (next < jobs.length && failures.length === 0) {
        const index = next++;
        try {
          results[index] = await this.job(`${name} ${first + index + 1}`, jobs[index]!, options);
        } catch (error) {
          failures.push(error);
          scope.cancel();
        }
      }
    };
    await scope.run(() =>
      Promise.all(Array.from({ length: Math.max(1, Math.min(concurrency, jobs.length)) }, work)),
    );
    if (failures.length > 0) throw failures[0];
    return results;
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

  /** The `arrivals` workflow forgets a subscription whose run is gone, so a signal that fails is no harm. */
  private async unsubscribe(subscription: Subscription): Promise<void> {
    const source = sourceOf(subscription.pattern)!;
    try {
      await getExternalWorkflowHandle(arrivalsWorkflowId(source)).signal(unsubscribeSignal, subscription);
    } catch (error) {
      if (!isReportable(error) || isCancellation(error)) throw error;
    }
  }
}

/** How many jobs of `mapJobs` one run holds: some 15 history events each, far below Temporal's limit of 51,200. */
export const JOBS_PER_RUN = 500;

/** Input of the pipeline that runs one batch of a large `mapJobs`. */
export interface JobsInput {
  name: string;
  first: number;
  jobs: Job[];
  concurrency: number;
  options: JobOptions;
}

/** The pipeline behind `mapJobs`; no person starts it. */
export const jobsPipeline: Pipeline = {
  name: 'jobs',
  about: 'One batch of mapJobs.',
  input: {},
  sources: () => [],
  schedule: null,
};

/**
 * Runs a pipeline's body: checks the input, keeps the status, and ends the run by `onFailure`. `fallback` gives the
 * result of a run that falls back; without it the result is null.
 * @throws ApplicationFailure with the failed step's code and message
 */
export async function runPipeline<Input, Result>(
  pipeline: Pipeline,
  given: unknown,
  options: RunOptions | undefined,
  body: (run: Run, input: Input) => Promise<Result>,
  fallback?: (run: Run, input: Input, failure: Failure) => Promise<Result>,
): Promise<Result | null> {
  const board = new StatusBoard(pipeline.name);
  const info = workflowInfo();
  const scheduled = info.searchAttributes['TemporalScheduledStartTime']?.[0];
  const since = options?.since ?? (scheduled instanceof Date ? scheduled : info.startTime).toISOString();
  const shared: Shared = { board, since, inbox: [], clusters: [] };
  setHandler(arrivedSignal, (arrivals) => {
    for (const arrival of arrivals) remember(shared.inbox, arrival);
  });
  const run = new Run(shared, null);
  let input: Input | undefined;
  let notifies = false;
  const end = async (state: RunState, failure: Failure | null) => {
    await CancellationScope.nonCancellable(() => run.endClusters());
    board.end(state, failure);
    const target = (input as { notify?: string } | undefined)?.notify ?? null;
    // A child's end is told by its parent's.
    if (info.parent === undefined && (target !== null || notifies)) await notifyEnd(board, target);
  };
  try {
    input = pipeline === jobsPipeline ? (given as Input) : parseInput<Input>(pipeline, given);
    const worker = await describeWorker();
    notifies = worker.notifies === true;
    if (worker.searchAttributes) board.useSearchAttributes();
    const result = await body(run, input);
    await end('completed', null);
    return result;
  } catch (error) {
    if (!isReportable(error)) throw error;
    if (isCancellation(error)) {
      await end('cancelled', { code: 'Cancelled', message: 'The run was cancelled.', step: null });
      throw error;
    }
    const failure = toFailure(error, null);
    if (input !== undefined && (input as { onFailure?: OnFailure }).onFailure === 'fallback') {
      try {
        const result = fallback ? await fallback(run, input, failure) : null;
        await end('completed with fallback', failure);
        return result;
      } catch (second) {
        if (!isReportable(second)) throw second;
        failure.message += `; the fallback failed, too: ${toFailure(second, null).message}`;
      }
    }
    await end('failed', failure);
    throw asApplicationFailure(failure, error instanceof SluiceError ? undefined : error);
  }
}

function awaitJob(submission: Submission, reference: JobReference, deadlineMs: number): Promise<JobResult> {
  const remainingMs = Math.max(1, deadlineMs - Date.now());
  return activities.awaitJob.executeWithOptions(
    {
      summary: `await ${submission.step}`,
      startToCloseTimeout: remainingMs,
      scheduleToCloseTimeout: remainingMs,
      heartbeatTimeout: HEARTBEAT_TIMEOUT,
      retry: JOB_RETRY,
      // What runs inside the worker ends with its await; any other job can be stopped while the await hears of it.
      cancellationType: runsInWorker(submission.job.resource)
        ? ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
        : ActivityCancellationType.TRY_CANCEL,
    },
    [submission, reference],
  );
}

/** Tells how the run ended. A receiver that cannot be reached changes nothing about the run. */
async function notifyEnd({ status }: StatusBoard, target: string | null): Promise<void> {
  const { workflowId, runId, startTime } = workflowInfo();
  const { pipeline, state, failure, measures } = status;
  const notification: Notification = {
    pipeline,
    run: { id: workflowId, runId },
    state,
    failure,
    startedAt: startTime.toISOString(),
    endedAt: new Date().toISOString(),
    measures,
  };
  try {
    await CancellationScope.nonCancellable(() =>
      activities.notify.executeWithOptions(
        {
          summary: `tell that the run is ${state}`,
          startToCloseTimeout: '30 s',
          scheduleToCloseTimeout: '5 minutes',
          retry: { initialInterval: '1 s', maximumInterval: '1 minute' },
        },
        [notification, target],
      ),
    );
  } catch (error) {
    if (!isReportable(error)) throw error;
    log.warn('nobody could be told how the run ended', { error: toFailure(error, null).message });
  }
}

/** Milliseconds until the job is submitted anew, or null when it is not. */
function pauseBeforeRetry(error: unknown, number: number, options: JobOptions): number | null {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  if (!(cause instanceof ApplicationFailure)) return null;
  const retryable = (cause.details?.[0] as { retryable?: boolean } | undefined)?.retryable === true;
  const attempts = options.retry?.attempts ?? (retryable ? RETRYABLE_ATTEMPTS : 1);
  if (number >= attempts || (cause.type !== 'JobFailed' && !retryable)) return null;
  const firstMs = parseDuration(options.retry?.interval ?? '') ?? RETRY_PAUSE_MS;
  return Math.min(firstMs * 2 ** (number - 1), Math.max(firstMs, MAX_RETRY_PAUSE_MS));
}

/** Stops a job for good: what cannot be confirmed is reported as leaked, never dropped. */
async function stopJob(submission: Submission, reference: JobReference | null): Promise<StopResult> {
  try {
    return await activities.stopJob.executeWithOptions(
      {
        summary: `stop ${submission.step}`,
        startToCloseTimeout: '10 minutes',
        scheduleToCloseTimeout: '30 minutes',
        heartbeatTimeout: HEARTBEAT_TIMEOUT,
        retry: { initialInterval: '1 s', maximumInterval: '30 s' },
      },
      [submission, reference],
    );
  } catch (error) {
    if (!isReportable(error)) throw error;
    return {
      outcome: 'leaked',
      externalId: reference?.externalId ?? null,
      url: reference?.url ?? null,
      message: toFailure(error, null).message,
    };
  }
}

/** The objects that a rule takes, or null while it is not satisfied. Of one key, the version that came last counts. */
function findComplete(
  arrivals: Arrival[],
  complete: Completeness | undefined,
): [Arrival, ...Arrival[]] | null {
  const byKey = new Map(arrivals.map((arrival) => [arrival.key, arrival]));
  const isKey = (key: string) => byKey.has(key);
  let taken = [...byKey.values()].sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
  if (complete && 'keys' in complete) {
    if (!complete.keys.every(isKey)) return null;
    taken = taken.filter(({ key }) => complete.keys.includes(key));
  } else if (complete && 'marker' in complete) {
    if (!isKey(complete.marker)) return null;
    taken = taken.filter(({ key }) => key !== complete.marker);
  } else {
    const count = complete?.count ?? 1;
    if (taken.length < count) return null;
    taken = taken.slice(0, count);
  }
  const [first, ...rest] = taken;
  return first === undefined ? null : [first, ...rest];
}

function describeMissing(
  pattern: string,
  within: string,
  since: string,
  seen: Arrival[],
  complete?: Completeness,
): string {
  const has = new Set(seen.map(({ key }) => key));
  const missing =
    complete && 'keys' in complete
      ? `of the keys, missing: ${complete.keys.filter((key) => !has.has(key)).join(', ')}`
      : complete && 'marker' in complete
        ? has.has(complete.marker)
          ? `the marker ${complete.marker} came, and no object with it`
          : `the marker ${complete.marker} is missing`
        : complete
          ? `${has.size} of ${complete.count} objects came`
          : 'no object came';
  const id = workflowInfo().workflowId;
  return (
    `Waited ${within} for ${pattern} (arrivals since ${since}): ${missing}. ` +
    `Upload what is missing and start again; an older object is taken with --since, or with: sluice signal ${id} arrival s3://…`
  );
}
