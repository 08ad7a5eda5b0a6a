import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { flattenRecords } from '../src/flattenRecords';
import { startTestS3 } from '../../../test/support/s3';
import { taskContext } from '../../../test/support/tasks';

let gateway: Awaited<ReturnType<typeof startTestS3>>;

beforeAll(async () => {
  gateway = await startTestS3();
}, 60_000);
afterAll(() => gateway?.stop());

const context = (signal?: AbortSignal) => taskContext(gateway.s3, signal);
const put = (Key: string, Body: string | Buffer) =>
  gateway.s3.send(new PutObjectCommand({ Bucket: 'lake', Key, Body }));
const names = async (folder: string) =>
  (
    await readdir(join(gateway.s3Dir, 'lake', folder), { withFileTypes: true, recursive: true }).catch(
      () => [],
    )
  )
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();
const read = (folder: string, name: string) => readFile(join(gateway.s3Dir, 'lake', folder, name), 'utf8');

/** Input over a root of the test's own. */
const inputFor = (root: string, more = {}) => ({
  from: `s3://lake/${root}/raw/`,
  to: `s3://lake/${root}/flat/`,
  rejected: `s3://lake/${root}/rejected/`,
  ...more,
});

test('every object below the folder is flattened, packed ones too, and deleted', async () => {
  await put('a/raw/2018/06/04/13/one', '{"A":1}{"B b":{"C":2}}');
  await put('a/raw/two.json.gz', gzipSync('{"A":3}'));
  await put('a/raw/empty', Buffer.alloc(0));
  const { measures, output } = await flattenRecords.run(inputFor('a'), context());
  expect(measures).toEqual({
    ...{ objects: 3, rowsRead: 3, rowsRejected: 0, valuesUnread: 0, rowsWritten: 3 },
    ...{ skipped: 0, gone: 0 },
  });
  expect(output).toBe('s3://lake/a/flat/');
  const [one, two, ...others] = await names('a/flat');
  expect(others).toEqual([]);
  expect(one).toMatch(/^one-[0-9a-f]{16}\.json$/);
  expect(two).toMatch(/^two-[0-9a-f]{16}\.json$/);
  expect(await read('a/flat', one!)).toBe('{"a":1}\n{"bb":{"c":2}}\n');
  expect(await read('a/flat', two!)).toBe('{"a":3}\n');
  expect(await names('a/raw')).toEqual([]);
  expect(await names('a/rejected')).toEqual([]);
});

test('what is no record goes to the rejected folder with place and reason, and nothing of it is lost', async () => {
  await put('b/raw/x', Buffer.concat([Buffer.from('{"a":1}[2]\n{"b":'), Buffer.from([0xff])]));
  const { measures } = await flattenRecords.run(inputFor('b'), context());
  expect(measures).toMatchObject({ objects: 1, rowsRead: 1, rowsRejected: 2, rowsWritten: 1 });
  const [name] = await names('b/rejected');
  const place = { file: 's3://lake/b/raw/x', column: null };
  expect(
    (await read('b/rejected', name!))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([
    { ...place, line: 1, record: 2, text: '[2]', reason: 'a list, not an object' },
    { ...place, line: 2, record: 3, base64: 'eyJiIjr/', reason: 'no JSON value' },
  ]);
  expect(await names('b/raw')).toEqual([]);
});

test('too large a share of what is no record fails the job, and nothing of its object is written or deleted', async () => {
  await put('h/raw/x', '{"a":1}{"a":2}[3]');
  await put('h/raw/y', 'no json');
  await put('h/raw/z', '{"a":4}');
  await expect(flattenRecords.run(inputFor('h', { maxBadShare: 0.3 }), context())).rejects.toMatchObject({
    code: 'BadData',
    message: expect.stringMatching(
      /h\/raw\/x: 1 of 3 records were rejected, .*line 1, record 3: a list, not an object: \[3\]\n.*h\/raw\/y: no record could be read: line 1, record 1: /,
    ),
  });
  expect(await names('h/raw')).toEqual(['x', 'y']);
  expect([await names('h/rejected'), (await names('h/flat')).length]).toEqual([[], 1]);
  const { measures } = await flattenRecords.run(inputFor('h', { from: 's3://lake/h/raw/x' }), context());
  expect(measures).toMatchObject({ rowsRead: 2, rowsRejected: 1 });
});

test('the same object again makes the same new object, and a repeat skips it', async () => {
  await put('c/raw/x', '{"a":1}');
  await flattenRecords.run(inputFor('c', { keepOriginals: true }), context());
  expect(await names('c/raw')).toEqual(['x']);
  const before = await names('c/flat');
  const again = await flattenRecords.run(inputFor('c'), context());
  expect(again.measures).toMatchObject({ objects: 0, rowsRead: 0, rowsWritten: 0, skipped: 1, gone: 0 });
  expect(await names('c/raw')).toEqual([]);
  expect(await names('c/flat')).toEqual(before);
});

test('an object that is gone or was replaced is left to whoever did it', async () => {
  const etag = (await put('d/raw/x', '{"a":1}')).ETag!.replaceAll('"', '');
  await put('d/raw/x', '{"a":2}');
  const pinned = { bucket: 'lake', key: 'd/raw/x', versionId: null, etag };
  expect((await flattenRecords.run(inputFor('d', { from: pinned }), context())).measures).toMatchObject({
    gone: 1,
  });
  expect(await names('d/raw')).toEqual(['x']);
  expect(await names('d/flat')).toEqual([]);
  const missing = inputFor('d', { from: 's3://lake/d/raw/none' });
  expect((await flattenRecords.run(missing, context())).measures).toMatchObject({ gone: 1 });
});

test('a broken gzip object is named and stays, and the others are flattened', async () => {
  await put('e/raw/a.gz', gzipSync(Buffer.alloc(100_000, '{"a":1}')).subarray(0, 60));
  await put('e/raw/b', '{"b":1}');
  await expect(flattenRecords.run(inputFor('e'), context())).rejects.toThrow(
    's3://lake/e/raw/a.gz: broken gzip: unexpected end of file; upload it again',
  );
  expect(await names('e/raw')).toEqual(['a.gz']);
  expect(await names('e/flat')).toHaveLength(1);
});

test('a large object goes in parts; parts that a killed worker left of it are removed', async () => {
  const records = Array.from({ length: 40_000 }, (_, i) => `{"Id":${i},"Text":"${'x}{'.repeat(200)}"}`).join(
    '',
  );
  expect(records.length).toBeGreaterThan(3 * 8 * 1024 * 1024 - 2_000_000);
  await put('f/raw/large', records);
  const twin = inputFor('f', { keepOriginals: true, to: 's3://lake/f/twin/' });
  await flattenRecords.run(twin, context());
  const [name] = await names('f/twin');
  await gateway.s3.send(new CreateMultipartUploadCommand({ Bucket: 'lake', Key: `f/flat/${name}` }));
  await flattenRecords.run(inputFor('f'), context());
  const flat = await read('f/flat', name!);
  expect(flat).toBe(
    records.replaceAll('"Id"', '"id"').replaceAll('"Text"', '"text"').replaceAll('"}{"', '"}\n{"') + '\n',
  );
  const { Uploads = [] } = await gateway.s3.send(new ListMultipartUploadsCommand({ Bucket: 'lake' }));
  expect(Uploads).toEqual([]);
}, 60_000);

test('an abort in the middle leaves the original, no new object and no parts', async () => {
  await put('g/raw/large', Buffer.alloc(30_000_000, '{"Text":"0123456789"}'));
  const controller = new AbortController();
  gateway.s3.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const answer = await next(args);
        if (commandName === 'UploadPartCommand') controller.abort(new Error('killed'));
        return answer;
      },
    { step: 'initialize', name: 'killer' },
  );
  await expect(flattenRecords.run(inputFor('g'), context(controller.signal))).rejects.toThrow();
  gateway.s3.middlewareStack.remove('killer');
  expect(await names('g/raw')).toEqual(['large']);
  expect(await names('g/flat')).toEqual([]);
  const { Uploads = [] } = await gateway.s3.send(new ListMultipartUploadsCommand({ Bucket: 'lake' }));
  expect(Uploads).toEqual([]);
  expect((await flattenRecords.run(inputFor('g'), context())).measures).toMatchObject({ objects: 1 });
}, 60_000);

test.each(['PutObjectCommand', 'HeadObjectCommand', 'DeleteObjectCommand'])(
  'killed at any %s, the task started again ends as if nothing had happened',
  async (command) => {
    const expected = '{"a":1}\n{"b":2}\n';
    for (let at = 1; ; at++) {
      const root = `kill-${command}-${at}`;
      await put(`${root}/raw/x`, '{"A":1}[]{"B":2}');
      let calls = 0;
      gateway.s3.middlewareStack.add(
        (next, { commandName }) =>
          async (args) => {
            if (commandName !== command || ++calls !== at) return next(args);
            // Half the kills come after the service has done it.
            if (at % 2 === 0) await next(args);
            throw new Error('killed');
          },
        { step: 'initialize', name: 'killer' },
      );
      const killed = await flattenRecords.run(inputFor(root), context()).then(
        () => false,
        () => true,
      );
      gateway.s3.middlewareStack.remove('killer');
      await flattenRecords.run(inputFor(root), context());
      const [flat, ...others] = await names(`${root}/flat`);
      expect([await read(`${root}/flat`, flat!), others]).toEqual([expected, []]);
      expect(await names(`${root}/rejected`)).toEqual([flat]);
      expect(await names(`${root}/raw`)).toEqual([]);
      if (!killed) {
        expect(at).toBeGreaterThan(1);
        break;
      }
    }
  },
);

test('wrong input is refused with every problem', () => {
  expect(() => flattenRecords.check({ from: 's3://lake', to: 'lake/x', keepOriginals: 'yes' })).toThrow(
    /:\n {2}from: "s3:\/\/lake"; .*\n {2}to: "lake\/x"; .*\n {2}rejected: missing; .*\n {2}keepOriginals: "yes"; give true or false$/,
  );
});
