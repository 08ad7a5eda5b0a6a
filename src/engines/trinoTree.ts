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
  const { success, ast, error, errorLine, errorColumn } = parse(sql, 'trino' as Parameters<typeof parse>[1]);
  if (success && Array.isArray(ast) && ast.length === 1) return ast[0] as unknown as TreeNode;
  const place = errorLine === undefined ? '' : `line ${errorLine}:${errorColumn}: `;
  const text = (error ?? 'is no statement').replace(/^Parse error at line \d+, column \d+: /, '');
  throw new SluiceError('InvalidJob', `SYNTAX_ERROR: ${place}local Athena cannot read the query: ${text}`);
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
