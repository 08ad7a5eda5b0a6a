import type { S3Client } from '@aws-sdk/client-s3';
import { S3Double } from '../../../src/testing/s3Double';
import { QueryProcesses } from '../../../src/duckdb/queryProcesses';
import { DuckdbRunner } from '../../../src/duckdb/runner';
import type { SubmissionOf } from '../../../src/runners/runner';
import type { DuckdbQueryParameters } from '../../../src/duckdb';
import { startAnsweringS3 } from '../../support/s3';

const processes = new QueryProcesses({ memoryBytes: 500_000_000, spillBytes: 1_000_000_000, threads: 2 });

/** S3 without any object. */
let answering: Awaited<ReturnType<typeof startAnsweringS3>>;
let s3: S3Client;

beforeAll(async () => {
  answering = await startAnsweringS3((_, response) => {
    response.writeHead(404, { 'content-type': 'application/xml' });
    response.end('<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>');
  });
  s3 = answering.s3;
});

afterAll(() => answering.stop());

const submission = (parameters: DuckdbQueryParameters) =>
  ({ job: { resource: 'duckdb:query', parameters }, key: 'a-key' }) as SubmissionOf<'duckdb:query'>;

async function run(parameters: DuckdbQueryParameters, on = s3) {
  const runner = new DuckdbRunner(on, [], processes);
  const reference = await runner.submit(submission(parameters));
  return runner.poll(submission(parameters), reference, new AbortController().signal, {
    resumed: undefined,
    keep: () => {},
  });
}

test('a format that is none is refused before anything runs, with the field, the value and the choice', async () => {
  const output = { location: 's3://lake/out/', format: 'xml' as 'csv' };
  await expect(
    new DuckdbRunner(s3, [], processes).submit(submission({ sql: 'SELECT 1', output })),
  ).rejects.toMatchObject({
    code: 'InvalidJob',
    message: 'output.format: "xml"; give csv or parquet',
  });
});

test('a file that the SQL names itself belongs into inputs', async () => {
  expect(await run({ sql: "FROM read_csv('s3://lake/sales/a.csv')" })).toEqual({
    state: 'failed',
    code: 'InvalidJob',
    message: expect.stringMatching(
      /s3:\/\/lake\/sales\/a\.csv.*; to read an object, name it in inputs and read it as getvariable\('NAME'\)$/,
    ),
  });
});

test.each([
  [{ day: '2020-02-29', month: '2020-02' }, 'day, month'],
  [undefined, 'none'],
])('a variable that is not there is told with those that are: %j', async (given, names) => {
  const sql = "FROM read_csv(getvariable('dya'))";
  expect(await run({ sql, ...(given ? { arguments: given } : {}) })).toEqual({
    state: 'failed',
    code: 'InvalidJob',
    message: `Parser Error: read_csv cannot take NULL list as parameter; no input or argument has the name that getvariable() asks for; there are: ${names}`,
  });
});

test.each<[DuckdbQueryParameters['inputs'], string, string]>([
  [{ day: 's3://lake/a.csv' }, 'ObjectGone', 's3://lake/a.csv is not there; upload it, or correct its name'],
  [
    { day: { bucket: 'lake', key: 'a.csv', versionId: 'v1' } },
    'ObjectGone',
    's3://lake/a.csv (version v1) is no longer there; upload it again',
  ],
  [
    { day: { bucket: 'lake', key: 'a.csv', etag: 'e1' } },
    'ObjectGone',
    's3://lake/a.csv is no longer there; upload it again',
  ],
  [
    { day: 's3://lake/days/*.csv' },
    'InvalidJob',
    's3://lake/days/*.csv is not there; inputs are objects and not patterns: name each object, or a folder with _SUCCESS',
  ],
])('the input %j that is not there fails as %s', async (inputs, code, message) => {
  expect(await run({ sql: 'SELECT 1', inputs: inputs! })).toEqual({ state: 'failed', code, message });
});

test('of a million rows one that is bad is told, with its line; with maxBadShare 0 nothing is published, and what was stays', async () => {
  const lake = new S3Double(['lake'], () => Date.now());
  const rows = Array.from({ length: 1_000_000 }, (_, i) => `${i},${i === 654_321 ? '$5' : i}`);
  lake.put('lake', 'in.csv', Buffer.from(`id,revenue\n${rows.join('\n')}\n`));
  const parameters = {
    sql: "SELECT count(*) AS n, sum(revenue) AS revenue FROM sluice_csv('in', {revenue: 'BIGINT'})",
    inputs: { in: 's3://lake/in.csv' },
    output: { location: 's3://lake/out/', format: 'csv' as const },
  };
  expect(await run(parameters, lake.client)).toMatchObject({
    state: 'succeeded',
    result: { measures: { rowsRead: 1_000_000, rowsRejected: 0, valuesUnread: 1, rowsWritten: 1 } },
  });
  const read = (key: string) => lake.get('lake', key)?.toString();
  expect(JSON.parse(read('out-rejected/part-00000.jsonl')!)).toEqual({
    ...{ file: 's3://lake/in.csv', line: 654_323 },
    ...{ column: 'revenue', text: '$5', reason: 'no BIGINT' },
  });
  const before = read('out/part-00000.csv');
  expect(before).toMatch(/^n,revenue\n1000000,\d+\n$/);
  const strict = {
    ...parameters,
    sql: `${parameters.sql} WHERE revenue > 7`,
    arguments: { maxBadShare: '0' },
  };
  expect(await run(strict, lake.client)).toEqual({
    state: 'failed',
    code: 'BadData',
    message: expect.stringContaining('s3://lake/in.csv, line 654323: revenue is "$5", no BIGINT'),
  });
  expect([read('out/part-00000.csv'), read('out/_SUCCESS')]).toEqual([before, '']);
}, 60_000);
