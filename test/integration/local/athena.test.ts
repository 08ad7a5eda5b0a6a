/** The local crawler and Athena over a real S3 gateway. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createJobActivities } from '../../../src/activities/jobs';
import type { Crawlers } from '../../../src/runners/defineRunner';
import { listKeys } from '../../../src/lake/lakeFiles';
import type { Activities, Submission } from '../../../src/contracts/activities';
import type { Job, JobResult } from '../../../src/jobs';
import { quietRuntime, testConfig } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { runnersOf, type RunnersByResource } from '../../support/runners';
import { startTestS3 } from '../../support/s3';

const CRAWLERS: Crawlers = {
  all: { database: 'shop', targets: ['csv/', 'json/', 'parquet/'] },
  orders: { database: 'shop', targets: [{ path: 'data/orders/', table: 'purchases' }] },
  nothing: { database: 'shop', targets: ['nothing/'] },
  mixed: { database: 'shop', targets: ['mixed/'] },
  beside: { database: 'shop', targets: ['beside/'] },
  prefixed: { database: 'other', targets: ['csv/'], tablePrefix: 'raw-' },
};
let lake: Awaited<ReturnType<typeof startTestS3>>;
let folder: string;
let submitted = 0;
/** That of most tests, whose SQL then finds its process there. */
let worker: ReturnType<typeof createWorker>;

beforeAll(async () => {
  quietRuntime();
  [lake, folder] = await Promise.all([startTestS3(), mkdtemp(join(tmpdir(), 'sluice-test-'))]);
  // Others query beside this file, and their queries have folders as well.
  process.env['TMPDIR'] = folder;
  worker = createWorker();
}, 300_000);

afterAll(async () => {
  await lake.stop();
  await rm(folder, { recursive: true, force: true });
});

/** One worker: runners and activities of its own. */
function createWorker(
  runners: RunnersByResource = {},
): Pick<Activities, 'submitJob' | 'awaitJob' | 'stopJob'> {
  const { s3, s3Dir } = lake;
  const config = { ...testConfig, engines: 'local' as const, s3Dir };
  return createJobActivities({
    runners: runnersOf(runners, { s3, config, crawlers: CRAWLERS }),
    ...{ pollMinMs: 5, pollMaxMs: 20, retryForMs: 60_000, credentialsForMs: 3_600_000 },
    ...{
      stuckAfterMs: Infinity,
      tellRun: () => Promise.resolve(),
      readHistoryBytes: () => Promise.resolve(0),
    },
  });
}

function submissionOf(job: Job, maxRows?: number): Submission {
  const key = `run/step/${submitted++}`;
  return { job, key, run: 'run', step: 'step', ...(maxRows === undefined ? {} : { maxRows }) };
}

async function run(job: Job, maxRows?: number): Promise<JobResult> {
  const submission = submissionOf(job, maxRows);
  const reference = await inActivity(() => worker.submitJob(submission));
  return inActivity(() => worker.awaitJob(submission, reference));
}

function inActivity<T>(act: () => Promise<T>): Promise<T> {
  const environment = new MockActivityEnvironment({ heartbeatTimeoutMs: 10_000 });
  const outcome: Promise<T> = environment.run(act);
  return outcome;
}

const crawl = (Name: string) => run({ resource: 'glue:startCrawler', parameters: { Name } });

function queryJob(QueryString: string, more: object = {}): Job<'athena:startQueryExecution'> {
  return {
    resource: 'athena:startQueryExecution',
    parameters: { QueryString, QueryExecutionContext: { Database: 'shop' }, ...more },
  };
}

/** The result file of a query, as it is. */
async function query(sql: string, more: object = {}): Promise<string> {
  return read((await run(queryJob(sql, more))).output!);
}

async function read(uri: string): Promise<string> {
  const { Body } = await lake.s3.send(
    new GetObjectCommand({ Bucket: 'lake', Key: uri.slice('s3://lake/'.length) }),
  );
  return Body!.transformToString();
}

async function put(key: string, body: string | Uint8Array): Promise<void> {
  await lake.s3.send(new PutObjectCommand({ Bucket: 'lake', Key: key, Body: body }));
}

/** Writes the rows of a SELECT as a Parquet object. */
async function putParquet(key: string, select: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const file = join(folder, 'part.parquet');
  await connection.run(`COPY (${select}) TO '${file}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
  await put(key, await readFile(file));
}

async function tableOf(name: string, database = 'shop'): Promise<Record<string, unknown>> {
  return JSON.parse(await read(`s3://lake/.catalog/${database}/${name}.json`)) as Record<string, unknown>;
}

describe('the crawler', () => {
  beforeAll(async () => {
    await put('csv/a.csv', 'id,name,price,day\n1,a "b",1.5,2024-01-02\n2,,n/a,x\n');
    await put(
      'json/a.json.gz',
      gzipSync('{"id":1,"at":"2024-01-02T03:04:05Z","who":{"name":"ü"}}\n{"id":2,"tags":["x","y"]}\n'),
    );
    await putParquet(
      'parquet/a.parquet',
      `SELECT 1::BIGINT AS id, TIMESTAMP '2024-01-02 03:04:05' AS at, [1.5, NULL] AS xs`,
    );
    await put('parquet/_SUCCESS', '');
    await put('parquet/.hidden', 'x');
    await put('parquet/_temporary/0/b.parquet', 'no Parquet');
    await put('parquet/empty.parquet', '');
  });

  test('finds format and columns of CSV, JSON and Parquet, and passes by markers and empty objects', async () => {
    const result = await crawl('all');
    expect(result).toMatchObject({
      resource: 'glue:startCrawler',
      measures: { TablesCreated: 3, TablesUpdated: 0 },
    });
    expect(await tableOf('csv')).toMatchObject({
      format: 'csv',
      location: 's3://lake/csv/',
      columns: [
        { name: 'id', type: 'bigint' },
        { name: 'name', type: 'string' },
        { name: 'price', type: 'string' },
        { name: 'day', type: 'string' },
      ],
    });
    expect(await tableOf('json')).toMatchObject({
      format: 'json',
      columns: [
        { name: 'id', type: 'bigint' },
        { name: 'at', type: 'string' },
        { name: 'who', type: 'struct<name:string>' },
        { name: 'tags', type: 'array<string>' },
      ],
    });
    expect(await tableOf('parquet')).toMatchObject({ format: 'parquet', partitionKeys: [], partitions: [] });
    expect(await query('SELECT id, name, price FROM csv ORDER BY id')).toBe(
      '"id","name","price"\n"1","a ""b""","1.5"\n"2","","n/a"\n',
    );
    expect(await query('SELECT id, at, who, who.name, tags FROM json ORDER BY id')).toBe(
      '"id","at","who","name","tags"\n"1","2024-01-02T03:04:05Z","{name=ü}","ü",\n"2",,,,"[x, y]"\n',
    );
    expect(await query('SELECT * FROM parquet')).toBe(
      '"id","at","xs"\n"1","2024-01-02 03:04:05.000","[1.5, null]"\n',
    );
  });

  test('a second crawl of the same files changes nothing', async () => {
    expect((await crawl('all')).measures).toEqual({ TablesCreated: 0, TablesUpdated: 0 });
  });

  test('names a table after its folder with the prefix, in its own database', async () => {
    await crawl('prefixed');
    expect(await query('SELECT count(*) AS n FROM other.raw_csv')).toBe('"n"\n"2"\n');
    expect(await query('SELECT count(*) n FROM "AwsDataCatalog"."other"."raw_csv"')).toBe('"n"\n"2"\n');
  });

  test('the first crawl adds the table, later ones add partitions and columns', async () => {
    await putParquet('data/orders/day=2024-01-01/a.parquet', `SELECT 1 AS id, 'x' AS item`);
    expect((await crawl('orders')).measures).toEqual({ TablesCreated: 1, TablesUpdated: 0 });
    await putParquet(
      'data/orders/day=2024-01-02/a.parquet',
      `SELECT 3000000000 AS id, 'y' AS item, 2 AS amount`,
    );
    // What is not in the catalog is not read.
    expect(await query('SELECT * FROM purchases')).toBe('"id","item","day"\n"1","x","2024-01-01"\n');
    expect((await crawl('orders')).measures).toEqual({ TablesCreated: 0, TablesUpdated: 1 });
    expect(await query('SELECT * FROM purchases ORDER BY day')).toBe(
      '"id","item","amount","day"\n"1","x",,"2024-01-01"\n"3000000000","y","2","2024-01-02"\n',
    );
    await lake.s3.send(
      new DeleteObjectCommand({ Bucket: 'lake', Key: 'data/orders/day=2024-01-02/a.parquet' }),
    );
    await crawl('orders');
    expect(await query('SELECT * FROM purchases')).toBe(
      '"id","item","amount","day"\n"1","x",,"2024-01-01"\n',
    );
  });

  test('a prefix with nothing in it makes no table', async () => {
    expect((await crawl('nothing')).measures).toEqual({ TablesCreated: 0, TablesUpdated: 0 });
    await expect(query('SELECT 1 FROM nothing')).rejects.toMatchObject({ type: 'JobFailed' });
  });

  test('says which files do not fit together, and which crawlers there are', async () => {
    await put('mixed/a.csv', 'a\n1\n');
    await put('mixed/b.json', '{"a":1}');
    await put('beside/k=1/a.csv', 'a\n1\n');
    await put('beside/b.csv', 'a\n1\n');
    await expect(crawl('mixed')).rejects.toMatchObject({
      type: 'BadData',
      message: expect.stringContaining(
        's3://lake/mixed/a.csv is csv and s3://lake/mixed/b.json is json',
      ) as string,
    });
    await expect(crawl('beside')).rejects.toMatchObject({
      type: 'BadData',
      message: expect.stringContaining('s3://lake/beside/') as string,
    });
    await expect(crawl('unknown')).rejects.toMatchObject({
      type: 'InvalidJob',
      message: expect.stringContaining('nothing, mixed') as string,
    });
  });
});

describe('Athena', () => {
  beforeAll(async () => {
    await put(
      'json/a.json',
      '{"id":1,"at":"2024-01-02T03:04:05Z","who":{"name":"ü"}}\n{"id":2,"tags":["x","y"]}\n',
    );
    await crawl('all');
  });

  test('writes the result as Athena does: every value in quotes, null as nothing, columns without a name numbered', async () => {
    const select = `SELECT 'a"b' AS text, '' AS empty, CAST(NULL AS VARCHAR) AS nothing, 1.5, true, count(*), DATE '2024-01-02',
      from_iso8601_timestamp('2024-01-02T03:04:05.678Z') AS at, MAP(ARRAY['k'], ARRAY[1]) AS m`;
    expect(await query(select)).toBe(
      '"text","empty","nothing","_col3","_col4","_col5","_col6","at","m"\n' +
        '"a""b","",,"1.5","true","1","2024-01-02","2024-01-02 03:04:05.678 UTC","{k=1}"\n',
    );
  });

  test('puts the result where it is asked to, says what it read, and gives rows when asked', async () => {
    const job = queryJob('SELECT id, name FROM csv ORDER BY id', {
      ResultConfiguration: { OutputLocation: 's3://lake/out/here/' },
    });
    const result = await run(job, 1);
    expect(result.output).toBe(`s3://lake/out/here/${result.externalId}.csv`);
    expect(result.rows).toEqual([{ id: '1', name: 'a "b"' }]);
    expect(result.measures['DataScannedInBytes']).toBe(
      Buffer.byteLength('id,name,price,day\n1,a "b",1.5,2024-01-02\n2,,n/a,x\n'),
    );
    expect(result.measures['EngineExecutionTimeInMillis']).toBeGreaterThanOrEqual(0);
    expect((await run(queryJob('SELECT 1 AS one'))).output).toMatch(
      /^s3:\/\/lake\/\.athena\/[0-9a-f-]{36}\.csv$/,
    );
  });

  test('counts the rows that a query read of its tables, and those that it wrote', async () => {
    const counts = async (sql: string) => {
      const { rowsRead, rowsWritten } = (await run(queryJob(sql))).measures;
      return [rowsRead, rowsWritten];
    };
    const numbers = Array.from({ length: 3000 }, (_, x) => x);
    await put('many/csv/a.csv', ['x', ...numbers].join('\n'));
    await put('many/json/a.json', numbers.map((x) => JSON.stringify({ x })).join('\n'));
    await putParquet('many/parquet/a.parquet', 'SELECT range::INT AS x FROM range(3000)');
    const rows = {
      csv: `ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 's3://lake/many/csv/' TBLPROPERTIES ('skip.header.line.count' = '1')`,
      json: `ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://lake/many/json/'`,
      parquet: `STORED AS PARQUET LOCATION 's3://lake/many/parquet/'`,
    };
    for (const [name, how] of Object.entries(rows)) {
      await run(queryJob(`CREATE EXTERNAL TABLE many_${name} (x int) ${how}`));
      expect(await counts(`SELECT x FROM many_${name} WHERE x < 10`)).toEqual([3000, 10]);
      expect(await counts(`SELECT count(*) FROM many_${name}`)).toEqual([3000, 1]);
    }
    expect(await counts('SELECT 1')).toEqual([0, 1]);
    expect(await counts('SELECT x FROM many_csv WHERE x < 0')).toEqual([3000, 0]);
    const both = 'SELECT a.x FROM many_json AS a JOIN many_parquet AS b ON a.x = b.x';
    expect(await counts(both)).toEqual([6000, 3000]);
    expect(await counts('CREATE TABLE few AS SELECT x, x % 3 AS y FROM many_csv WHERE x < 100')).toEqual([
      3000, 100,
    ]);
    expect(await counts('INSERT INTO few SELECT x, 1 FROM many_json WHERE x < 7')).toEqual([3000, 7]);
    const unload = `UNLOAD (SELECT * FROM few WHERE y = 1) TO 's3://lake/many/unload/' WITH (format = 'JSON')`;
    expect(await counts(unload)).toEqual([107, 40]);
    const iceberg = `CREATE TABLE ice WITH (table_type = 'ICEBERG', is_external = false, location = 's3://lake/many/ice/')`;
    expect(await counts(`${iceberg} AS SELECT x FROM many_csv WHERE x < 100`)).toEqual([3000, 100]);
    expect(await counts('DELETE FROM ice WHERE x < 60')).toEqual([100, undefined]);
    expect(await counts('SELECT x FROM ice')).toEqual([40, 40]);
    expect(await counts('DROP TABLE few')).toEqual([undefined, undefined]);
  });

  // https://github.com/duckdb/duckdb/issues/24994
  test('bytes of a Parquet file are found by what they are', async () => {
    await putParquet('bytes/a.parquet', "SELECT unhex(repeat('ab', 1 + range % 2)) AS code FROM range(3000)");
    await run(
      queryJob(`CREATE EXTERNAL TABLE bytes (code binary) STORED AS PARQUET LOCATION 's3://lake/bytes/'`),
    );
    expect(await query(`SELECT count(*) FROM bytes WHERE code = X'abab'`)).toMatch(/"1500"\n$/);
    expect(await query(`SELECT count(*) FROM bytes WHERE code IN (X'ab', X'00')`)).toMatch(/"1500"\n$/);
  });

  test('a result without rows has its header, and a long one keeps its order', async () => {
    expect(await query('SELECT id FROM csv WHERE id > 5')).toBe('"id"\n');
    const rows = Array.from(
      { length: 300_000 },
      (_, i) => `"${300_000 - i}"
`,
    );
    const result = await query('SELECT x FROM UNNEST(sequence(1, 300000)) AS t(x) ORDER BY x DESC');
    expect(
      result ===
        `"x"
${rows.join('')}`,
    ).toBe(true);
  });

  test('parameters stand for the question marks, and only literals do', async () => {
    const sql = "SELECT name FROM csv WHERE id = ? AND name <> ? AND name <> '?'";
    expect(await query(sql, { ExecutionParameters: ['1', "'it''s'"] })).toBe('"name"\n"a ""b"""\n');
    for (const ExecutionParameters of [['1'], ['1', '2', '3'], ['1', '1 OR true'], ['1', 'text']])
      await expect(query(sql, { ExecutionParameters })).rejects.toMatchObject({ type: 'InvalidJob' });
  });

  test('says what DuckDB says of SQL that is wrong, and reaches nothing outside the tables', async () => {
    await expect(query('SELECT nope FROM csv')).rejects.toMatchObject({
      type: 'JobFailed',
      message: expect.stringContaining('nope') as string,
    });
    await expect(query('SELECT * FROM absent')).rejects.toMatchObject({
      type: 'JobFailed',
      message: expect.stringContaining('absent') as string,
    });
    for (const sql of [
      `SELECT * FROM read_text('/etc/hostname')`,
      `SELECT * FROM '${join(folder, 'any.json')}'`,
    ])
      await expect(query(sql)).rejects.toMatchObject({ type: 'JobFailed' });
    await expect(query('SELECT 1; SELECT 2')).rejects.toMatchObject({ type: 'InvalidJob' });
  });

  test('tables are created, repaired, given partitions and dropped', async () => {
    const create = `CREATE EXTERNAL TABLE IF NOT EXISTS visits (
        \`id\` bigint COMMENT 'a, b', tags array<struct<name:string,n:int>>, price decimal(10,2))
      PARTITIONED BY (year string, month string)
      ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' WITH SERDEPROPERTIES ('case.insensitive' = 'true')
      LOCATION 's3://lake/visits/' TBLPROPERTIES ('has_encrypted_data' = 'false');`;
    await run(queryJob(create));
    await run(queryJob(create));
    await put('visits/year=2024/month=01/a', '{"id":1,"tags":[{"name":"x","n":1}],"price":1.25}\n{"id":2}\n');
    await put('visits/year=2024/month=02/a', '{"id":3}\n');
    await put('elsewhere/a', '{"id":4}\n');
    const ids = 'SELECT id, year, month FROM visits ORDER BY id';
    expect(await query(ids)).toBe('"id","year","month"\n');
    await run(queryJob('MSCK REPAIR TABLE visits'));
    expect(await query('SELECT * FROM shop.visits WHERE id = 1')).toBe(
      '"id","tags","price","year","month"\n"1","[{name=x, n=1}]","1.25","2024","01"\n',
    );
    const add = `ALTER TABLE visits ADD IF NOT EXISTS PARTITION (year = '2023', month = '12') LOCATION 's3://lake/elsewhere/'
      PARTITION (year = '2024', month = '01')`;
    await run(queryJob(add));
    expect(await query(ids)).toBe(
      '"id","year","month"\n"1","2024","01"\n"2","2024","01"\n"3","2024","02"\n"4","2023","12"\n',
    );
    await run(queryJob(`ALTER TABLE visits DROP PARTITION (year = '2024', month = '01')`));
    expect(await query(ids)).toBe('"id","year","month"\n"3","2024","02"\n"4","2023","12"\n');
    await run(queryJob('DROP TABLE visits'));
    await expect(query(ids)).rejects.toMatchObject({ type: 'JobFailed' });
    await expect(run(queryJob('DROP TABLE visits'))).rejects.toMatchObject({ type: 'JobFailed' });
    await run(queryJob('DROP TABLE IF EXISTS visits'));
  });

  test('text tables are read by position, with their delimiter and without their header line', async () => {
    await put('text/a.txt', 'a\tb\n1\t\n\\N\tx\n');
    await run(
      queryJob(`CREATE EXTERNAL TABLE texts (n int, word string) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t'
        STORED AS TEXTFILE LOCATION 's3://lake/text' TBLPROPERTIES ('skip.header.line.count'='1')`),
    );
    expect(await query('SELECT n, word FROM texts')).toBe('"n","word"\n"1",""\n,"x"\n');
  });

  test('two queries at once have each its own result', async () => {
    const [one, two] = await Promise.all([
      query('SELECT id FROM csv WHERE id = 1'),
      query('SELECT id FROM csv WHERE id = 2'),
    ]);
    expect([one, two]).toEqual(['"id"\n"1"\n', '"id"\n"2"\n']);
  });

  /** The folders of queries that run. */
  const sessions = async () => (await readdir(folder)).filter((name) => name.startsWith('sluice-query-'));
  /** Starts something, and returns when it has a folder that was not there before. */
  const sessionOf = async (start: () => void): Promise<string> => {
    const before = await sessions();
    start();
    const isNew = (name: string) => !before.includes(name);
    return (await eventually(sessions, (names) => names.some(isNew))).find(isNew)!;
  };
  const LONG =
    'SELECT count(*) FROM UNNEST(sequence(1, 100000)) AS a(x) CROSS JOIN UNNEST(sequence(1, 100000)) AS b(y) WHERE x * y % 7 = 3';

  test('a stop ends the query that runs, and does not run it again', async () => {
    const worker = createWorker();
    const submission = submissionOf(queryJob(LONG));
    const reference = await inActivity(() => worker.submitJob(submission));
    let ended: Promise<void> | undefined;
    const session = await sessionOf(() => {
      const end = inActivity(() => worker.awaitJob(submission, reference));
      ended = expect(end).rejects.toMatchObject({ type: 'JobStopped' });
    });
    const stopped = await inActivity(() => worker.stopJob(submission, reference));
    expect(stopped).toMatchObject({ outcome: 'stopped', externalId: reference.externalId });
    await ended;
    expect(await sessions()).not.toContain(session);
    await expect(inActivity(() => worker.awaitJob(submission, reference))).rejects.toMatchObject({
      type: 'JobStopped',
    });
    expect(await listKeys(lake.s3, 'lake', `.athena/${reference.externalId}`)).toEqual([]);
    // Another worker, where nothing of it runs.
    const elsewhere = await inActivity(() => createWorker().stopJob(submission, reference));
    expect(elsewhere.outcome).toBe('stopped');
  });

  test('a cancelled await ends its query', async () => {
    const worker = createWorker();
    const submission = submissionOf(queryJob(LONG));
    const reference = await inActivity(() => worker.submitJob(submission));
    const environment = new MockActivityEnvironment({ heartbeatTimeoutMs: 10_000 });
    let ended: Promise<void> | undefined;
    const session = await sessionOf(() => {
      const end: Promise<unknown> = environment.run(() => worker.awaitJob(submission, reference));
      ended = expect(end).rejects.toMatchObject({ name: 'CancelledFailure' });
    });
    environment.cancel();
    await ended;
    expect(await sessions()).not.toContain(session);
  });

  test('an await that is done again after its worker died gives the one result, and runs nothing twice', async () => {
    const submission = submissionOf(queryJob('SELECT count(*) AS n FROM csv'));
    const first = createWorker();
    const reference = await inActivity(() => first.submitJob(submission));
    const result = await inActivity(() => first.awaitJob(submission, reference));
    await put('csv/b.csv', 'id,name,price,day\n3,c,1,x\n');
    const again = await inActivity(() => createWorker().awaitJob(submission, reference));
    expect(again).toEqual(result);
    expect(await read(result.output!)).toBe('"n"\n"2"\n');
  });

  test('what has no engine here says so and what to do', async () => {
    const submission = submissionOf({ resource: 'lambda:invoke', parameters: { FunctionName: 'f' } });
    await expect(inActivity(() => createWorker().submitJob(submission))).rejects.toMatchObject({
      type: 'NoEngine',
      message: expect.stringMatching(/lambda:invoke has no local engine.*SLUICE_ENGINES=aws/) as string,
    });
  });
});

describe('Redshift', () => {
  const statement = (Sql: string, more: object = {}): Job<'redshiftdata:executeStatement'> => ({
    resource: 'redshiftdata:executeStatement',
    parameters: { Database: 'dev', WorkgroupName: 'default', Sql, ...more },
  });

  beforeAll(async () => {
    await put(
      'json/a.json',
      '{"id":1,"at":"2024-01-02T03:04:05Z","doc":"{\\"a\\":{\\"b\\":\\"x|y\\"},\\"list\\":[1,{\\"c\\":2}]}"}\n{"id":2,"doc":"nope"}\n{"id":3}\n',
    );
    await lake.s3.send(new DeleteObjectCommand({ Bucket: 'lake', Key: 'json/a.json.gz' }));
    await crawl('all');
  });

  test('answers in its dialect over the same tables, with rows of their own types', async () => {
    const sql = `SELECT id, json_extract_path_text(doc, 'a', 'b', true) AS B, json_extract_path_text(doc, 'a', 'no', true) AS none,
        json_array_length(json_extract_path_text(doc, 'list', true), true) AS n,
        json_extract_path_text(json_extract_array_element_text(json_extract_path_text(doc, 'list', true), 1), 'c') AS c,
        nvl(doc, '-') = '-' AS empty, dateadd(day, 1, CAST("at" AS timestamp)) AS next, datediff(hour, '2024-01-01 23:59:00'::timestamp, '2024-01-02 00:01:00'::timestamp) AS hours,
        7 / 2 AS half, CAST(id AS varchar(max)) AS text
      FROM shop.json WHERE id <> :other ORDER BY id DESC`;
    const result = await run(statement(sql, { Parameters: [{ name: 'other', value: '2' }] }), 10);
    const same = { hours: 1, half: 3 };
    expect(result.rows).toEqual([
      { id: 3, b: null, none: null, n: null, c: null, empty: true, next: null, text: '3', ...same },
      {
        id: 1,
        b: 'x|y',
        none: null,
        n: 2,
        c: '2',
        empty: false,
        next: '2024-01-03 03:04:05',
        text: '1',
        ...same,
      },
    ]);
    expect(result).toMatchObject({
      output: null,
      measures: { ResultRows: 2, rowsRead: 3, rowsWritten: 2 },
    });
    const nulls = await run(statement('SELECT doc FROM shop.json ORDER BY doc DESC'), 1);
    expect(nulls.rows).toEqual([{ doc: null }]);
    expect((await run(statement('SELECT count(*) FROM shop.json'), 5)).rows).toEqual([{ count: 3 }]);
    await expect(
      run(statement(`SELECT json_extract_path_text(doc, 'a') FROM shop.json`)),
    ).rejects.toMatchObject({
      type: 'JobFailed',
    });
    await expect(
      run(statement('SELECT 1', { Parameters: [{ name: 'x', value: '1' }] })),
    ).rejects.toMatchObject({ type: 'InvalidJob' });
  });

  test('unloads as CSV, as text and as Parquet, and overwrites only when it may', async () => {
    const select = `SELECT id, json_extract_path_text(doc, ''a'', ''b'', true) AS b, id = 1 AS one FROM shop.json ORDER BY id`;
    const csv = `UNLOAD ('${select}') TO 's3://lake/unload/csv_' IAM_ROLE 'arn:aws:iam::123456789012:role/r' FORMAT AS CSV HEADER PARALLEL OFF`;
    const result = await run(statement(csv));
    expect(result).toMatchObject({
      output: 's3://lake/unload/csv_000',
      measures: { rowsRead: 3, rowsWritten: 3 },
    });
    expect(await read(result.output!)).toBe('id,b,one\n1,x|y,t\n2,,f\n3,,f\n');
    await expect(run(statement(csv))).rejects.toMatchObject({
      type: 'JobFailed',
      message: expect.stringContaining('ALLOWOVERWRITE') as string,
    });
    await run(statement(`${csv} ALLOWOVERWRITE`));
    const text = await run(
      statement(
        `UNLOAD ($$SELECT id, 'a"b' AS t FROM shop.json ORDER BY id$$) TO 's3://lake/unload/text_' IAM_ROLE default DELIMITER '\\t'`,
      ),
    );
    expect(text.output).toBe('s3://lake/unload/text_0000_part_00');
    expect(await read(text.output!)).toBe('1\ta"b\n2\ta"b\n3\ta"b\n');
    const parquet = await run(
      statement(`UNLOAD ('${select}') TO 's3://lake/unload/parquet/' FORMAT PARQUET`),
    );
    expect(parquet.output).toBe('s3://lake/unload/parquet/0000_part_00.parquet');
    expect((await read(parquet.output!)).slice(0, 4)).toBe('PAR1');
    await expect(
      run(statement(`UNLOAD ('SELECT 1') TO 's3://lake/unload/x' MANIFEST`)),
    ).rejects.toMatchObject({
      type: 'InvalidJob',
      message: expect.stringContaining('MANIFEST') as string,
    });
  });

  test('an unload that is done again after its worker died takes what it has written for its own', async () => {
    const submission = submissionOf(
      statement(`UNLOAD ('SELECT 1 AS x') TO 's3://lake/unload/again' PARALLEL OFF`),
    );
    const worker = createWorker();
    const reference = await inActivity(() => worker.submitJob(submission));
    const result = await inActivity(() => worker.awaitJob(submission, reference));
    // Died between the object and its record.
    await lake.s3.send(
      new DeleteObjectCommand({ Bucket: 'lake', Key: `.jobs/${reference.externalId}.json` }),
    );
    const again = await inActivity(() => createWorker().awaitJob(submission, reference));
    expect(again.output).toBe(result.output);
    expect(await listKeys(lake.s3, 'lake', 'unload/again')).toEqual(['unload/again000']);
  });
});
