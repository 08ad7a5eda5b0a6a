/** What others see of runs: metrics by the dashboard that ships, events of OpenLineage, and what a run cost. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { METRICS, type Metric } from '../../../src/contracts/metrics';
import { SluiceError } from '../../../src/errors';
import type { JobState } from '../../../src/runners/runner';
import { freePort } from '../../../src/local';
import { readConfig } from '../../../src/setup/config';
import { createLogger } from '../../../src/setup/logging';
import { countRecords, countRefusal, countRequest, renderMetrics } from '../../../src/webhook/metrics';
import { startTracing, type Tracing } from '../../../src/setup/tracing';
import { measureWaitingRuns } from '../../../src/worker/measureWaitingRuns';
import { installRuntime } from '../../../src/worker/runWorker';
import { startServer, startTestWorker } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { knowsListening, listeningPorts } from '../../support/listening';
import { RUNNING, ScriptedRunner, succeeded, type Script } from '../../support/scriptedRunner';

interface RunEvent {
  eventType: string;
  eventTime: string;
  run: {
    runId: string;
    facets: {
      parent?: { run: { runId: string }; job: { name: string } };
      errorMessage?: { message: string };
    };
  };
  job: { namespace: string; name: string };
  inputs: { namespace: string; name: string }[];
  outputs: { namespace: string; name: string }[];
}

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  service: string;
}

/** What the exporter sends as JSON. */
interface Traces {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: Omit<Span, 'service'>[] }[];
  }[];
}

function spansOf({ resourceSpans }: Traces): Span[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
    return scopeSpans.flatMap((scope) => scope.spans.map((span) => ({ ...span, service })));
  });
}

const reference = { resource: 'livy:createBatch' as const, externalId: '1' };
const ended = succeeded(reference);
const done = {
  ...ended,
  result: { ...('result' in ended ? ended.result : undefined!), output: 's3://lake/out/' },
};
const named = (name: string) => Object.assign(new Error('wait'), { name });
const scripts: Record<string, Partial<Script>> = {
  throttled: { states: [named('ThrottlingException'), done] },
  'no room': {
    submitFaults: [{ error: named('ConcurrentRunsExceededException'), accepted: false }],
    states: [done],
  },
  leaks: { states: [RUNNING] },
};
class Runner extends ScriptedRunner {
  override stop(): Promise<void> {
    return Promise.reject(new SluiceError('JobLeaked', 'it cannot be stopped'));
  }
}
const failed: JobState = { state: 'failed', message: 'a node was lost', retryable: true };
const runner = new Runner((step, { key }) =>
  step === 'anew' ? { states: [key.endsWith('/1') ? failed : done] } : (scripts[step] ?? {}),
);

let folder: string;
let environment: TestWorkflowEnvironment;
let worker: Awaited<ReturnType<typeof startTestWorker>>;
let receiver: Server;
let port: number;
const events: RunEvent[] = [];
const notifications: { state: string; cost?: { amount: number; currency: string } }[] = [];
let tracing: Tracing;
const spans: Span[] = [];
let authorization: string | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-outside-'));
  writeFileSync(join(folder, 'prices.json'), '{"currency":"EUR","prices":{"units":0.25,"other":7}}');
  receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (request.url === '/v1/traces') spans.push(...spansOf(JSON.parse(body) as Traces));
      else if (request.url === '/api/v1/lineage') events.push(JSON.parse(body) as RunEvent);
      else notifications.push(JSON.parse(body) as (typeof notifications)[number]);
      ({ authorization } = request.url === '/api/v1/lineage' ? request.headers : { authorization });
      response.writeHead(201).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  port = await freePort();
  const config = readConfig({
    SLUICE_METRICS_PORT: String(port),
    SLUICE_PRICES: join(folder, 'prices.json'),
    SLUICE_OPENLINEAGE_URL: url,
    SLUICE_OPENLINEAGE_TOKEN: 'a-token-of-ours',
    SLUICE_NOTIFY: `${url}/hook`,
  });
  installRuntime(config, createLogger('silent', 'worker'), []);
  environment = await startServer();
  const { prices, lineage, notify } = config;
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = url;
  tracing = (await startTracing({ traces: 'otlp' }, 'sluice-worker'))!;
  worker = await startTestWorker(environment, {
    plugins: [tracing.plugin],
    runners: { 'livy:createBatch': runner },
    files: [join(__dirname, '..', '..', 'support', 'outside.ts')],
    config: { prices, lineage, notify },
  });
  const run = (workflowId: string, input: object, options: object) =>
    environment.client.workflow.start('outside', { taskQueue: 'test', workflowId, args: [input, options] });
  const arrival = {
    ...{ bucket: 'lake', key: 'sales.csv', versionId: 'v', etag: 'e', size: 1, sequencer: null },
    time: new Date().toISOString(),
  };
  const runs = await Promise.all([
    run('good', {}, { since: arrival.time, arrivals: [arrival] }),
    run('leaks', { leaks: true }, {}),
  ]);
  await Promise.allSettled(runs.map((one) => one.result()));
  await measureWaitingRuns(environment.client);
  // Its workflow task fails again and again: no worker has such code.
  await environment.client.workflow.start('unknown', { taskQueue: 'test', workflowId: 'unknown' });
}, 120_000);

afterAll(async () => {
  await worker?.stop();
  await environment?.teardown();
  receiver?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

async function scrape(): Promise<Sample[]> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return [...text.matchAll(/^(\w+)(?:\{([^}]*)\})? (\S+)$/gm)].map(([, name, labels, value]) => ({
    name: name!,
    labels: Object.fromEntries(
      [...(labels ?? '').matchAll(/(\w+)="([^"]*)"/g)].map(([, label, of]) => [label!, of!]),
    ),
    value: Number(value),
  }));
}

const sumOf = (samples: Sample[], name: string, labels: Record<string, string> = {}) =>
  samples
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);

(knowsListening ? test : test.skip)('metrics are for this machine alone, unless told otherwise', () => {
  expect(listeningPorts(process.pid).loopback).toContain(port);
});

test('each metric of the table is told, with its labels, and counts what happened', async () => {
  // The last ones are told with the end of their workflow task.
  const samples = await eventually(scrape, (told) => sumOf(told, 'sluice_runs_ended_total') === 2);
  for (const [name, { kind, labels }] of Object.entries(METRICS)) {
    const [sample] = samples.filter((one) => one.name === (kind === 'histogram' ? `${name}_bucket` : name));
    expect({ name, labels: Object.keys(sample?.labels ?? {}) }).toEqual({
      name,
      labels: expect.arrayContaining([...labels]) as string[],
    });
  }
  const count = (name: Metric, labels: Record<string, string> = {}) => sumOf(samples, name, labels);
  expect(count('sluice_runs_started_total', { pipeline: 'outside' })).toBe(2);
  expect(count('sluice_runs_ended_total', { state: 'completed' })).toBe(1);
  expect(count('sluice_runs_ended_total', { state: 'failed' })).toBe(1);
  expect(count('sluice_steps_ended_total', { kind: 'wait', state: 'succeeded' })).toBe(1);
  expect(count('sluice_steps_ended_total', { resource: 'livy:createBatch', state: 'succeeded' })).toBe(3);
  expect(count('sluice_leaks_total', { resource: 'livy:createBatch' })).toBe(1);
  expect(count('sluice_resubmissions_total')).toBe(1);
  expect(count('sluice_no_capacity_total')).toBeGreaterThanOrEqual(1);
  expect(count('sluice_throttles_total', { service: 'livy' })).toBe(1);
  expect(count('sluice_retries_total', { activity: 'awaitJob', code: 'Throttled' })).toBe(1);
  // Three jobs of two units each.
  expect(count('sluice_cost_micros_total', { pipeline: 'outside', currency: 'EUR' })).toBe(1_500_000);
});

test('the dashboard has no metric but those that are told, and each of the table', async () => {
  const { panels } = JSON.parse(
    readFileSync(join(__dirname, '..', '..', '..', 'templates', 'grafana-dashboard.json'), 'utf8'),
  ) as { panels: { targets: { expr: string }[] }[] };
  const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join('\n');
  const used = new Set([...queries.matchAll(/\b(?:sluice|temporal)_\w+/g)].map(([name]) => name));
  countRequest(200);
  countRefusal('secret');
  countRecords({ arrivals: 1, ignored: 1 });
  const isThere = (samples: Sample[]) =>
    samples.some(({ name }) => name === 'temporal_workflow_task_execution_failed');
  const known = new Set([
    ...(await eventually(scrape, isThere)).map(({ name }) => name),
    ...[...renderMetrics().matchAll(/^(\w+)/gm)].map(([name]) => name),
  ]);
  expect([...used].filter((name) => !known.has(name))).toEqual([]);
  const ofTable = Object.entries(METRICS).map(([name, { kind }]) =>
    kind === 'histogram' ? `${name}_bucket` : name,
  );
  expect(ofTable.filter((name) => !used.has(name))).toEqual([]);
});

test('OpenLineage hears of the begin and the end of each run and job, with what they read and wrote', () => {
  expect(authorization).toBe('Bearer a-token-of-ours');
  const typesOf = (name: string) =>
    events.filter(({ job }) => job.name === name).map(({ eventType }) => eventType);
  expect(typesOf('outside').sort()).toEqual(['COMPLETE', 'FAIL', 'START', 'START']);
  expect(typesOf('outside.throttled')).toEqual(['START', 'COMPLETE']);
  expect(typesOf('outside.anew')).toEqual(['START', 'FAIL', 'START', 'COMPLETE']);
  expect(typesOf('outside.leaks')[0]).toBe('START');
  const completed = events.find(({ eventType, job }) => eventType === 'COMPLETE' && job.name === 'outside')!;
  expect(completed).toMatchObject({
    job: { namespace: environment.namespace },
    inputs: [{ namespace: 's3://lake', name: 'sales.csv' }],
    outputs: [{ namespace: 's3://lake', name: 'out' }],
  });
  const job = events.find(
    ({ eventType, job: { name } }) => eventType === 'COMPLETE' && name === 'outside.throttled',
  )!;
  expect(job).toMatchObject({
    run: { facets: { parent: { run: { runId: completed.run.runId }, job: { name: 'outside' } } } },
    inputs: [{ namespace: 's3://lake', name: 'sales.csv' }],
    outputs: [{ namespace: 's3://lake', name: 'out' }],
  });
  const lost = events.find(({ eventType, job: { name } }) => eventType === 'FAIL' && name === 'outside')!;
  expect(lost.run.facets.errorMessage?.message).toContain('it cannot be stopped');
  for (const { run, eventTime } of events) {
    expect(run.runId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(Date.parse(eventTime)).not.toBeNaN();
  }
});

test('a trace of a run has its workflow and activities, each below what began it', async () => {
  await tracing.end();
  const jobs = spans.filter(({ name }) => name === 'RunActivity:submitJob');
  expect(jobs.length).toBeGreaterThanOrEqual(4);
  for (const job of jobs) {
    expect(job.service).toBe('sluice-worker');
    const started = spans.find(({ spanId }) => spanId === job.parentSpanId);
    expect(started?.name).toBe('StartActivity:submitJob');
    const run = spans.find(({ spanId }) => spanId === started!.parentSpanId);
    expect(run).toMatchObject({ name: 'RunWorkflow:outside', traceId: job.traceId });
  }
});

test('a notification tells what the run cost', () => {
  expect(notifications.find(({ state }) => state === 'completed')?.cost).toEqual({
    amount: 1.5,
    currency: 'EUR',
  });
  expect(notifications.find(({ state }) => state === 'failed')?.cost).toBeUndefined();
});

test('the gauge of waiting runs has each that waits, and none when it has ended', async () => {
  const measured = async () => {
    await measureWaitingRuns(environment.client);
    return (await scrape()).find(({ name }) => name === 'sluice_waiting_runs')!.value;
  };
  expect(await measured()).toBe(0);
  const waiting = await environment.client.workflow.start('outside', {
    ...{ taskQueue: 'test', workflowId: 'waits', args: [{}, {}] },
  });
  await eventually(measured, (value) => value === 1);
  await waiting.terminate();
  await eventually(measured, (value) => value === 0);
});
