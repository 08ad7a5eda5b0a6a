import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  isCancellation,
  sleep,
  TimeoutFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { JobEnd, LostAnswer, Submission } from '../../contracts/activities';
import type { EarlierStep, LeftJob, Place } from '../../contracts/earlier';
import type { Job, JobReference, JobResult } from '../../jobs';
import type { JobOptions } from '../../pipelines';
import { DURATION_NEEDS, parseBoundedDuration } from '../../pipelines/duration';
import type { Failure, StepStatus } from '../../contracts/messages';
import { budgetsOf } from '../../errors';
import { checkHistory, checkSize } from './byteLength';
import { asApplicationFailure, isReportable, isTimeUp, lastFailureOf, toFailure } from './failures';
import type { StepPlace } from './earlierRun';
import { awaitJob, describeStop, stopJob, submitJob } from './jobActivities';
import type { Line } from './line';
import { countResubmission } from './metrics';
import type { Shared } from './shared';

const DEFAULT_JOB_TIMEOUT = '1 day';
/** How often a job is submitted whose failures the service calls retryable. */
const RETRYABLE_ATTEMPTS = 3;
const DEFAULT_RETRY_PAUSE = '10 s';
const MAX_RETRY_PAUSE_MS = 5 * 60_000;

type JobBudgets = Pick<Submission, 'retryForMs' | 'credentialsForMs' | 'archivedForMs'>;

/** `failedAs` is put before the message of a failure. `accept` looks at what a job says, and throws what its step fails with. */
export type JobStepOptions = JobOptions & { failedAs?: string; accept?: (result: JobResult) => void };

/**
 * The step of a job. It is
 * - `running`, and `waiting for capacity` while a pool has no slot or the service no room for the job;
 * - submitted anew, under a new key, after a failure that `options.retry` or the service calls worth it;
 * - `succeeded` at once, or `running` with the job of before, in a retry of a run that had come so far;
 * - `parked`, when its retries are used up and it was told to, until somebody lets it go on where it was;
 * - `succeeded`, `failed`, `stopped`, or `leaked` when nobody could confirm that the job has ended.
 */
export class JobStep {
  private readonly timeout: string;
  /** Gives back the slots that the job has of the project's pools. */
  private slots: (() => void) | null = null;
  private isInLine = false;
  private readonly step: StepStatus;
  private readonly line: Line;
  private readonly place: Place;

  constructor(
    private readonly shared: Shared,
    { step, line, place }: { step: StepStatus; line: Line; place: Place },
    private readonly job: Job,
    private readonly options: JobStepOptions,
  ) {
    this.step = step;
    this.line = line;
    this.place = place;
    this.timeout = options.timeout ?? DEFAULT_JOB_TIMEOUT;
  }

  async run(): Promise<JobResult> {
    const { shared, step, job, options } = this;
    const { board } = shared;
    // What accepts its result is a check: it holds for what is there now, and changes nothing.
    const isCheck = options.accept !== undefined;
    const known = isCheck ? null : shared.earlier.findJob(this.at, { job, maxRows: options.maxRows });
    if (known !== null) shared.compensations.noteTaken(Date.parse(known.began));
    if (known?.kind === 'reuse') return this.reuse(known);
    const durations = this.readDurations();
    const left = known === null ? shared.earlier.findLeft(this.at) : null;
    if (left !== null) await this.stopLeft(left);
    let deadlineMs = Date.now() + durations.timeoutMs;
    let number = 1;
    /** Where the submissions began that `options.retry` allows; they begin anew when somebody has let the step go on. */
    let firstNumber = 1;
    let submission = known === null ? this.submission(number, durations.budgets) : this.adopted(known);
    let reference: JobReference | null = known?.reference ?? null;
    if (known !== null) board.update(step, { takenFrom: { id: submission.run, job: 'adopted' } });
    const isHere = shared.worksHere.includes(job.resource);
    for (;;) {
      board.update(step, {
        state: 'running',
        attempts: number,
        ...(reference === null ? { job: { resource: job.resource, externalId: null, url: null } } : {}),
      });
      try {
        checkSize(submission, `The job of ${step.name}`, step.name);
        if (reference === null && !shared.isFailing) checkHistory(step.name);
        if (reference === null && shared.slots.areNeeded(job.resource, options))
          await this.takeSlots(Math.min(deadlineMs, Date.now() + durations.capacityTimeoutMs));
        if (isHere) reference = referenceHere(submission);
        else {
          reference ??= await submitJob(submission, {
            deadlineMs,
            inLineForMs: durations.capacityTimeoutMs,
            onNoCapacity: () => board.update(step, { state: 'waiting for capacity' }),
          });
          // Of a run that was reset since the submit, the run id is another than in the key of its job.
          submission.key = reference.key;
          board.update(step, { state: 'running', job: jobShown(reference) });
        }
        const result = await awaitJob(submission, isHere ? null : reference, deadlineMs);
        board.addMeasures(result);
        options.accept?.(result);
        board.update(step, {
          state: 'succeeded',
          ...(isHere ? { job: jobShown(result) } : {}),
          ...badRows(result),
        });
        shared.clusters.note({ submission, reference }, options);
        if (!isCheck) shared.earlier.noteJob(this.at, { job, doneMs: Date.now(), takenFrom: known });
        this.returnSlots();
        return result;
      } catch (thrown) {
        const error = asCancellation(thrown);
        if (!isReportable(error)) throw error;
        if (this.isInLine) throw this.endUnsubmitted(error);
        const submissions = number - firstNumber + 1;
        const pauseMs = pauseBeforeRetry(error, submissions, {
          attempts: options.retry?.attempts,
          firstMs: durations.pauseMs,
        });
        if (pauseMs !== null && Date.now() + pauseMs < deadlineMs) {
          this.returnSlots();
          board.update(step, { failure: toFailure(error, step.name) });
          await sleep(pauseMs, { summary: `${step.name}: pause before submitting anew` });
          board.update(step, { failure: null });
          countResubmission(board.status.pipeline, job.resource);
          submission = this.submission(++number, durations.budgets);
          reference = null;
          continue;
        }
        const exhausted = this.parks ? whatIsExhausted(error, { reference, submissions }) : null;
        if (exhausted === null) return await this.fail(submission, reference, error);
        // Nothing of it runs on.
        if (isHere) reference = null;
        // What may still run keeps its slots.
        if (reference === null || exhausted === 'submissions') this.returnSlots();
        let parkedMs: number;
        try {
          parkedMs = await shared.parked.park(step, {
            ...toFailure(error, step.name),
            ...lastFailureOf(error),
          });
        } catch (cancellation) {
          if (!isReportable(cancellation)) throw cancellation;
          return await this.fail(submission, reference, cancellation);
        }
        deadlineMs = reference === null ? Date.now() + durations.timeoutMs : deadlineMs + parkedMs;
        if (exhausted === 'submissions') {
          firstNumber = ++number;
          submission = this.submission(number, durations.budgets);
          reference = null;
        } else if (toFailure(error, null).code === 'NoCapacity') submission.since = new Date().toISOString();
        else submission.mayRun = true;
      }
    }
  }

  private reuse(known: Extract<EarlierStep, { kind: 'reuse' }>): JobResult {
    const { result, run, ended } = known;
    const { shared, step, job } = this;
    shared.board.update(step, {
      state: 'succeeded',
      job: jobShown(result),
      takenFrom: { id: run, job: 'reused' },
      ...badRows(result),
    });
    shared.earlier.noteJob(this.at, { job, doneMs: Date.parse(ended), takenFrom: known });
    return result;
  }

  /**
   * Stops what the earlier run has left of the step, so that its job does not run twice at once.
   * @throws ApplicationFailure JobLeaked when nobody could confirm that it has ended
   */
  private async stopLeft({ submission, reference }: LeftJob): Promise<void> {
    const { shared, step, job } = this;
    const { externalId = null, url = null } = reference ?? {};
    const shown = { resource: job.resource, externalId, url };
    shared.board.update(step, { state: 'running', job: shown });
    const stopped = await CancellationScope.nonCancellable(() =>
      stopJob({ ...submission, step: step.name }, reference, reference === null ? 'unknown' : 'submitted'),
    );
    if (stopped.outcome !== 'leaked') return;
    const message = `The job of ${submission.run} was to be stopped before this one is submitted; ${describeStop(stopped)}`;
    const failure: Failure = { code: 'JobLeaked', message, step: step.name };
    shared.board.update(step, { state: 'leaked', failure });
    throw asApplicationFailure(failure);
  }

  private get at(): StepPlace {
    const { step, line, place } = this;
    return { step: step.name, line, place };
  }

  /** The submission of an earlier run under the name that the step has in this one; one that is to be made again stays the same. */
  private adopted({ submission, reference }: Extract<EarlierStep, { kind: 'adopt' }>): Submission {
    const { step, place } = this;
    return reference === null ? submission : { ...submission, step: step.name, place };
  }

  private get parks(): boolean {
    const { options, shared } = this;
    return options.onExhausted === undefined ? shared.parked.byDefault : options.onExhausted === 'park';
  }

  /** @throws ApplicationFailure InvalidInput for a duration that is none */
  private readDurations(): {
    timeoutMs: number;
    capacityTimeoutMs: number;
    pauseMs: number;
    budgets: JobBudgets;
  } {
    const { step, options } = this;
    const read = (option: string, text: string): number => {
      const durationMs = parseBoundedDuration(text);
      if (durationMs !== null) return durationMs;
      const message = `${step.name}: ${option} is ${JSON.stringify(text)}; give ${DURATION_NEEDS}`;
      const failure: Failure = { code: 'InvalidInput', message, step: step.name };
      this.shared.board.update(step, { state: 'failed', failure });
      throw asApplicationFailure(failure);
    };
    return {
      timeoutMs: read('timeout', this.timeout),
      capacityTimeoutMs: read('capacityTimeout', options.capacityTimeout ?? this.timeout),
      pauseMs: read('retry.interval', options.retry?.interval ?? DEFAULT_RETRY_PAUSE),
      budgets: {
        ...(options.retryFor === undefined ? {} : { retryForMs: read('retryFor', options.retryFor) }),
        ...(options.credentialsFor === undefined
          ? {}
          : { credentialsForMs: read('credentialsFor', options.credentialsFor) }),
        ...(options.archivedFor === undefined
          ? {}
          : { archivedForMs: read('archivedFor', options.archivedFor) }),
      },
    };
  }

  /** Takes the slots that the job needs of the project's pools, unless it has them. */
  private async takeSlots(endsAtMs: number): Promise<void> {
    const { shared, step, job, options } = this;
    if (this.slots !== null) return;
    this.isInLine = true;
    this.slots = await shared.slots.take({
      step: step.name,
      resource: job.resource,
      options,
      inLineForMs: endsAtMs - Date.now(),
      endsAtMs,
      onLine: (pool) => shared.board.update(step, { state: 'waiting for capacity', pool }),
    });
    this.isInLine = false;
    if (step.pool) shared.board.update(step, { state: 'running' });
  }

  private returnSlots(): void {
    this.slots?.();
    this.slots = null;
  }

  /** Ends the step of a job that has had no slot, and returns what to throw. */
  private endUnsubmitted(error: unknown): unknown {
    const { shared, step } = this;
    const failure: Failure = isCancellation(error)
      ? { code: 'Cancelled', message: 'Cancelled; the job had not been submitted.', step: step.name }
      : toFailure(error, step.name);
    shared.board.update(step, { state: isCancellation(error) ? 'stopped' : 'failed', failure });
    return error;
  }

  private submission(number: number, budgets: JobBudgets): Submission {
    const { step, job, options, line, place, shared } = this;
    const { workflowId, runId } = workflowInfo();
    const stays = options.keep === true || options.onCancel === 'leave';
    return {
      job,
      key: [workflowId, runId, step.name, number].join('/'),
      run: workflowId,
      step: step.name,
      place,
      since: new Date().toISOString(),
      ...budgets,
      ...(options.maxRows === undefined ? {} : { maxRows: options.maxRows }),
      ...(line.within.length === 0 ? {} : { within: [...line.within] }),
      ...(stays ? { keep: true } : {}),
      ...(options.accept === undefined ? {} : { check: true }),
      ...shared.earlier.drainNotes(),
    };
  }

  /** Ends the step of a job that did not succeed; only then do others get its slots. */
  private async fail(submission: Submission, reference: JobReference | null, error: unknown): Promise<never> {
    const failure = await this.end(submission, reference, error);
    this.returnSlots();
    throw failure;
  }

  /** Brings the step of a job that did not succeed to its end, and returns what to throw. */
  private async end(
    submission: Submission,
    reference: JobReference | null,
    error: unknown,
  ): Promise<unknown> {
    const { step, job, options } = this;
    const { board } = this.shared;
    // An await whose last attempt failed has run out of time all the same.
    const timedOut =
      error instanceof ActivityFailure &&
      (reference === null ? error.cause instanceof TimeoutFailure : isTimeUp(error));
    const failed = toFailure(error, step.name);
    if (options.failedAs) failed.message = `${options.failedAs}: ${failed.message}`;
    const ended = readDetail(error)?.ended === true;
    const isLost = readDetail(error)?.mayRun === true;
    const mayRun = (reference !== null && !reference.runsInWorker && !ended) || isLost;
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
    const [code, what] = timedOut
      ? (['JobTimeout', `${step.name} did not end within ${this.timeout}`] as const)
      : isCancellation(error)
        ? (['Cancelled', 'Cancelled'] as const)
        : ([failed.code, failed.message] as const);
    board.update(step, {
      state: 'running',
      failure: { code, message: `${what}; the job is being stopped`, step: step.name },
    });
    const stopped = await CancellationScope.nonCancellable(() =>
      stopJob(submission, reference, isLost ? 'unknown' : 'submitted'),
    );
    const leaked = stopped.outcome === 'leaked';
    const last = timedOut ? lastFailureOf(error) : null;
    const failure: Failure = {
      code: leaked ? 'JobLeaked' : code,
      message: `${what}; ${describeStop(stopped)}.${last ? ` The last failure before: ${last.code}: ${last.message}` : ''}`,
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
}

/**
 * An activity that was asked to cancel is not attempted again when its answer or its worker is lost. That is the
 * cancellation and not a failure of the job, which may have been submitted and has to be stopped.
 */
function asCancellation(error: unknown): unknown {
  if (!(error instanceof ActivityFailure) || error.retryState !== 'CANCEL_REQUESTED') return error;
  const isFinal = error.cause instanceof ApplicationFailure && error.cause.nonRetryable === true;
  if (isFinal) return error;
  return new CancelledFailure('The job was cancelled', [], error);
}

/**
 * What is used up when a job did not succeed: its submissions, or the retries of the call that has failed last. Null for what
 * goes wrong however often it is tried, and for a job that was under way for too long.
 */
function whatIsExhausted(
  error: unknown,
  { reference, submissions }: { reference: JobReference | null; submissions: number },
): 'submissions' | 'retries' | null {
  if (!(error instanceof ActivityFailure) || isCancellation(error)) return null;
  const { ended = false, retryable = false } = readDetail(error) ?? {};
  const { code } = lastFailureOf(error) ?? toFailure(error, null);
  if (ended) return submissions > 1 && (code === 'JobFailed' || retryable) ? 'submissions' : null;
  if (isTimeUp(error) && reference !== null) return null;
  // A service that is asked how a job stands is asked for a while, whatever it answers.
  const isAwaited = reference !== null && !reference.runsInWorker && code !== 'NoEngine';
  return isAwaited || budgetsOf(code) !== null ? 'retries' : null;
}

/** Milliseconds until the job is submitted anew, or null when it is not. */
function pauseBeforeRetry(
  error: unknown,
  number: number,
  { attempts, firstMs }: { attempts: number | undefined; firstMs: number },
): number | null {
  const retryable = readDetail(error)?.retryable === true;
  const most = attempts ?? (retryable ? RETRYABLE_ATTEMPTS : 1);
  if (number >= most || (toFailure(error, null).code !== 'JobFailed' && !retryable)) return null;
  return Math.min(firstMs * 2 ** (number - 1), Math.max(firstMs, MAX_RETRY_PAUSE_MS));
}

function readDetail(error: unknown): Partial<JobEnd & LostAnswer> | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure
    ? (cause.details?.[0] as Partial<JobEnd & LostAnswer> | undefined)
    : undefined;
}

/** A job that runs inside the worker: it needs no submit, and has no id of a service. */
function referenceHere({ job: { resource }, key, since }: Submission): JobReference {
  return { resource, externalId: key, key, url: null, submittedAt: since!, runsInWorker: true };
}

function jobShown({ resource, externalId, url }: JobReference | JobResult): NonNullable<StepStatus['job']> {
  return { resource, externalId, url };
}

/** What became of a job's rows, when some were bad. */
function badRows({ measures }: JobResult): Pick<StepStatus, 'rows'> {
  const { rowsRead = 0, rowsRejected = 0, valuesUnread = 0, rowsWritten = 0 } = measures;
  if (rowsRejected + valuesUnread === 0) return {};
  return { rows: { read: rowsRead, rejected: rowsRejected, unread: valuesUnread, written: rowsWritten } };
}
