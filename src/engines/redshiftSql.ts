import type { SqlParameter } from '@aws-sdk/client-redshift-data';
import { SluiceError } from '../errors';
import { findRedshiftFunction, toDuckdbFormat } from './redshiftFunctions';
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

/**
 * A query in Redshift's dialect as DuckDB takes it, for a session with `REDSHIFT_SESSION`.
 * @param parameters stand for `:name`
 * @throws SluiceError InvalidJob for a parameter that is not used and a function or format that is not known
 */
export function rewriteRedshift(sql: string, parameters: readonly SqlParameter[] = []): string {
  const values = new Map(parameters.map(({ name, value }) => [name ?? '', value ?? '']));
  const used = new Set<string>();
  const rewritten = printSql(rewrite(parseSql(sql), { values, used, sql })).trim();
  const unused = [...values.keys()].filter((name) => !used.has(name));
  if (unused.length > 0)
    throw new SluiceError('InvalidJob', `Parameters: the statement has no ":${unused.join('", ":')}"`);
  return rewritten;
}

interface Rewriting {
  values: ReadonlyMap<string, string>;
  used: Set<string>;
  /** The whole text, for the place of what is not known. */
  sql: string;
}

function rewrite(nodes: readonly SqlNode[], rewriting: Rewriting): SqlNode[] {
  const { values, used, sql } = rewriting;
  const result: SqlNode[] = [];
  const inner = (some: readonly SqlNode[]) => rewrite(some, rewriting);
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    const next = nodes[i + 1];
    const word = node.kind === 'word' ? node.text.toUpperCase() : '';
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
    } else if (word === 'SYSDATE') {
      result.push(raw('redshift_getdate()'));
    } else if (word === 'VARCHAR' && isParenthesis(next) && isWord(next.nodes[0], 'MAX')) {
      result.push(node);
      i++;
    } else if (word === 'AVG' && isParenthesis(next)) {
      const end = isWord(nodes[i + 2], 'OVER') ? i + 4 : i + 2;
      const call = printSql(inner(nodes.slice(i + 1, end)));
      result.push(raw(`(sum${call} / nullif(count${call}, 0))`));
      i = end - 1;
    } else if (word === 'LISTAGG' && isParenthesis(next)) {
      const order = isWord(nodes[i + 2], 'WITHIN') ? nodes[i + 4] : undefined;
      const [value = '', delimiter = "''"] = splitAtCommas(next.nodes).map((part) => printSql(inner(part)));
      const sorted = isParenthesis(order) ? ` ${printSql(inner(order.nodes))}` : '';
      result.push(raw(`string_agg(${value}, ${delimiter}${sorted})`));
      i += sorted === '' ? 1 : 4;
    } else if (Object.hasOwn(CALLS, word) && isParenthesis(next)) {
      const parts = splitAtCommas(next.nodes).map((part) => printSql(inner(part)).trim());
      result.push(raw(CALLS[word]!(parts)));
      i++;
    } else if (node.kind === 'word' && isParenthesis(next) && !isListed(nodes, i)) {
      const name = findRedshiftFunction(word);
      if (name === null) throw unknown(node.text, sql);
      result.push({ ...node, text: name });
      if (['DATEADD', 'DATEDIFF', 'DATE_TRUNC', 'DATE_PART'].includes(word)) {
        result.push({ ...next, nodes: inner(withQuotedUnit(next.nodes)) });
        i++;
      } else if (word === 'SUBSTRING' || word === 'SUBSTR') {
        const comma: SqlNode = { kind: 'symbol', text: ',', space: false };
        const commas = next.nodes.map((part) => (isWord(part, 'FROM', 'FOR') ? comma : part));
        result.push({ ...next, nodes: inner(commas) });
        i++;
      }
    } else result.push(node);
  }
  return result;
}

/** A name with its columns: `AS t(a, b)`, `WITH t(a, b) AS (…)`. */
function isListed(nodes: readonly SqlNode[], i: number): boolean {
  const before = nodes[i - 1];
  return (
    isWord(before, 'AS') ||
    before?.kind === 'group' ||
    (isWord(nodes[i + 2], 'AS') && isParenthesis(nodes[i + 3]))
  );
}

function unknown(name: string, sql: string): SluiceError {
  const at = sql.search(new RegExp(`\\b${name}\\s*\\(`));
  const lines = sql.slice(0, at).split('\n');
  return new SluiceError(
    'InvalidJob',
    `line ${lines.length}:${lines.at(-1)!.length + 1}: local Redshift does not know the function ${name.toLowerCase()}; run this job with SLUICE_ENGINES=aws, or write it with those that it knows`,
  );
}

/** Functions whose arguments decide what becomes of them. */
const CALLS: Record<string, (parts: string[]) => string> = {
  DECODE: ([value = '', ...rest]) => {
    const pairs = rest.length >> 1;
    const cases = Array.from(
      { length: pairs },
      (_, i) => `WHEN ${value} IS NOT DISTINCT FROM ${rest[2 * i]} THEN ${rest[2 * i + 1]}`,
    );
    return `CASE ${cases.join(' ')}${rest.length % 2 === 1 ? ` ELSE ${rest.at(-1)}` : ''} END`;
  },
  TO_CHAR: ([value, format]) => `strftime(${value}, ${formatOf('to_char', format)})`,
  TO_DATE: ([value, format]) => `CAST(strptime(${value}, ${formatOf('to_date', format)}) AS DATE)`,
  TO_TIMESTAMP: ([value, format]) =>
    `(strptime(${value}, ${formatOf('to_timestamp', format)}) AT TIME ZONE 'UTC')`,
  JSON_EXTRACT_PATH_TEXT: printPathText,
};

function formatOf(name: string, literal = ''): string {
  const format = /^'.*'$/s.test(literal) ? toDuckdbFormat(literal.slice(1, -1)) : null;
  if (format !== null) return quoteText(format);
  throw new SluiceError(
    'InvalidJob',
    `${name}: local Redshift does not know the format ${literal}; it knows YYYY, MM, DD, HH24, HH12, MI, SS, MS, US and AM`,
  );
}

/** `dateadd(day, 1, x)` with its unit as a text. */
function withQuotedUnit([unit, ...rest]: readonly SqlNode[]): SqlNode[] {
  if (unit?.kind !== 'word' || !isSymbol(rest[0], ',')) return [...(unit ? [unit] : []), ...rest];
  return [{ kind: 'text', text: quoteText(unit.text.toLowerCase()), space: false }, ...rest];
}

/** `json_extract_path_text(json, 'a', 'b' [, null_if_invalid])`: null for a path that is not there. */
function printPathText(parts: string[]): string {
  const hasFlag = /^(true|false)$/i.test(parts.at(-1) ?? '');
  const [json = '', ...path] = hasFlag ? parts.slice(0, -1) : parts;
  const text = `json_extract_string(${json}, '$' || ${path.map((element) => `'."' || ${element} || '"'`).join(' || ')})`;
  return hasFlag && /true/i.test(parts.at(-1)!) ? `(CASE WHEN json_valid(${json}) THEN ${text} END)` : text;
}
