import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { runQuery, type TaskContext } from 'sluice';
import { convertRecords } from '../src/convertRecords';
import { removeConverted } from '../src/removeConverted';
import { startTestS3 } from '../../../test/support/s3';
import { runOnSpark } from '../../../test/support/spark';
import { taskContext } from '../../../test/support/tasks';

let gateway: Awaited<ReturnType<typeof startTestS3>>;
let context: TaskContext;
let folder: string;

beforeAll(async () => {
  gateway = await startTestS3();
  folder = await mkdtemp(join(tmpdir(), 'sluice-convert-test-'));
  context = taskContext(gateway.s3);
}, 60_000);
afterAll(async () => {
  await gateway?.stop();
  await rm(folder, { recursive: true, force: true });
});

const put = (Key: string, Body: string) =>
  gateway.s3.send(new PutObjectCommand({ Bucket: 'lake', Key, Body: Buffer.from(Body) }));
const lake = (...path: string[]) => join(gateway.s3Dir, 'lake', ...path);
const names = async (path: string) => (await readdir(path).catch(() => [])).sort();

async function rowsOf(sql: string, file: string): Promise<Record<string, unknown>[]> {
  const { rows } = await runQuery({
    ...{
      sql,
      variables: {},
      names: { [file]: file },
      maxRows: 1000,
      tempFolder: folder,
      signal: context.signal,
    },
  });
  return rows!;
}

/** Every column with its type, and every row. */
async function contentOf(file: string) {
  const columns = await rowsOf(
    `SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet('${file}', hive_partitioning = false))`,
    file,
  );
  return {
    columns: columns.map((column) => Object.values(column).join(' ')),
    rows: await rowsOf(
      `SELECT to_json(t)::VARCHAR AS row FROM read_parquet('${file}', hive_partitioning = false) AS t`,
      file,
    ),
  };
}

const inputFor = (root: string, more = {}) => ({
  from: `s3://lake/${root}/flat/`,
  to: `s3://lake/${root}/parquet/`,
  columns: ['agent.username', 'queue.arn'],
  ...more,
});

const HARD: Record<string, string> = {
  'nested lists and structs, unicode, texts with braces':
    '{"agent":{"username":"é😀 }{ \\"x\\"","n":[{"a":1},{"b":[true,null]}]},"t":"2018-06-04T13:00:46Z"}\n{"agent":null,"queue":{"arn":"q"}}\n',
  'integers past 2^53, past 64 bits, with a fraction elsewhere':
    '{"a":9007199254740993,"b":9223372036854775807,"c":9223372036854775808,"d":1,"e":-5}\n{"a":-9223372036854775808,"b":1,"c":2,"d":1.5,"e":2E3}\n',
  'fractions of more digits than a double has, beside unicode':
    '{"a":0.1234567890123456789,"b":[1.5,1e-400],"c":9007199254740993,"d":"é😀"}\n{"a":1.5,"b":[],"c":1.5,"d":"x"}\n',
  'kinds that do not fit together':
    '{"a":1,"b":{"x":1},"c":[1]}\n{"a":"x","b":"y","c":{"k":[1,"z"]}}\n{"a":true,"b":2}\n',
  'only nulls, empty lists and empty structs':
    '{"a":null,"b":[],"c":{},"d":{"e":null},"f":[[]],"g":[{}],"h":1}\n',
  'records without fields': '{}\n{}\n',
  'no records': '',
  'names that JavaScript knows': '{"__proto__":1,"constructor":{"tostring":"x"},"select":"y","a_2":2}\n',
};

test('Glue and the worker make the same Parquet of the same records', async () => {
  const names_ = Object.keys(HARD);
  for (const [i, text] of Object.values(HARD).entries()) await put(`e/flat/case${i}.json`, text);
  const converted = await convertRecords.run(inputFor('e'), context);
  expect(converted.measures).toEqual({
    ...{ objects: names_.length, skipped: 0 },
    ...{ rowsRead: 13, rowsRejected: 0, valuesUnread: 0, rowsWritten: 13 },
  });
  const script = join(
    __dirname,
    '../../../systems/contact-trace-records/jobs/contact-trace-records/to_parquet.py',
  );
  const flat = join(folder, 'flat');
  await mkdir(flat);
  for (const name of await names(lake('e/flat'))) await copyFile(lake('e/flat', name), join(flat, name));
  const spark = join(folder, 'spark');
  const call = [
    script,
    '--from',
    `file://${flat}/`,
    '--to',
    `file://${spark}/`,
    '--columns',
    'agent.username,queue.arn',
    ...['--rows-to', `file://${folder}/_rows.json`],
  ];
  const empty = [
    script,
    '--from',
    `file://${folder}/none/`,
    '--to',
    `file://${folder}/empty/`,
    '--columns',
    'agent.username',
  ];
  expect(await runOnSpark([call, empty])).toEqual([null, null]);
  expect(JSON.parse(await readFile(join(folder, '_rows.json'), 'utf8'))).toEqual({
    ...{ rowsRead: 13, rowsRejected: 0, valuesUnread: 0, rowsWritten: 13 },
  });
  expect(await names(spark)).toEqual(await names(lake('e/parquet')));
  expect(await names(folder)).not.toContainEqual(expect.stringMatching(/_aside/));
  for (const [i, name] of names_.entries()) {
    const file = `case${i}.snappy.parquet`;
    expect([name, await contentOf(join(spark, file))]).toEqual([
      name,
      await contentOf(lake('e/parquet', file)),
    ]);
  }
  expect((await contentOf(join(folder, 'empty', 'no-records.snappy.parquet'))).columns).toEqual([
    'agent STRUCT(username VARCHAR)',
  ]);
}, 400_000);

test('integers stay exact, and a column of nulls is left out', async () => {
  await put('a/flat/x.json', HARD['integers past 2^53, past 64 bits, with a fraction elsewhere']!);
  await put('a/flat/y.json', HARD['only nulls, empty lists and empty structs']!);
  await convertRecords.run(inputFor('a', { columns: [] }), context);
  expect(await contentOf(lake('a/parquet/x.snappy.parquet'))).toEqual({
    columns: ['a BIGINT', 'b BIGINT', 'c VARCHAR', 'd DOUBLE', 'e DOUBLE'],
    rows: [
      { row: '{"a":9007199254740993,"b":9223372036854775807,"c":"9223372036854775808","d":1.0,"e":-5.0}' },
      { row: '{"a":-9223372036854775808,"b":1,"c":"2","d":1.5,"e":2000.0}' },
    ],
  });
  expect((await contentOf(lake('a/parquet/y.snappy.parquet'))).columns).toEqual(['h BIGINT']);
});

test.each([[false], [true]])('no digit of a number is lost (only the named columns: %s)', async (only) => {
  await put(
    `h${only}/flat/x.json`,
    '{"a":0.1234567890123456789,"b":{"c":[1e-400,1.50]}}\n{"a":2.5,"b":null}\n{"a":1e400,"b":null}\n',
  );
  await convertRecords.run(inputFor(`h${only}`, { columns: ['a', 'b'].slice(only ? 0 : 2), only }), context);
  const [first, second, third] = (await contentOf(lake(`h${only}/parquet/x.snappy.parquet`))).rows;
  expect(first!['row']).toContain('0.1234567890123456789');
  expect(first!['row']).toContain('1e-400');
  expect(second).toEqual({ row: '{"a":"2.5","b":null}' });
  expect(third).toEqual({ row: '{"a":"1e400","b":null}' });
});

test('of named columns alone, a number beyond the largest double is the text that it was', async () => {
  await put('i/flat/x.json', '{"a":1e400,"b":[-1.5E+400]}\n');
  await convertRecords.run(inputFor('i', { columns: ['a', 'b'], only: true }), context);
  expect((await contentOf(lake('i/parquet/x.snappy.parquet'))).rows).toEqual([
    { row: '{"a":"1e400","b":"[-1.5E+400]"}' },
  ]);
});

test('what was converted is not converted again, and is what lets an old flat object go', async () => {
  await put('b/flat/x.json', '{"a":1}\n');
  await convertRecords.run(inputFor('b'), context);
  const before = await stat(lake('b/parquet/x.snappy.parquet'));
  await put('b/flat/y.json', '{"a":"now a text","new":{"attribute":1}}\n');
  expect((await convertRecords.run(inputFor('b'), context)).measures).toEqual({
    ...{ objects: 1, skipped: 1 },
    ...{ rowsRead: 1, rowsRejected: 0, valuesUnread: 0, rowsWritten: 1 },
  });
  expect((await stat(lake('b/parquet/x.snappy.parquet'))).mtimeMs).toBe(before.mtimeMs);
  await put('b/flat/unconverted.json', '{"a":1}\n');
  const yesterday = new Date(Date.now() - 25 * 3_600_000);
  for (const name of ['x', 'unconverted']) await utimes(lake(`b/flat/${name}.json`), yesterday, yesterday);
  const removal = { from: 's3://lake/b/flat/', converted: 's3://lake/b/parquet/', olderThan: '24 hours' };
  expect((await removeConverted.run(removal, context)).measures).toEqual({ objects: 1 });
  expect(await names(lake('b/flat'))).toEqual(['unconverted.json', 'y.json']);
});

test('of two objects of one name in folders of their own, none goes: nobody can tell which was converted', async () => {
  await put('twins/flat/x.json', '{"a":1}\n');
  await convertRecords.run(inputFor('twins'), context);
  await put('twins/flat/later/x.json', '{"a":2}\n');
  const yesterday = new Date(Date.now() - 25 * 3_600_000);
  for (const name of ['x', 'later/x']) await utimes(lake(`twins/flat/${name}.json`), yesterday, yesterday);
  const removal = {
    from: 's3://lake/twins/flat/',
    converted: 's3://lake/twins/parquet/',
    olderThan: '24 hours',
  };
  expect((await removeConverted.run(removal, context)).measures).toEqual({ objects: 0 });
  expect(await names(lake('twins/flat'))).toEqual(['later', 'x.json']);
});

test('without any records there is one object without rows, for the columns', async () => {
  await convertRecords.run(inputFor('c'), context);
  expect(await names(lake('c/parquet'))).toEqual(['no-records.snappy.parquet']);
  expect(await contentOf(lake('c/parquet/no-records.snappy.parquet'))).toEqual({
    columns: ['agent STRUCT(username VARCHAR)', 'queue STRUCT(arn VARCHAR)'],
    rows: [],
  });
});

test('with only, the columns are those named, as text, in the partition of their hour', async () => {
  await put('d/flat/x.json', '{"id":"1","snapshot":{"n":[1,null]},"other":2}\n{"snapshot":null,"n":7}\n');
  const hour = new Date('2018-05-14T15:59:59.900Z');
  await utimes(lake('d/flat/x.json'), hour, hour);
  await convertRecords.run(
    inputFor('d', { columns: ['id', 'snapshot', 'n'], only: true, byHour: 'dt' }),
    context,
  );
  expect(await contentOf(lake('d/parquet/dt=2018-05-14-15/x.snappy.parquet'))).toEqual({
    columns: ['id VARCHAR', 'n VARCHAR', 'snapshot VARCHAR'],
    rows: [
      { row: '{"id":"1","n":null,"snapshot":"{\\"n\\":[1,null]}"}' },
      { row: '{"id":null,"n":"7","snapshot":null}' },
    ],
  });
});

test('an object that holds no records is named with its line', async () => {
  await put('f/flat/x.json', '{"a":1}\noops\n');
  await expect(convertRecords.run(inputFor('f'), context)).rejects.toThrow(
    's3://lake/f/flat/x.json: line 2 is no record',
  );
});

test('wrong input is refused with every problem', () => {
  expect(() => convertRecords.check({ from: 'x', to: 's3://lake/p/', columns: ['A'], only: 1 })).toThrow(
    /the task convert-records is wrong:\n {2}from: "x"; give .*\n {2}only: 1; give true or false$/,
  );
  expect(() =>
    removeConverted.check({ from: 's3://lake/a/', converted: 's3://lake/b/', olderThan: 'soon' }),
  ).toThrow('olderThan: "soon"; give a duration above zero');
  const columns = () => convertRecords.check({ from: 's3://lake/a/', to: 's3://lake/p/', columns: ['A'] });
  expect(columns).toThrow('columns: "A"; give names of a-z, 0-9 and _');
});
