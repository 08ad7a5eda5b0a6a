/** Texts (with backslashes only in `E'…'`), `$tag$` texts, quoted names, comments, words, and any other character. */
const TOKEN =
  /\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$(?:[A-Za-z_]\w*)?\$)[\s\S]*?\1|--[^\n]*|\/\*[\s\S]*?\*\/|\w[\w$]*|[\s\S]/g;

/** The tokens of a script; a comment becomes a space. */
export function* tokensOf(sql: string): Generator<string> {
  for (const [token] of sql.matchAll(TOKEN)) yield /^(--|\/\*)/.test(token) ? ' ' : token;
}

/** Statements at their semicolons, but for those in texts, quoted names and comments. */
export function splitStatements(sql: string): string[] {
  const statements = [''];
  for (const token of tokensOf(sql)) {
    if (token === ';') statements.push('');
    else statements[statements.length - 1] += token;
  }
  return statements.map((statement) => statement.trim()).filter((statement) => statement !== '');
}

export function toSql(value: string | string[]): string {
  return Array.isArray(value)
    ? `[${value.map(toSql).join(', ')}]::VARCHAR[]`
    : `'${value.replaceAll("'", "''")}'`;
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
