/** The time of a schedule for which a run is. */
export interface ScheduledTime {
  /** The id of the schedule. */
  id: string;
  /** ISO 8601, without jitter. */
  at: string;
}

/** From `from` on, until just before `to`; ISO 8601. */
export interface Interval {
  from: string;
  to: string;
}

/** The workflow type that makes up for times of a schedule that have passed. */
export const BACKFILL_WORKFLOW = 'backfill';

export interface BackfillInput {
  schedule: string;
  /** ISO 8601, oldest first. */
  times: string[];
  /** How many runs go on side by side. */
  concurrency: number;
}

/** What became of one time: `there already` when a run for it goes on or has ended well. */
export interface BackfilledTime {
  at: string;
  run: string;
  state: 'completed' | 'failed' | 'there already';
}
