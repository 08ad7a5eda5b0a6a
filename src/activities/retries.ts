import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { RetryPolicy } from '@temporalio/common';
import { msToNumber } from '@temporalio/common/lib/time';
import { retryingSignal, type Retried, type RetryReport } from '../contracts/messages';
import type { ErrorCode } from '../errors';
import { classifyError } from '../services/failures';

/** How a run hears of what is retried for it. */
export interface RetryTelling {
  /** Tells the run of the activity that is at work. It never fails. */
  tellRun: (report: RetryReport) => Promise<void>;
  /** How long a step may be retried before somebody is told. */
  stuckAfterMs: number;
}

/** A failure that passes within so long is not worth a word: each costs the run's history some events. */
export const TELL_AFTER_MS = 10_000;
/** What waits for the run is the next attempt. */
const TELL_TIMEOUT_MS = 5_000;

export function createRetryTelling(client: Client, stuckAfterMs: number): RetryTelling {
  return {
    stuckAfterMs,
    async tellRun(report) {
      const { workflowExecution } = Context.current().info;
      if (workflowExecution === undefined) return;
      const { workflowId, runId } = workflowExecution;
      try {
        await client.withDeadline(Date.now() + TELL_TIMEOUT_MS, () =>
          client.workflow.getHandle(workflowId, runId).signal(retryingSignal, report),
        );
      } catch (error) {
        const { message } = classifyError(error);
        Context.current().log.warn('the run could not be told of a retry', {
          step: report.step,
          error: message,
        });
      }
    },
  };
}

/**
 * Whether a run is told in a stretch of a row of failures (milliseconds since the first): when it has gone on for `firstMs`, for
 * twice as long, and so on, so that a day of failures is some ten words; and when it has gone on for so long that somebody is told.
 */
export function isTimeToTell(
  { fromMs, toMs }: { fromMs: number; toMs: number },
  { firstMs = TELL_AFTER_MS, stuckAfterMs }: { firstMs?: number; stuckAfterMs: number },
): boolean {
  const level = (timeMs: number) => (timeMs < firstMs ? -1 : Math.floor(Math.log2(timeMs / firstMs)));
  return level(toMs) > level(fromMs) || (fromMs < stuckAfterMs && toMs >= stuckAfterMs);
}

/** Tells the run of an attempt of this activity that has failed, when the server makes another. */
export async function tellOfAttempt(
  { tellRun, stuckAfterMs }: RetryTelling,
  { step, doing }: { step: string; doing: Retried },
  error: unknown,
): Promise<void> {
  if (!(error instanceof ApplicationFailure) || error.nonRetryable === true) return;
  const { info } = Context.current();
  const { attempt, activityId, scheduledTimestampMs, currentAttemptScheduledTimestampMs } = info;
  const failingForMs = Date.now() - scheduledTimestampMs;
  const nextInMs = delayBeforeNext(info.retryPolicy, attempt);
  const stretch = {
    fromMs: currentAttemptScheduledTimestampMs - scheduledTimestampMs,
    toMs: failingForMs + nextInMs,
  };
  if (!isTimeToTell(stretch, { stuckAfterMs })) return;
  const failure = { code: error.type as ErrorCode, message: error.message };
  await tellRun({ step, retry: { doing, attempt, failure, activityId, failingForMs, nextInMs } });
}

/** How long the server waits after a failed attempt. */
export function delayBeforeNext(policy: RetryPolicy = {}, attempt: number): number {
  const firstMs = msToNumber(policy.initialInterval ?? '1 s');
  const mostMs = msToNumber(policy.maximumInterval ?? 100 * firstMs);
  return Math.min(firstMs * (policy.backoffCoefficient ?? 2) ** (attempt - 1), mostMs);
}
