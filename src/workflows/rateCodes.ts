import type { Job } from '../jobs';
import { rateCodesPipeline, type RateCodesInput } from '../pipelines';
import { joinFolder, joinLocation } from '../pipelines/location';
import { runPipeline, type RunOptions } from './steps';

export interface RateCodesResult {
  /** The folder with the table by rate code: one CSV file with header. */
  output: string;
  milesPerRateCode: string;
}

/** MilesPerRateCode, then RateCodeStatus: Spark scripts through Livy, or as steps of an EMR cluster. */
export function rateCodes(
  given?: Partial<RateCodesInput>,
  options?: RunOptions,
): Promise<RateCodesResult | null> {
  return runPipeline<RateCodesInput, RateCodesResult>(
    rateCodesPipeline,
    given,
    options,
    async (run, input) => {
      const script = (step: string, name: string): Job => {
        const file = joinLocation(input.scripts, 'rate-codes', name);
        const args = [input.rootPath, '--if-exists', input.ifExists];
        if (input.engine === 'livy') return { resource: 'livy:createBatch', parameters: { file, args } };
        return {
          resource: 'elasticmapreduce:addStep',
          parameters: {
            ClusterId: input.clusterId!,
            Step: {
              Name: step,
              ActionOnFailure: 'CONTINUE',
              HadoopJarStep: {
                Jar: 'command-runner.jar',
                Args: ['spark-submit', '--deploy-mode', 'cluster', file, ...args],
              },
            },
          },
        };
      };
      const runScript = (step: string, name: string, failedAs: string) =>
        run.job(step, script(step, name), { failedAs });
      await runScript('MilesPerRateCode', 'miles_per_rate_code.py', 'MilesPerRate job failed');
      await runScript('RateCodeStatus', 'rate_code_status.py', 'RateCodeStatus job failed');
      const at = (name: string) => joinFolder(input.rootPath, 'emr-step-functions', name);
      return { output: at('rate-code-status'), milesPerRateCode: at('miles-per-rate') };
    },
  );
}
