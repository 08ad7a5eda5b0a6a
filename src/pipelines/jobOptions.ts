import type { Job } from '../jobs';

/** How a job of a pipeline's input looks, with its own name and perhaps an object to wait for. */
export type ExtraJob = Job & { name: string; arrival?: string; options?: JobOptions };

export interface JobOptions {
  /** How long the job may take in all, waiting in line included; default 1 day. A duration such as `2 hours`. */
  timeout?: string;
  /** How long the job is expected to take in all: when it takes longer, that is shown and told, and it goes on. */
  expectedBy?: string;
  /** What a cancelled run does with its job: stop it (the default) or leave it running. */
  onCancel?: 'stop' | 'leave';
  /**
   * `attempts`: how often the job is submitted in all, the first time included, while the service sees it fail. Without it,
   * 3 for a failure that the service itself calls retryable (Athena does), and 1 for any other. `interval`: the first pause,
   * which doubles up to 5 minutes; default 10 s.
   */
  retry?: { attempts: number; interval?: string };
  /** How long to wait in line while the service has no room for the job; default as long as `timeout`. */
  capacityTimeout?: string;
  /** How long a service may go on without an answer; default the worker's `SLUICE_RETRY_FOR`. */
  retryFor?: string;
  /** How long the worker's credentials may be wrong; default the worker's `SLUICE_CREDENTIALS_FOR`. */
  credentialsFor?: string;
  /**
   * How long work of the worker waits for objects that are archived to be restored, e.g. `2 days` (give `timeout` as much);
   * default not at all.
   */
  archivedFor?: string;
  /**
   * What becomes of the step when its retries are used up: it fails, or it is parked until `sluice resume`. Default what the
   * run's input says, and that is to fail.
   */
  onExhausted?: 'fail' | 'park';
  /** The pool, one of the project's `limits`, of which the job takes a slot beside that of its resource. */
  pool?: string;
  /** Who is served first in a pool: 1 before 5; default 3. Of the same priority, whoever came first. */
  priority?: 1 | 2 | 3 | 4 | 5;
  /** How many rows of a query the result carries, where the service returns rows (Athena, Redshift); default none. */
  maxRows?: number;
  /** Leave a cluster that the job creates running after the run has ended. */
  keep?: boolean;
}
