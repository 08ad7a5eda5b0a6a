import {
  CancellationScope,
  getExternalWorkflowHandle,
  isCancellation,
  proxyActivities,
} from '@temporalio/workflow';
import type { Activities } from '../../contracts/activities';
import { unsubscribeSignal, type Subscription } from '../../contracts/messages';
import { arrivalsWorkflowId, sourceOf } from '../../pipelines/location';
import { HEARTBEAT_TIMEOUT } from './activities';
import { isReportable } from './failures';

const { subscribe } = proxyActivities<Activities>({
  startToCloseTimeout: '30 s',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '1 s', maximumInterval: '30 s' },
});

/** What one wait has asked the `arrivals` workflows of its sources for. */
export class Subscriptions {
  /** Whether they are to be ended. */
  areOpen = false;

  constructor(private readonly subscriptions: readonly Subscription[]) {}

  /** Asks for what comes and has come; an `arrivals` workflow that is not there is started. */
  async open({ withinMs, summary }: { withinMs: number; summary: string }): Promise<void> {
    for (const subscription of this.subscriptions) {
      // Before the act: a subscribe whose answer is lost may have been accepted.
      this.areOpen = true;
      await subscribe.executeWithOptions({ scheduleToCloseTimeout: withinMs, summary }, [
        sourceOf(subscription.pattern)!,
        subscription,
      ]);
    }
  }

  /** They ended by themselves: each was for one object, which came. */
  markSpent(): void {
    if (this.subscriptions.every(({ once }) => once)) this.areOpen = false;
  }

  /** Ends them, whatever is being cancelled. An `arrivals` workflow forgets a run that is gone, so a signal that fails is no harm. */
  close(): Promise<void> {
    if (!this.areOpen) return Promise.resolve();
    this.areOpen = false;
    return CancellationScope.nonCancellable(async () => {
      for (const subscription of this.subscriptions) await unsubscribe(subscription);
    });
  }
}

async function unsubscribe(subscription: Subscription): Promise<void> {
  const source = sourceOf(subscription.pattern)!;
  try {
    await getExternalWorkflowHandle(arrivalsWorkflowId(source)).signal(unsubscribeSignal, subscription);
  } catch (error) {
    if (!isReportable(error) || isCancellation(error)) throw error;
  }
}
