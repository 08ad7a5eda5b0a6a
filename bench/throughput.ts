/**
 * `npm run bench -- throughput`: how many runs a minute one worker ends, and what CPU each costs, with 100 and 500 at once:
 * `marketing-and-sales` with jobs that do nothing against a hand-written workflow, in turn on one server. Jobs of a service
 * are submitted and awaited by both; those that run inside the worker are awaited alone, by Sluice and, in one of the two
 * hand-written workflows, by hand. The CPU is that of this process, worker and client.
 */
import type { Client } from '@temporalio/client';
import { duckdbQuery } from '../src/duckdb';
import { livyCreateBatch } from '../src/runners/livy';
import { arrival, each, median, noopRunner } from './measure';
import { bench } from './stack';

const ROUNDS = 3;
const AT_ONCE = [100, 500];

interface Measured {
  runsPerMinute: number;
  cpuMs: number;
}

/** What is measured: a workflow. */
interface Way {
  name: string;
  type: string;
}
const OURS: Way = { name: 'Sluice, jobs in the worker', type: 'marketing-and-sales' };
const OURS_AT_SERVICE: Way = { name: 'Sluice, jobs of a service', type: 'jobsOfService' };
const BY_HAND: Way = { name: 'by hand, submitted and awaited', type: 'handWritten' };
const BY_HAND_HERE: Way = { name: 'by hand, awaited alone', type: 'handWrittenHere' };
const WAYS = [OURS, OURS_AT_SERVICE, BY_HAND, BY_HAND_HERE];
const COMPARED: [Way, Way][] = [
  [OURS, BY_HAND],
  [OURS, BY_HAND_HERE],
  [OURS_AT_SERVICE, BY_HAND],
];

let rounds = 0;

function start(client: Client, { type }: Way, id: string) {
  return client.workflow.signalWithStart(type, {
    taskQueue: 'bench',
    workflowId: id,
    args: [],
    signal: 'arrived',
    signalArgs: [[arrival('sales/a.csv'), arrival('marketing/a.csv')]],
  });
}

/** Twice as many runs as are at once. */
async function measure(client: Client, way: Way, atOnce: number): Promise<Measured> {
  const runs = 2 * atOnce;
  const round = ++rounds;
  const [startedAt, cpu] = [performance.now(), process.cpuUsage()];
  await each(runs, atOnce, async (i) => {
    await (await start(client, way, `${round}-${i}`)).result();
  });
  const { user, system } = process.cpuUsage(cpu);
  const minutes = (performance.now() - startedAt) / 60_000;
  return { runsPerMinute: runs / minutes, cpuMs: (user + system) / 1000 / runs };
}

async function countEvents(client: Client, way: Way): Promise<number> {
  const run = await start(client, way, `events of ${way.name}`);
  await run.result();
  return (await run.fetchHistory()).events!.length;
}

const middle = (measured: Measured[], part: keyof Measured) => median(measured.map((each) => each[part]));

bench(async ({ client, startS3, withWorker }) => {
  const runners = [duckdbQuery, livyCreateBatch].map((definition) => ({
    ...{ ...definition, engines: ['local' as const, 'aws' as const] },
    create: () => noopRunner(),
  }));
  await withWorker({ s3: await startS3(), searchAttributes: true, runners }, {}, async () => {
    for (const way of WAYS) console.log(`${way.name}: ${await countEvents(client, way)} events a run`);
    for (const way of WAYS) await measure(client, way, 50);
    for (const atOnce of AT_ONCE) {
      const measured = new Map<Way, Measured[]>(WAYS.map((way) => [way, []]));
      for (let round = 0; round < ROUNDS; round++)
        for (const [way, results] of measured) results.push(await measure(client, way, atOnce));
      const tell = (way: Way) =>
        `${middle(measured.get(way)!, 'runsPerMinute').toFixed(0)} a minute, ${middle(measured.get(way)!, 'cpuMs').toFixed(1)} ms`;
      for (const [way, than] of COMPARED) {
        const ratio = (part: keyof Measured) =>
          (middle(measured.get(way)!, part) / middle(measured.get(than)!, part)).toFixed(2);
        console.log(
          `${atOnce} at once: ${way.name} (${tell(way)}) against ${than.name} (${tell(than)}): ` +
            `${ratio('runsPerMinute')} of the rate, ${ratio('cpuMs')} of the CPU`,
        );
      }
    }
  });
});
