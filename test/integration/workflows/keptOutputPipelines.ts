import { definePipeline } from '../../../src/workflows/steps';

const job = { resource: 'livy:createBatch' as const, parameters: { file: 'noop.py' } };

/** Keeps an output, and does a job. */
export const keeps = definePipeline({ name: 'keeps', about: 'Keeps an output.', input: {} }, async (run) => {
  await run.keepOutput('out', 's3://lake/keep/out');
  await run.job('hold', job);
});
