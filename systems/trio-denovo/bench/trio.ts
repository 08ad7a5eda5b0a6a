/**
 * `npm run bench -- trio [SITES] [--no-spark]`: whole runs of `trio-denovo` over the genotypes of 100,000 sites and three
 * samples. On DuckDB, of a plain and a compressed file: at most 10 s, command line included, and at most 700 MiB in the worker.
 * On Spark by way of Livy: the step at most 1.3 times as long as a bare spark-submit of the same script in the same Spark.
 */
import { execFile } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs, promisify } from 'node:util';
import { createGzip } from 'node:zlib';
import { seeded } from 'sluice/testing';
import { withLocalStack, type DemoStack } from 'sluice-demo';
import { makeTrioVcf, CHILD, FATHER, MOTHER } from '../samples/trioVcf';

const ROUNDS = 3;
const MOST = { seconds: 10, memoryMiB: 700, ratio: 1.3 };
const PORT_OFFSET = '600';

const { values, positionals } = parseArgs({
  options: { 'no-spark': { type: 'boolean', default: false } },
  allowPositionals: true,
});
const sites = Number(positionals[0] ?? 100_000);
const median = (numbers: number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;

/** The process of this machine whose command line and environment have these texts. */
async function findProcess(command: string, setting: string): Promise<string> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const read = (name: string) => readFile(join('/proc', pid, name), 'utf8').catch(() => '');
    if ((await read('cmdline')).includes(command) && (await read('environ')).includes(setting)) return pid;
  }
  throw new Error(`no process runs ${command} with ${setting}`);
}

/** The most memory that a process has had since this was asked before. */
async function takePeakMiB(pid: string): Promise<number> {
  const status = await readFile(join('/proc', pid, 'status'), 'utf8');
  await writeFile(join('/proc', pid, 'clear_refs'), '5');
  return Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024;
}

interface Step {
  name: string;
  startedAt: string;
  endedAt: string;
}

/** Runs the pipeline. Answers the seconds of all of it, and of the step that finds variants. */
async function run(stack: DemoStack, id: string, parameters: string[]): Promise<[all: number, step: number]> {
  const startedAt = performance.now();
  const given = parameters.flatMap((parameter) => ['-p', parameter]);
  await stack.ask(['start', 'trio-denovo', '--id', id, '--wait', ...given]);
  const tookMs = performance.now() - startedAt;
  const { steps } = (await stack.ask(['status', id])) as { steps: Step[] };
  const { startedAt: from, endedAt: to } = steps.find(({ name }) => name === 'find variants')!;
  return [tookMs / 1000, (Date.parse(to) - Date.parse(from)) / 1000];
}

/** The same script by the Spark of the stack's own Livy, with the same settings. */
async function submit(dir: string, args: string[]): Promise<number> {
  const livy = await findProcess('org.apache.livy.server.LivyServer', `LIVY_HOME=${join(dir, 'livy')}`);
  const environ = await readFile(join('/proc', livy, 'environ'), 'utf8');
  const env = Object.fromEntries(
    environ
      .split('\0')
      .map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const startedAt = performance.now();
  await promisify(execFile)(join(env['SPARK_HOME']!, 'bin', 'spark-submit'), args, {
    env,
    maxBuffer: 1 << 26,
  });
  return (performance.now() - startedAt) / 1000;
}

async function measureDuckdb(stack: DemoStack, dir: string): Promise<boolean> {
  const worker = await findProcess('evWorker.js', `SLUICE_S3_DIR=${join(dir, 's3')}`);
  let isKept = true;
  for (const name of ['trio.vcf', 'trio.vcf.gz']) {
    const [all, step, memory]: number[][] = [[], [], []];
    for (let round = 0; round < ROUNDS; round++) {
      await takePeakMiB(worker);
      const took = await run(stack, `duckdb-${name}-${round}`, [`genotypes=s3://lake/in/${name}`]);
      all!.push(took[0]);
      step!.push(took[1]);
      memory!.push(await takePeakMiB(worker));
    }
    console.log(
      `trio: ${sites} sites of ${name} on DuckDB: ${median(all!).toFixed(1)} s, ${median(step!).toFixed(1)} s of them in the step; ${Math.max(...memory!).toFixed(0)} MiB in the worker`,
    );
    isKept &&= median(all!) <= MOST.seconds && Math.max(...memory!) <= MOST.memoryMiB;
  }
  return isKept;
}

async function measureSpark(stack: DemoStack, dir: string): Promise<boolean> {
  const lake = join(dir, 's3', 'lake');
  const parameters = ['genotypes=s3://lake/in/trio.vcf.gz', 'engine=livy'];
  // Once before, so that ADAM is in the lake.
  await run(stack, 'livy-first', parameters);
  const scripts = join(lake, 'jobs', 'trio-denovo');
  const args = [
    ...['--master', 'local[2]', '--jars', join(lake, 'trio-denovo', '_adam', 'adam-1.0.jar')],
    ...['--py-files', [join(scripts, 'trio_adam.py'), join(scripts, '..', 'sluice_rows.py')].join(',')],
    ...['--conf', 'spark.serializer=org.apache.spark.serializer.KryoSerializer'],
    ...['--conf', 'spark.kryo.registrator=org.bdgenomics.adam.serialization.ADAMKryoRegistrator'],
    ...[join(scripts, 'variants.py'), '--genotypes', join(lake, 'in', 'trio.vcf.gz'), '--contig', '17'],
    ...['--child', CHILD, '--father', FATHER, '--mother', MOTHER, '--output', join(dir, 'bare')],
  ];
  const [all, step, bare]: number[][] = [[], [], []];
  for (let round = 0; round < ROUNDS; round++) {
    bare!.push(await submit(dir, args));
    const took = await run(stack, `livy-${round}`, parameters);
    all!.push(took[0]);
    step!.push(took[1]);
  }
  const ratio = median(step!) / median(bare!);
  console.log(
    `trio: ${sites} sites on Spark: ${median(step!).toFixed(1)} s in the step against ${median(bare!).toFixed(1)} s by a bare spark-submit; ratio ${ratio.toFixed(2)}; ${median(all!).toFixed(1)} s for the whole run`,
  );
  return ratio <= MOST.ratio;
}

async function main(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-trio-bench-'));
  const spark = !values['no-spark'];
  try {
    const folder = join(dir, 's3', 'lake', 'in');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'trio.vcf'), makeTrioVcf(seeded(1), { sites, denovo: sites / 1000 }).text);
    const gzip = createGzip();
    await pipeline(
      createReadStream(join(folder, 'trio.vcf')),
      gzip,
      createWriteStream(join(folder, 'trio.vcf.gz')),
    );
    const stack = { project: join(__dirname, '..'), dir, portOffset: PORT_OFFSET, spark };
    await withLocalStack(stack, async (local) => {
      const kept = [await measureDuckdb(local, dir), !spark || (await measureSpark(local, dir))];
      if (kept.includes(false)) process.exitCode = 1;
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

void main();
