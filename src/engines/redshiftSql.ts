import type { SqlParameter } from '@aws-sdk/client-redshift-data';
import { SluiceError } from '../errors';
import {
  isParenthesis,
  isSymbol,
  isWord,
  nameOf,
  parseSql,
  printSql,
  quoteText,
  raw,
  splitAtCommas,
  type SqlNode,
} from './sql';

/** What a DuckDB session needs before SQL in Redshift's dialect runs in it. */
export const REDSHIFT_SESSION = [
  "SET TimeZone = 'UTC'",
  'SET integer_division = true',
  "SET default_null_order = 'nulls_last_on_asc_first_on_desc'",
  'CREATE MACRO redshift_getdate() AS CAST(now() AS TIMESTAMP)',
  'CREATE MACRO redshift_nvl2(x, a, b) AS CASE WHEN x IS NULL THEN b ELSE a END',
  'CREATE MACRO redshift_charindex(part, x) AS instr(x, part)',
  `CREATE MACRO redshift_dateadd(unit, n, x) AS x + CAST('1 ' || unit AS INTERVAL) * n`,
  `CREATE MACRO redshift_convert_timezone(zone, x) AS (x AT TIME ZONE 'UTC') AT TIME ZONE zone, (source, zone, x) AS (x AT TIME ZONE source) AT TIME ZONE zone`,
  'CREATE MACRO redshift_json_parse(x) AS CAST(x AS JSON)',
  'CREATE MACRO redshift_json_serialize(x) AS CAST(x AS VARCHAR)',
  `CREATE MACRO redshift_json_array_length(x) AS json_array_length(x), (x, n) AS CASE WHEN NOT n OR json_valid(x) THEN json_array_length(x) END`,
  `CREATE MACRO redshift_json_extract_array_element_text(x, i) AS CASE WHEN i >= 0 THEN json_extract_string(x, '$[' || i || ']') END, (x, i, n) AS CASE WHEN i >= 0 AND (NOT n OR json_valid(x)) THEN json_extract_string(x, '$[' || i || ']') END`,
];

const MACROS = new Set(
  REDSHIFT_SESSION.flatMap((sql) => /^CREATE MACRO redshift_(\w+)/.exec(sql)?.[1] ?? []),
);

/** Functions that DuckDB has under another name. */
const FUNCTIONS: Record<string, string> = {
  nvl: 'coalesce',
  len: 'length',
  is_valid_json: 'json_valid',
  can_json_parse: 'json_valid',
};

/**
 * A query in Redshift's dialect as DuckDB takes it, for a session with `REDSHIFT_SESSION`.
 * @param parameters stand for `:name`
 * @throws SluiceError InvalidJob for a parameter that is not used
 */
export function rewriteRedshift(sql: string, parameters: readonly SqlParameter[] = []): string {
  const values = new Map(parameters.map(({ name, value }) => [name ?? '', value ?? '']));
  const used = new Set<string>();
  const rewritten = printSql(rewrite(parseSql(sql), values, used)).trim();
  const unused = [...values.keys()].filter((name) => !used.has(name));
  if (unused.length > 0)
    throw new SluiceError('InvalidJob', `Parameters: the statement has no ":${unused.join('", ":')}"`);
  return rewritten;
}

function rewrite(nodes: readonly SqlNode[], values: Map<string, string>, used: Set<string>): SqlNode[] {
  const result: SqlNode[] = [];
  const inner = (some: readonly SqlNode[]) => rewrite(some, values, used);
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    const next = nodes[i + 1];
    const parameter = isSymbol(node, ':') && next?.space === false ? nameOf(next) : null;
    if (parameter !== null && values.has(parameter)) {
      used.add(parameter);
      result.push(raw(quoteText(values.get(parameter)!)));
      i++;
    } else if (node.kind === 'group') {
      result.push({ ...node, nodes: inner(node.nodes) });
    } else if (nameOf(node)?.toLowerCase() === 'awsdatacatalog' && isSymbol(next, '.')) {
      const table = nodes[i + 2];
      if (table) result.push({ ...table, space: node.space });
      i += 2;
    } else if (nameOf(node)?.toUpperCase() === 'SYSDATE') {
      result.push(raw('redshift_getdate()'));
    } else if (isWord(node, 'VARCHAR') && isParenthesis(next) && isWord(next.nodes[0], 'MAX')) {
      result.push(node);
      i++;
    } else if (isWord(node, 'JSON_EXTRACT_PATH_TEXT') && isParenthesis(next)) {
      result.push(raw(printPathText(next.nodes, inner)));
      i++;
    } else if (node.kind === 'word' && isParenthesis(next)) {
      const lower = node.text.toLowerCase();
      result.push({
        ...node,
        text: MACROS.has(lower) ? `redshift_${lower}` : (FUNCTIONS[lower] ?? node.text),
      });
      if (isWord(node, 'DATEADD', 'DATEDIFF', 'DATE_TRUNC')) {
        result.push({ ...next, nodes: inner(withQuotedUnit(next.nodes)) });
        i++;
      }
    } else result.push(node);
  }
  return result;
}

/** `dateadd(day, 1, x)` with its unit as a text. */
function withQuotedUnit([unit, ...rest]: readonly SqlNode[]): SqlNode[] {
  if (unit?.kind !== 'word' || !isSymbol(rest[0], ',')) return [...(unit ? [unit] : []), ...rest];
  return [{ kind: 'text', text: quoteText(unit.text.toLowerCase()), space: false }, ...rest];
}

/** `json_extract_path_text(json, 'a', 'b' [, null_if_invalid])`: null for a path that is not there. */
function printPathText(nodes: readonly SqlNode[], inner: (nodes: readonly SqlNode[]) => SqlNode[]): string {
  const parts = splitAtCommas(nodes);
  const last = parts.at(-1);
  const hasFlag = last?.length === 1 && isWord(last[0], 'TRUE', 'FALSE');
  const [json = '', ...path] = (hasFlag ? parts.slice(0, -1) : parts).map((part) =>
    printSql(inner(part)).trim(),
  );
  const text = `json_extract_string(${json}, '$' || ${path.map((element) => `'."' || ${element} || '"'`).join(' || ')})`;
  return hasFlag && isWord(last[0], 'TRUE') ? `(CASE WHEN json_valid(${json}) THEN ${text} END)` : text;
}
