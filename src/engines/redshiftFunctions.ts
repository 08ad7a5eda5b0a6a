/**
 * Redshift's functions on DuckDB. What is in no table here is refused: DuckDB has functions of the same names that answer
 * otherwise. https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions.html
 */

/** Functions of DuckDB's that do the same. */
const SAME = new Set(
  `abs acos ascii asin atan atan2 any_value bool_and bool_or cbrt ceil ceiling char_length character_length chr coalesce
   cos cot count cume_dist date date_diff date_part datediff degrees dense_rank exp extract first_value floor greatest json_array_length
   lag last_day last_value lead least left length listagg ln log lower ltrim max md5 median min nth_value ntile nullif
   percent_rank percentile_cont percentile_disc pi position pow power radians random rank repeat replace reverse right
   round row_number rtrim sha1 sign sin sqrt stddev stddev_pop stddev_samp strpos sum tan translate trim trunc upper var_pop
   var_samp variance`.split(/\s+/),
);

/** Functions that DuckDB has under another name. */
const RENAMED: Record<string, string> = {
  btrim: 'trim',
  can_json_parse: 'json_valid',
  is_valid_json: 'json_valid',
  len: 'length',
  nvl: 'coalesce',
  octet_length: 'strlen',
  replicate: 'repeat',
  textlen: 'length',
};

const PARTS_FROM_ONE = "error('split_part: the part must be greater than zero')";
const PLAIN_TEXT = "error('regexp_replace: local Redshift knows a replacement without \\ and $ only')";

const BY_ZERO = "error('Divide by zero')";
/** https://docs.aws.amazon.com/redshift/latest/dg/r_numeric_computations201.html: its digits are Redshift's own. */
const OF_DECIMALS =
  "error('local Redshift does not know the quotient of decimals; cast one to float, as in x::float / y, and round it')";

/** What a DuckDB session needs before SQL in Redshift's dialect runs in it. */
export const REDSHIFT_SESSION = [
  "SET TimeZone = 'UTC'",
  'SET integer_division = true',
  "SET default_null_order = 'nulls_last_on_asc_first_on_desc'",
  // The operators themselves: DuckDB calls them by these names where division is of integers.
  `CREATE MACRO "//"(a, b) AS CASE WHEN typeof(a) LIKE 'DECIMAL%' OR typeof(b) LIKE 'DECIMAL%' THEN ${OF_DECIMALS} WHEN b = 0 THEN ${BY_ZERO} ELSE divide(a, b) END`,
  `CREATE MACRO "%"(a, b) AS CASE WHEN b = 0 THEN ${BY_ZERO} ELSE mod(a, b) END`,
  `CREATE MACRO redshift_mod(a, b) AS CASE WHEN b = 0 THEN ${BY_ZERO} ELSE mod(a, b) END`,
  'CREATE MACRO redshift_getdate() AS CAST(now() AS TIMESTAMP)',
  'CREATE MACRO redshift_nvl2(x, a, b) AS CASE WHEN x IS NULL THEN b ELSE a END',
  'CREATE MACRO redshift_charindex(part, x) AS instr(x, part)',
  'CREATE MACRO redshift_concat(a, b) AS a || b',
  `CREATE MACRO redshift_lpad(x, n) AS lpad(x, n, ' '), (x, n, fill) AS lpad(x, n, fill)`,
  `CREATE MACRO redshift_rpad(x, n) AS rpad(x, n, ' '), (x, n, fill) AS rpad(x, n, fill)`,
  // A place before the first character is one, too.
  'CREATE MACRO redshift_substring(x, a) AS substring(x, greatest(a, 1)), (x, a, n) AS CASE WHEN a < 1 THEN left(x, greatest(a + n - 1, 0)) ELSE substring(x, a, n) END',
  `CREATE MACRO redshift_split_part(x, d, n) AS CASE WHEN n > 0 THEN split_part(x, d, n) WHEN n <= 0 THEN ${PARTS_FROM_ONE} END`,
  `CREATE MACRO redshift_regexp_replace(x, p) AS regexp_replace(x, p, '', 'g'), (x, p, r) AS CASE WHEN r LIKE '%\\%' OR r LIKE '%$%' THEN ${PLAIN_TEXT} ELSE regexp_replace(x, p, r, 'g') END`,
  'CREATE MACRO redshift_substr(x, a) AS redshift_substring(x, a), (x, a, n) AS redshift_substring(x, a, n)',
  'CREATE MACRO redshift_regexp_substr(x, p) AS regexp_extract(x, p)',
  'CREATE MACRO redshift_regexp_count(x, p) AS len(regexp_extract_all(x, p))',
  'CREATE MACRO redshift_regexp_instr(x, p) AS CASE regexp_matches(x, p) WHEN true THEN len(string_split_regex(x, p)[1]) + 1 WHEN false THEN 0 END',
  `CREATE MACRO redshift_initcap(x) AS array_to_string(list_transform(regexp_extract_all(lower(x), '[\\p{L}\\p{N}]+|[^\\p{L}\\p{N}]+'), lambda w: upper(left(w, 1)) || substring(w, 2)), '')`,
  `CREATE MACRO redshift_dateadd(unit, n, x) AS x + CAST('1 ' || unit AS INTERVAL) * n`,
  'CREATE MACRO redshift_date_trunc(unit, x) AS CAST(date_trunc(unit, x) AS TIMESTAMP)',
  `CREATE MACRO redshift_add_months(x, n) AS CAST(CASE WHEN CAST(x AS DATE) = last_day(CAST(x AS DATE)) THEN last_day(CAST(x AS DATE) + to_months(CAST(n AS INTEGER))) + (CAST(x AS TIMESTAMP) - date_trunc('day', CAST(x AS TIMESTAMP))) ELSE CAST(x AS TIMESTAMP) + to_months(CAST(n AS INTEGER)) END AS TIMESTAMP)`,
  `CREATE MACRO redshift_convert_timezone(zone, x) AS (x AT TIME ZONE 'UTC') AT TIME ZONE zone, (source, zone, x) AS (x AT TIME ZONE source) AT TIME ZONE zone`,
  'CREATE MACRO redshift_json_parse(x) AS CAST(x AS JSON)',
  'CREATE MACRO redshift_json_serialize(x) AS CAST(x AS VARCHAR)',
  `CREATE MACRO redshift_json_array_length(x) AS json_array_length(x), (x, n) AS CASE WHEN NOT n OR json_valid(x) THEN json_array_length(x) END`,
  `CREATE MACRO redshift_json_extract_array_element_text(x, i) AS CASE WHEN i >= 0 THEN json_extract_string(x, '$[' || i || ']') END, (x, i, n) AS CASE WHEN i >= 0 AND (NOT n OR json_valid(x)) THEN json_extract_string(x, '$[' || i || ']') END`,
];

const MACROS = new Set(
  REDSHIFT_SESSION.flatMap((sql) => /^CREATE MACRO redshift_(\w+)/.exec(sql)?.[1] ?? []),
);

/** Words that stand before a bracket and are no function. */
const WORDS = new Set(
  `all and any as between bigint by case char character decimal distinct else except exists filter float from group having in
   intersect is join like limit not numeric nvarchar offset on or order over partition select similar some then time
   timestamp to try_cast union using values varchar when where with within cast`.split(/\s+/),
);

/** What the local engine calls a function, or null for one that it does not know. */
export function findRedshiftFunction(name: string): string | null {
  const lower = name.toLowerCase();
  if (MACROS.has(lower)) return `redshift_${lower}`;
  if (lower in RENAMED) return RENAMED[lower]!;
  return SAME.has(lower) || WORDS.has(lower) ? name : null;
}

/** Patterns of a date's format that mean the same in both. */
const FORMATS: Record<string, string> = {
  YYYY: '%Y',
  YY: '%y',
  MM: '%m',
  DD: '%d',
  HH24: '%H',
  HH12: '%I',
  HH: '%I',
  MI: '%M',
  SS: '%S',
  MS: '%g',
  US: '%f',
  AM: '%p',
  PM: '%p',
};

/**
 * A format of `to_char`, `to_date` and `to_timestamp` as DuckDB takes it, or null for one with other patterns.
 * https://docs.aws.amazon.com/redshift/latest/dg/r_FORMAT_strings.html
 */
export function toDuckdbFormat(format: string): string | null {
  const parts = format.match(/HH24|HH12|YYYY|[A-Z]{2}|[^A-Za-z"%]+|./g) ?? [];
  const translated = parts.map((part) => FORMATS[part] ?? (/^[^A-Za-z"%]+$/.test(part) ? part : null));
  return translated.includes(null) ? null : translated.join('');
}
