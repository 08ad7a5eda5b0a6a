import { SluiceError } from '../errors';
import { joinFolder } from '../pipelines/location';
import { splitStatements } from '../duckdb/tokens';
import { mergePartitions, partitionsOf, type Catalog, type Column, type Table } from './catalog';
import {
  isParenthesis,
  isSymbol,
  isWord,
  nameOf,
  parseSql,
  printSql,
  splitAtCommas,
  textOf,
  type SqlNode,
} from './sql';
import { fromHiveType } from './types';

/**
 * Statements about tables, in the forms that pipelines use: CREATE EXTERNAL TABLE, DROP TABLE, MSCK REPAIR TABLE,
 * ALTER TABLE … ADD or DROP PARTITION, CREATE DATABASE.
 * https://docs.aws.amazon.com/athena/latest/ug/ddl-reference.html
 * @returns whether it was one of these
 * @throws SluiceError JobFailed
 */
export async function runTableStatement(
  catalog: Catalog,
  sql: string,
  database: string,
  signal: AbortSignal,
): Promise<boolean> {
  const statement = new Statement(parseSql(splitStatements(sql)[0] ?? ''), database);
  if (statement.takeWords('CREATE', 'EXTERNAL', 'TABLE')) await createTable(catalog, statement);
  else if (statement.takeWords('DROP', 'TABLE')) await dropTable(catalog, statement);
  else if (statement.takeWords('MSCK', 'REPAIR', 'TABLE')) await repairTable(catalog, statement, signal);
  else if (statement.takeWords('ALTER', 'TABLE')) await alterTable(catalog, statement);
  else return statement.takeWords('CREATE', 'DATABASE') || statement.takeWords('CREATE', 'SCHEMA');
  return true;
}

/** What is left of a statement. */
class Statement {
  constructor(
    private nodes: readonly SqlNode[],
    private readonly database: string,
  ) {}

  get next(): SqlNode | undefined {
    return this.nodes[0];
  }

  take(): SqlNode | undefined {
    const [first, ...rest] = this.nodes;
    this.nodes = rest;
    return first;
  }

  takeWords(...words: string[]): boolean {
    if (!words.every((word, i) => isWord(this.nodes[i], word))) return false;
    this.nodes = this.nodes.slice(words.length);
    return true;
  }

  /** `table` or `database.table`. */
  takeTable(): { database: string; name: string } {
    const parts = [this.takeName()];
    while (isSymbol(this.next, '.')) {
      this.take();
      parts.push(this.takeName());
    }
    const name = parts.pop()!;
    return { database: parts.pop() ?? this.database.toLowerCase(), name };
  }

  takeText(): string {
    return textOf(this.next) === null ? this.fail() : textOf(this.take())!;
  }

  takeList(): SqlNode[][] {
    const group = this.take();
    return isParenthesis(group) ? splitAtCommas(group.nodes, true) : this.fail();
  }

  fail(): never {
    const rest = printSql(this.nodes).trim();
    throw new SluiceError(
      'JobFailed',
      `The local catalog does not understand the statement at "${rest.slice(0, 80)}"; docs/local-mode.md has the forms that it takes`,
    );
  }

  private takeName(): string {
    return nameOf(this.next) === null ? this.fail() : nameOf(this.take())!.toLowerCase();
  }
}

async function createTable(catalog: Catalog, statement: Statement): Promise<void> {
  const ifNotExists = statement.takeWords('IF', 'NOT', 'EXISTS');
  const table: Table = {
    ...statement.takeTable(),
    format: 'csv',
    location: '',
    columns: parseColumns(statement.takeList()),
    partitionKeys: [],
    partitions: [],
    csv: { delimiter: '\u0001', skipLines: 0 },
  };
  const csv = table.csv!;
  while (statement.next) {
    if (statement.takeWords('PARTITIONED', 'BY')) table.partitionKeys = parseColumns(statement.takeList());
    else if (statement.takeWords('ROW', 'FORMAT', 'SERDE')) {
      const serde = statement.takeText();
      if (/json/i.test(serde)) table.format = 'json';
      else if (/parquet/i.test(serde)) table.format = 'parquet';
      else if (/OpenCSV/i.test(serde)) csv.delimiter = ',';
      else if (!/LazySimple/.test(serde))
        throw new SluiceError('JobFailed', `${serde}: no local reader for it`);
    } else if (statement.takeWords('WITH', 'SERDEPROPERTIES')) {
      const properties = parseProperties(statement.takeList());
      csv.delimiter = properties['separatorChar'] ?? properties['field.delim'] ?? csv.delimiter;
    } else if (statement.takeWords('FIELDS', 'TERMINATED', 'BY')) csv.delimiter = statement.takeText();
    else if (statement.takeWords('ROW', 'FORMAT', 'DELIMITED')) continue;
    else if (statement.takeWords('ESCAPED', 'BY') || statement.takeWords('LINES', 'TERMINATED', 'BY'))
      statement.takeText();
    else if (statement.takeWords('STORED', 'AS', 'PARQUET')) table.format = 'parquet';
    else if (statement.takeWords('STORED', 'AS', 'TEXTFILE')) continue;
    else if (statement.takeWords('STORED', 'AS', 'INPUTFORMAT') || statement.takeWords('OUTPUTFORMAT')) {
      if (/parquet/i.test(statement.takeText())) table.format = 'parquet';
    } else if (statement.takeWords('LOCATION')) table.location = joinFolder(statement.takeText());
    else if (statement.takeWords('COMMENT')) statement.takeText();
    else if (statement.takeWords('TBLPROPERTIES'))
      csv.skipLines = Number(parseProperties(statement.takeList())['skip.header.line.count'] ?? 0);
    else statement.fail();
  }
  if (table.location === '')
    throw new SluiceError('JobFailed', `${table.name}: the statement has no LOCATION`);
  csv.delimiter = csv.delimiter.replace('\\t', '\t');
  if (table.format !== 'csv') delete table.csv;
  if ((await catalog.getTable(table.database, table.name)) === null) await catalog.putTable(table);
  else if (!ifNotExists)
    throw new SluiceError(
      'JobFailed',
      `Table ${table.database}.${table.name} exists already; add IF NOT EXISTS`,
    );
}

/** `name type [COMMENT 'text']`. */
function parseColumns(parts: readonly SqlNode[][]): Column[] {
  return parts.map(([name, ...rest]) => {
    const comment = rest.findIndex((node) => isWord(node, 'COMMENT'));
    const type = comment === -1 ? rest : rest.slice(0, comment);
    return { name: (nameOf(name) ?? '').toLowerCase(), type: fromHiveType(type) };
  });
}

function parseProperties(parts: readonly SqlNode[][]): Record<string, string> {
  return Object.fromEntries(parts.map(([key, , value]) => [textOf(key) ?? '', textOf(value) ?? '']));
}

async function dropTable(catalog: Catalog, statement: Statement): Promise<void> {
  const ifExists = statement.takeWords('IF', 'EXISTS');
  const { database, name } = statement.takeTable();
  if (!ifExists) await findTable(catalog, database, name);
  await catalog.removeTable(database, name);
}

/** Adds the partitions whose folders are there, as Athena does: one that is gone stays. */
async function repairTable(catalog: Catalog, statement: Statement, signal: AbortSignal): Promise<void> {
  const { database, name } = statement.takeTable();
  const table = await findTable(catalog, database, name);
  const files = await catalog.listFiles(table.location, signal);
  const { partitionKeys, partitions } = partitionsOf(table.location, files);
  const keys = table.partitionKeys.map((key) => key.name).join(', ');
  const found = partitionKeys.map((key) => key.name).join(', ');
  if (files.length > 0 && keys !== found)
    throw new SluiceError(
      'JobFailed',
      `${table.location} has the partition folders (${found}), and the table ${name} has the keys (${keys})`,
    );
  await catalog.putTable({ ...table, partitions: mergePartitions(table.partitions, partitions) });
}

/** `ADD [IF NOT EXISTS] PARTITION (key = 'value', …) [LOCATION 'uri'] …` and `DROP [IF EXISTS] PARTITION (…)`. */
async function alterTable(catalog: Catalog, statement: Statement): Promise<void> {
  const { database, name } = statement.takeTable();
  const table = await findTable(catalog, database, name);
  const same = (a: readonly string[], b: readonly string[]) => a.join('/') === b.join('/');
  let { partitions } = table;
  if (statement.takeWords('ADD')) {
    const ifNotExists = statement.takeWords('IF', 'NOT', 'EXISTS');
    while (statement.next) {
      const values = takePartition(statement, table);
      const folder = table.partitionKeys.map((key, i) => `${key.name}=${encodeURIComponent(values[i]!)}`);
      const location = statement.takeWords('LOCATION')
        ? joinFolder(statement.takeText())
        : joinFolder(table.location, ...folder);
      const exists = partitions.some((partition) => same(partition.values, values));
      if (exists && !ifNotExists)
        throw new SluiceError(
          'JobFailed',
          `${name}: the partition ${values.join('/')} exists; add IF NOT EXISTS`,
        );
      if (!exists) partitions = [...partitions, { values, location }];
    }
  } else if (statement.takeWords('DROP')) {
    statement.takeWords('IF', 'EXISTS');
    const values = takePartition(statement, table);
    partitions = partitions.filter((partition) => !same(partition.values, values));
  } else statement.fail();
  await catalog.putTable({ ...table, partitions });
}

function takePartition(statement: Statement, { partitionKeys, name }: Table): string[] {
  if (!statement.takeWords('PARTITION')) statement.fail();
  const given = new Map(
    statement
      .takeList()
      .map(([key, , value]) => [
        nameOf(key)?.toLowerCase(),
        textOf(value) ?? (value ? printSql([value]).trim() : ''),
      ]),
  );
  return partitionKeys.map(
    (key) =>
      given.get(key.name) ??
      (() => {
        throw new SluiceError('JobFailed', `${name}: PARTITION (…) lacks the key ${key.name}`);
      })(),
  );
}

async function findTable(catalog: Catalog, database: string, name: string): Promise<Table> {
  const table = await catalog.getTable(database, name);
  if (table !== null) return table;
  throw new SluiceError('JobFailed', `Table not found: ${database}.${name}`);
}
