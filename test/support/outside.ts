/** A run that does all that is counted: it waits, is throttled, finds no room, submits a job anew; and one that leaks a job. */
import { definePipeline, field } from '../../src/workflow';

export const outside = definePipeline(
  {
    name: 'outside',
    about: 'Is seen from outside.',
    input: { leaks: field.flag({ about: 'whether its job cannot be stopped', default: false }) },
  },
  async (run, { leaks }) => {
    const job = (step: string, options = {}) =>
      run.job(
        step,
        {
          resource: 'livy:createBatch',
          parameters: { file: 's3://lake/a.py', args: ['s3://lake/sales.csv'] },
        },
        options,
      );
    if (leaks) return job('leaks', { timeout: '1 s' });
    await run.waitForArrivals('sales', 's3://lake/sales.csv');
    await job('throttled');
    await job('no room');
    return job('anew', { retry: { attempts: 2, interval: '10 ms' } });
  },
);
