/** The workflow type of the child runs of a large `mapJobs`, a batch of its jobs each. */
export const JOBS_WORKFLOW = 'jobs';

/** The name of a step of a batch. @param first the place of its first job among all */
export function stepOfBatch({ name, first }: { name: string; first: number }, index: number): string {
  return `${name} ${first + index + 1}`;
}
