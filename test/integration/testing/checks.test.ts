import { createTestStack, type TestStack } from '../../../src/testing';
import { checked } from './checked';

let stack: TestStack;

beforeAll(async () => {
  stack = await createTestStack({ pipelines: [checked], real: ['duckdb:query'] });
  await stack.put('s3://lake/report.csv', {
    body: 'day,region,revenue,"odd ""name"""\n2026-01-01,APAC,1.5,a\n2026-01-02,EMEA,2.5,\n2026-01-02,,"3",c\n',
  });
  await stack.put('s3://lake/sales.jsonl', { body: '{"amount":7}\n' });
  await stack.put('s3://lake/empty.csv', { body: 'day,region,revenue\n' });
}, 120_000);

afterAll(() => stack?.stop());

async function check(rules: unknown[], more: object = {}) {
  const run = await stack.start(checked, {
    check: JSON.stringify({ location: 's3://lake/report.csv', rules, ...more }),
  });
  try {
    return { result: await run.result(), step: await run.step('report is sound') };
  } catch (error) {
    return { error: error as { code: string; message: string }, step: await run.step('report is sound') };
  }
}

test.each([
  [{ rule: 'rowCount', min: 3, max: 3 }, '3 to 3 rows', '3 rows'],
  [{ rule: 'notNull', column: 'day' }, 'day is not null', '0 nulls'],
  [{ rule: 'unique', columns: ['day', 'region'] }, 'day, region are unique', '0 values more than once'],
  [
    { rule: 'acceptedValues', column: 'region', values: ['APAC', 'EMEA'] },
    'region is one of APAC, EMEA',
    '0 others',
  ],
  [
    { rule: 'sumEquals', column: 'revenue', of: { location: 's3://lake/sales.jsonl', column: 'amount' } },
    'the sum of revenue is that of amount in s3://lake/sales.jsonl',
    '7.000000000 against 7.000000000',
  ],
  [
    { rule: 'fresh', column: 'day', within: '3650 days' },
    'day is of the last',
    'the newest is of 2026-01-02',
  ],
])('a rule that holds: %j', async (rule, said, found) => {
  const { result, step } = await check([rule]);
  expect(result).toEqual([
    {
      rule: expect.stringContaining(said) as string,
      holds: true,
      found: expect.stringContaining(found) as string,
    },
  ]);
  expect(step).toMatchObject({ state: 'succeeded', checks: result });
});

test('rules that do not hold fail the run, each with what was found', async () => {
  const { error, step } = await check([
    { rule: 'rowCount', max: 2 },
    { rule: 'rowCount', min: 1 },
    { rule: 'notNull', column: 'odd "name"' },
    { rule: 'unique', columns: 'day' },
    { rule: 'acceptedValues', column: 'region', values: ["'", 'EMEA'] },
    {
      rule: 'sumEquals',
      column: 'revenue',
      of: { location: 's3://lake/sales.jsonl', column: 'amount' },
      tolerance: -1,
    },
    { rule: 'fresh', column: 'day', within: '1 s' },
    { rule: 'fresh', column: 'region', within: '1 day' },
  ]);
  expect(error).toMatchObject({
    code: 'CheckFailed',
    message: expect.stringMatching(
      /^report is sound: 7 of 8 rules do not hold: at most 2 rows \(3 rows\); odd "name" is not null \(1 nulls\); day is unique \(1 values more than once\); region is one of ', EMEA \(1 others: APAC\); .*no time\)$/,
    ) as string,
  });
  expect(step).toMatchObject({ state: 'failed', failure: { code: 'CheckFailed' } });
  expect(step.checks!.map(({ holds }) => holds)).toEqual([
    false,
    true,
    false,
    false,
    false,
    false,
    false,
    false,
  ]);
});

test.each([
  ['tag,n\n#1,2\n3,4\n#5,6\n7,8\n', 'at most 3 rows (4 rows)'],
  ['tag,n\n3,4\n7,8\n5,6\n#N/A,6\n', 'at most 3 rows (4 rows)'],
  ['a title\ntag,n\nx,1\ny,2\n', 's3://lake/odd.csv'],
  ['tag,n\nx\ny,2\n', 's3://lake/odd.csv'],
])('no line of a file is passed over: %j', async (body, found) => {
  await stack.put('s3://lake/odd.csv', { body });
  const { error } = await check([{ rule: 'rowCount', max: 3 }], { location: 's3://lake/odd.csv' });
  expect(error!.message).toContain(found);
});

test('a run that is only warned goes on, and its status says so', async () => {
  const { result, step } = await check([{ rule: 'rowCount', min: 4 }], { onFailure: 'warn' });
  expect(result).toEqual([{ rule: 'at least 4 rows', holds: false, found: '3 rows' }]);
  expect(step).toMatchObject({ state: 'succeeded', checks: result });
});

test('of no rows, only those rules hold that need none', async () => {
  const { result } = await check(
    [
      { rule: 'rowCount', min: 0 },
      { rule: 'notNull', column: 'day' },
      { rule: 'unique', columns: 'day' },
      { rule: 'acceptedValues', column: 'region', values: ['a'] },
      { rule: 'fresh', column: 'day', within: '1 day' },
      { rule: 'sumEquals', column: 'revenue', of: { location: 's3://lake/sales.jsonl', column: 'amount' } },
    ],
    { location: 's3://lake/empty.csv', onFailure: 'warn' },
  );
  expect((result as { holds: boolean }[]).map(({ holds }) => holds)).toEqual([
    true,
    true,
    true,
    true,
    false,
    false,
  ]);
});

test.each([
  [[], 'rules: none; give at least one'],
  [[{ rule: 'rowCont' }], 'rules[0] (rowCont): give one of rowCount, notNull'],
  [[{ rule: 'rowCount' }], 'give min, max or both'],
  [[{ rule: 'unique', columns: [] }], 'give at least one column'],
  [[{ rule: 'acceptedValues', column: 'a', values: [] }], 'give at least one value'],
  [[{ rule: 'fresh', column: 'a', within: 'soon' }], 'within is "soon"; give a duration'],
])('rules that are none are refused before anything is read: %j', async (rules, problem) => {
  const { error } = await check(rules);
  expect(error).toMatchObject({ code: 'InvalidInput', message: expect.stringContaining(problem) as string });
});

test('a column that is not there fails with the words of the engine', async () => {
  const { error } = await check([{ rule: 'notNull', column: 'nobody' }]);
  expect(error!.message).toContain('nobody');
});
