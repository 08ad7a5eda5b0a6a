import { Context } from '@temporalio/activity';
import { METRICS, type LabelsOf, type Metric } from '../contracts/metrics';
import type { ErrorCode } from '../errors';

function count<M extends Metric>(metric: M, labels: LabelsOf<M>, by = 1): void {
  meter()?.createCounter(metric, undefined, METRICS[metric].about).add(by, labels);
}

/** That of the activity in which this is called, or which made the timer that calls; none in a test without activities. */
function meter() {
  try {
    return Context.current().metricMeter;
  } catch {
    return undefined;
  }
}

export function countPoll(resource: string, outcome: 'answered' | 'failed'): void {
  count('sluice_polls_total', { resource, outcome });
}

/** @param service what comes before the verb of a resource */
export function countThrottle(service: string): void {
  count('sluice_throttles_total', { service });
}

/** A failure that is tried again. */
export function countRetry(resource: string, code: ErrorCode): void {
  const { activityType: activity } = Context.current().info;
  count('sluice_retries_total', { resource, activity, code });
  if (code === 'Throttled') countThrottle(resource.split(':')[0]!);
}

export function countNoCapacity(resource: string): void {
  count('sluice_no_capacity_total', { resource });
}

/** @param cost in units of the currency */
export function countCost(cost: { amount: number; currency: string }, resource: string): void {
  const pipeline = Context.current().info.workflowType ?? '';
  const micros = Math.round(cost.amount * 1_000_000);
  if (micros > 0) count('sluice_cost_micros_total', { pipeline, resource, currency: cost.currency }, micros);
}
