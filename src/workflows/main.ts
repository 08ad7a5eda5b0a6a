import { field } from '../pipelines';
import { joinLocation } from '../pipelines/location';
import { marketingAndSales } from './marketingAndSales';
import { rateCodes } from './rateCodes';
import { definePipeline } from './steps';

const { lake, output, engine, within, extraJobs, maxBadShare } = marketingAndSales.fields;

/** `marketing-and-sales`, then `rate-codes`, as child runs. */
export const main = definePipeline(
  {
    name: 'main',
    about: 'marketing-and-sales, then rate-codes, as child runs.',
    input: {
      ...{ lake, output, engine, within, extraJobs, maxBadShare },
      rootPath: field.location({ about: 'of rate-codes; the lake unless given', optional: true }),
      ifExists: rateCodes.fields.ifExists,
      scripts: field.location({ about: 'of rate-codes; <lake>/jobs unless given', optional: true }),
    },
    sources: (input) => marketingAndSales.description.sources(input),
  },
  async (run, { rootPath, scripts, ifExists, notify: _, ...input }) => {
    // A child that falls back would hide its failure from this run, which has its own `onFailure`.
    const onFailure = input.onFailure === 'undo' ? 'undo' : 'fail';
    return {
      marketingAndSales: await run.child('marketing-and-sales', marketingAndSales, { ...input, onFailure }),
      rateCodes: await run.child('rate-codes', rateCodes, {
        rootPath: rootPath ?? input.lake,
        scripts: scripts ?? joinLocation(input.lake, 'jobs'),
        ...{ ifExists, onFailure, maxBadShare: input.maxBadShare },
      }),
    };
  },
);
