/**
 * `npm run bench -- overhead`: what Sluice adds, as ratios from one run on one server.
 *
 * - orchestration: `marketing-and-sales` with jobs that do nothing, against a hand-written workflow of the same activities;
 * - wake-up: from the webhook's answer, and from the request, to the job's submit, against a bare signal to an activity;
 * - engine: the time that DuckDB takes for the three jobs on the generated sample.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { generateSamples } from '../samples/generate';
import { createAcceptArrivals } from '../src/arrivals/acceptArrivals';
import { runQuery } from '../src/duckdb/query';
import { duckdbQuery } from '../src/duckdb';
import { createLogger } from '../src/setup/logging';
import { WaitingRuns } from '../src/arrivals/waitingRuns';
import { createWebhook } from '../src/webhook/server';
import { statusQuery } from '../src/contracts/messages';
import { arrival, median, noopRunner, untilIdle } from './measure';
import { bench, config } from './stack';
import { SHIPPED_PIPELINES } from '../src/workflows/shipped';

const ROUNDS = 30;
const WARM_UP = 5;

const elapsed = (sinceMs: number) => performance.now() - sinceMs;

/** Told of each submit as it happens. */
let onSubmit: () => void = () => {};

async function measureEngine(folder: string): Promise<void> {
  await generateSamples(folder);
  const at = (...parts: string[]) => join(folder, ...parts);
  const base = { names: {}, maxRows: 1, tempFolder: folder, signal: new AbortController().signal };
  const run = async (
    script: string,
    variables: Record<string, string[]>,
    file: string,
    format: 'parquet' | 'csv',
  ) => {
    const sql = await readFile(join(process.cwd(), 'jobs', 'marketing-and-sales', script), 'utf8');
    return (await runQuery({ ...base, sql, variables, output: { file: at(file), format } })).engineMs;
  };
  const psd = await run(
    'process-sales.sql',
    { sales: [at('marketing-and-sales', 'sales.csv')] },
    's.parquet',
    'parquet',
  );
  const pmd = await run(
    'process-marketing.sql',
    { marketing: [at('marketing-and-sales', 'marketing.csv')] },
    'm.parquet',
    'parquet',
  );
  const jmsd = await run(
    'join.sql',
    { sales_leads: [at('s.parquet')], marketing: [at('m.parquet')] },
    'j.csv',
    'csv',
  );
  console.log(`engine: PSD ${psd} ms, PMD ${pmd} ms, JMSD ${jmsd} ms; together ${psd + pmd + jmsd} ms`);
}

/** Both workflows in turn, so that a drift of the machine hits both. */
async function measureOrchestration(client: Client): Promise<void> {
  const times: Record<string, number[]> = { 'marketing-and-sales': [], handWritten: [] };
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    for (const [type, values] of Object.entries(times)) {
      const startedAt = performance.now();
      const run = await client.workflow.signalWithStart(type, {
        taskQueue: 'bench',
        workflowId: `${type}-${round}`,
        args: [],
        signal: 'arrived',
        signalArgs: [[arrival('sales/a.csv'), arrival('marketing/a.csv')]],
      });
      await run.result();
      if (round >= 0) values.push(elapsed(startedAt));
    }
  }
  const [ours, theirs] = Object.values(times).map(median) as [number, number];
  console.log(
    `orchestration: ${ours.toFixed(0)} ms against ${theirs.toFixed(0)} ms by hand; ratio ${(ours / theirs).toFixed(2)}`,
  );
}

/**
 * Each round in turn: a bare signal, an object of which the webhook tells the run, and one of which `arrivals` tells it.
 * The webhook's answer may come after the submit.
 */
async function measureWakeUp(client: Client): Promise<void> {
  const waitingRuns = new WaitingRuns(client);
  const ways: [string, WaitingRuns | undefined][] = [
    ['told by the webhook', waitingRuns],
    ['told by arrivals', undefined],
  ];
  const webhooks = await Promise.all(
    ways.map(async ([way, hint]) => {
      const webhook = createWebhook({
        secrets: ['bench'],
        host: '127.0.0.1',
        acceptArrivals: createAcceptArrivals(client, { ...config, pipelines: SHIPPED_PIPELINES }, hint),
        isReady: () => Promise.resolve(true),
        log: createLogger('silent', 'bench'),
      });
      return { way, webhook, url: `${await webhook.listen({ host: '127.0.0.1', port: 0 })}/events/s3` };
    }),
  );
  const times = new Map<string, WakeUp[]>();
  const measure = async (way: string, round: number, send: () => Promise<void>) => {
    let submittedAt = 0;
    const submitted = new Promise<void>((resolve) => {
      onSubmit = () => {
        submittedAt = performance.now();
        resolve();
      };
    });
    const sentAt = performance.now();
    await send();
    const answeredAt = performance.now();
    await submitted;
    const measured = { fromAnswer: submittedAt - answeredAt, fromRequest: submittedAt - sentAt };
    if (round >= 0) times.set(way, [...(times.get(way) ?? []), measured]);
  };
  let objects = 0;
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const bare = await client.workflow.start('signalToActivity', {
      taskQueue: 'bench',
      workflowId: `bare-${round}`,
    });
    await untilIdle(client, bare.workflowId);
    await measure('bare signal', round, () => bare.signal('arrived', []));

    for (const { way, url } of webhooks) {
      // Seconds are what a run's start is compared by: each has some of its own, or takes the object of the last.
      const time = new Date(Date.now() + ++objects * 10_000).toISOString();
      const run = await client.workflow.start('marketing-and-sales', {
        taskQueue: 'bench',
        workflowId: `wake-${objects}`,
        args: [{}, { since: time }],
      });
      while ((await run.query(statusQuery)).waitingFor.length < 2);
      // A wait of days has subscribed and been listed long before its object comes.
      for (const id of [run.workflowId, 'arrivals:s3://lake/sales/', 'arrivals:s3://lake/marketing/'])
        await untilIdle(client, id);
      while ((await waitingRuns.refresh()) < 2);
      const object = { key: `sales/${objects}.csv`, size: 1, eTag: `e${objects}`, sequencer: '01' };
      await measure(way, round, () => postEvent(url, object, time));
      await run.terminate();
      while ((await waitingRuns.refresh()) > 0);
    }
  }
  for (const { webhook } of webhooks) await webhook.close();
  const medianOf = (way: string, part: keyof WakeUp) => median(times.get(way)!.map((time) => time[part]));
  const bare = {
    fromAnswer: medianOf('bare signal', 'fromAnswer'),
    fromRequest: medianOf('bare signal', 'fromRequest'),
  };
  console.log(
    `wake-up: a bare signal's submit ${bare.fromRequest.toFixed(0)} ms from the call, ${bare.fromAnswer.toFixed(0)} ms from its answer`,
  );
  for (const { way } of webhooks) {
    const [fromRequest, fromAnswer] = [medianOf(way, 'fromRequest'), medianOf(way, 'fromAnswer')];
    console.log(
      `wake-up, ${way}: submit ${fromRequest.toFixed(0)} ms from the request, ratio ${(fromRequest / bare.fromRequest).toFixed(2)}; ` +
        `${fromAnswer.toFixed(0)} ms from the webhook's answer, ratio ${(Math.max(0, fromAnswer) / bare.fromAnswer).toFixed(2)}`,
    );
  }
}

/** Milliseconds until the submit; below zero when it came first. */
interface WakeUp {
  fromAnswer: number;
  fromRequest: number;
}

async function postEvent(url: string, object: { key: string }, eventTime: string): Promise<void> {
  const s3 = { bucket: { name: 'lake' }, object };
  const record = {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    eventName: 'ObjectCreated:Put',
    eventTime,
    s3,
  };
  const answer = await fetch(url, {
    method: 'POST',
    headers: { authorization: 'Bearer bench' },
    body: JSON.stringify({ Records: [record] }),
  });
  if (answer.status !== 200) throw new Error(await answer.text());
}

bench(async ({ folder, client, startS3, withWorker }) => {
  await measureEngine(folder);
  const runners = [{ ...duckdbQuery, create: () => noopRunner(() => onSubmit()) }];
  const activities = { s3: await startS3(), searchAttributes: true, runners };
  await withWorker(activities, {}, async () => {
    await measureOrchestration(client);
    await measureWakeUp(client);
  });
});
