import { CancellationScope } from '@temporalio/workflow';
import type { Job, JobResult } from '../../jobs';
import type { JobOptions, Pipeline } from '../../pipelines';
import type { Run } from './run';

/** How many jobs of `mapJobs` one run holds: some twelve history events each, far below Temporal's limit of 51,200. */
const JOBS_PER_RUN = 500;

/** Input of the pipeline that runs one batch of a large `mapJobs`. */
export interface JobsInput {
  name: string;
  first: number;
  jobs: Job[];
  concurrency: number;
  options: JobOptions;
}

/** The pipeline behind `mapJobs`; no person starts it. */
export const jobsPipeline: Pipeline = {
  name: 'jobs',
  about: 'One batch of mapJobs.',
  input: {},
  sources: () => [],
  schedule: null,
};

export type MapJobsOptions = JobOptions & { concurrency?: number };

/** One job for each item, in batches of `JOBS_PER_RUN`; see `Run.mapJobs`. */
export async function mapJobs<T>(
  run: Run,
  {
    name,
    items,
    jobOf,
    options,
  }: { name: string; items: readonly T[]; jobOf: (item: T, index: number) => Job; options: MapJobsOptions },
): Promise<JobResult[]> {
  const { concurrency = 10, ...jobOptions } = options;
  const jobs = items.map(jobOf);
  if (jobs.length > JOBS_PER_RUN) {
    return run.fanOut(name, async (group) => {
      const results: JobResult[] = [];
      for (let first = 0; first < jobs.length; first += JOBS_PER_RUN) {
        const batch: JobsInput = {
          name,
          first,
          jobs: jobs.slice(first, first + JOBS_PER_RUN),
          concurrency,
          options: jobOptions,
        };
        results.push(
          ...(await group.child<JobResult[]>(
            `${name} ${first + 1}-${first + batch.jobs.length}`,
            jobsPipeline,
            batch,
          )),
        );
      }
      return results;
    });
  }
  return run.fanOut(name, (group) =>
    eachJob(group, { name, first: 0, jobs, concurrency, options: jobOptions }),
  );
}

/** One job after the other, `concurrency` at a time. */
export async function eachJob(
  run: Run,
  { name, first, jobs, concurrency, options }: JobsInput,
): Promise<JobResult[]> {
  const results: JobResult[] = [];
  let next = 0;
  const scope = new CancellationScope();
  const failures: unknown[] = [];
  const work = async () => {
    while (next < jobs.length && failures.length === 0) {
      const index = next++;
      try {
        results[index] = await run.job(`${name} ${first + index + 1}`, jobs[index]!, options);
      } catch (error) {
        failures.push(error);
        scope.cancel();
      }
    }
  };
  await scope.run(() =>
    Promise.all(Array.from({ length: Math.max(1, Math.min(concurrency, jobs.length)) }, work)),
  );
  if (failures.length > 0) throw failures[0];
  return results;
}
