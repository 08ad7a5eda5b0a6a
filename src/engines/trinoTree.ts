import { init, isInitialized, parse } from '@polyglot-sql/sdk';
import { SluiceError } from '../errors';

/**
 * A node of the parser's tree: one key, the kind, with the node's parts. The library's own types name some nine hundred
 * kinds; the translation names those that it takes and refuses all others.
 */
export type TreeNode = Record<string, unknown>;

let loading: Promise<void> | undefined;

/** The parser is WebAssembly: it is compiled once, before anything is parsed. */
export async function loadParser(): Promise<void> {
  if (!isInitialized()) await (loading ??= init());
}

/**
 * A query as a tree. `loadParser` goes first.
 * @throws SluiceError InvalidJob with the place where Trino's grammar ends
 */
export function parseTrino(sql: string): TreeNode {
  const text = castLiterals(sql);
  const { success, ast, error, errorLine, errorColumn } = parse(text, 'trino' as Parameters<typeof parse>[1]);
  if (success && Array.isArray(ast) && ast.length === 1) return ast[0] as unknown as TreeNode;
  const place = errorLine === undefined ? '' : `line ${errorLine}:${errorColumn}: `;
  const problem = (error ?? 'is no statement').replace(/^Parse error at line \d+, column \d+: /, '');
  throw new SluiceError('InvalidJob', `SYNTAX_ERROR: ${place}local Athena cannot read the query: ${problem}`);
}

/**
 * `BIGINT '7'` as a cast, since the parser takes it for few types; `DECIMAL '1.25'` with the digits that it has.
 * https://trino.io/docs/current/language/types.html
 */
function castLiterals(sql: string): string {
  return sql.replace(
    /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\b(TINYINT|SMALLINT|INT|INTEGER|BIGINT|REAL|DOUBLE(?:\s+PRECISION)?|DECIMAL|BOOLEAN|VARCHAR|UUID)\s*('(?:[^']|'')*')/gi,
    (found: string, type: string | undefined, text: string) => {
      if (type === undefined) return found;
      if (!/^decimal$/i.test(type)) return `CAST(${text} AS ${type})`;
      const parts = /^'\s*([+-]?)(\d*)\.?(\d*)\s*'$/.exec(text);
      if (parts === null || parts[2]! + parts[3]! === '') return found;
      const [, sign, whole = '', fraction = ''] = parts;
      const digits = whole.replace(/^0+/, '').length + fraction.length;
      return `CAST('${sign}${whole || '0'}.${fraction || '0'}' AS DECIMAL(${Math.max(1, digits)}, ${fraction.length}))`;
    },
  );
}

/** The kind of a node, and its parts. */
export function kindOf(node: TreeNode): [string, TreeNode] {
  const [kind] = Object.keys(node);
  return [kind ?? '', (node[kind ?? ''] ?? {}) as TreeNode];
}

export function childOf(node: TreeNode, key: string): TreeNode | null {
  return (node[key] as TreeNode | null | undefined) ?? null;
}

export function childrenOf(node: TreeNode, key: string): TreeNode[] {
  return (node[key] as TreeNode[] | null | undefined) ?? [];
}

/** The name of an identifier node, as it is written. */
export function identifierOf(node: TreeNode | null): string | null {
  return node === null ? null : String(node['name']);
}
