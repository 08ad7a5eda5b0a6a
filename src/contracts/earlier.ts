import type { Job, JobReference, JobResult } from '../jobs';
import type { Arrival } from '../pipelines';
import type { Submission, SubmissionGroup } from './activities';

/** What a run that goes on in the place of another is told of it. */
export interface RetryOf {
  id: string;
  runId: string;
  /** Steps that are done again, and all that comes after each in its branch. */
  from?: string[];
  /** Steps that are done again, alone. */
  redo?: string[];
}

/**
 * What a step is known by in every run of a pipeline: the groups that hold it, outermost first, and itself, each by the name that it
 * was given and numbered among its like in its group. The numbers in the names of steps go by which of all began first.
 */
export type Place = string[];

interface PlacedStep {
  step: string;
  place?: Place | undefined;
}

/** Earlier steps, looked up by their places, or by their names, which are all that is known of those of older runs. */
export class StepsByPlace<T extends PlacedStep> {
  private readonly steps = new Map<string, T>();

  /** Takes the place of the same step of an earlier run. */
  add(step: T): void {
    this.steps.delete(step.step);
    this.steps.set(keyOf(step), step);
  }

  find(step: PlacedStep): T | undefined {
    return this.steps.get(keyOf(step)) ?? this.steps.get(step.step);
  }

  values(): Iterable<T> {
    return this.steps.values();
  }
}

function keyOf({ step, place }: PlacedStep): string {
  return place === undefined ? step : JSON.stringify(place);
}

/** What one wait has taken; kept with the next submission or child run, so that a retry of the run takes the same. */
export interface Taken {
  step: string;
  place?: Place;
  /** The pattern and the rule of the wait, as JSON. */
  rule: string;
  /** ISO 8601: when the wait began. */
  began: string;
  /** The groups that hold it, outermost first. */
  within?: SubmissionGroup[];
  /** Of all objects; equal for the same bytes under the same keys. */
  digest: string;
  /** Left out of a wait for many. */
  objects?: Arrival[];
  /** The marker or manifest that ended the wait. */
  sign: Arrival | null;
}

/** A job of an earlier run that may still run. */
export interface LeftJob {
  submission: Submission;
  reference: JobReference | null;
}

/**
 * A part of an earlier run that a retry of it can take over. Times are ISO 8601. Of what a run before has done anew alone (`isAlone`),
 * all that came after it stays good.
 */
export type EarlierStep =
  /** The job succeeded, and its outputs are there still. */
  | {
      kind: 'reuse';
      step: string;
      place?: Place;
      job: string;
      began: string;
      ended: string;
      run: string;
      result: JobResult;
      isAlone?: true;
    }
  /** The job may still run, or has ended well since. Without a reference its service tells it by its client token. */
  | ({ kind: 'adopt'; step: string; place?: Place; job: string; began: string; isAlone?: true } & LeftJob)
  | { kind: 'wait'; taken: Taken }
  /** A child run; `ended` is when the last of its work was done, or null when it did not succeed. */
  | {
      kind: 'child';
      step: string;
      place?: Place;
      run: { id: string; runId: string };
      began: string;
      ended: string | null;
    }
  /** The step is done anew, whatever the run asks of it; its job may still run. */
  | { kind: 'redo'; step: string; place?: Place; left?: LeftJob }
  /** A job that undoes what the earlier run did, and may still run. */
  | { kind: 'stop'; left: LeftJob };

/** A page of what an earlier run has done; `next` is where the following one begins, or null. */
export interface EarlierPage {
  steps: EarlierStep[];
  next: number | null;
}

/**
 * A job as text: two jobs are the same when their texts are. The order of members does not matter, and an object is the
 * same when its bytes are, whichever of its versions and times it was told with. Of a step of an EMR cluster, the cluster does
 * not matter: a retry may have another.
 */
export function describeJob({ job, maxRows = 0 }: { job: Job; maxRows?: number | undefined }): string {
  const parameters: Record<string, unknown> = { ...job.parameters };
  if (job.resource === 'elasticmapreduce:addStep') delete parameters['ClusterId'];
  return JSON.stringify(ordered({ resource: job.resource, parameters, maxRows }));
}

function ordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(ordered);
  const given = value as Record<string, unknown>;
  const isPinned = ['bucket', 'key', 'etag'].every((name) => typeof given[name] === 'string');
  const names = isPinned ? ['bucket', 'etag', 'key'] : Object.keys(given).sort();
  return Object.fromEntries(names.map((name) => [name, ordered(given[name])]));
}
