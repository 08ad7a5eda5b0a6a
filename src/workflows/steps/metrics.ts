import { metricMeter } from '@temporalio/workflow';
import type { RunState, StepStatus } from '../../contracts/messages';
import { METRICS, type LabelsOf, type Metric } from '../../contracts/metrics';

/** A replay counts nothing again. */
function count<M extends Metric>(metric: M, labels: LabelsOf<M>): void {
  metricMeter.createCounter(metric, undefined, METRICS[metric].about).add(1, labels);
}

function observeSeconds<M extends Metric>(metric: M, seconds: number, labels: LabelsOf<M>): void {
  metricMeter.createHistogram(metric, 'float', undefined, METRICS[metric].about).record(seconds, labels);
}

export function countRunStart(pipeline: string): void {
  count('sluice_runs_started_total', { pipeline });
}

export function countRunEnd(pipeline: string, state: RunState, seconds: number): void {
  count('sluice_runs_ended_total', { pipeline, state });
  observeSeconds('sluice_run_seconds', seconds, { pipeline, state });
}

/** To be called once for each step, when it has ended. */
export function countStepEnd(pipeline: string, { kind, state, job, startedAt, endedAt }: StepStatus): void {
  const resource: string = job?.resource ?? '';
  count('sluice_steps_ended_total', { pipeline, kind, resource, state });
  if (state === 'leaked') count('sluice_leaks_total', { pipeline, resource });
  if (startedAt === null || endedAt === null) return;
  const seconds = (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
  observeSeconds('sluice_step_seconds', seconds, { pipeline, kind, resource });
}

export function countResubmission(pipeline: string, resource: string): void {
  count('sluice_resubmissions_total', { pipeline, resource });
}
