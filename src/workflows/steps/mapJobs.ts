import { CancellationScope, isCancellation, type ApplicationFailure } from '@temporalio/workflow';
import type { Failure } from '../../contracts/messages';
import { stepOfBatch } from '../../contracts/batches';
import type { Job, JobResult } from '../../jobs';
import type { JobOptions } from '../../pipelines';
import { byteLength } from './byteLength';
import { asApplicationFailure, firstOf, isReportable, toFailure } from './failures';

/** How many jobs of `mapJobs` one run holds: some twelve history events each, far below Temporal's limit of 51,200. */
const JOBS_PER_RUN = 500;
/** What the parameters of these jobs may amount to: the input of a child is one payload, of which Temporal takes 2 MiB. */
const BYTES_PER_RUN = 1024 * 1024;

/** What happens to what runs beside a part that fails: it is cancelled, or left to finish. */
export type Siblings = 'cancel' | 'finish';

/** How many jobs of a `mapJobs` may fail: so many, or a share of all from 0 to 1. */
export type Tolerance = { count: number } | { share: number };

export type MapJobsOptions = JobOptions & {
  concurrency?: number;
  /** What happens to the other jobs when more have failed than are tolerated: by default no other is begun, and those under way are cancelled. */
  siblings?: Siblings;
  /** By default none may fail. */
  tolerate?: Tolerance;
};

/** A job of a `mapJobs` that has failed. */
export interface FailedJob extends Pick<Failure, 'code' | 'message'> {
  /** The place of its item. */
  index: number;
  step: string;
}

/** What a `mapJobs` that tolerates failures comes to. */
export interface MapOutcome {
  /** In the order of the items; null for one whose job has failed. */
  results: (JobResult | null)[];
  /** In the order in which they failed. */
  failed: FailedJob[];
}

/** The jobs of a `mapJobs`, or of one batch of it: the input of the workflow `jobs`. */
export interface JobsInput {
  name: string;
  /** The place of the first of them among all. */
  first: number;
  jobs: Job[];
  concurrency: number;
  options: JobOptions;
  siblings?: Siblings;
  /** How many of them may fail; with it, the answer is a `MapOutcome`. */
  tolerated?: number;
}

/**
 * How many of `items` may fail.
 * @throws ApplicationFailure InvalidInput for what is no tolerance
 */
export function toleratedOf(name: string, tolerate: Tolerance, items: number): number {
  const isCount = 'count' in tolerate;
  const value = isCount ? tolerate.count : tolerate.share;
  const isRight = isCount ? Number.isInteger(value) && value >= 0 : value >= 0 && value <= 1;
  if (isRight) return isCount ? value : Math.floor(value * items);
  const needs = isCount ? 'a whole number from 0' : 'a number from 0 to 1';
  const message = `${name}: tolerate.${isCount ? 'count' : 'share'} is ${value}; give ${needs}`;
  throw asApplicationFailure({ code: 'InvalidInput', message, step: name });
}

/** What a `mapJobs` fails with of which more jobs have failed than may. */
export function tooManyFailed(
  [first, ...others]: [FailedJob, ...FailedJob[]],
  cause?: unknown,
): ApplicationFailure {
  const { code, step } = first;
  const message =
    others.length === 0 ? first.message : `${first.message}; ${others.length} more have failed, too`;
  return asApplicationFailure({ code, message, step }, cause);
}

/** The work in parts that one run can hold. */
export function batchesOf(work: JobsInput): JobsInput[] {
  const batches: JobsInput[] = [];
  let bytes = 0;
  for (const [index, job] of work.jobs.entries()) {
    const jobBytes = byteLength(job);
    bytes += jobBytes;
    const last = batches.at(-1);
    if (last !== undefined && last.jobs.length < JOBS_PER_RUN && bytes <= BYTES_PER_RUN) last.jobs.push(job);
    else {
      batches.push({ ...work, first: index, jobs: [job] });
      bytes = jobBytes;
    }
  }
  return batches;
}

/**
 * Runs one job after the other, `concurrency` at a time. When more have failed than may, the rest is cancelled, or left to finish.
 * @param runJob runs the job of a step
 */
export async function eachJob(
  { name, first, jobs, concurrency, siblings = 'cancel', tolerated = 0 }: JobsInput,
  runJob: (step: string, job: Job) => Promise<JobResult>,
): Promise<MapOutcome> {
  const results: (JobResult | null)[] = jobs.map(() => null);
  const failed: FailedJob[] = [];
  let next = 0;
  const scope = new CancellationScope();
  /** What ends all, whatever is tolerated: failures that are too many, a cancellation, or a defect of workflow code. */
  const ends: unknown[] = [];
  let isOver = false;
  const work = async () => {
    while (next < jobs.length && !isOver) {
      const index = next++;
      const step = stepOfBatch({ name, first }, index);
      try {
        results[index] = await runJob(step, jobs[index]!);
      } catch (error) {
        const isFailure = isReportable(error) && !isCancellation(error);
        if (isFailure && !isOver) {
          const { code, message } = toFailure(error, step);
          failed.push({ index: first + index, step, code, message });
        }
        if (isFailure && failed.length <= tolerated) continue;
        ends.push(error);
        if (isFailure && siblings === 'finish') continue;
        isOver = true;
        scope.cancel();
      }
    }
  };
  await scope.run(() => Promise.all(Array.from({ length: Math.min(concurrency, jobs.length) }, work)));
  if (ends.length === 0) return { results, failed };
  const end = firstOf(ends);
  const [one, ...others] = failed;
  const isTooMany = one !== undefined && failed.length > tolerated && !isCancellation(end);
  // Of one that fails alone, what it failed with goes on as it is.
  throw isTooMany && others.length > 0 ? tooManyFailed([one, ...others], end) : end;
}
