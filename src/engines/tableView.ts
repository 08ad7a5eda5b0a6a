import { SluiceError } from '../errors';
import type { Column, DataFile, Table } from './catalog';
import { quoteName, quoteNumbers, quoteText } from './sql';
import { castTo, tryCastTo } from './trinoCast';
import { fromHive, isScalar, isText, toDuckdb, VARCHAR, type TrinoType } from './trinoTypes';

/** The file's own column, of which no table's has the name. */
export const PATH = '"$path"';
/** No file has it. */
const NEVER = String.fromCharCode(1, 2, 3);
const NEVER_NULL = String.fromCharCode(4, 5, 6);

export interface TableFile {
  file: DataFile;
  values: string[];
}

/** The type of a column. @throws SluiceError JobFailed for one that Athena does not have */
export function typeOf({ name, type }: Column): TrinoType {
  const found = fromHive(type);
  if (found !== null) return found;
  throw new SluiceError(
    'JobFailed',
    `HIVE_INVALID_METADATA: the column ${name} has the type ${type}, which Athena does not have`,
  );
}

/** A path as DuckDB takes it, which reads some characters as a pattern. */
export function escapePath(path: string): string {
  return path.replace(/[[*?]/g, '[$&]');
}

function listOf(files: readonly DataFile[]): string {
  return `[${files.map(({ path }) => quoteText(escapePath(path))).join(', ')}]`;
}

/**
 * SQL that gives one row with the structure of all that JSON files hold, as `json_group_structure` writes it; their keys
 * are known only by reading them.
 */
export function structureQuery(files: readonly DataFile[]): string {
  return `SELECT CAST(json_group_structure(json) AS VARCHAR) AS structure FROM read_ndjson_objects(${listOf(files)}, ignore_errors = true)`;
}

/** What is known of files only by reading them. */
export interface Seen {
  /** Of JSON files, by `structureQuery`. */
  structure?: string | null;
  /** Of text files, by `lineEndOf`. */
  end?: LineEnd;
}

/** The view over a table's files. A column that no file has is null. */
export function createView(table: Table, files: readonly TableFile[], seen: Seen): string {
  const view = `${quoteName(table.database)}.${quoteName(table.name)}`;
  const columns = table.columns.map((column) => ({ ...column, trino: typeOf(column) }));
  const keys = table.partitionKeys.map((column) => ({ ...column, trino: typeOf(column) }));
  if (files.length === 0) {
    const none = [...columns, ...keys].map(
      ({ name, trino }) => `CAST(NULL AS ${toDuckdb(trino)}) AS ${quoteName(name)}`,
    );
    return `CREATE VIEW ${view} AS SELECT ${[...none, `CAST(NULL AS VARCHAR) AS ${PATH}`].join(', ')} WHERE false`;
  }
  const { from, values } = readerOf(
    table,
    columns,
    files.map(({ file }) => file),
    seen,
  );
  const uris = new Map(files.map(({ file }) => [file.path, file.uri]));
  const needsUri = keys.length > 0 ? '' : uriOf(uris);
  const selected = [
    ...columns.map(({ name }, i) => `${values[i]} AS ${quoteName(name)}`),
    ...keys.map(
      ({ name, trino }) => `${castTo(`p.${quoteName(name)}`, VARCHAR, trino)} AS ${quoteName(name)}`,
    ),
    `${keys.length > 0 ? 'p."$uri"' : needsUri} AS ${PATH}`,
  ];
  if (keys.length === 0) return `CREATE VIEW ${view} AS SELECT ${selected.join(', ')} FROM ${from} AS f`;
  const rows = files.map(({ file, values: own }) => {
    const texts = own.map((value) => (value === '__HIVE_DEFAULT_PARTITION__' ? 'NULL' : quoteText(value)));
    return `(${[quoteText(file.path), quoteText(file.uri), ...texts].join(', ')})`;
  });
  const names = [PATH, '"$uri"', ...keys.map(({ name }) => quoteName(name))].join(', ');
  return `CREATE VIEW ${view} AS SELECT ${selected.join(', ')} FROM ${from} AS f JOIN (VALUES ${rows.join(', ')}) AS p(${names}) ON f.${PATH} = p.${PATH}`;
}

function uriOf(uris: ReadonlyMap<string, string>): string {
  const paths = [...uris.keys()].map(quoteText).join(', ');
  const names = [...uris.values()].map(quoteText).join(', ');
  return `map([${paths}], [${names}])[f.${PATH}]`;
}

type TypedColumn = Column & { trino: TrinoType };

/** A FROM item whose columns the values read. */
function readerOf(
  table: Table,
  columns: readonly TypedColumn[],
  files: readonly DataFile[],
  { structure = null, end }: Seen,
): { from: string; values: string[] } {
  const list = listOf(files);
  switch (table.format) {
    case 'parquet': {
      const empty = columns.map(
        ({ name, trino }) => `CAST(NULL AS ${toDuckdb(trino)}) AS ${quoteName(name)}`,
      );
      const reader = `read_parquet(${list}, union_by_name = true, filename = '$path', hive_partitioning = false)`;
      // What a file does not have comes from the empty row set.
      return {
        from: `(SELECT ${[...empty, `CAST(NULL AS VARCHAR) AS ${PATH}`].join(', ')} WHERE false UNION ALL BY NAME SELECT * FROM ${reader})`,
        values: columns.map(({ name, trino }) => {
          const value = `CAST(f.${quoteName(name)} AS ${toDuckdb(trino)})`;
          // A comparison of bytes that gets down to the reader finds none: https://github.com/duckdb/duckdb/issues/24994
          return isScalar(trino, 'varbinary') ? `(${value} || ''::BLOB)` : value;
        }),
      };
    }
    case 'json':
      return readJson(table, columns, list, structure);
    case 'csv':
      return readDelimited(table, columns, files, end);
    case 'opencsv':
      return readOpenCsv(table, columns, list);
  }
}

// -- JSON: https://docs.aws.amazon.com/athena/latest/ug/openx-json-serde.html ----------------------------------------------

function readJson(
  table: Table,
  columns: readonly TypedColumn[],
  list: string,
  structure: string | null,
): { from: string; values: string[] } {
  const found: unknown = structure === null ? {} : JSON.parse(structure);
  const keys =
    typeof found === 'object' && found !== null && !Array.isArray(found)
      ? (found as Record<string, unknown>)
      : {};
  const insensitive = table.serde['case.insensitive'] !== 'false';
  const read = new Map<string, { key: string; type: TrinoType }>();
  const values = columns.map(({ name, trino }) => {
    const wanted = table.serde[`mapping.${name}`] ?? name;
    const same = Object.keys(keys).filter(
      (key) => key === wanted || (insensitive && key.toLowerCase() === wanted.toLowerCase()),
    );
    const texts = same.map((key) => {
      const alias = `k${read.size}`;
      const type = withKeys(trino, keys[key]);
      read.set(alias, { key, type });
      return castTo(`f.${alias}`, type, trino);
    });
    if (texts.length === 0) return `CAST(NULL AS ${toDuckdb(trino)})`;
    return texts.length === 1 ? texts[0]! : `coalesce(${texts.join(', ')})`;
  });
  const extracted = [...read].map(([alias, { key, type }]) => {
    const path = quoteText(`$."${key.replaceAll('"', '\\"')}"`);
    return `${fromJsonText('j.json', path, type)} AS ${alias}`;
  });
  const malformed = table.serde['ignore.malformed.json'] === 'true' ? ', ignore_errors = true' : '';
  const from = `(SELECT ${[...extracted, `j.filename AS ${PATH}`].join(', ')} FROM read_ndjson_objects(${list}, filename = true${malformed}) AS j)`;
  return { from, values };
}

/** A text column takes any JSON: that of an object or array as it is, that of a number digit by digit. */
function fromJsonText(json: string, path: string, type: TrinoType): string {
  if (isScalar(type, 'varchar', 'char'))
    return `CASE WHEN json_type(${json}, ${path}) = 'DOUBLE' THEN (${quoteNumbers(`CAST(${json} AS VARCHAR)`)} ->> ${path}) ELSE (${json} ->> ${path}) END`;
  // A text inside may hold an object, whose numbers stay.
  const numbers = type.kind === 'scalar' ? undefined : LONG;
  const exact = hasDecimal(type) ? quoteNumbers(`CAST(${json} AS VARCHAR)`, numbers) : json;
  return `CAST(nullif(${exact} -> ${path}, 'null') AS ${toDuckdb(type)})`;
}

/** A number with more digits than a double has. */
const LONG = `-?(?:${Array.from({ length: 15 }, (_, i) => `[0-9]{${i + 1},}[.][0-9]{${15 - i},}`).join('|')})(?:[eE][+-]?[0-9]+)?`;

function hasDecimal(type: TrinoType): boolean {
  if (type.kind === 'array') return hasDecimal(type.of);
  if (type.kind === 'map') return hasDecimal(type.key) || hasDecimal(type.value);
  return type.kind === 'row' ? type.fields.some((field) => hasDecimal(field.type)) : type.name === 'decimal';
}

/** The type with the keys that the files have in place of the table's names, which are in lower case. */
function withKeys(type: TrinoType, structure: unknown): TrinoType {
  if (type.kind === 'array')
    return { kind: 'array', of: withKeys(type.of, Array.isArray(structure) ? structure[0] : undefined) };
  if (type.kind !== 'row' || typeof structure !== 'object' || structure === null) return type;
  const keys = Object.keys(structure);
  return {
    kind: 'row',
    fields: type.fields.map(({ name, type: of }) => {
      const key =
        keys.find((one) => one === name) ??
        keys.find((one) => one.toLowerCase() === name?.toLowerCase()) ??
        name;
      return { name: key, type: withKeys(of, (structure as Record<string, unknown>)[key ?? '']) };
    }),
  };
}

// -- Text: https://docs.aws.amazon.com/athena/latest/ug/lazy-simple-serde.html ---------------------------------------------

/** Where Hive's own delimiters are control characters. */
const CONTROL = { field: '\u0001', item: '\u0002', key: '\u0003' };

/** A FROM item with the lines of text files, `line`, without the first ones of each. An empty line is null. */
export function linesOf(files: readonly DataFile[], skip = 0, end?: LineEnd): string {
  const ends = end === undefined ? '' : `, new_line = '${end}'`;
  return `read_csv(${listOf(files)}, delim = ${quoteText(NEVER)}, quote = '', escape = '', header = false, skip = ${skip}, columns = {line: 'VARCHAR'}, auto_detect = false${ends}, strict_mode = false, max_line_size = 16777216, filename = '$path')`;
}

/** As the reader has it: with `\r\n` a line feed ends a line, too, and with `\n` a carriage return. */
export type LineEnd = '\\r\\n' | '\\n';

/** Lines at their delimiters: this SerDe knows no quotes. Missing fields are null, and those past the last column are dropped. */
function readDelimited(
  { serde, properties }: Table,
  columns: readonly TypedColumn[],
  files: readonly DataFile[],
  end: LineEnd | undefined,
): { from: string; values: string[] } {
  const field = serde['field.delim'] ?? serde['serialization.format'] ?? CONTROL.field;
  const item = serde['collection.delim'] ?? serde['colelction.delim'] ?? CONTROL.item;
  const key = serde['mapkey.delim'] ?? CONTROL.key;
  const none = serde['serialization.null.format'] ?? '\\N';
  const escape = serde['escape.delim'];
  const skip = Number(properties['skip.header.line.count'] ?? 0);
  const [escapedEscape, escapedField] = ['\uE000', '\uE001'].map(quoteText) as [string, string];
  const line =
    escape === undefined
      ? 'l.line'
      : `replace(replace(l.line, ${quoteText(escape + escape)}, ${escapedEscape}), ${quoteText(escape + field)}, ${escapedField})`;
  const from = `(SELECT string_split(coalesce(${line}, ''), ${quoteText(field)}) AS parts, l.${PATH} FROM ${linesOf(files, skip, end)} AS l)`;
  const values = columns.map(({ trino }, i) => {
    const part = `f.parts[${i + 1}]`;
    const text =
      escape === undefined
        ? part
        : `replace(replace(${part}, ${escapedEscape}, ${quoteText(escape)}), ${escapedField}, ${quoteText(field)})`;
    return parseText(`nullif(${text}, ${quoteText(none)})`, trino, [item, key]);
  });
  return { from, values };
}

/** A value of a field's text; what does not fit its type is null. */
function parseText(text: string, type: TrinoType, [item, ...deeper]: string[]): string {
  if (type.kind === 'scalar') {
    if (isText(type)) return type.length === undefined ? text : `left(${text}, ${type.length})`;
    if (type.name === 'varbinary') return `encode(${text})`;
    if (type.name === 'boolean')
      return `CASE lower(${text}) WHEN 'true' THEN true WHEN 'false' THEN false END`;
    return tryCastTo(text, VARCHAR, type);
  }
  if (item === undefined)
    throw new SluiceError(
      'JobFailed',
      'HIVE_UNSUPPORTED_FORMAT: local Athena reads two levels of nested values in text',
    );
  const parts = `string_split(${text}, ${quoteText(item)})`;
  if (type.kind === 'array')
    return `CASE WHEN ${text} = '' THEN [] ELSE list_transform(${parts}, lambda a: ${parseText('a', type.of, deeper)}) END`;
  if (type.kind === 'map') {
    const key = quoteText(deeper[0] ?? CONTROL.key);
    return `CASE WHEN ${text} = '' THEN MAP {} ELSE map_from_entries(list_transform(${parts}, lambda e: ROW(${parseText(`string_split(e, ${key})[1]`, type.key, [])}, ${parseText(`string_split(e, ${key})[2]`, type.value, [])}))) END`;
  }
  const fields = type.fields.map(
    ({ name, type: of }, i) =>
      `${quoteName(name ?? `field${i}`)} := ${parseText(`${parts}[${i + 1}]`, of, deeper)}`,
  );
  return `CASE WHEN ${text} IS NOT NULL THEN struct_pack(${fields.join(', ')}) END`;
}

// -- Quoted text: https://docs.aws.amazon.com/athena/latest/ug/csv-serde.html ----------------------------------------------

function readOpenCsv(
  { serde, properties }: Table,
  columns: readonly TypedColumn[],
  list: string,
): { from: string; values: string[] } {
  const names = columns.map((_, i) => `c${i}: 'VARCHAR'`);
  const skip = Number(properties['skip.header.line.count'] ?? 0);
  const [separator, quote, escape] = [
    serde['separatorChar'] ?? ',',
    serde['quoteChar'] ?? '"',
    serde['escapeChar'] ?? '\\',
  ];
  const from = `read_csv(${list}, delim = ${quoteText(separator)}, quote = ${quoteText(quote)}, escape = ${quoteText(escape)}, header = false, skip = ${skip}, columns = {${names.join(', ')}}, auto_detect = false, nullstr = ${quoteText(NEVER_NULL)}, allow_quoted_nulls = false, null_padding = true, strict_mode = false, filename = '$path')`;
  const values = columns.map(({ trino }, i) => {
    // With another escape character the engine leaves two quotes for one.
    const text =
      escape === quote ? `f.c${i}` : `replace(f.c${i}, ${quoteText(quote + quote)}, ${quoteText(quote)})`;
    if (isScalar(trino, 'varchar', 'char')) return text;
    // Days and milliseconds since 1970.
    if (isScalar(trino, 'date')) return `DATE '1970-01-01' + CAST(${text} AS INTEGER)`;
    if (isScalar(trino, 'timestamp')) return `make_timestamp(CAST(${text} AS BIGINT) * 1000)`;
    return castTo(text, VARCHAR, trino);
  });
  return { from, values };
}
