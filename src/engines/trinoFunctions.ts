import { quoteText } from './sql';
import {
  arrayOf,
  BIGINT,
  BOOLEAN,
  commonType,
  DATE,
  decimal,
  DOUBLE,
  INTEGER,
  isScalar,
  JSON_TYPE,
  localTime,
  scalar,
  sameType,
  toDuckdb,
  toDuckdbZone,
  toText,
  toTrino,
  VARCHAR,
  type ScalarType,
  type TrinoType,
} from './trinoTypes';

/** An argument as DuckDB takes it. */
export interface Argument {
  sql: string;
  type: TrinoType;
  /** What a text literal says. */
  literal?: string;
}

/** A function of Trino's in DuckDB's words. */
export interface TrinoFunction {
  /** Where Trino says what it does. */
  source: string;
  /** As Trino writes it: `array(T), (T)->boolean -> array(T)`. A `N` is any number, `D` any date or time, `...` repeats. */
  parameters: Pattern[];
  variadic: boolean;
  result: (bound: Bindings, args: Argument[]) => TrinoType;
  /** The SQL; `$1` is the first argument, `$*` all of them, `$type` the result's type. */
  sql: string | ((args: Argument[], result: TrinoType) => string);
  kind: 'scalar' | 'aggregate' | 'window';
  /** What goes around an aggregate's call, its FILTER and its OVER; `$` is that. */
  around?: string;
}

export type Bindings = Map<string, TrinoType>;
export type Pattern =
  | { kind: 'variable'; name: string }
  | { kind: 'type'; type: TrinoType }
  | { kind: 'array'; of: Pattern }
  | { kind: 'map'; key: Pattern; value: Pattern }
  | { kind: 'function'; from: Pattern[]; to: Pattern };

const NAMED: Record<string, TrinoType> = {
  boolean: BOOLEAN,
  integer: INTEGER,
  bigint: BIGINT,
  double: DOUBLE,
  real: scalar('real'),
  varchar: VARCHAR,
  varbinary: scalar('varbinary'),
  date: DATE,
  json: JSON_TYPE,
  uuid: scalar('uuid'),
  time: scalar('time'),
  timestamp: scalar('timestamp', { precision: 3 }),
  timestamptz: scalar('timestamptz', { precision: 3, zone: 'UTC' }),
  interval: scalar('interval_day'),
  months: scalar('interval_month'),
  decimal: scalar('decimal'),
};

function parsePattern(text: string): Pattern {
  const trimmed = text.trim();
  const lambda = /^\(([^)]*)\)->(.*)$/.exec(trimmed);
  if (lambda)
    return {
      kind: 'function',
      from: lambda[1]!.split(',').map(parsePattern),
      to: parsePattern(lambda[2]!),
    };
  const nested = /^(array|map)\((.*)\)$/.exec(trimmed);
  if (nested?.[1] === 'array') return { kind: 'array', of: parsePattern(nested[2]!) };
  if (nested) {
    const [key, value] = splitTop(nested[2]!);
    return { kind: 'map', key: parsePattern(key!), value: parsePattern(value!) };
  }
  if (/^[A-Z]$/.test(trimmed)) return { kind: 'variable', name: trimmed };
  const type = NAMED[trimmed];
  if (!type) throw new Error(`no such type in the table of functions: ${trimmed}`);
  return { kind: 'type', type };
}

function splitTop(text: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const character of text) {
    if (character === '(') depth++;
    if (character === ')') depth--;
    if (character === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

export function bind(pattern: Pattern, bound: Bindings): TrinoType {
  switch (pattern.kind) {
    case 'variable':
      return bound.get(pattern.name) ?? scalar('unknown');
    case 'type':
      return pattern.type;
    case 'array':
      return arrayOf(bind(pattern.of, bound));
    case 'map':
      return { kind: 'map', key: bind(pattern.key, bound), value: bind(pattern.value, bound) };
    case 'function':
      return bind(pattern.to, bound);
  }
}

type Sql = TrinoFunction['sql'];
type Row = [name: string, signature: string, sql: Sql, more?: Partial<TrinoFunction>];

const TABLE = new Map<string, TrinoFunction[]>();

function add(page: string, rows: Row[], kind: TrinoFunction['kind'] = 'scalar'): void {
  for (const [names, signature, sql, more] of rows) {
    const at = signature.lastIndexOf(' -> ');
    const from = splitTop(at === -1 ? '' : signature.slice(0, at));
    const to = parsePattern(signature.slice(at === -1 ? 3 : at + 4));
    const variadic = from.at(-1)?.endsWith('...') ?? false;
    const entry: TrinoFunction = {
      source: `https://trino.io/docs/current/functions/${page}.html`,
      parameters: from.map((part) => parsePattern(part.replace('...', ''))),
      variadic,
      result: (bound) => bind(to, bound),
      sql,
      kind,
      ...more,
    };
    for (const name of names.split(' ')) {
      const named = entry.sql === '' ? { ...entry, sql: `${name}($*)` } : entry;
      TABLE.set(name, [...(TABLE.get(name) ?? []), named]);
    }
  }
}

export function findFunctions(name: string): readonly TrinoFunction[] {
  return TABLE.get(name) ?? [];
}

/** Every function with where it is from. */
export function listFunctions(): { name: string; source: string }[] {
  return [...TABLE].map(([name, [entry]]) => ({ name, source: entry!.source }));
}

/** A value that fails when it is reached, with a code and message of Trino's. */
export function raise(message: string, type: TrinoType): string {
  return `CAST(CAST(CAST(${message} AS INTEGER) AS VARCHAR) AS ${toDuckdb(type)})`;
}

/**
 * Null in the rows whose evaluation fails. DuckDB's TRY repeats a failed batch row by row and then writes a CASE or
 * COALESCE past its vector, up to 1.5.6: other values, or a crash (https://github.com/duckdb/duckdb/issues/25280). A lambda
 * has vectors of its own.
 */
export function nullOnFailure(sql: string): string {
  return `TRY(list_transform([0], lambda once: ${sql})[1])`;
}

/** A code and message as `raise` takes them. */
export const failure = (text: string) => quoteText(`sluice:${text}`);

const refuse = (text: string): never => {
  throw new Unknown(text);
};

/** What a function does not take; the caller adds the position. */
export class Unknown extends Error {}

const literalOf = (argument: Argument | undefined, what: string): string =>
  argument?.literal ?? refuse(`${what} that is no literal`);

// -- Numbers -------------------------------------------------------------------------------------------------------------

const same = (i: number) => (_: Bindings, args: Argument[]) => args[i]!.type;

add('math', [
  ['abs', 'N -> N', 'abs($1)'],
  ['sign', 'decimal -> decimal', 'CAST(sign($1) AS $type)', { result: () => decimal(1, 0) }],
  ['sign', 'N -> N', (args, result) => `CAST(sign(${args[0]!.sql}) AS ${toDuckdb(result)})`],
  [
    'ceil ceiling',
    'decimal -> decimal',
    'CAST(ceil($1) AS $type)',
    { result: (_, [x]) => wholeOf(x!.type as ScalarType) },
  ],
  ['ceil ceiling', 'N -> N', (args, result) => `CAST(ceil(${args[0]!.sql}) AS ${toDuckdb(result)})`],
  [
    'floor',
    'decimal -> decimal',
    'CAST(floor($1) AS $type)',
    { result: (_, [x]) => wholeOf(x!.type as ScalarType) },
  ],
  ['floor', 'N -> N', (args, result) => `CAST(floor(${args[0]!.sql}) AS ${toDuckdb(result)})`],
  [
    'round',
    'decimal -> decimal',
    'CAST(round($1) AS $type)',
    { result: (_, [x]) => wholeOf(x!.type as ScalarType) },
  ],
  [
    'round',
    'decimal, bigint -> decimal',
    'CAST(round($1, CAST($2 AS INTEGER)) AS $type)',
    {
      result: (_, [x]) => {
        const { precision = 38, scale = 0 } = x!.type as ScalarType;
        return decimal(Math.min(38, precision + 1), scale);
      },
    },
  ],
  ['round', 'N -> N', (args, result) => `CAST(round(${args[0]!.sql}) AS ${toDuckdb(result)})`],
  [
    'round',
    'N, bigint -> N',
    (args, result) => `CAST(round(${args[0]!.sql}, CAST(${args[1]!.sql} AS INTEGER)) AS ${toDuckdb(result)})`,
  ],
  [
    'truncate',
    'decimal -> decimal',
    'CAST(trunc($1) AS $type)',
    { result: (_, [x]) => wholeOf(x!.type as ScalarType) },
  ],
  ['truncate', 'N -> N', (args, result) => `CAST(trunc(${args[0]!.sql}) AS ${toDuckdb(result)})`],
  ['truncate', 'double, bigint -> double', 'trunc($1 * pow(10, $2)) / pow(10, $2)'],
  ['power pow', 'double, double -> double', 'pow($1, $2)'],
  ['sqrt', 'double -> double', "CASE WHEN $1 < 0 THEN CAST('NaN' AS DOUBLE) ELSE sqrt($1) END"],
  [
    'cbrt',
    'double -> double',
    'CASE WHEN pow(round(cbrt($1)), 3) = $1 THEN round(cbrt($1)) ELSE cbrt($1) END',
  ],
  ['exp degrees radians sin cos tan atan sinh cosh tanh', 'double -> double', ''],
  ['asin acos', 'double -> double', ''],
  ['atan2', 'double, double -> double', 'atan2($1, $2)'],
  ['ln', 'double -> double', logarithm('ln')],
  ['log2', 'double -> double', logarithm('log2')],
  ['log10', 'double -> double', logarithm('log10')],
  ['log', 'double, double -> double', 'ln($2) / ln($1)'],
  ['pi', ' -> double', 'pi()'],
  ['e', ' -> double', 'exp(CAST(1 AS DOUBLE))'],
  ['nan', ' -> double', "CAST('NaN' AS DOUBLE)"],
  ['infinity', ' -> double', "CAST('Infinity' AS DOUBLE)"],
  ['is_nan', 'double -> boolean', 'isnan($1)'],
  ['is_finite', 'double -> boolean', 'isfinite($1)'],
  ['is_infinite', 'double -> boolean', 'isinf($1)'],
  ['rand random', ' -> double', 'random()'],
  ['rand random', 'bigint -> bigint', 'CAST(floor(random() * $1) AS BIGINT)'],
  ['from_base', 'varchar, bigint -> bigint', (args) => fromBase(args)],
  [
    'to_base',
    'bigint, bigint -> varchar',
    "CASE WHEN $1 < 0 THEN '-' ELSE '' END || lower(to_base(abs($1), CAST($2 AS INTEGER)))",
  ],
  [
    'width_bucket',
    'double, double, double, bigint -> bigint',
    'CAST(CASE WHEN $1 < least($2, $3) THEN CASE WHEN $2 < $3 THEN 0 ELSE $4 + 1 END WHEN $1 >= greatest($2, $3) THEN CASE WHEN $2 < $3 THEN $4 + 1 ELSE 0 END ELSE floor($4 * abs($1 - $2) / abs($3 - $2)) + 1 END AS BIGINT)',
  ],
]);
function logarithm(name: string): string {
  return `CASE WHEN $1 = 0 THEN CAST('-Infinity' AS DOUBLE) WHEN $1 < 0 THEN CAST('NaN' AS DOUBLE) ELSE ${name}($1) END`;
}

function wholeOf({ precision = 38, scale = 0 }: ScalarType): TrinoType {
  return decimal(Math.min(38, precision - scale + (scale > 0 ? 1 : 0)) || 1, 0);
}

/**
 * The state and the elements in one list of pairs: of DuckDB's own initial value, all have one type, and up to 1.5.6 the lambda
 * reads a column of another row (https://github.com/duckdb/duckdb/issues/25816).
 */
function reduce([list, initial, step, last]: Argument[]): string {
  const element = list!.type.kind === 'array' ? toDuckdb(list!.type.of) : 'INTEGER';
  const pair = (state: string, value: string) =>
    `struct_pack(s := CAST(${state} AS ${toDuckdb(step!.type)}), x := CAST(${value} AS ${element}))`;
  const pairs = `list_prepend(${pair(initial!.sql, 'NULL')}, list_transform(${list!.sql}, lambda $pe: ${pair('NULL', '$pe')}))`;
  const reduced = `list_reduce(${pairs}, lambda $pa, $pb: ${pair(step!.sql, 'NULL')}).s`;
  return `CASE WHEN ${list!.sql} IS NOT NULL THEN list_transform([${reduced}], ${last!.sql})[1] END`;
}

function fromBase([text, base]: Argument[]): string {
  const radix = Number(/\d+/.exec(base!.sql)?.[0]);
  if (radix !== 16 && radix !== 2 && radix !== 10) return refuse('from_base with a base but 2, 10 and 16');
  const digits = `lower(${text!.sql})`;
  if (radix === 10) return `CAST(${text!.sql} AS BIGINT)`;
  return `CAST(list_reduce(list_prepend(CAST(0 AS HUGEINT), list_transform(string_split(${digits}, ''), lambda d: CAST(instr('0123456789abcdef', d) - 1 AS HUGEINT))), lambda a, d: a * ${radix} + d) AS BIGINT)`;
}

add('bitwise', [
  ['bitwise_and', 'bigint, bigint -> bigint', '($1 & $2)'],
  ['bitwise_or', 'bigint, bigint -> bigint', '($1 | $2)'],
  ['bitwise_xor', 'bigint, bigint -> bigint', 'xor($1, $2)'],
  ['bitwise_not', 'bigint -> bigint', '(~$1)'],
  [
    'bit_count',
    'bigint, bigint -> bigint',
    (args) =>
      args[1]!.sql === 'CAST(64 AS BIGINT)' || args[1]!.sql === '64'
        ? `CAST(bit_count(${args[0]!.sql}) AS BIGINT)`
        : refuse('bit_count of other than 64 bits'),
  ],
]);

// -- Conditions ----------------------------------------------------------------------------------------------------------

add('conditional', [
  ['coalesce', 'T... -> T', 'coalesce($*)'],
  ['nullif', 'T, T -> T', 'nullif($1, $2)'],
  ['if', 'boolean, T -> T', 'CASE WHEN $1 THEN $2 END'],
  ['if', 'boolean, T, T -> T', 'CASE WHEN $1 THEN $2 ELSE $3 END'],
  ['try', 'T -> T', nullOnFailure('$1')],
]);
// Null when one of them is null, where DuckDB passes over it.
add('comparison', [
  [
    'greatest',
    'T... -> T',
    (args) =>
      `CASE WHEN ${anyNull(args)} THEN NULL ELSE greatest(${args.map(({ sql }) => sql).join(', ')}) END`,
  ],
  [
    'least',
    'T... -> T',
    (args) => `CASE WHEN ${anyNull(args)} THEN NULL ELSE least(${args.map(({ sql }) => sql).join(', ')}) END`,
  ],
]);
add('conversion', [
  ['typeof', 'T -> varchar', (args) => quoteText(toTrino(args[0]!.type))],
  ['format', 'varchar, T -> varchar', (args) => formatText(args)],
  ['format', 'varchar, T, U -> varchar', (args) => formatText(args)],
  ['format', 'varchar, T, U, V -> varchar', (args) => formatText(args)],
]);

const anyNull = (args: Argument[]) => args.map(({ sql }) => `${sql} IS NULL`).join(' OR ');

/** Java's Formatter, for `%s`, `%d`, `%f` with digits, `%0Nd`, `%%`. */
function formatText([format, ...values]: Argument[]): string {
  let next = 0;
  const parts = literalOf(format, 'a format').split(/(%[-0-9.,]*[a-zA-Z%])/);
  const printed = parts.map((part) => {
    if (!part.startsWith('%')) return quoteText(part);
    if (part === '%%') return "'%'";
    const value = values[next++] ?? refuse('a format with more places than values');
    if (part === '%s') return `coalesce(${toText(value.type, value.sql)}, 'null')`;
    if (part === '%d') return `CAST(${value.sql} AS VARCHAR)`;
    if (/^%(0\d+)?d$/.test(part)) return `printf(${quoteText(part)}, ${value.sql})`;
    const fraction = /^%(?:0(\d+))?(?:\.(\d+))?f$/.exec(part);
    if (fraction && isScalar(value.type, 'double', 'real', 'decimal'))
      return fixed(value, Number(fraction[2] ?? 6), Number(fraction[1] ?? 0));
    return refuse(`the format ${part}`);
  });
  return `(${printed.join(' || ')})`;
}

/** Half away from zero, by the digits that the number is written with. */
function fixed({ sql, type }: Argument, digits: number, width: number): string {
  if (digits > 18) return refuse(`a format with ${digits} digits`);
  const text = `CAST(${isScalar(type, 'real') ? `CAST(${sql} AS DOUBLE)` : sql} AS VARCHAR)`;
  const sign = `CASE WHEN ${text} LIKE '-%' THEN '-' ELSE '' END`;
  const number = `CAST(CAST(ltrim(${text}, '-') AS DECIMAL(38, ${digits})) AS VARCHAR)`;
  const padded =
    width > 0
      ? `lpad(${number}, CAST(greatest(length(${number}), ${width} - length(${sign})) AS INTEGER), '0')`
      : number;
  const whole = `${sign} || ${padded}`;
  return isScalar(type, 'decimal')
    ? `(${whole})`
    : `CASE WHEN isfinite(${sql}) THEN ${whole} ELSE ${raise(failure('NOT_SUPPORTED: local Athena formats finite numbers only'), VARCHAR)} END`;
}

// -- Texts ---------------------------------------------------------------------------------------------------------------

const sameText = same(0);

/** DuckDB's distances go by bytes, Trino's by code points. */
function ofAscii(name: string, [a, b]: Argument[]): string {
  const problem = failure(`NOT_SUPPORTED: local Athena knows the ${name} distance of ASCII texts only`);
  return `CASE WHEN strlen(${a!.sql} || ${b!.sql}) > length(${a!.sql} || ${b!.sql}) THEN ${raise(problem, BIGINT)} ELSE ${name}(${a!.sql}, ${b!.sql}) END`;
}

/** Of the n-th occurrence, from the end where n is negative; they may overlap. */
function positionOf([text, part, n]: Argument[]): string {
  const problem = failure("INVALID_FUNCTION_ARGUMENT: 'instance' must be a positive or negative number.");
  const places = `list_filter(range(1, length(${text!.sql}) + 1), lambda i: substr(${text!.sql}, i, length(${part!.sql})) = ${part!.sql})`;
  return `CASE WHEN ${n!.sql} = 0 THEN ${raise(problem, BIGINT)} WHEN ${part!.sql} = '' THEN 1 WHEN ${text!.sql} IS NOT NULL AND ${part!.sql} IS NOT NULL AND ${n!.sql} IS NOT NULL THEN coalesce(${places}[${n!.sql}], 0) END`;
}

add('string', [
  ['lower', 'varchar -> varchar', ''],
  // Java has no capital of it that is one character.
  ['upper', 'varchar -> varchar', "replace(upper(replace($1, 'ß', chr(57344))), chr(57344), 'ß')"],
  ['length', 'varbinary -> bigint', 'octet_length($1)'],
  ['length', 'varchar -> bigint', 'length($1)'],
  ['reverse', 'array(T) -> array(T)', 'list_reverse($1)'],
  ['reverse', 'varchar -> varchar', 'reverse($1)'],
  ['trim', 'varchar -> varchar', "trim($1, E' \\t\\n\\r\\f\\v')"],
  ['ltrim', 'varchar -> varchar', "ltrim($1, E' \\t\\n\\r\\f\\v')"],
  ['rtrim', 'varchar -> varchar', "rtrim($1, E' \\t\\n\\r\\f\\v')"],
  ['trim ltrim rtrim', 'varchar, varchar -> varchar', ''],
  ['lpad', 'varchar, bigint, varchar -> varchar', 'lpad($1, CAST($2 AS INTEGER), $3)'],
  ['rpad', 'varchar, bigint, varchar -> varchar', 'rpad($1, CAST($2 AS INTEGER), $3)'],
  ['replace', 'varchar, varchar -> varchar', "replace($1, $2, '')"],
  [
    'replace',
    'varchar, varchar, varchar -> varchar',
    (args) =>
      args[1]!.literal === ''
        ? refuse('replace of an empty text')
        : `replace(${args.map(({ sql }) => sql).join(', ')})`,
  ],
  ['split', 'varchar, varchar -> array(varchar)', 'string_split($1, $2)'],
  [
    'split',
    'varchar, varchar, bigint -> array(varchar)',
    'list_concat(list_slice(string_split($1, $2), 1, $3 - 1), CASE WHEN len(string_split($1, $2)) >= $3 THEN [array_to_string(list_slice(string_split($1, $2), $3, len(string_split($1, $2))), $2)] ELSE [] END)',
  ],
  [
    'split_part',
    'varchar, varchar, bigint -> varchar',
    `CASE WHEN $3 <= 0 THEN ${raise(failure('INVALID_FUNCTION_ARGUMENT: Index must be greater than zero'), VARCHAR)} ELSE string_split($1, $2)[$3] END`,
  ],
  [
    'split_to_map',
    'varchar, varchar, varchar -> map(varchar, varchar)',
    "map_from_entries(list_transform(list_filter(string_split($1, $2), lambda s: s <> ''), lambda s: ROW(left(s, instr(s, $3) - 1), substr(s, instr(s, $3) + length($3)))))",
  ],
  ['strpos', 'varchar, varchar -> bigint', 'instr($1, $2)'],
  ['strpos', 'varchar, varchar, bigint -> bigint', positionOf],
  [
    'substr substring',
    'varchar, bigint -> varchar',
    "CASE WHEN $2 = 0 OR abs($2) > length($1) THEN '' ELSE substr($1, $2) END",
  ],
  [
    'substr substring',
    'varchar, bigint, bigint -> varchar',
    "CASE WHEN $2 = 0 OR $3 <= 0 OR abs($2) > length($1) THEN '' WHEN $2 < 0 THEN left(substr($1, $2), $3) ELSE substr($1, $2, $3) END",
  ],
  ['starts_with', 'varchar, varchar -> boolean', 'starts_with($1, $2)'],
  ['ends_with', 'varchar, varchar -> boolean', 'ends_with($1, $2)'],
  ['translate', 'varchar, varchar, varchar -> varchar', 'translate($1, $2, $3)'],
  [
    'concat',
    'varbinary, varbinary... -> varbinary',
    (args) => `(${args.map(({ sql }) => sql).join(' || ')})`,
  ],
  ['concat', 'array(T), array(T)... -> array(T)', (args) => `(${args.map(({ sql }) => sql).join(' || ')})`],
  ['concat', 'varchar, varchar... -> varchar', (args) => `(${args.map(({ sql }) => sql).join(' || ')})`],
  ['concat_ws', 'varchar, array(varchar) -> varchar', 'array_to_string($2, $1)'],
  ['concat_ws', 'varchar, varchar... -> varchar', 'CASE WHEN $1 IS NOT NULL THEN concat_ws($*) END'],
  ['chr', 'bigint -> varchar', 'chr(CAST($1 AS INTEGER))'],
  ['codepoint', 'varchar -> integer', 'unicode($1)'],
  ['levenshtein_distance', 'varchar, varchar -> bigint', (args) => ofAscii('levenshtein', args)],
  ['hamming_distance', 'varchar, varchar -> bigint', (args) => ofAscii('hamming', args)],
  ['normalize', 'varchar -> varchar', 'nfc_normalize($1)'],
  ['to_utf8', 'varchar -> varbinary', 'encode($1)'],
  ['from_utf8', 'varbinary -> varchar', 'decode($1)'],
]);
for (const name of ['lower', 'upper', 'reverse'])
  TABLE.set(
    name,
    TABLE.get(name)!.map((entry) =>
      entry.parameters[0]!.kind === 'type' ? { ...entry, result: sameText } : entry,
    ),
  );

add('binary', [
  ['to_hex', 'varbinary -> varchar', 'hex($1)'],
  ['from_hex', 'varchar -> varbinary', 'unhex($1)'],
  ['to_base64', 'varbinary -> varchar', 'to_base64($1)'],
  ['from_base64', 'varchar -> varbinary', 'from_base64($1)'],
  ['md5', 'varbinary -> varbinary', 'unhex(md5($1))'],
  ['sha1', 'varbinary -> varbinary', 'unhex(sha1($1))'],
  ['sha256', 'varbinary -> varbinary', 'unhex(sha256($1))'],
]);
add('uuid', [['uuid', ' -> uuid', 'uuid()']]);
add('url', [
  [
    'url_extract_protocol',
    'varchar -> varchar',
    "nullif(regexp_extract($1, '^([A-Za-z][A-Za-z0-9+.-]*):', 1), '')",
  ],
  [
    'url_extract_host',
    'varchar -> varchar',
    "nullif(regexp_extract($1, '^[A-Za-z][A-Za-z0-9+.-]*://([^/?#@]*@)?([^/:?#]*)', 2), '')",
  ],
  [
    'url_extract_path',
    'varchar -> varchar',
    "regexp_extract($1, '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*([^?#]*)', 1)",
  ],
  ['url_extract_query', 'varchar -> varchar', "nullif(regexp_extract($1, '\\?([^#]*)', 1), '')"],
  [
    'url_extract_port',
    'varchar -> bigint',
    "TRY_CAST(regexp_extract($1, '^[A-Za-z][A-Za-z0-9+.-]*://[^/:?#]*:(\\d+)', 1) AS BIGINT)",
  ],
  [
    'url_encode',
    'varchar -> varchar',
    "replace(replace(replace(url_encode($1), '%20', '+'), '~', '%7E'), '%2A', '*')",
  ],
  ['url_decode', 'varchar -> varchar', "url_decode(replace($1, '+', '%20'))"],
]);

// Java's pattern syntax and RE2's agree but for what RE2 does not have, which it refuses.
const noFlags = (pattern: string | undefined) =>
  pattern !== undefined && /\(\?[=!<]|\\[1-9]|[*+?}]\+/.test(pattern.replace(/\(\?<[A-Za-z]/g, ''))
    ? refuse('look-around, back references and possessive repetition in a regular expression')
    : pattern;
const matched = (sql: string) => (args: Argument[]) => {
  noFlags(args[1]!.literal);
  return sql.replace(/\$(\d)/g, (_, i: string) => args[Number(i) - 1]!.sql);
};

/** RE2 gives '' for a group that took no part, too, which is null in Trino. */
function groupOrNull(sql: string, [, pattern, group]: Argument[]): string {
  const number = /^(?:CAST\()?(\d+)(?: AS BIGINT\))?$/.exec(group!.sql)?.[1];
  const found =
    pattern!.literal === undefined || number === undefined
      ? { optional: true, empty: true }
      : groupOf(pattern!.literal, Number(number));
  if (!found.optional) return sql;
  if (!found.empty) return `nullif(${sql}, '')`;
  const problem = failure(
    'NOT_SUPPORTED: local Athena cannot tell whether a group of a regular expression is empty or took no part',
  );
  return `CASE WHEN ${sql} = '' THEN ${raise(problem, VARCHAR)} ELSE ${sql} END`;
}

/** Whether a match may leave a group out, and whether the group may be an empty text. */
function groupOf(pattern: string, number: number): { optional: boolean; empty: boolean } {
  if (number === 0) return { optional: false, empty: true };
  const open: { number: number; start: number; alternatives: boolean }[] = [];
  const whole = { number: 0, start: 0, alternatives: false };
  let [groups, body] = [0, ''];
  let optional = false;
  let around: typeof open = [];
  const token = /\\Q.*?(?:\\E|$)|\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]])*\]|\((\?(?:P?<\w+>)?)?|[|)]/gs;
  for (const match of pattern.matchAll(token)) {
    const [text] = match;
    if (text.startsWith('(')) {
      const captures = match[1] === undefined || match[1].endsWith('>');
      open.push({ number: captures ? ++groups : 0, start: match.index + text.length, alternatives: false });
      if (captures && groups === number) around = [...open];
    } else if (text === '|') (open.at(-1) ?? whole).alternatives = true;
    else if (text === ')') {
      const closed = open.pop();
      if (closed === undefined) return { optional: true, empty: true };
      if (!around.includes(closed)) continue;
      if (closed.number === number) body = pattern.slice(closed.start, match.index);
      else optional ||= closed.alternatives;
      optional ||= /^(?:[?*]|\{0?,|\{0\})/.test(pattern.slice(match.index + 1));
    }
  }
  let empty = true;
  try {
    empty = /\\[bB]|[\^$]/.test(body) || new RegExp(`^(?:${body})$`, 's').test('');
  } catch {
    // A pattern that JavaScript does not have.
  }
  return { optional: optional || whole.alternatives, empty };
}

add('regexp', [
  ['regexp_like', 'varchar, varchar -> boolean', matched('regexp_matches($1, $2)')],
  [
    'regexp_extract',
    'varchar, varchar -> varchar',
    matched('CASE WHEN regexp_matches($1, $2) THEN regexp_extract($1, $2) END'),
  ],
  [
    'regexp_extract',
    'varchar, varchar, bigint -> varchar',
    (args) => {
      const group = matched('regexp_extract($1, $2, CAST($3 AS INTEGER))')(args);
      return `CASE WHEN regexp_matches(${args[0]!.sql}, ${args[1]!.sql}) THEN ${groupOrNull(group, args)} END`;
    },
  ],
  ['regexp_extract_all', 'varchar, varchar -> array(varchar)', matched('regexp_extract_all($1, $2)')],
  [
    'regexp_extract_all',
    'varchar, varchar, bigint -> array(varchar)',
    (args) => {
      const groups = matched('regexp_extract_all($1, $2, CAST($3 AS INTEGER))')(args);
      return `list_transform(${groups}, lambda g: ${groupOrNull('g', args)})`;
    },
  ],
  ['regexp_replace', 'varchar, varchar -> varchar', matched("regexp_replace($1, $2, '', 'g')")],
  [
    'regexp_replace',
    'varchar, varchar, varchar -> varchar',
    (args) => {
      noFlags(args[1]!.literal);
      const replacement = literalOf(args[2], 'a replacement');
      const text = replacement
        .replace(/\\(?!\$)/g, '\\\\')
        .replace(/(\\?)\$(\d)?/g, (_, escaped: string, digit?: string) =>
          escaped ? `$${digit ?? ''}` : digit ? `\\${digit}` : '$',
        );
      return `regexp_replace(${args[0]!.sql}, ${args[1]!.sql}, ${quoteText(text)}, 'g')`;
    },
  ],
  ['regexp_split', 'varchar, varchar -> array(varchar)', matched('string_split_regex($1, $2)')],
  ['regexp_count', 'varchar, varchar -> bigint', matched('CAST(len(regexp_extract_all($1, $2)) AS BIGINT)')],
  [
    'regexp_position',
    'varchar, varchar -> integer',
    matched(
      'CAST(CASE regexp_matches($1, $2) WHEN true THEN len(string_split_regex($1, $2)[1]) + 1 WHEN false THEN -1 END AS INTEGER)',
    ),
  ],
]);

// -- Dates and times -----------------------------------------------------------------------------------------------------

const UNITS = ['millisecond', 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'];
const unitOf = (argument: Argument | undefined): string => {
  const unit = literalOf(argument, 'a unit').toLowerCase();
  return UNITS.includes(unit) ? unit : refuse(`the unit ${unit}`);
};
const local = ({ sql, type }: Argument) => localTime(sql, type);
const zoned = (sql: string, type: TrinoType) =>
  isScalar(type, 'timestamptz')
    ? `(${sql} AT TIME ZONE ${quoteText(toDuckdbZone(type.zone ?? 'UTC'))})`
    : sql;
/** A value of a function over local time, back in the argument's type. */
const back = (sql: string, type: TrinoType) =>
  isScalar(type, 'timestamptz')
    ? zoned(`CAST(${sql} AS TIMESTAMP)`, type)
    : `CAST(${sql} AS ${toDuckdb(type)})`;
const part =
  (call: string) =>
  ([x]: Argument[]) =>
    `CAST(${call.replace('$1', () => local(x!))} AS BIGINT)`;

add('datetime', [
  ['now', ' -> timestamptz', 'now()'],
  ['current_timestamp', ' -> timestamptz', 'now()'],
  ['current_date', ' -> date', "CAST(now() AT TIME ZONE 'UTC' AS DATE)"],
  ['localtimestamp', ' -> timestamp', "(now() AT TIME ZONE 'UTC')"],
  ['date', 'varchar -> date', 'CAST($1 AS DATE)'],
  ['date', 'D -> date', ([x]) => `CAST(${local(x!)} AS DATE)`],
  ['year', 'months -> bigint', 'year($1)'],
  ['year', 'D -> bigint', part('year($1)')],
  ['quarter', 'D -> bigint', part('quarter($1)')],
  ['month', 'D -> bigint', part('month($1)')],
  ['week week_of_year', 'D -> bigint', part('week($1)')],
  ['yow year_of_week', 'D -> bigint', part('isoyear($1)')],
  ['day day_of_month', 'D -> bigint', part('day($1)')],
  ['dow day_of_week', 'D -> bigint', part('isodow($1)')],
  ['doy day_of_year', 'D -> bigint', part('dayofyear($1)')],
  ['hour', 'D -> bigint', part('hour($1)')],
  ['minute', 'D -> bigint', part('minute($1)')],
  ['second', 'D -> bigint', part('second($1)')],
  ['millisecond', 'D -> bigint', part('(millisecond($1) % 1000)')],
  ['last_day_of_month', 'D -> date', ([x]) => `last_day(${local(x!)})`],
  [
    'date_trunc',
    'varchar, D -> D',
    ([unit, x]) => back(`date_trunc(${quoteText(unitOf(unit))}, ${local(x!)})`, x!.type),
  ],
  [
    'date_add',
    'varchar, bigint, D -> D',
    ([unit, n, x]) => {
      const name = unitOf(unit);
      if (isScalar(x!.type, 'date') && /second|minute|hour/.test(name))
        return refuse(`the unit ${name} for a date`);
      const interval = `to_${name}s(CAST(${n!.sql} AS INTEGER))`;
      const step =
        name === 'millisecond'
          ? `to_milliseconds(${n!.sql})`
          : name === 'quarter'
            ? `to_months(CAST(${n!.sql} * 3 AS INTEGER))`
            : name === 'second' || name === 'minute' || name === 'hour'
              ? `to_${name}s(${n!.sql})`
              : interval;
      return back(`${local(x!)} + ${step}`, x!.type);
    },
  ],
  [
    'date_diff',
    'varchar, D, D -> bigint',
    ([unit, a, b]) => `date_sub(${quoteText(unitOf(unit))}, ${local(a!)}, ${local(b!)})`,
  ],
  [
    'date_format',
    'D, varchar -> varchar',
    ([x, format]) =>
      `strftime(CAST(${local(x!)} AS TIMESTAMP), ${quoteText(fromMysql(literalOf(format, 'a format'), false))})`,
  ],
  [
    'date_parse',
    'varchar, varchar -> timestamp',
    ([x, format]) => {
      const letters = fromMysql(literalOf(format, 'a format'), true);
      const time = parsed(x!, letters);
      // Two digits are a year from 1970 to 2069.
      return letters.includes('%y')
        ? `(${time} + CASE WHEN year(${time}) = 1969 THEN INTERVAL 100 YEAR ELSE INTERVAL 0 YEAR END)`
        : time;
    },
  ],
  [
    'format_datetime',
    'D, varchar -> varchar',
    ([x, format]) =>
      `strftime(CAST(${local(x!)} AS TIMESTAMP), ${quoteText(fromJoda(literalOf(format, 'a format'), x!.type))})`,
  ],
  [
    'parse_datetime',
    'varchar, varchar -> timestamptz',
    ([x, format]) => {
      const letters = fromJoda(literalOf(format, 'a format'), null);
      const time = parsed(x!, letters);
      // Joda's two digits are a year from 80 years ago on.
      const year = `CASE WHEN year(${time}) > year(now()) + 19 THEN INTERVAL (-100) YEAR WHEN year(${time}) < year(now()) - 80 THEN INTERVAL 100 YEAR ELSE INTERVAL 0 YEAR END`;
      return `(${letters.includes('%y') ? `(${time} + ${year})` : time} AT TIME ZONE 'UTC')`;
    },
  ],
  ['from_unixtime', 'double -> timestamptz', 'to_timestamp(round($1, 3))'],
  [
    'from_unixtime',
    'double, varchar -> timestamptz',
    'to_timestamp(round($1, 3))',
    { result: (_, [, zone]) => scalar('timestamptz', { precision: 3, zone: literalOf(zone, 'a zone') }) },
  ],
  ['to_unixtime', 'D -> double', ([x]) => `epoch(${x!.sql})`],
  ['from_iso8601_date', 'varchar -> date', 'CAST($1 AS DATE)'],
  [
    'from_iso8601_timestamp',
    'varchar -> timestamptz',
    (args) =>
      args[0]!.literal === undefined
        ? `trino_from_iso8601_timestamp(${args[0]!.sql})`
        : `CAST(${args[0]!.sql} AS TIMESTAMPTZ)`,
    {
      result: (_, [x]) =>
        scalar('timestamptz', {
          precision: 3,
          zone: /T.*([+-]\d{2}:\d{2})$/.exec(x!.literal ?? '')?.[1] ?? 'UTC',
        }),
    },
  ],
  ['to_iso8601', 'date -> varchar', 'CAST($1 AS VARCHAR)'],
  [
    'to_iso8601',
    'D -> varchar',
    ([x]) =>
      `strftime(${local(x!)}, '%Y-%m-%dT%H:%M:%S.%g')${isScalar(x!.type, 'timestamptz') ? ` || ${quoteText(utcOnly(x!.type) && 'Z')}` : ''}`,
  ],
  [
    'at_timezone',
    'timestamptz, varchar -> timestamptz',
    '$1',
    { result: (_, [, zone]) => scalar('timestamptz', { precision: 3, zone: literalOf(zone, 'a zone') }) },
  ],
  [
    'with_timezone',
    'timestamp, varchar -> timestamptz',
    ([x, zone]) => `(${x!.sql} AT TIME ZONE ${quoteText(toDuckdbZone(literalOf(zone, 'a zone')))})`,
    { result: (_, [, zone]) => scalar('timestamptz', { precision: 3, zone: literalOf(zone, 'a zone') }) },
  ],
]);

function utcOnly(type: ScalarType): true {
  return /^(UTC|Z|GMT)$/i.test(type.zone ?? 'UTC') || refuse(`the zone ${type.zone} in this format`);
}

function parsed(x: Argument, format: string): string {
  const time = `strptime(${x.sql}, ${quoteText(format)})`;
  if (/^\s|\s$/.test(format)) return time;
  // The engine passes over what is around it.
  const problem = `${failure('INVALID_FUNCTION_ARGUMENT: Invalid format: ')} || '"' || ${x.sql} || '"'`;
  return `CASE WHEN regexp_matches(${x.sql}, '^\\s|\\s$') THEN ${raise(problem, scalar('timestamp'))} ELSE ${time} END`;
}

/** MySQL's letters in those of strftime. https://trino.io/docs/current/functions/datetime.html#mysql-date-functions */
const MYSQL: Record<string, string> = {
  a: '%a',
  b: '%b',
  c: '%-m',
  d: '%d',
  e: '%-d',
  f: '%f',
  H: '%H',
  h: '%I',
  I: '%I',
  i: '%M',
  j: '%j',
  k: '%-H',
  l: '%-I',
  M: '%B',
  m: '%m',
  p: '%p',
  r: '%I:%M:%S %p',
  S: '%S',
  s: '%S',
  T: '%H:%M:%S',
  v: '%V',
  W: '%A',
  Y: '%Y',
  y: '%y',
  '%': '%%',
  x: '%G',
};

function fromMysql(format: string, parsing: boolean): string {
  return format.replace(/%(.?)/g, (_, letter: string) => {
    if (parsing && 'vxjW'.includes(letter)) refuse(`the letter %${letter} when it parses a date`);
    return (
      MYSQL[letter] ?? (/[DUuVwX]/.test(letter) ? refuse(`the letter %${letter} of a date format`) : letter)
    );
  });
}

/** Joda's letters. https://trino.io/docs/current/functions/datetime.html#java-date-functions */
const JODA: Record<string, string> = {
  yyyy: '%Y',
  y: '%Y',
  YYYY: '%Y',
  yy: '%y',
  xxxx: '%G',
  M: '%-m',
  MM: '%m',
  MMM: '%b',
  MMMM: '%B',
  d: '%-d',
  dd: '%d',
  DDD: '%j',
  H: '%-H',
  HH: '%H',
  h: '%-I',
  hh: '%I',
  m: '%-M',
  mm: '%M',
  s: '%-S',
  ss: '%S',
  SSS: '%g',
  SSSSSS: '%f',
  a: '%p',
  E: '%a',
  EE: '%a',
  EEE: '%a',
  EEEE: '%A',
  e: '%u',
  ww: '%V',
};

function fromJoda(format: string, type: TrinoType | null): string {
  return format.replace(/'((?:[^']|'')*)'|([A-Za-z])\2*|%/g, (found, quoted?: string) => {
    if (quoted !== undefined) return quoted === '' ? "'" : quoted.replaceAll("''", "'").replaceAll('%', '%%');
    if (found === '%') return '%%';
    if (type === null && found.startsWith('Z')) return '%z';
    if (type && found.startsWith('Z')) {
      const zone = isScalar(type, 'timestamptz') ? type : scalar('timestamptz');
      utcOnly(zone);
      return found === 'Z' ? '+0000' : found === 'ZZ' ? '+00:00' : 'UTC';
    }
    return JODA[found] ?? refuse(`the letters ${found} of a date format`);
  });
}

// -- Arrays and maps -----------------------------------------------------------------------------------------------------

/** An array's members in Trino's order of array_sort: nulls last. */
const sorted = (sql: string) => `list_sort(${sql}, 'ASC', 'NULLS LAST')`;

add('array', [
  ['cardinality', 'array(T) -> bigint', 'CAST(len($1) AS BIGINT)'],
  ['cardinality', 'map(K, V) -> bigint', 'CAST(cardinality($1) AS BIGINT)'],
  ['element_at', 'array(T), bigint -> T', '$1[$2]'],
  ['element_at', 'map(K, V), K -> V', '$1[$2]'],
  [
    'contains',
    'array(T), T -> boolean',
    'CASE WHEN list_contains($1, $2) THEN true WHEN $1 IS NULL OR $2 IS NULL OR list_count($1) < len($1) THEN NULL ELSE false END',
  ],
  [
    'array_distinct',
    'array(T) -> array(T)',
    'list_filter($1, lambda x, i: NOT coalesce(list_bool_or(list_transform($1[1:i - 1], lambda y: y IS NOT DISTINCT FROM x)), false))',
  ],
  ['array_join', 'array(T), varchar -> varchar', ([x, by]) => `array_to_string(${texts(x!)}, ${by!.sql})`],
  [
    'array_join',
    'array(T), varchar, varchar -> varchar',
    ([x, by, none]) =>
      `array_to_string(list_transform(${texts(x!)}, lambda x: coalesce(x, ${none!.sql})), ${by!.sql})`,
  ],
  ['array_max', 'array(T) -> T', 'CASE WHEN list_count($1) = len($1) THEN list_max($1) END'],
  ['array_min', 'array(T) -> T', 'CASE WHEN list_count($1) = len($1) THEN list_min($1) END'],
  [
    'array_position',
    'array(T), T -> bigint',
    'CASE WHEN $1 IS NOT NULL AND $2 IS NOT NULL THEN CAST(coalesce(list_position($1, $2), 0) AS BIGINT) END',
  ],
  [
    'array_remove',
    'array(T), T -> array(T)',
    'CASE WHEN $2 IS NOT NULL THEN list_filter($1, lambda x: x IS NULL OR x <> $2) END',
  ],
  ['array_sort', 'array(T) -> array(T)', sorted('$1')],
  [
    'array_union',
    'array(T), array(T) -> array(T)',
    'list_filter($1 || $2, lambda x, i: NOT coalesce(list_bool_or(list_transform(($1 || $2)[1:i - 1], lambda y: y IS NOT DISTINCT FROM x)), false))',
  ],
  [
    'array_intersect',
    'array(T), array(T) -> array(T)',
    'list_filter($1, lambda x, i: coalesce(list_bool_or(list_transform($2, lambda y: y IS NOT DISTINCT FROM x)), false) AND NOT coalesce(list_bool_or(list_transform($1[1:i - 1], lambda y: y IS NOT DISTINCT FROM x)), false))',
  ],
  [
    'array_except',
    'array(T), array(T) -> array(T)',
    'list_filter($1, lambda x, i: NOT coalesce(list_bool_or(list_transform($2, lambda y: y IS NOT DISTINCT FROM x)), false) AND NOT coalesce(list_bool_or(list_transform($1[1:i - 1], lambda y: y IS NOT DISTINCT FROM x)), false))',
  ],
  [
    'arrays_overlap',
    'array(T), array(T) -> boolean',
    'CASE WHEN list_has_any($1, $2) THEN true WHEN $1 IS NULL OR $2 IS NULL OR list_count($1) < len($1) OR list_count($2) < len($2) THEN NULL ELSE false END',
  ],
  ['flatten', 'array(array(T)) -> array(T)', 'flatten($1)'],
  ['filter', 'array(T), (T)->boolean -> array(T)', 'list_filter($1, $2)'],
  ['transform', 'array(T), (T)->U -> array(U)', 'list_transform($1, $2)'],
  [
    'any_match',
    'array(T), (T)->boolean -> boolean',
    'CASE WHEN $1 IS NULL THEN NULL WHEN list_bool_or(list_transform($1, $2)) THEN true WHEN list_count(list_transform($1, $2)) < len($1) THEN NULL ELSE false END',
  ],
  [
    'all_match',
    'array(T), (T)->boolean -> boolean',
    'CASE WHEN $1 IS NULL THEN NULL WHEN NOT list_bool_and(list_transform($1, $2)) THEN false WHEN list_count(list_transform($1, $2)) < len($1) THEN NULL ELSE true END',
  ],
  [
    'none_match',
    'array(T), (T)->boolean -> boolean',
    'CASE WHEN $1 IS NULL THEN NULL WHEN list_bool_or(list_transform($1, $2)) THEN false WHEN list_count(list_transform($1, $2)) < len($1) THEN NULL ELSE true END',
  ],
  [
    'zip_with',
    'array(T), array(U), (T,U)->R -> array(R)',
    (args) => `list_transform(list_zip(${args[0]!.sql}, ${args[1]!.sql}), lambda $p: ${args[2]!.sql})`,
  ],
  ['reduce', 'array(T), S, (S,T)->S, (S)->R -> R', reduce],
  [
    'sequence',
    'bigint, bigint -> array(bigint)',
    'CASE WHEN $1 <= $2 THEN generate_series($1, $2) ELSE generate_series($1, $2, -1) END',
  ],
  ['sequence', 'bigint, bigint, bigint -> array(bigint)', 'generate_series($1, $2, $3)'],
  [
    'sequence',
    'date, date -> array(date)',
    'list_transform(generate_series($1, $2, CASE WHEN $1 <= $2 THEN INTERVAL 1 DAY ELSE INTERVAL (-1) DAY END), lambda x: CAST(x AS DATE))',
  ],
  [
    'sequence',
    'date, date, interval -> array(date)',
    'list_transform(generate_series($1, $2, $3), lambda x: CAST(x AS DATE))',
  ],
  // Each from the first: the last day of a month is not carried on.
  [
    'sequence',
    'date, date, months -> array(date)',
    "list_transform(range(0, date_sub('month', $1, $2) // trino_months($3) + 1), lambda i: CAST($1 + to_months(CAST(i * trino_months($3) AS INTEGER)) AS DATE))",
  ],
  ['sequence', 'timestamp, timestamp, interval -> array(timestamp)', 'generate_series($1, $2, $3)'],
  [
    'sequence',
    'timestamp, timestamp, months -> array(timestamp)',
    "list_transform(range(0, date_sub('month', $1, $2) // trino_months($3) + 1), lambda i: $1 + to_months(CAST(i * trino_months($3) AS INTEGER)))",
  ],
  ['repeat', 'T, bigint -> array(T)', 'list_transform(range($2), lambda i: $1)'],
  [
    'slice',
    'array(T), bigint, bigint -> array(T)',
    'CASE WHEN $2 < 0 AND -$2 > len($1) THEN [] ELSE list_slice($1, CASE WHEN $2 < 0 THEN len($1) + $2 + 1 ELSE $2 END, CASE WHEN $2 < 0 THEN len($1) + $2 + 1 ELSE $2 END + $3 - 1) END',
  ],
  ['trim_array', 'array(T), bigint -> array(T)', 'list_slice($1, 1, len($1) - $2)'],
  [
    'shuffle',
    'array(T) -> array(T)',
    'list_transform(list_sort(list_transform($1, lambda x: {o: random(), v: x})), lambda x: x.v)',
  ],
  [
    'zip',
    'array(T), array(U) -> array(T)',
    'list_zip($1, $2)',
    {
      result: (_, args) =>
        arrayOf({
          kind: 'row',
          fields: args.map(({ type }) => ({ name: null, type: type.kind === 'array' ? type.of : type })),
        }),
      sql: (args, result) =>
        `CAST(list_zip(${args.map(({ sql }) => sql).join(', ')}) AS ${toDuckdb(result)})`,
    },
  ],
  [
    'zip',
    'array(T), array(U), array(V) -> array(T)',
    '',
    {
      result: (_, args) =>
        arrayOf({
          kind: 'row',
          fields: args.map(({ type }) => ({ name: null, type: type.kind === 'array' ? type.of : type })),
        }),
      sql: (args, result) =>
        `CAST(list_zip(${args.map(({ sql }) => sql).join(', ')}) AS ${toDuckdb(result)})`,
    },
  ],
]);
function texts(x: Argument): string {
  const of = x.type.kind === 'array' ? x.type.of : x.type;
  return `list_transform(${x.sql}, lambda t: ${toText(of, 't', 5)})`;
}

add('map', [
  ['map', ' -> map(K, V)', 'MAP {}'],
  ['map', 'array(K), array(V) -> map(K, V)', 'map($1, $2)'],
  ['map_keys', 'map(K, V) -> array(K)', 'map_keys($1)'],
  ['map_values', 'map(K, V) -> array(V)', 'map_values($1)'],
  [
    'map_entries',
    'map(K, V) -> array(K)',
    '',
    {
      result: (bound) =>
        arrayOf({
          kind: 'row',
          fields: [
            { name: null, type: bound.get('K')! },
            { name: null, type: bound.get('V')! },
          ],
        }),
      sql: (args, result) =>
        `CAST(list_transform(map_entries(${args[0]!.sql}), lambda e: ROW(e.key, e.value)) AS ${toDuckdb(result)})`,
    },
  ],
  ['map_concat', 'map(K, V), map(K, V)... -> map(K, V)', 'map_concat($*)'],
  [
    'map_filter',
    'map(K, V), (K,V)->boolean -> map(K, V)',
    'map_from_entries(list_filter(map_entries($1), lambda $p: $2))',
  ],
  [
    'transform_values',
    'map(K, V), (K,V)->U -> map(K, U)',
    'map_from_entries(list_transform(map_entries($1), lambda $p: ROW($p.key, $2)))',
  ],
  [
    'transform_keys',
    'map(K, V), (K,V)->U -> map(U, V)',
    'map_from_entries(list_transform(map_entries($1), lambda $p: ROW($2, $p.value)))',
  ],
]);
const mapFromEntries: TrinoFunction = {
  ...TABLE.get('map_keys')![0]!,
  parameters: [{ kind: 'array', of: { kind: 'variable', name: 'T' } }],
  result: (bound) => {
    const row = bound.get('T')!;
    if (row.kind !== 'row' || row.fields.length !== 2)
      return refuse('map_from_entries of other than rows of two');
    return { kind: 'map', key: row.fields[0]!.type, value: row.fields[1]!.type };
  },
  sql: ([x]) => {
    const row = (x!.type as { of: { fields: { name: string | null }[] } }).of;
    const [key, value] = row.fields.map(({ name }, i) => quoteText(name ?? `field${i}`));
    return `map_from_entries(list_transform(${x!.sql}, lambda e: ROW(struct_extract(e, ${key}), struct_extract(e, ${value}))))`;
  },
};
TABLE.set('map_from_entries', [mapFromEntries]);

// -- JSON ----------------------------------------------------------------------------------------------------------------

add('json', [
  ['json_parse', 'varchar -> json', 'CAST($1 AS JSON)'],
  ['json_format', 'json -> varchar', 'CAST(json($1) AS VARCHAR)'],
  ['json_extract', 'json, varchar -> json', 'trino_json_extract($1, $2)'],
  ['json_extract', 'varchar, varchar -> json', 'trino_json_extract($1, $2)'],
  ['json_extract_scalar', 'json, varchar -> varchar', 'trino_json_extract_scalar($1, $2)'],
  ['json_extract_scalar', 'varchar, varchar -> varchar', 'trino_json_extract_scalar($1, $2)'],
  ['json_array_length', 'json -> bigint', 'CAST(trino_json_array_length($1) AS BIGINT)'],
  ['json_array_length', 'varchar -> bigint', 'CAST(trino_json_array_length($1) AS BIGINT)'],
  ['json_array_contains', 'json, T -> boolean', 'list_contains(CAST($1 AS JSON[]), to_json($2))'],
  [
    'json_array_contains',
    'varchar, T -> boolean',
    'list_contains(CAST(CAST($1 AS JSON) AS JSON[]), to_json($2))',
  ],
  ['json_size', 'json, varchar -> bigint', 'trino_json_size($1, $2)'],
  ['json_size', 'varchar, varchar -> bigint', 'trino_json_size($1, $2)'],
  ['is_json_scalar', 'json -> boolean', "json_type($1) NOT IN ('ARRAY', 'OBJECT')"],
  ['is_json_scalar', 'varchar -> boolean', "json_type($1) NOT IN ('ARRAY', 'OBJECT')"],
]);

// -- Aggregates ----------------------------------------------------------------------------------------------------------

const sums = (bound: Bindings) => {
  const type = bound.get('N') as ScalarType;
  return type.name === 'decimal'
    ? decimal(38, type.scale!)
    : /int$/.test(type.name) || type.name === 'integer'
      ? BIGINT
      : type;
};
add(
  'aggregate',
  [
    ['count', 'T -> bigint', 'count($1)'],
    ['count_if', 'boolean -> bigint', 'count_if($1)', { around: 'CAST($ AS BIGINT)' }],
    ['sum', 'interval -> interval', 'sum($1)'],
    ['sum', 'N -> N', 'sum($1)', { result: sums, around: 'CAST($ AS $type)' }],
    ['avg', 'decimal -> decimal', 'avg($1)', { result: same(0), around: 'CAST($ AS $type)' }],
    ['avg', 'double -> double', 'avg($1)'],
    ['avg', 'real -> real', 'avg($1)', { around: 'CAST($ AS $type)' }],
    ['min max', 'T -> T', ''],
    ['min max', 'T, bigint -> array(T)', ''],
    ['max_by', 'T, U -> T', 'arg_max_null($1, $2)'],
    ['min_by', 'T, U -> T', 'arg_min_null($1, $2)'],
    ['max_by', 'T, U, bigint -> array(T)', 'arg_max($1, $2, $3)'],
    ['min_by', 'T, U, bigint -> array(T)', 'arg_min($1, $2, $3)'],
    ['arbitrary any_value', 'T -> T', 'any_value($1)'],
    ['array_agg', 'T -> array(T)', 'list($1)'],
    ['bool_and every', 'boolean -> boolean', 'bool_and($1)'],
    ['bool_or', 'boolean -> boolean', 'bool_or($1)'],
    ['approx_distinct', 'T -> bigint', 'count(DISTINCT $1)'],
    ['approx_distinct', 'T, double -> bigint', 'count(DISTINCT $1)'],
    ['approx_percentile', 'T, double -> T', 'quantile_disc($1, $2)'],
    ['approx_percentile', 'T, array(double) -> array(T)', 'quantile_disc($1, $2)'],
    ['stddev stddev_samp', 'double -> double', 'stddev_samp($1)'],
    ['stddev_pop', 'double -> double', 'stddev_pop($1)'],
    ['variance var_samp', 'double -> double', 'var_samp($1)'],
    ['var_pop', 'double -> double', 'var_pop($1)'],
    ['skewness', 'double -> double', 'skewness($1)'],
    ['corr covar_pop covar_samp regr_slope regr_intercept', 'double, double -> double', ''],
    ['geometric_mean', 'double -> double', 'avg(ln($1))', { around: 'exp($)' }],
    ['bitwise_and_agg', 'bigint -> bigint', 'bit_and($1)'],
    ['bitwise_or_agg', 'bigint -> bigint', 'bit_or($1)'],
    ['histogram', 'T -> map(T, bigint)', 'histogram($1)', { around: 'CAST($ AS $type)' }],
    [
      'map_agg',
      'K, V -> map(K, V)',
      'list(ROW($1, $2))',
      { around: 'map_from_entries(list_filter($, lambda e: e[1] IS NOT NULL))' },
    ],
    ['listagg', 'varchar -> varchar', "string_agg($1, '')"],
    ['listagg', 'varchar, varchar -> varchar', 'string_agg($1, $2)'],
  ],
  'aggregate',
);
add(
  'window',
  [
    ['row_number rank dense_rank', ' -> bigint', ''],
    ['percent_rank cume_dist', ' -> double', ''],
    ['ntile', 'bigint -> bigint', 'ntile($1)'],
    ['first_value last_value', 'T -> T', ''],
    ['nth_value', 'T, bigint -> T', 'nth_value($1, $2)'],
    ['lag lead', 'T -> T', ''],
    ['lag lead', 'T, bigint -> T', ''],
    ['lag lead', 'T, bigint, T -> T', ''],
  ],
  'window',
);
/** Types of an argument and a pattern together. @returns false when they do not fit */
export function unify(pattern: Pattern, type: TrinoType, bound: Bindings): boolean {
  if (isScalar(type, 'unknown') && pattern.kind !== 'variable') return true;
  switch (pattern.kind) {
    case 'variable': {
      if (
        pattern.name === 'N' &&
        !(type.kind === 'scalar' && /int$|integer|decimal|real|double|unknown/.test(type.name))
      )
        return false;
      if (pattern.name === 'N' && isScalar(type, 'interval_day', 'interval_month')) return false;
      if (pattern.name === 'D' && !isScalar(type, 'date', 'timestamp', 'timestamptz', 'time', 'unknown'))
        return false;
      const old = bound.get(pattern.name);
      const common = old ? commonType(old, type) : type;
      if (common === null) return false;
      bound.set(pattern.name, common);
      return true;
    }
    case 'array':
      return type.kind === 'array' && unify(pattern.of, type.of, bound);
    case 'map':
      return (
        type.kind === 'map' && unify(pattern.key, type.key, bound) && unify(pattern.value, type.value, bound)
      );
    case 'function':
      return true;
    case 'type':
      return fits(type, pattern.type);
  }
}

/** Whether a value goes to a parameter's type by itself. */
function fits(from: TrinoType, to: TrinoType): boolean {
  if (to.kind !== 'scalar' || from.kind !== 'scalar') return sameType(from, to);
  if (to.name === 'decimal') return from.name === 'decimal';
  if (to.name === from.name) return true;
  if (to.name === 'varchar') return from.name === 'char';
  const common = commonType(from, to);
  return common !== null && common.kind === 'scalar' && common.name === to.name;
}
