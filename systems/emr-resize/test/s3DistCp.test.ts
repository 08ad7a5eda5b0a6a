import { gunzipSync, gzipSync } from 'node:zlib';
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { listKeys, runQuery } from 'sluice';
import { oneOf, seeded, whole } from 'sluice/testing';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planCopies, toStepArguments, type CopyRequest } from '../src/s3DistCp/planCopies';
import { compactParquet } from '../src/tasks/compactParquet';
import { s3DistCp } from '../src/tasks/s3DistCp';
import { startTestS3 } from '../../../test/support/s3';
import { runTask } from '../../../test/support/tasks';
import { isLong, seedOf } from '../../../test/support/long';

let gateway: Awaited<ReturnType<typeof startTestS3>>;
let s3: S3Client;
beforeAll(async () => {
  gateway = await startTestS3();
  s3 = gateway.s3;
}, 60_000);
afterAll(() => gateway?.stop());

/** `SLUICE_LONG=1` takes more cases, and kills after each call. */
let folders = 0;
/** A new source with these objects, and a new destination. */
async function place(objects: Record<string, string | Buffer>) {
  const name = `case-${++folders}`;
  for (const [key, body] of Object.entries(objects))
    await s3.send(
      new PutObjectCommand({ Bucket: 'lake', Key: `${name}/in/${key}`, Body: Buffer.from(body) }),
    );
  const [src, dest] = [`s3://lake/${name}/in/`, `s3://lake/${name}/out/`];
  const list = async (folder: 'in' | 'out') =>
    (await listKeys(s3, 'lake', `${name}/${folder}/`)).map((key) => key.slice(`${name}/${folder}/`.length));
  const read = async (key: string, folder = 'out') => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'lake', Key: `${name}/${folder}/${key}` }));
    return Buffer.from(await Body!.transformToByteArray());
  };
  return {
    src,
    dest,
    read,
    list,
    outputs: async () => (await list('out')).filter((key) => !key.startsWith('_')),
    copy: (options: Partial<CopyRequest> = {}, run: Partial<Parameters<typeof runTask>[2]> = {}) =>
      runTask(s3DistCp, { src, dest, ...options }, { s3, key: name, ...run }),
  };
}

const HOURS = { groupBy: '.*/(\\d{4}-\\d\\d)-\\d\\d\\.log(?:\\.gz)?' };

test('objects are joined by the text of their groups, in the order of their keys', async () => {
  const { copy, outputs, read, list } = await place({
    'b/2025-02-03.log': 'three\n',
    'a/2025-02-01.log': 'one\n',
    'a/2025-02-02.log': 'two\n',
    'a/2025-03-01.log': 'four\n',
    'a/readme.txt': 'not matched',
    'a/_temporary/2025-02-09.log': 'not data',
  });
  const { measures } = await copy(HOURS);
  expect(await outputs()).toEqual(['2025-02', '2025-03']);
  expect((await read('2025-02')).toString()).toBe('one\ntwo\nthree\n');
  expect(measures).toEqual({ objectsRead: 4, objectsWritten: 2, objectsDeleted: 0, bytesWritten: 19 });
  expect(await list('out')).toContain('_SUCCESS');
  expect(await list('in')).toHaveLength(6);
});

test('gzip files that follow one another are one file, and codecs change as asked', async () => {
  const objects = { '2025-02-01.log.gz': gzipSync('one\n'), '2025-02-02.log.gz': gzipSync('two\n') };
  const kept = await place(objects);
  await kept.copy(HOURS);
  expect(await kept.outputs()).toEqual(['2025-02.gz']);
  expect(gunzipSync(await kept.read('2025-02.gz')).toString()).toBe('one\ntwo\n');
  const plain = await place({ ...objects, '2025-02-03.log': 'three\n' });
  await plain.copy({ ...HOURS, outputCodec: 'none' });
  expect((await plain.read('2025-02')).toString()).toBe('one\ntwo\nthree\n');
  const zipped = await place({ ...objects, '2025-02-03.log': 'three\n' });
  await zipped.copy({ ...HOURS, outputCodec: 'gzip' });
  expect(gunzipSync(await zipped.read('2025-02.gz')).toString()).toBe('one\ntwo\nthree\n');
});

test('without a group each object is copied to its own name, those of a pattern alone', async () => {
  const { copy, outputs, read } = await place({ 'a/b.csv': '1', 'c.csv': '', 'd.txt': '2' });
  await copy({ srcPattern: '.*\\.csv' });
  expect(await outputs()).toEqual(['a/b.csv', 'c.csv']);
  expect((await read('c.csv')).length).toBe(0);
});

test('a group larger than the target size is numbered, and no object is split', async () => {
  const { copy, outputs, read } = await place({
    '2025-02-01.log': Buffer.alloc(700_000, 'a'),
    '2025-02-02.log': Buffer.alloc(700_000, 'b'),
    '2025-02-03.log': Buffer.alloc(10, 'c'),
  });
  await copy({ ...HOURS, targetSize: 1 });
  expect(await outputs()).toEqual(['2025-020', '2025-021']);
  expect((await read('2025-020')).length).toBe(1_400_000);
});

const object = (key: string) => ({ key, size: 1, etag: 'e' });
const plan = (keys: string[], options: Partial<CopyRequest>) =>
  planCopies(keys.map(object), 's3://lake/in/', {
    ...{ src: 's3://lake/in/', dest: 's3://lake/out/', outputCodec: 'keep', deleteOnSuccess: false },
    ...options,
  });

test.each([
  [
    'Parquet that is joined',
    ['a.parquet', 'b.snappy.parquet'],
    { groupBy: '.*()(a|b).*' },
    'pipeline compact',
  ],
  ['Parquet that is compressed', ['a.parquet'], { outputCodec: 'gzip' as const }, 'pipeline compact'],
  ['ORC that is joined', ['a.orc'], { groupBy: '.*/(a).*' }, 'pipeline compact'],
  ['gzip and plain files together', ['1.log', '2.log.gz'], { groupBy: '.*\\d(.log).*' }, 'give outputCodec'],
  ['snappy files together', ['1.snappy'], { groupBy: '.*/(1).*' }, 'give outputCodec'],
  ['a codec that is not read', ['1.lzo'], { outputCodec: 'none' as const }, 'only plain files and .gz are'],
  ['groups without parentheses', ['a'], { groupBy: '.*' }, 'has no group'],
  ['groups without text', ['a'], { groupBy: '.*/a(b?)' }, 'which is no name'],
  ['a pattern that is none', ['a'], { srcPattern: '(' }, 'srcPattern: '],
])('%s: refused, with the cure', (_, keys, options, cure) => {
  expect(() => plan(keys, options)).toThrow(cure);
});

test('two groups that come to one name are refused', () => {
  const large = (key: string) => ({ key, size: 2 ** 21, etag: 'e' });
  const request = { src: '', dest: '', outputCodec: 'keep', deleteOnSuccess: false, targetSize: 1 } as const;
  const keys = ['x-a/1', 'x-a/2', 'x-a1/1'];
  expect(() => planCopies(keys.map(large), 's3://lake/', { ...request, groupBy: '.*x-(\\w+)/.*' })).toThrow(
    'two groups would both be written to a1',
  );
});

test('Parquet under another name is refused by its bytes, and nothing is deleted', async () => {
  const { copy, list } = await place({ '2025-02-01.log': 'PAR1…', '2025-02-02.log': 'PAR1…' });
  await expect(copy({ ...HOURS, deleteOnSuccess: true })).rejects.toMatchObject({ code: 'InvalidJob' });
  expect(await list('in')).toHaveLength(2);
});

test('a broken gzip is bad data, and an empty folder says so', async () => {
  const broken = await place({ '2025-02-01.log.gz': 'no gzip' });
  await expect(broken.copy({ ...HOURS, outputCodec: 'none' })).rejects.toMatchObject({ code: 'BadData' });
  const empty = await place({});
  await expect(empty.copy()).rejects.toMatchObject({
    code: 'InvalidJob',
    message: expect.stringMatching('src'),
  });
});

test('a destination inside of the source, and a size without groups, are told before anything starts', async () => {
  const { src, copy } = await place({ a: '1' });
  await expect(copy({ dest: `${src}out/` })).rejects.toThrow('give another folder');
  await expect(copy({ targetSize: 1 })).rejects.toThrow('give groupBy');
});

test('any objects, patterns, sizes and codecs come to what a plain reference comes to', async () => {
  const random = seeded(seedOf(5));
  for (let i = 0; i < (isLong ? 50 : 3); i++) {
    const objects: Record<string, Buffer> = {};
    for (let n = whole(random, 1, 12); n > 0; n--) {
      const text = Buffer.alloc(oneOf(random, [0, 10, 400_000, 1_100_000]), `${n}\n`);
      const zipped = random() < 0.5;
      const key = `${oneOf(random, ['x', 'y'])}/2025-0${whole(random, 1, 3)}-0${whole(random, 1, 9)}.log`;
      objects[zipped ? `${key}.gz` : key] = zipped ? gzipSync(text) : text;
    }
    const outputCodec = oneOf(random, ['none', 'gzip'] as const);
    const limit = random() < 0.5 ? undefined : 1;
    const { copy, outputs, read } = await place(objects);
    await copy({ ...HOURS, outputCodec, ...(limit === undefined ? {} : { targetSize: limit }) });
    const expected: Record<string, Buffer> = {};
    for (const key of Object.keys(objects).sort()) {
      const name = /(\d{4}-\d\d)-/.exec(key)![1]!;
      const text = key.endsWith('.gz') ? gunzipSync(objects[key]!) : objects[key]!;
      expected[name] = Buffer.concat([expected[name] ?? Buffer.alloc(0), text]);
    }
    const joined: Record<string, Buffer> = {};
    for (const key of await outputs()) {
      const body = await read(key);
      const name = key.slice(0, 7);
      joined[name] = Buffer.concat([
        joined[name] ?? Buffer.alloc(0),
        outputCodec === 'gzip' ? gunzipSync(body) : body,
      ]);
    }
    expect(Object.keys(joined).sort()).toEqual(Object.keys(expected).sort());
    for (const name of Object.keys(joined)) expect(joined[name]!.equals(expected[name]!)).toBe(true);
  }
}, 60_000);

test('killed between its calls, it goes on: what was there is there once, and sources go only with their outputs', async () => {
  const objects = Object.fromEntries(
    Array.from({ length: 8 }, (_, i) => [`2025-0${1 + (i % 3)}-0${i + 1}.log`, `${i}\n`]),
  );
  for (let calls = 1; ; calls += isLong ? 1 : 4) {
    const { copy, outputs, read, list } = await place(objects);
    let kept: unknown;
    let left = calls;
    const dying = new Proxy(s3, {
      get: (target, name) =>
        name !== 'send'
          ? (Reflect.get(target, name) as unknown)
          : (...given: Parameters<S3Client['send']>) =>
              left-- > 0 ? target.send(...given) : Promise.reject(new Error('killed')),
    });
    const options = { ...HOURS, deleteOnSuccess: true };
    const died = await copy(options, { s3: dying, onKeep: (value) => (kept = value) }).then(
      () => false,
      () => true,
    );
    const there = (await list('in')).length;
    if (there < 8) expect(await outputs()).toEqual(['2025-01', '2025-02', '2025-03']);
    await copy(options, { resumed: kept });
    expect(await list('in')).toEqual([]);
    expect((await read('2025-01')).toString()).toBe('0\n3\n6\n');
    expect((await read('2025-02')).toString()).toBe('1\n4\n7\n');
    expect((await read('2025-03')).toString()).toBe('2\n5\n');
    if (!died) break;
  }
}, 120_000);

test('an object that is replaced meanwhile is not deleted, and a later job does not replace the only copy', async () => {
  const { copy, list, src } = await place({ '2025-02-01.log': 'one\n', '2025-02-02.log': 'two\n' });
  const replacing = new Proxy(s3, {
    get: (target, name) =>
      name !== 'send'
        ? (Reflect.get(target, name) as unknown)
        : async (...given: Parameters<S3Client['send']>) => {
            const answer = await target.send(given[0], given[1]);
            const command = given[0] as unknown as PutObjectCommand;
            if (command.input.Key?.endsWith('/out/_SUCCESS') && command instanceof PutObjectCommand)
              await target.send(
                new PutObjectCommand({
                  ...{ Bucket: 'lake', Key: `${src.slice('s3://lake/'.length)}2025-02-01.log` },
                  Body: Buffer.from('newer\n'),
                }),
              );
            return answer;
          },
  });
  const options = { ...HOURS, deleteOnSuccess: true };
  const { measures } = await copy(options, { s3: replacing });
  expect(measures).toMatchObject({ objectsDeleted: 1 });
  expect(await list('in')).toEqual(['2025-02-01.log']);
  await expect(copy(options, { key: 'a later job' })).rejects.toThrow('give another dest');
  expect(await list('in')).toEqual(['2025-02-01.log']);
});

test('the step of a cluster has the options of the tool', () => {
  expect(
    toStepArguments({
      ...{ src: 's3://a/in/', dest: 's3://a/out/', outputCodec: 'gzip', deleteOnSuccess: true },
      ...{ groupBy: '.*(x).*', targetSize: 128 },
    }),
  ).toEqual([
    ...['s3-dist-cp', '--src=s3://a/in/', '--dest=s3://a/out/', '--groupBy=.*(x).*', '--targetSize=128'],
    ...['--outputCodec=gzip', '--deleteOnSuccess'],
  ]);
});

test('Parquet files are joined into one by their rows, columns by their names', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-compact-test-'));
  try {
    const write = async (name: string, sql: string) => {
      const file = join(folder, name);
      await runQuery({
        ...{ sql, variables: {}, names: {}, maxRows: 0, tempFolder: folder },
        ...{ output: { file, format: 'parquet' as const }, signal: new AbortController().signal },
      });
      return readFile(file);
    };
    const { src, dest, list, read } = await place({
      'a.parquet': await write('a.parquet', 'SELECT range AS id FROM range(1000)'),
      'b/c.parquet': await write('c.parquet', "SELECT 'x' AS name, range AS id FROM range(5)"),
    });
    const { measures } = await runTask(compactParquet, { src, dest }, { s3 });
    expect(measures).toMatchObject({ objectsRead: 2, rowsRead: 1005, rowsWritten: 1005 });
    expect(await list('out')).toEqual(['_SUCCESS', 'part-00000.parquet']);
    expect((await read('part-00000.parquet')).subarray(0, 4).toString()).toBe('PAR1');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
