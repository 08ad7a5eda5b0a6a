import type { Job, JobReference, JobResult, Resource } from '../jobs';
import type { JobProgress, Submission } from '../contracts/activities';

/** A submission of one resource's job. */
export type SubmissionOf<R extends Resource> = Submission & { job: Job<R> };

/**
 * Where a job stands, in the few words that every service's states map to; all that is unknown is `running`.
 * `lost`: the service answers, and no longer knows the job.
 */
export type JobState =
  /** `progress`: how far the job is, where the service tells. */
  | { state: 'running'; nativeState: string; progress?: JobProgress }
  /**
   * `stillRuns`: what the job made goes on and costs, as a cluster that waits for steps; a stop ends it.
   * `readCounts`: asks for measures that the service tells apart from the job, as those of its rows. What it throws fails no job.
   */
  | {
      state: 'succeeded';
      result: JobResult;
      stillRuns?: boolean;
      readCounts?: (signal: AbortSignal) => Promise<Record<string, number>>;
    }
  /** `retryable`: the service says that the same job may succeed when it is submitted anew. */
  | {
      state: 'failed';
      message: string;
      code?: 'JobFailed' | 'BadData' | 'InvalidJob' | 'ObjectGone' | 'Unexpected';
      retryable?: boolean;
    }
  | { state: 'stopped'; message: string }
  | { state: 'lost'; message: string };

/** How far a job inside the worker is; kept with the await's heartbeats, so that another worker goes on from there. */
export interface Progress {
  /** What was kept last, by this await or the one before it, or undefined. Plain JSON. */
  readonly resumed: unknown;
  keep(value: unknown): void;
  /** Tells people how far it is; nothing goes on from there. */
  report?(progress: JobProgress): void;
  /** Says that work has begun which can take its worker with it: when the worker dies, that is held against the work. */
  begin?(): void;
}

/**
 * The code that submits, polls and stops the jobs of one resource. Each verb is idempotent; the job reference is all the
 * state there is. Errors are thrown as they come; the activities classify them, but for those that only the runner can
 * tell: a service that is full is `SluiceError('NoCapacity')`.
 */
export interface Runner<R extends Resource = Resource> {
  /** The service takes the key as a client token: a repeated submit starts nothing and answers as the first did. */
  readonly takesToken?: boolean;
  /** The poll does the work itself and waits for its end, so nobody may poll just to look; a stop has ended it. */
  readonly worksInPoll?: boolean;
  /** The service knows a job from its submit on: one that it does not know is lost, however new it is. */
  readonly knowsAtOnce?: boolean;
  submit(submission: SubmissionOf<R>): Promise<JobReference>;
  /**
   * The job that an earlier attempt submitted under the same key, if there is one: it never starts one. Where a client token makes
   * a repeated submit harmless, only `sluice reap` asks; null there for a service that does not show what tells one job from another.
   * @param since no attempt was accepted before this time
   */
  find(submission: SubmissionOf<R>, since: Date): Promise<JobReference | null>;
  /** May take as long as it likes, as long as it heeds the signal. */
  poll(
    submission: SubmissionOf<R>,
    reference: JobReference,
    signal: AbortSignal,
    progress: Progress,
  ): Promise<JobState>;
  /**
   * Asks the service to stop the job; `poll` tells when it has.
   * @throws SluiceError JobLeaked when the service has no way to stop such a job
   */
  stop(submission: SubmissionOf<R>, reference: JobReference): Promise<void>;
}
