// Pipelines of the tests, beside the product's own.
export * from '../../src/workflows';
import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import type { Job } from '../../src/jobs';
import type { Arrival, JobOptions, Pipeline } from '../../src/pipelines';
import {
  runPipeline,
  type Completeness,
  type Late,
  type ParallelOptions,
  type Run,
  type RunOptions,
  type WaitOptions,
} from '../../src/workflows/steps';

export interface StepsInput {
  wait?: { pattern: string; options: WaitOptions };
  /** Waits for one pattern, side by side, by name. */
  waits?: { pattern: string; options: Record<string, WaitOptions> };
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

export interface InboxInput {
  pattern: string;
  late: Late;
  /** A `Completeness` as JSON. */
  complete?: string;
  /** `yes`: the run goes on after its wait until the signal `finish`. */
  hold: string;
}

export interface InboxResult {
  keys: string[];
  etags: (string | null)[];
  startedBy: string[];
}

const inboxPipeline: Pipeline = {
  name: 'inbox',
  about: 'Waits for objects, and perhaps hears of late ones.',
  input: {
    pattern: { kind: 's3 pattern', about: 'the objects' },
    late: { kind: 'choice', choices: ['ignore', 'fail', 'start new run'], about: '', default: 'ignore' },
    complete: { kind: 'text', about: '', optional: true },
    hold: { kind: 'text', about: '', default: 'no' },
  },
  sources: (input) => [String(input['pattern'])],
  startedBy: (input) => [String(input['pattern'])],
  schedule: null,
};

export const finishSignal = defineSignal('finish');

export function inbox(given: Partial<InboxInput>, options?: RunOptions): Promise<InboxResult | null> {
  let finished = false;
  setHandler(finishSignal, () => void (finished = true));
  return runPipeline<InboxInput, InboxResult>(inboxPipeline, given, options, async (run, input) => {
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
  });
}
