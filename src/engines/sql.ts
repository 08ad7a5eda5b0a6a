/** A piece of SQL: a token, or all that is between a bracket and its partner. `space`: white space comes before it. */
export type SqlNode = SqlToken | SqlGroup;

export interface SqlToken {
  kind: 'word' | 'number' | 'text' | 'name' | 'symbol';
  text: string;
  space: boolean;
}

export interface SqlGroup {
  kind: 'group';
  open: '(' | '[';
  nodes: SqlNode[];
  space: boolean;
}

/** White space and comments, texts, quoted names (Hive's have backquotes), numbers, words, and operators. */
const TOKEN =
  /(\s+|--[^\n]*|\/\*[\s\S]*?\*\/)|('(?:[^']|'')*'|\$\$[\s\S]*?\$\$)|("(?:[^"]|"")*"|`[^`]*`)|(\d[\w]*)|([A-Za-z_$][\w$]*)|(->|=>|<=|>=|<>|!=|\|\||::|[\s\S])/g;

/** SQL as a tree of brackets. What does not fit together is left as it is: the engine says what is wrong with it. */
export function parseSql(sql: string): SqlNode[] {
  const root: SqlNode[] = [];
  const open: SqlGroup[] = [];
  let space = false;
  for (const [, blank, text, name, number, word, symbol] of sql.matchAll(TOKEN)) {
    const nodes = open.at(-1)?.nodes ?? root;
    if (blank !== undefined) {
      space = true;
      continue;
    }
    if (symbol === '(' || symbol === '[') {
      const group: SqlGroup = { kind: 'group', open: symbol, nodes: [], space };
      nodes.push(group);
      open.push(group);
    } else if (open.length > 0 && symbol === (open.at(-1)!.open === '(' ? ')' : ']')) {
      open.pop();
    } else if (text !== undefined) nodes.push({ kind: 'text', text, space });
    else if (name !== undefined) nodes.push({ kind: 'name', text: name, space });
    else if (number !== undefined) nodes.push({ kind: 'number', text: number, space });
    else if (word !== undefined) nodes.push({ kind: 'word', text: word, space });
    else nodes.push({ kind: 'symbol', text: symbol!, space });
    space = false;
  }
  return root;
}

export function printSql(nodes: readonly SqlNode[]): string {
  return nodes
    .map((node) => {
      const before = node.space ? ' ' : '';
      if (node.kind !== 'group') return before + node.text;
      return `${before}${node.open}${printSql(node.nodes)}${node.open === '(' ? ')' : ']'}`;
    })
    .join('');
}

/** SQL text in place of nodes. */
export function raw(text: string): SqlToken {
  return { kind: 'symbol', text, space: true };
}

/** Whether a node is one of these words, in any case. */
export function isWord(node: SqlNode | undefined, ...words: string[]): node is SqlToken {
  return node?.kind === 'word' && words.includes(node.text.toUpperCase());
}

export function isSymbol(node: SqlNode | undefined, symbol: string): boolean {
  return node?.kind === 'symbol' && node.text === symbol;
}

export function isParenthesis(node: SqlNode | undefined): node is SqlGroup {
  return node?.kind === 'group' && node.open === '(';
}

/** The name that a word or a quoted name stands for, or null. */
export function nameOf(node: SqlNode | undefined): string | null {
  if (node?.kind === 'word') return node.text;
  if (node?.kind !== 'name') return null;
  return node.text.slice(1, -1).replaceAll('""', '"');
}

/** What a text literal says, or null. */
export function textOf(node: SqlNode | undefined): string | null {
  if (node?.kind !== 'text') return null;
  return node.text.startsWith('$') ? node.text.slice(2, -2) : node.text.slice(1, -1).replaceAll("''", "'");
}

/** Nodes at their commas, but for those between `<` and `>` when `angles` is set. */
export function splitAtCommas(nodes: readonly SqlNode[], angles = false): SqlNode[][] {
  if (nodes.length === 0) return [];
  const parts: SqlNode[][] = [[]];
  let depth = 0;
  for (const node of nodes) {
    if (angles && isSymbol(node, '<')) depth++;
    if (angles && isSymbol(node, '>')) depth--;
    if (depth === 0 && isSymbol(node, ',')) parts.push([]);
    else parts.at(-1)!.push(node);
  }
  return parts;
}

/** Every word and quoted name in it, in lower case. */
export function namesIn(nodes: readonly SqlNode[], found = new Set<string>()): Set<string> {
  for (const node of nodes) {
    if (node.kind === 'group') namesIn(node.nodes, found);
    else found.add(nameOf(node)?.toLowerCase() ?? '');
  }
  return found;
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * SQL of a JSON text whose numbers are texts: DuckDB makes a double of a number with a fraction, whose digits are then gone.
 * @param number the numbers that are, as a regular expression
 */
export function quoteNumbers(
  sql: string,
  number = String.raw`-?[0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?`,
): string {
  const pattern = quoteText(String.raw`("(?:[^"\\]|\\.)*")|(${number})`);
  const marked = String.raw`regexp_replace(${sql}, ${pattern}, '\1' || chr(57344) || '\2' || chr(57345), 'gs')`;
  return `replace(replace(replace(${marked}, chr(57344) || chr(57345), ''), chr(57344), '"'), chr(57345), '"')`;
}
