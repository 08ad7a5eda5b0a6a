import { nameOf } from '../src/recordRewriter';
import { MAX_RECORD_BYTES, RecordSplitter } from '../src/recordSplitter';

interface Split {
  lines: string[];
  rejected: [record: number, text: string, reason: string][];
}

function split(input: Buffer | string, chunkBytes = Infinity): Split {
  const bytes = Buffer.from(input as string);
  const splitter = new RecordSplitter();
  let text = '';
  const rejected: Split['rejected'] = [];
  const take = () => {
    text += splitter.takeRecords().toString();
    for (const piece of splitter.takeRejected())
      rejected.push([piece.record, piece.bytes.toString(), piece.reason]);
  };
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    splitter.push(bytes.subarray(at, Math.min(bytes.length, at + chunkBytes)));
    take();
  }
  splitter.end();
  take();
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  expect(splitter.records).toBe(lines.length);
  return { lines, rejected };
}

const lines = (input: string) => {
  const { lines: found, rejected } = split(input);
  expect(rejected).toEqual([]);
  return found;
};

test('objects that stand one after the other become one line each', () => {
  expect(lines('{"a":1}{"b":2}')).toEqual(['{"a":1}', '{"b":2}']);
  expect(lines('\ufeff {"a":1}\r\n\n\t{"b":2} ')).toEqual(['{"a":1}', '{"b":2}']);
  expect(lines('{}{ }')).toEqual(['{}', '{}']);
  expect(lines('')).toEqual([]);
  expect(lines(' \n')).toEqual([]);
});

test('a record over several lines becomes one line', () => {
  expect(lines('{\n  "a": [1, 2],\r\n  "b": {\t"c": "d e" }\n}\n')).toEqual(['{"a":[1,2],"b":{"c":"d e"}}']);
});

test('braces, quotes and backslashes inside texts split nothing', () => {
  const record = String.raw`{"t":"a}{b \" }{\\","u":"{\u007d}{"}`;
  expect(lines(record + record)).toEqual([record, record]);
});

test('keys are lower case and plain at every depth, dictionaries in lists too', () => {
  expect(
    lines('{"Call Reason":{"customer-tier":[{"Ä b_1":[[{"X.Y":null}]]}]},"AWSAccountId":"Call Reason"}'),
  ).toEqual(['{"callreason":{"customertier":[{"b_1":[[{"xy":null}]]}]},"awsaccountid":"Call Reason"}']);
  expect(lines(String.raw`{"\u0041\tb":1,"K":2}`)).toEqual(['{"ab":1,"k":2}']);
});

test('keys that get the same name are told apart by a number, each object for itself', () => {
  expect(lines('{"A":1,"a":2,"a!":3,"B":{"A":4,"c":{"a":5},"a":6},"A":7}')).toEqual([
    '{"a":1,"a_2":2,"a_3":3,"b":{"a":4,"c":{"a":5},"a_2":6},"a_4":7}',
  ]);
  expect(lines('{"a":1,"a_2":2,"A":3}{"a":4}')).toEqual(['{"a":1,"a_2":2,"a_3":3}', '{"a":4}']);
  expect(lines('[{"a":1}]{"l":[{"a":1},{"a":2}]}'.slice(9))).toEqual(['{"l":[{"a":1},{"a":2}]}']);
});

test('a key of which nothing is left is called _', () => {
  expect(nameOf('顧客')).toBe('_');
  expect(lines('{"顧客":1,"":2,"_":3}')).toEqual(['{"_":1,"__2":2,"__3":3}']);
});

test('values stay as they are written', () => {
  const values = String.raw`[9007199254740993,123456789012345678901234567890,1.0,1,1.10,-0,1e400,2E-3,true,false,null,"\u00e9\/\n","é😀",""]`;
  expect(lines(`{"V":${values}}`)).toEqual([`{"v":${values}}`]);
});

test.each([
  ['{"a":1}xyz{"b":2}', [['{"a":1}', '{"b":2}'], [[2, 'xyz', 'no JSON value']]]],
  ['{"a":1},{"b":2}', [['{"a":1}', '{"b":2}'], [[2, ',', 'no JSON value']]]],
  ['{"a":1}[{"x":1},2]{"b":2}', [['{"a":1}', '{"b":2}'], [[2, '[{"x":1},2]', 'a list, not an object']]]],
  ['"x"{"b":2}', [['{"b":2}'], [[1, '"x"', 'a text, not an object']]]],
  ['null{"b":2}', [['{"b":2}'], [[1, 'null', 'null, not an object']]]],
  ['{"a":1}{"b":{"c":2', [['{"a":1}'], [[2, '{"b":{"c":2', 'the record has no end']]]],
  ['{"a":{"x":1},b}{"c":3}', [['{"c":3}'], [[1, '{"a":{"x":1},b}', 'a key is missing']]]],
  ['{"a":{"x":1{"b":2}{"c":3}', [['{"b":2}', '{"c":3}'], [[1, '{"a":{"x":1', '"," or "}" is missing']]]],
  ['{"a":"x{"b":2}{"c":3}', [['{"c":3}'], [[1, '{"a":"x{"b":2}', '"," or "}" is missing']]]],
  [
    '{"a":"x\n{"b":2}\n{"c":3}',
    [['{"b":2}', '{"c":3}'], [[1, '{"a":"x\n', 'a control character in a text']]],
  ],
  [
    '{"a":x,"l":[\n{"n":1},\n{"n":2}]}{"c":3}',
    [['{"c":3}'], [[1, '{"a":x,"l":[\n{"n":1},\n{"n":2}]}', 'no JSON value']]],
  ],
  ['{"a":01}{"b":2}', [['{"b":2}'], [[1, '{"a":01}', 'no JSON value']]]],
  [
    String.raw`{"a":"\x"}{"b":2}`,
    [['{"b":2}'], [[1, String.raw`{"a":"\x"}`, 'an unknown escape in a text']]],
  ],
  ['{"a":1,}{"b":2}', [['{"b":2}'], [[1, '{"a":1,}', 'a key is missing']]]],
] as [string, [string[], Split['rejected']]][])(
  'of %j the good records are kept, the rest is rejected with its reason',
  (input, [good, rejected]) => {
    for (let chunk = 1; chunk <= input.length; chunk++)
      expect([chunk, split(input, chunk)]).toEqual([chunk, { lines: good, rejected }]);
  },
);

test('wherever the chunks end, inside letters of several bytes too, the records are the same', () => {
  const input =
    String.raw`{"Ключ é😀":"значение 😀 \" }{ \\","N":[1.50,-2e-7,{"A":true,"a":null}]}` +
    ' {"x":{}}\n{"y":[]}';
  const whole = split(input);
  expect(whole.rejected).toEqual([]);
  expect(whole.lines).toHaveLength(3);
  for (let chunk = 1; chunk < 40; chunk++) expect(split(input, chunk)).toEqual(whole);
});

test('bytes that are no UTF-8 are rejected', () => {
  const { lines: good, rejected } = split(
    Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}{"b":2}')]),
  );
  expect(good).toEqual(['{"b":2}']);
  expect(rejected.map(([record, , reason]) => [record, reason])).toEqual([[1, 'not UTF-8']]);
});

test('what is rejected is told by its line and by its number among the records, wherever the chunks end', () => {
  const input = '{"a":1}{"b":\n2}\n[3]\n\n{"c":4} "x"{"d":\n}\r\n{"e":5}';
  for (let chunk = 1; chunk <= input.length; chunk++) {
    const splitter = new RecordSplitter();
    for (let at = 0; at < input.length; at += chunk) splitter.push(Buffer.from(input.slice(at, at + chunk)));
    splitter.end();
    const places = splitter.takeRejected().map(({ line, record }) => ({ line, record }));
    expect([chunk, splitter.records, places]).toEqual([
      chunk,
      4,
      [
        { line: 3, record: 3 },
        { line: 5, record: 5 },
        { line: 5, record: 6 },
      ],
    ]);
  }
});

test('a record nested too deep is rejected, and the next one is kept', () => {
  const deep = `{"a":${'['.repeat(200)}${']'.repeat(200)}}`;
  const { lines: good, rejected } = split(`${deep}{"b":2}`);
  expect(good).toEqual(['{"b":2}']);
  expect(rejected).toEqual([[1, deep, 'nested more than 100 levels deep']]);
});

test('a text longer than a record may be does not fill the memory', () => {
  const splitter = new RecordSplitter();
  let bytes = 0;
  const take = () => {
    for (const piece of splitter.takeRejected()) bytes += piece.bytes.length;
  };
  splitter.push(Buffer.from('{"a":"'));
  const chunk = Buffer.alloc(1024 * 1024, 'x');
  for (let i = 0; i < 80; i++) {
    splitter.push(chunk);
    take();
    expect(i * chunk.length - bytes).toBeLessThan(4 * MAX_RECORD_BYTES);
  }
  splitter.push(Buffer.from('"}{"b":2}'));
  splitter.end();
  take();
  expect(splitter.takeRecords().toString()).toBe('{"b":2}\n');
  expect(bytes).toBe(80 * chunk.length + 8);
});

test('more names than are kept are written all the same', () => {
  const record = (i: number) => `{"Key ${i}":{"key${i}":1,"Key${i}":2}}`;
  const input = Array.from({ length: 70_000 }, (_, i) => record(i)).join('');
  const { lines: found, rejected } = split(input, 65_536);
  expect(rejected).toEqual([]);
  expect(found.findIndex((line, i) => line !== `{"key${i}":{"key${i}":1,"key${i}_2":2}}`)).toBe(-1);
});
