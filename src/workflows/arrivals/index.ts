import {
  allHandlersFinished,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  patched,
  proxyActivities,
  setHandler,
  setWorkflowOptions,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../../contracts/activities';
import type { Arrival } from '../../pipelines';
import { isSince } from '../../pipelines/arrival';
import { matchesPattern } from '../../pipelines/patterns';
import { arrivalsBefore } from '../arrivalsBefore';
import { ArrivalMemory, bytesOf } from './memory';
import { HEARTBEAT_TIMEOUT } from '../steps/activities';
import { isReportable } from '../steps/failures';
import {
  addTriggerSignal,
  arrivalsSeenSignal,
  arrivedSignal,
  removeTriggerSignal,
  subscribeSignal,
  triggersQuery,
  unsubscribeSignal,
  type ArrivalsState,
  type Listing,
  type Progress,
  type SeenArrival,
  type Subscription,
  type Trigger,
} from '../../contracts/messages';

const OPTIONS = {
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '1 s', maximumAttempts: 5 },
} as const;
const { areStored, findResets, listSource } = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  ...OPTIONS,
});
const { startRuns } = proxyActivities<Activities>({ startToCloseTimeout: '5 minutes', ...OPTIONS });

/** How long an arrival is remembered. Older ones are still in S3, and the listing finds them. */
const MEMORY_AGE_MS = 14 * 86_400_000;
const MEMORY_LIMIT = { entries: 2_000, bytes: 512 * 1024 };

/**
 * How far a listing goes back behind the start of the one before: S3 shows an object at once, so this covers the clocks of
 * S3 and of Temporal alone.
 */
const OVERLAP_MS = 10 * 60_000;
/**
 * How often a listing goes back to the `since` of the subscriptions instead. An upload in many parts carries the time at
 * which it began, hours before it can be seen (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html).
 */
const FULL_LIST_EVERY_MS = 6 * 3_600_000;
/**
 * What is older than a trigger's last listing by more than this has started its run long ago. The server knows the ids of
 * ended runs for the namespace's retention, a day at least; past it, they would not stop a second run.
 */
const TRIGGER_OVERLAP_MS = 12 * 3_600_000;
/**
 * When a source that was just started is listed for the second time. A webhook that did not find this workflow may tell it
 * nothing for `UNKNOWN_SOURCE_MS` (see `acceptArrivals.ts`), which has passed by then.
 */
const SECOND_LISTING_MS = 15_000;

/** At most 2,000 signals of one workflow may be under way, and one answer to the server holds 4 MiB. */
const BATCH = { signals: 500, bytes: 1024 * 1024 };
/** What one signal hands to a run, below the 2 MiB of a payload. */
const SIGNAL_BYTES = 256 * 1024;
const START_BATCH = 100;
/**
 * A run with more signals than this gets them ever less often, down to one in five minutes, so that a week of steady
 * uploads stays far below the 10,000 signals that a run may get.
 */
const UNPACED_SIGNALS = 200;
const MAX_PACE_MS = 5 * 60_000;
/** A run with so many arrivals pending gets them whatever its pace. */
const MAX_PENDING = 1_000;

/** Continue as new well before the server suggests it (4,096 events or 4 MiB). */
const HISTORY_LIMIT = { events: 2_000, bytes: 2 * 1024 * 1024 };
/** Below the 2 MiB of a payload. */
const CARRY_BYTES = 1.5 * 1024 * 1024;

/** A subscription or a trigger with what is on its way to it. */
type Listener<T> = Omit<Progress, 'pending'> & { of: T; pending: Arrival[]; isInListing?: boolean };

/** A signal that found no run. */
interface Unsent {
  of: Subscription;
  chunk: Arrival[];
}

/**
 * The memory of one source. It is either
 * - idle: nobody waits; arrivals are remembered, nothing is listed; ends when the memory has aged away;
 * - serving: a run waits, or an arrival is to start one; the source is listed at once for each new listener, and then on a
 *   timer, so that a webhook that was down delays a run and loses nothing.
 *
 * Signals only change the state. One loop does everything else in turns, each of bounded size: it looks up whether what
 * is remembered for new subscriptions is still there, sends, starts runs, lists a page when nothing is left to send, and continues as new between two turns with all that is pending, so no signal
 * is dropped and neither history nor payloads outgrow the server's limits.
 */
export async function arrivals(state: ArrivalsState): Promise<void> {
  if (!patched('arrivals in turns')) return arrivalsBefore(state);
  const { source, listEveryMs } = state;
  const memory = new ArrivalMemory(state.memory);
  const checksMemory = patched('what is remembered is checked');
  const unpack = <T extends Progress>({ pending = [], listedTo, sent, sendAfter, isNew, ...of }: T) =>
    ({
      of,
      ...(isNew === undefined ? {} : { isNew }),
      ...(listedTo === undefined ? {} : { listedTo }),
      ...(sent === undefined ? {} : { sent, sendAfter }),
      pending: pending.map((index) => state.pending![index]!),
    }) as Listener<Omit<T, keyof Progress>>;
  let subscriptions: Listener<Subscription>[] = state.subscriptions.map(unpack);
  let triggers: Listener<Trigger>[] = (state.triggers ?? []).map(unpack);
  let listing: Listing | null = state.listing ?? null;
  if (listing !== null) for (const listener of [...subscriptions, ...triggers]) listener.isInListing = true;
  let listNow = false;
  let isNew = workflowInfo().continuedFromExecutionRunId === undefined;
  let { nextListAt = 0, nextFullListAt = Date.now() + FULL_LIST_EVERY_MS } = state;
  let startAfter = 0;
  let limit = HISTORY_LIMIT;

  const fits = ({ pattern }: Subscription | Trigger, floor: string, arrival: Arrival) =>
    matchesPattern(pattern, arrival) && isSince(arrival, floor);
  const offer = (listener: Listener<Subscription | Trigger>, floor: string, arrival: Arrival) => {
    if (fits(listener.of, floor, arrival)) listener.pending.push(arrival);
  };
  const take = (seen: SeenArrival[], listed?: Listing) => {
    for (const { told = [], ...offered } of seen) {
      const news = memory.remember(offered);
      if (news === 'known') continue;
      // Of a key, a run waits for the newest version; a trigger starts a run for each.
      for (const listener of news === 'new' ? subscriptions : []) {
        const { of } = listener;
        // A worker from before may have been given `told`, and told the run all the same.
        if (!checksMemory || !told.includes(of.runId))
          offer(listener, listed ? listingFloor(listener, listed.full) : of.since, offered);
        else if (of.once && fits(of, of.since, offered)) unsubscribe(of);
      }
      for (const listener of triggers) offer(listener, triggerFloor(listener), offered);
    }
  };
  const welcome = <T extends Subscription | Trigger>(of: T): Listener<T> => {
    const listener: Listener<T> = { of, pending: [] };
    // What is gone starts no run; a run that waits would take it.
    if (checksMemory && !isTrigger(of)) listener.isNew = true;
    else for (const arrival of memory.all()) offer(listener, of.since, { ...arrival });
    listNow = true;
    return listener;
  };
  const unsubscribe = (of: Subscription) => {
    subscriptions = subscriptions.filter((other) => !isSame(other.of, of));
  };
  const removeTrigger = (of: TriggerName) => {
    triggers = triggers.filter((other) => !isSameTrigger(other.of, of));
  };

  setHandler(arrivalsSeenSignal, (seen) => take(seen));
  setHandler(subscribeSignal, (of) => {
    unsubscribe(of);
    subscriptions.push(welcome(of));
  });
  setHandler(unsubscribeSignal, unsubscribe);
  setHandler(addTriggerSignal, (of) => {
    removeTrigger(of);
    triggers.push(welcome(of));
  });
  setHandler(removeTriggerSignal, removeTrigger);
  setHandler(triggersQuery, () => triggers.map(({ of }) => of));

  const isServing = () => subscriptions.length > 0 || triggers.length > 0;
  const isFull = () => {
    const { historyLength, historySize } = workflowInfo();
    return historyLength > limit.events || historySize > limit.bytes;
  };
  const isSendable = ({ pending, sendAfter = 0 }: Listener<Subscription>) =>
    pending.length > 0 && (Date.now() >= sendAfter || pending.length >= MAX_PENDING);
  const isPending = ({ pending }: Listener<unknown>) => pending.length > 0;
  const isStartable = ({ pending }: Listener<Trigger>) => pending.length > 0 && Date.now() >= startAfter;
  const isListingDue = () => listing !== null || listNow || Date.now() >= nextListAt;
  const nextDueMs = () => {
    if (!isServing()) return MEMORY_AGE_MS;
    const times = [nextListAt];
    for (const { pending, sendAfter = 0 } of subscriptions) if (pending.length > 0) times.push(sendAfter);
    if (triggers.some(({ pending }) => pending.length > 0)) times.push(startAfter);
    return Math.max(1, Math.min(...times) - Date.now());
  };
  const carry = (): ArrivalsState => {
    const pending = new Map<Arrival, number>();
    const indexOf = (arrival: Arrival) => {
      if (!pending.has(arrival)) pending.set(arrival, pending.size);
      return pending.get(arrival)!;
    };
    const pack = <T>({ of, pending: own, isInListing: _, ...progress }: Listener<T>) => ({
      ...of,
      ...progress,
      ...(own.length > 0 ? { pending: own.map(indexOf) } : {}),
    });
    const packed = { subscriptions: subscriptions.map(pack), triggers: triggers.map(pack) };
    return {
      ...{ source, listEveryMs, ...packed, memory: memory.all(), pending: [...pending.keys()] },
      ...{ listing, nextListAt: listNow ? 0 : nextListAt, nextFullListAt },
    };
  };

  /** Offers to new subscriptions what is remembered and still there. */
  const offerRemembered = async () => {
    const newcomers = subscriptions.filter(({ isNew }) => isNew);
    for (const listener of newcomers) delete listener.isNew;
    memory.trim({ oldestMs: Date.now() - MEMORY_AGE_MS, ...MEMORY_LIMIT });
    const remembered = memory
      .all()
      .filter((arrival) => newcomers.some(({ of }) => fits(of, of.since, arrival)))
      .map((arrival) => ({ ...arrival }));
    if (remembered.length === 0) return;
    let stored: boolean[] = [];
    try {
      stored = await areStored(remembered);
    } catch (error) {
      if (!isReportable(error) || isCancellation(error)) throw error;
      log.warn('what is remembered could not be checked, and is offered as it is', {
        source,
        error: String(error),
      });
    }
    for (const arrival of remembered.filter((_, i) => stored[i] !== false))
      for (const listener of newcomers) offer(listener, listener.of.since, arrival);
  };
  /** One batch of signals; the rest waits for the next turn. */
  const send = async (isDue: (listener: Listener<Subscription>) => boolean) => {
    const sending: Promise<Unsent | null>[] = [];
    let bytes = 0;
    for (const listener of subscriptions) {
      if (sending.length >= BATCH.signals || bytes >= BATCH.bytes) break;
      if (!isDue(listener)) continue;
      const [chunk, chunkBytes] = takeChunk(listener.pending);
      bytes += chunkBytes;
      listener.sent = (listener.sent ?? 0) + 1;
      listener.sendAfter =
        Date.now() + Math.min(MAX_PACE_MS, Math.max(0, listener.sent - UNPACED_SIGNALS) * 1_000);
      sending.push(signalRun(listener.of, chunk));
      if (listener.of.once) unsubscribe(listener.of);
    }
    const unsent = (await Promise.all(sending)).filter((failed) => failed !== null);
    if (unsent.length > 0) await followResets(unsent);
  };
  const signalRun = async (of: Subscription, chunk: Arrival[]): Promise<Unsent | null> => {
    try {
      await getExternalWorkflowHandle(of.workflowId, of.runId).signal(arrivedSignal, chunk);
      return null;
    } catch (error) {
      if (!isReportable(error) || isCancellation(error)) throw error;
      return { of, chunk };
    }
  };
  /** Hands what was for a run that has ended to the one that it was reset to; without one, it is waited for no more. */
  const followResets = async (unsent: Unsent[]) => {
    let resets: (string | null)[] = [];
    try {
      if (patched('runs that were reset')) resets = await findResets(unsent.map(({ of }) => runOf(of)));
    } catch (error) {
      if (!isReportable(error) || isCancellation(error)) throw error;
      log.warn('whether runs were reset could not be found out', { source, error: String(error) });
    }
    const isOfRun = (of: Subscription, run: RunName) =>
      of.workflowId === run.workflowId && of.runId === run.runId;
    await Promise.all(
      unsent.map(async ({ of, chunk }, i) => {
        const ended = runOf(of);
        const runId = resets[i];
        const isHeard = typeof runId === 'string' && (await signalRun({ ...of, runId }, chunk)) === null;
        // The run that goes on may have subscribed anew.
        const isKept = (own: Subscription) =>
          isHeard && !subscriptions.some((other) => isSame(other.of, { ...own, runId }));
        subscriptions = subscriptions.filter((own) => !isOfRun(own.of, ended) || isKept(own.of));
        for (const own of subscriptions) if (isHeard && isOfRun(own.of, ended)) own.of = { ...own.of, runId };
      }),
    );
  };
  const start = async ({ of, pending }: Listener<Trigger>) => {
    const { pipeline, input, taskQueue } = of;
    const trigger = { pipeline, input, ...(taskQueue === undefined ? {} : { taskQueue }) };
    const starting = pending.splice(0, START_BATCH);
    try {
      await startRuns.executeWithOptions({ summary: pipeline }, [trigger, starting]);
    } catch (error) {
      if (!isReportable(error) || isCancellation(error)) throw error;
      pending.unshift(...starting);
      startAfter = Date.now() + listEveryMs;
      log.warn('runs could not be started, they are on the timer', { pipeline, error: String(error) });
    }
  };
  const beginListing = (): Listing => {
    const full = Date.now() >= nextFullListAt;
    if (full) nextFullListAt = Date.now() + FULL_LIST_EVERY_MS;
    nextListAt = Date.now() + (isNew ? Math.min(SECOND_LISTING_MS, listEveryMs) : listEveryMs);
    isNew = false;
    listNow = false;
    for (const listener of [...subscriptions, ...triggers]) listener.isInListing = true;
    const floors = [
      ...subscriptions.map((listener) => listingFloor(listener, full)),
      ...triggers.map((listener) => (full ? triggerFloor(listener) : listingFloor(listener, false))),
    ];
    return { startedAt: new Date().toISOString(), since: floors.sort()[0]!, full, after: null };
  };
  const listPage = async (current: Listing) => {
    try {
      const page = await listSource(source, current.since, current.after);
      take(page.arrivals, current);
      if (page.after !== null) return { ...current, after: page.after };
      for (const listener of [...subscriptions, ...triggers])
        if (listener.isInListing) listener.listedTo = current.startedAt;
    } catch (error) {
      if (!isReportable(error) || isCancellation(error)) throw error;
      log.warn('listing failed, the next one comes on the timer', { source, error: String(error) });
    }
    for (const listener of [...subscriptions, ...triggers]) delete listener.isInListing;
    return null;
  };

  for (;;) {
    const woken = await condition(
      () =>
        isFull() ||
        subscriptions.some(({ isNew }) => isNew) ||
        subscriptions.some(isSendable) ||
        triggers.some(isStartable) ||
        (isServing() && isListingDue()),
      nextDueMs(),
    );
    if (subscriptions.some(({ isNew }) => isNew)) await offerRemembered();
    if (subscriptions.some(isSendable)) await send(isSendable);
    for (const listener of triggers.filter(isStartable)) await start(listener);
    const isDrained = !subscriptions.some(isSendable) && !triggers.some(isStartable);
    if (isDrained && isServing() && isListingDue() && !isFull())
      listing = await listPage(listing ?? beginListing());

    memory.trim({ oldestMs: Date.now() - MEMORY_AGE_MS, ...MEMORY_LIMIT });
    subscriptions = subscriptions.filter(
      ({ of }) => of.until === undefined || Date.parse(of.until) > Date.now(),
    );
    if (!isServing()) listing = null;
    if (!allHandlersFinished()) continue;
    if (isFull()) {
      const next = carry();
      if (byteLength(next) <= CARRY_BYTES) await continueAsNew<typeof arrivals>(next);
      // Too much to be carried: what is pending is sent first, then half of what is remembered is left to the listing.
      if (subscriptions.some(isPending)) await send(isPending);
      else if (memory.size > 0) memory.trim({ ...MEMORY_LIMIT, oldestMs: 0, entries: memory.size >> 1 });
      else {
        log.error('too many runs wait on one source; spread them over several', { source });
        limit = { events: 2 * limit.events, bytes: 2 * limit.bytes };
      }
      continue;
    }
    if (!woken && !isServing() && memory.size === 0) return;
  }
}

// It lives longer than any deployment: pinned to the version that it began with, it would go on with that for ever.
// The server refuses a behaviour from a worker without versioning.
setWorkflowOptions(
  () =>
    workflowInfo().currentDeploymentVersion?.deploymentName ? { versioningBehavior: 'AUTO_UPGRADE' } : {},
  arrivals,
);

type RunName = Pick<Subscription, 'workflowId' | 'runId'>;
function runOf({ workflowId, runId }: RunName): RunName {
  return { workflowId, runId };
}

function isTrigger(of: Subscription | Trigger): of is Trigger {
  return 'pipeline' in of;
}

/** From when on a listing offers to a subscription: from its `since`, or from where the last listing ended. */
function listingFloor({ of, listedTo }: Listener<{ since: string }>, full: boolean): string {
  return listedTo === undefined || full ? of.since : latest(of.since, before(listedTo, OVERLAP_MS));
}

/** From when on an arrival may start a run. */
function triggerFloor({ of, listedTo }: Listener<Trigger>): string {
  return listedTo === undefined ? of.since : latest(of.since, before(listedTo, TRIGGER_OVERLAP_MS));
}

function before(time: string, durationMs: number): string {
  return new Date(Date.parse(time) - durationMs).toISOString();
}

function latest(a: string, b: string): string {
  return Date.parse(a) > Date.parse(b) ? a : b;
}

/** Takes what fits into one signal from the front of `pending`. */
function takeChunk(pending: Arrival[]): [chunk: Arrival[], bytes: number] {
  let bytes = 0;
  let count = 0;
  while (count < pending.length && (count === 0 || bytes + bytesOf(pending[count]!) <= SIGNAL_BYTES))
    bytes += bytesOf(pending[count++]!);
  return [pending.splice(0, count), bytes];
}

function byteLength(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}

function isSame(a: Subscription, b: Subscription): boolean {
  return a.workflowId === b.workflowId && a.runId === b.runId && a.pattern === b.pattern && a.step === b.step;
}

type TriggerName = Pick<Trigger, 'pipeline' | 'pattern'>;
function isSameTrigger(a: TriggerName, b: TriggerName): boolean {
  return a.pipeline === b.pipeline && a.pattern === b.pattern;
}
