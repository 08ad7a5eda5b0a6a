import type { Subscription, Trigger } from '../../src/contracts/messages';
import type { Arrival } from '../../src/pipelines';

/** A fixed day, so that times in tests can be read. */
export const DAY_START_MS = Date.parse('2026-03-01T00:00:00.000Z');
export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

export const at = (ms: number) => new Date(ms).toISOString();

/** An arrival of `s3://lake/in/…`; its etag is of its key unless given. */
export function arrivalOf(key: string, timeMs = DAY_START_MS, more: Partial<Arrival> = {}): Arrival {
  return {
    bucket: 'lake',
    key,
    versionId: null,
    etag: `etag of ${key}`,
    size: 1,
    sequencer: null,
    time: at(timeMs),
    ...more,
  };
}

export function subscriptionOf(run: string, more: Partial<Subscription> = {}): Subscription {
  return {
    workflowId: run,
    runId: `${run} 1`,
    pattern: 's3://lake/in/**',
    since: at(DAY_START_MS),
    step: 'wait',
    ...more,
  };
}

export function triggerOf(pipeline: string, more: Partial<Trigger> = {}): Trigger {
  return { pipeline, input: {}, pattern: 's3://lake/in/**', since: at(DAY_START_MS), ...more };
}
