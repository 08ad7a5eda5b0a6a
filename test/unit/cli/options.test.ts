import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { changeInput, collectParameter, parseSince, readInput } from '../../../src/cli/options';
import { parsePorts } from '../../../src/cli/stackOptions';
import { RunnerRegistry } from '../../../src/runners';
import { readConfig } from '../../../src/setup/config';
import { findPipeline } from '../../../src/pipelines';
import { SHIPPED_PIPELINES } from '../../../src/workflows/shipped';
import { reviewsExport } from '../../../systems/reviews-export/src/pipelines/reviewsExport';

const config = readConfig({ SLUICE_LAKE: 's3://other' });

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-options-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function writeJson(text: string): string {
  const file = path.join(folder, `input-${++files}.json`);
  writeFileSync(file, text);
  return file;
}

test('a parameter keeps what follows its first equals sign', () => {
  expect(collectParameter('a=b=c', { before: '1' })).toEqual({ before: '1', a: 'b=c' });
  expect(() => collectParameter('novalue')).toThrow('key=value');
  expect(() => collectParameter('=x')).toThrow('key=value');
});

test('a time is an ISO time or how long ago', () => {
  const now = Date.parse('2025-03-01T12:00:00Z');
  expect(parseSince('2 hours', now)).toBe('2025-03-01T10:00:00.000Z');
  expect(parseSince('2h', now)).toBe('2025-03-01T10:00:00.000Z');
  expect(parseSince('1 day ago', now)).toBe('2025-02-28T12:00:00.000Z');
  expect(parseSince('2025-01-02T03:04:05Z', now)).toBe('2025-01-02T03:04:05.000Z');
  for (const text of ['yesterday', '', '5', '2025-13-45', '2025-02-31', '99999999999 days'])
    expect(() => parseSince(text, now)).toThrow('Give a time');
});

test('fields that are not given come from the settings', () => {
  expect(readInput(findPipeline('marketing-and-sales', SHIPPED_PIPELINES), {}, config)).toMatchObject({
    lake: 's3://other',
  });
  expect(readInput(findPipeline('rate-codes', SHIPPED_PIPELINES), {}, config)).toMatchObject({
    rootPath: 's3://other',
    scripts: 's3://other/jobs',
  });
  const main = readInput(findPipeline('main', SHIPPED_PIPELINES), {}, config);
  expect(main).toMatchObject({ lake: 's3://other' });
  expect(main).not.toHaveProperty('scripts');
});

test('a parameter goes over the file, and the file over the settings', () => {
  const input = writeJson('{"lake":"s3://from-file","output":"from-file"}');
  const read = readInput(
    findPipeline('marketing-and-sales', SHIPPED_PIPELINES),
    { input, parameter: { output: 'given' } },
    config,
  );
  expect(read).toMatchObject({ lake: 's3://from-file', output: 'given' });
});

test('a file may begin with a byte order mark, in UTF-8 and in UTF-16', () => {
  const pipeline = findPipeline('marketing-and-sales', SHIPPED_PIPELINES);
  const text = '\ufeff{"lake":"s3://from-windows"}';
  for (const encoding of ['utf8', 'utf16le'] as const) {
    const input = writeJson('');
    writeFileSync(input, Buffer.from(text, encoding));
    expect(readInput(pipeline, { input }, config)).toMatchObject({ lake: 's3://from-windows' });
  }
});

test('a parameter of kind number is a number within its bounds', () => {
  const pipeline = reviewsExport.description;
  const read = (parameter: Record<string, string>) => readInput(pipeline, { parameter }, config);
  expect(read({ maxConsumedReadThroughput: '0.3', exportTimeout: '2.5' })).toMatchObject({
    maxConsumedReadThroughput: 0.3,
    exportTimeout: 2.5,
    lake: 's3://other',
  });
  expect(read({ maxConsumedReadThroughput: '1' })).toMatchObject({ maxConsumedReadThroughput: 1 });
  for (const share of ['0', '-0.1', '1.01', 'half', 'Infinity', ''])
    expect(() => read({ maxConsumedReadThroughput: share })).toThrow(
      /maxConsumedReadThroughput: .*; give a number above 0 and up to 1/,
    );
  expect(() => read({ exportTimeout: '0', timeZone: 'Mars', exportTo: 'noon' })).toThrow(
    /exportTo: "noon"; give a time in ISO 8601.*\n.*exportTimeout: 0; give a number above 0.*\n.*timeZone: "Mars"; give a name/,
  );
});

test('fields that are right each by itself may not go together', () => {
  const pipeline = reviewsExport.description;
  const read = (parameter: Record<string, string>) => readInput(pipeline, { parameter }, config);
  expect(() => read({ mode: 'scan', exportType: 'INCREMENTAL_EXPORT' })).toThrow(
    'exportType: a scan reads the whole table',
  );
  expect(() => read({ exportFrom: '2026-01-01T00:00:00Z' })).toThrow('only of an incremental export');
  expect(read({ exportType: 'INCREMENTAL_EXPORT', exportFrom: '2026-01-01T00:00:00+01:00' })).toMatchObject({
    exportFrom: '2026-01-01T00:00:00+01:00',
  });
});

test('a parameter of kind jobs is JSON, any other is text', () => {
  const job = { name: 'count', resource: 'duckdb:query', parameters: { sql: 'select 1' } };
  const parameter = { extraJobs: JSON.stringify([job]), output: '1' };
  const read = readInput(findPipeline('marketing-and-sales', SHIPPED_PIPELINES), { parameter }, config);
  expect(read).toMatchObject({ extraJobs: [job], output: '1' });
  const broken = { parameter: { extraJobs: '[' } };
  expect(() => readInput(findPipeline('marketing-and-sales', SHIPPED_PIPELINES), broken, config)).toThrow(
    '-p extraJobs: no JSON',
  );
});

test('for the pipeline job the file holds the job itself', () => {
  const job = { resource: 'duckdb:query', parameters: { sql: 'select 1' } };
  expect(
    readInput(findPipeline('job', SHIPPED_PIPELINES), { input: writeJson(JSON.stringify(job)) }, config),
  ).toEqual({ job, onFailure: 'fail', onExhausted: 'fail' });
});

test("a job's parameters are checked by the schema of its service, all problems at once", () => {
  const job = {
    resource: 'athena:startQueryExecution',
    parameters: { QueryStrin: 'SELECT 1', WorkGroup: 5 },
  };
  const problems = [
    'parameters.QueryString: missing; athena:startQueryExecution needs it',
    'parameters.QueryStrin: unknown; did you mean "QueryString"?',
    'parameters.WorkGroup: 5; give a text',
  ];
  const single = () =>
    readInput(findPipeline('job', SHIPPED_PIPELINES), { input: writeJson(JSON.stringify(job)) }, config);
  expect(single).toThrow(['The input of job is wrong:', ...problems].join('\n  '));
  const parameter = { extraJobs: JSON.stringify([{ name: 'report', ...job }]) };
  const beside = () =>
    readInput(findPipeline('marketing-and-sales', SHIPPED_PIPELINES), { parameter }, config);
  for (const problem of problems) expect(beside).toThrow(`extraJobs[0].${problem}`);
});

test('all problems of an input are told at once', () => {
  const parameter = { within: 'x', engine: 'y', foo: 'z' };
  const read = () => readInput(findPipeline('marketing-and-sales', SHIPPED_PIPELINES), { parameter }, config);
  for (const field of ['within', 'engine', 'foo']) expect(read).toThrow(field);
});

test('a file that is missing, broken or no object is told by its name', () => {
  const pipeline = findPipeline('main', SHIPPED_PIPELINES);
  expect(() => readInput(pipeline, { input: '/nowhere.json' }, config)).toThrow(
    '--input /nowhere.json: there is no such file',
  );
  expect(() => readInput(pipeline, { input: writeJson('{') }, config)).toThrow('no JSON');
  expect(() => readInput(pipeline, { input: writeJson('[1]') }, config)).toThrow('give a JSON object');
});

test('ports are given by name', () => {
  expect(parsePorts('temporal=17233, ui=18233')).toEqual({ temporal: 17233, ui: 18233 });
  for (const text of ['temporal', 'foo=1', 'ui=0', 'ui=70000', 'ui=x'])
    expect(() => parsePorts(text)).toThrow('Give name=port');
});

test('a file for job holds the job, or the whole input', () => {
  const job = { resource: 'duckdb:query', parameters: { sql: 'select 1' } };
  for (const file of [job, { job }]) {
    const input = writeJson(JSON.stringify(file));
    expect(readInput(findPipeline('job', SHIPPED_PIPELINES), { input }, config)).toEqual({
      job,
      onFailure: 'fail',
      onExhausted: 'fail',
    });
  }
  const read = () => readInput(findPipeline('job', SHIPPED_PIPELINES), { input: writeJson('[1]') }, config);
  expect(read).toThrow('  job: [1] is no job; give { "resource", "parameters" }');
});

test('a changed input of a retry that looks as if it held a secret is refused, and what the run had before is not', () => {
  const change =
    (parameter: Record<string, string>, options = {}) =>
    () =>
      changeInput(
        findPipeline('marketing-and-sales', SHIPPED_PIPELINES),
        { extraJobs: [] },
        { parameter, registry: new RunnerRegistry(), ...options },
      );
  const parameters = { JobName: 'load', Arguments: { '--db-password': 'hunter22' } };
  const secret = {
    extraJobs: JSON.stringify([{ name: 'load', resource: 'glue:startJobRun', parameters }]),
  };
  expect(change(secret)).toThrow(
    /The input of marketing-and-sales looks as if it held a secret:\n {2}extraJobs\[0\]\.parameters\.Arguments\.--db-password\n/,
  );
  expect(change(secret, { allowSecrets: true })()).toMatchObject({ extraJobs: [{ parameters }] });
  expect(change({ engine: 'glue' })()).toMatchObject({ engine: 'glue' });
});

test('an input that looks as if it held a secret is refused by its places, unless it is allowed', () => {
  const pipeline = findPipeline('job', SHIPPED_PIPELINES);
  const parameters = { file: 's3://lake/a.py', conf: { 'spark.db.password': 'hunter2' } };
  const input = writeJson(JSON.stringify({ resource: 'livy:createBatch', parameters }));
  const read = (options: object) => () => readInput(pipeline, { input, ...options }, config);
  expect(read({})).toThrow(/job\.parameters\.conf\.spark\.db\.password\n.*--allow-secrets/);
  expect(read({})).not.toThrow(/hunter2/);
  expect(read({ allowSecrets: true })()).toMatchObject({ job: { parameters } });
});

test('an input above the size of a payload is refused before anything starts', () => {
  const input = writeJson(
    JSON.stringify({ resource: 'livy:createBatch', parameters: { file: 'x'.repeat(3e6) } }),
  );
  expect(() => readInput(findPipeline('job', SHIPPED_PIPELINES), { input }, config)).toThrow(
    /The input of job has 3,000,\d{3} bytes, and Temporal takes 2,031,616/,
  );
});
