/** `SLUICE_ROUNDS` is how many rounds are played, `SLUICE_SEED` repeats their draws. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { poolWorkflowId } from '../../src/contracts/pools';
import { seeded, whole } from '../../src/testing/random';
import { quietRuntime, serverEnv, startServer } from '../support/environment';
import { until } from '../support/eventually';
import { countOf, seedOf } from '../support/long';
import { giveUpWorker, killWorker, WorkerProcesses } from '../support/workerProcesses';

const ROUNDS = countOf({ suite: 1, soak: 200 });
const ROUND_SEED = seedOf(1);
const LIMIT = 3;
const ROOT = join(__dirname, '..', '..');
const JOB_MS = 150;
const RUNS_AT_ONCE = 6;

/** A service of jobs, which takes what it is given at once and counts what runs. */
class Service {
  mostAtOnce = 0;
  isHolding = false;
  /** Of jobs that run, until when (ms since 1970). */
  private readonly untilMs = new Map<string, number>();
  private readonly server: Server = createServer((request, response) => {
    const key = decodeURIComponent(request.url!.slice(1));
    if (request.method === 'PUT') this.begin(key);
    response.end(JSON.stringify({ isRunning: this.isRunning(key) }));
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The jobs of a run that was terminated count no more: nobody stops them. */
  forget(workflowId: string): void {
    for (const key of this.untilMs.keys()) if (key.startsWith(`${workflowId}/`)) this.untilMs.set(key, 0);
    this.forgotten.add(workflowId);
  }

  letGo(): void {
    this.isHolding = false;
    for (const [key, untilMs] of this.untilMs) this.untilMs.set(key, Math.min(untilMs, Date.now()));
  }

  get running(): number {
    return [...this.untilMs.keys()].filter((key) => this.isRunning(key)).length;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private readonly forgotten = new Set<string>();

  private begin(key: string): void {
    if (this.untilMs.has(key) || this.forgotten.has(key.split('/')[0]!)) return;
    this.untilMs.set(key, this.isHolding ? Number.POSITIVE_INFINITY : Date.now() + JOB_MS);
    this.mostAtOnce = Math.max(this.mostAtOnce, this.running);
  }

  private isRunning(key: string): boolean {
    return Date.now() < (this.untilMs.get(key) ?? 0);
  }
}

const configOf = (url: string) => `
const { defineConfig, defineRunner, succeeded } = require('sluice');
const call = async (method, key) => (await (await fetch('${url}/' + encodeURIComponent(key), { method })).json()).isRunning;
const reference = (key) => ({ resource: 'test:hold', externalId: key, key, url: null, submittedAt: new Date().toISOString() });
const check = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } };
module.exports = defineConfig({
  pipelines: [],
  limits: { warehouse: ${LIMIT} },
  runners: [defineRunner({
    resource: 'test:hold',
    parameters: check,
    create: () => ({
      submit: async ({ key }) => (await call('PUT', key), reference(key)),
      find: async ({ key }) => ((await call('GET', key)) ? reference(key) : null),
      poll: async (_, job) => (await call('GET', job.key)) ? { state: 'running', nativeState: 'running' } : succeeded(job),
      stop: async () => {},
    }),
  })],
});
`;

let folder: string;
let server: TestWorkflowEnvironment;
let workers: WorkerProcesses;
let env: NodeJS.ProcessEnv;
const service = new Service();

beforeAll(async () => {
  quietRuntime();
  server = await startServer();
  folder = await mkdtemp(join(tmpdir(), 'sluice-limits-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(ROOT, join(folder, 'node_modules', 'sluice'));
  const configFile = join(folder, 'sluice.config.cjs');
  await writeFile(configFile, configOf(await service.listen()));
  workers = new WorkerProcesses(configFile);
  env = { ...serverEnv(server), SLUICE_POLL_MIN: '50ms', SLUICE_POLL_MAX: '200ms' };
}, 120_000);

afterAll(async () => {
  workers?.killAll();
  await service.close();
  await server?.teardown();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

let runs = 0;
const isOpen = async (run: WorkflowHandle) => (await run.describe()).status.name === 'RUNNING';

/** Every second run has several jobs, for which it uses its slots one after the other. */
function startRun(): Promise<WorkflowHandle> {
  const id = `held-${++runs}`;
  const job = { resource: 'test:hold', parameters: {} };
  const options = { pool: 'warehouse' };
  const [type, input] =
    runs % 2 === 0
      ? ['jobs', { name: 'all', first: 0, jobs: [job, job, job, job], concurrency: 2, options }]
      : ['job', { job: { ...job, options } }];
  return server.client.workflow.start(type, { taskQueue: 'sluice', workflowId: id, args: [input] });
}

test(
  `in rounds (${ROUNDS}, seed ${ROUND_SEED}) of workers killed and runs terminated, there are never more jobs than the limit, and no slot is lost`,
  async () => {
    const random = seeded(ROUND_SEED);
    let both = await Promise.all([workers.start(env), workers.start(env)]);
    let open: WorkflowHandle[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      while (open.length < RUNS_AT_ONCE) open.push(await startRun());
      await until(() => service.running > 0 || open.length === 0);
      const [worker, other] = both;
      const terminated = open[whole(random, 0, open.length - 1)]!;
      service.forget(terminated.workflowId);
      // It may have ended by itself.
      await terminated.terminate().catch(() => {});
      const pool = server.client.workflow.getHandle(poolWorkflowId('sluice', 'warehouse'));
      await killWorker(worker, [pool]);
      await Promise.all(open.map((run) => giveUpWorker(run, worker.pid!).catch(() => {})));
      both = [other, await workers.start(env)];
      const stillOpen = await Promise.all(open.map(isOpen));
      open = open.filter((_, i) => stillOpen[i]);
    }
    await Promise.all(open.map((run) => run.result()));
    expect(service.mostAtOnce).toBeLessThanOrEqual(LIMIT);

    // All slots are there.
    service.isHolding = true;
    const last = await Promise.all(Array.from({ length: LIMIT }, startRun));
    await until(() => service.running === LIMIT);
    service.letGo();
    await Promise.all(last.map((run) => run.result()));
    expect(service.mostAtOnce).toBe(LIMIT);
  },
  120_000 + ROUNDS * 60_000,
);
