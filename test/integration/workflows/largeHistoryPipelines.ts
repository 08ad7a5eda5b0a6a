import { definePipeline, field, type Job } from '../../../src/workflow';

const COUNT = 60;
const load = (padding: number): Job => ({
  resource: 'glue:startJobRun',
  parameters: { JobName: 'load', Arguments: { '--padding': 'x'.repeat(padding) } },
});

/** Jobs without end, until their history has no room for them. */
export const growing = definePipeline(
  {
    name: 'growing',
    about: 'Fills its history with what its jobs return, or with their parameters.',
    input: { by: field.choice(['results', 'parameters']) },
    fallback: async (run) => (await run.job('fall back', load(1))).externalId,
  },
  async (run, { by }): Promise<string> => {
    if (by === 'results') await run.mapJobs('load', Array(COUNT).fill(0), () => load(1));
    else for (let i = 0; i < COUNT; i++) await run.job('load', load(1_500_000));
    return 'all';
  },
);
