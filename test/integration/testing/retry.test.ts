import { createTestStack, type ScriptedJob, type TestRun, type TestStack } from '../../../src/testing';
import { branches, family, items } from './retryPipelines';

let stack: TestStack;

beforeAll(async () => {
  stack = await createTestStack({ pipelines: [branches, items, family] });
}, 120_000);

afterAll(() => stack?.stop());

/** What each job answers, so that results show which jobs they come from. */
const answer = ({ step }: ScriptedJob) => ({ succeeds: { payload: step } });
const STEPS = ['clean left', 'count left', 'count right', 'join', 'load *', 'sum', 'close'];

let submittedBefore = 0;
beforeEach(async () => {
  for (const step of STEPS) stack.script(step, answer);
  await stack.put('s3://lake/clean-left/part-0.csv');
  await stack.put('s3://lake/clean-left/_SUCCESS');
  // What is written before a job ends is its own.
  await stack.skip('1 minute');
  submittedBefore = stack.submitted.length;
});

/** The steps whose jobs were submitted since this was asked last. */
function submittedSince(): string[] {
  const steps = stack.submitted.slice(submittedBefore).map(({ step }) => step);
  submittedBefore = stack.submitted.length;
  return steps.sort();
}

const ALL = ['clean left', 'count left', 'count right', 'join'];
const RESULT = { left: 'count left', right: 'count right', joined: 'join' };

/** A run of `branches` whose objects are there. */
async function startBranches(input = {}): Promise<TestRun<unknown>> {
  const run = await stack.start(branches, input);
  await stack.arrive('s3://lake/left/a.csv', { body: `left ${run.id}` });
  await stack.arrive('s3://lake/right/b.csv', { body: `right ${run.id}` });
  return run;
}

const stateOf = async (run: TestRun<unknown>) =>
  Object.fromEntries(
    (await run.status()).steps
      .filter(({ kind }) => kind !== 'group')
      .map(({ name, state, takenFrom }) => [name, takenFrom ? `${state}, ${takenFrom.job}` : state]),
  );

test('a retry does only what failed, and gives what a run gives that never failed', async () => {
  stack.script('join', { fails: 'no room on the disk' });
  const failed = await startBranches();
  expect((await failed.failure()).step).toBe('join');
  expect(submittedSince()).toEqual(ALL);
  stack.script('join', answer);
  const retry = await stack.retry(failed);
  expect(await retry.result()).toEqual(RESULT);
  expect(submittedSince()).toEqual(['join']);
  expect(await stateOf(retry)).toEqual({
    ...{ 'wait left': 'succeeded, reused', 'clean left': 'succeeded, reused' },
    ...{ 'count left': 'succeeded, reused', 'wait right': 'succeeded, reused' },
    ...{ 'count right': 'succeeded, reused', join: 'succeeded' },
  });
  expect(await retry.status()).toMatchObject({ retryOf: { id: failed.id } });
});

test('a second retry is refused while the first runs, and goes on with it when that has failed', async () => {
  stack.script('count right', { fails: 'first' });
  stack.script('join', { takes: '1 hour' });
  const failed = await startBranches();
  await failed.failure();
  submittedSince();
  const again = await stack.retry(failed);
  expect((await again.failure()).step).toBe('count right');
  expect(again.id).toBe(`${failed.id}-retry-1`);
  stack.script('count right', answer);
  const third = await stack.retry(failed);
  await third.waitUntil('join', 'running');
  const refusal = `${again.id} is retried by`;
  await expect(stack.retry(again)).rejects.toThrow(refusal.replace(again.id, again.id));
  await expect(stack.retry(failed)).rejects.toThrow(
    `${failed.id} is retried by ${failed.id}-retry-2 already`,
  );
  await third.result();
  expect(submittedSince()).toEqual(['count right', 'count right', 'join']);
});

test('a job that goes on after its run was terminated is awaited, not done again', async () => {
  stack.script('count left', { takes: '3 hours', succeeds: { payload: 'count left' } });
  const run = await startBranches();
  await run.waitUntil('count left', 'running');
  await run.terminate();
  submittedSince();
  await stack.skip('1 hour');
  const retry = await stack.retry(run);
  expect(await stateOf(retry)).toMatchObject({ 'count left': 'running, adopted' });
  expect(await retry.result()).toEqual(RESULT);
  expect(submittedSince()).toEqual(['join']);
});

test('a job whose output was written anew since is done again, with all that comes after it in its branch', async () => {
  stack.script('join', { fails: 'once' });
  const failed = await startBranches();
  await failed.failure();
  submittedSince();
  await stack.skip('1 minute');
  await stack.put('s3://lake/clean-left/part-0.csv');
  stack.script('join', answer);
  expect(await (await stack.retry(failed)).result()).toEqual(RESULT);
  expect(submittedSince()).toEqual(['clean left', 'count left', 'join']);
});

test('an object that was replaced since is taken as it is now', async () => {
  stack.script('join', { fails: 'once' });
  const failed = await startBranches();
  await failed.failure();
  submittedSince();
  // A listing tells whole seconds.
  await stack.skip('1 minute');
  await stack.put('s3://lake/right/b.csv', { body: 'other bytes' });
  stack.script('join', answer);
  const retry = await stack.retry(failed);
  expect(await retry.result()).toEqual(RESULT);
  expect(submittedSince()).toEqual(['count right', 'join']);
});

test.each([
  ['from', ['clean left'], ['clean left', 'count left', 'join']],
  ['from', ['count right'], ['count right', 'join']],
  ['redo', ['clean left'], ['clean left', 'join']],
] as const)('--%s %s does anew what it says', async (option, steps, expected) => {
  stack.script('join', { fails: 'once' });
  const failed = await startBranches();
  await failed.failure();
  submittedSince();
  stack.script('join', answer);
  await (await stack.retry(failed, { [option]: steps })).result();
  expect(submittedSince()).toEqual(expected);
});

test('with a changed input, the jobs that it changes are done anew', async () => {
  stack.script('join', { fails: 'once' });
  const failed = await startBranches();
  await failed.failure();
  submittedSince();
  stack.script('join', answer);
  await (await stack.retry(failed, { input: { day: 'friday' } })).result();
  expect(submittedSince()).toEqual(['clean left', 'count left', 'join']);
});

test('a cancelled run goes on where its jobs were stopped', async () => {
  stack.script('count right', { takes: '1 hour' });
  const run = await startBranches();
  await run.waitUntil('count right', 'running');
  await run.cancel();
  submittedSince();
  stack.script('count right', answer);
  expect(await (await stack.retry(run)).result()).toEqual(RESULT);
  expect(submittedSince()).toEqual(['count right', 'join']);
});

test('a run that an arrival started goes on with the object that started it', async () => {
  await stack.startOnArrival(branches);
  stack.script('count right', { fails: 'once' });
  await stack.arrive('s3://lake/left/first.csv', { body: 'first' });
  await stack.arrive('s3://lake/right/c.csv', { body: 'c' });
  const [run] = (await stack.runsOf(branches)).filter(({ id }) => id.includes('first.csv'));
  await run!.failure();
  submittedSince();
  stack.script('count right', answer);
  const retry = await stack.retry(run!);
  await retry.result();
  expect((await retry.step('wait left')).objects).toMatchObject([{ uri: 's3://lake/left/first.csv' }]);
  expect(submittedSince()).toEqual(['count right', 'join']);
});

test('of a fan-out in child runs, only what failed and what had not begun is done', async () => {
  // Three to a child run, by the bytes of their parameters.
  const input = { count: 8, padding: 300_000 };
  stack.script('load 5', { takes: '1 hour', fails: 'bad item' });
  stack.script('load 4', { takes: '2 hours' });
  const failed = await stack.start(items, input);
  expect(await failed.failure()).toMatchObject({ message: 'bad item' });
  expect(submittedSince()).toEqual(['load 1', 'load 2', 'load 3', 'load 4', 'load 5']);
  stack.script('load 5', answer);
  stack.script('load 4', answer);
  const retry = await stack.retry(failed);
  expect(await retry.result()).toEqual(Array.from({ length: 8 }, (_, i) => `load ${i + 1}`));
  // The fourth was stopped when the fifth failed.
  expect(submittedSince()).toEqual(['load 4', 'load 5', 'load 6', 'load 7', 'load 8', 'sum']);
});

test('of a fan-out in one run, what succeeded after a job that is done anew is kept', async () => {
  stack.script('load 2', { takes: '1 hour', fails: 'bad item' });
  const failed = await stack.start(items, { count: 5 });
  await failed.failure();
  submittedSince();
  stack.script('load 2', answer);
  const retry = await stack.retry(failed, { redo: ['load 1'] });
  expect(await retry.result()).toEqual(['load 1', 'load 2', 'load 3', 'load 4', 'load 5']);
  expect(submittedSince()).toEqual(['load 1', 'load 2', 'sum']);
});

test('a run goes on in the child that failed, and keeps the one that succeeded', async () => {
  stack.script('count right', { fails: 'once' });
  const run = await stack.start(family);
  await stack.arrive('s3://lake/left/f.csv', { body: 'f' });
  await stack.arrive('s3://lake/right/f.csv', { body: 'f' });
  await run.failure();
  submittedSince();
  stack.script('count right', answer);
  const retry = await stack.retry(run);
  expect(await retry.result()).toEqual({ first: ['load 1', 'load 2', 'load 3'], second: RESULT });
  expect(submittedSince()).toEqual(['close', 'count right', 'join']);
  await expect(stack.retry({ id: `${run.id}/second` } as TestRun<unknown>)).rejects.toThrow(
    `${run.id}/second is part of the run ${run.id}`,
  );
});
