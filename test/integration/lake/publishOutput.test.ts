/** `publishOutput` and what stands around it, over a real S3 gateway. */
import { QueryProcesses } from '../../../src/duckdb/queryProcesses';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { DuckdbRunner } from '../../../src/duckdb/runner';
import { listKeys, publishOutput, readText } from '../../../src/lake/lakeFiles';
import { readManifest } from '../../../src/lake/manifest';
import type { SubmissionOf } from '../../../src/runners/runner';
import { classifyError } from '../../../src/services/failures';
import { connectS3 } from '../../../src/setup/connectS3';
import { startTestS3 } from '../../support/s3';

const { signal } = new AbortController();
let lake: Awaited<ReturnType<typeof startTestS3>>;
let s3: S3Client;
let local: string;

beforeAll(async () => {
  lake = await startTestS3();
  s3 = lake.s3;
  local = await mkdtemp(join(tmpdir(), 'sluice-test-publish-'));
}, 300_000);

afterAll(async () => {
  await lake?.stop();
  await rm(local, { recursive: true, force: true });
});

const put = (Key: string, Body = 'x') => s3.send(new PutObjectCommand({ Bucket: 'lake', Key, Body }));
const read = async (Key: string) =>
  (await s3.send(new GetObjectCommand({ Bucket: 'lake', Key }))).Body!.transformToString();
const keysOf = (prefix: string) => listKeys(s3, 'lake', prefix);
async function publish(location: string, text: string, name = 'part-00000.csv') {
  const file = join(local, 'output');
  await writeFile(file, text);
  await publishOutput(s3, file, location, name, signal);
}

test('an output is its file and a marker, and the list of what was published lies beside it', async () => {
  await publish('s3://lake/a/out', 'one');
  expect((await keysOf('a/')).sort()).toEqual([
    'a/_out.sluice.json',
    'a/out/_SUCCESS',
    'a/out/part-00000.csv',
  ]);
  await publish('s3://lake/a/out/', 'two');
  expect(await read('a/out/part-00000.csv')).toBe('two');
});

test('another name replaces the one before', async () => {
  await publish('s3://lake/b', 'one', 'report.csv');
  await publish('s3://lake/b', 'two', 'report.parquet');
  expect((await keysOf('b/')).sort()).toEqual(['b/_SUCCESS', 'b/report.parquet']);
});

test('what an engine has published is replaced', async () => {
  for (const key of ['part-00000-a.snappy.parquet', 'part-00001-a.snappy.parquet', '_SUCCESS'])
    await put(`c/${key}`);
  await publish('s3://lake/c/', 'new');
  expect((await keysOf('c/')).sort()).toEqual(['c/_SUCCESS', 'c/part-00000.csv']);
});

test.each(['d/input.csv', 'd/2020/part-00000.csv', 'd/part-00000-half-written.csv'])(
  'nothing is removed that no job has published: %s',
  async (key) => {
    await put(key, 'precious');
    await expect(publish('s3://lake/d/', 'new')).rejects.toMatchObject({
      code: 'InvalidJob',
      message: expect.stringContaining(`s3://lake/${key}`),
    });
    expect(await keysOf('d/')).toEqual([key]);
    expect(await read(key)).toBe('precious');
    await s3.send(new DeleteObjectCommand({ Bucket: 'lake', Key: key }));
  },
);

test('a file above the size of a part is published whole', async () => {
  const text = 'x'.repeat(20 * 1024 * 1024 + 1);
  await publish('s3://lake/e/', text);
  expect(await read('e/part-00000.csv')).toHaveLength(text.length);
}, 60_000);

test('the old output is there with its marker until all of the new one is, and when the publish is given up', async () => {
  await publish('s3://lake/f/', 'old');
  const file = join(local, 'large');
  await writeFile(file, 'x'.repeat(20 * 1024 * 1024));
  const controller = new AbortController();
  const sent: string[] = [];
  s3.middlewareStack.add(
    (next, context) => async (args) => {
      sent.push(context.commandName!);
      if (context.commandName === 'CompleteMultipartUploadCommand') {
        expect((await keysOf('f/')).sort()).toEqual(['f/_SUCCESS', 'f/part-00000.csv']);
        expect(await read('f/part-00000.csv')).toBe('old');
        controller.abort();
      }
      return next(args);
    },
    { step: 'initialize', name: 'watch' },
  );
  try {
    await expect(
      publishOutput(s3, file, 's3://lake/f/', 'part-00000.csv', controller.signal),
    ).rejects.toThrow();
  } finally {
    s3.middlewareStack.remove('watch');
  }
  expect(sent).toContain('CompleteMultipartUploadCommand');
  expect((await keysOf('f/')).sort()).toEqual(['f/_SUCCESS', 'f/part-00000.csv']);
  expect(await read('f/part-00000.csv')).toBe('old');
}, 60_000);

test.each([
  ['s3://lake/g/in.csv', 's3://lake/g/'],
  ['s3://lake/g/in/', 's3://lake/g'],
  ['s3://lake/g/', 's3://lake/g/out/'],
  [{ bucket: 'lake', key: 'g/in.csv' }, 's3://lake/g'],
])('a query that reads %j and writes to %s is refused before anything runs', async (input, location) => {
  const parameters = { sql: 'SELECT 1', inputs: { a: input }, output: { location, format: 'csv' as const } };
  const job = { resource: 'duckdb:query' as const, parameters };
  const submission = { job, key: 'k', run: 'r', step: 's' } as SubmissionOf<'duckdb:query'>;
  const processes = new QueryProcesses({ memoryBytes: 100_000_000, spillBytes: 50_000_000, threads: 1 });
  const submitted = new DuckdbRunner(s3, [], processes).submit(submission);
  await expect(submitted).rejects.toMatchObject({
    code: 'InvalidJob',
    message: expect.stringContaining('give the output a folder of its own'),
  });
});

test('a manifest that lists too much is refused before an object is looked up', async () => {
  const lines = Array.from({ length: 60_000 }, (_, i) => `folder/with/a/long/name/${i}.csv`);
  await put('h/manifest', lines.join('\n'));
  let looked = 0;
  s3.middlewareStack.add(
    (next, context) => (args) => {
      if (context.commandName === 'HeadObjectCommand') looked++;
      return next(args);
    },
    { step: 'initialize', name: 'count' },
  );
  const arrival = {
    bucket: 'lake',
    key: 'h/manifest',
    versionId: null,
    etag: null,
    size: 1,
    sequencer: null,
    time: '',
  };
  await expect(readManifest(s3, arrival, signal)).rejects.toMatchObject({ code: 'BadData' });
  s3.middlewareStack.remove('count');
  expect(looked).toBe(0);
});

test('a text is read whole; where there is none, the error says what helps', async () => {
  const options = { cure: 'run the job that writes it', signal };
  await put('texts/one.json', '{"a": "é"}');
  expect(await readText(s3, 's3://lake/texts/one.json', options)).toBe('{"a": "é"}');
  await expect(readText(s3, 's3://lake/texts/two.json', options)).rejects.toMatchObject({
    code: 'ObjectGone',
    message: 's3://lake/texts/two.json is not there; run the job that writes it',
  });
  await expect(readText(s3, 's3://lake/', options)).rejects.toMatchObject({ code: 'InvalidJob' });
});

test('a download that stands still is given up', async () => {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('half');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.env['AWS_ENDPOINT_URL_S3'] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env['AWS_ACCESS_KEY_ID'] = process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  process.env['AWS_REGION'] = 'us-east-1';
  try {
    const client = connectS3({ idleTimeoutMs: 200 });
    const reading = client
      .send(new GetObjectCommand({ Bucket: 'lake', Key: 'a' }))
      .then(({ Body }) => Body!.transformToString());
    const error = await reading.then(
      () => null,
      (caught: unknown) => caught,
    );
    expect(classifyError(error).code).toBe('Transient');
    client.destroy();
  } finally {
    for (const name of ['AWS_ENDPOINT_URL_S3', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION'])
      delete process.env[name];
    server.closeAllConnections();
    server.close();
  }
}, 20_000);
