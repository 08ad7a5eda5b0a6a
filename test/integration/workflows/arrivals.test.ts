import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { seeded } from '../../../src/testing/random';
import { countOf, seedOf } from '../../support/long';
import { createAcceptArrivals } from '../../../src/arrivals/acceptArrivals';
import type { Arrival } from '../../../src/pipelines';
import { addTrigger, listTriggers, removeTrigger } from '../../../src/arrivals/triggers';
import { statusQuery, type RunStatus } from '../../../src/contracts/messages';
import type { RunOptions } from '../../../src/workflows/steps';
import { quietRuntime, startServer, startTestWorker, testConfig } from '../../support/environment';
import { eventually, until } from '../../support/eventually';
import { resetRun } from '../../support/resetRun';
import { startTestS3 } from '../../support/s3';
import { finishSignal, type InboxInput, type InboxResult } from '../../support/workflows';
import { SHIPPED_PIPELINES } from '../../../src/workflows/shipped';

/** How many rounds of chance are played; 100 are said to be enough. */
const ROUNDS = countOf({ suite: 1, soak: 20 });
const LIST_EVERY_MS = 1_500;

let environment: TestWorkflowEnvironment;
let s3: Awaited<ReturnType<typeof startTestS3>>;
let worker: Awaited<ReturnType<typeof startTestWorker>>;
let accept: ReturnType<typeof createAcceptArrivals>;

const startWorker = () =>
  startTestWorker(environment, {
    s3: s3.s3,
    searchAttributes: false,
    config: { listEveryMs: LIST_EVERY_MS },
  });

beforeAll(async () => {
  quietRuntime();
  [environment, s3] = await Promise.all([startServer(), startTestS3()]);
  worker = await startWorker();
  accept = createAcceptArrivals(environment.client, {
    ...testConfig,
    pipelines: SHIPPED_PIPELINES,
    listEveryMs: LIST_EVERY_MS,
  });
}, 120_000);

afterAll(async () => {
  await worker?.stop();
  await Promise.all([environment?.teardown(), s3?.stop()]);
}, 60_000);

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

/** A test that is run again has a folder of its own. */
let attempts = 0;

let uploads = 0;
/** Uploads an object and returns its event. */
async function upload(key: string, Body = 'x'): Promise<Arrival> {
  const { ETag } = await s3.s3.send(new PutObjectCommand({ Bucket: 'lake', Key: key, Body }));
  const sequencer = (0xabcdef00 + ++uploads).toString(16).toUpperCase();
  const etag = ETag!.replaceAll('"', '');
  const time = new Date().toISOString();
  return { bucket: 'lake', key, versionId: null, etag, size: Body.length, sequencer, time };
}

const untilWaiting = (run: WorkflowHandle) =>
  eventually(
    () => run.query(statusQuery),
    ({ steps }) => steps[0]?.state === 'waiting',
  );

/** Every run of `inbox` that the key of its id began. */
async function runsOf(prefix: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { workflowId } of environment.client.workflow.list({ query: `WorkflowType = 'inbox'` }))
    if (workflowId.startsWith(`inbox:s3://lake/${prefix}`)) ids.push(workflowId);
  return ids.sort();
}

describe('runs that arrivals start', () => {
  const trigger = (pattern: string) => ({
    pipeline: 'inbox',
    pattern,
    input: { pattern },
    since: new Date(Date.now() - 1_000).toISOString(),
  });

  test('each object version starts one run, however often its event comes, and a lost event is made up for', async () => {
    const pattern = 's3://lake/started/*.csv';
    await addTrigger(environment.client, { ...testConfig, listEveryMs: LIST_EVERY_MS }, trigger(pattern));
    const told = await upload('started/a.csv');
    await Promise.all(Array.from({ length: 10 }, () => accept([told, told])));
    await upload('started/untold.csv');
    await upload('started/no.txt');
    const started = await eventually(
      () => runsOf('started/'),
      (ids) => ids.length >= 2,
    );
    for (const [i, name] of ['a', 'untold'].entries()) {
      expect(started[i]).toMatch(new RegExp(`^inbox:s3://lake/started/${name}.csv@[0-9a-f]{32}-`));
      const result = (await environment.client.workflow.getHandle(started[i]!).result()) as InboxResult;
      expect(result.startedBy).toEqual([`s3://lake/started/${name}.csv`]);
      expect(result.keys).toEqual([`started/${name}.csv`]);
    }
    // The next version is one more, found after two more listings at most; it shows that the others started no second run.
    const replaced = await upload('started/a.csv', 'other bytes');
    await accept([told, replaced]);
    await eventually(
      () => runsOf('started/'),
      (ids) => ids.some((id) => id.includes(replaced.etag!)),
    );
    await accept([replaced, told]);
    const client = environment.client;
    expect(await listTriggers(client)).toEqual([expect.objectContaining({ pipeline: 'inbox', pattern })]);
    expect(await removeTrigger(client, { pipeline: 'inbox', pattern })).toBe(true);
    expect(await removeTrigger(client, { pipeline: 'inbox', pattern })).toBe(false);
    await accept([await upload('started/after.csv')]);
    expect(await listTriggers(client)).toEqual([]);
    // A run that waits on the same source: when it is woken, so would have been the trigger.
    const run = await startInbox({ pattern: 's3://lake/started/last.csv' });
    await accept([await upload('started/last.csv')]);
    await run.result();
    expect(await runsOf('started/')).toHaveLength(3);
  });

  test('a run starts on the task queue of its trigger, wherever the source is remembered', async () => {
    const waiting = await startInbox({ pattern: 's3://lake/queue/a' });
    const source = environment.client.workflow.getHandle('arrivals:s3://lake/queue/');
    await eventually(
      () => source.describe().catch(() => null),
      (description) => description !== null,
    );
    const config = { taskQueue: 'own', listEveryMs: LIST_EVERY_MS };
    await addTrigger(environment.client, config, trigger('s3://lake/queue/*'));
    await accept([await upload('queue/a')]);
    const [id] = await eventually(
      () => runsOf('queue/'),
      (ids) => ids.length > 0,
    );
    const { taskQueue } = await environment.client.workflow.getHandle(id!).describe();
    expect(taskQueue).toBe('own');
    await waiting.result();
  });

  test('a key too long for an id starts one run', async () => {
    const pattern = 's3://lake/long/**';
    await addTrigger(environment.client, { ...testConfig, listEveryMs: LIST_EVERY_MS }, trigger(pattern));
    // Its folder is too long for the id of a source, too.
    const folder = ['long', 'ä'.repeat(100), ...['b', 'c', 'd', 'e'].map((letter) => letter.repeat(195))];
    const key = [...folder, 'x'].join('/');
    const waiting = await startInbox({ pattern: `s3://lake/${key.replace(/x$/, '*')}` });
    await untilWaiting(waiting);
    await accept([await upload(key)]);
    const [id] = await eventually(
      () => runsOf('…'),
      (ids) => ids.length > 0,
    );
    const result = (await environment.client.workflow.getHandle(id!).result()) as InboxResult;
    expect(result.keys).toEqual([key]);
    expect((await waiting.result()).keys).toEqual([key]);
  });

  test('a late object starts another run, once, when the pipeline says so', async () => {
    const run = await startInbox({ pattern: 's3://lake/late/*', late: 'start new run', hold: 'yes' });
    await untilWaiting(run);
    const first = await upload('late/a');
    await accept([first]);
    await eventually(
      () => run.query(statusQuery),
      ({ steps }) => steps[0]?.state === 'succeeded',
    );
    const late = await upload('late/b');
    const replaced = await upload('late/a', 'other bytes');
    for (let i = 0; i < 3; i++) await accept([replaced, late, first]);
    const started = await eventually(
      () => runsOf('late/'),
      (ids) => ids.length >= 2,
    );
    const results = await Promise.all(
      started.map((id) => environment.client.workflow.getHandle(id).result() as Promise<InboxResult>),
    );
    expect(results.map(({ etags }) => etags)).toEqual([[replaced.etag], [late.etag]]);
    await run.signal('finish');
    expect((await run.result()).etags).toEqual([first.etag]);
    expect(await runsOf('late/')).toHaveLength(2);
  });
});

test('a wait whose source cannot be listed says so and why, until it can be, and takes what comes meanwhile', async () => {
  let isDenied = true;
  s3.s3.middlewareStack.add(
    (next) => (request) => {
      const { Prefix } = request.input as { Prefix?: string };
      if (!isDenied || Prefix !== 'denied/') return next(request);
      throw Object.assign(new Error('not allowed to list'), { name: 'AccessDenied' });
    },
    { step: 'initialize', name: 'deny' },
  );
  const stateIs = (state: string) => (status: RunStatus) => status.steps[0]?.state === state;
  const ask = (run: WorkflowHandle) => () => run.query(statusQuery);
  const run = await startInbox({ pattern: 's3://lake/denied/*', complete: JSON.stringify({ count: 2 }) });
  const { steps, waitingFor } = await eventually(ask(run), stateIs('retrying'));
  expect(waitingFor).toEqual(['s3://lake/denied/*']);
  expect(steps[0]!.retry).toMatchObject({
    doing: 'list',
    attempt: expect.any(Number),
    failure: { code: 'AccessDenied', message: expect.stringContaining('not allowed to list') },
    activityId: null,
  });
  await accept([await upload('denied/a')]);
  isDenied = false;
  await eventually(ask(run), stateIs('waiting'));
  await upload('denied/b');
  expect((await run.result()).keys).toEqual(['denied/a', 'denied/b']);
  s3.s3.middlewareStack.remove('deny');
});

test('a run that waits for more objects than one listing hands on takes all of them', async () => {
  const folder = join(s3.s3Dir, 'lake', 'many');
  await mkdir(folder);
  const names = Array.from({ length: 2_200 }, (_, i) => `${String(i).padStart(5, '0')}.csv`);
  const run = await startInbox({ pattern: 's3://lake/many/*', complete: JSON.stringify({ count: 2_200 }) });
  await untilWaiting(run);
  for (const name of names) await writeFile(join(folder, name), 'x');
  const { keys } = await run.result();
  expect(keys.sort()).toEqual(names.map((name) => `many/${name}`));
}, 120_000);

test('an object whose event was lost ends no quiet period', async () => {
  const run = await startInbox({ pattern: 's3://lake/quiet/*', complete: JSON.stringify({ quiet: '3 s' }) });
  await untilWaiting(run);
  await accept([await upload('quiet/told')]);
  await upload('quiet/untold');
  expect((await run.result()).keys.sort()).toEqual(['quiet/told', 'quiet/untold']);
});

test('of two waits of a run for one pattern, the end of one leaves the other waiting', async () => {
  const options = { first: { complete: { count: 1 } }, both: { complete: { count: 2 } } };
  const waits = { pattern: 's3://lake/both/*', options };
  const run = await environment.client.workflow.start('steps', {
    taskQueue: 'test',
    workflowId: 'two-waits',
    args: [{ waits }],
  });
  const stepOf = async (name: string) =>
    (await run.query(statusQuery)).steps.find((step) => step.name === `wait ${name}`);
  await eventually(
    () => Promise.all([stepOf('first'), stepOf('both')]),
    (steps) => steps.every((step) => step?.state === 'waiting'),
  );
  await accept([await upload('both/a')]);
  await eventually(
    () => stepOf('first'),
    (step) => step?.state === 'succeeded',
  );
  await accept([await upload('both/b')]);
  expect(await run.result()).toEqual({ waits: { first: ['both/a'], both: ['both/a', 'both/b'] } });
});

test('a run with an early since takes no object that was deleted after its event', async () => {
  const since = new Date().toISOString();
  const first = await startInbox({ pattern: 's3://lake/deleted/first' });
  await untilWaiting(first);
  const deleted = await upload('deleted/a.csv');
  await accept([deleted, await upload('deleted/first')]);
  await first.result();
  await s3.s3.send(new DeleteObjectCommand({ Bucket: 'lake', Key: deleted.key }));
  const run = await startInbox({ pattern: 's3://lake/deleted/*.csv' }, { since });
  await untilWaiting(run);
  await accept([deleted]);
  await upload('deleted/b.csv');
  expect((await run.result()).keys).toEqual(['deleted/b.csv']);
});

test.each([
  ['last task', 1],
  ['last task', 2],
  ['first task', 2],
] as const)('a run that was reset to its %s while it waits hears of %i objects', async (task, count) => {
  const folder = `reset-${task.replace(' ', '-')}-${count}`;
  const keys = ['a', 'b'].slice(0, count).map((name) => `${folder}/${name}`);
  const complete = count === 1 ? {} : { complete: JSON.stringify({ count }) };
  const run = await startInbox({ pattern: `s3://lake/${folder}/*`, ...complete });
  await eventually(
    () => run.fetchHistory(),
    ({ events }) => events!.some((event) => event.timerStartedEventAttributes),
  );
  const reset = await resetRun(environment.client, run, task);
  await untilWaiting(reset);
  for (const key of keys) await accept([await upload(key)]);
  expect(((await reset.result()) as InboxResult).keys.sort()).toEqual(keys);
});

test('one object wakes every run that waits for it, and a cancelled run is forgotten', async () => {
  const waiting = await Promise.all(
    Array.from({ length: 16 }, (_, i) =>
      startInbox({ pattern: i % 2 ? 's3://lake/wake/*.csv' : 's3://lake/wake/one.*' }),
    ),
  );
  await Promise.all(waiting.map(untilWaiting));
  const cancelled = waiting.pop()!;
  await cancelled.cancel();
  await expect(cancelled.result()).rejects.toThrow();
  const event = await upload('wake/one.csv');
  await accept([event]);
  const results = await Promise.all(waiting.map((run) => run.result()));
  expect(new Set(results.flatMap(({ etags }) => etags))).toEqual(new Set([event.etag]));
}, 120_000);

/** Accepts the event of an object, and waits until the run has heard of it. */
async function acceptAndTell(run: WorkflowHandle, arrival: Arrival): Promise<void> {
  const before = await countSignals(run);
  await accept([arrival]);
  await eventually(
    () => countSignals(run),
    (count) => count > before,
  );
}

async function countSignals(run: WorkflowHandle): Promise<number> {
  const { events } = await run.fetchHistory();
  return events!.filter((event) => event.workflowExecutionSignaledEventAttributes).length;
}

/** Two versions of one second, which begins with `since`. */
async function uploadTwice(key: string, bodies = ['first', 'last']) {
  await until(() => Date.now() % 1_000 < 200);
  const since = new Date().toISOString();
  const [first, last] = [await upload(key, bodies[0]), await upload(key, bodies[1])];
  return { since, first, last };
}

async function untilTold(run: WorkflowHandle): Promise<void> {
  await eventually(
    () => countSignals(run),
    (count) => count > 0,
  );
}

describe('of two versions of one second, the first of which alone was told, the one that is there is taken', () => {
  test('by a marker', async () => {
    const folder = 'one-second';
    const run = await startInbox({
      pattern: `s3://lake/${folder}/*`,
      complete: JSON.stringify({ marker: `${folder}/_SUCCESS` }),
    });
    await untilWaiting(run);
    const { first, last } = await uploadTwice(`${folder}/a`);
    await accept([first, await upload(`${folder}/_SUCCESS`)]);
    expect((await run.result()).etags).toEqual([last.etag]);
  });

  test('by a count, when a listing has shown it before', async () => {
    const folder = `one-second-count-${++attempts}`;
    const run = await startInbox({
      pattern: `s3://lake/${folder}/*`,
      complete: JSON.stringify({ count: 2 }),
    });
    await untilWaiting(run);
    const { first, last } = await uploadTwice(`${folder}/a`);
    await untilTold(run);
    await acceptAndTell(run, first);
    const other = await upload(`${folder}/b`);
    await accept([other]);
    expect((await run.result()).etags.sort()).toEqual([last.etag, other.etag].sort());
  });

  test.each([
    ['marker', 'ListObjectsV2Command'],
    ['manifest', 'GetObjectCommand'],
  ])('by a %s, when it is told while S3 is asked', async (rule, command) => {
    const folder = `one-second-${rule}-${++attempts}`;
    const key = `${folder}/${rule}.json`;
    const run = await startInbox({
      pattern: `s3://lake/${folder}/*`,
      complete: JSON.stringify({ [rule]: key }),
    });
    await untilWaiting(run);
    const { first, last } = await uploadTwice(`${folder}/a`);
    const sign = await upload(key, `{ "entries": [{ "url": "s3://lake/${folder}/a" }] }`);
    // The answer that the run has asked for is there, and has not come yet.
    let isTold = false;
    const tellFirst = async () => {
      if (isTold || !(await run.describe()).raw.pendingActivities?.length) return;
      isTold = true;
      await acceptAndTell(run, first);
    };
    s3.s3.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const answer = await next(args);
          if (commandName === command) await tellFirst();
          return answer;
        },
      { name: folder },
    );
    try {
      await accept([sign]);
      expect((await run.result()).etags).toEqual([last.etag]);
    } finally {
      s3.s3.middlewareStack.remove(folder);
    }
  });
});

describe('when the event of a version that was replaced comes after a listing has shown what replaced it', () => {
  /** A run that takes from the folder what has come since now; of its object `a` only the first version was told. */
  async function replaceUntold(name: string, youngerMs: number) {
    const folder = `${name}-${++attempts}`;
    const { since, first, last } = await uploadTwice(`${folder}/a`);
    const time = new Date(Date.parse(first.time) + youngerMs).toISOString();
    return { folder, since, event: { ...first, time }, last };
  }

  // The time of an event is that of the end of its upload, and what a listing shows that of the begin.
  test.each([0, 1_500])('%i ms later, it is not late', async (youngerMs) => {
    const { folder, since, event, last } = await replaceUntold('not-late', youngerMs);
    const run = await startInbox({ pattern: `s3://lake/${folder}/*`, late: 'fail', hold: 'yes' }, { since });
    await eventually(
      () => run.query(statusQuery),
      ({ steps }) => steps[0]?.state === 'succeeded',
    );
    await acceptAndTell(run, event);
    await run.signal(finishSignal);
    expect(await run.result()).toMatchObject({ etags: [last.etag] });
  });

  test('a second later, it brings nothing back', async () => {
    const { folder, since, event, last } = await replaceUntold('nothing-back', 1_500);
    const complete = JSON.stringify({ count: 2 });
    const run = await startInbox({ pattern: `s3://lake/${folder}/*`, complete }, { since });
    await untilTold(run);
    await acceptAndTell(run, event);
    const other = await upload(`${folder}/b`);
    await accept([other]);
    expect((await run.result()).etags.sort()).toEqual([last.etag, other.etag].sort());
  });
});

test('in a bucket with versions, the late event of a manifest that was replaced does not bring it back', async () => {
  const folder = `manifest-${++attempts}`;
  const key = `${folder}/list.json`;
  const listing = (...names: string[]) => JSON.stringify(names.map((name) => `${folder}/${name}`));
  await upload(`${folder}/a`);
  await upload(`versions/${folder}`, listing('a'));
  // The gateway has no versions: the old one is read from a copy.
  s3.s3.middlewareStack.add(
    (next, { commandName }) =>
      (args) => {
        const input = args.input as { Key?: string; VersionId?: string };
        if (commandName === 'GetObjectCommand' && input.VersionId === 'first') {
          input.Key = `versions/${folder}`;
          delete input.VersionId;
        }
        return next(args);
      },
    { name: folder, priority: 'high' },
  );
  try {
    const since = new Date(Date.now() - 60_000).toISOString();
    const { first } = await uploadTwice(key, [listing('a'), listing('a', 'b')]);
    const complete = JSON.stringify({ manifest: key });
    const run = await startInbox({ pattern: `s3://lake/${folder}/*`, complete }, { since });
    const countDone = async () =>
      (await run.fetchHistory()).events!.filter((event) => event.activityTaskCompletedEventAttributes).length;
    // It has subscribed and read the second, which a listing has shown.
    await eventually(countDone, (count) => count >= 2);
    await acceptAndTell(run, { ...first, versionId: 'first' });
    // It has asked what is there, and read that.
    await eventually(countDone, (count) => count >= 4);
    await accept([await upload(`${folder}/b`)]);
    expect((await run.result()).keys.sort()).toEqual([`${folder}/a`, `${folder}/b`]);
  } finally {
    s3.s3.middlewareStack.remove(folder);
  }
});

test.each(Array.from({ length: ROUNDS }, (_, i) => i + 1))(
  'round %i: whatever becomes of the events, every run ends with exactly its objects',
  async (round) => {
    const random = seeded(seedOf(round));
    const folder = `round-${round}-${++attempts}`;
    // Every third round the webhook is down all the time: no event comes at all.
    const isSilent = round % 3 === 0;
    const pattern = `s3://lake/${folder}/**`;
    const keys = Array.from(
      { length: 3 + Math.floor(random() * 8) },
      (_, i) => `${folder}/${i % 2 ? 'x/' : ''}${i}`,
    );
    const marker = `${folder}/_SUCCESS`;
    const rules = [
      { complete: { marker }, expected: keys },
      { complete: { keys: keys.slice(0, 2) }, expected: keys.slice(0, 2) },
      { complete: { keys: [keys[2]!, marker] }, expected: [keys[2]!, marker] },
      // A marker counts where the rule names it, and nowhere else.
      { complete: { count: keys.length }, expected: keys },
      { complete: { quiet: '4 s', atLeast: keys.length }, expected: keys },
    ];
    const since = new Date().toISOString();
    const startRule = ({ complete }: (typeof rules)[number]) =>
      startInbox({ pattern, complete: JSON.stringify(complete) }, { since });
    const [early, late] = [rules.slice(0, 3), rules.slice(3)];
    const started = await Promise.all(early.map(startRule));

    const events: Arrival[] = [];
    for (const key of keys) {
      if (random() < 0.3) events.push(await upload(key, 'first'));
      events.push(await upload(key, `last of ${key}`));
    }
    const newest = new Map(events.map(({ key, etag }) => [key, etag]));
    events.push(await upload(marker));
    const sent = isSilent ? [] : events.flatMap((event) => (random() < 0.5 ? [event, event] : [event]));
    const kept = sent.filter(() => random() > 0.1).sort(() => random() - 0.5);
    const restartAt = Math.floor(random() * kept.length);
    const answers: Promise<void>[] = [];
    for (const [i, event] of kept.entries()) {
      if (i === restartAt) {
        await worker.stop();
        worker = await startWorker();
      }
      answers.push(accept([event]));
      if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, random() * 200));
    }
    await Promise.all(answers);
    started.push(...(await Promise.all(late.map(startRule))));

    for (const [i, run] of started.entries()) {
      const { status } = await eventually(
        async () => ({ ...(await run.describe()), steps: (await run.query(statusQuery)).steps }),
        (described) => described.status.name !== 'RUNNING',
        { deadlineMs: 100_000, pauseMs: 200 },
      );
      expect(status.name).toBe('COMPLETED');
      const result = await run.result();
      expect({ rule: rules[i]!.complete, keys: result.keys.sort() }).toEqual({
        rule: rules[i]!.complete,
        keys: [...rules[i]!.expected].sort(),
      });
    }
    const marked = await started[0]!.result();
    expect(Object.fromEntries(marked.keys.map((key, i) => [key, marked.etags[i]]))).toEqual(
      Object.fromEntries(newest),
    );
  },
  120_000,
);
