import {
  getExternalWorkflowHandle,
  isCancellation,
  patched,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../../contracts/activities';
import { arrivalsWorkflowId, sourceOf } from '../../pipelines/location';
import { matchesPattern } from '../../pipelines/patterns';
import { unsubscribeSignal, type Subscription } from '../../contracts/messages';
import { HEARTBEAT_TIMEOUT } from './activities';
import { signKeyOf } from './completeness';
import { isReportable } from './failures';
import type { Shared } from './shared';
import type { Wait } from './wait';

/** How long after its time is up a wait may still be under way, while no worker is there. */
const UNTIL_MARGIN_MS = 30 * 86_400_000;

const { subscribe } = proxyActivities<Activities>({
  startToCloseTimeout: '30 s',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '1 s', maximumInterval: '30 s' },
});

/** One for the pattern, and one for a marker or manifest that does not fit it. */
export function subscriptionsOf(
  { pattern, source, complete, since, deadlineMs, late, step }: Wait,
  { hasFewEvents }: Shared,
): Subscription[] {
  const { workflowId, runId } = workflowInfo();
  const subscription: Subscription = { workflowId, runId, pattern, since };
  if (late === 'ignore') subscription.until = new Date(deadlineMs + UNTIL_MARGIN_MS).toISOString();
  if (hasFewEvents) {
    subscription.step = step.name;
    if (late === 'ignore' && complete === undefined) subscription.once = true;
  }
  const sign = signKeyOf(complete);
  if (sign === null || matchesPattern(pattern, { bucket: source.bucket, key: sign })) return [subscription];
  if (!patched('a marker of any folder')) return [subscription];
  return [subscription, { ...subscription, pattern: `s3://${source.bucket}/${sign}` }];
}

/** Asks the source's `arrivals` workflow, which is started if need be, for what comes and has come. */
export function subscribeTo(
  subscription: Subscription,
  { withinMs, summary }: { withinMs: number; summary: string },
): Promise<void> {
  return subscribe.executeWithOptions({ scheduleToCloseTimeout: withinMs, summary }, [
    sourceOf(subscription.pattern)!,
    subscription,
  ]);
}

/** The `arrivals` workflow forgets a subscription whose run is gone, so a signal that fails is no harm. */
export async function unsubscribe(subscription: Subscription): Promise<void> {
  const source = sourceOf(subscription.pattern)!;
  try {
    await getExternalWorkflowHandle(arrivalsWorkflowId(source)).signal(unsubscribeSignal, subscription);
  } catch (error) {
    if (!isReportable(error) || isCancellation(error)) throw error;
  }
}
