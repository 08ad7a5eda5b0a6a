import { createTestStack, type TestStack } from '../../../src/testing';
import { definePipeline } from '../../../src/workflow';
import { broken, busy, hello, jobs, parent, slow } from './pipelines';

let stack: TestStack;

beforeAll(async () => {
  stack = await createTestStack({ pipelines: [hello, jobs, broken, parent, slow, busy] });
}, 120_000);

afterAll(() => stack?.stop());

/** Scripts of one test are not those of another. */
beforeEach(() => {
  for (const step of ['count', 'load a', 'load b', 'join']) stack.script(step, {});
});

/** How many submissions of a step there were since the test began. */
function counting(step: string): () => number {
  const before = stack.submissions(step);
  return () => stack.submissions(step) - before;
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'none',
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  );

test('a run waits for days, takes what arrives, and runs its job once', async () => {
  stack.script('count', { succeeds: { rows: [{ n: 3 }] } });
  const submitted = counting('count');
  const run = await stack.start(hello);
  await stack.skip('6 days');
  expect(await run.status()).toMatchObject({ state: 'running', waitingFor: ['s3://lake/days/*.csv'] });
  await stack.arrive('s3://lake/days/a.csv');
  expect(await run.result()).toEqual({ key: 'days/a.csv', rows: [{ n: 3 }] });
  expect(submitted()).toBe(1);
});

test('an object that is created empty and filled later is shown empty, and taken when it is filled', async () => {
  const submitted = counting('count');
  const run = await stack.start(hello);
  await stack.arrive('s3://lake/days/upload.csv', { size: 0 });
  await stack.skip('3 seconds');
  const { state, steps } = await run.status();
  expect([state, submitted()]).toEqual(['running', 0]);
  expect(steps[0]).toMatchObject({
    state: 'waiting',
    objects: [{ uri: 's3://lake/days/upload.csv', empty: true }],
  });
  await stack.arrive('s3://lake/days/upload.csv', { body: 'x\n1\n' });
  expect(await run.result()).toMatchObject({ key: 'days/upload.csv' });
  expect(submitted()).toBe(1);
});

test('a job with bad rows says so in the status of its step, and one without says nothing', async () => {
  const counts = { rowsRead: 1_000_000, rowsRejected: 0, valuesUnread: 1, rowsWritten: 2 };
  const rowsOf = async (measures: Record<string, number>) => {
    stack.script('count', { succeeds: { measures } });
    const run = await stack.start(hello);
    await stack.arrive('s3://lake/days/bad.csv');
    await run.result();
    return (await run.status()).steps.find(({ name }) => name === 'count')?.rows;
  };
  expect(await rowsOf(counts)).toEqual({ read: 1_000_000, rejected: 0, unread: 1, written: 2 });
  expect(await rowsOf({ ...counts, valuesUnread: 0 })).toBeUndefined();
});

test('a run that nothing reaches fails when its time is up', async () => {
  const began = (await stack.now()).getTime();
  const failure = await (await stack.start(hello)).failure();
  expect(failure).toMatchObject({ code: 'ArrivalTimeout', step: 'wait for the day' });
  const days = ((await stack.now()).getTime() - began) / 86_400_000;
  expect(days).toBeCloseTo(7, 1);
});

test('what is due within a second happens before what a test does', async () => {
  const run = await stack.start(busy);
  await stack.skip('3599 s');
  await stack.arrive('s3://lake/busy/day.csv');
  expect(await run.failure()).toMatchObject({ code: 'ArrivalTimeout' });
});

test('an object that was there before a run started is not what the run waits for, however soon it starts', async () => {
  for (let i = 0; i < 5; i++) {
    await stack.arrive(`s3://lake/days/before-${i}.csv`);
    const run = await stack.start(hello);
    expect((await run.status()).waitingFor).toEqual(['s3://lake/days/*.csv']);
    await stack.arrive(`s3://lake/days/after-${i}.csv`);
    expect(await run.result()).toMatchObject({ key: `days/after-${i}.csv` });
  }
});

test('an object whose event is lost is found by the listing', async () => {
  const run = await stack.start(hello);
  await stack.skip('1 hour');
  await stack.put('s3://lake/days/lost.csv');
  expect(await run.result()).toMatchObject({ key: 'days/lost.csv' });
});

test('a job takes hours, side by side with another, and the steps show it meanwhile', async () => {
  stack.script('load a', { takes: '3 hours' });
  stack.script('load b', { takes: '5 hours' });
  const run = await stack.start(jobs);
  await stack.skip('4 hours');
  const { steps } = await run.status();
  expect(steps.map(({ name, state }) => [name, state])).toEqual([
    ['a', 'succeeded'],
    ['load a', 'succeeded'],
    ['b', 'running'],
    ['load b', 'running'],
  ]);
  const step = await run.waitUntil('join', 'succeeded');
  const loaded = await run.step('load b');
  expect((Date.parse(loaded.endedAt!) - Date.parse(loaded.startedAt!)) / 3_600_000).toBeCloseTo(5, 2);
  expect(Date.parse(step.startedAt!) - Date.parse(loaded.endedAt!)).toBeLessThan(10_000);
});

test('a job that fails fails the run with the message of the service, and the other branch is stopped', async () => {
  stack.script('load a', { takes: '1 hour', fails: 'no such column' });
  stack.script('load b', { takes: '3 hours' });
  const [joins, stops] = [counting('join'), stack.stops('load b')];
  const run = await stack.start(jobs);
  expect(await run.failure()).toMatchObject({ code: 'JobFailed', message: 'no such column', step: 'load a' });
  expect((await run.step('load b')).state).toBe('stopped');
  expect(stack.stops('load b') - stops).toBe(1);
  expect(joins()).toBe(0);
});

test('a job that fails once is submitted anew when its pipeline says so', async () => {
  stack.script('load a', [{ fails: 'out of memory' }, {}]);
  stack.script('join', { succeeds: { payload: { joined: 2 } } });
  const submitted = counting('load a');
  const run = await stack.start(jobs, { attempts: 2 });
  expect(await run.result()).toEqual({ joined: 2 });
  expect(submitted()).toBe(2);
});

test('a lost answer submits no job twice, whether the service took it or not', async () => {
  stack.script('load a', { answerLost: true });
  stack.script('load b', { answerLost: 'not taken' });
  const submitted = [counting('load a'), counting('load b')];
  await (await stack.start(jobs)).result();
  expect(submitted.map((count) => count())).toEqual([1, 1]);
});

test('a throttled submit is repeated until the service takes it', async () => {
  stack.script('load *', { throttled: 5 });
  stack.script('load b', { throttled: 1 });
  const submitted = counting('load a');
  await (await stack.start(jobs)).result();
  expect(submitted()).toBe(1);
});

test('a job waits in line while there is no room, and the run goes on when there is some', async () => {
  stack.script('load a', { noRoom: '10 minutes' });
  const run = await stack.start(jobs);
  expect((await run.step('load a')).state).toBe('waiting for capacity');
  await stack.skip('9 minutes');
  expect((await run.step('load a')).state).toBe('waiting for capacity');
  await stack.skip('2 minutes');
  expect((await run.step('load a')).state).toBe('succeeded');
  await run.result();
});

test('a job for which there is no room in time fails', async () => {
  stack.script('load a', { noRoom: '3 hours' });
  const run = await stack.start(jobs, { capacityTimeout: '30 minutes' });
  expect(await run.failure()).toMatchObject({ code: 'NoCapacity', step: 'load a' });
  expect((await run.failure()).message).toContain('within 30 min');
});

test('a job that outlasts its time-out is stopped', async () => {
  stack.script('load a', { takes: '3 hours' });
  const stops = stack.stops('load a');
  const run = await stack.start(jobs, { timeout: '2 hours' });
  expect(await run.failure()).toMatchObject({
    code: 'JobTimeout',
    message: 'load a did not end within 2 hours; the job was stopped.',
  });
  expect(stack.stops('load a') - stops).toBe(1);
});

test.each([
  [{ stopped: true }, 'JobStopped'],
  [{ lost: true }, 'JobLost'],
  [{ refused: 'no such job' }, 'InvalidJob'],
  [{ refused: { message: 'not allowed', code: 'AccessDenied' } }, 'AccessDenied'],
  [{ fails: { message: 'line 3', code: 'BadData' } }, 'BadData'],
  [{ refused: { message: 'nobody there', code: 'ServerUnreachable' } }, 'ServerUnreachable'],
] as const)('a job with %o fails the run with %s', async (script, code) => {
  stack.script('load a', script);
  expect(await (await stack.start(jobs)).failure()).toMatchObject({ code, step: 'load a' });
});

test('polls that fail are only slower polls', async () => {
  stack.script('load a', { failingPolls: 3, takes: '1 hour' });
  const submitted = counting('load a');
  await (await stack.start(jobs)).result();
  expect(submitted()).toBe(1);
});

test('a cancelled run stops its jobs, or leaves them when it is told to', async () => {
  for (const onCancel of ['stop', 'leave'] as const) {
    stack.script('load *', { takes: '3 hours' });
    stack.script('load a', { takes: '3 hours' });
    const stops = stack.stops('load a');
    const run = await stack.start(jobs, { onCancel });
    await run.waitUntil('load a', 'running');
    await run.cancel();
    expect(await codeOf(run.result())).toMatch(/^Cancelled/);
    expect((await run.status()).state).toBe('cancelled');
    expect(stack.stops('load a') - stops).toBe(onCancel === 'stop' ? 1 : 0);
  }
});

test('objects start runs of a pipeline, once a version', async () => {
  await stack.startOnArrival(hello);
  const before = (await stack.runsOf(hello)).length;
  await stack.arrive('s3://lake/days/started.csv', { body: 'n\n1\n' });
  const started = (await stack.runsOf(hello)).slice(before);
  expect(started.map(({ id }) => id)).toEqual([expect.stringContaining('hello:s3://lake/days/started.csv@')]);
  expect(await started[0]!.result()).toMatchObject({ key: 'days/started.csv' });
});

test('an object is handed over by hand, and a child run takes part', async () => {
  const run = await stack.start(parent);
  const { run: child } = await run.step('child');
  expect(child).toEqual({ id: `${run.id}/child` });
  const [childRun] = (await stack.runsOf(hello)).filter(({ id }) => id === child!.id);
  await childRun!.signalArrival('s3://lake/days/by-hand.csv');
  expect(await run.result()).toMatchObject({ key: 'days/by-hand.csv' });
});

const HOOK = 'https://hooks.example.com/late';
const newsOf = (id: string) =>
  stack.notifications
    .filter(({ run }) => run.id === id)
    .map(({ state, late }) => ({ state, late: late?.step }));

test('a step and a run that take longer than expected are shown late and told once each, and go on', async () => {
  stack.script('slow load', { takes: '3 hours' });
  const run = await stack.start(slow, { notify: HOOK }, { id: 'late' });
  await stack.skip('90 minutes');
  const step = await run.step('slow load');
  expect((Date.parse(step.late!) - Date.parse(step.startedAt!)) / 60_000).toBeCloseTo(60, 1);
  expect((await run.status()).late).toBeUndefined();
  expect(newsOf('late')).toEqual([{ state: 'running', late: 'slow load' }]);
  await run.result();
  expect(await run.status()).toMatchObject({ state: 'completed', late: expect.any(String) as string });
  expect(newsOf('late')).toEqual([
    { state: 'running', late: 'slow load' },
    { state: 'running', late: null },
    { state: 'completed', late: undefined },
  ]);
});

test('what ends as expected is never late, and nobody hears of it', async () => {
  stack.script('slow load', { takes: '30 minutes' });
  const run = await stack.start(slow, { notify: HOOK }, { id: 'in time' });
  await run.result();
  await stack.skip('3 hours');
  expect(newsOf('in time')).toEqual([{ state: 'completed', late: undefined }]);
});

test('a part of a run that takes longer than it may is cancelled, its job is stopped, and the run fails', async () => {
  stack.script('slow load', { takes: '6 hours' });
  const stops = stack.stops('slow load');
  const run = await stack.start(slow);
  expect(await run.failure()).toMatchObject({
    code: 'Overdue',
    step: 'part',
    message: 'part did not end within 5 hours; what it was at was cancelled',
  });
  expect((await run.step('part')).failure).toMatchObject({ code: 'Overdue' });
  expect((await run.step('slow load')).state).toBe('stopped');
  expect(stack.stops('slow load') - stops).toBe(1);
});

test('a run that takes longer than it may fails, by what its start says over what its pipeline says', async () => {
  stack.script('slow load', { takes: '3 hours' });
  const run = await stack.start(slow, {}, { within: '150 minutes' });
  expect(await run.failure()).toMatchObject({
    code: 'Overdue',
    step: null,
    message: 'The run did not end within 150 minutes; what it was at was cancelled',
  });
  expect((await run.status()).state).toBe('failed');
});

test('a deadline that is no duration is told where it is defined, or by the run', async () => {
  expect(() => definePipeline({ name: 'x', about: 'x', within: 'soon' }, () => Promise.resolve())).toThrow(
    'x: within is "soon"; give a duration above zero and up to 10 years',
  );
  const run = await stack.start(slow, {}, { expectedBy: 'soon' });
  expect(await run.failure()).toMatchObject({
    code: 'InvalidInput',
    message: expect.stringContaining('expectedBy is "soon"') as string,
  });
});

test('an input that is wrong, a word that is none, and a pipeline with a defect are told at once', async () => {
  expect(await codeOf(stack.start(hello, { within: 'soon' }))).toMatch(/^InvalidInput: .*within/s);
  expect(() => stack.script('load a', { takes: 'long' })).toThrow('load a: takes: "long" is no duration');
  expect(() => stack.script('load a', { fails: 'x', lost: true })).toThrow('a job ends in one way');
  await expect(stack.start(broken)).rejects.toThrow(/The code of broken-\d+ cannot go on: .*length/);
});
