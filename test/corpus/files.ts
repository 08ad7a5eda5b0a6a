/** Tables over files: what each row answers by the documentation that the case names. */
export interface FileCase {
  kind: string;
  source: string;
  /** `LOCATION` is put in. */
  ddl: string;
  /** More statements after it. */
  then?: string[];
  files: Record<string, string>;
  query: string;
  /** The result file, without its header; or how the failure begins. */
  answer: string;
}

const LAZY = 'https://docs.aws.amazon.com/athena/latest/ug/lazy-simple-serde.html';
const OPENCSV = 'https://docs.aws.amazon.com/athena/latest/ug/csv-serde.html';
const OPENX = 'https://docs.aws.amazon.com/athena/latest/ug/openx-json-serde.html';
const PROJECTION = 'https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html';
const PARTITIONS = 'https://docs.aws.amazon.com/athena/latest/ug/partitions.html';

const csv = (columns: string, more = '') =>
  `CREATE EXTERNAL TABLE t (${columns}) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' ${more} LOCATION 'LOCATION'`;
const lazy = (
  columns: string,
  file: string,
  answer: string,
  more = '',
  query = 'SELECT * FROM t',
): FileCase => ({
  kind: 'text',
  source: LAZY,
  ddl: csv(columns, more),
  files: { 'a.csv': file },
  query,
  answer,
});
const quoted = (columns: string, file: string, answer: string, properties = ''): FileCase => ({
  kind: 'quoted text',
  source: OPENCSV,
  ddl: `CREATE EXTERNAL TABLE t (${columns}) ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' ${properties} LOCATION 'LOCATION'`,
  files: { 'a.csv': file },
  query: 'SELECT * FROM t',
  answer,
});
const json = (
  columns: string,
  lines: string | Record<string, string>,
  answer: string,
  properties = '',
  query = 'SELECT * FROM t',
): FileCase => ({
  kind: 'JSON',
  source: OPENX,
  ddl: `CREATE EXTERNAL TABLE t (${columns}) ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' ${properties} LOCATION 'LOCATION'`,
  files: typeof lines === 'string' ? { 'a.json': lines } : lines,
  query,
  answer,
});
const projected = (
  keys: string,
  properties: Record<string, string>,
  files: Record<string, string>,
  query: string,
  answer: string,
): FileCase => ({
  kind: 'projection',
  source: PROJECTION,
  ddl: `CREATE EXTERNAL TABLE t (x string) PARTITIONED BY (${keys}) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 'LOCATION' TBLPROPERTIES (${Object.entries(
    { 'projection.enabled': 'true', ...properties },
  )
    .map(([key, value]) => `'${key}'='${value}'`)
    .join(', ')})`,
  files,
  query,
  answer,
});
const partitioned = (
  keys: string,
  files: Record<string, string>,
  query: string,
  answer: string,
  then: string[] = ['MSCK REPAIR TABLE t'],
): FileCase => ({
  kind: 'partitions',
  source: PARTITIONS,
  ddl: `CREATE EXTERNAL TABLE t (x string) PARTITIONED BY (${keys}) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 'LOCATION'`,
  then,
  files,
  query,
  answer,
});

export const FILE_CASES: FileCase[] = [
  lazy('a int, b string, c string', '1,"Doe, Jane",Berlin\n', '"1","""Doe"," Jane"""'),
  lazy('a int, b string', '1,x\n2,y\n', '"1","x"\n"2","y"'),
  lazy('a int, b string', '1\n', '"1",'),
  lazy('a int, b string', '1,x,more,fields\n', '"1","x"'),
  lazy('a int, b string', '1,\n', '"1",""'),
  lazy('a int, b string', ',x\n', ',"x"'),
  lazy('a int, b string', '\\N,\\N\n', ','),
  lazy('a int', 'x\n1.5\n7\n', '\n\n"7"'),
  lazy('a double', '1.5\n1e3\nx\n', '"1.5"\n"1000.0"\n'),
  lazy('a boolean', 'true\nFALSE\nyes\n', '"true"\n"false"\n'),
  lazy('a date', '2024-02-29\n2024-02-30\n', '"2024-02-29"\n'),
  lazy('a timestamp', '2024-01-02 03:04:05.678\n2024-01-02T03:04:05\n', '"2024-01-02 03:04:05.678"\n'),
  lazy('a decimal(5,2)', '1.25\n1\nx\n', '"1.25"\n"1.00"\n'),
  lazy('a bigint', '9223372036854775807\n9223372036854775808\n', '"9223372036854775807"\n'),
  lazy('a string', 'häé 日本\n', '"häé 日本"'),
  lazy('a string', "it's; fine\n", '"it\'s; fine"'),
  lazy('a string, b string', 'x\\,y,z\n', '"x,y","z"', "ESCAPED BY '\\\\'"),
  lazy('a array<int>, b string', '1|2|3,x\n', '"[1, 2, 3]","x"', "COLLECTION ITEMS TERMINATED BY '|'"),
  lazy(
    'a map<string,int>',
    'k:1|l:2\n',
    '"{k=1, l=2}"',
    "COLLECTION ITEMS TERMINATED BY '|' MAP KEYS TERMINATED BY ':'",
  ),
  lazy('a struct<x:int,y:string>', '1|b\n', '"{x=1, y=b}"', "COLLECTION ITEMS TERMINATED BY '|'"),
  lazy('a varchar(2)', 'abc\n', '"ab"'),
  lazy('a string', '', ''),
  {
    kind: 'text',
    source: LAZY,
    ddl: "CREATE EXTERNAL TABLE t (a int, b string) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 'LOCATION' TBLPROPERTIES ('skip.header.line.count'='1')",
    files: { 'a.csv': 'a,b\n1,x\n', 'b.csv': 'a,b\n2,y\n' },
    query: 'SELECT * FROM t ORDER BY a',
    answer: '"1","x"\n"2","y"',
  },
  {
    kind: 'text',
    source: LAZY,
    ddl: "CREATE EXTERNAL TABLE t (a int, b string) LOCATION 'LOCATION'",
    files: { a: '1\u0001x\n' },
    query: 'SELECT * FROM t',
    answer: '"1","x"',
  },
  {
    kind: 'text',
    source: LAZY,
    ddl: "CREATE EXTERNAL TABLE t (a int, b string) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' LOCATION 'LOCATION'",
    files: { 'a.tsv': '1\tx,y\n' },
    query: 'SELECT * FROM t',
    answer: '"1","x,y"',
  },
  {
    kind: 'text',
    source: LAZY,
    ddl: "CREATE EXTERNAL TABLE t (a int, b string) ROW FORMAT DELIMITED FIELDS TERMINATED BY '|' NULL DEFINED AS 'NA' LOCATION 'LOCATION'",
    files: { a: 'NA|NA\n' },
    query: 'SELECT * FROM t',
    answer: ',',
  },
  quoted('a string, b string, c string', '1,"Doe, Jane",Berlin\n', '"1","Doe, Jane","Berlin"'),
  quoted('a string, b string', '"x ""y""",z\n', '"x ""y""","z"'),
  quoted('a string, b string', '"x \\"y\\"",z\n', '"x ""y""","z"'),
  quoted('a string, b string', ',\n', '"",""'),
  quoted('a int, b double', '1,2.5\n', '"1","2.5"'),
  quoted('a int', 'x\n', 'ERROR'),
  quoted('a date', '19782\n', '"2024-02-29"'),
  quoted('a timestamp', '1709164800000\n', '"2024-02-29 00:00:00.000"'),
  quoted(
    'a string, b string',
    "'x;y';z\n",
    `"x;y","z"`,
    `WITH SERDEPROPERTIES ("separatorChar"=";", "quoteChar"="'", "escapeChar"="\\\\")`,
  ),
  quoted(
    'a string, b string',
    '|x,y|,z\n',
    '"x,y","z"',
    "WITH SERDEPROPERTIES ('separatorChar'=',', 'quoteChar'='|')",
  ),
  quoted('a string, b string', 'x\ty\n', '"x","y"', "WITH SERDEPROPERTIES ('separatorChar'='\\t')"),
  json('userId bigint, eventName string', '{"userId":7,"eventName":"open"}\n', '"7","open"'),
  json(
    'id bigint, name string',
    { 'a.json': '{"id":1,"Name":"a"}\n', 'b.json': '{"id":2,"name":"b"}\n' },
    '"1","a"\n"2","b"',
    '',
    'SELECT * FROM t ORDER BY id',
  ),
  json(
    'n bigint',
    { 'report[1].json': '{"n":2}\n', 'report1.json': '{"n":1}\n' },
    '"1"\n"2"',
    '',
    'SELECT n FROM t ORDER BY n',
  ),
  json(
    'n bigint',
    { 'a*.json': '{"n":1}\n', 'a?.json': '{"n":2}\n', 'ab.json': '{"n":3}\n' },
    '"6","3"',
    '',
    'SELECT sum(n), count(*) FROM t',
  ),
  json('a string', '{"a":1}\n{"a":true}\n{"a":"x"}\n', '"1"\n"true"\n"x"'),
  json('a string', '{"a":{"b":1}}\n', '"{""b"":1}"'),
  json('a array<int>', '{"a":[1,2]}\n', '"[1, 2]"'),
  json('a struct<bC:int,d:string>', '{"a":{"bC":1,"D":"x"}}\n', '"{bc=1, d=x}"'),
  json('a map<string,int>', '{"a":{"X":1}}\n', '"{X=1}"'),
  json('a array<struct<userId:int>>', '{"a":[{"userId":1},{"userId":2}]}\n', '"[{userid=1}, {userid=2}]"'),
  json('a int, b int', '{"a":1}\n', '"1",'),
  json('a int', '{"a":null}\n', ''),
  json('a int', '{"a":1,"b":2}\n', '"1"'),
  json('a int', '{"a":"x"}\n', 'ERROR'),
  json('a int', 'nope\n', 'ERROR'),
  json(
    'a int',
    'nope\n{"a":1}\n',
    '"1"',
    "WITH SERDEPROPERTIES ('ignore.malformed.json'='true')",
    'SELECT a FROM t WHERE a IS NOT NULL',
  ),
  json('ts string', '{"Time Stamp":"x"}\n', '"x"', "WITH SERDEPROPERTIES ('mapping.ts'='Time Stamp')"),
  json('a timestamp', '{"a":"2024-01-02 03:04:05"}\n', '"2024-01-02 03:04:05.000"'),
  json('a string', '{"a":"häé \\u00e9"}\n', '"häé é"'),
  json('a double', '{"a":1}\n{"a":1.5}\n', '"1.0"\n"1.5"'),
  json('a boolean', '{"a":true}\n', '"true"'),
  json('a decimal(10,2)', '{"a":1.25}\n', '"1.25"'),
  json(
    'a decimal(20,2)',
    '{"a":1234567890123456.78,"b":"x 1234567890123456.78 \\""}\n{"a":1.005}\n{"a":7}\n{"a":12345678901234567}\n',
    '"1234567890123456.78"\n"1.01"\n"7.00"\n"12345678901234567.00"',
  ),
  json('a array<decimal(20,2)>', '{"a":[1234567890123456.78,1]}\n', '"[1234567890123456.78, 1.00]"'),
  json(
    'a struct<b:decimal(20,10),c:string>',
    '{"a":{"b":1.0123456789012345,"c":"1.0123456789012345"}}\n',
    '"{b=1.0123456789, c=1.0123456789012345}"',
  ),
  json(
    'a string',
    '{"a":1.50}\n{"a":1E2}\n{"a":0.12345678901234567890}\n',
    '"1.50"\n"1E2"\n"0.12345678901234567890"',
  ),
  json('x int', {}, '"0"', '', 'SELECT count(*) FROM t'),
  partitioned(
    'dt string',
    { 'dt=2024-02-29/a': '1\n', 'dt=2024-03-01/a': '2\n' },
    "SELECT x FROM t WHERE dt = CAST(date_add('day', -1, DATE '2024-03-01') AS varchar)",
    '"1"',
  ),
  partitioned('discount string', { 'discount=10%/a': '1\n' }, 'SELECT x, discount FROM t', '"1","10%"'),
  partitioned('d string', { 'd=a%2Fb/a': '1\n' }, 'SELECT x, d FROM t', '"1","a/b"'),
  partitioned('d string', { 'd=ü 1/a': '1\n' }, 'SELECT d FROM t', '"ü 1"'),
  partitioned(
    'y int, m int',
    { 'y=2024/m=1/a': '1\n', 'y=2024/m=12/a': '2\n' },
    'SELECT x, y, m FROM t WHERE m > 1',
    '"2","2024","12"',
  ),
  partitioned(
    'd string',
    { 'd=__HIVE_DEFAULT_PARTITION__/a': '1\n' },
    'SELECT x FROM t WHERE d IS NULL',
    '"1"',
  ),
  partitioned('d date', { 'd=2024-02-29/a': '1\n' }, "SELECT x FROM t WHERE d = DATE '2024-02-29'", '"1"'),
  partitioned(
    'd string',
    { 'd=1/a': '1\n', 'd=2/a': '2\n' },
    'SELECT * FROM "t$partitions" ORDER BY d',
    '"1"\n"2"',
  ),
  partitioned('d string', { 'd=1/a': '1\n' }, 'SELECT count(*) FROM t', '"0"', []),
  partitioned('d string', { 'd=1/a': '1\n', 'd=2/a': '2\n' }, 'SELECT x FROM t', '"2"', [
    'MSCK REPAIR TABLE t',
    "ALTER TABLE t DROP PARTITION (d = '1')",
  ]),
  partitioned('d string', { 'elsewhere/a': '9\n' }, 'SELECT x, d FROM t', '"9","z"', [
    "ALTER TABLE t ADD PARTITION (d = 'z') LOCATION 'LOCATIONelsewhere/'",
  ]),
  partitioned(
    'd string',
    { 'd=1/_SUCCESS': 'x', 'd=1/.hidden': 'x', 'd=1/a': '1\n' },
    'SELECT x FROM t',
    '"1"',
  ),
  partitioned(
    'd string',
    { 'd=1/a': '1\n', 'd=2/a': '2\n', 'd=3/a': '3\n' },
    "SELECT a.x, b.x FROM t a JOIN t b ON a.x < b.x WHERE a.d = '1' AND b.d = '3'",
    '"1","3"',
  ),
  partitioned(
    'd string',
    { 'd=1/a': '1\n', 'd=2/a': '2\n' },
    "SELECT x FROM t WHERE d = '1' UNION ALL SELECT x FROM t ORDER BY 1",
    '"1"\n"1"\n"2"',
  ),
  projected(
    'd string',
    { 'projection.d.type': 'enum', 'projection.d.values': 'a,b' },
    { 'd=a/f': '1\n', 'd=c/f': '2\n' },
    'SELECT x, d FROM t',
    '"1","a"',
  ),
  projected(
    'd int',
    { 'projection.d.type': 'integer', 'projection.d.range': '1,10' },
    { 'd=5/f': '1\n', 'd=50/f': '2\n' },
    'SELECT x, d FROM t',
    '"1","5"',
  ),
  projected(
    'd string',
    { 'projection.d.type': 'integer', 'projection.d.range': '1,10', 'projection.d.digits': '2' },
    { 'd=05/f': '1\n' },
    'SELECT x, d FROM t',
    '"1","05"',
  ),
  projected(
    'd int',
    { 'projection.d.type': 'integer', 'projection.d.range': '0,10', 'projection.d.interval': '5' },
    { 'd=5/f': '1\n', 'd=6/f': '2\n' },
    'SELECT x FROM t',
    '"1"',
  ),
  projected(
    'd string',
    {
      'projection.d.type': 'date',
      'projection.d.range': '2024-01-01,2024-12-31',
      'projection.d.format': 'yyyy-MM-dd',
    },
    { 'd=2024-02-29/f': '1\n', 'd=2023-01-01/f': '2\n' },
    'SELECT x, d FROM t',
    '"1","2024-02-29"',
  ),
  projected(
    'd string',
    {
      'projection.d.type': 'date',
      'projection.d.range': '2024-01-01,NOW',
      'projection.d.format': 'yyyy-MM-dd',
    },
    { 'd=2024-02-29/f': '1\n' },
    "SELECT x FROM t WHERE d = '2024-02-29'",
    '"1"',
  ),
  projected(
    'd string',
    {
      'projection.d.type': 'date',
      'projection.d.range': '2024-01,2024-12',
      'projection.d.format': 'yyyy-MM',
      'projection.d.interval.unit': 'MONTHS',
    },
    { 'd=2024-03/f': '1\n' },
    'SELECT x, d FROM t',
    '"1","2024-03"',
  ),
  projected(
    'd string',
    {
      'projection.d.type': 'date',
      'projection.d.range': '2024/01/01/00,2024/01/02/00',
      'projection.d.format': 'yyyy/MM/dd/HH',
      'projection.d.interval': '1',
      'projection.d.interval.unit': 'HOURS',
      'storage.location.template': 'LOCATION${d}',
    },
    { '2024/01/01/05/f': '1\n' },
    'SELECT x, d FROM t',
    '"1","2024/01/01/05"',
  ),
  projected(
    'd string',
    { 'projection.d.type': 'injected' },
    { 'd=q/f': '1\n', 'd=r/f': '2\n' },
    "SELECT x FROM t WHERE d = 'q'",
    '"1"',
  ),
  projected(
    'd string',
    { 'projection.d.type': 'injected' },
    { 'd=q/f': '1\n' },
    'SELECT x FROM t',
    'ERROR CONSTRAINT_VIOLATION',
  ),
  projected(
    'd string, e int',
    {
      'projection.d.type': 'enum',
      'projection.d.values': 'a,b',
      'projection.e.type': 'integer',
      'projection.e.range': '1,2',
    },
    { 'd=a/e=2/f': '1\n' },
    'SELECT x, d, e FROM t',
    '"1","a","2"',
  ),
  projected(
    'd string',
    { 'projection.d.type': 'nonsense' },
    { 'd=a/f': '1\n' },
    'SELECT x FROM t',
    'ERROR INVALID_TABLE_PROPERTY',
  ),
  {
    kind: 'path',
    source: 'https://docs.aws.amazon.com/athena/latest/ug/querying-finding-file-names.html',
    ddl: csv('a int'),
    files: { 'x/a.csv': '1\n' },
    query: 'SELECT "$path" FROM t',
    answer: '"LOCATIONx/a.csv"',
  },
  {
    kind: 'path',
    source: 'https://docs.aws.amazon.com/athena/latest/ug/tables-location-format.html',
    ddl: "CREATE EXTERNAL TABLE t (a int) LOCATION 'LOCATIONa.csv'",
    files: { 'a.csv': '1\n' },
    query: 'SELECT a FROM t',
    answer: 'ERROR HIVE_',
  },
  {
    kind: 'path',
    source: 'https://docs.aws.amazon.com/athena/latest/ug/unsupported-ddl.html',
    ddl: "CREATE EXTERNAL TABLE t (a int) STORED AS ORC LOCATION 'LOCATION'",
    files: {},
    query: 'SELECT a FROM t',
    answer: 'ERROR',
  },
];
