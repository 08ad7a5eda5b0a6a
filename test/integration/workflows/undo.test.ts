/** Runs that undo what they have done, on the server that skips time. */
import { createTestStack, type TestRun, type TestStack } from '../../../src/testing';
import { main } from '../../../src/workflows/main';
import { marketingAndSales } from '../../../src/workflows/marketingAndSales';
import { rateCodes } from '../../../src/workflows/rateCodes';
import { undoing } from '../testing/pipelines';

let stack: TestStack;

beforeAll(async () => {
  stack = await createTestStack({
    pipelines: [undoing, main, marketingAndSales, rateCodes],
    tasks: [],
    real: ['duckdb:query'],
  });
}, 120_000);

afterAll(() => stack?.stop());

beforeEach(() => stack.script('glue:*', {}));

const undo = { onFailure: 'undo' } as const;
const undoneIn = async (run: TestRun<unknown>) =>
  (await run.status()).steps
    .filter(({ name }) => /^(undo|remove) /.test(name))
    .map(({ name, state }) => [name, state]);
const failC = () => stack.script('make c', { takes: '1 hour', fails: 'no such column' });

test('a run that fails undoes what it has done, the last first, and says so beside the failure', async () => {
  failC();
  const run = await stack.start(undoing, undo);
  expect(await run.failure()).toMatchObject({
    code: 'JobFailed',
    message: 'no such column; what it had done was undone (3 of 3)',
    step: 'make c',
  });
  expect((await run.status()).state).toBe('failed');
  const steps = await undoneIn(run);
  expect(steps).toEqual(
    ['c', 'b', 'a'].flatMap((name) => [
      [`undo ${name}`, 'succeeded'],
      [`remove ${name}`, 'succeeded'],
    ]),
  );
});

test.each(['fail', 'fallback'] as const)('a run that was told to %s undoes nothing', async (onFailure) => {
  failC();
  const run = await stack.start(undoing, { onFailure });
  await (onFailure === 'fail' ? run.failure() : run.result());
  expect(await undoneIn(run)).toEqual([]);
});

test('what cannot be undone is told beside the failure, and the rest is undone', async () => {
  failC();
  stack.script('remove b', { fails: 'no such folder' });
  const run = await stack.start(undoing, undo);
  expect((await run.failure()).message).toBe(
    'no such column; what it had done was undone (2 of 3); undo b failed, too: JobFailed: no such folder',
  );
  expect((await undoneIn(run)).filter(([, state]) => state === 'succeeded')).toHaveLength(4);
  stack.script('remove b', {});
});

test('a run that is cancelled undoes what it has begun, and ends as cancelled', async () => {
  stack.script('make b', { takes: '1 hour' });
  const run = await stack.start(undoing, undo);
  await run.waitUntil('make a', 'succeeded');
  await run.cancel();
  await expect(run.result()).rejects.toMatchObject({ code: 'Cancelled' });
  const { state, failure } = await run.status();
  expect([state, failure?.message]).toEqual([
    'cancelled',
    'The run was cancelled; what it had done was undone (2 of 2).',
  ]);
  expect(await undoneIn(run)).toHaveLength(4);
  stack.script('make b', {});
});

test('a run that is cancelled while it undoes finishes undoing', async () => {
  failC();
  stack.script('remove c', { takes: '1 hour' });
  const run = await stack.start(undoing, undo);
  await run.waitUntil('remove c', 'running');
  await run.cancel();
  expect((await run.status()).state).toBe('running');
  expect((await run.failure()).message).toContain('undone (3 of 3)');
  expect(stack.stops('remove c')).toBe(0);
  stack.script('remove c', {});
});

describe('marketing-and-sales', () => {
  const SALES = 'Date,Opportunity Stage,Forecasted Monthly Revenue\n1/1/2014,Lead,';
  const MARKETING =
    'Date,New visitors SEO,New visitors CPC,New visitors Social Media,Return visitors\n1/1/2014,';
  const OUTPUTS = [
    'tmp/sales/part-00000.snappy.parquet',
    'tmp/marketing/part-00000.snappy.parquet',
    'sales-leads-influenced/part-00000.csv',
  ].flatMap((name) => [name, `${name.slice(0, name.lastIndexOf('/'))}/_SUCCESS`]);
  const contents = (output: string) => OUTPUTS.map((name) => stack.read(`s3://lake/${output}/${name}`));

  async function play(output: string, revenue: number, more: object = {}) {
    const run = await stack.start(marketingAndSales, { output, ...more });
    await stack.arrive(`s3://lake/sales/${revenue}.csv`, { body: `${SALES}${revenue}\n` });
    await stack.arrive(`s3://lake/marketing/${revenue}.csv`, { body: `${MARKETING}${revenue},1,1,1\n` });
    return run;
  }

  /** A run that ends well leaves no copy. */
  async function endWell(output: string): Promise<void> {
    const run = await play(output, 1, undo);
    await run.result();
    const dropped = (await run.status()).steps.filter(({ name }) => name.startsWith('drop the copy of'));
    expect(dropped.map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'succeeded']);
  }

  test('of a main whose second part fails, the outputs of both parts are put back', async () => {
    const PARTS = [
      'emr-step-functions/miles-per-rate/part-0.csv',
      'emr-step-functions/rate-code-status/part-0.csv',
    ];
    const spark = (body: string) => Promise.all(PARTS.map((key) => stack.put(`s3://lake/${key}`, { body })));
    const sparkNow = () => PARTS.map((key) => stack.read(`s3://lake/${key}`));
    await spark('first');
    const before = contents('of-main');
    stack.script('RateCodeStatus', { takes: '1 hour', fails: 'no fares' });
    const failing = await stack.start(main, { ...undo, output: 'of-main' });
    await stack.arrive('s3://lake/sales/main.csv', { body: `${SALES}1\n` });
    await stack.arrive('s3://lake/marketing/main.csv', { body: `${MARKETING}1,1,1,1\n` });
    expect(contents('of-main')).not.toEqual(before);
    // What Spark would have written meanwhile.
    await spark('second');
    expect((await failing.failure()).message).toContain('no fares; what it had done was undone (5 of 5)');
    expect(contents('of-main')).toEqual(before);
    expect(sparkNow()).toEqual(['first', 'first']);
    stack.script('RateCodeStatus', {});
  });

  test('rate-codes puts back what was there', async () => {
    const key = 's3://lake/alone/emr-step-functions/miles-per-rate/part-0.csv';
    await stack.put(key, { body: 'first' });
    stack.script('MilesPerRateCode', { takes: '1 hour', fails: 'no trips' });
    const run = await stack.start(rateCodes, { ...undo, rootPath: 's3://lake/alone' });
    await run.waitUntil('MilesPerRateCode', 'running');
    await stack.put(key, { body: 'second' });
    expect((await run.failure()).message).toContain('undone (1 of 1)');
    expect(stack.read(key)).toBe('first');
    stack.script('MilesPerRateCode', {});
  });

  test.each([true, false])(
    'puts back the outputs that were there before, if there were any: %s',
    async (wereThere) => {
      const output = `puts-back-${wereThere}`;
      if (wereThere) await endWell(output);
      const before = contents(output);
      expect(before.every((text) => (text !== null) === wereThere)).toBe(true);
      const failing = await play(output, 2, {
        ...undo,
        extraJobs: [
          {
            name: 'after',
            arrival: 's3://lake/after/*.csv',
            resource: 'glue:startJobRun',
            parameters: { JobName: 'after' },
          },
        ],
      });
      await failing.waitUntil('process sales data', 'succeeded');
      await failing.waitUntil('process marketing data', 'succeeded');
      expect(contents(output)).not.toEqual(before);
      stack.script('run after', { fails: 'out of memory' });
      await stack.arrive(`s3://lake/after/${output}.csv`);
      expect((await failing.failure()).message).toContain(
        'out of memory; what it had done was undone (2 of 2)',
      );
      expect(contents(output)).toEqual(before);
      stack.script('run after', {});
    },
  );
});
