import type { Arrival } from '../../pipelines';
import type { Clusters } from './clusters';
import type { Compensations } from './compensations';
import type { Ending } from './ending';
import type { Inbox } from './inbox';
import type { Notices } from './notices';
import type { ParkedSteps } from './parkedSteps';
import type { StatusBoard } from './status';

/** What all branches of one run share. */
export interface Shared {
  readonly board: StatusBoard;
  /** ISO 8601; see `WaitOptions.since`. */
  readonly since: string;
  /** What started the run. */
  readonly startedBy: readonly Arrival[];
  /** The input as it was given, for runs that late arrivals start. */
  readonly given: unknown;
  readonly inbox: Inbox;
  readonly clusters: Clusters;
  readonly ending: Ending;
  readonly notices: Notices;
  readonly parked: ParkedSteps;
  readonly compensations: Compensations;
}

export interface RunOptions {
  /** ISO 8601; see `WaitOptions.since`. */
  since?: string;
  /** The objects that started the run: waits take them as if they had just arrived. */
  arrivals?: Arrival[];
  /** Of a child run: the pipeline that started it. */
  parent?: string;
  /** Where a child run tells what happens in it: the place that its parent's input names. */
  notify?: string;
}
