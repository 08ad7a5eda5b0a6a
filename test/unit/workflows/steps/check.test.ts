import { findCheckProblems, type CheckOptions } from '../../../../src/workflows/steps/check';

const problemsOf = (rules: unknown) =>
  findCheckProblems({ location: 's3://lake/a.csv', rules } as CheckOptions).join('; ');

test.each<[unknown, string]>([
  [{ rule: 'notNull' }, 'rules[0] (notNull): give column'],
  [{ rule: 'notNull', column: 5 }, 'rules[0] (notNull): column is 5; give the name of a column'],
  [{ rule: 'unique' }, 'rules[0] (unique): give columns'],
  [{ rule: 'unique', columns: [] }, 'rules[0] (unique): give at least one column'],
  [
    { rule: 'unique', columns: ['a', 5] },
    'rules[0] (unique): columns is ["a",5]; give the name of a column or a list of names',
  ],
  [{ rule: 'acceptedValues', column: 'a' }, 'rules[0] (acceptedValues): give values'],
  [{ rule: 'acceptedValues', values: ['a'] }, 'rules[0] (acceptedValues): give column'],
  [{ rule: 'acceptedValues', column: 'a', values: [] }, 'rules[0] (acceptedValues): give at least one value'],
  [{ rule: 'sumEquals', column: 'a' }, 'rules[0] (sumEquals): give of'],
  [
    { rule: 'sumEquals', column: 'a', of: {} },
    'rules[0] (sumEquals): of is {}; give the rows with the other column, { "location": "s3://…" }',
  ],
  [
    { rule: 'sumEquals', column: 'a', of: { location: 's3://lake/b', column: 5 }, tolerance: 'x' },
    'rules[0] (sumEquals): tolerance is "x"; give a number; rules[0] (sumEquals): of.column is 5; give the name of a column',
  ],
  [{ rule: 'fresh', within: '1 day' }, 'rules[0] (fresh): give column'],
  [{ rule: 'fresh', column: 'a' }, 'rules[0] (fresh): give within'],
  [{ rule: 'rowCount' }, 'rules[0] (rowCount): give min, max or both'],
  [{ rule: 'rowCount', min: 'x' }, 'rules[0] (rowCount): min is "x"; give a number'],
  [
    { rule: 'rowCount', min: 3, max: 1 },
    'rules[0] (rowCount): min is 3 and max is 1; give a min that is not above max',
  ],
  [
    { rule: 'toString' },
    'rules[0] (toString): give one of rowCount, notNull, unique, acceptedValues, sumEquals, fresh',
  ],
  [null, 'rules[0]: null; give one such as { "rule": "notNull", "column": "id" }'],
  ['notNull', 'rules[0]: "notNull"; give one such as { "rule": "notNull", "column": "id" }'],
])('a rule that lacks something is refused, with what it needs: %j', (rule, problems) => {
  expect(problemsOf([rule])).toBe(problems);
});

test.each<[unknown, string]>([
  [[], 'rules: none; give at least one'],
  [undefined, 'rules: undefined; give a list of rules'],
  [{ rule: 'notNull', column: 'a' }, 'rules: {"rule":"notNull","column":"a"}; give a list of rules'],
])('rules that are no list, or none, are refused: %j', (rules, problems) => {
  expect(problemsOf(rules)).toBe(problems);
});

test('rules that are right are none to be refused', () => {
  const rules: CheckOptions['rules'] = [
    { rule: 'rowCount', min: 1, max: 1 },
    { rule: 'notNull', column: 'a' },
    { rule: 'unique', columns: 'a' },
    { rule: 'unique', columns: ['a', 'b'] },
    { rule: 'acceptedValues', column: 'a', values: [1, 'x'] },
    { rule: 'sumEquals', column: 'a', of: { location: 's3://lake/b' }, tolerance: 0.5 },
    { rule: 'fresh', column: 'a', within: '1 day' },
  ];
  expect(problemsOf(rules)).toBe('');
});
