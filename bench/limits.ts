/**
 * `npm run bench -- limits`: what a limit costs. Jobs that do nothing, 10 at once, without a pool and with one of 10 slots, in turn:
 * all in one run, and each in a run of its own, which asks its pool itself.
 */
import { S3Client } from '@aws-sdk/client-s3';
import { livyCreateBatch } from '../src/runners/livy';
import type { Runner } from '../src/runners/runner';
import { median } from './measure';
import { bench } from './stack';

const ROUNDS = 8;
const JOBS = 200;
const AT_ONCE = 10;

const noop: Runner<'livy:createBatch'> = {
  submit: ({ key }) =>
    Promise.resolve({
      ...{ resource: 'livy:createBatch', externalId: key, key, url: null },
      submittedAt: new Date().toISOString(),
    }),
  find: () => Promise.resolve(null),
  poll: (_, { externalId }) =>
    Promise.resolve({
      state: 'succeeded',
      result: {
        ...{ resource: 'livy:createBatch', externalId, url: null, output: null },
        ...{ logUrl: null, durationMs: 0, measures: {} },
      },
    }),
  stop: () => Promise.resolve(),
};

bench(async ({ client, withWorker }) => {
  const activities = {
    s3: new S3Client({ region: 'us-east-1' }),
    searchAttributes: true,
    runners: [{ ...livyCreateBatch, create: () => noop }],
    limits: { bench: AT_ONCE },
  };
  await withWorker(activities, {}, async () => {
    const runJobs = (workflowId: string, jobs: number, pool: string[]) =>
      client.workflow.execute('manyJobs', {
        ...{ taskQueue: 'bench', workflowId, args: [jobs, AT_ONCE, ...pool] },
      });
    const scenes: Record<string, (id: string, pool: string[]) => Promise<unknown>> = {
      'one run': (id, pool) => runJobs(id, JOBS, pool),
      'a run for each job': async (id, pool) => {
        let next = 0;
        const work = async () => {
          while (next < JOBS) await runJobs(`${id}-${next++}`, 1, pool);
        };
        await Promise.all(Array.from({ length: AT_ONCE }, work));
      },
    };
    for (const [scene, play] of Object.entries(scenes)) {
      const rates: Record<string, number[]> = { 'without a limit': [], 'with a limit': [] };
      for (let round = -1; round < ROUNDS; round++) {
        for (const [way, measured] of Object.entries(rates)) {
          const startedAt = performance.now();
          await play(`${scene}-${way}-${round}`, way === 'with a limit' ? ['bench'] : []);
          if (round >= 0) measured.push(JOBS / ((performance.now() - startedAt) / 1000));
        }
      }
      for (const [way, measured] of Object.entries(rates))
        console.log(
          `${scene}, ${way}: ${median(measured).toFixed(0)} jobs a second (${measured.map((rate) => rate.toFixed(0)).join(' ')})`,
        );
      const ratios = rates['with a limit']!.map((rate, i) => rate / rates['without a limit']![i]!);
      console.log(`${scene}, with / without, round by round: ${median(ratios).toFixed(2)}`);
    }
  });
});
