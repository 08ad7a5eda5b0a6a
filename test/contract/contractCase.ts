import type { Job, Resource } from '../../src/jobs';
import type { Runner } from '../../src/runners/runner';
import type { ServiceDouble } from '../support/aws/double';

/** What the suite does to the jobs of one resource in its double. */
export interface Control {
  /** How many remote jobs were started since the double was made. */
  started(): number;
  /** How many of them have not ended. */
  running(): number;
  /** Moves the newest job to a state of the service's own. */
  move(state: string): void;
  /** All jobs are gone, and the service answers so. */
  forget(): void;
}

/** One resource, as the contract suite sees it. */
export interface ContractCase {
  job: Job;
  /** A new double with nothing in it but what the job needs (the Glue job, the cluster, the crawler). */
  createDouble(): { double: ServiceDouble; control: Control };
  /** The runner under test over the real SDK client. `gapMs` is what `SharedPollerOptions.gapMs` takes. */
  createRunner(client: ClientSettings, gapMs: number): Runner;
  /** The operation that starts a job, and the one that a single poll calls. */
  submit: string;
  poll: string;
  /** States of the service's own. Unset where the service has none of the kind. */
  states: { running: string[]; succeeded: string; failed: string[]; stopped?: string };
  /** What the double calls a state that no documentation names; unset where the state is none of a list. */
  unknown?: string;
  /** The job can be stopped, and the double ends it some polls after it was asked to. */
  stoppable: boolean;
  /** An error of the submit that means that the service is full. */
  full?: { type: string; message: string; status?: number; content?: Record<string, unknown> };
}

export interface ClientSettings {
  endpoint: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  maxAttempts: number;
}

export type { Resource };
