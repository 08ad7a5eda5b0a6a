import type { ErrorCode } from '../errors';
import type { JobResult, Job } from '../jobs';

/** What a job that ends well says; all that is left out is empty. */
export type ScriptedResult = Partial<Pick<JobResult, 'output' | 'rows' | 'payload' | 'measures' | 'logUrl'>>;

/**
 * What happens to a job, a word each; without a word it is accepted and succeeds at once. Words go together: a job may be
 * `throttled`, then take `'3 hours'`, then fail.
 */
export interface JobScript {
  /** What the job says when it ends well. */
  succeeds?: ScriptedResult;
  /** The service's own message; `code` is `JobFailed` unless given, and `retryable` what the service says of it. */
  fails?: string | { message: string; code?: JobFailureCode; retryable?: boolean };
  /** How long the job runs, such as `3 hours`: time that is skipped. */
  takes?: string;
  /** How many submits the service throttles before it takes one. */
  throttled?: number;
  /** How long the service has no room for the job, such as `10 minutes`. */
  noRoom?: string;
  /** The service takes the job, and the answer to the submit is lost; `not taken`: it is lost on the way there. */
  answerLost?: true | 'not taken';
  /** The service refuses the submit for good. */
  refused?: string | { message: string; code: RefusalCode };
  /** Somebody stops the job in the service. */
  stopped?: true;
  /** The service forgets the job. */
  lost?: true;
  /** How many polls fail, for a passing reason, before one answers. */
  failingPolls?: number;
}

export type JobFailureCode = Extract<ErrorCode, 'JobFailed' | 'BadData' | 'InvalidJob' | 'ObjectGone'>;
export type RefusalCode = Extract<ErrorCode, 'InvalidJob' | 'AccessDenied' | 'ServerUnreachable'>;

/** One script for each submission of a step, the last one for all that follow; or a script made of the job itself. */
export type JobScripts = JobScript | readonly JobScript[] | ((job: ScriptedJob) => JobScript);

export interface ScriptedJob {
  job: Job;
  step: string;
  /** The workflow id of the run. */
  run: string;
  /** Which submission of this step it is: 1 for the first. */
  submission: number;
}
