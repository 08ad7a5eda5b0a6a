/**
 * `npm run bench -- limits`: what a limit costs. Runs of jobs that do nothing, 10 at once, without a pool and with one of 10
 * slots, in turn.
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
    const rates: Record<string, number[]> = { 'without a limit': [], 'with a limit': [] };
    for (let round = -1; round < ROUNDS; round++) {
      for (const [way, measured] of Object.entries(rates)) {
        const pool = way === 'with a limit' ? ['bench'] : [];
        const startedAt = performance.now();
        const run = await client.workflow.start('manyJobs', {
          taskQueue: 'bench',
          workflowId: `${way}-${round}`,
          args: [JOBS, AT_ONCE, ...pool],
        });
        await run.result();
        if (round >= 0) measured.push(JOBS / ((performance.now() - startedAt) / 1000));
      }
    }
    for (const [way, measured] of Object.entries(rates))
      console.log(
        `${way}: ${median(measured).toFixed(0)} jobs a second (${measured.map((rate) => rate.toFixed(0)).join(' ')})`,
      );
    const ratios = rates['with a limit']!.map((rate, i) => rate / rates['without a limit']![i]!);
    console.log(`with / without, round by round: ${median(ratios).toFixed(2)}`);
  });
});
