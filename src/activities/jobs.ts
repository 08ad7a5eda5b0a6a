import { cancelled, Context, heartbeat } from '@temporalio/activity';
import { isRetryable, SluiceError } from '../errors';
import { RESOURCES, type JobReference } from '../jobs';
import type { Activities, Submission } from './types';
import { classifyError, toActivityFailure } from './failures';
import type { Runner, Runners } from './runners/runner';

export interface JobDependencies {
  runners: Runners;
  engines: 'aws' | 'local';
  pollMinMs: number;
  pollMaxMs: number;
  /** How long a submit goes on while the server does not answer. */
  retryForMs: number;
}

/** How much longer each poll waits than the last. */
const POLL_GROWTH = 1.5;
/** How long a stop waits for the service to say that the job has ended. */
const STOP_WAIT_MS = 5 * 60_000;

/** `submitJob`, `awaitJob` and `stopJob` over the runners: the decisions that are the same for every resource. */
export function createJobActivities(
  deps: JobDependencies,
): Pick<Activities, 'submitJob' | 'awaitJob' | 'stopJob'> {
  return {
    submitJob: (submission) =>
      beating(async () => {
        const { attempt, scheduledTimestampMs } = Context.current().info;
        try {
          const runner = findRunner(deps, submission);
          // An earlier attempt's answer may have been lost after the service had accepted the job.
          const found = attempt > 1 ? await runner.find(submission) : null;
          return found ?? (await runner.submit(submission));
        } catch (error) {
          // A full service is worth waiting for until the job's own time-out; one that does not answer is not.
          const spent = Date.now() - scheduledTimestampMs > deps.retryForMs;
          throw toActivityFailure(error, (code) => spent && code !== 'NoCapacity');
        }
      }),

    awaitJob: (submission, reference) =>
      beating(async (signal) => {
        const state = await pollToEnd(deps, submission, reference, signal, Number.POSITIVE_INFINITY);
        switch (state?.state) {
          case 'succeeded':
            return state.result;
          case 'stopped':
            throw toActivityFailure(new SluiceError('JobStopped', state.message));
          case 'lost':
            throw toActivityFailure(new SluiceError('JobLost', state.message));
          default:
            throw toActivityFailure(new SluiceError(state?.code ?? 'JobFailed', state!.message));
        }
      }),

    stopJob: (submission, known) =>
      beating(async (signal) => {
        try {
          const runner = findRunner(deps, submission);
          const reference = known ?? (await runner.find(submission));
          if (reference === null)
            return { outcome: 'not submitted', externalId: null, url: null, message: null };
          const { externalId, url } = reference;
          // What runs inside the worker ended with its await; a poll would run it again.
          if (submission.job.resource === 'duckdb:query')
            return { outcome: 'stopped', externalId, url, message: null };
          const before = await runner.poll(submission, reference, signal);
          if (before.state !== 'running') return { outcome: 'already ended', externalId, url, message: null };
          await runner.stop(submission, reference);
          const after = await pollToEnd(deps, submission, reference, signal, Date.now() + STOP_WAIT_MS);
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
          throw toActivityFailure(error);
        }
      }),
  };
}

function findRunner(deps: JobDependencies, { job }: Submission): Runner {
  const runner = deps.runners[job.resource] as Runner | undefined;
  if (runner) return runner;
  if (!RESOURCES.includes(job.resource)) {
    throw new SluiceError(
      'InvalidJob',
      `${job.resource}: unknown resource; give one of ${RESOURCES.join(', ')}`,
    );
  }
  throw new SluiceError(
    'NoEngine',
    job.resource === 'livy:createBatch' || deps.engines === 'local'
      ? `${job.resource} needs Spark through Livy: set SLUICE_LIVY_URL on the worker, or start the local stack without --no-spark`
      : `${job.resource} has no engine with SLUICE_ENGINES=${deps.engines}`,
  );
}

/**
 * Polls with a growing, jittered interval until the job has ended. A poll that fails for a passing reason is only a
 * slower poll: the job goes on whether we see it or not.
 * @returns null when the deadline came first
 */
async function pollToEnd(
  deps: JobDependencies,
  submission: Submission,
  reference: JobReference,
  signal: AbortSignal,
  deadlineMs: number,
) {
  const runner = findRunner(deps, submission);
  let refusedSinceMs: number | null = null;
  for (let intervalMs = deps.pollMinMs; ; intervalMs = Math.min(deps.pollMaxMs, intervalMs * POLL_GROWTH)) {
    try {
      const state = await runner.poll(submission, reference, signal);
      if (state.state !== 'running') return state;
      refusedSinceMs = null;
    } catch (error) {
      signal.throwIfAborted();
      const { code, message } = classifyError(error);
      Context.current().log.warn('poll failed, the job goes on', {
        step: submission.step,
        externalId: reference.externalId,
        code,
        error: message,
      });
      refusedSinceMs ??= Date.now();
      if (!isRetryable(code) && Date.now() - refusedSinceMs > deps.retryForMs) throw toActivityFailure(error);
      if (code === 'Throttled') intervalMs = Math.max(intervalMs, deps.pollMaxMs / 2);
    }
    if (Date.now() > deadlineMs) return null;
    await Context.current().sleep(intervalMs * (0.75 + Math.random() / 2));
  }
}

/** Heartbeats about every third of the heartbeat time-out while the work goes on, however long one call takes. */
async function beating<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { cancellationSignal, info } = Context.current();
  const timer = setInterval(() => heartbeat(), (info.heartbeatTimeoutMs ?? 60_000) / 3);
  heartbeat();
  try {
    return await work(cancellationSignal);
  } catch (error) {
    // What an aborted call throws says nothing; the activity's own cancellation does.
    if (cancellationSignal.aborted) await cancelled();
    throw error;
  } finally {
    clearInterval(timer);
  }
}
