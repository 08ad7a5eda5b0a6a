/**
 * `npm run bench -- data [SIZE_MB …]`: process sales data on files of 0.5 and 2 GB (of generated rows), against DuckDB's own
 * reader with the same query in the same run, with the memory of the process that reads; and the three queries of the main
 * job on its own files. The ratio is to be at most 1.5, the memory at most 700 MiB, the three queries at most 150 ms.
 */
import { createWriteStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { QueryProcesses } from '../src/duckdb/queryProcesses';
import { generateSamples } from '../samples/generate';
import { median } from './measure';

const SIZES_MB = [500, 2_000];
const ROUNDS = 3;
const WARM_ROUNDS = 9;
const MEMORY_BYTES = 400_000_000;
const MOST = { ratio: 1.5, memoryMiB: 700, publicMs: 150 };

/** The same query by the reader that is measured against. */
const OWN_READER = `
SELECT "Date" AS date, count(*) AS leads_generated, sum("Forecasted Monthly Revenue")::BIGINT AS forecasted_lead_revenue
FROM read_csv(getvariable('sales'), types = {'Date': 'VARCHAR'})
WHERE "Opportunity Stage" = 'Lead'
GROUP BY "Date"
ORDER BY try_strptime("Date", '%m/%d/%Y') NULLS LAST, "Date"`;

const script = (name: string) => readFile(join(process.cwd(), 'jobs', 'marketing-and-sales', name), 'utf8');

interface Run {
  sql: string;
  variables: Record<string, string[]>;
  file: string;
  format: 'parquet' | 'csv';
}

async function run(processes: QueryProcesses, folder: string, { sql, variables, file, format }: Run) {
  const startedAt = performance.now();
  await processes.run({
    ...{ sql, variables, names: {}, maxRows: 1, tempFolder: folder },
    signal: new AbortController().signal,
    output: { file: join(folder, file), format },
  });
  return performance.now() - startedAt;
}

function start(): QueryProcesses {
  return new QueryProcesses({ memoryBytes: MEMORY_BYTES, spillBytes: 10_000_000_000, threads: 2 });
}

/** The most memory that a child of this process has had, and all of them end. */
async function takePeakMiB(): Promise<number> {
  let peak = 0;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    if (!status.includes(`PPid:\t${process.pid}\n`)) continue;
    peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
    process.kill(Number(pid));
  }
  return peak;
}

/** The rows of a file over and over, up to a size. */
async function repeatRows(source: string, target: string, bytes: number): Promise<void> {
  const text = await readFile(source, 'utf8');
  const header = text.slice(0, text.indexOf('\n') + 1);
  const rows = text.slice(header.length);
  const file = createWriteStream(target);
  file.write(header);
  for (let written = 0; written < bytes; written += rows.length)
    if (!file.write(rows)) await once(file, 'drain');
  file.end();
  await once(file, 'close');
}

async function measureSize(folder: string, sales: string, sizeMb: number): Promise<boolean> {
  const file = join(folder, 'large.csv');
  await repeatRows(sales, file, sizeMb * 1_000_000);
  const ours: number[] = [];
  const own: number[] = [];
  let memoryMiB = 0;
  const query = { variables: { sales: [file] }, file: 'out.parquet', format: 'parquet' as const };
  const sql = await script('process-sales.sql');
  for (let round = 0; round < ROUNDS; round++) {
    own.push(await run(start(), folder, { ...query, sql: OWN_READER }));
    await takePeakMiB();
    ours.push(await run(start(), folder, { ...query, sql }));
    memoryMiB = Math.max(memoryMiB, await takePeakMiB());
  }
  await rm(file);
  const ratio = median(ours) / median(own);
  console.log(
    `data: PSD on ${sizeMb} MB: ${(median(ours) / 1000).toFixed(2)} s against ${(median(own) / 1000).toFixed(2)} s by DuckDB's own reader; ratio ${ratio.toFixed(2)}; ${memoryMiB.toFixed(0)} MiB in the process that reads, ${(process.memoryUsage.rss() / 2 ** 20).toFixed(0)} MiB in this one`,
  );
  return ratio <= MOST.ratio && memoryMiB <= MOST.memoryMiB;
}

async function measureMainJob(folder: string): Promise<boolean> {
  const at = (...parts: string[]) => join(folder, ...parts);
  const [psd, pmd, jmsd] = await Promise.all(
    ['process-sales.sql', 'process-marketing.sql', 'join.sql'].map(script),
  );
  const processes = start();
  const times: number[] = [];
  for (let round = 0; round < WARM_ROUNDS; round++) {
    const startedAt = performance.now();
    await run(processes, folder, {
      sql: psd!,
      variables: { sales: [at('marketing-and-sales', 'sales.csv')] },
      file: 's.parquet',
      format: 'parquet',
    });
    await run(processes, folder, {
      sql: pmd!,
      variables: { marketing: [at('marketing-and-sales', 'marketing.csv')] },
      file: 'm.parquet',
      format: 'parquet',
    });
    await run(processes, folder, {
      sql: jmsd!,
      variables: { sales_leads: [at('s.parquet')], marketing: [at('m.parquet')] },
      file: 'j.csv',
      format: 'csv',
    });
    times.push(performance.now() - startedAt);
  }
  await takePeakMiB();
  console.log(
    `data: PSD, PMD, JMSD one after the other: ${times[0]!.toFixed(0)} ms in a process that starts, then ${median(times.slice(1)).toFixed(0)} ms`,
  );
  return median(times.slice(1)) <= MOST.publicMs;
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  try {
    await generateSamples(folder);
    const sizes = process.argv.slice(2).map(Number);
    const kept = [await measureMainJob(folder)];
    const sales = join(folder, 'marketing-and-sales', 'sales.csv');
    for (const sizeMb of sizes.length > 0 ? sizes : SIZES_MB)
      kept.push(await measureSize(folder, sales, sizeMb));
    if (kept.includes(false)) process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

void main();
