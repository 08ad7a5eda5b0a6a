import { quoteName, quoteText } from './sql';
import { failure, nullOnFailure, raise, Unknown } from './trinoFunctions';
import {
  fieldName,
  isInteger,
  isNumeric,
  isScalar,
  isText,
  localTime,
  sameType,
  toDuckdb,
  toDuckdbZone,
  toText,
  toTrino,
  type ScalarType,
  type TrinoType,
} from './trinoTypes';

let casts = 0;

/**
 * A cast as Trino does it. https://trino.io/docs/current/functions/conversion.html
 * @throws Unknown for a pair of types without one
 */
export function castTo(sql: string, from: TrinoType, to: TrinoType): string {
  if (isScalar(from, 'unknown')) return `CAST(${sql} AS ${toDuckdb(to)})`;
  if (isScalar(to, 'json')) return toJson(sql, from);
  if (isScalar(from, 'json')) return fromJson(sql, to);
  if (to.kind !== 'scalar' || from.kind !== 'scalar') return castNested(sql, from, to);
  if (isText(to)) return castToText(sql, from, to);
  if (isText(from)) return castFromText(sql, from, to);
  if (sameType(from, to) && !isScalar(to, 'timestamptz')) return sql;
  if (isInteger(to) && isScalar(from, 'double', 'real')) return `CAST(round(${sql}) AS ${toDuckdb(to)})`;
  if (isNumeric(from) && (isNumeric(to) || to.name === 'boolean')) return `CAST(${sql} AS ${toDuckdb(to)})`;
  if (from.name === 'boolean' && isNumeric(to)) return `CAST(CAST(${sql} AS INTEGER) AS ${toDuckdb(to)})`;
  return castTime(sql, from, to);
}

/** The same, and null for a value that cannot be cast. @throws Unknown for a pair of types without a cast */
export function tryCastTo(sql: string, from: TrinoType, to: TrinoType): string {
  const text = isScalar(from, 'varchar', 'char') && to.kind === 'scalar' ? ofText(sql, to) : undefined;
  return text ?? nullOnFailure(castTo(sql, from, to));
}

function castTime(sql: string, from: ScalarType, to: ScalarType): string {
  const times = ['date', 'timestamp', 'timestamptz', 'time'];
  if (!times.includes(from.name) || !times.includes(to.name))
    throw new Unknown(`a cast from ${toTrino(from)} to ${toTrino(to)}`);
  if (from.name === 'timestamptz' && to.name === 'timestamptz') return sql;
  if (to.name === 'timestamptz')
    return `(CAST(${sql} AS TIMESTAMP) AT TIME ZONE ${quoteText(toDuckdbZone(to.zone ?? 'UTC'))})`;
  return `CAST(${localTime(sql, from)} AS ${toDuckdb(to)})`;
}

function castToText(sql: string, from: ScalarType, to: ScalarType): string {
  const text = `(${toText(from, sql)})`;
  if (to.name === 'char') return `rpad(${text}, ${to.length ?? 1}, ' ')`;
  if (to.length === undefined || (from.length !== undefined && from.length <= to.length)) return text;
  if (isText(from)) return `left(${text}, ${to.length})`;
  const problem = `${failure(`INVALID_CAST_ARGUMENT: Value cannot be represented as ${toTrino(to)}: `)} || ${text}`;
  return `CASE WHEN length(${text}) > ${to.length} THEN ${raise(problem, to)} ELSE ${text} END`;
}

/** What a text must look like, where DuckDB takes more than Trino does. */
const SHAPES: Partial<Record<ScalarType['name'], string>> = {
  tinyint: '[+-]?[0-9]+',
  smallint: '[+-]?[0-9]+',
  integer: '[+-]?[0-9]+',
  bigint: '[+-]?[0-9]+',
  decimal: ' *[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)? *',
  double: ' *([+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?|NaN|[+-]?Infinity) *',
  real: ' *([+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?|NaN|[+-]?Infinity) *',
  boolean: '(?i)(true|false|t|f|1|0)',
  date: ' *[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2} *',
  timestamp: ' *[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}( [0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}([.][0-9]+)?)?)? *',
  timestamptz:
    ' *[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}( [0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}([.][0-9]+)?)?)?( ?UTC| ?Z)? *',
  time: ' *[0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}([.][0-9]+)?)? *',
};

/** Null for a text without a value in the type. @returns undefined for a type that no text is cast to so */
function ofText(sql: string, to: ScalarType): string | undefined {
  const shape = SHAPES[to.name];
  if (shape === undefined) return undefined;
  const text = to.name === 'timestamptz' ? `regexp_replace(${sql}, ' ?(UTC|Z) *$', '+00')` : sql;
  return `CASE WHEN regexp_full_match(${sql}, ${quoteText(shape)}) THEN TRY_CAST(${text} AS ${toDuckdb(to)}) END`;
}

function castFromText(sql: string, from: ScalarType, to: ScalarType): string {
  if (to.name === 'varbinary') return `encode(${sql})`;
  if (to.name === 'uuid') return `CAST(${sql} AS UUID)`;
  const value = ofText(sql, to);
  if (value === undefined) throw new Unknown(`a cast from ${toTrino(from)} to ${toTrino(to)}`);
  const problem = `${failure('INVALID_CAST_ARGUMENT: Cannot cast ')} || '''' || ${sql} || ''' to ${toTrino(to).replaceAll("'", '')}'`;
  return `CASE WHEN ${sql} IS NOT NULL THEN coalesce(${value}, ${raise(problem, to)}) END`;
}

/** Rows go by position; DuckDB's own cast goes by name. */
function castNested(sql: string, from: TrinoType, to: TrinoType): string {
  if (sameType(from, to) && !isScalar(to, 'timestamptz')) return sql;
  const variable = `cast${casts++ % 1000}`;
  if (from.kind === 'array' && to.kind === 'array')
    return isScalar(from.of, 'unknown')
      ? `CAST(${sql} AS ${toDuckdb(to)})`
      : `list_transform(${sql}, lambda ${variable}: ${castTo(variable, from.of, to.of)})`;
  if (from.kind === 'map' && to.kind === 'map') {
    if (isScalar(from.key, 'unknown')) return `CAST(${sql} AS ${toDuckdb(to)})`;
    return `map_from_entries(list_transform(map_entries(${sql}), lambda ${variable}: ROW(${castTo(`${variable}.key`, from.key, to.key)}, ${castTo(`${variable}.value`, from.value, to.value)})))`;
  }
  if (from.kind === 'row' && to.kind === 'row' && from.fields.length === to.fields.length) {
    const fields = to.fields.map(({ name, type }, i) => {
      const old = from.fields[i]!;
      const value = castTo(`struct_extract(${sql}, ${quoteText(fieldName(old.name, i))})`, old.type, type);
      return `${quoteName(fieldName(name, i))} := ${value}`;
    });
    return `CASE WHEN ${sql} IS NOT NULL THEN struct_pack(${fields.join(', ')}) END`;
  }
  throw new Unknown(`a cast from ${toTrino(from)} to ${toTrino(to)}`);
}

function toJson(sql: string, from: TrinoType): string {
  if (isScalar(from, 'json')) return sql;
  if (isScalar(from, 'timestamp', 'timestamptz', 'date', 'time')) return `to_json(${toText(from, sql)})`;
  return `to_json(${sql})`;
}

function fromJson(sql: string, to: TrinoType): string {
  if (to.kind === 'scalar' && isText(to)) {
    const text = `json_extract_string(CAST(${sql} AS VARCHAR), '$')`;
    return `CASE WHEN json_type(${sql}) IN ('ARRAY', 'OBJECT') THEN ${raise(failure('INVALID_CAST_ARGUMENT: Cannot cast a JSON array or object to varchar; json_format gives its text'), to)} ELSE ${to.length === undefined ? text : `left(${text}, ${to.length})`} END`;
  }
  return `CASE WHEN json_type(${sql}) <> 'NULL' THEN CAST(${sql} AS ${toDuckdb(to)}) END`;
}
