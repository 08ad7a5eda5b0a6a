import { matchesPattern, PatternIndex } from '../../../src/pipelines/patterns';
import { isArrivalKey } from '../../../src/pipelines/arrivalRule';
import { createRandom } from '../../support/random';

const matches = (pattern: string, key: string) =>
  matchesPattern(`s3://lake/${pattern}`, { bucket: 'lake', key });

/** The rule in the words of a regular expression, right and slow. */
function matchesSlowly(pattern: string, key: string): boolean {
  const expression = pattern.replace(/\*\*|\*|\?|[.+^${}()|[\]\\]/g, (found) =>
    found === '**' ? '.*' : found === '*' ? '[^/]*' : found === '?' ? '[^/]' : `\\${found}`,
  );
  return new RegExp(`^${expression}$`, 's').test(key) && (key === pattern || isArrivalKey(key, pattern));
}

test.each([
  ['sales/*.csv', 'sales/a.csv', true],
  ['sales/*.csv', 'sales/.csv', false],
  ['sales/*b', 'sales/b', true],
  ['sales/*.csv', 'sales/b/a.csv', false],
  ['sales/**.csv', 'sales/b/a.csv', true],
  ['sales/a?.csv', 'sales/ab.csv', true],
  ['sales/a?.csv', 'sales/a.csv', false],
  ['sales/a?b', 'sales/a/b', false],
  ['a*b*a', 'aba', true],
  ['a*b*a', 'ab', false],
  ['***', 'a/b', true],
  ['a**', 'a', true],
  ['', '', true],
  ['', 'a', false],
  ['a\nb*', 'a\nb\nc', true],
  ['(a|b)+', '(a|b)+', true],
  ['ü😀*', 'ü😀.csv', true],
])('%j and %j: %s', (pattern, key, expected) => {
  expect(matches(pattern, key)).toBe(expected);
});

test('what is no pattern, and another bucket, match nothing', () => {
  expect(matchesPattern('nonsense', { bucket: 'lake', key: 'a' })).toBe(false);
  expect(matchesPattern('s3://lake/*', { bucket: 'other', key: 'a' })).toBe(false);
});

test('20,000 patterns and keys at random match as the rule says, one by one and in an index', () => {
  const random = createRandom(20_260_101);
  const alphabet = ['a', 'b', '/', '.', '-'];
  const text = (length: number, letters: string[]) =>
    Array.from({ length: random(length + 1) }, () => letters[random(letters.length)]!).join('');
  const pieces = [...alphabet, '*', '**', '?', '*', '?'];
  for (let round = 0; round < 200; round++) {
    const patterns = Array.from({ length: 50 }, () => text(round % 10 === 0 ? 80 : 8, pieces));
    const index = new PatternIndex(patterns.map((pattern, i) => [`s3://lake/${pattern}`, i] as const));
    for (const key of [text(60, alphabet), text(8, alphabet)]) {
      const expected = patterns.flatMap((pattern, i) => (matchesSlowly(pattern, key) ? [i] : []));
      expect(patterns.flatMap((pattern, i) => (matches(pattern, key) ? [i] : []))).toEqual(expected);
      expect(index.find({ bucket: 'lake', key }).sort((a, b) => a - b)).toEqual(expected);
    }
  }
});

/** The quickest of several: a machine that is busy makes each slow, and none quick. */
function quickestMs(work: () => void, times = 7): number {
  return Math.min(
    ...Array.from({ length: times }, () => {
      const startedAt = performance.now();
      work();
      return performance.now() - startedAt;
    }),
  );
}

test.each([
  ['*-*-*-*-*.csv', '-'.repeat(1000)],
  ['*a*a*a*a*a*a*a*a*b', 'a'.repeat(1024)],
  ['**/**/**/**/**/x', 'a/'.repeat(512)],
  ['*'.repeat(500), 'a/'.repeat(512)],
  ['?*'.repeat(200), 'a'.repeat(1024)],
  ['**a'.repeat(300), 'a'.repeat(1023)],
])('%s and a key of a thousand characters take under a millisecond', (pattern, key) => {
  matches(pattern, key);
  expect(quickestMs(() => matches(pattern, key), 20)).toBeLessThan(1);
});

const padded = (i: number) => String(i).padStart(5, '0');

test.each<[string, (i: number) => string, (i: number) => string]>([
  ['folders of their own', (i) => `shop-${padded(i)}/*.csv`, (i) => `shop-${padded(i)}/day.csv`],
  ['one folder and an ending of their own', (i) => `in/*-${padded(i)}.csv`, (i) => `in/day-${padded(i)}.csv`],
  [
    'a text in their middle',
    (i) => `in/*-${padded(i)}-*/data-export.csv`,
    (i) => `in/x-${padded(i)}-y/data-export.csv`,
  ],
  ['keys without a wildcard', (i) => `in/${padded(i)}.csv`, (i) => `in/${padded(i)}.csv`],
])('a page of 1,000 objects is held against 10,000 patterns of %s in under 100 ms', (_, pattern, key) => {
  const index = new PatternIndex(
    Array.from({ length: 10_000 }, (_unused, i) => [`s3://lake/${pattern(i)}`, i] as const),
  );
  const objects = Array.from({ length: 1_000 }, (_unused, i) => ({ bucket: 'lake', key: key(i * 10) }));
  expect(objects.map((object) => index.find(object))).toEqual(objects.map((_unused, i) => [i * 10]));
  expect(quickestMs(() => objects.forEach((object) => index.find(object)))).toBeLessThan(100);
});

test('a pattern that is taken out of an index is found no more, the others are', () => {
  const index = new PatternIndex<string>();
  const remove = index.add('s3://lake/a/*', 'first');
  index.add('s3://lake/a/*', 'second');
  remove();
  expect(index.find({ bucket: 'lake', key: 'a/b' })).toEqual(['second']);
});

test('more patterns than are kept compiled are matched at the pace of those before', () => {
  const patterns = Array.from({ length: 60_000 }, (_, i) => `${padded(i)}/*.csv`);
  const all = () => patterns.filter((pattern) => matches(pattern, '00007/a.csv'));
  expect(all()).toEqual(['00007/*.csv']);
  expect(quickestMs(all, 2)).toBeLessThan(3_000);
});
