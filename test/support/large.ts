/** What is above the size of a payload, wherever it may be. */
import { definePipeline, field } from '../../src/workflow';

const MEGABYTES = 3 * 1024 * 1024;
const large = () => 'x'.repeat(MEGABYTES);

export const largePayloads = definePipeline(
  {
    name: 'large-payloads',
    about: 'Hands on more than a payload holds.',
    input: {
      what: field.choice(['job', 'answer', 'result', 'child', 'nothing'], { about: 'what is large' }),
      text: field.text({ optional: true }),
    },
  },
  async (run, { what }): Promise<unknown> => {
    if (what === 'job')
      await run.job('a large job', { resource: 'livy:createBatch', parameters: { file: large() } });
    if (what === 'answer')
      await run.job('a large answer', {
        resource: 'livy:createBatch',
        parameters: { file: 's3://lake/a.py' },
      });
    if (what === 'child') await run.child('a large child', largePayloads, { what: 'nothing', text: large() });
    return what === 'result' ? large() : null;
  },
);
