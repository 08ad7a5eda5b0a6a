import { execFile } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { ensureSpark } from '../../src/local';
import { joinOptions, QUICK_START, sparkOptions } from '../../src/local/sparkStart';

const JOBS = join(__dirname, '..', '..', 'jobs');

/**
 * Runs job scripts `[script, argument…]` on a local Spark; for each null, or its exit message.
 * @param settings environment variables besides
 */
export async function runOnSpark(
  calls: string[][],
  settings: Record<string, string> = {},
): Promise<(string | null)[]> {
  const { python, classes } = await ensureSpark({ env: process.env, report: () => {} });
  return new Promise((resolve, reject) => {
    const env = {
      ...process.env,
      PYSPARK_PYTHON: python,
      SPARK_LOCAL_IP: '127.0.0.1',
      // As in the local Livy.
      SPARK_SUBMIT_OPTS: joinOptions(sparkOptions(classes)),
      SPARK_LAUNCHER_OPTS: joinOptions(QUICK_START),
      ...settings,
      PYTHONPATH: [JOBS, settings['PYTHONPATH'] ?? []].flat().join(delimiter),
    };
    const child = execFile(
      python,
      [join(__dirname, '..', 'fixtures', 'run_scripts.py')],
      { env, maxBuffer: 1 << 26 },
      (error, stdout, stderr) =>
        error ? reject(new Error(stderr.slice(-4000))) : resolve(JSON.parse(stdout) as (string | null)[]),
    );
    child.stdin!.end(JSON.stringify(calls));
  });
}
