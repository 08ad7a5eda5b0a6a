import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { createAcceptArrivals } from '../../../src/arrivals/acceptArrivals';
import { checkWebhook, parseWebhookUrl } from '../../../src/cli/checkWebhook';
import type { Config } from '../../../src/setup/config';
import { createWebhook, type WebhookDependencies } from '../../../src/webhook/server';
import { quietRuntime, startServer, testConfig } from '../../support/environment';
import { SHIPPED_PIPELINES } from '../../../src/workflows/shipped';

const SECRET = 'b3d1-hidden';
const config: Config = { ...testConfig, webhook: { ...testConfig.webhook, secrets: [SECRET] } };

let temporal: TestWorkflowEnvironment;
let webhook: FastifyInstance | undefined;
let other: Server | undefined;

beforeAll(async () => {
  quietRuntime();
  temporal = await startServer();
}, 600_000);

afterAll(() => temporal?.teardown());

afterEach(async () => {
  await webhook?.close();
  other?.close();
  webhook = other = undefined;
});

async function start(deps: Partial<WebhookDependencies> = {}): Promise<string> {
  webhook = createWebhook({
    secrets: [SECRET],
    host: '127.0.0.1',
    acceptArrivals: createAcceptArrivals(temporal.client, { ...config, pipelines: SHIPPED_PIPELINES }),
    isReady: async () => true,
    log: pino({ level: 'silent' }),
    ...deps,
  });
  return parseWebhookUrl(await webhook.listen({ host: '127.0.0.1', port: 0 }));
}

const check = (url: string, settings = config) => checkWebhook(url, temporal.client, settings);

/** The states of the workflows of tests, once the server's list has one. */
async function statesOfTests(): Promise<string[]> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const states: string[] = [];
    for await (const { workflowId, status } of temporal.client.workflow.list()) {
      if (workflowId.includes('sluice-doctor-')) states.push(status.name);
    }
    if ((states.length > 0 && !states.includes('RUNNING')) || Date.now() > deadline) return states;
    await sleep(100);
  }
}

test('a test event comes back, without a worker, and leaves nothing running', async () => {
  const url = await start();
  expect(await check(url)).toMatch(/ answered after \d+ ms and handed the test event to Temporal$/);
  expect(await statesOfTests()).toEqual(['TERMINATED']);
});

test('an event that is taken and lost is told', async () => {
  const url = await start({ acceptArrivals: async () => {} });
  await expect(check(url)).rejects.toMatchObject({
    code: 'Transient',
    message: expect.stringContaining('did not come back'),
  });
}, 20_000);

test.each<[string, string[], string]>([
  ['another secret', ['another'], 'it has another secret than SLUICE_WEBHOOK_SECRET here'],
  ['no secret', [], 'it wants a secret'],
])('%s is told', async (_name, secrets, message) => {
  const url = await start();
  await expect(check(url, { ...config, webhook: { ...config.webhook, secrets } })).rejects.toMatchObject({
    code: 'AccessDenied',
    message: expect.stringContaining(message),
  });
});

test('a webhook that cannot reach Temporal is told', async () => {
  const url = await start({ acceptArrivals: () => Promise.reject(new Error('no connection')) });
  await expect(check(url)).rejects.toThrow('the webhook cannot reach Temporal');
});

test('something else at the address is told', async () => {
  other = createServer((_request, response) => response.end('<html>')).listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  await expect(check(`http://127.0.0.1:${port}/events`)).rejects.toThrow('not as the webhook does');
});

test('a webhook that does not answer is told', async () => {
  await expect(check('http://127.0.0.1:1/events')).rejects.toMatchObject({ code: 'ServerUnreachable' });
});

test.each([
  ['https://sluice.example.com', 'https://sluice.example.com/events'],
  ['https://sluice.example.com/', 'https://sluice.example.com/events'],
  ['http://localhost:8088/hooks/events', 'http://localhost:8088/hooks/events'],
])('the address %s means %s', (text, url) => expect(parseWebhookUrl(text)).toBe(url));

test.each(['sluice.example.com', 'ftp://sluice.example.com', 'https://sluice:secret@sluice.example.com'])(
  'the address %s is refused',
  (text) => expect(() => parseWebhookUrl(text)).toThrow(/^(Give|Leave)/),
);
