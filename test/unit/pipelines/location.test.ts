import { arrivalsWorkflowId, isObjectPattern, sourceOf, sourcesAbove } from '../../../src/pipelines/location';
import { matchesPattern } from '../../../src/pipelines/patterns';
import { createRandom } from '../../support/random';

test.each([
  ['s3://lake/*', ''],
  ['s3://lake/a', ''],
  ['s3://lake/sales/*.csv', 'sales/'],
  ['s3://lake/sales/2025*/a.csv', 'sales/'],
  ['s3://lake/a//b/*', 'a//b/'],
])('the source of %s is the folder before its first wildcard', (pattern, prefix) => {
  expect(sourceOf(pattern)).toEqual({ bucket: 'lake', prefix });
});

test('the source of a pattern is one of those above every key that fits it, however long the folders are', () => {
  const random = createRandom(12);
  const name = () => ['a', 'ü'][random(2)]!.repeat(1 + random(240));
  for (let round = 0; round < 500; round++) {
    const folders = Array.from({ length: random(6) }, name);
    const key = [...folders, 'x.csv'].join('/');
    const kept = folders.slice(0, random(folders.length + 1));
    const pattern = `s3://lake/${[...kept, '**.csv'].join('/')}`;
    expect(matchesPattern(pattern, { bucket: 'lake', key })).toBe(true);
    expect(sourcesAbove('lake', key)).toContainEqual(sourceOf(pattern));
  }
});

test('no source has an id that is longer than the 1,000 bytes that Temporal takes', () => {
  const key = `${'ü'.repeat(100)}/`.repeat(30);
  const sources = sourcesAbove('l'.repeat(63), key);
  const lengths = sources.map((source) => Buffer.byteLength(arrivalsWorkflowId(source)));
  expect(Math.max(...lengths)).toBeLessThanOrEqual(1_000);
  expect(Math.max(...lengths)).toBeGreaterThan(700);
});

test.each([
  ['s3://lake/sales/a.csv', true],
  ['s3://lake/*', true],
  ['s3://lake', false],
  ['s3://lake/', false],
  ['s3://lake/sales/', false],
  [`s3://lake/${'ü'.repeat(512)}`, true],
  [`s3://lake/${'ü'.repeat(513)}`, false],
  [' s3://lake/a', false],
])('whether %s can be that of an object: %s', (pattern, expected) => {
  expect(isObjectPattern(pattern)).toBe(expected);
});
