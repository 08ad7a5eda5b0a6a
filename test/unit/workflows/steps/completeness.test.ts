import {
  findComplete,
  findRuleProblem,
  signKeyOf,
  type Completeness,
} from '../../../../src/workflows/steps/completeness';
import { arrivalOf, at, DAY_START_MS } from '../../../support/arrivals';

test.each<[unknown, RegExp]>([
  ['x', /^by the rule "x"; one of count, keys, marker, manifest, quiet$/],
  [3, /^by the rule 3; one of/],
  [null, /^by the rule null; one of/],
  [{}, /one of count, keys, marker, manifest, quiet/],
  [{ count: 1, marker: 'in/_SUCCESS' }, /one of count/],
  [{ count: 0 }, /for count 0; .* from 1/],
  [{ count: Number.NaN }, /for count null/],
  [{ count: '3' }, /for count "3"/],
  [{ keys: [] }, /for keys \[\]; .*without the bucket/],
  [{ keys: ['s3://lake/in/a'] }, /without the bucket/],
  [{ marker: 's3://lake/in/_SUCCESS' }, /for marker .*without the bucket/],
  [{ marker: 'in/' }, /for marker "in\/"/],
  [{ manifest: '' }, /for manifest ""/],
  [{ quiet: 'soon' }, /for quiet "soon"; .*duration/],
  [{ quiet: '5 minutes', atLeast: 0 }, /at least 0 objects/],
])('a rule that cannot come true is refused, with what it needs: %j', (complete, message) => {
  const { what = '', needs = '' } = findRuleProblem(complete as Completeness) ?? {};
  expect(`${what}; ${needs}`).toMatch(message);
});

// A wait asks for the key before it checks the rule.
test.each(['x', 3, null])('a rule that is no object has no key that ends the wait: %j', (complete) => {
  expect(signKeyOf(complete as unknown as Completeness)).toBeNull();
});

test.each<Completeness | undefined>([
  undefined,
  { count: 1 },
  { keys: ['in/a'] },
  { marker: 'in/_SUCCESS' },
  { manifest: 'in/m.json' },
  { quiet: '5 minutes' },
  { quiet: '1 h', atLeast: 3 },
])('a rule that can come true is none to be refused: %j', (complete) => {
  expect(findRuleProblem(complete)).toBeNull();
});

test('of 110,000 objects before a marker all are taken, in less than ten seconds', () => {
  const objects = Array.from({ length: 110_000 }, (_, i) => arrivalOf(`in/${i}`, DAY_START_MS));
  const marker = { ...arrivalOf('in/_SUCCESS', DAY_START_MS), time: at(DAY_START_MS + 1_000) };
  const startedAt = performance.now();
  const taken = findComplete([...objects, marker], { marker: 'in/_SUCCESS' });
  expect(taken).toHaveLength(110_000);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});
