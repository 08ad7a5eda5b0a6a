import { ApplicationFailure, Context } from '@temporalio/activity';
import { listProblems, shortenMessage, SluiceError, type ErrorCode } from '../errors';
import type { JobReference, JobResult } from '../jobs';
import { readRowAccount } from '../lake/rowAccount';
import { formatDuration } from '../pipelines/duration';
import { MAX_HISTORY_BYTES } from '../contracts/historyRoom';
import { describeExcess, MAX_PAYLOAD_BYTES } from '../contracts/payloadSize';
import type { Activities, JobEnd, LineageEvent, LostAnswer, Submission } from '../contracts/activities';
import type { Failure } from '../contracts/messages';
import { AwaitState } from './awaitState';
import { beating, type Beats } from './beating';
import { isBudgetSpent, type Budgets } from '../services/budgets';
import { classifyError, toActivityFailure } from '../services/failures';
import { datasetsOf, uuidOf, type Lineage } from '../services/lineage';
import { countCost, countNoCapacity, countPoll, countRetry } from '../services/metrics';
import { costOf, type Prices } from '../setup/prices';
import { tellOfAttempt, type RetryTelling } from './retries';
import { redactSecrets } from '../setup/redactSecrets';
import type { ParameterCheck } from '../pipelines/input';
import type { Runners } from '../runners';
import type { JobState, Runner } from '../runners/runner';

export interface JobDependencies extends Budgets, RetryTelling {
  runners: Runners;
  pollMinMs: number;
  pollMaxMs: number;
  /** How large the history of the run is whose activity is at work. */
  readHistoryBytes: () => Promise<number>;
  /** What measures cost, if somebody has said. */
  prices?: Prices | null;
  /** Who is told which job read and wrote what. */
  lineage?: Lineage | null;
}

/** How much longer each poll waits than the last. */
const POLL_GROWTH = 1.5;
/** How often a service without room is asked again. */
const LINE_MIN_MS = 2_000;
const LINE_MAX_MS = 60_000;
/** How long a stop waits for the service to say that the job has ended. */
const STOP_WAIT_MS = 5 * 60_000;

/** `submitJob`, `awaitJob` and `stopJob` over the runners: the decisions that are the same for every resource. */
export function createJobActivities(
  deps: JobDependencies,
): Pick<Activities, 'submitJob' | 'awaitJob' | 'stopJob'> {
  const refusing = new Set<string>();
  return {
    submitJob: (submission) =>
      beating(async (signal, beats) => {
        const { attempt, scheduledTimestampMs } = Context.current().info;
        const attempts = new SubmitAttempts(beats);
        try {
          const { registry } = deps.runners;
          const { runsInWorker } = registry.find(submission.job.resource);
          if (runsInWorker) attempts.runInWorker();
          const runner = await deps.runners.get(submission.job.resource);
          checkParameters(registry.findParameterProblems, submission);
          const mark = (reference: JobReference): JobReference =>
            runsInWorker ? { ...reference, runsInWorker } : reference;
          const madeAtMs = submission.mayRun ? Date.parse(submission.since!) : scheduledTimestampMs;
          if ((attempt > 1 || submission.mayRun) && runner.takesToken !== true) {
            const found = await runner.find(submission, new Date(attempts.refusedAtMs ?? madeAtMs));
            if (found !== null) return mark(found);
          }
          return mark(
            await attempts.submit(runner, () =>
              submitInLine({
                runner,
                submission,
                signal,
                attempts,
                firstMs: Math.min(LINE_MIN_MS, 2 * deps.pollMinMs),
              }),
            ),
          );
        } catch (error) {
          const row = { failures: attempt, failingMs: Date.now() - scheduledTimestampMs };
          // A service without room is told at once: the run then waits in line.
          const giveUp = (code: ErrorCode) =>
            code === 'NoCapacity' || isBudgetSpent(code, 'submit', row, budgetsFor(deps, submission));
          const failure = counted(
            submission.job.resource,
            toActivityFailure(error, giveUp, attempts.mayRun ? [{ mayRun: true } satisfies LostAnswer] : []),
          );
          await tellOfAttempt(deps, { step: submission.step, doing: 'submit' }, failure);
          throw failure;
        }
      }),

    awaitJob: (submission, reference) =>
      withLineage(deps.lineage ?? null, submission, async (signal, beats) => {
        const awaited = new AwaitState(beats, submission.step, () => tellRecovered(deps, submission));
        const runner = await deps.runners.get(submission.job.resource).catch((error: unknown) => {
          throw toActivityFailure(error);
        });
        const begin = () => {
          if (reference !== null) return reference;
          checkParameters(deps.runners.registry.findParameterProblems, submission);
          return runner.submit(submission);
        };
        const poll: Poll = { doing: 'await', runner, submission, begin, signal, awaited };
        const state = await pollUntil(deps, poll, () => true).finally(() => awaited.end());
        switch (state?.state) {
          case 'succeeded':
            return ended({ ...deps, refusing }, submission, state, signal);
          case 'stopped':
            throw toJobFailure('JobStopped', state.message);
          case 'lost':
            throw toJobFailure('JobLost', state.message);
          default:
            throw toJobFailure(state?.code ?? 'JobFailed', state!.message, state?.retryable);
        }
      }),

    stopJob: (submission, known) =>
      beating(async (signal, beats) => {
        try {
          const awaited = new AwaitState(beats, submission.step, () => tellRecovered(deps, submission));
          const runner = await deps.runners.get(submission.job.resource);
          const reference = known ?? (await findSubmitted(runner, submission));
          if (reference === null)
            return { outcome: 'not submitted', externalId: null, url: null, message: null };
          const { externalId, url } = reference;
          const looks = runner.worksInPoll !== true;
          const isEnded = async () =>
            looks && hasEnded(await runner.poll(submission, reference, signal, awaited.work));
          if (await isEnded()) return { outcome: 'already ended', externalId, url, message: null };
          try {
            await runner.stop(submission, reference);
          } catch (error) {
            if (error instanceof SluiceError && error.code === 'JobLeaked')
              return { outcome: 'leaked', externalId, url, message: redactSecrets(error.message) };
            // The services refuse to stop a job that has ended since we looked.
            if (await isEnded()) return { outcome: 'already ended', externalId, url, message: null };
            throw error;
          }
          if (!looks) return { outcome: 'stopped', externalId, url, message: null };
          const after = await pollUntil(
            deps,
            { doing: 'stop', runner, submission, begin: () => reference, signal, awaited },
            hasEnded,
            Date.now() + STOP_WAIT_MS,
          );
          return after === null
            ? {
                outcome: 'leaked',
                externalId,
                url,
                message: `not ended ${STOP_WAIT_MS / 60_000} minutes after it was asked to stop`,
              }
            : {
                outcome:
                  after.state === 'succeeded' || after.state === 'failed' ? 'already ended' : 'stopped',
                externalId,
                url,
                message: null,
              };
        } catch (error) {
          const failure = counted(submission.job.resource, toActivityFailure(error));
          await tellOfAttempt(deps, { step: submission.step, doing: 'stop' }, failure);
          throw failure;
        }
      }),
  };
}

/** Counts the failure if it is tried again. */
function counted(resource: string, failure: Error): Error {
  if (failure instanceof ApplicationFailure && !failure.nonRetryable)
    countRetry(resource, failure.type as ErrorCode);
  return failure;
}

/** A job that goes on does not wait for the word of it. */
function tellRecovered({ tellRun }: RetryTelling, { step }: Submission): void {
  void tellRun({ step, retry: null });
}

/** @throws SluiceError InvalidJob with all problems */
function checkParameters(check: ParameterCheck, { job: { resource, parameters } }: Submission): void {
  const problems = check(resource, parameters);
  if (problems.length === 0) return;
  throw new SluiceError('InvalidJob', listProblems(`The parameters of ${resource} are wrong:`, problems));
}

/** A job's own budgets go before those of the worker. */
function budgetsFor(deps: Budgets, { retryForMs, credentialsForMs, archivedForMs }: Submission): Budgets {
  return {
    retryForMs: retryForMs ?? deps.retryForMs,
    credentialsForMs: credentialsForMs ?? deps.credentialsForMs,
    archivedForMs: archivedForMs ?? deps.archivedForMs,
  };
}

/** Nothing of the job runs any more: a cluster that waits for steps has been made well, and goes on. */
function hasEnded(state: JobState): boolean {
  return state.state !== 'running' && !(state.state === 'succeeded' && state.stillRuns === true);
}

/**
 * The job of a submission whose answer nobody has. A client token is not to be looked up: submitting once more tells the
 * id, or starts the job that is stopped at once.
 */
function findSubmitted(runner: Runner, submission: Submission): Promise<JobReference | null> {
  return runner.takesToken
    ? runner.submit(submission)
    : runner.find(submission, new Date(submission.since ?? 0));
}

/** What the attempts of one submit know of each other; kept with their heartbeats. */
class SubmitAttempts {
  /** When the service last had no room: a look-up must not take an older job of somebody else's for this one. */
  refusedAtMs: number | undefined;
  /** Whether the service may have accepted the job and its answer was lost. */
  mayRun: boolean;
  private neverRuns = false;

  constructor(private readonly beats: Beats) {
    const { refusedAtMs, mayRun } = (beats.resumed ?? {}) as { refusedAtMs?: number; mayRun?: boolean };
    this.refusedAtMs = refusedAtMs;
    // Of an attempt whose worker died it is not known how far it came.
    this.mayRun = mayRun ?? Context.current().info.attempt > 1;
  }

  /** To be called when a look-up has found no job, or at the first attempt. */
  async submit(runner: Runner, submit: () => Promise<JobReference>): Promise<JobReference> {
    if (!runner.takesToken) this.mayRun = false;
    try {
      return await submit();
    } catch (error) {
      this.mayRun ||= !this.neverRuns && classifyError(error).code === 'Transient';
      this.keep();
      throw error;
    }
  }

  /** @throws SluiceError Transient when another worker may have taken over */
  checkAlive(): void {
    this.beats.checkAlive();
  }

  /** A job that would run inside the worker does not run before it is awaited. */
  runInWorker(): void {
    this.neverRuns = true;
    this.mayRun = false;
  }

  refused(): void {
    this.refusedAtMs = Date.now();
    this.keep();
  }

  private keep(): void {
    const { refusedAtMs, mayRun } = this;
    this.beats.keep({ ...(refusedAtMs === undefined ? {} : { refusedAtMs }), mayRun });
  }
}

/** Submits; a service without room is asked again until it has some, when the submission says so. */
async function submitInLine({
  runner,
  submission,
  signal,
  attempts,
  firstMs,
}: {
  runner: Runner;
  submission: Submission;
  signal: AbortSignal;
  attempts: SubmitAttempts;
  /** How long the first wait is. */
  firstMs: number;
}): Promise<JobReference> {
  for (let intervalMs = firstMs; ; intervalMs = Math.min(LINE_MAX_MS, intervalMs * POLL_GROWTH)) {
    try {
      attempts.checkAlive();
      return await runner.submit(submission);
    } catch (error) {
      signal.throwIfAborted();
      const { code, message } = classifyError(error);
      if (code === 'NoCapacity') countNoCapacity(submission.job.resource);
      if (submission.inLineForMs === undefined || code !== 'NoCapacity') throw error;
      attempts.refused();
      const deadlineMs = Context.current().info.scheduledTimestampMs + submission.inLineForMs;
      if (Date.now() + intervalMs > deadlineMs) {
        // Before the activity's own time-out: a submit that goes on after it would start a job that nobody knows of.
        const waited = formatDuration(submission.inLineForMs);
        throw new SluiceError(
          'NoCapacity',
          `The service had no room for the job within ${waited}: ${message}`,
        );
      }
    }
    await Context.current().sleep(jittered(intervalMs));
  }
}

type EndedState = Exclude<JobState, { state: 'running' }>;
type SucceededState = Extract<JobState, { state: 'succeeded' }>;

interface Poll {
  doing: 'await' | 'stop';
  runner: Runner;
  submission: Submission;
  /** Gives the job's reference, and begins the job where it was not submitted. */
  begin: () => JobReference | Promise<JobReference>;
  signal: AbortSignal;
  awaited: AwaitState;
}

/**
 * Polls with a growing, jittered interval until the job is where it is waited for. A poll that fails for a passing reason
 * is only a slower poll: a job elsewhere goes on whether we see it or not. What runs inside the worker is begun anew, within
 * the budget of its class.
 * @returns null when the deadline came first
 */
async function pollUntil(
  deps: JobDependencies,
  { doing, runner, submission, begin, signal, awaited }: Poll,
  isAwaited: (state: EndedState) => boolean,
  deadlineMs = Number.POSITIVE_INFINITY,
): Promise<EndedState | null> {
  const worksInPoll = runner.worksInPoll === true;
  const { resource } = submission.job;
  let reference: JobReference | null = null;
  for (let intervalMs = deps.pollMinMs; ; intervalMs = Math.min(deps.pollMaxMs, intervalMs * POLL_GROWTH)) {
    let nextInMs: number | undefined;
    if (worksInPoll && awaited.killsWorkers) return { state: 'failed', ...describeDeaths(awaited) };
    try {
      reference ??= await begin();
      const state = await runner.poll(submission, reference, signal, awaited.work);
      countPoll(resource, 'answered');
      // A service may not yet know what it has just accepted.
      const isEarly =
        runner.knowsAtOnce !== true && Date.now() - Date.parse(reference.submittedAt) < deps.pollMaxMs;
      const isNews = state.state === 'lost' && isEarly;
      if (state.state !== 'running' && !isNews && isAwaited(state)) return state;
      awaited.answered();
      if (state.state === 'running' && state.progress) awaited.report(state.progress);
    } catch (error) {
      signal.throwIfAborted();
      const { code, message } = classifyError(error);
      const budgets = budgetsFor(deps, submission);
      const isSpent = awaited.failed(code, message, { worksInPoll, budgets });
      countPoll(resource, 'failed');
      if (!isSpent) countRetry(resource, code);
      Context.current().log.warn(worksInPoll ? 'the work failed' : 'poll failed, the job goes on', {
        step: submission.step,
        externalId: reference?.externalId ?? null,
        code,
        error: message,
        isSpent,
      });
      if (isSpent) throw toActivityFailure(error, () => true);
      if (code === 'Throttled' || code === 'Archived') intervalMs = Math.max(intervalMs, deps.pollMaxMs / 2);
      nextInMs = jittered(intervalMs);
      const row = awaited.rowToTell(nextInMs, deps.stuckAfterMs);
      const { activityId } = Context.current().info;
      if (row !== null)
        await deps.tellRun({ step: submission.step, retry: { ...row, doing, activityId, nextInMs } });
    }
    if (Date.now() > deadlineMs) return null;
    await Context.current().sleep(nextInMs ?? jittered(intervalMs));
  }
}

/** What is said of work that cannot be begun again. */
function describeDeaths({ lastFailure }: AwaitState): { message: string; code: 'Unexpected' } {
  const last = lastFailure ? ` Its last failure before: ${lastFailure.code}: ${lastFailure.message}` : '';
  return {
    code: 'Unexpected',
    message:
      'The worker died, or stood still, each time in the middle of this work: it may need more memory than the machine ' +
      `has, or crash the process. See the end of the worker's log; make the job smaller, or the machine larger.${last}`,
  };
}

function jittered(durationMs: number): number {
  return durationMs * (0.75 + Math.random() / 2);
}

/** The failure of a job that has ended; its details are `JobEnd`. */
function toJobFailure(code: ErrorCode, message: string, retryable = false): ApplicationFailure {
  const end: JobEnd = { ended: true, retryable };
  return ApplicationFailure.create({
    type: code,
    message: shortenMessage(redactSecrets(message)),
    nonRetryable: true,
    details: [end],
  });
}

/** Awaits, and tells of the job's begin, at the first attempt, and of its end. */
async function withLineage(
  lineage: Lineage | null,
  submission: Submission,
  work: (signal: AbortSignal, beats: Beats) => Promise<JobResult>,
): Promise<JobResult> {
  if (lineage === null) return beating(work);
  const { attempt, workflowExecution, workflowType, namespace } = Context.current().info;
  const pipeline = workflowType ?? '';
  const tell = (type: LineageEvent['type'], result: JobResult | null, failure: Failure | null = null) =>
    lineage.trySend(
      {
        ...{ type, failure, at: new Date().toISOString(), runId: uuidOf(submission.key) },
        job: `${pipeline}.${submission.step}`,
        parent: { job: pipeline, runId: workflowExecution?.runId ?? '' },
        ...datasetsOf(submission, result),
      },
      namespace,
    );
  return beating(async (signal, beats) => {
    if (attempt === 1) await tell('START', null);
    try {
      const result = await work(signal, beats);
      await tell('COMPLETE', result);
      return result;
    } catch (error) {
      const { cancelRequested, timedOut } = Context.current().cancellationDetails ?? {};
      if (cancelRequested || timedOut) await tell('ABORT', null);
      else if (error instanceof ApplicationFailure && error.nonRetryable)
        await tell(error.type === 'JobStopped' ? 'ABORT' : 'FAIL', null, {
          code: error.type as ErrorCode,
          message: error.message,
          step: submission.step,
        });
      throw error;
    }
  });
}

interface Ending extends JobDependencies {
  /** The resources whose refusal to tell counts is in the log. */
  refusing: Set<string>;
}

/** A result below is no matter for a history. */
const LARGE_RESULT_BYTES = 16 * 1024;

/**
 * The result of a job that has ended well, with all that is to be said of it.
 * @throws ApplicationFailure TooLarge for what the history cannot hold
 */
async function ended(
  ending: Ending,
  submission: Submission,
  state: SucceededState,
  signal: AbortSignal,
): Promise<JobResult> {
  const { prices, readHistoryBytes } = ending;
  const result = await withRowCounts(ending, submission, state, signal);
  const cost = costOf(result.measures, prices ?? null);
  if (cost !== null) countCost(cost, submission.job.resource);
  const bytes = Buffer.byteLength(JSON.stringify(result));
  const cure = 'Have the job write it to the lake, or ask for fewer rows (maxRows)';
  const refuse = (why: string) =>
    toJobFailure('TooLarge', `The result of ${submission.step} has ${why}. ${cure}.`);
  if (bytes > MAX_PAYLOAD_BYTES) throw refuse(describeExcess(bytes));
  if (bytes > LARGE_RESULT_BYTES && bytes + (await readHistoryBytes()) > MAX_HISTORY_BYTES)
    throw refuse(`${bytes} bytes, for which the history of the run has no room any more`);
  return result;
}

/** Adds what a script, or its service, says of a job's rows. A job that has ended well does not fail for counts that cannot be read. */
async function withRowCounts(
  { runners, refusing }: Ending,
  { job, step }: Submission,
  { result, readCounts }: SucceededState,
  signal: AbortSignal,
): Promise<JobResult> {
  const tell = (error: unknown) => {
    signal.throwIfAborted();
    const { code, message } = classifyError(error);
    Context.current().log.warn('the counts of a job cannot be read', { step, code, error: message });
    return {};
  };
  /** Without the permission each job would say the same. */
  const tellOnce = (error: unknown) => {
    if (classifyError(error).code !== 'AccessDenied') return tell(error);
    if (refusing.has(job.resource)) return {};
    refusing.add(job.resource);
    return tell(error);
  };
  const [counts, account] = await Promise.all([
    readCounts?.(signal).catch(tellOnce),
    readRowAccount(runners.context.s3, job, signal).catch(tell),
  ]);
  return { ...result, measures: { ...result.measures, ...counts, ...account } };
}
