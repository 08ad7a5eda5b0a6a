import { JOBS_WORKFLOW } from '../contracts/batches';
import type { JobResult } from '../jobs';
import type { Pipeline } from '../pipelines';
import { runPipeline, type RunOptions } from './steps';
import type { JobsInput, MapOutcome } from './steps/mapJobs';

const description: Pipeline = {
  name: JOBS_WORKFLOW,
  about: 'One batch of mapJobs.',
  input: {},
  sources: () => [],
  schedule: null,
};

/** One batch of a large `mapJobs`, started by it; no person starts it. */
export function jobs(given: JobsInput, options?: RunOptions): Promise<JobResult[] | MapOutcome | null> {
  return runPipeline<JobsInput, JobResult[] | MapOutcome>({
    pipeline: description,
    given,
    options,
    parse: (work) => work as JobsInput,
    body: (run, work) => run.eachJob(work),
  });
}
