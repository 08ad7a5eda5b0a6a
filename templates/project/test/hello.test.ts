import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestStack, type TestStack } from 'sluice/testing';
import { hello } from '../src/pipelines/hello.js';

let stack: TestStack;
before(async () => {
  stack = await createTestStack({ pipelines: [hello], jobs: { 'write report': { succeeds: {} } } });
});
after(() => stack.stop());

test('a file that comes after six days is counted once', async () => {
  const run = await stack.start(hello);
  await stack.skip('6 days');
  await stack.arrive('s3://lake/inbox/people.csv');
  const expected = { file: 's3://lake/inbox/people.csv', report: 's3://lake/report' };
  assert.deepEqual(await run.result(), expected);
  assert.equal(stack.submissions('write report'), 1);
});
