import {
  allHandlersFinished,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../contracts/activities';
import type { Arrival } from '../pipelines';
import { isSameVersion, isSince } from '../pipelines/arrival';
import { matchesPattern } from '../pipelines/patterns';
import { isReportable } from './steps/failures';
import {
  arrivalsSeenSignal,
  arrivedSignal,
  subscribeSignal,
  unsubscribeSignal,
  type ArrivalsState,
  type Subscription,
} from '../contracts/messages';

const { listArrivals } = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  retry: { initialInterval: '1 s', maximumAttempts: 5 },
});

/** How long an arrival is remembered. Older ones are still in S3, and the listing finds them. */
const MEMORY_AGE_MS = 14 * 86_400_000;
const MEMORY_SIZE = 2_000;
/** Continue as new well before the server suggests it (4,096 events): the state is small. */
const HISTORY_LENGTH = 2_000;

/**
 * `arrivals` as it was before it sent in batches, for the histories of that time: they go on with it until they continue
 * as new, which the `arrivals` of today then does. It goes when no such workflow is open any more.
 */
export async function arrivalsBefore(state: ArrivalsState): Promise<void> {
  const { source, subscriptions, memory, listEveryMs } = state;
  const outgoing = new Map<Subscription, Arrival[]>();
  let listNow = false;

  const offer = (subscription: Subscription, arrival: Arrival) => {
    if (!matchesPattern(subscription.pattern, arrival) || !isSince(arrival, subscription.since)) return;
    outgoing.set(subscription, [...(outgoing.get(subscription) ?? []), { ...arrival }]);
  };
  const take = (seen: Arrival[]) => {
    for (const arrival of seen) {
      if (remember(memory, arrival)) for (const subscription of subscriptions) offer(subscription, arrival);
    }
  };
  const drop = (gone: (subscription: Subscription) => boolean) => {
    for (let i = subscriptions.length - 1; i >= 0; i--) {
      if (!gone(subscriptions[i]!)) continue;
      outgoing.delete(subscriptions[i]!);
      subscriptions.splice(i, 1);
    }
  };

  setHandler(arrivalsSeenSignal, take);
  setHandler(subscribeSignal, (subscription) => {
    drop((other) => isSame(other, subscription));
    subscriptions.push(subscription);
    for (const arrival of memory) offer(subscription, arrival);
    listNow = true;
  });
  setHandler(unsubscribeSignal, (subscription) => drop((other) => isSame(other, subscription)));

  for (;;) {
    const woken = await condition(
      () =>
        outgoing.size > 0 ||
        (listNow && subscriptions.length > 0) ||
        workflowInfo().historyLength > HISTORY_LENGTH,
      subscriptions.length > 0 ? listEveryMs : MEMORY_AGE_MS,
    );
    if (outgoing.size > 0) {
      const sending = [...outgoing];
      outgoing.clear();
      await Promise.all(
        sending.map(async ([{ workflowId, runId }, found]) => {
          try {
            await getExternalWorkflowHandle(workflowId, runId).signal(arrivedSignal, found);
          } catch (error) {
            if (!isReportable(error) || isCancellation(error)) throw error;
            drop((other) => other.workflowId === workflowId && other.runId === runId);
          }
        }),
      );
    }
    const listing = subscriptions.length > 0 && (listNow || !woken);
    listNow = false;
    if (listing) {
      const since = subscriptions.map((subscription) => subscription.since).sort()[0]!;
      try {
        take(await listArrivals(source, since));
      } catch (error) {
        if (!isReportable(error) || isCancellation(error)) throw error;
        log.warn('listing failed, the next one comes on the timer', { source, error: String(error) });
      }
    }
    const oldest = Date.now() - MEMORY_AGE_MS;
    memory.sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
    const kept = memory.filter((arrival) => Date.parse(arrival.time) >= oldest).slice(-MEMORY_SIZE);
    memory.splice(0, memory.length, ...kept);
    if (outgoing.size > 0 || listNow || !allHandlersFinished()) continue;
    if (!woken && subscriptions.length === 0 && memory.length === 0) return;
    if (workflowInfo().historyLength > HISTORY_LENGTH || workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof arrivalsBefore>({ source, subscriptions, memory, listEveryMs });
    }
  }
}

function isSame(a: Subscription, b: Subscription): boolean {
  return a.workflowId === b.workflowId && a.runId === b.runId && a.pattern === b.pattern;
}

/**
 * Adds an arrival to a memory unless it is known. The same bytes uploaded anew keep their etag in a bucket without
 * versions, and a later run must still see the new upload, so a known version takes the latest time.
 * @returns whether the memory says anything new
 */
function remember(memory: Arrival[], arrival: Arrival): boolean {
  const known = memory.find((other) => isSameVersion(other, arrival));
  if (known === undefined) {
    memory.push(arrival);
    return true;
  }
  if (arrival.byHand && !known.byHand) {
    known.byHand = true;
    return true;
  }
  if (Date.parse(arrival.time) <= Date.parse(known.time)) return false;
  known.time = arrival.time;
  return true;
}
