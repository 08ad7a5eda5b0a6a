import type { S3Client } from '@aws-sdk/client-s3';
import type { JobReference } from '../jobs';
import type { Progress } from '../runners/runner';

export interface TaskContext {
  s3: S3Client;
  /** The job: its key and the time of its submission are the same when the task starts again. */
  reference: JobReference;
  /** Aborts when the job is cancelled or the worker shuts down. */
  signal: AbortSignal;
  /** Another worker goes on from what was kept last. */
  progress: Progress;
}

export interface TaskResult {
  /** Location of the output. */
  output?: string;
  /** Counts, summed over the run. */
  measures?: Record<string, number>;
  /** Small plain JSON. */
  payload?: unknown;
}

/**
 * A function of `worker:task`. It may be started again at any point, so it does nothing twice that cannot be done twice,
 * and publishes its output whole.
 */
export interface Task {
  /** @throws SluiceError InvalidJob that lists every problem, each with field, value and remedy */
  check(input: Record<string, unknown>): void;
  run(input: Record<string, unknown>, context: TaskContext): Promise<TaskResult>;
}

export type Tasks = Record<string, Task>;
