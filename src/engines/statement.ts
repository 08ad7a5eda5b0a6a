import { SluiceError } from '../errors';
import {
  isParenthesis,
  isSymbol,
  isWord,
  nameOf,
  parseSql,
  printSql,
  splitAtCommas,
  textOf,
  type SqlNode,
} from './sql';

export interface TableName {
  database: string;
  name: string;
}

/** What is left of a statement about tables, read from its beginning: Hive's DDL, which the parser of queries does not take. */
export class Statement {
  private nodes: readonly SqlNode[];

  constructor(
    readonly sql: string,
    readonly database: string,
  ) {
    this.nodes = parseSql(sql);
  }

  get next(): SqlNode | undefined {
    return this.nodes[0];
  }

  take(): SqlNode | undefined {
    const [first, ...rest] = this.nodes;
    this.nodes = rest;
    return first;
  }

  takeWords(...words: string[]): boolean {
    if (!words.every((word, i) => isWord(this.nodes[i], word))) return false;
    this.nodes = this.nodes.slice(words.length);
    return true;
  }

  /** `table`, `database.table` or `awsdatacatalog.database.table`, in lower case. */
  takeTable(): TableName {
    // SHOW CREATE TABLE writes both names in one pair of quotes.
    const parts = this.takeName().split('.');
    while (isSymbol(this.next, '.')) {
      this.take();
      parts.push(this.takeName());
    }
    const name = parts.pop()!;
    return { database: parts.pop() ?? this.database.toLowerCase(), name };
  }

  takeName(): string {
    return nameOf(this.next) === null ? this.fail() : nameOf(this.take())!.toLowerCase();
  }

  takeText(): string {
    return textOf(this.next) === null ? this.fail() : textOf(this.take())!;
  }

  takeList(): SqlNode[][] {
    const group = this.take();
    return isParenthesis(group) ? splitAtCommas(group.nodes, true) : this.fail();
  }

  /** The text in the next brackets. */
  takeGroup(): string {
    const group = this.take();
    return isParenthesis(group) ? printSql(group.nodes).trim() : this.fail();
  }

  /** All that is left, as text. */
  takeRest(): string {
    const rest = printSql(this.nodes).trim();
    this.nodes = [];
    return rest;
  }

  /** `('a' = 'b', …)`, also with Hive's double quotes, or `(a = 'b', …)`. */
  takeProperties(): Record<string, string> {
    return Object.fromEntries(
      this.takeList().map(([key, , ...value]) => [
        textOf(key) ?? (key?.kind === 'name' ? nameOf(key) : nameOf(key)?.toLowerCase()) ?? '',
        textOf(value[0]) ?? (value[0]?.kind === 'name' ? nameOf(value[0])! : printSql(value).trim()),
      ]),
    );
  }

  end(): void {
    if (this.next !== undefined) this.fail();
  }

  fail(): never {
    const rest = printSql(this.nodes).trim();
    const at = rest === '' ? this.sql.length : Math.max(0, this.sql.lastIndexOf(rest.slice(0, 40)));
    const before = this.sql.slice(0, at);
    const place = `line ${before.split('\n').length}:${at - before.lastIndexOf('\n')}`;
    throw new SluiceError(
      'JobFailed',
      `SYNTAX_ERROR: ${place}: local Athena does not know "${rest.slice(0, 60) || 'the end of the statement here'}"; docs/local-mode.md has the statements that it takes`,
    );
  }
}
