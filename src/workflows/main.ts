import { patched } from '@temporalio/workflow';
import { field } from '../pipelines';
import { joinLocation, parseS3Uri } from '../pipelines/location';
import { marketingAndSales, outputsOf } from './marketingAndSales';
import { outputsOf as outputsOfRateCodes, rateCodes } from './rateCodes';
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
    const root = rootPath ?? input.lake;
    // In histories that began before, each child run undid what itself had done.
    const keeps = input.onFailure === 'undo' && patched('main-keeps-outputs');
    if (keeps) {
      // Here, since a child run that has ended well can undo nothing any more.
      const outputs = { ...outputsOf(input), ...(parseS3Uri(root) === null ? {} : outputsOfRateCodes(root)) };
      for (const [name, output] of Object.entries(outputs)) await run.keepOutput(name, output);
    }
    // A child that falls back would hide its failure from this run, which has its own `onFailure`.
    const onFailure = input.onFailure === 'undo' && !keeps ? 'undo' : 'fail';
    return {
      marketingAndSales: await run.child('marketing-and-sales', marketingAndSales, { ...input, onFailure }),
      rateCodes: await run.child('rate-codes', rateCodes, {
        rootPath: root,
        scripts: scripts ?? joinLocation(input.lake, 'jobs'),
        ...{ ifExists, onFailure, maxBadShare: input.maxBadShare },
      }),
    };
  },
);
