import type { Undoes } from '../../contracts/activities';
import type { Place, RetryOf, Taken } from '../../contracts/earlier';
import type { Interval, ScheduledTime } from '../../contracts/schedules';
import type { Arrival } from '../../pipelines';
import type { Clusters } from './clusters';
import type { Compensations } from './compensations';
import type { Deadline, Deadlines } from './deadlines';
import type { EarlierRun } from './earlierRun';
import type { Ending } from './ending';
import type { Inbox } from './inbox';
import type { Notices } from './notices';
import type { ParkedSteps } from './parkedSteps';
import type { Slots } from './slots';
import type { StatusBoard } from './status';

/** What all branches of one run share. */
export interface Shared {
  readonly board: StatusBoard;
  /** ISO 8601; see `WaitOptions.since`. */
  readonly since: string;
  /** See `Run.interval`. */
  interval: Interval | null;
  /** See `WorkerDescription`. */
  looksFirst: boolean;
  worksHere: readonly string[];
  /** The run undoes what it has done, or falls back: for that, its history has kept room. */
  isFailing: boolean;
  /** What started the run. */
  readonly startedBy: readonly Arrival[];
  /** The input as it was given, for runs that late arrivals start. */
  readonly given: unknown;
  readonly inbox: Inbox;
  readonly slots: Slots;
  readonly clusters: Clusters;
  readonly ending: Ending;
  readonly deadlines: Deadlines;
  readonly earlier: EarlierRun;
  readonly notices: Notices;
  readonly parked: ParkedSteps;
  readonly compensations: Compensations;
}

export interface RunOptions extends Deadline {
  /** ISO 8601; see `WaitOptions.since`. */
  since?: string;
  /** The objects that started the run: waits take them as if they had just arrived. */
  arrivals?: Arrival[];
  /** The time of a schedule for which the run is, when it is not the schedule that starts it. */
  schedule?: ScheduledTime;
  /** See `Run.interval`; that of the schedule's time by default. */
  interval?: Interval;
  /** The run that this one goes on with. */
  retryOf?: RetryOf;
  /** What the waits of the run that starts this one have taken; kept for a retry of that one. */
  taken?: Taken[];
  /** Of a child run: its place in the run that starts it. */
  place?: Place;
  /** Of a child run: the group that holds it undoes what its parent did. */
  undoes?: Undoes;
  /** Of a child run: the pipeline that started it. */
  parent?: string;
  /** Where a child run tells what happens in it: the place that its parent's input names. */
  notify?: string;
}
