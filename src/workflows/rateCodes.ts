import { patched } from '@temporalio/workflow';
import type { Job } from '../jobs';
import { field } from '../pipelines';
import { csvFields, csvOptions } from '../pipelines/csv';
import { joinFolder, joinLocation, parseS3Uri } from '../pipelines/location';
import { definePipeline } from './steps';

/** Where the pipeline writes, by what is there. */
export function outputsOf(rootPath: string) {
  const at = (name: string) => joinFolder(rootPath, 'emr-step-functions', name);
  return { milesPerRateCode: at('miles-per-rate'), rateCodeStatus: at('rate-code-status') };
}

/** MilesPerRateCode, then RateCodeStatus: Spark scripts through Livy, or as steps of an EMR cluster. */
export const rateCodes = definePipeline(
  {
    name: 'rate-codes',
    about: 'Sums taxi miles per rate code on Spark, then joins them with the fares.',
    input: {
      rootPath: field.location({
        about: 'reads <rootPath>/emr-step-functions/input/tripdata.csv',
        default: 's3://lake',
      }),
      engine: field.choice(['livy', 'elasticmapreduce'], { about: 'where Spark runs', default: 'livy' }),
      clusterId: field.text({
        about: 'the id of the EMR cluster that runs the steps, such as j-1ABCDEFGHIJKL',
        optional: true,
        neededWith: { field: 'engine', value: 'elasticmapreduce' },
      }),
      ifExists: field.choice(['overwrite', 'error'], {
        about: 'what an output that is there already leads to',
        default: 'overwrite',
      }),
      ...csvFields,
      scripts: field.location({
        about: 'where the folder jobs/ of this package was uploaded to',
        default: 's3://lake/jobs',
      }),
    },
  },
  async (run, { rootPath, engine, clusterId, ifExists, scripts, onFailure, ...csv }) => {
    const rows = joinLocation(scripts, 'sluice_rows.py');
    const script = (step: string, name: string, output: string): Job => {
      const file = joinLocation(scripts, 'rate-codes', name);
      const args = [rootPath, '--if-exists', ifExists, ...Object.entries(csvOptions(csv, output)).flat()];
      if (engine === 'livy')
        return { resource: 'livy:createBatch', parameters: { file, args, pyFiles: [rows] } };
      const Args = ['spark-submit', '--deploy-mode', 'cluster', '--py-files', rows, file, ...args];
      const HadoopJarStep = { Jar: 'command-runner.jar', Args };
      return {
        resource: 'elasticmapreduce:addStep',
        parameters: {
          ClusterId: clusterId!,
          Step: { Name: step, ActionOnFailure: 'CONTINUE', HadoopJarStep },
        },
      };
    };
    const { milesPerRateCode, rateCodeStatus: output } = outputsOf(rootPath);
    // In histories that began before, and outside of S3, outputs are not kept.
    const keeps =
      onFailure === 'undo' && parseS3Uri(rootPath) !== null && patched('rate-codes-keeps-outputs');
    if (keeps) await run.keepOutput('miles per rate', milesPerRateCode);
    await run.job(
      'MilesPerRateCode',
      script('MilesPerRateCode', 'miles_per_rate_code.py', milesPerRateCode),
      { failedAs: 'MilesPerRate job failed' },
    );
    if (keeps) await run.keepOutput('rate code status', output);
    await run.job('RateCodeStatus', script('RateCodeStatus', 'rate_code_status.py', output), {
      failedAs: 'RateCodeStatus job failed',
    });
    return { output, milesPerRateCode };
  },
);
