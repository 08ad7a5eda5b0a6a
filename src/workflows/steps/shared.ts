import type { Submission } from '../../contracts/activities';
import type { JobReference } from '../../jobs';
import type { Arrival } from '../../pipelines';
import type { ArrivalMemory } from '../arrivals/memory';
import type { Failure, Subscription } from '../../contracts/messages';
import type { StatusBoard } from './status';
import type { Wait } from './wait';

/** State that all branches of one run share. */
export interface Shared {
  board: StatusBoard;
  since: string;
  inbox: ArrivalMemory;
  /** What started the run. */
  startedBy: readonly Arrival[];
  /** The input as it was given, for runs that late arrivals start. */
  given: unknown;
  /** The waits that are over. */
  ended: Wait[];
  /** Kept until the run ends. */
  subscriptions: Subscription[];
  /** What goes on beside the steps and has to end before the run does. */
  background: Promise<void>[];
  /** Ends the run, whatever it does. */
  fail: (failure: Failure) => void;
  /** Created by the run, and to be ended with it. */
  clusters: Cluster[];
  /** False in a run from before attributes were written once a task and a wait for one object ended its subscription. */
  hasFewEvents: boolean;
}

/** A cluster, by the job that has created it. */
export interface Cluster {
  submission: Submission;
  reference: JobReference;
}

export interface RunOptions {
  /** ISO 8601; see `WaitOptions.since`. */
  since?: string;
  /** The objects that started the run: waits take them as if they had just arrived. */
  arrivals?: Arrival[];
}
