import { field } from '../pipelines';
import { definePipeline } from './steps';

/** One job, as a run of its own. */
export const job = definePipeline(
  {
    name: 'job',
    about: 'Runs a single job: --input FILE holds { "resource", "parameters", "options"? }.',
    input: { job: field.job({ about: 'the job { "resource", "parameters", "options"? }' }) },
  },
  (run, input) => {
    const { options, ...work } = input.job;
    return run.job(work.resource, work, options);
  },
);
