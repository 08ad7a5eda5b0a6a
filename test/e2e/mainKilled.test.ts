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

  async function play(id: string): Promise<{ retries: number }> {
    const lake = `s3://lake/${id}`;
    const upload = (what: string, body: string) =>
      s3.s3.send(new PutObjectCommand({ Bucket: 'lake', Key: `${id}/${what}/day.csv`, Body: body }));
    const run = await insist(() =>
      client.workflow.start('main', {
        ...{ taskQueue: TASK_QUEUE, workflowId: id, memo: { pipeline: 'main' } },
        ...{ workflowIdConflictPolicy: 'USE_EXISTING', args: [{ lake }] },
      }),
    );
    await pause(whole(random, 0, APART_MS));
    await upload(
      'sales',
      'Date,Opportunity Stage,Forecasted Monthly Revenue\n1/1/2014,Lead,7\n1/1/2014,Lost,9\n',
    );
    await pause(whole(random, 0, APART_MS));
    await upload(
      'marketing',
      'Date,New visitors SEO,New visitors CPC,New visitors Social Media,Return visitors\n1/1/2014,1,2,3,4\n',
    );
    let failure = await insist(() => run.result().then(() => null, asFailure));
    let retries = 0;
    for (; failure !== null && retries < MAX_RETRIES; retries++) {
      await pause(1_000);
      const retry = await insist(async () => {
        const { description, root, nextId } = await findRetried(client, id);
        const history = await readRunHistory(client, {
          id: description.workflowId,
          runId: description.runId,
        });
        const { input } = history;
        return startRetry(client, {
          history,
          root,
          nextId,
          input,
          taskQueue: TASK_QUEUE,
          from: [],
          redo: [],
        });
      });
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

      const lake = join(s3.s3Dir, 'lake');
      for (let run = 0; run < RUNS; run++) {
        const report = join(lake, `run-${run}`, 'marketing-and-sales', 'sales-leads-influenced');
        expect((await readdir(report)).filter((name) => !name.startsWith('.')).sort()).toEqual([
          '_SUCCESS',
          'part-00000.csv',
        ]);
        expect(
          (await readFile(join(report, 'part-00000.csv'), 'utf8')).trimEnd().split('\n').slice(1),
        ).toEqual(['1/1/2014,1,7,1,2,3,4']);
        // Each Spark job once: Livy takes no name twice, and a second submission would have another.
        const ofRun = livy.batches.filter(({ args }) => args[0] === `s3://lake/run-${run}`);
        expect(ofRun.map((batch) => livy.stateOf(batch))).toEqual(['success', 'success']);
      }
      const { count } = await client.workflow.count(
        `ExecutionStatus = 'Running' AND WorkflowType IN ('main', 'marketing-and-sales', 'rate-codes')`,
      );
      expect(count).toBe(0);
    },
    600_000 + RUNS * 30_000,
  );
});
