import { mainPipeline, marketingAndSalesPipeline, rateCodesPipeline, type MainInput } from '../pipelines';
import { joinLocation } from '../pipelines/location';
import type { MarketingAndSalesResult } from './marketingAndSales';
import type { RateCodesResult } from './rateCodes';
import { runPipeline, type RunOptions } from './steps';

export interface MainResult {
  marketingAndSales: MarketingAndSalesResult | null;
  rateCodes: RateCodesResult | null;
}

/** `marketing-and-sales`, then `rate-codes`, as child runs. */
export function main(given?: Partial<MainInput>, options?: RunOptions): Promise<MainResult | null> {
  return runPipeline<MainInput, MainResult>(mainPipeline, given, options, async (run, input) => {
    const {
      rootPath = input.lake,
      scripts = joinLocation(input.lake, 'jobs'),
      ifExists,
      ...marketingAndSales
    } = input;
    // A child that falls back would hide its failure from this run, which has its own `onFailure`.
    const onFailure = 'fail';
    return {
      marketingAndSales: await run.child('marketing-and-sales', marketingAndSalesPipeline, {
        ...marketingAndSales,
        onFailure,
      }),
      rateCodes: await run.child('rate-codes', rateCodesPipeline, { rootPath, scripts, ifExists, onFailure }),
    };
  });
}
