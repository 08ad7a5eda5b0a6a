import type { Client } from '@temporalio/client';
import { Runtime } from '@temporalio/worker';
import { WAITING_RUNS } from '../arrivals/waitingRuns';
import { METRICS } from '../contracts/metrics';

/** Tells Prometheus how many runs wait. Every worker tells the same number, since any of them may end. */
export async function measureWaitingRuns({ workflow }: Client): Promise<void> {
  const { about } = METRICS.sluice_waiting_runs;
  const gauge = Runtime.instance().metricMeter.createGauge('sluice_waiting_runs', 'int', undefined, about);
  gauge.set((await workflow.count(WAITING_RUNS)).count);
}
