import { createHash } from 'node:crypto';
import { mkdtemp, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runCommand } from './command';
import { LOOPBACK } from './ports';

/** A local job is short: it gains more from a quick start than from the second compiler or a parallel collector. */
export const QUICK_START = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'];

/** What Java says of an archive that it cannot use, which costs the quick start and nothing else. */
const SILENT = ['-Xlog:cds=off', '-Xlog:cds+dynamic=off'];

/**
 * The options of a local Spark's own Java, for `SPARK_SUBMIT_OPTS`: a job's own `spark.driver.extraJavaOptions` come
 * after them. @param classes the archive of `archiveClasses`
 */
export function sparkOptions(classes: string): string[] {
  return [...QUICK_START, `-XX:SharedArchiveFile=${classes}`, ...SILENT];
}

/** As Spark's launcher takes options apart. */
export function joinOptions(options: readonly string[]): string {
  return options
    .map((option) => (/[\s"'\\]/.test(option) ? `"${option.replace(/["\\]/g, '\\$&')}"` : option))
    .join(' ');
}

/** Reads and writes as jobs do, so that their classes are loaded. */
const WARMING = `
import sys
from pyspark.sql import SparkSession, functions as F
spark = SparkSession.builder.getOrCreate()
numbers = spark.range(100).select(F.col('id').alias('x'), (F.col('id') % 3).cast('string').alias('key'))
for format in ('csv', 'json', 'parquet'):
    folder = sys.argv[1] + '/' + format
    numbers.write.format(format).save(folder)
    spark.read.schema(numbers.schema).format(format).load(folder).createOrReplaceTempView(format)
spark.sql('SELECT key, count(*), sum(x) FROM csv JOIN parquet USING (x, key) GROUP BY key ORDER BY key').collect()
spark.sql('SELECT key, row_number() OVER (PARTITION BY key ORDER BY x) FROM json').collect()
spark.stop()
`;

/** Tells one Java from another: an archive is of use to the one that has made it. */
export async function idOfJava(java: string): Promise<string> {
  const program = await realpath(java);
  const { size, mtimeMs } = await stat(program);
  return createHash('sha256').update(`${program} ${size} ${mtimeMs}`).digest('hex').slice(0, 8);
}

/**
 * Writes the classes that Spark loads into one file, parsed and verified: a job of a few seconds starts from it in little more
 * than half the time. Java takes it for the same jars at the same paths:
 * https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html
 */
export async function archiveClasses(
  { sparkHome, python, javaHome }: { sparkHome: string; python: string; javaHome: string | undefined },
  file: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-classes-'));
  try {
    const script = path.join(folder, 'warm.py');
    await writeFile(script, WARMING);
    await runCommand({
      command: path.join(sparkHome, 'bin', 'spark-submit'),
      args: ['--master', 'local[2]', '--conf', 'spark.ui.enabled=false', script, folder],
      env: {
        ...env,
        SPARK_HOME: sparkHome,
        SPARK_LOCAL_IP: LOOPBACK,
        PYSPARK_PYTHON: python,
        PYSPARK_DRIVER_PYTHON: python,
        JAVA_HOME: javaHome,
        SPARK_SUBMIT_OPTS: joinOptions([...QUICK_START, `-XX:ArchiveClassesAtExit=${file}`, ...SILENT]),
      },
      cwd: folder,
      timeoutMs: 300_000,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
