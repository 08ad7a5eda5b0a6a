// Pipelines of the tests, beside the product's own.
export * from '../../src/workflows';
import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import type { Job } from '../../src/jobs';
import { field, type Arrival, type JobOptions, type Pipeline } from '../../src/pipelines';
import {
  definePipeline,
  runPipeline,
  type Completeness,
  type ParallelOptions,
  type Run,
  type WaitOptions,
} from '../../src/workflows/steps';

export interface StepsInput {
  wait?: { pattern: string; options: WaitOptions };
  /** Waits for one pattern, side by side, by name. */
  waits?: { pattern: string; options: Record<string, WaitOptions> };
  /** Names of jobs that run side by side. */
  parallel?: string[];
  parallelOptions?: ParallelOptions;
  /** Side by side, jobs one after the other. */
  branches?: { name: string; options?: JobOptions }[][];
  map?: { items: number; concurrency: number; siblings?: 'finish' } & JobOptions;
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
  const body = async (run: Run) => {
    const results: Record<string, unknown> = {};
    if (input.wait)
      results['wait'] = await run.waitForArrivals('wait', input.wait.pattern, input.wait.options);
    if (input.waits) {
      const { pattern, options } = input.waits;
      results['waits'] = await run.parallel(
        Object.fromEntries(
          Object.entries(options).map(([name, wait]) => [
            name,
            async (branch: Run) =>
              (await branch.waitForArrivals(`wait ${name}`, pattern, wait)).map(({ key }) => key),
          ]),
        ),
      );
    }
    if (input.parallel) {
      results['parallel'] = await run.parallel(
        Object.fromEntries(
          input.parallel.map((name) => [`branch ${name}`, (branch: Run) => branch.job(name, job)]),
        ),
        input.parallelOptions,
      );
    }
    if (input.branches) {
      const branches = input.branches.map((jobs) => async (branch: Run) => {
        for (const { name, options } of jobs) await branch.job(name, job, options);
      });
      await run.parallel(Object.fromEntries(branches.map((branch, i) => [`branch ${i + 1}`, branch])));
    }
    if (input.map) {
      const { items: count, ...options } = input.map;
      const items = Array.from({ length: count }, (_, i) => i);
      results['map'] = (await run.mapJobs('map', items, () => job, options)).length;
    }
    if (input.job) results['job'] = await run.job(input.job.name, job, input.job);
    for (const { name, job: given, options } of input.jobs ?? [])
      results[name] = await run.job(name, given, options);
    return results;
  };
  return runPipeline({ pipeline: stepsPipeline, given: notified, options: undefined, body });
}

export type InboxInput = Required<Parameters<typeof inbox>>[0];

export interface InboxResult {
  keys: string[];
  etags: (string | null)[];
  startedBy: string[];
}

export const finishSignal = defineSignal('finish');

export const inbox = definePipeline(
  {
    name: 'inbox',
    about: 'Waits for objects, and perhaps hears of late ones.',
    input: {
      pattern: field.s3Pattern(),
      late: field.choice(['ignore', 'fail', 'start new run'], { default: 'ignore' }),
      complete: field.text({ about: 'a `Completeness` as JSON', optional: true }),
      hold: field.text({
        about: '`yes`: the run goes on after its wait until the signal `finish`',
        default: 'no',
      }),
    },
    sources: ({ pattern }) => [pattern],
    startedBy: ({ pattern }) => [pattern],
  },
  async (run, input): Promise<InboxResult> => {
    let finished = false;
    setHandler(finishSignal, () => void (finished = true));
    const complete =
      input.complete === undefined ? {} : { complete: JSON.parse(input.complete) as Completeness };
    const objects = await run.waitForArrivals('wait', input.pattern, {
      ...{ within: '30 days', late: input.late },
      ...complete,
    });
    if (input.hold === 'yes' && run.startedBy.length === 0) await condition(() => finished);
    const uri = ({ bucket, key }: Arrival) => `s3://${bucket}/${key}`;
    return {
      keys: objects.map(({ key }) => key),
      etags: objects.map(({ etag }) => etag),
      startedBy: run.startedBy.map(uri),
    };
  },
);
