/** `mapJobs` some of whose jobs fail, on the server that skips time. */
import { createTestStack, type TestStack } from '../../../src/testing';
import type { FailedJob } from '../../../src/workflow';
import { toleratedOf } from '../../../src/workflows/steps/mapJobs';
import { fanOut } from '../testing/pipelines';

let stack: TestStack;

beforeAll(async () => {
  stack = await createTestStack({ pipelines: [fanOut] });
}, 120_000);

afterAll(() => stack?.stop());

/** The jobs of these items fail. */
function fail(...items: number[]): void {
  const failing = new Set(items.map((item) => `map ${item}`));
  stack.script('map *', ({ step }) => (failing.has(step) ? { fails: `no such column in ${step}` } : {}));
}

/** Plays a run; how many jobs it has submitted besides. */
async function play(input: Parameters<typeof stack.start<(typeof fanOut)['fields'], unknown>>[1]) {
  const before = stack.submissions('map *');
  const run = await stack.start(fanOut, input);
  const ended = await run.result().then(
    (result) => ({ result: result as { results: (object | null)[]; failed: FailedJob[] }, error: null }),
    (error: { code: string; message: string }) => ({ result: null, error }),
  );
  return { ...ended, status: await run.status(), submitted: stack.submissions('map *') - before };
}

test.each([
  ['a count', { count: 2 }],
  ['a share', { share: 0.1 }],
])('as many failures as %s allows are listed, and the rest has its results', async (_, tolerate) => {
  fail(3, 17);
  const { result, status, submitted } = await play({ items: 20, ...tolerate });
  expect(submitted).toBe(20);
  expect(result!.results.map((one, i) => (one === null ? i : -1)).filter((i) => i >= 0)).toEqual([2, 16]);
  expect(result!.failed).toEqual(
    [3, 17].map((item) => ({
      index: item - 1,
      step: `map ${item}`,
      code: 'JobFailed',
      message: `no such column in map ${item}`,
    })),
  );
  expect(status.state).toBe('completed');
  expect(status.steps[0]).toMatchObject({ name: 'map', state: 'succeeded', tolerated: 2 });
});

test.each([
  ['cancel', 4],
  ['finish', 20],
] as const)(
  'one failure too many fails it, when the others %s after so many submissions: %i',
  async (siblings, most) => {
    fail(2, 3, 4);
    const { error, submitted } = await play({ items: 20, count: 2, siblings, concurrency: 1 });
    expect(error).toMatchObject({
      code: 'JobFailed',
      message: 'no such column in map 2; 2 more have failed, too',
    });
    expect(submitted).toBe(most);
  },
);

test('without tolerance the first failure goes on as it is, once the others have finished', async () => {
  fail(1);
  const { error, submitted } = await play({ items: 12, siblings: 'finish', concurrency: 3 });
  expect([error?.message, submitted]).toEqual(['no such column in map 1', 12]);
});

test('a cancellation is no failure to be tolerated', async () => {
  stack.script('map *', { takes: '1 hour' });
  const run = await stack.start(fanOut, { items: 3, count: 3 });
  await stack.skip('1 minute');
  await run.cancel();
  expect((await run.status()).state).toBe('cancelled');
});

test.each([
  ['cancel', 3],
  ['finish', 4],
] as const)('what is tolerated counts over all child runs (%s)', async (siblings, submitted) => {
  const large = { items: 4, bytes: 700_000, siblings };
  fail(1, 3);
  const tolerated = await play({ ...large, count: 2 });
  expect(tolerated.result!.failed.map(({ index, step }) => [index, step])).toEqual([
    [0, 'map 1'],
    [2, 'map 3'],
  ]);
  expect(tolerated.result!.results.map((one) => one !== null)).toEqual([false, true, false, true]);
  expect(tolerated.status.steps[0]).toMatchObject({ state: 'succeeded', tolerated: 2 });
  const failed = await play({ ...large, count: 1 });
  expect(failed.error).toMatchObject({
    code: 'JobFailed',
    message: expect.stringContaining('no such column'),
  });
  expect(failed.submitted).toBe(submitted);
});

test.each([
  [{ count: 1.5 }, /tolerate.count is 1.5; give a whole number from 0/],
  [{ count: -1 }, /tolerate.count is -1/],
  [{ share: 1.1 }, /tolerate.share is 1.1; give a number from 0 to 1/],
  [{ share: NaN }, /tolerate.share is NaN/],
])('what is no tolerance is refused: %j', (tolerate, message) => {
  expect(() => toleratedOf('map', tolerate, 10)).toThrow(message);
});
