/**
 * Runs of `main` side by side, while worker, webhook and Temporal server are killed or stand still, the network to S3 and Livy is cut,
 * answers are lost, the lake is read-only and credentials expire; a run that ends for it is retried. In the long form alone; the
 * short one is in `retry.test.ts`. `SLUICE_ROUNDS` is how many runs there are, `SLUICE_SEED` draws the same faults again.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { Client, Connection, WorkflowFailedError } from '@temporalio/client';
import { findRetried, readRunHistory, startRetry } from '../../src/activities/earlier';
import { ensureTemporal, freePort, Processes, startTemporal } from '../../src/local';
import { seeded, whole } from '../../src/testing/random';
import { startFaultyHttp, type HttpFault } from '../support/faultyHttp';
import { until } from '../support/eventually';
import { Killable } from '../support/killable';
import { LivyDouble } from '../support/livyDouble';
import { countOf, describeLong, SEED } from '../support/long';
import { startRelay } from '../support/relay';
import { startTestS3 } from '../support/s3';

const RUNS = countOf({ suite: 1, soak: 50 });
const SECRET = 'test-webhook-secret';
const TASK_QUEUE = 'main-killed';
const DIST = join(__dirname, '..', '..', 'dist', 'src');
/** How long a fault lasts, and how long it is until the next. */
const FAULT_MS = [500, 6_000] as const;
const CALM_MS = [500, 3_000] as const;
/** How long after each other runs begin, and objects arrive. */
const APART_MS = 2_000;
const MAX_RETRIES = 20;

const FAULTS = {
  s3: ['cut', 'answers lost', 'read-only', 'credentials expired'],
  livy: ['cut', 'answers lost'],
} as const;

describeLong('main', () => {
  const processes = new Processes();
  const random = seeded(SEED);
  const requestRandom = seeded(SEED + 1);
  const livy = new LivyDouble(() => whole(requestRandom, 0, 3_000));
  const now: { s3: (typeof FAULTS.s3)[number] | null; livy: (typeof FAULTS.livy)[number] | null } = {
    ...{ s3: null, livy: null },
  };
  let folder: string;
  let s3: Awaited<ReturnType<typeof startTestS3>>;
  let relay: Awaited<ReturnType<typeof startRelay>>;
  let faultyS3: Awaited<ReturnType<typeof startFaultyHttp>>;
  let faultyLivy: Awaited<ReturnType<typeof startFaultyHttp>>;
  let server: Killable;
  let worker: Killable;
  let webhook: Killable;
  let client: Client;

  const refusal = (status: number, code: string): HttpFault => ({
    status,
    body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>a fault of the test</Message></Error>`,
  });
  const faultOf = (fault: string | null, { method = '' }: IncomingMessage): HttpFault | null => {
    if (fault === 'cut') return 'cut';
    if (fault === 'answers lost') return requestRandom() < 0.3 ? 'answer lost' : null;
    if (fault === 'credentials expired') return refusal(400, 'ExpiredToken');
    return fault === 'read-only' && !['GET', 'HEAD'].includes(method) ? refusal(403, 'AccessDenied') : null;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-e2e-'));
    const binary = await ensureTemporal({ env: process.env, report: () => {} });
    const [port, uiPort, webhookPort] = [await freePort(), await freePort(), await freePort()];
    server = new Killable(() =>
      startTemporal({
        ...{ binary, port, uiPort, processes, env: process.env, logs: folder },
        dbFile: join(folder, 'temporal.db'),
      }),
    );
    relay = await startRelay(`http://127.0.0.1:${webhookPort}/events/s3`, seeded(SEED + 2));
    s3 = await startTestS3({ eventUrl: `http://sluice:${SECRET}@127.0.0.1:${relay.port}/` });
    faultyS3 = await startFaultyHttp(s3.endpoint, (request) => faultOf(now.s3, request));
    faultyLivy = await startFaultyHttp(await livy.listen(), (request) => faultOf(now.livy, request));
    await server.start();
    const address = `127.0.0.1:${port}`;
    client = new Client({ connection: await Connection.connect({ address }) });
    const program = (name: 'worker' | 'webhook') =>
      new Killable(() =>
        processes.start({
          ...{ name, logs: folder, ready: 'message', command: process.execPath },
          args: [join(DIST, `${name}.js`)],
          env: {
            ...process.env,
            ...{ TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: 'default', SLUICE_LOG_LEVEL: 'info' },
            ...{ SLUICE_TASK_QUEUE: TASK_QUEUE, SLUICE_LIST_EVERY: '10 s' },
            ...{ SLUICE_WEBHOOK_PORT: String(webhookPort), SLUICE_WEBHOOK_SECRET: SECRET },
            ...{ SLUICE_LIVY_URL: faultyLivy.endpoint, SLUICE_POLL_MAX: '2 s' },
            ...{ AWS_ENDPOINT_URL_S3: faultyS3.endpoint, AWS_REGION: 'us-east-1' },
            ...{ AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test-secret' },
          },
        }),
      );
    [worker, webhook] = [program('worker'), program('webhook')];
    await Promise.all([worker.start(), webhook.start()]);
  }, 300_000);

  afterAll(async () => {
    await relay?.stop();
    await client?.connection.close();
    await processes.stop();
    await Promise.all([faultyS3?.stop(), faultyLivy?.stop(), livy.close(), s3?.stop()]);
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  /** Asks until there is an answer: the server may be down. */
  async function insist<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (error instanceof WorkflowFailedError) throw error;
        await pause(200);
      }
    }
  }

  const start = (id: string) =>
    insist(() =>
      client.workflow.start('main', {
        ...{ taskQueue: TASK_QUEUE, workflowId: id, memo: { pipeline: 'main' } },
        ...{ workflowIdConflictPolicy: 'USE_EXISTING', args: [{ lake: `s3://lake/${id}` }] },
      }),
    );

  const FILES = {
    sales: 'Date,Opportunity Stage,Forecasted Monthly Revenue\n1/1/2014,Lead,7\n1/1/2014,Lost,9\n',
    marketing:
      'Date,New visitors SEO,New visitors CPC,New visitors Social Media,Return visitors\n1/1/2014,1,2,3,4\n',
  };
  const upload = (id: string, what: keyof typeof FILES) =>
    s3.s3.send(new PutObjectCommand({ Bucket: 'lake', Key: `${id}/${what}/day.csv`, Body: FILES[what] }));

  async function retryOf(id: string) {
    const { description, root, nextId } = await findRetried(client, id);
    const { workflowId, runId } = description;
    const history = await readRunHistory(client, { id: workflowId, runId });
    const { input } = history;
    return startRetry(client, { history, root, nextId, input, taskQueue: TASK_QUEUE, from: [], redo: [] });
  }

  async function play(id: string): Promise<{ retries: number }> {
    const run = await start(id);
    await pause(whole(random, 0, APART_MS));
    await upload(id, 'sales');
    await pause(whole(random, 0, APART_MS));
    await upload(id, 'marketing');
    let failure = await insist(() => run.result().then(() => null, asFailure));
    let retries = 0;
    for (; failure !== null && retries < MAX_RETRIES; retries++) {
      await pause(1_000);
      const retry = await insist(() => retryOf(id));
      failure = await insist(() => retry.result().then(() => null, asFailure));
    }
    if (failure !== null) throw failure;
    return { retries };
  }

  const asFailure = (error: unknown) => {
    if (error instanceof WorkflowFailedError) return error;
    throw error;
  };

  /** One fault after the other, until the signal comes and there was each. All is well again when it resolves. */
  async function makeFaults(signal: AbortSignal): Promise<string[]> {
    const made: string[] = [];
    const during = async (begin: () => unknown, end: () => unknown) => {
      await begin();
      await pause(whole(random, ...FAULT_MS));
      await end();
    };
    const kinds: [string, () => Promise<void>][] = [
      ...Object.entries({ worker, webhook, server }).flatMap(
        ([name, victim]): [string, () => Promise<void>][] => [
          [
            `${name} killed`,
            () =>
              during(
                () => victim.kill(),
                () => victim.start(),
              ),
          ],
          [
            `${name} frozen`,
            () =>
              during(
                () => victim.freeze(),
                () => victim.goOn(),
              ),
          ],
        ],
      ),
      ...FAULTS.s3.map((fault): [string, () => Promise<void>] => [
        `S3: ${fault}`,
        () =>
          during(
            () => (now.s3 = fault),
            () => (now.s3 = null),
          ),
      ]),
      ...FAULTS.livy.map((fault): [string, () => Promise<void>] => [
        `Livy: ${fault}`,
        () =>
          during(
            () => (now.livy = fault),
            () => (now.livy = null),
          ),
      ]),
    ];
    let left = [...kinds];
    while (!signal.aborted || made.length < kinds.length) {
      if (left.length === 0) left = [...kinds];
      const [name, make] = left.splice(whole(random, 0, left.length - 1), 1)[0]!;
      made.push(name);
      await make();
      await pause(whole(random, ...CALM_MS));
    }
    return made;
  }

  async function expectReport(id: string): Promise<void> {
    const report = join(s3.s3Dir, 'lake', id, 'marketing-and-sales', 'sales-leads-influenced');
    const names = (await readdir(report)).filter((name) => !name.startsWith('.')).sort();
    expect(names).toEqual(['_SUCCESS', 'part-00000.csv']);
    const rows = (await readFile(join(report, 'part-00000.csv'), 'utf8')).trimEnd().split('\n').slice(1);
    expect(rows).toEqual(['1/1/2014,1,7,1,2,3,4']);
  }

  const statesOfBatches = (id: string) =>
    livy.batches
      .filter(({ args }) => args[0] === `s3://lake/${id}`)
      .map((batch) => livy.stateOf(batch))
      .sort();

  const OPEN = `ExecutionStatus = 'Running' AND WorkflowType IN ('main', 'marketing-and-sales', 'rate-codes')`;
  const countOpen = async () => (await client.workflow.count(OPEN)).count;

  test.each([
    ['its child waits', async () => {}, () => true],
    [
      'a Spark job of its child runs',
      (id: string) => Promise.all([upload(id, 'sales'), upload(id, 'marketing')]),
      (id: string) => statesOfBatches(id).includes('running'),
    ],
  ] as const)(
    'that is terminated while %s has its child runs cancelled, and a retry does the rest once',
    async (when, before, isTime) => {
      const id = `terminated-${when.replaceAll(' ', '-')}`;
      const run = await start(id);
      await before(id);
      const isInChild = async () => {
        const { raw } = await run.describe();
        return (raw.pendingChildren ?? []).length > 0 && isTime(id);
      };
      await until(isInChild);
      await run.terminate();
      await until(async () => (await countOpen()) === 0);
      expect(statesOfBatches(id)).not.toContain('running');
      for (const what of ['sales', 'marketing'] as const) await upload(id, what);
      await (await retryOf(id)).result();
      await expectReport(id);
      expect(statesOfBatches(id).filter((state) => state === 'success')).toHaveLength(2);
      expect(await countOpen()).toBe(0);
    },
    120_000,
  );

  test(
    `${RUNS} runs (seed ${SEED}) whose processes, network and services fail give what they give without: each job once, nothing left`,
    async () => {
      const stopping = new AbortController();
      const faults = makeFaults(stopping.signal);
      // One that fails is told by the await of all.
      faults.catch(() => {});
      const runs: Promise<{ retries: number }>[] = [];
      for (let run = 0; run < RUNS; run++) {
        runs.push(play(`run-${run}`));
        await pause(whole(random, 0, APART_MS));
      }
      await pause(20_000);
      stopping.abort();
      const made = await faults;
      const played = await Promise.all(runs);
      const retries = played.reduce((sum, one) => sum + one.retries, 0);
      console.info(`${made.length} faults (${[...new Set(made)].sort().join(', ')}); ${retries} retries`);

      for (let run = 0; run < RUNS; run++) {
        await expectReport(`run-${run}`);
        // Each Spark job once: Livy takes no name twice, and a second submission would have another.
        expect(statesOfBatches(`run-${run}`)).toEqual(['success', 'success']);
      }
      expect(await countOpen()).toBe(0);
    },
    600_000 + RUNS * 30_000,
  );
});
