import { CancellationScope } from '@temporalio/workflow';
import type { Job, JobResult } from '../../jobs';
import type { JobOptions } from '../../pipelines';
import { byteLength } from './byteLength';

/** How many jobs of `mapJobs` one run holds: some twelve history events each, far below Temporal's limit of 51,200. */
const JOBS_PER_RUN = 500;
/** What the parameters of these jobs may amount to: the input of a child is one payload, of which Temporal takes 2 MiB. */
const BYTES_PER_RUN = 1024 * 1024;

/** The workflow type of the child runs of a large `mapJobs`. */
export const JOBS_WORKFLOW = 'jobs';

export type MapJobsOptions = JobOptions & { concurrency?: number };

/** The jobs of a `mapJobs`, or of one batch of it: the input of the workflow `jobs`. */
export interface JobsInput {
  name: string;
  /** The place of the first of them among all. */
  first: number;
  jobs: Job[];
  concurrency: number;
  options: JobOptions;
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
 * Runs one job after the other, `concurrency` at a time; the first failure cancels the rest.
 * @param runJob runs the job of a step
 */
export async function eachJob(
  { name, first, jobs, concurrency }: JobsInput,
  runJob: (step: string, job: Job) => Promise<JobResult>,
): Promise<JobResult[]> {
  const results: JobResult[] = [];
  let next = 0;
  const scope = new CancellationScope();
  const failures: unknown[] = [];
  const work = async () => {
    while (next < jobs.length && failures.length === 0) {
      const index = next++;
      try {
        results[index] = await runJob(`${name} ${first + index + 1}`, jobs[index]!);
      } catch (error) {
        failures.push(error);
        scope.cancel();
      }
    }
  };
  await scope.run(() => Promise.all(Array.from({ length: Math.min(concurrency, jobs.length) }, work)));
  if (failures.length > 0) throw failures[0];
  return results;
}
