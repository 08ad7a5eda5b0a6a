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
  raw,
  splitAtCommas,
  textOf,
  type SqlNode,
  type SqlToken,
} from './sql';

/**
 * What a DuckDB session needs before SQL in Trino's dialect runs in it. UTC is Athena's session zone; an integer divided
 * by an integer is an integer.
 */
export const TRINO_SESSION = [
  "SET TimeZone = 'UTC'",
  'SET integer_division = true',
  // JSON paths with names in brackets: DuckDB has quoted names only.
  `CREATE MACRO trino_path(p) AS regexp_replace(p, '\\[[''"]([^''"]*)[''"]\\]', '."\\1"', 'g')`,
  // What is no JSON is null, and a scalar is one only when it is no array and no object.
  'CREATE MACRO trino_json_extract(j, p) AS CASE WHEN json_valid(j) THEN json_extract(j, trino_path(p)) END',
  `CREATE MACRO trino_json_extract_scalar(j, p) AS CASE WHEN json_valid(j) AND json_type(j, trino_path(p)) NOT IN ('ARRAY', 'OBJECT') THEN json_extract_string(j, trino_path(p)) END`,
  'CREATE MACRO trino_json_parse(x) AS CAST(x AS JSON)',
  'CREATE MACRO trino_json_format(x) AS CAST(json(x) AS VARCHAR)',
  `CREATE MACRO trino_json_array_length(x) AS CASE WHEN json_valid(x) AND json_type(x) = 'ARRAY' THEN json_array_length(x) END`,
  `CREATE MACRO trino_cardinality(x) AS CASE json_type(to_json(x)) WHEN 'ARRAY' THEN json_array_length(to_json(x)) WHEN 'OBJECT' THEN len(json_keys(to_json(x))) END`,
  'CREATE MACRO trino_element_at(x, k) AS x[k]',
  'CREATE MACRO trino_if(c, a) AS CASE WHEN c THEN a END, (c, a, b) AS CASE WHEN c THEN a ELSE b END',
  'CREATE MACRO trino_from_iso8601_timestamp(x) AS CAST(x AS TIMESTAMPTZ)',
  'CREATE MACRO trino_from_iso8601_date(x) AS CAST(x AS DATE)',
  'CREATE MACRO trino_date(x) AS CAST(x AS DATE)',
  `CREATE MACRO trino_to_iso8601(x) AS strftime(CAST(x AS TIMESTAMPTZ), '%Y-%m-%dT%H:%M:%S.%gZ')`,
  `CREATE MACRO trino_date_add(unit, n, x) AS x + CAST('1 ' || unit AS INTERVAL) * n`,
  `CREATE MACRO trino_regexp_extract(x, p) AS CASE WHEN regexp_matches(x, p) THEN regexp_extract(x, p) END, (x, p, g) AS CASE WHEN regexp_matches(x, p) THEN regexp_extract(x, p, g) END`,
  `CREATE MACRO trino_regexp_replace(x, p) AS regexp_replace(x, p, '', 'g'), (x, p, r) AS regexp_replace(x, p, regexp_replace(r, '\\$(\\d)', '\\\\\\1', 'g'), 'g')`,
  `CREATE MACRO trino_split_part(x, d, n) AS string_split(x, d)[n]`,
  // Java's text of a double: scientific from 10^7 on and below 10^-3. `t` is DuckDB's text without sign.
  `CREATE MACRO trino_digits(t) AS rtrim(ltrim(replace(split_part(t, 'e', 1), '.', ''), '0'), '0')`,
  `CREATE MACRO trino_exponent(t) AS CASE
     WHEN contains(t, 'e') THEN CAST(split_part(t, 'e', 2) AS INTEGER)
     WHEN t LIKE '0.%' THEN length(ltrim(split_part(t, '.', 2), '0')) - length(split_part(t, '.', 2)) - 1
     ELSE length(split_part(t, '.', 1)) - 1 END`,
  `CREATE MACRO trino_scientific(t) AS left(trino_digits(t), 1) || '.' || coalesce(nullif(substr(trino_digits(t), 2), ''), '0') || 'E' || trino_exponent(t)`,
  `CREATE MACRO trino_double(x) AS CASE
     WHEN isnan(x) THEN 'NaN'
     WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END
     WHEN x = 0 OR abs(x) >= 0.001 AND abs(x) < 1e7 THEN CAST(x AS VARCHAR)
     ELSE CASE WHEN x < 0 THEN '-' ELSE '' END || trino_scientific(CAST(abs(x) AS VARCHAR)) END`,
  `CREATE MACRO trino_to_varchar(x) AS CASE
     WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN trino_double(TRY_CAST(CAST(x AS VARCHAR) AS DOUBLE))
     WHEN typeof(x) = 'JSON' THEN json_extract_string(CAST(x AS VARCHAR), '$')
     WHEN typeof(x) = 'TIMESTAMP' THEN strftime(TRY_CAST(CAST(x AS VARCHAR) AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%g')
     WHEN typeof(x) = 'TIMESTAMP WITH TIME ZONE' THEN strftime(TRY_CAST(CAST(x AS VARCHAR) AS TIMESTAMPTZ), '%Y-%m-%d %H:%M:%S.%g UTC')
     ELSE CAST(x AS VARCHAR) END`,
];

/** What the macros above need themselves. */
const HELPERS = /^(path|digits|exponent|scientific|double|to_varchar)$/;
/** Functions that have a macro above. */
const MACROS = new Set(
  TRINO_SESSION.flatMap((sql) => /^CREATE MACRO trino_(\w+)/.exec(sql)?.[1] ?? []).filter(
    (name) => !HELPERS.test(name),
  ),
);

/** Functions that DuckDB has under another name. */
const FUNCTIONS: Record<string, string> = {
  approx_distinct: 'approx_count_distinct',
  approx_percentile: 'approx_quantile',
  arbitrary: 'any_value',
  array_distinct: 'list_distinct',
  array_join: 'array_to_string',
  array_max: 'list_max',
  array_min: 'list_min',
  array_position: 'list_position',
  array_sort: 'list_sort',
  contains: 'list_contains',
  date_diff: 'date_sub',
  date_format: 'strftime',
  date_parse: 'strptime',
  day_of_month: 'day',
  day_of_week: 'isodow',
  day_of_year: 'dayofyear',
  filter: 'list_filter',
  from_unixtime: 'to_timestamp',
  regexp_like: 'regexp_matches',
  sequence: 'generate_series',
  to_unixtime: 'epoch',
  transform: 'list_transform',
};

/** Words that DuckDB reserves and Trino does not. */
const RESERVED =
  /^(at|check|collate|column|do|foreign|initially|lambda|pivot|placing|primary|qualify|references|returning|summarize|unique|unpivot|variadic)$/i;

/** MySQL's letters of a date format, as Trino takes them, in those of strftime. */
const DATE_LETTERS: Record<string, string> = {
  M: '%B',
  W: '%A',
  c: '%-m',
  e: '%-d',
  h: '%I',
  i: '%M',
  k: '%-H',
  l: '%-I',
  r: '%I:%M:%S %p',
  s: '%S',
  T: '%H:%M:%S',
};

/**
 * A query in Trino's dialect as DuckDB takes it, for a session with `TRINO_SESSION`: what macros cannot do. All else goes
 * through as it is.
 * @param parameters literals for the `?`, in their order
 * @throws SluiceError InvalidJob when parameters and `?` do not fit together
 */
export function rewriteTrino(sql: string, parameters: readonly string[] = []): string {
  const left = parameters.map(parseLiteral);
  const rewritten = printSql(rewrite(parseSql(sql), left)).trim();
  if (left.length > 0)
    throw new SluiceError('InvalidJob', `ExecutionParameters: ${left.length} more than the query has "?"`);
  return rewritten;
}

/** @throws SluiceError InvalidJob for what is more than one literal */
function parseLiteral(text: string): SqlToken {
  if (/^\s*([A-Za-z]+\s+)?('([^']|'')*'|[+-]?\d[\w.]*|true|false|null)\s*$/i.test(text))
    return raw(text.trim());
  throw new SluiceError(
    'InvalidJob',
    `ExecutionParameters: ${text} is no literal; put a text in single quotes, such as 'a'`,
  );
}

function rewrite(nodes: readonly SqlNode[], parameters: SqlToken[]): SqlNode[] {
  const result: SqlNode[] = [];
  const inner = (some: readonly SqlNode[]) => rewrite(some, parameters);
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    const next = nodes[i + 1];
    if (isSymbol(next, '->')) {
      const names = isParenthesis(node) ? printSql(node.nodes) : printSql([node]).trim();
      result.push(raw(`lambda ${names}:`));
      i++;
    } else if (node.kind === 'group') {
      result.push({ ...node, nodes: inner(node.nodes) });
    } else if (isSymbol(node, '?')) {
      const literal = parameters.shift();
      if (literal === undefined)
        throw new SluiceError('InvalidJob', 'ExecutionParameters: the query has more "?" than there are');
      result.push(literal);
    } else if (nameOf(node)?.toLowerCase() === 'awsdatacatalog' && isSymbol(next, '.')) {
      // The catalog that every name is in.
      const table = nodes[i + 2];
      if (table) result.push({ ...table, space: node.space });
      i += 2;
    } else if (isWord(node, 'AT') && isWord(next, 'TIME') && /^'(UTC|GMT|Z)'$/i.test(printed(nodes[i + 3]))) {
      result.push(raw('::TIMESTAMPTZ'));
      i += 3;
    } else if (isWord(node, 'UNNEST') && isParenthesis(next)) {
      const unnest = parseUnnest(nodes, i);
      result.push(raw(printUnnest(unnest, inner)));
      i = unnest.end;
    } else if (isWord(node, 'CAST', 'TRY_CAST') && isParenthesis(next)) {
      result.push(raw(printCast(node.text, next.nodes, inner)));
      i++;
    } else if (node.kind === 'word' && isParenthesis(next) && !isWord(next.nodes[0], 'WHERE')) {
      result.push({ ...node, text: functionName(node.text) });
      if (isWord(node, 'DATE_FORMAT', 'DATE_PARSE')) {
        result.push({ ...next, nodes: inner(withDateFormat(next.nodes)) });
        i++;
      }
    } else if (node.kind === 'word' && RESERVED.test(node.text) && !isWord(next, 'TIME')) {
      result.push({ ...node, text: quoteName(node.text) });
    } else result.push(node);
  }
  return result;
}

function functionName(name: string): string {
  const lower = name.toLowerCase();
  return MACROS.has(lower) ? `trino_${lower}` : (FUNCTIONS[lower] ?? name);
}

function printed(node: SqlNode | undefined): string {
  return node ? printSql([node]).trim() : '';
}

/** The format, the second argument, with strftime's letters. A format that is no literal stays. */
function withDateFormat(nodes: readonly SqlNode[]): SqlNode[] {
  const last = nodes.at(-1);
  const format = textOf(last);
  if (format === null) return [...nodes];
  const text = quoteText(format.replace(/%(.)/g, (found, letter: string) => DATE_LETTERS[letter] ?? found));
  return [...nodes.slice(0, -1), { ...(last as SqlToken), text }];
}

interface Unnest {
  values: SqlNode[][];
  ordinality: boolean;
  alias: string | null;
  columns: string[];
  /** Whether the values are of a table named before. */
  joined: boolean;
  /** The place of the last node. */
  end: number;
}

/** `UNNEST(…) [WITH ORDINALITY] [[AS] alias [(columns)]]`. */
function parseUnnest(nodes: readonly SqlNode[], start: number): Unnest {
  const values = splitAtCommas((nodes[start + 1] as { nodes: SqlNode[] }).nodes);
  let end = start + 1;
  const ordinality = isWord(nodes[end + 1], 'WITH') && isWord(nodes[end + 2], 'ORDINALITY');
  if (ordinality) end += 2;
  const hasAs = isWord(nodes[end + 1], 'AS');
  const name = nodes[end + (hasAs ? 2 : 1)];
  const columns: string[] = [];
  let alias: string | null = null;
  if (hasAs || (nameOf(name) !== null && !AFTER_TABLE.test(printed(name)))) {
    alias = nameOf(name);
    end += hasAs ? 2 : 1;
    const group = nodes[end + 1];
    if (isParenthesis(group)) {
      columns.push(...splitAtCommas(group.nodes).map(([column]) => nameOf(column) ?? ''));
      end++;
    }
  }
  const joined = !isWord(nodes[start - 1], 'FROM');
  return { values, ordinality, alias, columns, joined, end };
}

const AFTER_TABLE =
  /^(on|where|group|order|having|limit|offset|cross|join|left|right|inner|full|union|except|intersect|window|fetch)$/i;

/** DuckDB's unnest in a SELECT list goes through several lists at once and pads the shorter with null, as Trino's does. */
function printUnnest(
  { values, ordinality, alias, columns, joined }: Unnest,
  inner: (nodes: readonly SqlNode[]) => SqlNode[],
): string {
  const printedValues = values.map((value) => printSql(inner(value)).trim());
  const named = columns.length - (ordinality ? 1 : 0);
  // One value with two columns is a map.
  const lists =
    printedValues.length === 1 && named === 2
      ? [`map_keys(${printedValues[0]})`, `map_values(${printedValues[0]})`]
      : printedValues;
  const selected = lists.map((list, i) => `unnest(${list}) AS ${quoteName(columns[i] ?? `_col${i}`)}`);
  if (ordinality) {
    const lengths = lists.map((list) => `coalesce(len(${list}), 0)`);
    const count = lengths.length === 1 ? lengths[0] : `greatest(${lengths.join(', ')})`;
    selected.push(`unnest(range(1, ${count} + 1)) AS ${quoteName(columns[lists.length] ?? 'ordinality')}`);
  }
  return `${joined ? 'LATERAL ' : ''}(SELECT ${selected.join(', ')})${alias === null ? '' : ` AS ${quoteName(alias)}`}`;
}

function printCast(
  cast: string,
  nodes: readonly SqlNode[],
  inner: (nodes: readonly SqlNode[]) => SqlNode[],
): string {
  const as = nodes.findLastIndex((node) => isWord(node, 'AS'));
  const value = printSql(inner(nodes.slice(0, as))).trim();
  const type = nodes.slice(as + 1);
  const [name, size] = type;
  if (isWord(name, 'VARCHAR', 'CHAR'))
    return isParenthesis(size)
      ? `left(trino_to_varchar(${value}), ${printSql(size.nodes)})`
      : `trino_to_varchar(${value})`;
  // A text becomes a JSON text; json_parse reads it.
  if (isWord(name, 'JSON') && type.length === 1) return `to_json(${value})`;
  return `${cast}(${value} AS ${toDuckdbType(type)})`;
}

/** A type of Trino's in DuckDB's notation, e.g. `ARRAY(ROW(a BIGINT))`. */
export function toDuckdbType(nodes: readonly SqlNode[]): string {
  const [name, group] = nodes;
  const parts = isParenthesis(group) ? splitAtCommas(group.nodes) : [];
  if (isWord(name, 'ARRAY') && parts.length === 1) return `${toDuckdbType(parts[0]!)}[]`;
  if (isWord(name, 'MAP') && parts.length === 2) return `MAP(${parts.map(toDuckdbType).join(', ')})`;
  if (isWord(name, 'ROW') && parts.length > 0) {
    const fields = parts.map(([field, ...type]) => `${quoteName(nameOf(field) ?? '')} ${toDuckdbType(type)}`);
    return `STRUCT(${fields.join(', ')})`;
  }
  if (isWord(name, 'VARCHAR', 'CHAR')) return 'VARCHAR';
  if (isWord(name, 'VARBINARY')) return 'BLOB';
  if (isWord(name, 'TIMESTAMP'))
    return nodes.some((node) => isWord(node, 'WITH')) ? 'TIMESTAMPTZ' : 'TIMESTAMP';
  return printSql(nodes).trim();
}
