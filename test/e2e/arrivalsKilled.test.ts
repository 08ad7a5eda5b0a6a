/**
 * Webhook, worker and Temporal server are killed at random moments, while events come twice, late and in any order: every
 * waiting run ends with exactly its objects. `SLUICE_ROUNDS` is how many rounds are played, `SLUICE_SEED` repeats
 * their plan.
 */
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { Client, Connection, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { seeded } from '../../src/testing/random';
import { countOf, SEED } from '../support/long';
import { ensureTemporal, freePort, Processes, startTemporal } from '../../src/local';
import { statusQuery } from '../../src/contracts/messages';
import { Killable } from '../support/killable';
import { startRelay } from '../support/relay';
import { bundleWorkflows } from '../support/environment';
import { startTestS3 } from '../support/s3';
import type { Completeness } from '../../src/workflows/steps';
import type { InboxResult } from '../support/workflows';

const ROUNDS = countOf({ suite: 1, soak: 20 });
const SECRET = 'test-webhook-secret';
const TASK_QUEUE = 'killed';
const ROOT = join(__dirname, '..', '..');
/** How long a process runs at most before it is killed, and how long it is down. */
const UP_MS = 3_000;
const DOWN_MS = 1_500;
/** How long the next upload is waited for at most. */
const UPLOAD_MS = 800;
const MAX_LATE_MS = 5_000;

const KINDS = [
  {
    // One source for all these rounds: it is listed when a run subscribes, before the uploads, and not again.
    ...{ means: 'the events alone', hasWebhook: true, hasLateRuns: false },
    ...{ listEvery: '1 hour', folderOf: () => 'told' },
  },
  {
    ...{ means: 'the listing alone: the webhook is down all the time', hasWebhook: false, hasLateRuns: true },
    ...{ listEvery: '2 s', folderOf: (round: number) => `silent-${round}` },
  },
  {
    ...{ means: 'events and listing', hasWebhook: true, hasLateRuns: true },
    ...{ listEvery: '2 s', folderOf: (round: number) => `both-${round}` },
  },
];

const processes = new Processes();
let folder: string;
let relay: Awaited<ReturnType<typeof startRelay>>;
let s3: Awaited<ReturnType<typeof startTestS3>>;
let client: Client;
let server: Killable;
let worker: Killable;
let webhook: Killable;
let listEvery = '';

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
  relay = await startRelay(`http://127.0.0.1:${webhookPort}/events/s3`, seeded(SEED + 1));
  s3 = await startTestS3({
    eventUrl: `http://sluice:${SECRET}@127.0.0.1:${relay.port}/`,
  });
  await Promise.all([server.start(), buildPrograms()]);
  const address = `127.0.0.1:${port}`;
  client = new Client({ connection: await Connection.connect({ address }) });

  const program = (name: 'worker' | 'webhook') =>
    new Killable(() =>
      processes.start({
        ...{ name, logs: folder, ready: 'message' },
        command: process.execPath,
        args: [join(folder, 'dist', 'src', `${name}.js`)],
        env: {
          ...process.env,
          ...{ TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: 'default' },
          ...{ SLUICE_TASK_QUEUE: TASK_QUEUE, SLUICE_LIST_EVERY: listEvery, SLUICE_LOG_LEVEL: 'info' },
          ...{ SLUICE_WEBHOOK_PORT: String(webhookPort), SLUICE_WEBHOOK_SECRET: SECRET },
          ...{ AWS_ENDPOINT_URL_S3: s3.endpoint, AWS_REGION: 'us-east-1' },
          ...{ AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test-secret' },
        },
      }),
    );
  worker = program('worker');
  webhook = program('webhook');
}, 300_000);

afterAll(async () => {
  await relay?.stop();
  await client?.connection.close();
  await processes.stop();
  await s3?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** The programs as they were built, with the tests' pipelines in the worker's bundle. */
async function buildPrograms(): Promise<void> {
  const bundle = await bundleWorkflows();
  await cp(join(ROOT, 'dist', 'src'), join(folder, 'dist', 'src'), { recursive: true });
  await writeFile(join(folder, 'dist', 'workflow-bundle.js'), bundle.code);
  await cp(join(ROOT, 'package.json'), join(folder, 'package.json'));
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
}

/** Asks until there is an answer: the server may be down, or the worker. */
async function insist<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof WorkflowFailedError) throw error;
      await pause(100);
    }
  }
}

type Inbox = (input: object, options: object) => Promise<InboxResult>;
const startInbox = (workflowId: string, input: object, since: string): Promise<WorkflowHandle<Inbox>> =>
  insist(() =>
    client.workflow.start<Inbox>('inbox', {
      ...{ workflowId, taskQueue: TASK_QUEUE, workflowIdConflictPolicy: 'USE_EXISTING' },
      args: [input, { since }],
    }),
  );

const untilWaiting = async (run: WorkflowHandle<Inbox>) => {
  while ((await insist(() => run.query(statusQuery))).steps[0]?.state !== 'waiting') await pause(50);
};

/** What a run has taken, as its status says once it has ended. */
async function objectsTakenBy(run: WorkflowHandle<Inbox>) {
  await insist(() => run.result());
  const { state, steps } = await insist(() => run.query(statusQuery));
  expect(state).toBe('completed');
  // A version that replaces one that was taken may come before the run has ended: it is shown as late, and not taken.
  return steps[0]!.objects!.filter(({ late }) => !late);
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const keyed = items.map((item) => ({ item, place: random() }));
  return keyed.sort((a, b) => a.place - b.place).map(({ item }) => item);
}

/** Uploads an object and returns its etag, once the relay has its event. */
async function upload(Key: string, Body: string): Promise<string> {
  const before = relay.eventsOf(Key);
  const { ETag } = await s3.s3.send(new PutObjectCommand({ Bucket: 'lake', Key, Body }));
  while (relay.eventsOf(Key) === before) await pause(5);
  return ETag!.replaceAll('"', '');
}

test.each(
  Array.from({ length: ROUNDS }, (_, i) => ({
    round: i + 1,
    seed: SEED + i,
    ...KINDS[(SEED + i) % KINDS.length]!,
  })),
)(
  'round $round (seed $seed): every run ends with exactly its objects, found by $means',
  async ({ round, seed, hasWebhook, hasLateRuns, folderOf, ...kind }) => {
    const random = seeded(seed);
    await Promise.all([worker.kill(), webhook.kill()]);
    listEvery = kind.listEvery;
    await Promise.all([worker.start(), ...(hasWebhook ? [webhook.start()] : [])]);

    const prefix = `${folderOf(round)}/${round}-`;
    const keys = Array.from({ length: 3 + Math.floor(random() * 6) }, (_, i) => `${prefix}${i}.csv`);
    const marker = `${prefix}_SUCCESS`;
    const all = [...keys, marker];
    const one = keys[Math.floor(random() * keys.length)]!;
    const rules: { complete?: Completeness; pattern?: string; expected: string[] }[] = [
      { complete: { marker }, expected: keys },
      { pattern: `s3://lake/${one}`, expected: [one] },
      { complete: { keys: [keys[0]!, one] }, expected: [...new Set([keys[0]!, one])] },
      { complete: { count: all.length }, expected: all },
      { complete: { keys: [keys[2]!, marker] }, expected: [keys[2]!, marker] },
      { complete: { quiet: '3 s', atLeast: all.length }, expected: all },
    ];
    const plan = {
      uploads: shuffled(keys, random).flatMap((key) => [
        ...(random() < 0.3 ? [{ key, body: 'first', afterMs: random() * UPLOAD_MS }] : []),
        { key, body: `last of ${key}`, afterMs: random() * UPLOAD_MS },
      ]),
      kills: [server, worker, ...(hasWebhook ? [webhook] : [])].map((victim) => ({
        victim,
        times: Array.from({ length: 1 + Math.floor(random() * 2) }, () => ({
          afterMs: random() * UP_MS,
          downMs: random() * DOWN_MS,
        })),
      })),
    };

    const since = new Date().toISOString();
    const start = ({ complete, pattern = `s3://lake/${prefix}*` }: (typeof rules)[number], index: number) =>
      startInbox(
        `round-${round}-${index}`,
        { pattern, ...(complete === undefined ? {} : { complete: JSON.stringify(complete) }) },
        since,
      );
    const isLate = rules.map(() => hasLateRuns && random() < 0.5);
    const runs: Promise<WorkflowHandle<Inbox>>[] = rules.map((rule, i) =>
      isLate[i] ? pause(random() * MAX_LATE_MS).then(() => start(rule, i)) : start(rule, i),
    );
    await Promise.all(runs.filter((_, i) => !isLate[i]).map(async (run) => untilWaiting(await run)));

    const killing = plan.kills.map(async ({ victim, times }) => {
      for (const { afterMs, downMs } of times) {
        await pause(afterMs);
        await victim.kill();
        await pause(downMs);
        await victim.start();
      }
    });
    const newest: Record<string, string> = {};
    for (const { key, body, afterMs } of plan.uploads) {
      await pause(afterMs);
      newest[`s3://lake/${key}`] = await upload(key, body);
    }
    await upload(marker, 'x');
    await Promise.all(killing);

    const taken = await Promise.all(runs.map(async (run) => objectsTakenBy(await run)));
    expect(taken.map((objects) => objects.map(({ uri }) => uri).sort())).toEqual(
      rules.map(({ expected }) => expected.map((key) => `s3://lake/${key}`).sort()),
    );
    // The marker comes last, so every object before it is taken as it is in the end.
    expect(Object.fromEntries(taken[0]!.map(({ uri, etag }) => [uri, etag]))).toEqual(newest);
  },
  300_000,
);
