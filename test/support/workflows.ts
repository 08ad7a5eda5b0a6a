// Pipelines of the tests, beside the product's own.
export * from '../../src/workflows';
import type { Job } from '../../src/jobs';
import type { JobOptions, Pipeline } from '../../src/pipelines';
import { runPipeline, type Run, type ParallelOptions, type WaitOptions } from '../../src/workflows/steps';

export interface StepsInput {
  wait?: { pattern: string; options: WaitOptions };
  /** Names of jobs that run side by side. */
  parallel?: string[];
  parallelOptions?: ParallelOptions;
  map?: { items: number; concurrency: number };
  job?: { name: string } & JobOptions;
  notify?: string;
  /** Jobs of any resource, one after the other. */
  jobs?: { name: string; job: Job; options?: JobOptions }[];
}

// The rest of its input is of the test's own making, so it is not checked.
const stepsPipeline: Pipeline = {
  name: 'steps',
  about: 'The building blocks, one by one.',
  input: { notify: { kind: 'notification', about: 'where the end is told', optional: true } },
  sources: () => [],
  schedule: null,
};

export function steps(input: StepsInput): Promise<unknown> {
  const notified = input.notify === undefined ? {} : { notify: input.notify };
  const job = { resource: 'livy:createBatch' as const, parameters: { file: 'noop.py' } };
  return runPipeline<StepsInput, unknown>(stepsPipeline, notified, undefined, async (run) => {
    const results: Record<string, unknown> = {};
    if (input.wait)
      results['wait'] = await run.waitForArrivals('wait', input.wait.pattern, input.wait.options);
    if (input.parallel) {
      results['parallel'] = await run.parallel(
        Object.fromEntries(
          input.parallel.map((name) => [`branch ${name}`, (branch: Run) => branch.job(name, job)]),
        ),
        input.parallelOptions,
      );
    }
    if (input.map) {
      const items = Array.from({ length: input.map.items }, (_, i) => i);
      results['map'] = (
        await run.mapJobs('map', items, () => job, { concurrency: input.map.concurrency })
      ).length;
    }
    if (input.job) results['job'] = await run.job(input.job.name, job, input.job);
    for (const { name, job: given, options } of input.jobs ?? [])
      results[name] = await run.job(name, given, options);
    return results;
  });
}
