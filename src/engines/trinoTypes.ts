import { quoteName, quoteText } from './sql';

/** The scalar types of Trino's that local Athena knows. https://trino.io/docs/current/language/types.html */
export type ScalarName =
  | 'unknown'
  | 'boolean'
  | 'tinyint'
  | 'smallint'
  | 'integer'
  | 'bigint'
  | 'real'
  | 'double'
  | 'decimal'
  | 'varchar'
  | 'char'
  | 'varbinary'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
  | 'interval_day'
  | 'interval_month'
  | 'json'
  | 'uuid';

export interface ScalarType {
  kind: 'scalar';
  name: ScalarName;
  /** Of a decimal: its digits. Of a timestamp: the digits of a second. */
  precision?: number;
  scale?: number;
  /** Of a text. */
  length?: number;
  /** Of a `timestamptz`: the zone that its texts and fields are in. DuckDB keeps the instant alone. */
  zone?: string;
}

export type TrinoType =
  | ScalarType
  | { kind: 'array'; of: TrinoType }
  | { kind: 'map'; key: TrinoType; value: TrinoType }
  | { kind: 'row'; fields: { name: string | null; type: TrinoType }[] };

export function scalar(name: ScalarName, more: Omit<ScalarType, 'kind' | 'name'> = {}): ScalarType {
  return { kind: 'scalar', name, ...more };
}

export const UNKNOWN = scalar('unknown');
export const BOOLEAN = scalar('boolean');
export const INTEGER = scalar('integer');
export const BIGINT = scalar('bigint');
export const DOUBLE = scalar('double');
export const VARCHAR = scalar('varchar');
export const DATE = scalar('date');
export const JSON_TYPE = scalar('json');

export const decimal = (precision: number, scale: number) => scalar('decimal', { precision, scale });
export const arrayOf = (of: TrinoType): TrinoType => ({ kind: 'array', of });

export function isScalar<N extends ScalarName>(
  type: TrinoType,
  ...names: readonly N[]
): type is ScalarType & { name: N } {
  return type.kind === 'scalar' && (names as readonly ScalarName[]).includes(type.name);
}

const INTEGERS = ['tinyint', 'smallint', 'integer', 'bigint'] as const;
const NUMBERS = [...INTEGERS, 'decimal', 'real', 'double'] as const;
export const isInteger = (type: TrinoType): type is ScalarType & { name: (typeof INTEGERS)[number] } =>
  isScalar(type, ...INTEGERS);
export const isNumeric = (type: TrinoType): type is ScalarType & { name: (typeof NUMBERS)[number] } =>
  isScalar(type, ...NUMBERS);
export const isText = (type: TrinoType): type is ScalarType & { name: 'varchar' | 'char' } =>
  isScalar(type, 'varchar', 'char');

/** The name of a row's field, also of one that the query gives no name. */
export const fieldName = (name: string | null, i: number) => name ?? `field${i}`;

/** A type in DuckDB's notation. */
export function toDuckdb(type: TrinoType): string {
  switch (type.kind) {
    case 'array':
      return `${toDuckdb(type.of)}[]`;
    case 'map':
      return `MAP(${toDuckdb(type.key)}, ${toDuckdb(type.value)})`;
    case 'row':
      return `STRUCT(${type.fields.map(({ name, type: of }, i) => `${quoteName(fieldName(name, i))} ${toDuckdb(of)}`).join(', ')})`;
    case 'scalar':
      return scalarToDuckdb(type);
  }
}

function scalarToDuckdb(type: ScalarType): string {
  switch (type.name) {
    case 'unknown':
      return 'INTEGER';
    case 'decimal':
      return `DECIMAL(${type.precision}, ${type.scale})`;
    case 'char':
      return 'VARCHAR';
    case 'real':
      return 'FLOAT';
    case 'varbinary':
      return 'BLOB';
    case 'timestamptz':
      return 'TIMESTAMPTZ';
    case 'interval_day':
    case 'interval_month':
      return 'INTERVAL';
    default:
      return type.name.toUpperCase();
  }
}

/** A type as Trino writes it, e.g. `array(decimal(10,2))`. */
export function toTrino(type: TrinoType): string {
  switch (type.kind) {
    case 'array':
      return `array(${toTrino(type.of)})`;
    case 'map':
      return `map(${toTrino(type.key)}, ${toTrino(type.value)})`;
    case 'row':
      return `row(${type.fields.map(({ name, type: of }) => `${name === null ? '' : `${name} `}${toTrino(of)}`).join(', ')})`;
    case 'scalar':
      if (type.name === 'decimal') return `decimal(${type.precision},${type.scale})`;
      if (type.length !== undefined) return `${type.name}(${type.length})`;
      if (type.name === 'timestamp') return `timestamp(${type.precision ?? 3})`;
      if (type.name === 'timestamptz') return `timestamp(${type.precision ?? 3}) with time zone`;
      if (type.name === 'interval_day') return 'interval day to second';
      if (type.name === 'interval_month') return 'interval year to month';
      return type.name;
  }
}

/** A type as Glue's catalog and Hive's DDL write it, e.g. `array<struct<a:string>>`. */
export function toHive(type: TrinoType): string {
  switch (type.kind) {
    case 'array':
      return `array<${toHive(type.of)}>`;
    case 'map':
      return `map<${toHive(type.key)},${toHive(type.value)}>`;
    case 'row':
      return `struct<${type.fields.map(({ name, type: of }, i) => `${fieldName(name, i)}:${toHive(of)}`).join(',')}>`;
    case 'scalar':
      switch (type.name) {
        case 'decimal':
          return `decimal(${type.precision},${type.scale})`;
        case 'varchar':
        case 'char':
          return type.length === undefined ? 'string' : `${type.name}(${type.length})`;
        case 'integer':
          return 'int';
        case 'real':
          return 'float';
        case 'varbinary':
          return 'binary';
        case 'boolean':
        case 'tinyint':
        case 'smallint':
        case 'bigint':
        case 'double':
        case 'date':
        case 'timestamp':
          return type.name;
        default:
          return 'string';
      }
  }
}

const HIVE: Record<string, TrinoType> = {
  string: VARCHAR,
  boolean: BOOLEAN,
  tinyint: scalar('tinyint'),
  smallint: scalar('smallint'),
  int: INTEGER,
  integer: INTEGER,
  bigint: BIGINT,
  float: scalar('real'),
  double: DOUBLE,
  date: DATE,
  timestamp: scalar('timestamp', { precision: 3 }),
  binary: scalar('varbinary'),
};

/**
 * A type of Hive's and Glue's. https://docs.aws.amazon.com/athena/latest/ug/data-types.html
 * @returns null for one that Athena does not have
 */
export function fromHive(text: string): TrinoType | null {
  const type = text.trim();
  const simple = HIVE[type.toLowerCase()];
  if (simple) return simple;
  const sized = /^(decimal|numeric|varchar|char)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?$/i.exec(type);
  if (sized) {
    const name = sized[1]!.toLowerCase();
    if (name === 'varchar' || name === 'char')
      return scalar(name, sized[2] ? { length: Number(sized[2]) } : {});
    return decimal(Number(sized[2] ?? 10), Number(sized[3] ?? 0));
  }
  const nested = /^(array|map|struct)\s*<([\s\S]*)>$/i.exec(type);
  if (!nested) return null;
  const parts = splitTopLevel(nested[2]!);
  const name = nested[1]!.toLowerCase();
  if (name === 'struct') {
    const fields = parts.map((part) => {
      const at = part.indexOf(':');
      const of = at === -1 ? null : fromHive(part.slice(at + 1));
      return of && { name: part.slice(0, at).trim().replaceAll('`', '').toLowerCase(), type: of };
    });
    return fields.every((field) => field !== null) ? { kind: 'row', fields } : null;
  }
  const types = parts.map(fromHive);
  if (types.some((of) => of === null)) return null;
  if (name === 'array' && types.length === 1) return arrayOf(types[0]!);
  return name === 'map' && types.length === 2 ? { kind: 'map', key: types[0]!, value: types[1]! } : null;
}

function splitTopLevel(text: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const character of text) {
    if ('<('.includes(character)) depth++;
    if ('>)'.includes(character)) depth--;
    if (character === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts;
}

const DUCKDB: Record<string, ScalarType> = {
  UTINYINT: scalar('smallint'),
  USMALLINT: INTEGER,
  UINTEGER: BIGINT,
  UBIGINT: decimal(20, 0),
  HUGEINT: decimal(38, 0),
  UHUGEINT: decimal(38, 0),
  FLOAT: scalar('real'),
  BLOB: scalar('varbinary'),
  BOOLEAN,
  TINYINT: scalar('tinyint'),
  SMALLINT: scalar('smallint'),
  INTEGER,
  BIGINT,
  DOUBLE,
  DATE,
};

/** A type of DuckDB's notation as a file has it; what Glue has no type for is a text. */
export function fromDuckdb(text: string): TrinoType {
  const type = text.trim();
  if (type.endsWith('[]')) return arrayOf(fromDuckdb(type.slice(0, -2)));
  const nested = /^(STRUCT|MAP)\(([\s\S]*)\)$/.exec(type);
  const parts = nested ? splitTopLevel(nested[2]!).map((part) => part.trim()) : [];
  if (nested?.[1] === 'MAP') return { kind: 'map', key: fromDuckdb(parts[0]!), value: fromDuckdb(parts[1]!) };
  if (nested) {
    const fields = parts.map((part) => {
      const [, quoted, plain, of] = /^(?:"((?:[^"]|"")*)"|(\S+))\s+([\s\S]*)$/.exec(part)!;
      return { name: quoted?.replaceAll('""', '"') ?? plain!, type: fromDuckdb(of!) };
    });
    return { kind: 'row', fields };
  }
  const sized = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(type);
  if (sized) return decimal(Number(sized[1]), Number(sized[2]));
  if (/^TIMESTAMP/.test(type)) return scalar('timestamp', { precision: 3 });
  return DUCKDB[type] ?? VARCHAR;
}

const rank = (type: ScalarType) =>
  ['tinyint', 'smallint', 'integer', 'bigint', 'decimal', 'real', 'double'].indexOf(type.name);
const DIGITS: Partial<Record<ScalarName, number>> = { tinyint: 3, smallint: 5, integer: 10, bigint: 19 };

/** An integer's or decimal's type as a decimal. https://trino.io/docs/current/functions/decimal.html */
export function asDecimal(type: ScalarType): ScalarType {
  return type.name === 'decimal' ? type : decimal(DIGITS[type.name] ?? 38, 0);
}

/**
 * The type that both go to by themselves, or null.
 * https://trino.io/docs/current/language/types.html, https://trino.io/docs/current/functions/conversion.html
 */
export function commonType(a: TrinoType, b: TrinoType): TrinoType | null {
  if (isScalar(a, 'unknown')) return b;
  if (isScalar(b, 'unknown')) return a;
  if (a.kind === 'array' && b.kind === 'array') {
    const of = commonType(a.of, b.of);
    return of && arrayOf(of);
  }
  if (a.kind === 'map' && b.kind === 'map') {
    const [key, value] = [commonType(a.key, b.key), commonType(a.value, b.value)];
    return key && value && { kind: 'map', key, value };
  }
  if (a.kind === 'row' && b.kind === 'row') {
    if (a.fields.length !== b.fields.length) return null;
    const fields = a.fields.map(({ name, type }, i) => {
      const other = b.fields[i]!;
      const of = commonType(type, other.type);
      return of && { name: name === other.name ? name : (name ?? other.name), type: of };
    });
    return fields.every((field) => field !== null) ? { kind: 'row', fields } : null;
  }
  if (a.kind !== 'scalar' || b.kind !== 'scalar') return null;
  if (isNumeric(a) && isNumeric(b)) {
    if (a.name !== 'decimal' && b.name !== 'decimal') return rank(a) >= rank(b) ? a : b;
    if (rank(a) > rank(decimal(1, 0))) return a;
    if (rank(b) > rank(decimal(1, 0))) return b;
    const [left, right] = [asDecimal(a), asDecimal(b)];
    const scale = Math.max(left.scale!, right.scale!);
    const whole = Math.max(left.precision! - left.scale!, right.precision! - right.scale!);
    return decimal(Math.min(38, whole + scale), scale);
  }
  if (isText(a) && isText(b)) {
    if (a.name === 'char' && b.name === 'char')
      return scalar('char', { length: Math.max(a.length ?? 1, b.length ?? 1) });
    if (a.length !== undefined && b.length !== undefined)
      return scalar('varchar', { length: Math.max(a.length, b.length) });
    return VARCHAR;
  }
  const times: ScalarName[] = ['date', 'timestamp', 'timestamptz'];
  if (times.includes(a.name) && times.includes(b.name)) {
    const [low, high] = times.indexOf(a.name) <= times.indexOf(b.name) ? [a, b] : [b, a];
    if (high.name === 'date') return high;
    return { ...high, precision: Math.max(low.precision ?? 0, high.precision ?? 3) };
  }
  return a.name === b.name ? a : null;
}

/** Whether a value of the first type becomes one of the second by itself. */
export function coerces(from: TrinoType, to: TrinoType): boolean {
  const common = commonType(from, to);
  if (common === null) return false;
  if (to.kind === 'scalar' && to.name === 'decimal' && to.precision === undefined)
    return isInteger(from) || isScalar(from, 'decimal', 'unknown');
  return sameType(common, to);
}

/** Whether DuckDB holds both in the same way. */
export function sameType(a: TrinoType, b: TrinoType): boolean {
  return toDuckdb(a) === toDuckdb(b);
}

/** The local time of an instant in its type's zone. */
export function localTime(sql: string, type: TrinoType): string {
  return isScalar(type, 'timestamptz')
    ? `(${sql} AT TIME ZONE ${quoteText(toDuckdbZone(type.zone ?? 'UTC'))})`
    : sql;
}

/** `+02:00` is no zone of ICU's. A POSIX name counts west of Greenwich. */
export function toDuckdbZone(zone: string): string {
  const offset = /^([+-])(\d{2}):00$/.exec(zone);
  if (!offset) return zone;
  return offset[2] === '00' ? 'UTC' : `Etc/GMT${offset[1] === '+' ? '-' : '+'}${Number(offset[2])}`;
}

/** The text that a cast to varchar and a result file have for a value. Null stays null. */
export function toText(type: TrinoType, sql: string, depth = 0): string {
  const element = `e${depth}`;
  const orNull = (of: TrinoType, value: string) => `coalesce(${toText(of, value, depth + 1)}, 'null')`;
  switch (type.kind) {
    case 'array':
      return `'[' || array_to_string(list_transform(${sql}, lambda ${element}: ${orNull(type.of, element)}), ', ') || ']'`;
    case 'map':
      return `'{' || array_to_string(list_transform(map_entries(${sql}), lambda ${element}: ${orNull(type.key, `${element}.key`)} || '=' || ${orNull(type.value, `${element}.value`)}), ', ') || '}'`;
    case 'row': {
      const fields = type.fields.map(({ name, type: of }, i) => {
        const field = fieldName(name, i);
        return `${quoteText(`${field}=`)} || ${orNull(of, `struct_extract(${sql}, ${quoteText(field)})`)}`;
      });
      return `CASE WHEN ${sql} IS NOT NULL THEN '{' || ${fields.join(` || ', ' || `)} || '}' END`;
    }
    case 'scalar':
      return scalarToText(type, sql);
  }
}

function scalarToText(type: ScalarType, sql: string): string {
  switch (type.name) {
    case 'varchar':
      return sql;
    case 'char':
      return type.length === undefined
        ? sql
        : `CASE WHEN length(${sql}) < ${type.length} THEN rpad(${sql}, ${type.length}, ' ') ELSE ${sql} END`;
    case 'real':
    case 'double':
      return `trino_double(${sql})`;
    case 'timestamp':
      return timestampText(type, sql);
    case 'timestamptz':
      return `${timestampText(type, localTime(sql, type))} || ${quoteText(` ${type.zone ?? 'UTC'}`)}`;
    case 'time':
      return `left(strftime(DATE '2000-01-01' + ${sql}, '%H:%M:%S.%g'), 12)`;
    case 'decimal':
      // DuckDB leaves out the zero before the point when there is no digit for it.
      return type.precision === type.scale && type.scale !== 0
        ? `regexp_replace(CAST(${sql} AS VARCHAR), '^(-?)[.]', '\\10.')`
        : `CAST(${sql} AS VARCHAR)`;
    case 'varbinary':
      return `trim(regexp_replace(lower(hex(${sql})), '(..)', '\\1 ', 'g'))`;
    case 'interval_day':
      return `trino_interval_day(${sql})`;
    case 'interval_month':
      return `trino_interval_month(${sql})`;
    default:
      return `CAST(${sql} AS VARCHAR)`;
  }
}

function timestampText({ precision = 3 }: ScalarType, sql: string): string {
  const text = `strftime(${sql}, '%Y-%m-%d %H:%M:%S.%f')`;
  return precision >= 6
    ? `${text}${precision > 6 ? ` || '${'0'.repeat(precision - 6)}'` : ''}`
    : `left(${text}, ${precision === 0 ? 19 : 20 + precision})`;
}
