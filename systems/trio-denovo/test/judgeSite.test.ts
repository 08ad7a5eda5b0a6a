import { judgeSite } from '../src/reads/judgeSite';

const judge = (child: [number, number], father: [number, number], mother: [number, number]) => {
  const count = (sample: string, [alternative, depth]: [number, number]) => ({ sample, alternative, depth });
  return judgeSite(count('c', child), [count('f', father), count('m', mother)], 8);
};

test.each([
  ['half of the child and nothing of the parents', [6, 12], [0, 22], [0, 8], 'confirmed'],
  ['all of the child', [10, 10], [0, 10], [0, 10], 'confirmed'],
  ['one bad read in twenty of a parent', [6, 12], [1, 20], [0, 20], 'confirmed'],
  ['a fifth of the child', [4, 20], [0, 20], [0, 20], 'confirmed'],
  ['less than a fifth of the child', [4, 21], [0, 20], [0, 20], 'not seen'],
  ['two reads of the child', [2, 8], [0, 20], [0, 20], 'not seen'],
  ['more than one in twenty of a parent', [6, 12], [1, 19], [0, 20], 'not seen'],
  ['too few of the child', [7, 7], [0, 20], [0, 20], 'too few reads'],
  ['too few of a parent, whatever they say', [6, 12], [0, 20], [5, 7], 'too few reads'],
  ['no reads at all', [0, 0], [0, 0], [0, 0], 'too few reads'],
] as const)('%s: %j, %j, %j is %s', (_, child, father, mother, verdict) => {
  expect(judge([...child], [...father], [...mother]).verdict).toBe(verdict);
});

test('the reason names who', () => {
  expect(judge([6, 12], [9, 20], [0, 20]).reason).toBe('inherited: f has it in 9 of 20 reads');
  expect(judge([6, 7], [0, 20], [0, 3]).reason).toBe('c has 7, m has 3; 8 are needed of each sample');
});
