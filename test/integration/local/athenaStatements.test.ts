/** Athena's statements about tables, writing ones, the crawler's rules and Glue's API, over a real S3 gateway. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  BatchCreatePartitionCommand,
  CreateTableCommand,
  GetPartitionsCommand,
  GetTableCommand,
  GetTablesCommand,
  GlueClient,
} from '@aws-sdk/client-glue';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { LocalAthena } from '../../../src/engines/athena';
import { encodeValue } from '../../../src/engines/catalog';
import { LocalCrawler } from '../../../src/engines/crawler';
import { startGlueServer, type GlueServer } from '../../../src/engines/glueServer';
import { LocalRedshift, LocalRedshiftBatch } from '../../../src/engines/redshift';
import type { LocalLake } from '../../../src/engines/session';
import type { Crawler } from '../../../src/runners/defineRunner';
import { listKeys } from '../../../src/lake/lakeFiles';
import { ensureAwsTestTools } from '../../../src/local';
import { quietRuntime } from '../../support/environment';
import { localLake } from '../../support/localLake';
import { countOf } from '../../support/long';
import { startTestS3 } from '../../support/s3';

let lake: Awaited<ReturnType<typeof startTestS3>>;
let local: LocalLake;
let server: GlueServer;
let glue: GlueClient;
let queries = 0;

beforeAll(async () => {
  quietRuntime();
  lake = await startTestS3();
  local = localLake(lake);
  server = await startGlueServer(local.catalog);
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  glue = new GlueClient({ endpoint: server.url, region: 'us-east-1', credentials });
}, 300_000);

afterAll(async () => {
  glue.destroy();
  await server.stop();
  await lake.stop();
});

const signal = () => new AbortController().signal;

async function execute(QueryString: string, more: object = {}) {
  const athena = new LocalAthena(local);
  const parameters = { QueryString, QueryExecutionContext: { Database: 'shop' }, ...more };
  await athena.check(parameters);
  const id = `query-${queries++}`;
  const job = { resource: 'athena:startQueryExecution' as const, parameters };
  return athena.run({ job, key: id, run: 'run', step: 'step' }, id, signal());
}

async function ask(sql: string, more: object = {}): Promise<string> {
  return read((await execute(sql, more)).output!);
}

async function read(uri: string): Promise<string> {
  const { Body } = await lake.s3.send(
    new GetObjectCommand({ Bucket: 'lake', Key: uri.slice('s3://lake/'.length) }),
  );
  return Body!.transformToString();
}

const put = (Key: string, Body: string) => lake.s3.send(new PutObjectCommand({ Bucket: 'lake', Key, Body }));

async function crawl(crawler: Crawler): Promise<void> {
  const crawls = new LocalCrawler(local, { it: crawler });
  const job = { resource: 'glue:startCrawler' as const, parameters: { Name: 'it' } };
  await crawls.run({ job, key: 'key', run: 'run', step: 'step' }, 'id', signal());
}

const COLORS = "(VALUES (1, 'ü', 'a'), (2, NULL, 'a'), (3, 'x', 'b')) AS t(id, name, kind)";

describe('over a lake with nothing in it', () => {
  beforeEach(async () => {
    const bucket = join(lake.s3Dir, 'lake');
    await rm(bucket, { recursive: true, force: true });
    await mkdir(bucket);
  });

  test('CREATE TABLE AS writes files and a table, with partitions, in each format', async () => {
    for (const format of ['PARQUET', 'JSON', 'TEXTFILE']) {
      const name = `made_${format.toLowerCase()}`;
      const { output } = await execute(
        `CREATE TABLE ${name} WITH (format = '${format}', partitioned_by = ARRAY['kind'], external_location = 's3://lake/${name}/') AS SELECT * FROM ${COLORS}`,
      );
      expect((await read(output!)).trim().split('\n')).toHaveLength(2);
      expect(await ask(`SELECT * FROM ${name} ORDER BY id`)).toBe(
        '"id","name","kind"\n"1","ü","a"\n"2",,"a"\n"3","x","b"\n',
      );
      expect(await ask(`SHOW PARTITIONS ${name}`)).toBe('kind=a\nkind=b\n');
    }
    await expect(execute(`CREATE TABLE made_json AS SELECT 1 AS a`)).rejects.toThrow('TABLE_ALREADY_EXISTS');
    await expect(
      execute(`CREATE TABLE other WITH (external_location = 's3://lake/made_json/') AS SELECT 1 AS a`),
    ).rejects.toThrow('HIVE_PATH_ALREADY_EXISTS');
    await expect(execute(`CREATE TABLE other WITH (format = 'ORC') AS SELECT 1 AS a`)).rejects.toThrow('ORC');
    await execute('CREATE TABLE empty AS SELECT * FROM made_json WITH NO DATA');
    expect(await ask('SELECT count(*) AS n FROM empty')).toBe('"n"\n"0"\n');
  }, 120_000);

  test('INSERT INTO adds rows and partitions, and checks columns and types', async () => {
    await execute(
      `CREATE TABLE grown WITH (partitioned_by = ARRAY['kind'], external_location = 's3://lake/grown/') AS SELECT id, name, CAST(kind AS varchar) AS kind FROM ${COLORS}`,
    );
    await execute("INSERT INTO grown VALUES (4, 'y', 'c/d')");
    await execute("INSERT INTO grown (id, kind) SELECT 5, 'a'");
    expect(await ask('SELECT id, name, kind FROM grown WHERE id > 3 ORDER BY id')).toBe(
      '"id","name","kind"\n"4","y","c/d"\n"5",,"a"\n',
    );
    await expect(execute("INSERT INTO grown VALUES ('x', 'y', 'z')")).rejects.toThrow('TYPE_MISMATCH');
    await expect(execute("INSERT INTO grown VALUES (6, 'two', 'a')")).rejects.toThrow('Cannot truncate');
    await expect(execute('INSERT INTO grown VALUES (1)')).rejects.toThrow('TYPE_MISMATCH');
  }, 120_000);

  test('an empty partition value is null, and its rows are there once', async () => {
    await execute(
      `CREATE TABLE emptied WITH (partitioned_by = ARRAY['p'], external_location = 's3://lake/emptied/') AS SELECT x, p FROM (VALUES (1, 'a'), (2, NULL), (3, '')) t(x, p)`,
    );
    await execute("INSERT INTO emptied VALUES (4, ''), (5, NULL)");
    expect(await ask('SELECT x, p FROM emptied ORDER BY x')).toBe(
      '"x","p"\n"1","a"\n"2",\n"3",\n"4",\n"5",\n',
    );
    expect(await ask('SHOW PARTITIONS emptied')).toBe('p=__HIVE_DEFAULT_PARTITION__\np=a\n');
  }, 120_000);

  test('UNLOAD writes files and refuses a folder that has some', async () => {
    const sql = `UNLOAD (SELECT id, name FROM ${COLORS}) TO 's3://lake/unloaded/' WITH (format = 'TEXTFILE', field_delimiter = ';', compression = 'NONE')`;
    await execute(sql);
    const [key] = await listKeys(lake.s3, 'lake', 'unloaded/');
    expect(await read(`s3://lake/${key}`)).toBe('1;ü\n2;\\N\n3;x\n');
    await expect(execute(sql)).rejects.toThrow('HIVE_PATH_ALREADY_EXISTS');
  }, 120_000);

  test('views read what their tables have, also through each other', async () => {
    await execute(`CREATE TABLE base AS SELECT * FROM ${COLORS}`);
    await execute("CREATE VIEW ones AS SELECT id, kind FROM base WHERE kind = 'a'");
    await execute('CREATE OR REPLACE VIEW twos AS SELECT id * 2 AS twice FROM ones');
    expect(await ask('SELECT sum(twice) AS n FROM twos')).toBe('"n"\n"6"\n');
    expect(await ask('SHOW VIEWS')).toBe('ones\ntwos\n');
    await expect(execute('CREATE VIEW ones AS SELECT 1 AS a')).rejects.toThrow('exists already');
    await execute('DROP VIEW twos');
  }, 120_000);

  test('prepared statements take their values from USING and from ExecutionParameters', async () => {
    await execute(`PREPARE named FROM SELECT name FROM ${COLORS} WHERE id = ? AND kind = ?`);
    expect(await ask("EXECUTE named USING 1, 'a'")).toBe('"name"\n"ü"\n');
    expect(await ask('EXECUTE named', { ExecutionParameters: ['3', "'b'"] })).toBe('"name"\n"x"\n');
    await expect(execute('EXECUTE named USING 1')).rejects.toThrow('more "?"');
    await execute('DEALLOCATE PREPARE named');
    await expect(execute('EXECUTE named USING 1, 2')).rejects.toThrow('not found: named');
  }, 120_000);

  test('SHOW, DESCRIBE and EXPLAIN say what the catalog has', async () => {
    await execute(`CREATE EXTERNAL TABLE shown (id bigint COMMENT 'the id', tags array<string>) PARTITIONED BY (d string)
    ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' LOCATION 's3://lake/shown/' TBLPROPERTIES ('skip.header.line.count'='1')`);
    expect(await ask("SHOW TABLES 'sho*'")).toBe('shown\n');
    expect(await ask('SHOW DATABASES')).toContain('shop\n');
    expect(await ask('SHOW COLUMNS IN shown')).toBe(
      ['id', 'tags', 'd'].map((name) => `${name.padEnd(20)}\n`).join(''),
    );
    expect(await ask("SHOW TBLPROPERTIES shown('skip.header.line.count')")).toBe('1\n');
    const create = await ask('SHOW CREATE TABLE shown');
    expect(create).toContain("  `id` bigint COMMENT 'the id', \n  `tags` array<string>)\n");
    await execute('DROP TABLE shown');
    await execute(create);
    expect(await ask('SHOW CREATE TABLE shown')).toBe(create);
    expect((await ask('DESCRIBE shown')).split('\n')[0]).toBe(
      ['id', 'bigint', 'the id'].map((text) => text.padEnd(20)).join('\t'),
    );
    expect(await ask('EXPLAIN SELECT id FROM shown')).toContain('Output id: bigint');
    await execute("ALTER TABLE shown ADD PARTITION (d = '1')");
    await expect(execute("ALTER TABLE shown ADD PARTITION (d = '1')")).rejects.toThrow('AlreadyExists');
    await execute('ALTER TABLE shown ADD COLUMNS (more int)');
    await execute("ALTER TABLE shown SET TBLPROPERTIES ('a' = 'b')");
    expect(await ask('SHOW TBLPROPERTIES shown')).toContain('a\tb\n');
    await expect(execute('SHOW FUNCTIONS')).rejects.toThrow('line 1:6');
    await expect(execute('DELETE FROM shown')).rejects.toThrow('only supported for Iceberg tables');
  }, 120_000);

  test('the crawler goes by the rules of Glue for headers, quotes, case and exclusions', async () => {
    await put('plain/a.csv', '1,2.5,x\n3,4.5,y\n');
    await put('texts/a.csv', 'a,b\nc,d\n');
    await put('quoted/a.csv', 'id,name\n1,"Doe, Jane"\n');
    await put('cased/a.json', '{"id":1,"Name":"a"}\n');
    await put('cased/b.json', '{"id":2,"name":"b"}\n');
    await put('reports/report[1].json', '{"n":2}\n');
    await put('reports/report1.json', '{"n":1}\n');
    await put('reports/tmp/x.json', '{"other":1}\n');
    await put('sales/discount=10%/a.csv', '1,2\n3,4\n');
    await crawl({
      database: 'crawled',
      targets: ['plain/', 'texts/', 'cased/', 'sales/', { path: 'reports/', exclusions: ['tmp/**'] }],
    });
    await crawl({
      database: 'crawled',
      targets: ['quoted/'],
      classifiers: { csv: { QuoteSymbol: '"', ContainsHeader: 'PRESENT' } },
    });
    const inCrawled = { QueryExecutionContext: { Database: 'crawled' } };
    expect(await ask('SELECT * FROM plain ORDER BY col0', inCrawled)).toBe(
      '"col0","col1","col2"\n"1","2.5","x"\n"3","4.5","y"\n',
    );
    expect(await ask('SELECT count(col0) AS n FROM texts', inCrawled)).toBe('"n"\n"2"\n');
    expect(await ask('SELECT * FROM cased ORDER BY id', inCrawled)).toBe('"id","name"\n"1","a"\n"2","b"\n');
    // What a crawler passes by Athena reads: https://docs.aws.amazon.com/athena/latest/ug/troubleshooting-athena.html
    expect(await ask('SELECT * FROM reports ORDER BY n', inCrawled)).toBe('"n"\n"1"\n"2"\n\n');
    expect(await ask('SELECT DISTINCT discount FROM sales', inCrawled)).toBe('"discount"\n"10%"\n');
    expect(await ask('SELECT name FROM quoted', inCrawled)).toBe('"name"\n"Doe, Jane"\n');
  }, 120_000);

  test('a client of Glue sees the same tables, and makes some', async () => {
    await execute("CREATE EXTERNAL TABLE seen (a int) PARTITIONED BY (d string) LOCATION 's3://lake/seen/'");
    const { Table } = await glue.send(new GetTableCommand({ DatabaseName: 'shop', Name: 'seen' }));
    expect(Table).toMatchObject({
      StorageDescriptor: { Location: 's3://lake/seen/', Columns: [{ Name: 'a', Type: 'int' }] },
      PartitionKeys: [{ Name: 'd', Type: 'string' }],
    });
    await put('seen/d=1/a', '7\n');
    await glue.send(
      new BatchCreatePartitionCommand({
        DatabaseName: 'shop',
        TableName: 'seen',
        PartitionInputList: [{ Values: ['1'], StorageDescriptor: { Location: 's3://lake/seen/d=1/' } }],
      }),
    );
    expect(await ask('SELECT a, d FROM seen')).toBe('"a","d"\n"7","1"\n');
    const { Partitions } = await glue.send(
      new GetPartitionsCommand({ DatabaseName: 'shop', TableName: 'seen', Expression: "d = '1'" }),
    );
    expect(Partitions).toHaveLength(1);
    await put('spark/a', '1,x\n');
    await glue.send(
      new CreateTableCommand({
        DatabaseName: 'shop',
        TableInput: {
          Name: 'spark',
          StorageDescriptor: {
            Location: 's3a://lake/spark/',
            Columns: [{ Name: 'id', Type: 'int' }],
            SerdeInfo: {
              SerializationLibrary: 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe',
              Parameters: { 'field.delim': ',' },
            },
          },
        },
      }),
    );
    expect(await ask('SELECT id FROM spark')).toBe('"id"\n"1"\n');
    const { TableList } = await glue.send(new GetTablesCommand({ DatabaseName: 'shop', Expression: 'sp*' }));
    expect(TableList?.map(({ Name }) => Name)).toEqual(['spark']);
    await expect(glue.send(new GetTableCommand({ DatabaseName: 'shop', Name: 'absent' }))).rejects.toThrow(
      expect.objectContaining({ name: 'EntityNotFoundException' }) as Error,
    );
  }, 120_000);

  test('a client in Python sees what a crawl and a CREATE TABLE AS have made', async () => {
    await put('visits/d=1/a.json', '{"id":1}\n');
    await crawl({ database: 'seen_by_python', targets: ['visits/'] });
    await execute('CREATE TABLE seen_by_python.counted AS SELECT count(*) AS n FROM seen_by_python.visits');
    const { python } = await ensureAwsTestTools({ env: process.env, report: () => {} });
    const script = `
import boto3, json
glue = boto3.client('glue', endpoint_url='${server.url}', region_name='us-east-1', aws_access_key_id='a', aws_secret_access_key='b')
tables = glue.get_tables(DatabaseName='seen_by_python')['TableList']
partitions = glue.get_partitions(DatabaseName='seen_by_python', TableName='visits')['Partitions']
print(json.dumps([{t['Name']: [c['Name'] + ' ' + c['Type'] for c in t['StorageDescriptor']['Columns'] + t['PartitionKeys']] for t in tables}, partitions[0]['StorageDescriptor']['Location']]))`;
    const { stdout } = await promisify(execFile)(python, ['-c', script]);
    expect(JSON.parse(stdout)).toEqual([
      { counted: ['n bigint'], visits: ['id bigint', 'd string'] },
      's3://lake/visits/d=1/',
    ]);
    await execute('DROP TABLE seen_by_python.counted');
  }, 120_000);

  test('Iceberg tables are made, grow, lose and change rows, and are rewritten to one file', async () => {
    await execute(`CREATE TABLE ice (id bigint, name string, tags array<struct<k:string,n:int>>, m map<string,double>, price decimal(10,2), day date, at timestamp)
      LOCATION 's3://lake/ice/' TBLPROPERTIES ('table_type' = 'ICEBERG')`);
    expect(await ask('SELECT count(*) AS n FROM ice')).toBe('"n"\n"0"\n');
    const values = (id: number, name: string) =>
      `(${id}, ${name}, ARRAY[CAST(ROW('k', 1) AS ROW(k varchar, n int))], MAP(ARRAY['a'], ARRAY[1.5e0]), DECIMAL '1.25', DATE '2024-02-29', TIMESTAMP '2024-01-02 03:04:05.678')`;
    await execute(`INSERT INTO ice VALUES ${values(1, "'ü'")}, ${values(2, 'NULL')}`);
    await execute(`INSERT INTO ice (id, name) VALUES (3, 'x'), (4, 'y')`);
    const rows = 'SELECT id, name FROM ice ORDER BY id';
    expect(await ask('SELECT * FROM ice WHERE id = 1')).toBe(
      '"id","name","tags","m","price","day","at"\n"1","ü","[{k=k, n=1}]","{a=1.5}","1.25","2024-02-29","2024-01-02 03:04:05.678"\n',
    );
    await execute("DELETE FROM ice WHERE name = 'x'");
    expect(await ask(rows)).toBe('"id","name"\n"1","ü"\n"2",\n"4","y"\n');
    await execute("UPDATE ice SET name = concat(name, '!'), price = 7 WHERE id > 1");
    expect(await ask('SELECT id, name, price FROM ice ORDER BY id')).toBe(
      '"id","name","price"\n"1","ü","1.25"\n"2",,"7.00"\n"4","y!","7.00"\n',
    );
    await execute('INSERT INTO ice (id) VALUES (5)');
    expect(await ask('SELECT count(DISTINCT "$path") AS n FROM ice')).toBe('"n"\n"2"\n');
    await execute('OPTIMIZE ice REWRITE DATA USING BIN_PACK');
    expect(await ask('SELECT count(DISTINCT "$path") AS n, count(*) AS all_rows FROM ice')).toBe(
      '"n","all_rows"\n"1","4"\n',
    );
    const { Table } = await glue.send(new GetTableCommand({ DatabaseName: 'shop', Name: 'ice' }));
    expect(Table!.Parameters).toMatchObject({
      table_type: 'ICEBERG',
      metadata_location: expect.stringMatching(
        /^s3:\/\/lake\/ice\/metadata\/00006-.*\.metadata\.json$/,
      ) as string,
    });
    const create = await ask('SHOW CREATE TABLE ice');
    expect(create).toContain("TBLPROPERTIES (\n  'table_type'='iceberg'\n)");
    await execute('DELETE FROM ice');
    expect(await ask(rows)).toBe('"id","name"\n');
    await execute('DROP TABLE ice');
    expect(await listKeys(lake.s3, 'lake', 'ice/')).toEqual([]);
  }, 120_000);

  test('an Iceberg table is made by CREATE TABLE AS, and a query that is run again writes its rows once', async () => {
    await execute(
      `CREATE TABLE ice WITH (table_type = 'ICEBERG', is_external = false, location = 's3://lake/ice/') AS SELECT * FROM ${COLORS}`,
    );
    const athena = new LocalAthena(local);
    const parameters = {
      QueryString: "INSERT INTO ice VALUES (4, 'long text', 'c')",
      QueryExecutionContext: { Database: 'shop' },
    };
    const job = { resource: 'athena:startQueryExecution' as const, parameters };
    for (let round = 0; round < 2; round++)
      await athena.run({ job, key: 'again', run: 'run', step: 'step' }, 'again', signal());
    expect(await ask('SELECT * FROM ice ORDER BY id')).toBe(
      '"id","name","kind"\n"1","ü","a"\n"2",,"a"\n"3","x","b"\n"4","long text","c"\n',
    );
    for (const [sql, text] of [
      ['MERGE INTO ice USING ice AS b ON true WHEN MATCHED THEN DELETE', 'local Athena does not know MERGE'],
      ['ALTER TABLE ice ADD COLUMNS (more int)', 'does not know ALTER TABLE of an Iceberg table'],
      [
        "CREATE TABLE parts (a int) PARTITIONED BY (a) LOCATION 's3://lake/p/' TBLPROPERTIES ('table_type' = 'ICEBERG')",
        'no partitions of Iceberg tables',
      ],
      [
        "CREATE TABLE small (a tinyint) LOCATION 's3://lake/p/' TBLPROPERTIES ('table_type' = 'ICEBERG')",
        'Type not supported for Iceberg: tinyint',
      ],
    ] as const)
      await expect(execute(sql)).rejects.toThrow(text);
    const { Table } = await glue.send(new GetTableCommand({ DatabaseName: 'shop', Name: 'ice' }));
    const file = join(lake.s3Dir, Table!.Parameters!['metadata_location']!.slice('s3://'.length));
    const metadata = JSON.parse(await readFile(file, 'utf8')) as {
      schemas: { fields: { name: string }[] }[];
    };
    const changed = async (change: (copy: typeof metadata & Record<string, unknown>) => void) => {
      const copy = structuredClone(metadata);
      change(copy);
      await writeFile(file, JSON.stringify(copy));
    };
    await changed(({ schemas }) => {
      schemas.push(structuredClone(schemas[0]!));
      schemas[1]!.fields[0]!.name = 'renamed';
    });
    await expect(ask('SELECT id FROM ice')).rejects.toThrow('another engine renamed');
    await changed((copy) => (copy['partition-specs'] = [{ 'spec-id': 0, fields: [{ name: 'kind' }] }]));
    expect(await ask('SELECT count(*) AS n FROM ice')).toBe('"n"\n"4"\n');
    await expect(execute("INSERT INTO ice VALUES (5, 'x', 'c')")).rejects.toThrow('of another engine');
    await execute("CREATE EXTERNAL TABLE plain (a int) LOCATION 's3://lake/plain/'");
    await expect(execute('DELETE FROM plain')).rejects.toThrow('only supported for Iceberg tables');
  }, 120_000);

  test('UNLOAD of local Redshift takes quotes as Redshift does', async () => {
    await put('people/a.csv', "1,o'neil\n2,x\n");
    await execute(
      "CREATE EXTERNAL TABLE IF NOT EXISTS people (id int, name string) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 's3://lake/people/'",
    );
    const redshift = new LocalRedshift(local);
    const select = (quote: (text: string) => string) => quote("SELECT id FROM shop.people WHERE name = 'x'");
    const ways = [
      (text: string) => `'${text.replaceAll("'", "''")}'`,
      (text: string) => `'${text.replaceAll("'", "\\'")}'`,
      (text: string) => `$$${text}$$`,
    ];
    for (const [i, way] of ways.entries()) {
      const Sql = `UNLOAD (${select(way)}) TO 's3://lake/quotes/${i}/' IAM_ROLE default CSV PARALLEL OFF`;
      const job = { resource: 'redshiftdata:executeStatement' as const, parameters: { Sql } };
      await redshift.check(job.parameters);
      const { output } = await redshift.run(
        { job, key: `k${i}`, run: 'run', step: 'step' },
        `k${i}`,
        signal(),
      );
      expect(await read(output!)).toBe('2\n');
    }
  }, 120_000);

  test('a batch of local Redshift runs its statements one after the other, with the rows of the last that has some', async () => {
    await put('numbers/a.csv', '1\n2\n');
    await execute("CREATE EXTERNAL TABLE IF NOT EXISTS numbers (id int) LOCATION 's3://lake/numbers/'");
    const batch = new LocalRedshiftBatch(local);
    const run = async (Sqls: string[], key: string) => {
      const job = { resource: 'redshiftdata:batchExecuteStatement' as const, parameters: { Sqls } };
      await batch.check(job.parameters);
      return batch.run({ job, key, run: 'run', step: 'step', maxRows: 10 }, key, signal());
    };
    const unload = (name: string) =>
      `UNLOAD ('SELECT id FROM shop.numbers ORDER BY 1') TO 's3://lake/batch/${name}/' IAM_ROLE default CSV PARALLEL OFF ALLOWOVERWRITE`;
    expect(await run(['SELECT count(*) AS n FROM shop.numbers', unload('a')], 'a')).toMatchObject({
      output: 's3://lake/batch/a/000',
      rows: [{ n: 2 }],
    });
    await expect(run(['SELECT 1 AS one', 'SELECT nope FROM shop.numbers'], 'b')).rejects.toThrow('nope');
    await expect(run(['SELECT strtol(id, 16) FROM shop.numbers'], 'c')).rejects.toThrow(
      'local Redshift does not know the function strtol',
    );
  }, 120_000);
});

type ShapeRow = [id: number | null, name: string | null, d: string | null];

/** Rows of every shape, a partition each or some together. */
const SHAPES: Record<string, ShapeRow[]> = {
  nulls: [
    [1, null, 'a'],
    [null, 'x', 'a'],
    [3, 'y', null],
    [null, null, null],
  ],
  empty: [],
  unicode: [
    [1, 'ü', 'größe 1'],
    [2, '日本', 'größe 1'],
    [3, '😀', '東京=%/x'],
  ],
  // More than the 100 that Glue takes in one call.
  many: Array.from({ length: countOf({ suite: 120, soak: 1000 }) }, (_, i) => [
    i,
    `n${i}`,
    String(i).padStart(3, '0'),
  ]),
};

/** Rows as a result file has them. */
const lines = (rows: readonly (readonly unknown[])[]) =>
  rows
    .map(
      (row) =>
        `${row.map((value) => (value === null ? '' : `"${String(value as string | number)}"`)).join(',')}\n`,
    )
    .join('');
/** Ascending, nulls at the end: https://trino.io/docs/current/sql/select.html#order-by-clause */
const sorted = <T extends number | string>(values: readonly (T | null)[]) => [
  ...values.filter((value) => value !== null).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
  ...values.filter((value) => value === null),
];

describe.each(Object.entries(SHAPES))('each statement over the table %s', (table, rows) => {
  const keys = sorted([...new Set(rows.map(([, , d]) => d))]);
  const ids = rows.flatMap(([id]) => (id === null ? [] : [id]));
  const folderOf = (d: string | null) => `d=${encodeValue(d ?? '')}`;

  beforeAll(async () => {
    await rm(join(lake.s3Dir, 'lake', table), { recursive: true, force: true });
    await execute(`DROP TABLE IF EXISTS ${table}`);
    for (const d of keys) {
      const folder = join(lake.s3Dir, 'lake', table, folderOf(d));
      const own = rows.filter((row) => row[2] === d);
      await mkdir(folder, { recursive: true });
      const text = own.map(([id, name]) => `${id ?? '\\N'},${name ?? '\\N'}\n`).join('');
      await writeFile(join(folder, 'a'), text);
    }
    await execute(
      `CREATE EXTERNAL TABLE ${table} (id int, name string) PARTITIONED BY (d string) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 's3://lake/${table}/'`,
    );
    await execute(`MSCK REPAIR TABLE ${table}`);
  });

  const answer = async (sql: string) => {
    const text = await ask(sql);
    return text.slice(text.indexOf('\n') + 1);
  };

  test('SELECT: all, aggregates, groups, joins, windows, arrays, WITH, UNION, conditions', async () => {
    expect((await answer(`SELECT * FROM ${table}`)).split('\n').sort()).toEqual(
      lines(rows).split('\n').sort(),
    );
    expect(await answer(`SELECT id FROM ${table} ORDER BY id`)).toBe(
      lines(sorted(rows.map(([id]) => id)).map((id) => [id])),
    );
    const sum = ids.length === 0 ? null : ids.reduce((a, b) => a + b);
    const names = sorted(rows.map(([, name]) => name).filter((name) => name !== null));
    expect(await answer(`SELECT count(*), count(id), sum(id), max(name) FROM ${table}`)).toBe(
      lines([[rows.length, ids.length, sum, names.at(-1) ?? null]]),
    );
    expect(await answer(`SELECT d, count(*) FROM ${table} GROUP BY d ORDER BY d`)).toBe(
      lines(keys.map((d) => [d, rows.filter((row) => row[2] === d).length])),
    );
    expect(await answer(`SELECT count(*) FROM ${table} a JOIN ${table} b ON a.d = b.d AND a.id = b.id`)).toBe(
      lines([[rows.filter(([id, , d]) => id !== null && d !== null).length]]),
    );
    expect(
      await answer(
        `SELECT max(n) FROM (SELECT row_number() OVER (PARTITION BY d ORDER BY id) AS n FROM ${table})`,
      ),
    ).toBe(
      lines([
        [keys.length === 0 ? null : Math.max(...keys.map((d) => rows.filter((row) => row[2] === d).length))],
      ]),
    );
    expect(await answer(`SELECT sum(x) FROM ${table} CROSS JOIN UNNEST(ARRAY[id, 1]) AS u(x)`)).toBe(
      lines([[rows.length === 0 ? null : (sum ?? 0) + rows.length]]),
    );
    expect(
      await answer(
        `WITH twice AS (SELECT name FROM ${table} UNION ALL SELECT name FROM ${table}) SELECT sum(length(name)) FROM twice`,
      ),
    ).toBe(lines([[names.length === 0 ? null : 2 * [...names.join('')].length]]));
    expect(await answer(`SELECT count(*) FROM ${table} WHERE name IS NULL OR d IS NULL`)).toBe(
      lines([[rows.filter(([, name, d]) => name === null || d === null).length]]),
    );
    const [first = 'none'] = keys;
    expect(await answer(`SELECT count(*) FROM ${table} WHERE d = '${first}'`)).toBe(
      lines([[rows.filter(([, , d]) => d === first).length]]),
    );
  });

  test('CREATE TABLE AS, INSERT, UNLOAD, views and prepared statements', async () => {
    await execute(`DROP TABLE IF EXISTS copy_of_${table}`);
    for (const folder of [`unloaded_${table}`, `copy_${table}`])
      await rm(join(lake.s3Dir, 'lake', folder), { recursive: true, force: true });
    await execute(
      `CREATE TABLE copy_of_${table} WITH (external_location = 's3://lake/copy_${table}/') AS SELECT * FROM ${table}`,
    );
    await execute(`INSERT INTO copy_of_${table} SELECT * FROM ${table}`);
    expect(await answer(`SELECT count(*), count(name), count(d) FROM copy_of_${table}`)).toBe(
      lines([
        [rows, rows.filter(([, name]) => name !== null), rows.filter(([, , d]) => d !== null)].map(
          (some) => 2 * some.length,
        ),
      ]),
    );
    await execute(
      `UNLOAD (SELECT name, d FROM ${table} ORDER BY id) TO 's3://lake/unloaded_${table}/' WITH (format = 'TEXTFILE', field_delimiter = ';', compression = 'NONE')`,
    );
    const unloaded = await Promise.all(
      (await listKeys(lake.s3, 'lake', `unloaded_${table}/`)).map((key) => read(`s3://lake/${key}`)),
    );
    expect(unloaded.join('').split('\n').sort()).toEqual(
      rows
        .map(([, name, d]) => `${name ?? '\\N'};${d ?? '\\N'}`)
        .concat('')
        .sort(),
    );
    await execute(
      `CREATE OR REPLACE VIEW view_of_${table} AS SELECT id, d FROM ${table} WHERE id IS NOT NULL`,
    );
    expect(await answer(`SELECT count(*) FROM view_of_${table}`)).toBe(lines([[ids.length]]));
    await execute(`PREPARE of_${table} FROM SELECT count(*) FROM ${table} WHERE name = ? OR id = ?`);
    const name = rows.at(-1)?.[1] ?? 'é';
    const id = rows[0]?.[0] ?? -1;
    expect(await answer(`EXECUTE of_${table} USING '${name}', ${id}`)).toBe(
      lines([[rows.filter((row) => row[1] === name || row[0] === id).length]]),
    );
  });

  test('SHOW, DESCRIBE, EXPLAIN and ALTER', async () => {
    const shown = keys.map((d) => folderOf(d)).sort();
    expect((await ask(`SHOW PARTITIONS ${table}`)).split('\n').filter((line) => line !== '')).toEqual(shown);
    expect(await answer(`SELECT count(*) FROM "${table}$partitions"`)).toBe(lines([[keys.length]]));
    expect(await ask(`SHOW TABLES '${table}'`)).toBe(`${table}\n`);
    expect(await ask(`SHOW CREATE TABLE ${table}`)).toContain('PARTITIONED BY ( \n  `d` string)');
    expect(await ask(`DESCRIBE ${table}`)).toContain('# Partition Information');
    expect(await ask(`EXPLAIN SELECT id FROM ${table}`)).toContain('Output id: integer');
    const first = keys[0] ?? 'new';
    await execute(`ALTER TABLE ${table} DROP IF EXISTS PARTITION (d = '${first}')`);
    const without = rows.filter(([, , d]) => d !== first).length;
    expect(await answer(`SELECT count(*) FROM ${table}`)).toBe(lines([[without]]));
    await execute(`ALTER TABLE ${table} ADD IF NOT EXISTS PARTITION (d = '${first}')`);
    expect(await answer(`SELECT count(*) FROM ${table}`)).toBe(lines([[rows.length]]));
  });
});
