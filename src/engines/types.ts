import { SluiceError } from '../errors';
import {
  isParenthesis,
  isSymbol,
  isWord,
  nameOf,
  parseSql,
  printSql,
  quoteName,
  quoteText,
  splitAtCommas,
  type SqlNode,
} from './sql';

/** A type in DuckDB's notation, taken apart. */
type Type =
  | { kind: 'scalar'; name: string }
  | { kind: 'list'; of: Type }
  | { kind: 'map'; key: Type; value: Type }
  | { kind: 'struct'; fields: { name: string; type: Type }[] };

function parseType(nodes: readonly SqlNode[]): Type {
  const last = nodes.at(-1);
  if (last?.kind === 'group' && last.open === '[') return { kind: 'list', of: parseType(nodes.slice(0, -1)) };
  const group = nodes[1];
  if (isParenthesis(group) && isWord(nodes[0], 'STRUCT')) {
    const fields = splitAtCommas(group.nodes).map(([name, ...type]) => ({
      name: nameOf(name) ?? '',
      type: parseType(type),
    }));
    return { kind: 'struct', fields };
  }
  if (isParenthesis(group) && isWord(nodes[0], 'MAP')) {
    const [key, value] = splitAtCommas(group.nodes);
    return { kind: 'map', key: parseType(key ?? []), value: parseType(value ?? []) };
  }
  return { kind: 'scalar', name: printSql(nodes).trim() };
}

/**
 * The SQL that turns a value into the text that Athena's result files have for it: `[a, b]` for an array, `{a=1, b=null}`
 * for a row or map, three decimals of a second, the zone's name, `1.0E7`. It needs the macros of `TRINO_SESSION`.
 */
export function toAthenaText(type: string, value: string): string {
  return formatValue(parseType(parseSql(type)), value, 0);
}

function formatValue(type: Type, value: string, depth: number): string {
  const element = `e${depth}`;
  const orNull = (inner: Type, of: string) => `coalesce(${formatValue(inner, of, depth + 1)}, 'null')`;
  const joined = (list: string, open: string, close: string, item: string) =>
    `'${open}' || array_to_string(list_transform(${list}, lambda ${element}: ${item}), ', ') || '${close}'`;
  switch (type.kind) {
    case 'list':
      return joined(value, '[', ']', orNull(type.of, element));
    case 'map':
      return joined(
        `map_entries(${value})`,
        '{',
        '}',
        `${orNull(type.key, `${element}.key`)} || '=' || ${orNull(type.value, `${element}.value`)}`,
      );
    case 'struct': {
      const fields = type.fields.map(
        ({ name, type: inner }) =>
          `${quoteText(`${name}=`)} || ${orNull(inner, `struct_extract(${value}, ${quoteText(name)})`)}`,
      );
      return `CASE WHEN ${value} IS NOT NULL THEN '{' || ${fields.join(` || ', ' || `)} || '}' END`;
    }
    case 'scalar':
      if (/^TIMESTAMP( WITH TIME ZONE|TZ)$/.test(type.name))
        return `strftime(${value}, '%Y-%m-%d %H:%M:%S.%g UTC')`;
      if (type.name.startsWith('TIMESTAMP'))
        return `strftime(CAST(${value} AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%g')`;
      if (type.name === 'DOUBLE' || type.name === 'FLOAT') return `trino_double(${value})`;
      if (type.name === 'BLOB') return `lower(hex(${value}))`;
      return `CAST(${value} AS VARCHAR)`;
  }
}

/**
 * The column type of a table over text: what DuckDB takes for a date or time in JSON stays the text that it is, as a Glue
 * crawler leaves it, and integers past 64 bits become decimals.
 */
export function toTextTableType(inferred: string): string {
  return inferred
    .replace(/\b(DATE|TIME|TIMESTAMP\w*( WITH TIME ZONE)?|UUID|JSON|INTERVAL)(?=[,)[]|$)/g, 'VARCHAR')
    .replace(/\b(HUGEINT|UHUGEINT|UBIGINT)(?=[,)[]|$)/g, 'DECIMAL(38,0)');
}

const HIVE_SCALARS: Record<string, string> = {
  string: 'VARCHAR',
  varchar: 'VARCHAR',
  char: 'VARCHAR',
  boolean: 'BOOLEAN',
  tinyint: 'TINYINT',
  smallint: 'SMALLINT',
  int: 'INTEGER',
  integer: 'INTEGER',
  bigint: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  decimal: 'DECIMAL',
  date: 'DATE',
  timestamp: 'TIMESTAMP',
  binary: 'BLOB',
};

/**
 * A column type of Athena's DDL in DuckDB's notation, e.g. `array<struct<a:string>>`.
 * https://docs.aws.amazon.com/athena/latest/ug/data-types.html
 * @throws SluiceError JobFailed for a type that is unknown
 */
export function fromHiveType(nodes: readonly SqlNode[]): string {
  const [first, open] = nodes;
  const name = nameOf(first)?.toLowerCase() ?? '';
  const inner = isSymbol(open, '<') && isSymbol(nodes.at(-1), '>') ? nodes.slice(2, -1) : null;
  if (inner && name === 'array') return `${fromHiveType(inner)}[]`;
  if (inner && name === 'map') {
    const [key, value] = splitAtCommas(inner, true);
    return `MAP(${fromHiveType(key ?? [])}, ${fromHiveType(value ?? [])})`;
  }
  if (inner && name === 'struct') {
    const fields = splitAtCommas(inner, true).map(
      ([field, , ...type]) => `${quoteName(nameOf(field) ?? '')} ${fromHiveType(type)}`,
    );
    return `STRUCT(${fields.join(', ')})`;
  }
  const scalar = HIVE_SCALARS[name];
  if (scalar !== undefined && nodes.length === 1) return scalar;
  if (scalar !== undefined && isParenthesis(open) && nodes.length === 2)
    return scalar === 'DECIMAL' ? `DECIMAL${printSql([{ ...open, space: false }])}` : scalar;
  throw new SluiceError('JobFailed', `${printSql(nodes).trim()}: no column type of Athena's`);
}
