import { duckdbType, kindOf, mergeKinds, structOf, withoutUnknown, type Kind } from '../src/recordSchema';

const typeOf = (...lines: string[]) => {
  const kind = withoutUnknown(lines.map((line) => kindOf(line)).reduce(mergeKinds));
  return kind && duckdbType(kind);
};

test.each([
  ['1', 'BIGINT'],
  ['-9223372036854775808', 'BIGINT'],
  ['9223372036854775807', 'BIGINT'],
  ['9223372036854775808', 'VARCHAR'],
  ['1.0', 'DOUBLE'],
  ['1e3', 'DOUBLE'],
  ['1e400', 'VARCHAR'],
  ['1e-400', 'VARCHAR'],
  ['0.1000000000000000000', 'DOUBLE'],
  ['0.1234567890123456789', 'VARCHAR'],
  ['123456789012345.67', 'DOUBLE'],
  ['1234567890123456.789', 'VARCHAR'],
  ['-12.50e-1', 'DOUBLE'],
  ['[9007199254740992,1.5]', 'DOUBLE[]'],
  ['[9007199254740993,1.5]', 'VARCHAR[]'],
  ['[9007199254740993,1]', 'BIGINT[]'],
  ['true', 'BOOLEAN'],
  ['"2018-06-04"', 'VARCHAR'],
  [String.raw`{"b":"\\","a":"\"}{"}`, 'STRUCT("a" VARCHAR, "b" VARCHAR)'],
  ['[[1],[2.5]]', 'DOUBLE[][]'],
  ['{"__proto__":1,"constructor":null}', 'STRUCT("__proto__" BIGINT)'],
])('%s is %s', (json, type) => expect(typeOf(json)).toBe(type));

test.each(['null', '[]', '{}', '[{"a":[null]}]'])('%s says nothing about a type', (json) =>
  expect(typeOf(json)).toBeNull(),
);

test('kinds are merged field by field; what does not fit together is text', () => {
  expect(typeOf('{"a":1,"b":[{"x":1}]}', '{"a":1.5,"b":[{"y":"z"},null],"c":null}', '{"c":true}')).toBe(
    'STRUCT("a" DOUBLE, "b" STRUCT("x" BIGINT, "y" VARCHAR)[], "c" BOOLEAN)',
  );
  expect(typeOf('{"a":1}', '{"a":{"b":1}}')).toBe('STRUCT("a" VARCHAR)');
});

test('columns by dotted name are texts, beside what the data has', () => {
  const kind: Kind = mergeKinds(
    structOf(['agent.username', 'agent.id']),
    kindOf('{"agent":{"username":"x","n":1}}'),
  );
  expect(duckdbType(withoutUnknown(kind)!)).toBe(
    'STRUCT("agent" STRUCT("id" VARCHAR, "n" BIGINT, "username" VARCHAR))',
  );
});

test.each(['{a:1}', '"x', 'oops', '['])('%s is no JSON', (json) =>
  expect(() => kindOf(json)).toThrow(SyntaxError),
);
