import type { Job, JobResult } from '../../src/jobs';
import type { Runner, SubmissionOf } from '../../src/runners/runner';
import { succeeded } from './scriptedRunner';

/**
 * A service that does as it is told, at once.
 * @param answers what its jobs answer besides, by step
 * @returns it, and every job that it was given, by step
 */
export function recordJobs(answers: Record<string, Partial<JobResult>>) {
  const jobs: Record<string, Job> = {};
  const service: Runner = {
    submit({ job, key, step }) {
      jobs[step] = job;
      const externalId = answers[step]?.externalId ?? step;
      return Promise.resolve({ resource: job.resource, externalId, key, url: null, submittedAt: '' });
    },
    find: () => Promise.resolve(null),
    poll({ step }: SubmissionOf<'worker:task'>, reference) {
      const { result } = succeeded(reference) as { result: JobResult };
      return Promise.resolve({ state: 'succeeded', result: { ...result, ...answers[step] } });
    },
    stop: () => Promise.resolve(),
  };
  return { service, jobs };
}
