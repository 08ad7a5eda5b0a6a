/** The analyses of 1,000,000 records; they are to take less than 2 s. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runQuery } from 'sluice';

const jobs = join(__dirname, '..', 'jobs', 'ethereum-auction');
const signal = new AbortController().signal;

async function writeRecords(file: string, count: number): Promise<void> {
  const out = createWriteStream(file);
  const contract = `0x${'a'.repeat(40)}`;
  for (let i = 0; i < count; i++) {
    const block = Math.floor(i / 10);
    const record = {
      id: `0x${i.toString(16).padStart(64, '0')}:0`,
      kind: 'bid',
      chain: '31337-00000000',
      contract,
      block,
      blockhash: `0x${block.toString(16).padStart(64, '0')}`,
      timestamp: new Date(1_500_000_000_000 + block * 15_000).toISOString(),
      bidder: `0x${(i % 10).toString(16).padStart(40, '0')}`,
      amount: String(1 + ((i * 7919) % 12)),
      epoch: 0,
    };
    if (!out.write(`${JSON.stringify(record)}\n`)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}

async function ask(name: string, variables: Record<string, string | string[]>, file: string) {
  const startedAt = performance.now();
  const format = file.endsWith('.csv') ? 'csv' : 'parquet';
  await runQuery({
    sql: await readFile(join(jobs, `${name}.sql`), 'utf8'),
    variables,
    names: {},
    output: { file, format },
    maxRows: 1,
    tempFolder: join(file, '..'),
    signal,
  });
  const tookMs = performance.now() - startedAt;
  console.log(`${name}: ${Math.round(tookMs)} ms`);
  return tookMs;
}

export async function benchAnalyses(count: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-auction-bench-'));
  try {
    const records = join(folder, 'records.jsonl');
    await writeRecords(records, count);
    const events = join(folder, 'events.parquet');
    await ask('current', { records: [records], chain: '', contract: '' }, events);
    let totalMs = 0;
    for (const name of [
      'spend_per_block_window',
      'spend_per_block',
      'distinct_bidders_15s',
      'distinct_bidders_10s',
    ])
      totalMs += await ask(name, { events: [events] }, join(folder, `${name}.csv`));
    console.log(`the four analyses of ${count} records: ${Math.round(totalMs)} ms`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
