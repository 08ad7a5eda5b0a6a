/**
 * `npm run bench -- overhead`: what Sluice adds, as ratios from one run on one server.
 *
 * - orchestration: `marketing-and-sales` with jobs that do nothing, against a hand-written workflow of the same activities;
 * - wake-up: from the webhook's answer to the job's submit, against a bare signal to an activity;
 * - engine: the time that DuckDB takes for the three jobs on the generated sample.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { generateSamples } from '../samples/generate';
import { createAcceptArrivals } from '../src/acceptArrivals';
import { runQuery } from '../src/activities/runners/duckdb/query';
import type { Runner } from '../src/activities/runners/runner';
import type { Arrival } from '../src/pipelines';
import { createLogger } from '../src/logging';
import { createWebhook } from '../src/webhook/server';
import { statusQuery } from '../src/workflows/messages';
import { median, untilIdle } from './measure';
import { bench, config } from './stack';

const ROUNDS = 30;
const WARM_UP = 5;

const elapsed = (sinceMs: number) => performance.now() - sinceMs;

/** Told of each submit as it happens. */
let onSubmit: (run: string) => void = () => {};

const noop: Runner<'duckdb:query'> = {
  submit({ key, run }) {
    onSubmit(run);
    return Promise.resolve({
      resource: 'duckdb:query',
      externalId: key,
      key,
      url: null,
      submittedAt: new Date().toISOString(),
    });
  },
  find: () => Promise.resolve(null),
  poll: (_, { externalId }) =>
    Promise.resolve({
      state: 'succeeded',
      result: {
        resource: 'duckdb:query',
        externalId,
        url: null,
        output: null,
        logUrl: null,
        durationMs: 0,
        measures: {},
      },
    }),
  stop: () => Promise.resolve(),
};

function arrival(key: string): Arrival {
  return {
    bucket: 'lake',
    key,
    versionId: null,
    etag: String(Math.random()),
    size: 1,
    sequencer: null,
    // A run takes no object of a second before its own, and it may start in the next one.
    time: new Date(Date.now() + 1_000).toISOString(),
  };
}

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

async function measureWakeUp(client: Client): Promise<void> {
  const webhook = createWebhook({
    secrets: ['bench'],
    host: '127.0.0.1',
    acceptArrivals: createAcceptArrivals(client, config),
    isReady: () => Promise.resolve(true),
    log: createLogger('silent', 'bench'),
  });
  const address = await webhook.listen({ host: '127.0.0.1', port: 0 });
  const times = { webhook: [] as number[], bare: [] as number[] };
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const bare = await client.workflow.start('signalToActivity', {
      taskQueue: 'bench',
      workflowId: `bare-${round}`,
    });
    await untilIdle(client, bare.workflowId);
    let submitted = new Promise<void>((resolve) => (onSubmit = () => resolve()));
    await bare.signal('arrived', []);
    let answeredAt = performance.now();
    await submitted;
    if (round >= 0) times.bare.push(elapsed(answeredAt));

    // Seconds are what a run's start is compared by: each round has one of its own, or takes the object of the last.
    const time = new Date(Date.now() + (round + WARM_UP) * 10_000).toISOString();
    const run = await client.workflow.start('marketing-and-sales', {
      taskQueue: 'bench',
      workflowId: `wake-${round}`,
      args: [{}, { since: time }],
    });
    while ((await run.query(statusQuery)).waitingFor.length < 2);
    // A wait of days has subscribed and been listed long before its object comes.
    for (const id of [run.workflowId, 'arrivals:s3://lake/sales/', 'arrivals:s3://lake/marketing/'])
      await untilIdle(client, id);
    submitted = new Promise<void>((resolve) => (onSubmit = () => resolve()));
    const body = {
      Records: [
        {
          eventVersion: '2.1',
          eventSource: 'aws:s3',
          awsRegion: 'us-east-1',
          eventTime: time,
          eventName: 'ObjectCreated:Put',
          s3: {
            bucket: { name: 'lake' },
            object: { key: `sales/${round + WARM_UP}.csv`, size: 1, eTag: `e${round}`, sequencer: '01' },
          },
        },
      ],
    };
    const answer = await fetch(`${address}/events/s3`, {
      method: 'POST',
      headers: { authorization: 'Bearer bench' },
      body: JSON.stringify(body),
    });
    answeredAt = performance.now();
    if (answer.status !== 200) throw new Error(await answer.text());
    await submitted;
    if (round >= 0) times.webhook.push(elapsed(answeredAt));
    await run.terminate();
  }
  await webhook.close();
  const [ours, theirs] = [median(times.webhook), median(times.bare)];
  console.log(
    `wake-up: ${ours.toFixed(0)} ms against ${theirs.toFixed(0)} ms of a bare signal; ratio ${(ours / theirs).toFixed(2)}`,
  );
}

bench(async ({ folder, client, startS3, withWorker }) => {
  await measureEngine(folder);
  const activities = { s3: await startS3(), searchAttributes: true, runners: { 'duckdb:query': noop } };
  await withWorker(activities, {}, async () => {
    await measureOrchestration(client);
    await measureWakeUp(client);
  });
});
