import type { JobResult } from '../jobs';
import { jobPipeline, type JobInput } from '../pipelines';
import { eachJob, jobsPipeline, type JobsInput } from './steps/mapJobs';
import { runPipeline } from './steps/runPipeline';
import type { RunOptions } from './steps/shared';

/** One job, as a run of its own. */
export function job(given?: JobInput, options?: RunOptions): Promise<JobResult | null> {
  return runPipeline<JobInput, JobResult>(jobPipeline, given, options, (run, input) => {
    const { options: jobOptions, ...work } = input.job;
    return run.job(work.resource, work, jobOptions);
  });
}

/** One batch of a large `mapJobs`, started by it. */
export function jobs(given: JobsInput, options?: RunOptions): Promise<JobResult[] | null> {
  return runPipeline<JobsInput, JobResult[]>(jobsPipeline, given, options, (run, input) =>
    run.fanOut(input.name, (group) => eachJob(group, input)),
  );
}
