import type { Job } from '../jobs';
import { field } from '../pipelines';
import { joinFolder, joinLocation } from '../pipelines/location';
import { definePipeline } from './steps';

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
      scripts: field.location({
        about: 'where the folder jobs/ of this package was uploaded to',
        default: 's3://lake/jobs',
      }),
    },
  },
  async (run, { rootPath, engine, clusterId, ifExists, scripts }) => {
    const script = (step: string, name: string): Job => {
      const file = joinLocation(scripts, 'rate-codes', name);
      const args = [rootPath, '--if-exists', ifExists];
      if (engine === 'livy') return { resource: 'livy:createBatch', parameters: { file, args } };
      const Args = ['spark-submit', '--deploy-mode', 'cluster', file, ...args];
      const HadoopJarStep = { Jar: 'command-runner.jar', Args };
      return {
        resource: 'elasticmapreduce:addStep',
        parameters: {
          ClusterId: clusterId!,
          Step: { Name: step, ActionOnFailure: 'CONTINUE', HadoopJarStep },
        },
      };
    };
    const runScript = (step: string, name: string, failedAs: string) =>
      run.job(step, script(step, name), { failedAs });
    await runScript('MilesPerRateCode', 'miles_per_rate_code.py', 'MilesPerRate job failed');
    await runScript('RateCodeStatus', 'rate_code_status.py', 'RateCodeStatus job failed');
    const at = (name: string) => joinFolder(rootPath, 'emr-step-functions', name);
    return { output: at('rate-code-status'), milesPerRateCode: at('miles-per-rate') };
  },
);
