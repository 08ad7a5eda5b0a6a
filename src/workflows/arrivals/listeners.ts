import type { Subscription, Trigger } from '../../contracts/messages';
import type { ErrorCode } from '../../errors';
import type { Arrival } from '../../pipelines';
import { PatternIndex } from '../../pipelines/patterns';
import { bytesOf } from './memory';

/**
 * How far a listing goes back behind the start of the one before: S3 shows an object at once, so this covers the clocks of
 * S3 and of Temporal alone.
 */
export const OVERLAP_MS = 10 * 60_000;
/**
 * An upload in many parts carries the time at which it began, hours before it can be seen
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html). What is older than a trigger's last listing
 * by more than this has been offered to it.
 */
export const TRIGGER_OVERLAP_MS = 12 * 3_600_000;

/** How many runs one activity starts. */
export const START_BATCH = 100;

/** Who hears of a source's arrivals, with what is on its way to it. */
interface Listener<T> {
  of: T;
  /** What it was not sent yet, the oldest news first. */
  pending: Arrival[];
  /** ISO 8601: when the last listing began that has offered everything to it. */
  listedTo?: string;
  /** The listing that goes on began when it was there. */
  isInListing?: true;
}

/** A run that waits. */
export interface SubscriptionListener extends Listener<Subscription> {
  /** How many signals it was sent, and from when on (ms since 1970) it is sent the next. */
  sent: number;
  sendAfterMs: number;
  /** It is yet to be offered what is remembered. */
  isNew?: true;
  /** How many listings in a row had failed when it was told so last. */
  toldFailures?: number;
}

/** An object that could not start its run. */
export interface SetAside {
  arrival: Arrival;
  code: ErrorCode;
  message: string;
  attempts: number;
  nextAtMs: number;
}

/** What starts a run for each object version. */
export interface TriggerListener extends Listener<Trigger> {
  /** How many runs the next batch starts: fewer after one that failed as a whole. */
  batchSize: number;
  /** How many batches in a row failed as a whole, and from when on (ms since 1970) the next may start. */
  failures: number;
  startAfterMs: number;
  setAside: SetAside[];
  /** ISO 8601: from this time on it was not offered all; the next listing makes up for it. */
  missedFrom?: string;
  /** What `missedFrom` was when the listing that goes on began. */
  catchingUpFrom?: string;
}

export function newSubscription(of: Subscription): SubscriptionListener {
  return { of, pending: [], sent: 0, sendAfterMs: 0, isNew: true };
}

export function newTrigger(of: Trigger): TriggerListener {
  return { of, pending: [], batchSize: START_BATCH, failures: 0, startAfterMs: 0, setAside: [] };
}

/** Finds those whose patterns an arrival fits. To make it costs about as much as to try all of them on one arrival. */
export function indexByPattern<T extends Listener<{ pattern: string }>>(
  listeners: readonly T[],
): PatternIndex<T> {
  return new PatternIndex(listeners.map((listener) => [listener.of.pattern, listener]));
}

/** From when on a listing offers to a run that waits: from its `since`, or from where the last listing ended. */
export function subscriptionFloor({ of, listedTo }: SubscriptionListener, isFull: boolean): string {
  return listedTo === undefined || isFull ? of.since : latest(of.since, before(listedTo, OVERLAP_MS));
}

/** From when on an arrival may start a run: what is older was offered to the trigger before. */
export function triggerFloor({ of, listedTo, missedFrom, catchingUpFrom }: TriggerListener): string {
  if (listedTo === undefined) return of.since;
  const floors = [before(listedTo, TRIGGER_OVERLAP_MS), missedFrom, catchingUpFrom];
  return latest(of.since, earliest(floors.filter((floor) => floor !== undefined)));
}

/** From when on a trigger's source is listed. */
export function triggerListingFloor(trigger: TriggerListener, isFull: boolean): string {
  const { of, listedTo, catchingUpFrom } = trigger;
  if (listedTo === undefined || isFull || catchingUpFrom !== undefined) return triggerFloor(trigger);
  return latest(of.since, before(listedTo, OVERLAP_MS));
}

/** Notes that a trigger was not offered what came at `time`. */
export function miss(trigger: TriggerListener, time: string): void {
  const from = latest(trigger.of.since, time);
  trigger.missedFrom = trigger.missedFrom === undefined ? from : earliest([trigger.missedFrom, from]);
}

export function pendingBytes(pending: readonly Arrival[]): number {
  return pending.reduce((bytes, arrival) => bytes + bytesOf(arrival), 0);
}

export function isSameSubscription(a: Subscription, b: Subscription): boolean {
  return isSameRun(a, b) && a.pattern === b.pattern && a.step === b.step;
}

export type RunName = Pick<Subscription, 'workflowId' | 'runId'>;
export function isSameRun(a: RunName, b: RunName): boolean {
  return a.workflowId === b.workflowId && a.runId === b.runId;
}

export type TriggerName = Pick<Trigger, 'pipeline' | 'pattern'>;
export function isSameTrigger(a: TriggerName, b: TriggerName): boolean {
  return a.pipeline === b.pipeline && a.pattern === b.pattern;
}

export function before(time: string, durationMs: number): string {
  return new Date(Date.parse(time) - durationMs).toISOString();
}

export function latest(a: string, b: string): string {
  return Date.parse(a) > Date.parse(b) ? a : b;
}

export function earliest(times: readonly string[]): string {
  return times.reduce((a, b) => (Date.parse(a) < Date.parse(b) ? a : b));
}
