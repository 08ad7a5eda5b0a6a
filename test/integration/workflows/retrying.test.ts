/** What a run says of its own retries, and steps whose retries are used up and that wait for somebody, on the server that skips time. */
import { createTestStack, type TestStack } from '../../../src/testing';
import type { JobScripts } from '../../../src/testing';
import { hello, jobs, lasting, parent } from '../testing/pipelines';

let stack: TestStack;

beforeAll(async () => {
  stack = await createTestStack({ pipelines: [hello, jobs, lasting, parent] });
}, 120_000);

afterAll(() => stack?.stop());

/** Scripts and faults of one test are not those of another. */
beforeEach(() => {
  for (const step of ['load a', 'load b', 'join', 'count']) stack.script(step, {});
  stack.refuseS3(null);
});

const notify = 'https://hooks.example.com/runs';
const park = { onExhausted: 'park', notify } as const;
const told = (id: string) => stack.notifications.filter(({ run }) => run.id === id);
const noticesOf = (id: string) => told(id).map(({ event, failure }) => [event, failure?.code]);

test.each<[string, JobScripts, string, number]>([
  ['has no room for longer than it may take', { noRoom: '2 hours' }, 'NoCapacity', 1],
  ['throttles until its time is up', { throttled: 35 }, 'Throttled', 1],
  ['fails as often as it is tried', [{ fails: 'no node' }, { fails: 'no node' }, {}], 'JobFailed', 3],
])(
  'a job whose service %s is parked, told once, and goes on when it is let',
  async (_, script, code, submissions) => {
    stack.script('load a', script);
    stack.script('load b', {});
    const before = stack.submissions('load a');
    const run = await stack.start(jobs, {
      ...park,
      attempts: 2,
      timeout: '12 minutes',
      capacityTimeout: '12 minutes',
    });
    const step = await run.waitUntil('load a', 'parked');
    expect(step.failure).toMatchObject({ code, step: 'load a' });
    expect(noticesOf(run.id).at(-1)).toEqual(['parked', code]);
    await stack.skip('30 days');
    expect(await run.step('load a')).toMatchObject({ state: 'parked' });
    await run.resume('another');
    expect(await run.step('load a')).toMatchObject({ state: 'parked' });
    await run.resume('load a');
    expect(await run.step('load a')).not.toMatchObject({ state: 'parked' });
    await run.result();
    expect(await run.step('load a')).toMatchObject({ state: 'succeeded', failure: null });
    expect(stack.submissions('load a') - before).toBe(submissions);
  },
);

test.each([
  // The answer of a HEAD has no body that says more.
  ['source cannot be reached', 'before', 'Transient'],
  ['listings begin to fail while it waits', 'after', 'Throttled'],
])(
  'a wait whose %s until its time is up is parked, and takes what came when it is let',
  async (_, when, code) => {
    const input = { ...park, within: when === 'before' ? '5 minutes' : '13 hours' };
    if (when === 'before') stack.refuseS3('SlowDown');
    const run = await stack.start(hello, input);
    stack.refuseS3('SlowDown');
    const step = await run.waitUntil('wait for the day', 'parked');
    expect(step).toMatchObject({
      failure: { code, step: 'wait for the day' },
      waitingFor: 's3://lake/days/*.csv',
    });
    expect(noticesOf(run.id).at(-1)).toEqual(['parked', code]);
    await stack.put(`s3://lake/days/${run.id}.csv`);
    await stack.skip('2 hours');
    stack.refuseS3(null);
    expect(await run.step('wait for the day')).toMatchObject({ state: 'parked' });
    await run.resume();
    expect(await run.result()).toMatchObject({ key: `days/${run.id}.csv` });
    expect(await run.step('wait for the day')).toMatchObject({ state: 'succeeded', failure: null });
  },
);

test('a wait for which nothing comes is not parked', async () => {
  const run = await stack.start(hello, { ...park, within: '5 minutes' });
  expect(await run.failure()).toMatchObject({ code: 'ArrivalTimeout' });
});

test('a run that was not told to park fails when a budget is spent', async () => {
  stack.script('load a', { noRoom: '2 hours' });
  const run = await stack.start(jobs, { capacityTimeout: '1 hour' });
  expect(await run.failure()).toMatchObject({ code: 'NoCapacity', step: 'load a' });
});

test('a job that fails once and was not to be tried again fails the run that parks', async () => {
  stack.script('load a', { fails: 'no such column' });
  const run = await stack.start(jobs, park);
  expect(await run.failure()).toMatchObject({ code: 'JobFailed', step: 'load a' });
});

test('of steps that are parked for one reason only the first is told, and all go on together', async () => {
  for (const step of ['load a', 'load b']) stack.script(step, { noRoom: '90 minutes' });
  const run = await stack.start(jobs, { ...park, capacityTimeout: '1 hour' });
  for (const step of ['load a', 'load b']) await run.waitUntil(step, 'parked');
  expect(noticesOf(run.id)).toEqual([['parked', 'NoCapacity']]);
  await stack.skip('1 hour');
  await run.resume();
  await run.result();
  expect(noticesOf(run.id).map(([event]) => event)).toEqual(['parked', 'ended']);
});

test('a run that is cancelled while a step is parked ends, and leaves no job', async () => {
  stack.script('load a', { noRoom: '2 hours' });
  const run = await stack.start(jobs, { ...park, capacityTimeout: '1 hour' });
  await run.waitUntil('load a', 'parked');
  await run.cancel();
  expect((await run.status()).state).toBe('cancelled');
  expect(await run.step('load a')).toMatchObject({ state: 'stopped' });
});

test('a child run parks as its parent was told to', async () => {
  stack.script('count', { noRoom: '2 days' });
  const run = await stack.start(parent, park);
  await stack.arrive('s3://lake/days/a.csv');
  await stack.skip('25 hours');
  expect(noticesOf(`${run.id}/child`)).toEqual([['parked', 'NoCapacity']]);
});

test('a submit that is retried shows why, how often and since when, and goes on', async () => {
  stack.script('load a', { throttled: 45 });
  const run = await stack.start(jobs, { notify });
  await stack.skip('20 seconds');
  const step = await run.step('load a');
  expect(step).toMatchObject({
    state: 'retrying',
    retry: {
      doing: 'submit',
      attempt: expect.any(Number),
      failure: { code: 'Throttled', message: 'the service asks to slow down' },
    },
  });
  expect(step.retry!.attempt).toBeGreaterThanOrEqual(4);
  expect(Date.parse(step.retry!.since)).toBeLessThanOrEqual(Date.parse(step.startedAt!) + 2_000);
  expect(Date.parse(step.retry!.nextAt)).toBeGreaterThan(Date.parse(step.retry!.since));
  expect(told(run.id)).toEqual([]);

  await stack.skip('19 minutes');
  expect(await run.step('load a')).toMatchObject({ state: 'retrying' });
  expect(told(run.id)).toEqual([
    expect.objectContaining({
      event: 'retrying',
      state: 'running',
      endedAt: null,
      failure: { code: 'Throttled', message: 'the service asks to slow down', step: 'load a' },
    }),
  ]);

  await run.result();
  const { retry, state } = await run.step('load a');
  expect([retry, state]).toEqual([undefined, 'succeeded']);
  expect(told(run.id).map(({ event }) => event)).toEqual(['retrying', 'ended']);
});

test('a child run tells of its retries where its parent is told', async () => {
  stack.script('count', { throttled: 45 });
  const run = await stack.start(parent, { notify });
  await stack.arrive('s3://lake/days/a.csv');
  await stack.skip('19 minutes');
  expect(told(`${run.id}/child`).map(({ event }) => event)).toEqual(['retrying']);
  await run.result();
  expect(told(run.id).map(({ event }) => event)).toEqual(['ended']);
});

test('retries, waits in line and deadlines add some events to a history, however long they last', async () => {
  const eventsOf = async (script: JobScripts, options: object = {}): Promise<number> => {
    stack.script('last', script);
    return (await (await stack.start(lasting, options)).result())!;
  };
  const shortly = await eventsOf({ throttled: 15 });
  // A word each time that it has gone on for twice as long, of a signal and two tasks of the run; of each attempt it would be 200.
  expect(await eventsOf({ throttled: 45 })).toBeLessThanOrEqual(shortly + 70);
  const inLine = await eventsOf({ noRoom: '10 minutes' });
  expect(await eventsOf({ noRoom: '20 days' })).toBeLessThanOrEqual(inLine);
  const late = { expectedBy: '1 minute' };
  const overdue = await eventsOf({ takes: '1 hour' }, late);
  expect(await eventsOf({ takes: '25 days' }, late)).toBeLessThanOrEqual(overdue);
});
