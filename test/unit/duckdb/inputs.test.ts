import { RunnerRegistry } from '../../../src/runners';

const { findParameterProblems } = new RunnerRegistry();
const problemsOf = (inputs: unknown) => findParameterProblems('duckdb:query', { sql: 'SELECT 1', inputs });

test.each([
  ['abc', 'parameters.inputs: "abc" is no set of inputs'],
  [['s3://lake/a'], 'is no set of inputs'],
  [{ a: null }, 'parameters.inputs.a: null is no object; give'],
  [{ a: 5 }, 'parameters.inputs.a: 5 is no object'],
  [{ a: 'a.csv' }, '"a.csv" is no object'],
  [{ a: { bucket: 'lake' } }, 'is no object'],
  [{ '': 's3://lake/a' }, 'an input without a name'],
  [{ 'a b': 's3://lake/a', a_b: 's3://lake/b' }, 'too like "a b"'],
])('the inputs %j are refused with the cure', (inputs, problem) => {
  expect(problemsOf(inputs)).toEqual([expect.stringContaining(problem)]);
});

test('objects, versions and folders are inputs', () => {
  expect(problemsOf(undefined)).toEqual([]);
  expect(
    problemsOf({ a: 's3://lake/a', b: 's3://lake/b/', c: { bucket: 'lake', key: 'c', versionId: 'v' } }),
  ).toEqual([]);
});
