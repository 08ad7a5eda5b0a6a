import { hasContent, isArrivalKey } from '../../../src/pipelines/arrivalRule';
import { matchesPattern } from '../../../src/pipelines/patterns';

test.each([
  ['inbox/day/part-0.csv', true],
  ['inbox/', false],
  ['inbox/day/', false],
  ['inbox/_temporary/0/part-0.csv', false],
  ['inbox/_SUCCESS', false],
  ['inbox/day_$folder$', false],
  ['inbox/.hidden', false],
  ['inbox/.tmp/part-0.csv', false],
  ['inbox/a_b.c', true],
])('in s3://lake/inbox/**, %s counts: %s', (key, counts) => {
  expect(matchesPattern('s3://lake/inbox/**', { bucket: 'lake', key })).toBe(counts);
});

test.each([
  ['_incoming/a.csv', '_incoming/*.csv', true],
  ['_incoming/_b.csv', '_incoming/*.csv', false],
  ['out/_SUCCESS', 'out/_SUCCESS', true],
  ['out/_SUCCESS', 'out/_*', false],
  ['out/.a/x', '**/.a/*', true],
])('%s counts for a pattern that names the part in full, %s: %s', (key, pattern, counts) => {
  expect(isArrivalKey(key, pattern)).toBe(counts);
});

test('an object whose size is not known may have content', () => {
  expect([0, 1, null].map((size) => hasContent({ size }))).toEqual([false, true, true]);
});
