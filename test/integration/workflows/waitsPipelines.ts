import { field } from '../../../src/pipelines';
import { definePipeline, type Completeness } from '../../../src/workflows/steps';

/** Waits for the objects of a folder; with `late`, an hour's work follows. */
export const gather = definePipeline(
  {
    name: 'gather',
    about: 'Waits for the objects of a folder.',
    input: {
      folder: field.text({ about: 'a folder of the lake' }),
      complete: field.text({ about: 'a `Completeness` as JSON' }),
      late: field.choice(['ignore', 'start new run'], { default: 'ignore' }),
    },
  },
  async (run, { folder, complete, late }): Promise<string[]> => {
    const objects = await run.waitForArrivals('wait', `s3://lake/${folder}/*`, {
      ...{ within: '30 days', late, complete: JSON.parse(complete) as Completeness },
    });
    if (late !== 'ignore')
      await run.job('rest', { resource: 'glue:startJobRun', parameters: { JobName: 'rest' } });
    return objects.map(({ key, size }) => `${key}: ${size}`);
  },
);
