/** What a run says of its own retries, on the server that skips time. */
import { createTestStack, type TestStack } from '../../../src/testing';
import { hello, jobs, parent } from '../testing/pipelines';

let stack: TestStack;

beforeAll(async () => {
  stack = await createTestStack({ pipelines: [hello, jobs, parent] });
}, 120_000);

afterAll(() => stack?.stop());

const notify = 'https://hooks.example.com/runs';
const noticesOf = (id: string) => stack.notifications.filter(({ run }) => run.id === id);

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
  expect(noticesOf(run.id)).toEqual([]);

  await stack.skip('19 minutes');
  expect(await run.step('load a')).toMatchObject({ state: 'retrying' });
  expect(noticesOf(run.id)).toEqual([
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
  expect(noticesOf(run.id).map(({ event }) => event)).toEqual(['retrying', 'ended']);
});

test('a child run tells of its retries where its parent is told', async () => {
  stack.script('count', { throttled: 45 });
  const run = await stack.start(parent, { notify });
  await stack.arrive('s3://lake/days/a.csv');
  await stack.skip('19 minutes');
  expect(noticesOf(`${run.id}/child`).map(({ event }) => event)).toEqual(['retrying']);
  await run.result();
  expect(noticesOf(run.id).map(({ event }) => event)).toEqual(['ended']);
});
