import { definePipeline, field } from '../../../src/workflow';

export const about = definePipeline(
  {
    name: 'about-interval',
    about: 'Tells what it is about.',
    input: { file: field.text({ default: 'a.py' }) },
  },
  async (run, { file }) => {
    await run.job('work', { resource: 'livy:createBatch', parameters: { file } });
    return run.interval;
  },
);
