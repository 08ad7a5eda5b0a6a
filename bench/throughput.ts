/**
 * `npm run bench -- throughput`: how many runs a minute one worker ends, and what CPU each costs, with 100 and 500 at once:
 * `marketing-and-sales` with jobs that do nothing against a hand-written workflow of the same activities, in turn on one
 * server. The CPU is that of this process, worker and client.
 */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { duckdbQuery } from '../src/duckdb';
import { arrival, each, median, noopRunner } from './measure';
import { bench } from './stack';

const ROUNDS = 3;
const AT_ONCE = [100, 500];

interface Measured {
  runsPerMinute: number;
  cpuMs: number;
}

let rounds = 0;

/** Twice as many runs as are at once. */
async function measure(client: Client, type: string, atOnce: number): Promise<Measured> {
  const runs = 2 * atOnce;
  const round = ++rounds;
  const [startedAt, cpu] = [performance.now(), process.cpuUsage()];
  await each(runs, atOnce, async (i) => {
    const run = await client.workflow.signalWithStart(type, {
      taskQueue: 'bench',
      workflowId: `${type}-${round}-${i}`,
      args: [],
      signal: 'arrived',
      signalArgs: [[arrival('sales/a.csv'), arrival('marketing/a.csv')]],
    });
    await run.result();
  });
  const { user, system } = process.cpuUsage(cpu);
  const minutes = (performance.now() - startedAt) / 60_000;
  return { runsPerMinute: runs / minutes, cpuMs: (user + system) / 1000 / runs };
}

async function countEvents(run: WorkflowHandle): Promise<number> {
  return (await run.fetchHistory()).events!.length;
}

bench(async ({ client, startS3, withWorker }) => {
  const runners = [{ ...duckdbQuery, create: () => noopRunner() }];
  await withWorker({ s3: await startS3(), searchAttributes: true, runners }, {}, async () => {
    const types = ['marketing-and-sales', 'handWritten'];
    for (const type of types) await measure(client, type, 50);
    const events = await Promise.all(
      types.map((type, i) => countEvents(client.workflow.getHandle(`${type}-${i + 1}-0`))),
    );
    console.log(`events of a run: ${events[0]} against ${events[1]} by hand`);
    for (const atOnce of AT_ONCE) {
      const measured: Measured[][] = types.map(() => []);
      for (let round = 0; round < ROUNDS; round++)
        for (const [i, type] of types.entries()) measured[i]!.push(await measure(client, type, atOnce));
      const [ours, theirs] = measured.map((each) => ({
        runsPerMinute: median(each.map(({ runsPerMinute }) => runsPerMinute)),
        cpuMs: median(each.map(({ cpuMs }) => cpuMs)),
      })) as [Measured, Measured];
      console.log(
        `${atOnce} at once: ${ours.runsPerMinute.toFixed(0)} runs a minute against ${theirs.runsPerMinute.toFixed(0)} by hand, ` +
          `ratio ${(ours.runsPerMinute / theirs.runsPerMinute).toFixed(2)}; ` +
          `${ours.cpuMs.toFixed(1)} ms of CPU a run against ${theirs.cpuMs.toFixed(1)}, ratio ${(ours.cpuMs / theirs.cpuMs).toFixed(2)}`,
      );
    }
  });
});
