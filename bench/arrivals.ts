/**
 * `npm run bench -- arrivals [WAITING]`: arrivals in numbers, on one local server.
 *
 * - events: how many a second go through `acceptArrivals`, each a request of its own, against one bare signal an event;
 * - waiting: the memory of the worker with 100 runs that wait, and with WAITING (default 1,000), 1,000 a source, with 100
 *   runs in the sticky cache each time;
 * - wake-up: one object wakes all that wait on its source.
 */
import type { Client } from '@temporalio/client';
import { createAcceptArrivals } from '../src/arrivals/acceptArrivals';
import type { Arrival } from '../src/pipelines';
import { arrivalsSeenSignal, arrivalsWorkflowOptions } from '../src/contracts/messages';
import { each, median, untilIdle } from './measure';
import { bench, config } from './stack';
import { SHIPPED_PIPELINES } from '../src/workflows/shipped';

const WAITING = Number(process.argv[2] ?? 1_000);
const CACHED = 100;
const WAITING_A_SOURCE = 1_000;
const EVENTS = 5_000;
const BARE_SIGNALS = 1_000;
/** How many requests are under way at once, as from as many senders. */
const SENDERS = 100;

const seconds = (sinceMs: number) => (performance.now() - sinceMs) / 1000;

function arrival(key: string): Arrival {
  const time = new Date().toISOString();
  return { bucket: 'lake', key, versionId: null, etag: key, size: 1, sequencer: null, time };
}

async function measureEvents(client: Client): Promise<void> {
  const source = { bucket: 'bare', prefix: '' };
  let startedAt = performance.now();
  await each(BARE_SIGNALS, SENDERS, (i) =>
    client.workflow.signalWithStart('arrivals', {
      ...arrivalsWorkflowOptions(source, config),
      signal: arrivalsSeenSignal,
      signalArgs: [[arrival(`sales/${i}.csv`)]],
    }),
  );
  const bare = BARE_SIGNALS / seconds(startedAt);
  const accept = createAcceptArrivals(client, { ...config, pipelines: SHIPPED_PIPELINES });
  const answers: number[] = [];
  startedAt = performance.now();
  await each(EVENTS, SENDERS, async (i) => {
    const askedAt = performance.now();
    await accept([arrival(`sales/${i}.csv`)]);
    answers.push(performance.now() - askedAt);
  });
  const batched = EVENTS / seconds(startedAt);
  console.log(
    `events: ${batched.toFixed(0)}/s, median answer ${median(answers).toFixed(0)} ms; bare signals ${bare.toFixed(0)}/s; ratio ${(batched / bare).toFixed(1)}`,
  );
}

async function measureWaiting(client: Client): Promise<void> {
  const start = (i: number) =>
    client.workflow.start('waiting', {
      ...{ taskQueue: 'bench', workflowId: `waiting-${i}` },
      args: [`awaited-${Math.floor(i / WAITING_A_SOURCE)}`],
    });
  const megabytes = () => {
    globalThis.gc?.();
    return (process.memoryUsage().rss / 2 ** 20).toFixed(0);
  };
  await each(CACHED, 20, start);
  await each(CACHED, 20, (i) => untilIdle(client, `waiting-${i}`));
  const few = megabytes();
  await each(WAITING - CACHED, 20, (i) => start(CACHED + i));
  await each(WAITING, 20, (i) => untilIdle(client, `waiting-${i}`));
  console.log(`waiting: ${few} MiB with ${CACHED} runs, ${megabytes()} MiB with ${WAITING}`);
  const woken = Math.min(WAITING, WAITING_A_SOURCE);
  await untilIdle(client, 'arrivals:s3://lake/awaited-0/');
  const startedAt = performance.now();
  await createAcceptArrivals(client, { ...config, pipelines: SHIPPED_PIPELINES })([
    arrival('awaited-0/one.csv'),
  ]);
  await each(woken, 50, (i) => client.workflow.getHandle(`waiting-${i}`).result());
  const { historyLength } = await client.workflow.getHandle('arrivals:s3://lake/awaited-0/').describe();
  console.log(
    `wake-up: ${woken} runs in ${seconds(startedAt).toFixed(1)} s; ${historyLength} events in the history of their source`,
  );
}

bench(async ({ client, startS3, withWorker }) => {
  const s3 = await startS3();
  await withWorker({ s3, searchAttributes: false }, { maxCachedWorkflows: CACHED }, async () => {
    await measureEvents(client);
    await measureWaiting(client);
  });
});
