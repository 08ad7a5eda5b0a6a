import type { StartOutcome } from '../../contracts/activities';
import type { Subscription } from '../../contracts/messages';
import type { Arrival } from '../../pipelines';
import {
  pendingBytes,
  START_BATCH,
  type SetAside,
  type SubscriptionListener,
  type TriggerListener,
} from './listeners';
import { bytesOf } from './memory';

/** At most 2,000 signals of one workflow may be under way, and one answer to the server holds 4 MiB. */
const BATCH = { signals: 500, bytes: 1024 * 1024 };
/** What one signal hands to a run, below the 2 MiB of a payload. A run with so much pending gets it whatever its pace. */
const SIGNAL_BYTES = 256 * 1024;
/**
 * A run with more signals than this gets them ever less often, down to one in five minutes, so that a week of steady
 * uploads stays far below the 10,000 signals that a run may get.
 */
const UNPACED_SIGNALS = 200;
const MAX_PACE_MS = 5 * 60_000;

/** The pause after a batch that failed as a whole, four times longer after each, up to the listing interval. */
const START_PAUSE_MS = 1_000;
/** When an object that was set aside is tried again: after a minute, and then twice as long after each attempt. */
const SET_ASIDE_PAUSE_MS = 60_000;
const MAX_SET_ASIDE_PAUSE_MS = 6 * 3_600_000;
/** What a trigger keeps of those; the others are left to the next listing. */
const SET_ASIDE_BYTES = 64 * 1024;
const MESSAGE_LENGTH = 300;

/** What one signal hands to a run. */
export interface Signal {
  listener: SubscriptionListener;
  of: Subscription;
  chunk: Arrival[];
}

/** A batch of runs to start: objects that are due, and some that could not start theirs before. */
export interface StartBatch {
  trigger: TriggerListener;
  arrivals: Arrival[];
  /** Those that come first among `arrivals`. */
  again: SetAside[];
}

export function isSendable({ pending, sendAfterMs }: SubscriptionListener, nowMs: number): boolean {
  return pending.length > 0 && (nowMs >= sendAfterMs || pendingBytes(pending) >= SIGNAL_BYTES);
}

/** One batch of signals, taken from what is pending for those that are due. */
export function takeSignals(
  listeners: readonly SubscriptionListener[],
  nowMs: number,
  isDue: (listener: SubscriptionListener) => boolean,
): Signal[] {
  const signals: Signal[] = [];
  let bytes = 0;
  for (const listener of listeners) {
    if (signals.length >= BATCH.signals || bytes >= BATCH.bytes) break;
    if (listener.pending.length === 0 || !isDue(listener)) continue;
    const chunk = takeChunk(listener.pending);
    bytes += pendingBytes(chunk);
    listener.sent++;
    listener.sendAfterMs =
      nowMs + Math.min(MAX_PACE_MS, Math.max(0, listener.sent - UNPACED_SIGNALS) * 1_000);
    signals.push({ listener, of: listener.of, chunk });
  }
  return signals;
}

/** Takes what fits into one signal from the front of `pending`. */
function takeChunk(pending: Arrival[]): Arrival[] {
  let bytes = 0;
  let count = 0;
  while (count < pending.length && (count === 0 || bytes + bytesOf(pending[count]!) <= SIGNAL_BYTES))
    bytes += bytesOf(pending[count++]!);
  return pending.splice(0, count);
}

/** When a trigger has something to start, in milliseconds since 1970; infinite when it has nothing. */
export function startDueMs({ pending, setAside, startAfterMs }: TriggerListener): number {
  const dueMs = Math.min(pending.length > 0 ? 0 : Infinity, ...setAside.map(({ nextAtMs }) => nextAtMs));
  return Math.max(startAfterMs, dueMs);
}

/** What a trigger starts next: of what was set aside what is due, a quarter of the batch at most, and what is pending. */
export function takeStarts(trigger: TriggerListener, nowMs: number): StartBatch {
  const { pending, setAside, batchSize } = trigger;
  const due = setAside.filter(({ nextAtMs }) => nextAtMs <= nowMs);
  const again = due.slice(0, pending.length === 0 ? batchSize : Math.ceil(batchSize / 4));
  trigger.setAside = setAside.filter((entry) => !again.includes(entry));
  const fresh = pending.splice(0, batchSize - again.length);
  return { trigger, again, arrivals: [...again.map(({ arrival }) => arrival), ...fresh] };
}

/** Takes a batch back that was not tried. */
export function giveBack({ trigger, again, arrivals }: StartBatch): void {
  trigger.pending.unshift(...arrivals.slice(again.length));
  trigger.setAside.push(...again);
}

/** What is to be told of a batch, and done about it. */
export interface BatchReport {
  /** Objects that could not start their run for the first time. */
  newlySetAside: SetAside[];
  /** Those for which there is no room: the next listing finds them. */
  left: Arrival[];
}

/**
 * Keeps what became of a batch. An object that fails is set aside with its reason while others start. When all fail for a
 * reason that may pass, it is the service that fails: the batch is tried again after a pause, by ever fewer at a time, so
 * that in the end one that fails for all of them stands alone and is set aside.
 */
export function settleBatch(
  batch: StartBatch,
  outcomes: readonly StartOutcome[],
  { nowMs, maxPauseMs }: { nowMs: number; maxPauseMs: number },
): BatchReport {
  const { trigger, again, arrivals } = batch;
  const report: BatchReport = { newlySetAside: [], left: [] };
  const isAllFailed = outcomes.every((outcome) => outcome.state === 'failed' && outcome.passing);
  if (isAllFailed) {
    trigger.failures++;
    trigger.startAfterMs = nowMs + Math.min(maxPauseMs, START_PAUSE_MS * 4 ** (trigger.failures - 1));
    trigger.batchSize = Math.max(1, trigger.batchSize >> 1);
    if (arrivals.length > 1) {
      giveBack(batch);
      return report;
    }
  } else {
    trigger.failures = 0;
    trigger.startAfterMs = 0;
    trigger.batchSize = Math.min(START_BATCH, trigger.batchSize * 2);
  }
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.state !== 'failed') continue;
    const arrival = arrivals[i]!;
    const attempts = (again[i]?.attempts ?? 0) + 1;
    const pauseMs = Math.min(MAX_SET_ASIDE_PAUSE_MS, SET_ASIDE_PAUSE_MS * 2 ** (attempts - 1));
    const { code } = outcome;
    const message = outcome.message.slice(0, MESSAGE_LENGTH);
    const entry: SetAside = { arrival, code, message, attempts, nextAtMs: nowMs + pauseMs };
    const bytes = pendingBytes(trigger.setAside.map((other) => other.arrival));
    if (bytes + bytesOf(arrival) > SET_ASIDE_BYTES) report.left.push(arrival);
    else {
      trigger.setAside.push(entry);
      if (attempts === 1) report.newlySetAside.push(entry);
    }
  }
  return report;
}
