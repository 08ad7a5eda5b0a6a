/**
 * `npm run bench -- webhook`: what one webhook process takes, with a real Temporal
 * server. No worker runs: what is measured ends when the server has accepted the signals.
 *
 * - server: signals a second that the server takes by itself, one a call, from as many callers;
 * - webhook: events a second that `POST /events` takes, one record a request, and the median time of an answer;
 * - loss: what was answered 200, against what is in the histories of the `arrivals` workflow.
 *
 * All parts share one machine, so the ratio is what counts.
 */
import { Agent, request } from 'node:http';
import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { createAcceptArrivals } from '../src/arrivals/acceptArrivals';
import { createLogger } from '../src/setup/logging';
import { arrivalsWorkflowId } from '../src/pipelines/location';
import { WaitingRuns } from '../src/arrivals/waitingRuns';
import { createWebhook } from '../src/webhook/server';
import { arrivalsSeenSignal, arrivalsWorkflowOptions } from '../src/contracts/messages';
import { each, median } from './measure';
import { bench, config } from './stack';
import { SHIPPED_PIPELINES } from '../src/workflows/shipped';

/** Below the 10,000 signals that the server takes for one workflow run. */
const EVENTS = 5_000;
const CALLERS = 64;
const SOURCE = { bucket: 'lake', prefix: 'sales/' };

/** Calls `act` for 0 to `count - 1`, by so many callers that each wait for their last; answers calls a second. */
async function measureRate(count: number, act: (n: number) => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await each(count, CALLERS, act);
  return count / ((performance.now() - startedAt) / 1000);
}

async function measureServer(client: Client): Promise<number> {
  const handle = await client.workflow.start(
    'arrivals',
    arrivalsWorkflowOptions({ ...SOURCE, prefix: 'bare/' }, config),
  );
  const rate = await measureRate(EVENTS, (n) =>
    handle.signal(arrivalsSeenSignal, [arrival(`bare/${n}.csv`)]),
  );
  await client.workflow.getHandle(handle.workflowId).terminate();
  return rate;
}

function arrival(key: string) {
  const time = new Date().toISOString();
  return { bucket: 'lake', key, versionId: null, etag: key, size: 1, sequencer: null, time };
}

async function measureWebhook(client: Client): Promise<{ rate: number; medianMs: number; accepted: number }> {
  const waitingRuns = new WaitingRuns(client);
  const webhook = createWebhook({
    secrets: ['bench'],
    host: '127.0.0.1',
    acceptArrivals: createAcceptArrivals(client, { ...config, pipelines: SHIPPED_PIPELINES }, waitingRuns),
    isReady: () => Promise.resolve(true),
    log: createLogger('silent', 'bench'),
  });
  const url = new URL('/events', await webhook.listen({ host: '127.0.0.1', port: 0 }));
  const agent = new Agent({ keepAlive: true, maxSockets: CALLERS });
  const times: number[] = [];
  let accepted = 0;
  const rate = await measureRate(EVENTS, async (n) => {
    const startedAt = performance.now();
    if ((await post(url, agent, notification(`sales/${n}.csv`))) === 200) accepted += 1;
    times.push(performance.now() - startedAt);
  });
  agent.destroy();
  await webhook.close();
  return { rate, medianMs: median(times), accepted };
}

function notification(key: string): string {
  const record = {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    eventTime: new Date().toISOString(),
    eventName: 'ObjectCreated:Put',
    s3: { bucket: { name: 'lake' }, object: { key, size: 1, eTag: key, sequencer: '01' } },
  };
  return JSON.stringify({ Records: [record] });
}

function post(url: URL, agent: Agent, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: 'Bearer bench', 'content-length': Buffer.byteLength(body) };
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject).end(body);
  });
}

/** The different keys in the signals of the source's `arrivals` workflow. */
async function countSignalled(client: Client): Promise<number> {
  const { events } = await client.workflow.getHandle(arrivalsWorkflowId(SOURCE)).fetchHistory();
  const keys = new Set<string>();
  for (const { workflowExecutionSignaledEventAttributes: signal } of events ?? []) {
    if (signal?.signalName !== arrivalsSeenSignal.name) continue;
    const values = (signal.input?.payloads ?? []).map((payload) =>
      defaultPayloadConverter.fromPayload(payload),
    );
    for (const [, key] of JSON.stringify(values).matchAll(/"key":"([^"]+)"/g)) keys.add(key!);
  }
  return keys.size;
}

bench(async ({ client }) => {
  const serverRate = await measureServer(client);
  const { rate, medianMs, accepted } = await measureWebhook(client);
  const signalled = await countSignalled(client);
  console.log(
    `webhook: ${rate.toFixed(0)} events/s against ${serverRate.toFixed(0)} signals/s of the server, ratio ` +
      `${(rate / serverRate).toFixed(2)}; median answer ${medianMs.toFixed(0)} ms with ${CALLERS} callers; ` +
      `${accepted} of ${EVENTS} answered 200, ${signalled} in Temporal`,
  );
});
