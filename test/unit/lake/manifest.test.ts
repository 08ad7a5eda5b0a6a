import { parseManifest } from '../../../src/lake/manifest';
import { createRandom } from '../../support/random';

const parse = (text: string) =>
  parseManifest(text, 'lake', 's3://lake/m').map(({ bucket, key }) => `${bucket}/${key}`);

test.each([
  [
    'Redshift',
    '{"entries":[{"url":"s3://other/a","mandatory":true},{"url":"s3://other/b"}]}',
    ['other/a', 'other/b'],
  ],
  [
    'QuickSight',
    '{"fileLocations":[{"URIs":["s3://lake/a"]},{"URIs":["s3://lake/b"]}]}',
    ['lake/a', 'lake/b'],
  ],
  [
    'DynamoDB',
    '{"itemCount":1,"dataFileS3Key":"x/a.json.gz"}\n{"dataFileS3Key":"x/b.json.gz"}\n',
    ['lake/x/a.json.gz', 'lake/x/b.json.gz'],
  ],
  ['DynamoDB, of one file', '{"itemCount":1,"dataFileS3Key":"x/a.json.gz"}\n', ['lake/x/a.json.gz']],
  ['S3 Inventory', '{"files":[{"key":"data/a.csv.gz","size":1}]}', ['lake/data/a.csv.gz']],
  ['a JSON array', '["a b", "s3://lake/ü"]', ['lake/a b', 'lake/ü']],
  ['keys with dots in names', '["..a/b..c/.d", "a//b"]', ['lake/..a/b..c/.d', 'lake/a//b']],
  ['plain lines', 's3://lake/a\r\n\r\nb/c\r\n', ['lake/a', 'lake/b/c']],
])('a manifest of %s is read', (_, text, expected) => {
  expect(parse(text)).toEqual(expected);
});

test('an object that is listed twice counts once', () => {
  expect(parse('a\ns3://lake/a\n')).toEqual(['lake/a']);
});

test.each([
  ['', 'lists no object'],
  ['{"entries":[]}', 'lists no object'],
  ['{"tables":1}', 'none of'],
  ['{"fileLocations":[{"URIPrefixes":["s3://lake/"]}]}', 'prefixes name no objects'],
  ['["s3://lake/folder/"]', 'names no object'],
  ['["https://example.com/a"]', 'names no object'],
  ['{"broken', 'names no object'],
  ['["", "a"]', '"" names no object'],
  ['["../x.csv"]', '"../x.csv" has a ".." or "." between slashes'],
  ['s3://lake/a/./x.csv', 'give the key in full'],
  ['{"files":[{"key":"a/.."}]}', 'give the key in full'],
])('what is no manifest is refused: %s', (text, reason) => {
  expect(() => parse(text)).toThrow(reason);
});

test('a key that is too long for S3 is refused', () => {
  expect(parse('a'.repeat(1_024))).toHaveLength(1);
  expect(() => parse('a'.repeat(1_025))).toThrow(
    /s3:\/\/lake\/m .*"a+ is longer than the 1024 bytes of a key/,
  );
});

test('5,000 texts of chance are manifests or refused as BadData, each in less than a second', () => {
  const random = createRandom(3);
  const pieces = [
    ...[
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      '\n',
      '\r\n',
      '\uFEFF',
      's3://',
      'lake/',
      'a',
      '/',
      ' ',
      '\\',
      'null',
      '1',
    ],
    ...[
      '"entries"',
      '"files"',
      '"fileLocations"',
      '"URIs"',
      '"url"',
      '"key"',
      '"dataFileS3Key"',
      '"__proto__"',
    ],
    ...['{"entries":[{"url":"s3://lake/a"}]}', '[{"key":"a"}]', '{"dataFileS3Key":"b"}\n', '['.repeat(5_000)],
  ];
  for (let round = 0; round < 5_000; round++) {
    const text = Array.from({ length: random(12) }, () => pieces[random(pieces.length)]!).join('');
    const startedAt = performance.now();
    try {
      for (const { bucket, key } of parseManifest(text, 'lake', 's3://lake/m')) {
        expect(bucket).toMatch(/^[a-z0-9.-]{3,63}$/);
        expect(key).toMatch(/[^/]$/);
      }
    } catch (error) {
      expect(error).toMatchObject({ code: 'BadData' });
      expect((error as Error).message.length).toBeLessThan(400);
    }
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  }
});
