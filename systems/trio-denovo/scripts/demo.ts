/**
 * A made-up trio from its files to the report, on a local stack of its own, which ends with it:
 * `npm run demo -- [--engine duckdb|livy] [--seed N] [--dir DIR] [--port-offset N]`
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs, promisify } from 'node:util';
import { makeTrio } from '../samples/makeTrio';
import type { Site } from '../src/reads/sites';

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'duckdb' },
    seed: { type: 'string', default: '1' },
    dir: { type: 'string', default: join(tmpdir(), `sluice-trio-demo-${process.pid}`) },
    'port-offset': { type: 'string', default: '400' },
  },
});
const project = join(__dirname, '..');
const client = require
  .resolve('sluice/package.json')
  .replace('package.json', join('dist', 'src', 'client.js'));
const startedAt = Date.now();
const say = (text: string) =>
  console.log(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(5)} s  ${text}`);

async function startStack() {
  const spark = values.engine === 'livy' ? [] : ['--no-spark'];
  const args = [
    client,
    'dev',
    '--json',
    ...spark,
    '--dir',
    values.dir,
    '--port-offset',
    values['port-offset'],
  ];
  const stack = spawn(process.execPath, args, { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: stack.stdout })) {
    const said = JSON.parse(line) as { ready?: boolean; env: Record<string, string>; ui: { url: string } };
    if (said.ready) return { stack, ...said };
  }
  throw new Error('the local stack did not start');
}

async function main(): Promise<void> {
  const made = await makeTrio(await mkdtemp(join(tmpdir(), 'sluice-trio-')), Number(values.seed));
  say('a VCF of 2,000 sites and three BAMs are made up');
  const { stack, env, ui } = await startStack();
  try {
    say(`S3 and Temporal are up: ${ui.url}`);
    const lake = join(values.dir, 's3', 'lake');
    await mkdir(join(lake, 'in'), { recursive: true });
    // The lake is a plain folder here; elsewhere `aws s3 cp` brings the files.
    for (const file of [made.genotypes, ...made.alignments.flatMap((bam) => [bam, `${bam}.bai`])])
      await rename(file, join(lake, 'in', basename(file)));
    const uri = (file: string) => `s3://lake/in/${basename(file)}`;
    const given = [
      `genotypes=${uri(made.genotypes)}`,
      `alignments=${made.alignments.map(uri).join(',')}`,
      `engine=${values.engine}`,
    ].flatMap((parameter) => ['-p', parameter]);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [client, 'start', 'trio-denovo', '--wait', '--json', ...given],
      { cwd: project, env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 },
    );
    const { result } = JSON.parse(stdout) as { result: { counts: Record<string, number> } };
    for (const [name, count] of Object.entries(result.counts)) say(`${name}.csv: ${count} variants`);
    const output = join(lake, 'trio-denovo');
    const sites = JSON.parse(await readFile(join(output, 'sites.json'), 'utf8')) as Site[];
    for (const { chrom, pos, ref, alt, verdict, reason } of sites)
      say(`${chrom}:${pos} ${ref}>${alt}: ${verdict} (${reason})`);
    say(`report: ${join(output, 'report.html')}`);
  } finally {
    stack.kill('SIGTERM');
    await once(stack, 'exit');
  }
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
