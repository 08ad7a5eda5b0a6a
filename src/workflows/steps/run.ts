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
  CancelledFailure,
  patched,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities, ListedPage, Manifest, Notification, Submission } from '../../activities/types';
import { SluiceError } from '../../errors';
import { runsInWorker, type Job, type JobReference, type JobResult, type StopResult } from '../../jobs';
import { parseInput, type Arrival, type JobOptions, type OnFailure, type Pipeline } from '../../pipelines';
import { parseDuration } from '../../pipelines/duration';
import { isNewer, isSameVersion, isSince } from '../../pipelines/arrival';
import { arrivalsWorkflowId, matchesPattern, sourceOf, type Source } from '../../pipelines/location';
import { ArrivalMemory } from '../memory';
import {
  arrivedSignal,
  unsubscribeSignal,
  type Failure,
  type RunState,
  type StepStatus,
  type Subscription,
} from '../messages';
import {
  describeMissing,
  findComplete,
  isAwaited,
  signKeyOf,
  sorted,
  type Completeness,
  type TakenObjects,
} from './completeness';
import { asApplicationFailure, isReportable, toFailure } from './failures';
import { StatusBoard } from './status';

const DEFAULT_JOB_TIMEOUT = '1 day';
/** Heartbeats come about every third of it; a worker killed during an await is noticed this late. */
const HEARTBEAT_TIMEOUT = '15 s';
/** How long one attempt to submit may take, when the service has room. */
const SUBMIT_TIMEOUT_MS = 2 * 60_000;
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

export interface WaitOptions {
  /** How long to wait, a duration; default 7 days. */
  within?: string;
  /** ISO 8601: arrivals from this time on; default the run's scheduled or start time, or what `--since` says. */
  since?: string;
  complete?: Completeness;
  late?: Late;
}

/**
 * What an object leads to that comes when the wait is over, or replaces one that the wait has taken: nothing (the
 * default), a failed run, or another run of the pipeline with the same input, one an object version. It is in the status
 * in any case, if the run hears of it: for certain only when it is not ignored, since then the run stays subscribed until
 * it ends. Of a wait with a marker or manifest, another run is started by a new marker or manifest alone.
 */
export type Late = 'ignore' | 'fail' | 'start new run';

export interface RunOptions {
  /** ISO 8601; see `WaitOptions.since`. */
  since?: string;
  /** The objects that started the run: waits take them as if they had just arrived. */
  arrivals?: Arrival[];
}

export type ParallelOptions = {
  /** What happens to the other branches when one fails: cancelled (the default), or left to finish. */
  onFailure?: 'cancel' | 'finish';
};

/** State that all branches of one run share. */
interface Shared {
  board: StatusBoard;
  since: string;
  inbox: ArrivalMemory;
  /** What started the run. */
  startedBy: readonly Arrival[];
  /** The input as it was given, for runs that late arrivals start. */
  given: unknown;
  /** The waits that are over. */
  ended: Wait[];
  /** Kept until the run ends. */
  subscriptions: Subscription[];
  /** Runs that are being started for late arrivals. */
  starting: Promise<void>[];
  /** Ends the run, whatever it does. */
  fail: (failure: Failure) => void;
  clusters: { submission: Submission; reference: JobReference }[];
}

interface Wait {
  pattern: string;
  source: Source;
  complete: Completeness | undefined;
  since: string;
  deadlineMs: number;
  late: Late;
  step: StepStatus;
  /** What the manifest lists, once it was read. */
  listed: { bucket: string; key: string }[] | null;
  /** The marker or manifest that ended the wait. */
  sign: Arrival | null;
  /** By key. */
  taken: Map<string, Arrival>;
}

/** How many objects the status shows of a step: the answer to a query holds at most 4 MiB. */
const SHOWN_OBJECTS = 1_000;

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

  /** The objects whose arrival started the run; empty for a run that a person or a schedule started. */
  get startedBy(): readonly Arrival[] {
    return this.shared.startedBy;
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
    const { board } = this.shared;
    const { within = '7 days', since = this.shared.since, complete, late = 'ignore' } = options;
    const step = board.addStep({ name, kind: 'wait', parent: this.parent });
    const source = sourceOf(pattern);
    const withinMs = parseDuration(within);
    const quietMs = complete && 'quiet' in complete ? parseDuration(complete.quiet) : 0;
    if (source === null || withinMs === null || quietMs === null) {
      const failure: Failure = {
        code: 'InvalidInput',
        message: `${name}: cannot wait for ${pattern} within ${within}; give an S3 URI such as s3://lake/sales/*.csv and a duration such as "7 days"`,
        step: name,
      };
      board.update(step, { state: 'failed', failure });
      throw asApplicationFailure(failure);
    }
    board.update(step, { state: 'waiting', waitingFor: pattern, attempts: 1 });
    const deadlineMs = Date.now() + withinMs;
    const wait: Wait = {
      ...{ pattern, source, complete, since, deadlineMs, late, step },
      ...{ listed: null, sign: null, taken: new Map<string, Arrival>() },
    };
    const subscriptions = subscriptionsOf(wait);
    let subscribed = false;
    const unsubscribe = async () => {
      for (const subscription of subscriptions) await this.unsubscribe(subscription);
      subscribed = false;
    };
    try {
      const isAtOnce = signKeyOf(complete) === null && quietMs === 0;
      if (late !== 'ignore' || !isAtOnce || findComplete(this.fitting(wait), complete) === null) {
        for (const subscription of subscriptions) {
          await subscribe.executeWithOptions(
            { startToCloseTimeout: '30 s', scheduleToCloseTimeout: withinMs, summary: name },
            [sourceOf(subscription.pattern)!, subscription],
          );
          subscribed = true;
        }
      }
      const taken = await this.untilComplete(wait, quietMs);
      if (subscribed && (late === 'ignore' || taken === null)) await unsubscribe();
      if (taken === null) {
        const missing = describeMissing(this.fitting(wait), complete, wait.listed);
        throw new SluiceError('ArrivalTimeout', describeTimeout(wait, within, missing));
      }
      if (subscribed) this.shared.subscriptions.push(...subscriptions);
      this.endWait(wait, taken);
      return taken;
    } catch (error) {
      if (!isReportable(error)) throw error;
      if (isCancellation(error)) {
        await CancellationScope.nonCancellable(unsubscribe);
        board.update(step, { state: 'stopped' });
        throw error;
      }
      if (subscribed) await unsubscribe();
      const failure = toFailure(error, name);
      board.update(step, { state: 'failed', failure });
      throw asApplicationFailure(failure, error instanceof SluiceError ? undefined : error);
    }
  }

  /** What has arrived for a wait, its marker or manifest included. */
  private fitting({ pattern, source, complete, since }: Wait): Arrival[] {
    const sign = signKeyOf(complete);
    return this.shared.inbox
      .all()
      .filter(
        (arrival) =>
          (matchesPattern(pattern, arrival) || (arrival.key === sign && arrival.bucket === source.bucket)) &&
          isSince(arrival, since),
      );
  }

  /** The objects of a wait that is complete, or null when its time is up. */
  private async untilComplete(wait: Wait, quietMs: number): Promise<TakenObjects | null> {
    const { complete } = wait;
    if (complete && 'manifest' in complete) return this.untilListed(wait, complete.manifest);
    if (complete && 'quiet' in complete) return this.untilQuiet(wait, quietMs);
    const isComplete = await untilDeadline(wait, () => findComplete(this.fitting(wait), complete) !== null);
    // Events come in any order, so the marker's may overtake those of the objects before it.
    if (isComplete && complete && 'marker' in complete && patched('a listing before a marker counts'))
      await this.listInto(wait, wait.since);
    return findComplete(this.fitting(wait), complete);
  }

  /** Takes what the source of a wait holds, until `isEnough`. */
  private async listInto({ source }: Wait, since: string, isEnough = () => false): Promise<void> {
    let after: string | null = null;
    do {
      const page: ListedPage = await activities.listSource(source, since, after);
      receive(this.shared, page.arrivals);
      after = page.after;
    } while (after !== null && !isEnough());
  }

  /**
   * Quiet is counted from the time of the newest object, and before it is believed the source is listed: an event that was
   * lost must not look like quiet.
   */
  private async untilQuiet(wait: Wait, quietMs: number): Promise<TakenObjects | null> {
    for (;;) {
      const find = () => findComplete(this.fitting(wait), wait.complete);
      if (!(await untilDeadline(wait, () => find() !== null))) return null;
      const seen = find()!;
      const isOther = () => {
        const now = find()!;
        return now.length !== seen.length || now.some((arrival, i) => !isSameVersion(arrival, seen[i]!));
      };
      const newestMs = Math.min(Date.parse(seen.at(-1)!.time), Date.now());
      const pauseMs = newestMs + quietMs - Date.now();
      if (Date.now() + pauseMs > wait.deadlineMs) {
        if (await untilDeadline(wait, isOther)) continue;
        return null;
      }
      if (pauseMs > 0 && (await condition(isOther, pauseMs, { summary: `${wait.step.name}: quiet` })))
        continue;
      await this.listInto(wait, new Date(newestMs).toISOString(), isOther);
      if (!isOther()) return seen;
    }
  }

  /** A manifest that is replaced while its objects are awaited is read anew. */
  private async untilListed(wait: Wait, manifestKey: string): Promise<TakenObjects | null> {
    const { pattern, source, step } = wait;
    const find = () => this.fitting(wait).find(({ key }) => key === manifestKey);
    for (;;) {
      wait.listed = null;
      if (!(await untilDeadline(wait, () => find() !== undefined))) return null;
      const manifest = { ...find()! };
      const isReplaced = () => !isSameVersion(find()!, manifest);
      let read: Manifest;
      try {
        read = await activities.readManifest.executeWithOptions(
          { startToCloseTimeout: '10 minutes', summary: `${step.name}: read the manifest` },
          [manifest],
        );
      } catch (error) {
        if (!isReportable(error) || toFailure(error, null).code !== 'ObjectGone') throw error;
        // An older version than S3 has now: the arrival of the newer one is on its way.
        if (!(await untilDeadline(wait, isReplaced))) return null;
        continue;
      }
      const outside = read.objects.find((object) => !matchesPattern(pattern, object));
      if (outside !== undefined) {
        throw new SluiceError(
          'BadData',
          `The manifest s3://${source.bucket}/${manifestKey} lists s3://${outside.bucket}/${outside.key}, which does not fit ${pattern}; correct the manifest or the pattern`,
        );
      }
      wait.listed = read.objects;
      const present = new Map(read.present.map((arrival) => [arrival.key, arrival]));
      const newest = ({ bucket, key }: { bucket: string; key: string }) => {
        const [told, found] = [this.shared.inbox.get(bucket, key), present.get(key)];
        return told && found ? (isNewer(told, found) ? told : found) : (told ?? found);
      };
      const isComplete = () => read.objects.every((object) => newest(object) !== undefined);
      const ended = await untilDeadline(wait, () => isReplaced() || isComplete());
      if (isReplaced()) continue;
      return ended ? sorted(read.objects.map((object) => newest(object)!)) : null;
    }
  }

  private endWait(wait: Wait, taken: TakenObjects): void {
    const { board, inbox, ended } = this.shared;
    const sign = signKeyOf(wait.complete);
    wait.sign = sign === null ? null : (inbox.get(wait.source.bucket, sign) ?? null);
    for (const arrival of taken) wait.taken.set(arrival.key, arrival);
    board.update(wait.step, { state: 'succeeded', objects: taken.slice(0, SHOWN_OBJECTS).map(shown) });
    ended.push(wait);
    // Of more objects than the rule takes, the rest is as late as what comes a moment after it.
    if (wait.late !== 'ignore') noteLate(this.shared, wait, this.fitting(wait));
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
      } catch (thrown) {
        const error = asCancellation(thrown);
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
        { ...activityOptions, startToCloseTimeout: SUBMIT_TIMEOUT_MS, scheduleToCloseTimeout: remainingMs() },
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
        startToCloseTimeout: inLineMs + SUBMIT_TIMEOUT_MS,
        scheduleToCloseTimeout: inLineMs + SUBMIT_TIMEOUT_MS,
      },
      [{ ...submission, inLineForMs: inLineMs }],
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
    const failure: Failure = timedOut
      ? {
          code: leaked ? 'JobLeaked' : 'JobTimeout',
          message: `${step.name} did not end within ${timeout}; ${ending}.`,
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

  /** What the run leaves behind when it ends, in whatever way. */
  async close(): Promise<void> {
    const { starting, subscriptions } = this.shared;
    await Promise.all(starting);
    for (const subscription of subscriptions.splice(0)) await this.unsubscribe(subscription);
    await this.endClusters();
  }

  /** Ends the clusters that the run has created and left. */
  private async endClusters(): Promise<void> {
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
    const { since, startedBy } = this;
    const options: RunOptions = startedBy.length > 0 ? { since, arrivals: [...startedBy] } : { since };
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
  const scope = new CancellationScope();
  let lateFailure: Failure | undefined;
  const fail = (failure: Failure) => {
    lateFailure ??= failure;
    scope.cancel();
  };
  const startedBy = options?.arrivals ?? [];
  const shared: Shared = {
    ...{ board, since, inbox: new ArrivalMemory(startedBy), startedBy, given, fail },
    ...{ ended: [], subscriptions: [], starting: [], clusters: [] },
  };
  setHandler(arrivedSignal, (arrivals) => receive(shared, arrivals));
  const run = new Run(shared, null);
  let input: Input | undefined;
  let notifies = false;
  const end = async (state: RunState, failure: Failure | null) => {
    await CancellationScope.nonCancellable(() => run.close());
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
    const checked = input;
    const result = await scope.run(() => body(run, checked));
    if (lateFailure) throw asApplicationFailure(lateFailure);
    await end('completed', null);
    return result;
  } catch (caught) {
    if (!isReportable(caught)) throw caught;
    const error = lateFailure && isCancellation(caught) ? asApplicationFailure(lateFailure) : caught;
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

/**
 * An activity that was asked to cancel is not attempted again when its answer or its worker is lost. That is the
 * cancellation and not a failure of the job, which may have been submitted and has to be stopped.
 */
function asCancellation(error: unknown): unknown {
  if (!(error instanceof ActivityFailure) || error.retryState !== 'CANCEL_REQUESTED') return error;
  const isFinal = error.cause instanceof ApplicationFailure && error.cause.nonRetryable === true;
  if (isFinal || !patched('a lost attempt of a cancelled job')) return error;
  return new CancelledFailure('The job was cancelled', [], error);
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

/** Whether it comes true before the time of the wait is up. */
function untilDeadline({ deadlineMs, step }: Wait, isTrue: () => boolean): Promise<boolean> {
  return condition(isTrue, Math.max(1, deadlineMs - Date.now()), { summary: step.name });
}

/** One for the pattern, and one for a marker or manifest that does not fit it. */
function subscriptionsOf({ pattern, source, complete, since, deadlineMs, late }: Wait): Subscription[] {
  const { workflowId, runId } = workflowInfo();
  const until = late === 'ignore' ? { until: new Date(deadlineMs + UNTIL_MARGIN_MS).toISOString() } : {};
  const subscription: Subscription = { workflowId, runId, pattern, since, ...until };
  const sign = signKeyOf(complete);
  if (sign === null || matchesPattern(pattern, { bucket: source.bucket, key: sign })) return [subscription];
  if (!patched('a marker of any folder')) return [subscription];
  return [subscription, { ...subscription, pattern: `s3://${source.bucket}/${sign}` }];
}

/** How long after its time is up a wait may still be under way, while no worker is there. */
const UNTIL_MARGIN_MS = 30 * 86_400_000;

function receive(shared: Shared, arrivals: Arrival[]): void {
  const news = arrivals.filter((arrival) => shared.inbox.remember(arrival) === 'new');
  for (const wait of shared.ended) noteLate(shared, wait, news);
}

function noteLate(shared: Shared, wait: Wait, arrivals: Arrival[]): void {
  const late = arrivals.filter((arrival) => isLate(wait, arrival));
  if (late.length === 0) return;
  const { step } = wait;
  const objects = [...(step.objects ?? []), ...late.map((arrival) => ({ ...shown(arrival), late: true }))];
  shared.board.update(step, { objects: objects.slice(0, 2 * SHOWN_OBJECTS) });
  if (wait.late === 'fail') {
    const [{ bucket, key }] = late as [Arrival];
    const what = wait.taken.has(key) ? 'was replaced after' : 'came when';
    const message = `${step.name}: s3://${bucket}/${key} ${what} the run had taken its objects; start a new run for what is there now`;
    const failure: Failure = { code: 'LateArrival', message, step: step.name };
    shared.board.update(step, { state: 'failed', failure });
    shared.fail(failure);
  }
  // A run that an arrival started leaves the next to what started it: two of one second would start each other.
  if (wait.late !== 'start new run' || shared.startedBy.length > 0) return;
  const sign = signKeyOf(wait.complete);
  const starters = sign === null ? late : late.filter(({ key }) => key === sign);
  if (starters.length > 0) shared.starting.push(startLateRuns(shared, wait, starters));
}

/** Whether an arrival is one that the wait would have taken, or replaces what it took. */
function isLate({ pattern, source, complete, since, sign, taken }: Wait, arrival: Arrival): boolean {
  const isSign = arrival.key === signKeyOf(complete) && arrival.bucket === source.bucket;
  const isListed = complete === undefined || !('manifest' in complete) || taken.has(arrival.key);
  if (!isSign && !(isListed && isAwaited(pattern, complete, arrival))) return false;
  const known = isSign ? sign : taken.get(arrival.key);
  if (known && (isSameVersion(known, arrival) || !isNewer(arrival, known))) return false;
  return isSince(arrival, since);
}

async function startLateRuns(shared: Shared, wait: Wait, arrivals: Arrival[]): Promise<void> {
  const { step, sign } = wait;
  const input = (shared.given ?? {}) as Record<string, unknown>;
  // What a marker stands for was written before it, and after the marker before.
  const since = sign === null ? {} : { since: sign.time };
  try {
    for (let first = 0; first < arrivals.length; first += LATE_BATCH) {
      const batch = arrivals.slice(first, first + LATE_BATCH);
      await CancellationScope.nonCancellable(() =>
        activities.startRuns.executeWithOptions(
          { startToCloseTimeout: '5 minutes', summary: `${step.name}: start new runs` },
          [{ pipeline: workflowInfo().workflowType, input, ...since }, batch],
        ),
      );
    }
  } catch (error) {
    if (!isReportable(error)) throw error;
    const failure = toFailure(error, step.name);
    failure.message = `No new run could be started for a late arrival: ${failure.message}`;
    shared.board.update(step, { failure });
  }
}

const LATE_BATCH = 100;

function shown({ bucket, key, versionId, etag, size }: Arrival) {
  return { uri: `s3://${bucket}/${key}`, versionId, etag, size };
}

function describeTimeout({ pattern, since }: Wait, within: string, missing: string): string {
  const id = workflowInfo().workflowId;
  return (
    `Waited ${within} for ${pattern} (arrivals since ${since}): ${missing}. ` +
    `Upload what is missing and start again; an older object is taken with --since, or with: sluice signal ${id} arrival s3://…`
  );
}
