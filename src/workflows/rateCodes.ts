import type { Job } from '../jobs';
import { rateCodesPipeline, type RateCodesInput } from '../pipelines';
import { joinFolder, joinLocation } from '../pipelines/location';
import { runPipeline, type RunOptions } from './steps';

export interface RateCodesResult {
  /** The folder with the table by rate code: one CSV file with header. */
  output: string;
  milesPerRateCode: string;
}

/** MilesPerRateCode, then RateCodeStatus, both Spark scripts through Livy. */
export function rateCodes(
  given?: Partial<RateCodesInput>,
  options?: RunOptions,
): Promise<RateCodesResult | null> {
  return runPipeline<RateCodesInput, RateCodesResult>(
    rateCodesPipeline,
    given,
    options,
    async (run, input) => {
      const script = (name: string): Job => ({
        resource: 'livy:createBatch',
        parameters: {
          file: joinLocation(input.scripts, 'rate-codes', name),
          args: [input.rootPath, '--if-exists', input.ifExists],
        },
      });
      await run.job('MilesPerRateCode', script('miles_per_rate_code.py'), {
        failedAs: 'MilesPerRate job failed',
      });
      await run.job('RateCodeStatus', script('rate_code_status.py'), {
        failedAs: 'RateCodeStatus job failed',
      });
      const at = (name: string) => joinFolder(input.rootPath, 'emr-step-functions', name);
      return { output: at('rate-code-status'), milesPerRateCode: at('miles-per-rate') };
    },
  );
}
