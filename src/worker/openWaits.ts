import { Runtime } from '@temporalio/worker';
import type { WaitingRuns } from '../arrivals/waitingRuns';
import { METRICS } from '../contracts/metrics';

/** Tells Prometheus how many waits are open. Every worker tells the same number, since any of them may end. */
export async function measureOpenWaits(waitingRuns: WaitingRuns): Promise<void> {
  const { about } = METRICS.sluice_open_waits;
  const gauge = Runtime.instance().metricMeter.createGauge('sluice_open_waits', 'int', undefined, about);
  gauge.set(await waitingRuns.refresh());
}
