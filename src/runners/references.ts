import { createHash } from 'node:crypto';
import type { JobReference, JobResult, Resource } from '../jobs';
import type { JobState } from './runner';

/** A submission's key in a form that every service takes: 39 characters of letters, digits and dashes. */
export function markerOf(key: string): string {
  return `sluice-${createHash('sha256').update(key).digest('hex').slice(0, 32)}`;
}

const MAX_NAME_LENGTH = 256;

/** A name that ends with the submission's marker, for services whose lists show names and nothing else of one's own. */
export function markName(name: string | undefined, marker: string): string {
  return `${(name ?? '').slice(0, MAX_NAME_LENGTH - marker.length - 1)} ${marker}`.trim();
}

/** The reference of a job that runs inside the worker and has no page of its own. */
export function workerReference(resource: Resource, key: string): JobReference {
  return { resource, externalId: markerOf(key), key, url: null, submittedAt: new Date().toISOString() };
}

/**
 * The state of a job that ended well. What is not told is null or empty; without `durationMs`, the job took from its
 * submission until now. A duration below zero, as clocks that differ give it, is none.
 */
export function succeeded(
  { resource, externalId, url, submittedAt }: JobReference,
  told: Partial<Omit<JobResult, 'resource' | 'externalId'>> = {},
): Extract<JobState, { state: 'succeeded' }> {
  const { durationMs = Date.now() - Date.parse(submittedAt), output, logUrl, measures, rows, payload } = told;
  return {
    state: 'succeeded',
    result: {
      resource,
      externalId,
      url: told.url ?? url,
      output: output ?? null,
      logUrl: logUrl ?? null,
      durationMs: Math.max(0, durationMs),
      measures: measures ?? {},
      ...(rows === undefined ? {} : { rows }),
      ...(payload === undefined ? {} : { payload }),
    },
  };
}
