import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowFailure,
  isCancellation,
  patched,
  TemporalFailure,
  TimeoutFailure,
} from '@temporalio/workflow';
import { ERROR_CODES, shortenMessage, SluiceError, type ErrorCode } from '../../errors';
import type { AwaitDetails } from '../../contracts/activities';
import type { Failure } from '../../contracts/messages';

/** Whether the error is a failure to report, rather than a defect in workflow code, which must fail the task instead. */
export function isReportable(error: unknown): boolean {
  return error instanceof TemporalFailure || error instanceof SluiceError;
}

/** What goes on of the errors of work side by side: the first, or the cancellation of all that it is part of. */
export function firstOf(errors: readonly unknown[]): unknown {
  const [first] = errors;
  const cancellation = errors.find(isCancellation);
  if (cancellation === undefined || isCancellation(first) || !CancellationScope.current().consideredCancelled)
    return first;
  // In histories that began before, the failure goes on.
  return patched('cancellation-goes-first') ? cancellation : first;
}

/** The failure that people see: the innermost coded cause, with the service's own message. */
export function toFailure(error: unknown, step: string | null): Failure {
  const failure = findFailure(error, step);
  return { ...failure, message: shortenMessage(failure.message) };
}

function findFailure(error: unknown, step: string | null): Failure {
  let cause = error;
  while ((cause instanceof ActivityFailure || cause instanceof ChildWorkflowFailure) && cause.cause)
    cause = cause.cause;
  if (cause instanceof SluiceError) return { code: cause.code, message: cause.message, step };
  if (cause instanceof ApplicationFailure) {
    const code =
      cause.type && Object.hasOwn(ERROR_CODES, cause.type) ? (cause.type as ErrorCode) : 'RunFailed';
    const inner = cause.details?.[0] as Failure | undefined;
    return { code, message: cause.message, step: step ?? inner?.step ?? null };
  }
  if (cause instanceof TimeoutFailure) return { code: 'JobTimeout', message: cause.message, step };
  return { code: 'RunFailed', message: cause instanceof Error ? cause.message : String(cause), step };
}

/** What went wrong last before a time-out, as its attempts or heartbeats tell it; null when nothing did. */
export function lastFailureOf(error: unknown): Pick<Failure, 'code' | 'message'> | null {
  if (!(error instanceof ActivityFailure) || !(error.cause instanceof TimeoutFailure)) return null;
  const { cause, lastHeartbeatDetails } = error.cause;
  // A message is put together from several failures in the end; one of them must not fill it.
  const shorten = (message: string) => (message.length > 500 ? `${message.slice(0, 499)}…` : message);
  if (cause instanceof ApplicationFailure) {
    const { code, message } = toFailure(cause, null);
    return { code, message: shorten(message) };
  }
  const details: unknown = Array.isArray(lastHeartbeatDetails)
    ? lastHeartbeatDetails[0]
    : lastHeartbeatDetails;
  const last = (details as AwaitDetails | null | undefined)?.lastFailure;
  return last ? { code: last.code, message: shorten(last.message) } : null;
}

/** Whether the time of an activity is up; one whose next attempt would come too late has no time left either. */
export function isTimeUp(error: unknown): error is ActivityFailure {
  return (
    error instanceof ActivityFailure &&
    (error.cause instanceof TimeoutFailure || error.retryState === 'TIMEOUT')
  );
}

/** A failure that ends the run: never retried by Temporal, its details are the `Failure` itself. */
export function asApplicationFailure(failure: Failure, cause?: unknown): ApplicationFailure {
  return ApplicationFailure.create({
    message: failure.message,
    type: failure.code,
    nonRetryable: true,
    details: [failure],
    ...(cause instanceof Error ? { cause } : {}),
  });
}
