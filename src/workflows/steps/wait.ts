import { condition } from '@temporalio/workflow';
import type { Arrival } from '../../pipelines';
import { isSince } from '../../pipelines/arrival';
import { type Source } from '../../pipelines/location';
import { matchesPattern } from '../../pipelines/patterns';
import type { ArrivalMemory } from '../arrivals/memory';
import type { StepStatus } from '../../contracts/messages';
import { signKeyOf, type Completeness } from './completeness';

export interface WaitOptions {
  /** How long to wait, a duration; default 7 days. */
  within?: string;
  /** ISO 8601: arrivals from this time on; default the run's scheduled or start time, or what `--since` says. */
  since?: string;
  complete?: Completeness;
  late?: Late;
}

/**
 * What an object leads to that comes when the wait is over, or replaces one that the wait has taken: nothing (the
 * default), a failed run, or another run of the pipeline with the same input, one an object version. It is in the status
 * in any case, if the run hears of it: for certain only when it is not ignored, since then the run stays subscribed until
 * it ends. Of a wait with a marker or manifest, another run is started by a new marker or manifest alone.
 */
export type Late = 'ignore' | 'fail' | 'start new run';

/** One wait of a run, under way or over. */
export interface Wait {
  pattern: string;
  source: Source;
  complete: Completeness | undefined;
  since: string;
  deadlineMs: number;
  /** How long no object may come before the wait is over; 0 for a rule without quiet. */
  quietMs: number;
  late: Late;
  step: StepStatus;
  /** What the manifest lists, once it was read. */
  listed: { bucket: string; key: string }[] | null;
  /** The marker or manifest that ended the wait. */
  sign: Arrival | null;
  /** By key. */
  taken: Map<string, Arrival>;
}

/** What has arrived for a wait, its marker or manifest included. */
export function arrivalsFor({ pattern, source, complete, since }: Wait, inbox: ArrivalMemory): Arrival[] {
  const sign = signKeyOf(complete);
  return inbox
    .all()
    .filter(
      (arrival) =>
        (matchesPattern(pattern, arrival) || (arrival.key === sign && arrival.bucket === source.bucket)) &&
        isSince(arrival, since),
    );
}

/** Whether it comes true before the time of the wait is up. */
export function untilDeadline({ deadlineMs, step }: Wait, isTrue: () => boolean): Promise<boolean> {
  return condition(isTrue, Math.max(1, deadlineMs - Date.now()), { summary: step.name });
}

/** How many objects the status shows of a step: the answer to a query holds at most 4 MiB. */
export const SHOWN_OBJECTS = 1_000;

/** An object as the status shows it. */
export function shown({ bucket, key, versionId, etag, size }: Arrival) {
  return { uri: `s3://${bucket}/${key}`, versionId, etag, size };
}
