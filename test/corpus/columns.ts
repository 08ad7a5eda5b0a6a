import {
  isParenthesis,
  isWord,
  parseSql,
  printSql,
  splitAtCommas,
  type SqlNode,
} from '../../src/engines/sql';
import type { CorpusStatement } from './readStatements';

/** They have an answer for null. */
const TAKE_NULL = ['typeof', 'reduce', 'json_object', 'json_array', 'row', 'concat_ws'];

/**
 * `f('a', 2)` as `f(c0, c1)` over a row with the values and a row of nulls; null for a statement of another form. The
 * functions that take part give null for null: https://trino.io/docs/current/functions.html
 */
export function overColumns({ sql, kind }: CorpusStatement): string | null {
  const [select, name, group, ...rest] = parseSql(sql);
  if (kind === 'aggregate' || kind === 'window' || rest.length > 0) return null;
  if (!isWord(select, 'SELECT') || name?.kind !== 'word' || !isParenthesis(group)) return null;
  if (TAKE_NULL.includes(name.text.toLowerCase())) return null;
  const args = splitAtCommas(group.nodes);
  const columns = new Map(args.flatMap((arg, i) => (isLiteral(arg) ? [[i, `c${i}`]] : [])));
  if (columns.size === 0) return null;
  const names = [...columns.values()].join(', ');
  const values = [...columns.keys()].map((i) => printSql(args[i]!)).join(', ');
  const nulls = [...columns.keys()].map(() => 'NULL').join(', ');
  const call = args.map((arg, i) => columns.get(i) ?? printSql(arg)).join(', ');
  return `SELECT ${name.text}(${call}) FROM (VALUES (${values}), (${nulls})) AS t(${names})`;
}

function isLiteral(nodes: readonly SqlNode[]): boolean {
  const [first, second] = nodes;
  if (nodes.length === 1) return first!.kind === 'text' || first!.kind === 'number';
  return nodes.length === 2 && isWord(first, 'DATE', 'TIMESTAMP') && second!.kind === 'text';
}
