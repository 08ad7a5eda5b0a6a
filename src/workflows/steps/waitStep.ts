import { CancellationScope, isCancellation, patched, workflowInfo } from '@temporalio/workflow';
import { SluiceError } from '../../errors';
import type { Arrival } from '../../pipelines';
import { parseDuration } from '../../pipelines/duration';
import { sourceOf } from '../../pipelines/location';
import type { ArrivalMemory } from '../arrivals/memory';
import { describeMissing, findComplete, signKeyOf, type TakenObjects } from './completeness';
import { asApplicationFailure, isReportable, toFailure } from './failures';
import { noteLate } from './lateArrivals';
import type { Shared } from './shared';
import { subscribeTo, subscriptionsOf, unsubscribe } from './subscriptions';
import { untilComplete } from './untilComplete';
import { arrivalsFor, shown, SHOWN_OBJECTS, type Wait, type WaitOptions } from './wait';

/**
 * The step of a wait: subscribes unless all is there already, waits, and unsubscribes unless what comes late counts.
 * @throws ApplicationFailure ArrivalTimeout that names what was missing
 */
export async function waitForArrivals(
  shared: Shared,
  { name, parent, pattern }: { name: string; parent: string | null; pattern: string },
  options: WaitOptions,
): Promise<TakenObjects> {
  const { board, inbox } = shared;
  const { within = '7 days', since = shared.since, complete, late = 'ignore' } = options;
  const step = board.addStep({ name, kind: 'wait', parent });
  const fail = (error: unknown) => {
    const failure = toFailure(error, name);
    board.update(step, { state: 'failed', failure });
    return asApplicationFailure(failure, error instanceof SluiceError ? undefined : error);
  };
  const source = sourceOf(pattern);
  const withinMs = parseDuration(within);
  const quietMs = complete && 'quiet' in complete ? parseDuration(complete.quiet) : 0;
  if (source === null || withinMs === null || quietMs === null) {
    const message = `${name}: cannot wait for ${pattern} within ${within}; give an S3 URI such as s3://lake/sales/*.csv and a duration such as "7 days"`;
    throw fail(new SluiceError('InvalidInput', message));
  }
  board.update(step, { state: 'waiting', waitingFor: pattern, attempts: 1 });
  const deadlineMs = Date.now() + withinMs;
  const wait: Wait = {
    ...{ pattern, source, complete, since, deadlineMs, quietMs, late, step },
    ...{ listed: null, sign: null, taken: new Map<string, Arrival>() },
  };
  const subscriptions = subscriptionsOf(wait, shared);
  let subscribed = false;
  const unsubscribeAll = async () => {
    for (const subscription of subscriptions) await unsubscribe(subscription);
    subscribed = false;
  };
  try {
    const isAtOnce = signKeyOf(complete) === null && quietMs === 0;
    if (late !== 'ignore' || !isAtOnce || findComplete(arrivalsFor(wait, inbox), complete) === null) {
      for (const subscription of subscriptions) {
        await subscribeTo(subscription, { withinMs, summary: name });
        subscribed = true;
      }
    }
    const taken = await untilComplete(shared, wait);
    const isOver = late === 'ignore' || taken === null;
    // One that is for one object ended when that came, unless it came by hand.
    const isSpent = taken?.[0].byHand !== true && subscriptions.every(({ once }) => once);
    if (subscribed && isOver && !(taken !== null && isSpent)) {
      // What follows need not wait for it.
      if (taken !== null && (shared.hasFewEvents || patched('unsubscribe beside what follows')))
        shared.background.push(CancellationScope.nonCancellable(unsubscribeAll));
      else await unsubscribeAll();
    }
    if (taken === null) throw new SluiceError('ArrivalTimeout', describeTimeout(wait, within, inbox));
    if (!isOver) shared.subscriptions.push(...subscriptions);
    endWait(shared, wait, taken);
    return taken;
  } catch (error) {
    if (!isReportable(error)) throw error;
    if (isCancellation(error)) {
      await CancellationScope.nonCancellable(unsubscribeAll);
      board.update(step, { state: 'stopped' });
      throw error;
    }
    if (subscribed) await unsubscribeAll();
    throw fail(error);
  }
}

function endWait(shared: Shared, wait: Wait, taken: TakenObjects): void {
  const { board, inbox, ended } = shared;
  const sign = signKeyOf(wait.complete);
  wait.sign = sign === null ? null : (inbox.get(wait.source.bucket, sign) ?? null);
  for (const arrival of taken) wait.taken.set(arrival.key, arrival);
  board.update(wait.step, { state: 'succeeded', objects: taken.slice(0, SHOWN_OBJECTS).map(shown) });
  ended.push(wait);
  // Of more objects than the rule takes, the rest is as late as what comes a moment after it.
  if (wait.late !== 'ignore') noteLate(shared, wait, arrivalsFor(wait, inbox));
}

function describeTimeout(wait: Wait, within: string, inbox: ArrivalMemory): string {
  const { pattern, since, complete, listed } = wait;
  const missing = describeMissing(arrivalsFor(wait, inbox), complete, listed);
  const id = workflowInfo().workflowId;
  return (
    `Waited ${within} for ${pattern} (arrivals since ${since}): ${missing}. ` +
    `Upload what is missing and start again; an older object is taken with --since, or with: sluice signal ${id} arrival s3://…`
  );
}
