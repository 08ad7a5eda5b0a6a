import { createHash } from 'node:crypto';
import type { Job, JobReference, JobResult, Resource } from '../../jobs';
import type { Submission } from '../types';

/** A submission of one resource's job. */
export type SubmissionOf<R extends Resource> = Submission & { job: Job<R> };

/**
 * Where a job stands, in the few words that every service's states map to; all that is unknown is `running`.
 * `lost`: the service answers, and no longer knows the job.
 */
export type JobState =
  | { state: 'running'; nativeState: string }
  | { state: 'succeeded'; result: JobResult }
  | { state: 'failed'; message: string; code?: 'JobFailed' | 'BadData' | 'InvalidJob' | 'ObjectGone' }
  | { state: 'stopped'; message: string }
  | { state: 'lost'; message: string };

/**
 * The code that submits, polls and stops the jobs of one resource. Each verb is idempotent; the job reference is all the
 * state there is. Errors are thrown as they come; the activities classify them.
 */
export interface Runner<R extends Resource = Resource> {
  submit(submission: SubmissionOf<R>): Promise<JobReference>;
  /** The job that an earlier attempt submitted under the same key, if there is one. */
  find(submission: SubmissionOf<R>): Promise<JobReference | null>;
  /** May take as long as it likes, as long as it heeds the signal. */
  poll(submission: SubmissionOf<R>, reference: JobReference, signal: AbortSignal): Promise<JobState>;
  /** Asks the service to stop the job; `poll` tells when it has. */
  stop(submission: SubmissionOf<R>, reference: JobReference): Promise<void>;
}

export type Runners = { [R in Resource]?: Runner<R> };

/** A submission's key in a form that every service takes: 39 characters of letters, digits and dashes. */
export function markerOf(key: string): string {
  return `sluice-${createHash('sha256').update(key).digest('hex').slice(0, 32)}`;
}
