import { SluiceError } from '../errors';
import { joinFolder } from '../pipelines/location';
import {
  mergePartitions,
  partitionFolder,
  partitionsOf,
  type Catalog,
  type Column,
  type Partition,
  type Table,
} from './catalog';
import { isIceberg } from './iceberg';
import { isSymbol, isWord, nameOf, printSql, quoteText, textOf, type SqlNode } from './sql';
import type { Statement, TableName } from './statement';
import { fromHive, toHive } from './trinoTypes';

/** What a statement about tables has to say: lines of text, whose parts have tabs between them. */
export interface TextResult {
  columns: string[];
  lines: string[];
}

const NOTHING: TextResult = { columns: [], lines: [] };

/**
 * Statements about tables: https://docs.aws.amazon.com/athena/latest/ug/ddl-reference.html
 * @returns null for another statement
 * @throws SluiceError JobFailed
 */
export async function runTableStatement(
  catalog: Catalog,
  statement: Statement,
  signal: AbortSignal,
): Promise<TextResult | null> {
  const take = (...words: string[]) => statement.takeWords(...words);
  if (take('CREATE', 'EXTERNAL', 'TABLE')) return createTable(catalog, statement);
  if (take('CREATE', 'DATABASE') || take('CREATE', 'SCHEMA')) return createDatabase(catalog, statement);
  if (take('DROP', 'DATABASE') || take('DROP', 'SCHEMA')) return dropDatabase(catalog, statement);
  if (take('DROP', 'TABLE')) return dropTable(catalog, statement, false);
  if (take('DROP', 'VIEW')) return dropTable(catalog, statement, true);
  if (take('MSCK', 'REPAIR', 'TABLE')) return repairTable(catalog, statement, signal);
  if (take('ALTER', 'TABLE')) return alterTable(catalog, statement);
  if (take('ALTER', 'DATABASE') || take('ALTER', 'SCHEMA')) return NOTHING;
  if (take('SHOW')) return show(catalog, statement);
  if (take('DESCRIBE') || take('DESC')) return describe(catalog, statement);
  return null;
}

// -- Creating ------------------------------------------------------------------------------------------------------------

const SERDES = {
  csv: 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe',
  opencsv: 'org.apache.hadoop.hive.serde2.OpenCSVSerde',
  json: 'org.openx.data.jsonserde.JsonSerDe',
  parquet: 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe',
} as const;
const TEXT_IO = [
  'org.apache.hadoop.mapred.TextInputFormat',
  'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat',
];
const PARQUET_IO = [
  'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat',
  'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat',
];

/** The classes that Glue names for a format. */
export function classesOf(format: Table['format']): { serde: string; input: string; output: string } {
  const [input, output] = format === 'parquet' ? PARQUET_IO : TEXT_IO;
  return { serde: SERDES[format], input: input!, output: output! };
}

/** @throws SluiceError JobFailed for one without a local reader */
export function formatOf(serde: string): Table['format'] {
  if (/OpenCSV/i.test(serde)) return 'opencsv';
  if (/JsonSerDe/i.test(serde)) return 'json';
  if (/parquet/i.test(serde)) return 'parquet';
  if (/LazySimple/.test(serde)) return 'csv';
  throw new SluiceError(
    'JobFailed',
    `NOT_SUPPORTED: ${serde}: local Athena has no reader for it; it reads Parquet, JSON, LazySimpleSerDe and OpenCSVSerde`,
  );
}

/** `\t`, `\001` and `\u0001` as the characters that Hive takes them for. */
function unescape(text: string): string {
  return text
    .replace(/\\u([0-9a-fA-F]{4})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
    .replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)))
    .replace(/\\(.)/g, (_, letter: string) => ({ t: '\t', n: '\n', r: '\r' })[letter] ?? letter);
}

async function createTable(catalog: Catalog, statement: Statement): Promise<TextResult> {
  const ifNotExists = statement.takeWords('IF', 'NOT', 'EXISTS');
  const table: Table = {
    ...statement.takeTable(),
    format: 'csv',
    location: '',
    columns: [],
    partitionKeys: [],
    partitions: [],
    serde: {},
    properties: {},
  };
  table.columns = parseColumns(statement.takeList());
  const delimiter = (key: string) => (table.serde[key] = unescape(statement.takeText()));
  const take = (...words: string[]) => statement.takeWords(...words);
  while (statement.next) {
    if (take('PARTITIONED', 'BY')) table.partitionKeys = parseColumns(statement.takeList());
    else if (take('CLUSTERED', 'BY')) {
      statement.takeList();
      if (!take('INTO') || !statement.take() || !take('BUCKETS')) statement.fail();
    } else if (take('ROW', 'FORMAT', 'SERDE')) table.format = formatOf(statement.takeText());
    else if (take('WITH', 'SERDEPROPERTIES'))
      for (const [key, value] of Object.entries(statement.takeProperties()))
        table.serde[key] =
          value.length > 1 && key !== 'paths' && !key.startsWith('mapping') ? unescape(value) : value;
    else if (take('ROW', 'FORMAT', 'DELIMITED')) continue;
    else if (take('FIELDS', 'TERMINATED', 'BY')) delimiter('field.delim');
    else if (take('ESCAPED', 'BY')) delimiter('escape.delim');
    else if (take('COLLECTION', 'ITEMS', 'TERMINATED', 'BY')) delimiter('collection.delim');
    else if (take('MAP', 'KEYS', 'TERMINATED', 'BY')) delimiter('mapkey.delim');
    else if (take('LINES', 'TERMINATED', 'BY')) delimiter('line.delim');
    else if (take('NULL', 'DEFINED', 'AS')) table.serde['serialization.null.format'] = statement.takeText();
    else if (take('STORED', 'AS', 'INPUTFORMAT') || take('OUTPUTFORMAT')) {
      if (/parquet/i.test(statement.takeText())) table.format = 'parquet';
    } else if (take('STORED', 'AS')) storedAs(table, statement);
    else if (take('LOCATION')) table.location = joinFolder(statement.takeText());
    else if (take('COMMENT')) table.comment = statement.takeText();
    else if (take('TBLPROPERTIES')) table.properties = statement.takeProperties();
    else statement.fail();
  }
  if (isIceberg(table))
    throw new SluiceError(
      'JobFailed',
      'SYNTAX_ERROR: an Iceberg table is no external one; use CREATE TABLE, without EXTERNAL and a SerDe',
    );
  if (table.location === '')
    throw new SluiceError('JobFailed', `SYNTAX_ERROR: ${table.name}: the statement has no LOCATION`);
  await addTable(catalog, table, ifNotExists);
  return NOTHING;
}

function storedAs(table: Table, statement: Statement): void {
  const format = statement.takeName();
  if (format === 'parquet') table.format = 'parquet';
  else if (format === 'jsonfile' || format === 'json') table.format = 'json';
  else if (format !== 'textfile')
    throw new SluiceError(
      'JobFailed',
      `NOT_SUPPORTED: STORED AS ${format.toUpperCase()}: local Athena has no reader for it; it reads PARQUET and TEXTFILE`,
    );
}

export async function addTable(catalog: Catalog, table: Table, ifNotExists: boolean): Promise<void> {
  for (const column of [...table.columns, ...table.partitionKeys])
    if (fromHive(column.type) === null)
      throw new SluiceError(
        'JobFailed',
        `SYNTAX_ERROR: ${column.name}: ${column.type} is no column type of Athena's`,
      );
  if ((await catalog.getTable(table.database, table.name)) === null) await catalog.putTable(table);
  else if (!ifNotExists)
    throw new SluiceError(
      'JobFailed',
      `AlreadyExistsException: Table ${table.database}.${table.name} exists already; add IF NOT EXISTS`,
    );
}

/** `name type [COMMENT 'text']`. */
export function parseColumns(parts: readonly SqlNode[][]): Column[] {
  return parts.map(([name, ...rest]) => {
    const at = rest.findIndex((node) => isWord(node, 'COMMENT'));
    const comment = at === -1 ? null : textOf(rest[at + 1]);
    const type = printSql(at === -1 ? rest : rest.slice(0, at))
      .replace(/\s+/g, '')
      .toLowerCase();
    const trino = fromHive(type);
    return {
      name: (nameOf(name) ?? textOf(name) ?? '').toLowerCase(),
      type: trino === null ? type : toHive(trino),
      ...(comment === null ? {} : { comment }),
    };
  });
}

async function createDatabase(catalog: Catalog, statement: Statement): Promise<TextResult> {
  const ifNotExists = statement.takeWords('IF', 'NOT', 'EXISTS');
  const name = statement.takeName();
  if (!ifNotExists && (await catalog.listDatabases()).includes(name))
    throw new SluiceError(
      'JobFailed',
      `AlreadyExistsException: Database ${name} exists already; add IF NOT EXISTS`,
    );
  await catalog.putDatabase(name);
  return NOTHING;
}

async function dropDatabase(catalog: Catalog, statement: Statement): Promise<TextResult> {
  const ifExists = statement.takeWords('IF', 'EXISTS');
  const name = statement.takeName();
  const cascade = statement.takeWords('CASCADE');
  const tables = (await catalog.listTables()).filter(({ database }) => database === name);
  if (!ifExists && !(await catalog.listDatabases()).includes(name))
    throw new SluiceError('JobFailed', `EntityNotFoundException: Database ${name} not found`);
  if (tables.length > 0 && !cascade)
    throw new SluiceError(
      'JobFailed',
      `InvalidOperationException: Database ${name} is not empty; it has ${tables.length} tables; add CASCADE`,
    );
  for (const table of tables) await catalog.removeTable(name, table.name);
  await catalog.removeDatabase(name);
  return NOTHING;
}

async function dropTable(catalog: Catalog, statement: Statement, isView: boolean): Promise<TextResult> {
  const ifExists = statement.takeWords('IF', 'EXISTS');
  const { database, name } = statement.takeTable();
  const table = ifExists
    ? await catalog.getTable(database, name)
    : await findTable(catalog, { database, name });
  if (table !== null && (table.view !== undefined) !== isView)
    throw new SluiceError(
      'JobFailed',
      `${database}.${name} is a ${isView ? 'table' : 'view'}; use DROP ${isView ? 'TABLE' : 'VIEW'}`,
    );
  // https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-managing-tables.html
  if (table !== null && isIceberg(table)) await catalog.removeFolder(table.location);
  await catalog.removeTable(database, name);
  return NOTHING;
}

// -- Partitions ----------------------------------------------------------------------------------------------------------

/** Adds the partitions whose folders are there, as Athena does: one that is gone stays. */
async function repairTable(catalog: Catalog, statement: Statement, signal: AbortSignal): Promise<TextResult> {
  const table = await findTable(catalog, statement.takeTable());
  const files = await catalog.listFiles(table.location, signal);
  const { partitionKeys, partitions } = partitionsOf(table.location, files);
  const keys = table.partitionKeys.map((key) => key.name).join(', ');
  const found = partitionKeys.map((key) => key.name).join(', ');
  if (files.length > 0 && keys !== found)
    throw new SluiceError(
      'JobFailed',
      `${table.location} has the partition folders (${found}), and the table ${table.name} has the keys (${keys})`,
    );
  const known = new Set(table.partitions.map(({ values }) => values.join('/')));
  const added = partitions.filter(({ values }) => !known.has(values.join('/')));
  await catalog.putTable({ ...table, partitions: mergePartitions(table.partitions, partitions) });
  const names = added.map(({ values }) => `${table.name}:${partitionFolder(table.partitionKeys, values)}`);
  return {
    columns: ['result'],
    lines:
      names.length === 0
        ? []
        : [
            `Partitions not in metastore:\t${names.join('\t')}`,
            ...names.map((name) => `Repair: Added partition to metastore ${name}`),
          ],
  };
}

/** https://docs.aws.amazon.com/athena/latest/ug/alter-table-add-partition.html and the pages beside it. */
async function alterTable(catalog: Catalog, statement: Statement): Promise<TextResult> {
  const table = await findTable(catalog, statement.takeTable());
  if (isIceberg(table))
    throw new SluiceError(
      'JobFailed',
      `NOT_SUPPORTED: local Athena does not know ALTER TABLE of an Iceberg table; create ${table.name} anew`,
    );
  const take = (...words: string[]) => statement.takeWords(...words);
  const same = (values: readonly string[]) => (partition: Partition) =>
    partition.values.join('/') === values.join('/');
  const find = (values: readonly string[]) => {
    const partition = table.partitions.find(same(values));
    if (!partition)
      throw new SluiceError(
        'JobFailed',
        `${table.name}: there is no partition ${partitionFolder(table.partitionKeys, values)}`,
      );
    return partition;
  };
  if (take('ADD', 'COLUMNS')) {
    table.columns.push(...parseColumns(statement.takeList()));
  } else if (take('REPLACE', 'COLUMNS')) {
    table.columns = parseColumns(statement.takeList());
  } else if (take('CHANGE', 'COLUMN') || take('CHANGE')) {
    const old = statement.takeName();
    const at = table.columns.findIndex(({ name }) => name === old);
    if (at === -1) throw new SluiceError('JobFailed', `${table.name}: there is no column ${old}`);
    const [column] = parseColumns([[...statementNodes(statement)]]);
    table.columns[at] = column!;
  } else if (take('SET', 'LOCATION')) {
    table.location = joinFolder(statement.takeText());
  } else if (take('SET', 'TBLPROPERTIES')) {
    Object.assign(table.properties, statement.takeProperties());
  } else if (take('ADD')) {
    const ifNotExists = take('IF', 'NOT', 'EXISTS');
    while (statement.next) {
      const values = takePartition(statement, table);
      const location = take('LOCATION')
        ? joinFolder(statement.takeText())
        : joinFolder(table.location, partitionFolder(table.partitionKeys, values));
      const exists = table.partitions.some(same(values));
      if (exists && !ifNotExists)
        throw new SluiceError(
          'JobFailed',
          `AlreadyExistsException: ${table.name}: the partition ${values.join('/')} exists; add IF NOT EXISTS`,
        );
      if (!exists) table.partitions.push({ values, location });
    }
  } else if (take('DROP')) {
    const ifExists = take('IF', 'EXISTS');
    do {
      const values = takePartition(statement, table);
      if (!ifExists) find(values);
      table.partitions = table.partitions.filter((partition) => !same(values)(partition));
      if (isSymbol(statement.next, ',')) statement.take();
    } while (statement.next);
  } else if (isWord(statement.next, 'PARTITION')) {
    const partition = find(takePartition(statement, table));
    if (take('RENAME', 'TO')) partition.values = takePartition(statement, table);
    else if (take('SET', 'LOCATION')) partition.location = joinFolder(statement.takeText());
    else statement.fail();
  } else statement.fail();
  statement.end();
  await catalog.putTable(table);
  return NOTHING;
}

function* statementNodes(statement: Statement): Generator<SqlNode> {
  while (statement.next) yield statement.take()!;
}

function takePartition(statement: Statement, { partitionKeys, name }: Table): string[] {
  if (!statement.takeWords('PARTITION')) statement.fail();
  const given = new Map(
    statement
      .takeList()
      .map(([key, , ...value]) => [nameOf(key)?.toLowerCase(), textOf(value[0]) ?? printSql(value).trim()]),
  );
  return partitionKeys.map((key) => {
    const value = given.get(key.name);
    if (value === undefined)
      throw new SluiceError('JobFailed', `${name}: PARTITION (…) lacks the key ${key.name}`);
    return value;
  });
}

// -- Looking -------------------------------------------------------------------------------------------------------------

/** https://docs.aws.amazon.com/athena/latest/ug/show-tables.html and the pages beside it. */
async function show(catalog: Catalog, statement: Statement): Promise<TextResult> {
  const take = (...words: string[]) => statement.takeWords(...words);
  const one = (column: string, lines: string[]): TextResult => {
    statement.end();
    return { columns: [column], lines };
  };
  const matching = (names: string[]) => {
    take('LIKE');
    if (textOf(statement.next) === null) return names;
    // `*` and `|` alone have a meaning.
    const text = statement.takeText();
    const pattern = new RegExp(`^(${text.replace(/[.+?^${}()[\]\\]/g, '\\$&').replaceAll('*', '.*')})$`, 'i');
    return names.filter((name) => pattern.test(name));
  };
  if (take('DATABASES') || take('SCHEMAS'))
    return one('database_name', matching(await catalog.listDatabases()));
  if (isWord(statement.next, 'TABLES', 'VIEWS')) {
    const views = isWord(statement.take(), 'VIEWS');
    const database = take('IN') || take('FROM') ? statement.takeName() : statement.database.toLowerCase();
    const tables = (await catalog.listTables()).filter(
      (table) => table.database === database && (!views || table.view !== undefined),
    );
    return one(views ? 'views' : 'tab_name', matching(tables.map(({ name }) => name).sort()));
  }
  if (take('PARTITIONS')) {
    const table = await findTable(catalog, statement.takeTable());
    if (table.partitionKeys.length === 0)
      throw new SluiceError('JobFailed', `Table ${table.database}.${table.name} is not a partitioned table`);
    return one(
      'partition',
      table.partitions.map(({ values }) => partitionFolder(table.partitionKeys, values)).sort(),
    );
  }
  if (take('COLUMNS')) {
    if (!take('IN') && !take('FROM')) statement.fail();
    const { database, name } = statement.takeTable();
    const table = await findTable(catalog, {
      name,
      database: take('IN') || take('FROM') ? statement.takeName() : database,
    });
    return one(
      'field',
      [...table.columns, ...table.partitionKeys].map((column) => column.name.padEnd(20)),
    );
  }
  if (take('TBLPROPERTIES')) {
    const table = await findTable(catalog, statement.takeTable());
    const properties = Object.entries({ EXTERNAL: 'TRUE', ...table.properties });
    if (!statement.next)
      return {
        columns: ['prpt_name', 'prpt_value'],
        lines: properties.map(([key, value]) => `${key}\t${value}`),
      };
    const [[wanted]] = statement.takeList() as [[SqlNode]];
    return one(
      'prpt_value',
      properties.flatMap(([key, value]) => (key === textOf(wanted) ? [value] : [])),
    );
  }
  if (take('CREATE', 'TABLE')) {
    const table = await findTable(catalog, statement.takeTable());
    if (table.view !== undefined)
      throw new SluiceError('JobFailed', `${table.name} is a view; use SHOW CREATE VIEW`);
    return one('createtab_stmt', printCreate(table));
  }
  if (take('CREATE', 'VIEW')) {
    const table = await findTable(catalog, statement.takeTable());
    if (table.view === undefined)
      throw new SluiceError('JobFailed', `${table.name} is a table; use SHOW CREATE TABLE`);
    return one('create view', [`CREATE VIEW ${table.database}.${table.name} AS`, ...table.view.split('\n')]);
  }
  return statement.fail();
}

function printCreate(table: Table): string[] {
  if (isIceberg(table)) return printCreateIceberg(table);
  const { serde, input, output } = classesOf(table.format);
  const columns = (list: readonly Column[], end: string) =>
    list.map(
      ({ name, type, comment }, i) =>
        `  \`${name}\` ${type}${comment === undefined ? '' : ` COMMENT ${quoteText(comment)}`}${i < list.length - 1 ? ', ' : end}`,
    );
  const properties = (all: Record<string, string>, end: string) =>
    Object.entries(all).map(
      ([key, value], i, list) =>
        `  ${quoteText(key)}=${quoteText(escapeControl(value))}${i < list.length - 1 ? ', ' : end}`,
    );
  return [
    `CREATE EXTERNAL TABLE \`${table.database}.${table.name}\`(`,
    ...columns(table.columns, ')'),
    ...(table.comment === undefined ? [] : ['COMMENT', `  ${quoteText(table.comment)}`]),
    ...(table.partitionKeys.length === 0 ? [] : ['PARTITIONED BY ( ', ...columns(table.partitionKeys, ')')]),
    'ROW FORMAT SERDE ',
    `  ${quoteText(serde)} `,
    ...(Object.keys(table.serde).length === 0
      ? []
      : ['WITH SERDEPROPERTIES ( ', ...properties(table.serde, ') ')]),
    'STORED AS INPUTFORMAT ',
    `  ${quoteText(input)} `,
    'OUTPUTFORMAT ',
    `  ${quoteText(output)}`,
    'LOCATION',
    `  ${quoteText(table.location.replace(/\/$/, ''))}`,
    ...(Object.keys(table.properties).length === 0
      ? []
      : ['TBLPROPERTIES (', ...properties(table.properties, ')')]),
  ];
}

function printCreateIceberg({ database, name, columns, location }: Table): string[] {
  return [
    `CREATE TABLE ${database}.${name} (`,
    ...columns.map((column, i) => `  ${column.name} ${column.type}${i < columns.length - 1 ? ',' : ')'}`),
    `LOCATION ${quoteText(location.replace(/\/$/, ''))}`,
    'TBLPROPERTIES (',
    "  'table_type'='iceberg'",
    ');',
  ];
}

function escapeControl(text: string): string {
  return text
    .replaceAll('\t', '\\t')
    .replace(
      /[\u0000-\u001f]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
}

/** https://docs.aws.amazon.com/athena/latest/ug/describe-table.html */
async function describe(catalog: Catalog, statement: Statement): Promise<TextResult> {
  const isLong = statement.takeWords('EXTENDED') || statement.takeWords('FORMATTED');
  statement.takeWords('TABLE');
  const table = await findTable(catalog, statement.takeTable());
  if (isLong)
    throw new SluiceError(
      'JobFailed',
      'NOT_SUPPORTED: local Athena does not know DESCRIBE EXTENDED and FORMATTED; DESCRIBE and SHOW CREATE TABLE have the same',
    );
  if (statement.next) statement.fail();
  const line = (...texts: string[]) => texts.map((text) => text.padEnd(20)).join('\t');
  const lines = (columns: readonly Column[]) =>
    columns.map(({ name, type, comment = '' }) => line(name, type, comment));
  const keys =
    table.partitionKeys.length === 0
      ? []
      : [
          '\t \t ',
          line('# Partition Information', '', ''),
          line('# col_name', 'data_type', 'comment'),
          '\t \t ',
          ...lines(table.partitionKeys),
        ];
  return {
    columns: ['col_name', 'data_type', 'comment'],
    lines: [...lines([...table.columns, ...table.partitionKeys]), ...keys],
  };
}

export async function findTable(catalog: Catalog, { database, name }: TableName): Promise<Table> {
  const table = await catalog.getTable(database, name);
  if (table !== null) return table;
  throw new SluiceError('JobFailed', `EntityNotFoundException: Table not found: ${database}.${name}`);
}
