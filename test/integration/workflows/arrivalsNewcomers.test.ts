import { randomUUID } from 'node:crypto';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { addTrigger, listTriggers } from '../../../src/arrivals/triggers';
import { createAcceptArrivals } from '../../../src/arrivals/acceptArrivals';
import type { Arrival } from '../../../src/pipelines';
import { arrivalsWorkflowOptions, statusQuery, subscribeSignal } from '../../../src/contracts/messages';
import type { RunOptions } from '../../../src/workflows/steps';
import { quietRuntime, startServer, startTestWorker, testConfig } from '../../support/environment';
import { until } from '../../support/eventually';
import { startTestS3 } from '../../support/s3';
import type { InboxInput, InboxResult } from '../../support/workflows';
import { SHIPPED_PIPELINES } from '../../../src/workflows/shipped';

/** As in production: no listing may be what wakes a run. */
const LIST_EVERY_MS = 15 * 60_000;

let environment: TestWorkflowEnvironment;
let s3: Awaited<ReturnType<typeof startTestS3>>;
let startWorker: () => ReturnType<typeof startTestWorker>;
let worker: Awaited<ReturnType<typeof startTestWorker>>;
let accept: ReturnType<typeof createAcceptArrivals>;
/** Awaited before each HEAD of the worker, before each page of a listing, and before an object is read. */
let beforeHead: (key: string) => Promise<unknown>;
let beforeList: (prefix: string) => Promise<unknown>;
let beforeGet: (key: string) => Promise<unknown>;
/** Sources that are ready for the tests which come last: it takes each 15 s to be listed for the second time. */
const prepared = new Map<string, ReturnType<typeof sourceWithMemory>>();

beforeAll(async () => {
  quietRuntime();
  [environment, s3] = await Promise.all([startServer(), startTestS3()]);
  const held = new Proxy(s3.s3, {
    get(target, name) {
      if (name !== 'send') return Reflect.get(target, name) as unknown;
      return async (command: unknown, ...rest: unknown[]) => {
        if (command instanceof HeadObjectCommand) await beforeHead(command.input.Key!);
        if (command instanceof ListObjectsV2Command) await beforeList(command.input.Prefix!);
        if (command instanceof GetObjectCommand) await beforeGet(command.input.Key!);
        return (target.send as (...args: unknown[]) => unknown)(command, ...rest);
      };
    },
  });
  startWorker = () => startTestWorker(environment, { s3: held, config: { listEveryMs: LIST_EVERY_MS } });
  worker = await startWorker();
  accept = createAcceptArrivals(environment.client, {
    ...testConfig,
    pipelines: SHIPPED_PIPELINES,
    listEveryMs: LIST_EVERY_MS,
  });
  for (const name of ['newcomers', 'crowd']) {
    const source = sourceWithMemory(name);
    source.catch(() => {});
    prepared.set(name, source);
  }
}, 120_000);

afterAll(async () => {
  await worker?.stop();
  await Promise.all([environment?.teardown(), s3?.stop()]);
}, 60_000);

const letGo = () => {
  beforeHead = () => Promise.resolve();
  beforeList = () => Promise.resolve();
  beforeGet = () => Promise.resolve();
};
letGo();
beforeEach(letGo);

let runs = 0;
type Inbox = (input: object, options: RunOptions) => Promise<InboxResult>;
function startInbox(
  input: Partial<InboxInput> & { pattern: string },
  options: RunOptions = {},
): Promise<WorkflowHandle<Inbox>> {
  return environment.client.workflow.start<Inbox>('inbox', {
    taskQueue: 'test',
    workflowId: `inbox-${++runs}`,
    args: [input, options],
  });
}

let uploads = 0;
async function upload(key: string, Body = 'x'): Promise<Arrival> {
  const { ETag } = await s3.s3.send(new PutObjectCommand({ Bucket: 'lake', Key: key, Body }));
  const sequencer = (0xabcdef00 + ++uploads).toString(16).toUpperCase();
  const etag = ETag!.replaceAll('"', '');
  return {
    bucket: 'lake',
    key,
    versionId: null,
    etag,
    size: Body.length,
    sequencer,
    time: new Date().toISOString(),
  };
}

const untilWaiting = (run: WorkflowHandle) =>
  until(async () => (await run.query(statusQuery)).steps[0]?.state === 'waiting');
const signalsOf = async (id: string, signal: string) => {
  const { events } = await environment.client.workflow.getHandle(id).fetchHistory();
  return events!.filter((e) => e.workflowExecutionSignaledEventAttributes?.signalName === signal).length;
};
const countScheduled = async (id: string, name: string) => {
  const { events } = await environment.client.workflow.getHandle(id).fetchHistory();
  return events!.filter((e) => e.activityTaskScheduledEventAttributes?.activityType?.name === name).length;
};
/** The result of a run that ends in time; else it is terminated. */
async function within(
  ms: number,
  run: WorkflowHandle<Inbox> | WorkflowHandle,
): Promise<InboxResult | string> {
  const endMs = Date.now() + ms;
  while (Date.now() < endMs) {
    if ((await run.describe()).status.name !== 'RUNNING') return (await run.result()) as InboxResult;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { steps } = await run.query(statusQuery);
  await run.terminate();
  return `nothing came; the step is ${steps[0]?.state} for ${steps[0]?.waitingFor}`;
}

let folders = 0;
/** A folder that no other test has, and no earlier attempt of this one. */
const newFolder = (name: string) => `${name}-${++folders}`;

async function sourceWithMemory(name: string) {
  const folder = newFolder(name);
  const since = new Date().toISOString();
  const source = `arrivals:s3://lake/${folder}/`;
  // Somebody who waits all the time keeps the source serving.
  const keeper = await startInbox({ pattern: `s3://lake/${folder}/never` });
  await untilWaiting(keeper);
  await until(async () => (await signalsOf(source, 'subscribe')) === 1);
  // The second listing of a source that was just started.
  await until(async () => (await countScheduled(source, 'listSource')) === 2);
  await accept([await upload(`${folder}/a`)]);
  return { since, folder, source };
}

/** One that was prepared, or a new one for another attempt. */
function takeSource(name: string): ReturnType<typeof sourceWithMemory> {
  const source = prepared.get(name) ?? sourceWithMemory(name);
  prepared.delete(name);
  return source;
}

test('a run hears of its object while a listing of the source hangs', async () => {
  let release!: () => void;
  const held = new Promise<void>((resolve) => (release = resolve));
  let isListing = false;
  const folder = newFolder('hanging');
  beforeList = async (prefix) => {
    if (prefix !== `${folder}/`) return;
    isListing = true;
    await held;
  };
  const run = await startInbox({ pattern: `s3://lake/${folder}/*` });
  await until(() => isListing);
  await accept([await upload(`${folder}/a`)]);
  expect(await within(5_000, run)).toMatchObject({ keys: [`${folder}/a`] });
  release();
});

test.each(['marker', 'manifest'])(
  'a wait with a %s is over in its time, also while S3 hangs',
  async (kind) => {
    const folder = newFolder(`late-${kind}`);
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    beforeList = (prefix) => (prefix === `${folder}/` ? held : Promise.resolve());
    beforeGet = (key) => (key === `${folder}/sign` ? held : Promise.resolve());
    const options = { within: '3 s', complete: { [kind]: `${folder}/sign` } };
    const run = await environment.client.workflow.start('steps', {
      ...{ taskQueue: 'test', workflowId: `late-${folder}` },
      args: [{ wait: { pattern: `s3://lake/${folder}/*`, options } }],
    });
    await untilWaiting(run);
    await accept([await upload(`${folder}/sign`)]);
    await expect(run.result()).rejects.toMatchObject({ cause: { type: 'ArrivalTimeout' } });
    release();
  },
);

test('an object that cannot be read starts no run, is shown with its reason, and stops no other', async () => {
  const folder = newFolder('aside');
  beforeHead = (key) => {
    const denied = Object.assign(new Error('Forbidden'), {
      name: 'AccessDenied',
      $metadata: { httpStatusCode: 403 },
    });
    return key === `${folder}/secret` ? Promise.reject(denied) : Promise.resolve();
  };
  const { client } = environment;
  const pattern = `s3://lake/${folder}/*`;
  const trigger = {
    pipeline: 'inbox',
    pattern,
    input: { pattern },
    since: new Date(Date.now() - 1_000).toISOString(),
  };
  await addTrigger(client, { ...testConfig, listEveryMs: LIST_EVERY_MS }, trigger);
  await accept([await upload(`${folder}/secret`), await upload(`${folder}/a`), await upload(`${folder}/b`)]);
  const keysOf = async () => {
    const keys: string[] = [];
    for await (const { workflowId } of client.workflow.list({ query: `WorkflowType = 'inbox'` }))
      keys.push(/^inbox:s3:\/\/lake\/([\w-]+\/\w+)@/.exec(workflowId)?.[1] ?? '');
    return keys.filter((key) => key.startsWith(`${folder}/`)).sort();
  };
  await until(async () => (await keysOf()).length === 2);
  expect(await keysOf()).toEqual([`${folder}/a`, `${folder}/b`]);
  const shown = (await listTriggers(client)).find((own) => own.pattern === pattern);
  // Twice, where the event names a later second than the listing: what cannot be read cannot be told to be one version.
  const secret = { uri: `s3://lake/${folder}/secret`, code: 'AccessDenied', attempts: 1 };
  const [first, ...others] = shown!.setAside;
  expect(first).toMatchObject(secret);
  for (const other of others) expect(other).toMatchObject(secret);
});

test('a burst while no worker runs is no harm to a run that has just subscribed', async () => {
  const folder = newFolder('burst');
  const id = `arrivals:s3://lake/${folder}/`;
  const since = new Date().toISOString();
  // What the activity `subscribe` does last; the worker that is to take the signal goes down then.
  await worker.stop();
  const subscription = {
    workflowId: 'somebody',
    runId: randomUUID(),
    pattern: `s3://lake/${folder}/*`,
    since,
    step: 'wait',
  };
  await environment.client.workflow.signalWithStart('arrivals', {
    ...arrivalsWorkflowOptions(
      { bucket: 'lake', prefix: `${folder}/` },
      { taskQueue: 'test', listEveryMs: LIST_EVERY_MS },
    ),
    signal: subscribeSignal,
    signalArgs: [subscription],
  });
  const time = new Date().toISOString();
  const burst = Array.from({ length: 14_000 }, (_, i): Arrival => ({
    ...{
      bucket: 'lake',
      key: `${folder}/part-${i}.csv`,
      versionId: null,
      etag: String(i).padStart(32, '0'),
      size: 1,
    },
    ...{ sequencer: (i + 1).toString(16), time },
  }));
  for (let i = 0; i < burst.length; i += 250) await accept(burst.slice(i, i + 250));
  worker = await startWorker();
  const source = environment.client.workflow.getHandle(id);
  const { runId } = await source.describe();
  const first = environment.client.workflow.getHandle(id, runId);
  await until(async () => (await first.describe()).status.name !== 'RUNNING');
  expect((await first.describe()).status.name).toBe('CONTINUED_AS_NEW');
}, 90_000);

test('a run that subscribes while another is offered what is remembered is offered it, too', async () => {
  const { since, folder, source } = await takeSource('newcomers');
  let release!: () => void;
  const held = new Promise<void>((resolve) => (release = resolve));
  beforeHead = () => held;
  const first = await startInbox({ pattern: `s3://lake/${folder}/a` }, { since });
  await until(async () => (await countScheduled(source, 'areStored')) === 1);
  const second = await startInbox({ pattern: `s3://lake/${folder}/a` }, { since });
  await until(async () => (await signalsOf(source, 'subscribe')) === 3);
  release();
  expect((await first.result()).keys).toEqual([`${folder}/a`]);
  expect(await within(30_000, second)).toMatchObject({ keys: [`${folder}/a`] });
}, 90_000);

test('twenty runs that subscribe at about the same time are all offered what is remembered', async () => {
  const { since, folder } = await takeSource('crowd');
  const waiting: WorkflowHandle<Inbox>[] = [];
  for (let i = 0; i < 20; i++) {
    waiting.push(await startInbox({ pattern: `s3://lake/${folder}/a` }, { since }));
    await new Promise((resolve) => setTimeout(resolve, 13));
  }
  const results = await Promise.all(waiting.map((run) => within(20_000, run)));
  expect(results.filter((result) => typeof result === 'string')).toHaveLength(0);
}, 90_000);
