import { ActivityCancellationType } from '@temporalio/workflow';
import type { Submission } from '../../contracts/activities';
import { JOB_RETRY } from '../../contracts/jobRetry';
import type { JobReference, JobResult, StopResult } from '../../jobs';
import { activities, AWAIT_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT } from './activities';
import { isReportable, toFailure } from './failures';

/** How long one attempt to submit may take, when the service has room. */
const SUBMIT_TIMEOUT_MS = 2 * 60_000;

/** Submits a job; `onNoCapacity` hears of it when the job waits in line, for `inLineForMs` at the most, until there is room. */
export async function submitJob(
  submission: Submission,
  {
    deadlineMs,
    inLineForMs,
    onNoCapacity,
  }: { deadlineMs: number; inLineForMs: number; onNoCapacity: () => void },
): Promise<JobReference> {
  const activityOptions = {
    summary: `submit ${submission.step}`,
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
  onNoCapacity();
  const inLineMs = Math.min(inLineForMs, remainingMs());
  return activities.submitJob.executeWithOptions(
    {
      ...activityOptions,
      summary: `submit ${submission.step}, waiting for capacity`,
      startToCloseTimeout: inLineMs + SUBMIT_TIMEOUT_MS,
      scheduleToCloseTimeout: inLineMs + SUBMIT_TIMEOUT_MS,
    },
    [{ ...submission, inLineForMs: inLineMs }],
  );
}

/** @param reference null for a job that runs inside the worker and was not submitted */
export function awaitJob(
  submission: Submission,
  reference: JobReference | null,
  deadlineMs: number,
): Promise<JobResult> {
  const remainingMs = Math.max(1, deadlineMs - Date.now());
  const isHere = reference === null || reference.runsInWorker === true;
  return activities.awaitJob.executeWithOptions(
    {
      summary: reference === null ? submission.step : `await ${submission.step}`,
      startToCloseTimeout: remainingMs,
      scheduleToCloseTimeout: remainingMs,
      heartbeatTimeout: isHere ? HEARTBEAT_TIMEOUT : AWAIT_HEARTBEAT_TIMEOUT,
      retry: JOB_RETRY,
      // What runs inside the worker ends with its await; any other job can be stopped while the await hears of it.
      cancellationType: isHere
        ? ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
        : ActivityCancellationType.TRY_CANCEL,
    },
    [submission, reference],
  );
}

/** How long a stop goes on; a job of which it is not even known that there is one holds up its run for less. */
const STOP_WITHIN = { submitted: '30 minutes', unknown: '5 minutes' } as const;

/** Stops a job for good: what cannot be confirmed is reported as leaked, never dropped. */
export async function stopJob(
  submission: Submission,
  reference: JobReference | null,
  is: keyof typeof STOP_WITHIN = 'submitted',
): Promise<StopResult> {
  try {
    return await activities.stopJob.executeWithOptions(
      {
        summary: `stop ${submission.step}`,
        startToCloseTimeout: '10 minutes',
        scheduleToCloseTimeout: STOP_WITHIN[is],
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

export function describeStop({ outcome, externalId, url, message }: StopResult): string {
  switch (outcome) {
    case 'leaked':
      return `the job could not be stopped and may still run: ${externalId ?? 'id unknown'} ${url ?? ''} ${message ?? ''}`.trim();
    case 'stopped':
      return 'the job was stopped';
    case 'not submitted':
      return 'the job had not been submitted';
    default:
      return 'the job had already ended';
  }
}
