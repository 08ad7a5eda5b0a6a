/**
 * `npm run bench -- awaits [JOBS]`: one worker that awaits many jobs. How long a new job's submit takes with none and with
 * JOBS (default 1,000) of them awaited, the worker's memory, and how many writes a second the awaits make on Temporal.
 */
import type { Client } from '@temporalio/client';
import { S3Client } from '@aws-sdk/client-s3';
import { livyCreateBatch } from '../src/runners/livy';
import type { Runner } from '../src/runners/runner';
import { median } from './measure';
import { bench } from './stack';

const PROBES = 20;
const JOBS_A_RUN = 250;
/** Two beats of every await. */
const WATCHED_MS = 100_000;
const jobs = Number(process.argv[2] ?? 1000);

let awaited = 0;
let released = false;
let onSubmit: (() => void) | null = null;

/** Jobs of the step `probe` end at once; all others run until they are released. */
const runner: Runner<'livy:createBatch'> = {
  submit({ key, step }) {
    if (step === 'livy:createBatch') onSubmit?.();
    else awaited++;
    const submittedAt = new Date().toISOString();
    return Promise.resolve({ resource: 'livy:createBatch', externalId: key, key, url: null, submittedAt });
  },
  find: () => Promise.resolve(null),
  poll({ step }, { externalId }) {
    if (step !== 'livy:createBatch' && !released)
      return Promise.resolve({ state: 'running', nativeState: 'running' });
    const nothing = { url: null, output: null, logUrl: null, durationMs: 0, measures: {} };
    const result = { resource: 'livy:createBatch' as const, externalId, ...nothing };
    return Promise.resolve({ state: 'succeeded', result });
  },
  stop: () => Promise.resolve(),
};

/** Milliseconds from the start of a run to the submit of its job, the median. */
async function measureSubmit(client: Client, name: string): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < PROBES; round++) {
    const submitted = new Promise<void>((resolve) => (onSubmit = resolve));
    const startedAt = performance.now();
    const job = { resource: 'livy:createBatch', parameters: { file: 'noop.py' } };
    const run = await client.workflow.start('job', {
      taskQueue: 'bench',
      workflowId: `${name}-${round}`,
      args: [{ job }],
    });
    await submitted;
    times.push(performance.now() - startedAt);
    await run.result();
  }
  return median(times);
}

function rssMiB(): number {
  return Math.round(process.memoryUsage().rss / 2 ** 20);
}

bench(async ({ client, withWorker, countWrites }) => {
  const activities = {
    s3: new S3Client({}),
    searchAttributes: true,
    runners: [{ ...livyCreateBatch, create: () => runner }],
  };
  await withWorker(activities, {}, async () => {
    const alone = await measureSubmit(client, 'alone');
    const memoryBefore = rssMiB();
    const many = await Promise.all(
      Array.from({ length: Math.ceil(jobs / JOBS_A_RUN) }, (_, i) =>
        client.workflow.start('manyJobs', {
          taskQueue: 'bench',
          workflowId: `many-${i}`,
          args: [Math.min(JOBS_A_RUN, jobs - i * JOBS_A_RUN)],
        }),
      ),
    );
    while (awaited < jobs) await new Promise((resolve) => setTimeout(resolve, 100));
    const beside = await measureSubmit(client, 'beside');
    const memoryAt = rssMiB();
    const writesBefore = await countWrites();
    const startedAt = performance.now();
    await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
    const writes = ((await countWrites()) - writesBefore) / ((performance.now() - startedAt) / 1_000);
    const memoryLater = rssMiB();
    released = true;
    await Promise.all(many.map((run) => run.result()));
    console.log(
      `submit: ${alone.toFixed(0)} ms alone, ${beside.toFixed(0)} ms beside ${jobs} awaited jobs; ratio ${(beside / alone).toFixed(2)}`,
    );
    console.log(
      `memory: ${memoryBefore} MiB before, ${memoryAt} MiB with them, ${memoryLater} MiB ${WATCHED_MS / 1_000} s later`,
    );
    console.log(`writes: ${writes.toFixed(1)} a second for ${jobs} awaited jobs`);
  });
});
