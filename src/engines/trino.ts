import { SluiceError } from '../errors';
import { quoteName, quoteNumbers, quoteText } from './sql';
import { castTo, tryCastTo } from './trinoCast';
import {
  bind,
  failure,
  findFunctions,
  nullOnFailure,
  raise,
  unify,
  Unknown,
  type Argument,
  type Bindings,
  type TrinoFunction,
} from './trinoFunctions';
import { childOf, childrenOf, identifierOf, kindOf, parseTrino, type TreeNode } from './trinoTree';
import {
  arrayOf,
  asDecimal,
  BIGINT,
  BOOLEAN,
  commonType,
  DATE,
  decimal,
  DOUBLE,
  fieldName,
  INTEGER,
  isInteger,
  isNumeric,
  isScalar,
  isText,
  sameType,
  scalar,
  toDuckdb,
  toDuckdbZone,
  toTrino,
  UNKNOWN,
  VARCHAR,
  type ScalarType,
  type TrinoType,
} from './trinoTypes';

/** What a DuckDB session needs before translated SQL runs in it. UTC is Athena's session zone. */
export const TRINO_SESSION = [
  "SET TimeZone = 'UTC'",
  // JSON paths with names in brackets: DuckDB has quoted names only.
  `CREATE MACRO trino_path(p) AS regexp_replace(p, '\\[[''"]([^''"]*)[''"]\\]', '."\\1"', 'g')`,
  // What is no JSON is null, and a scalar is one only when it is no array and no object.
  'CREATE MACRO trino_json_extract(j, p) AS CASE WHEN json_valid(CAST(j AS VARCHAR)) THEN json_extract(j, trino_path(p)) END',
  // A number out of a text keeps its digits; one of a JSON value has been a double in Trino too.
  `CREATE MACRO trino_quoted_numbers(t) AS ${quoteNumbers('t')}`,
  `CREATE MACRO trino_json_extract_scalar(j, p) AS CASE WHEN json_valid(CAST(j AS VARCHAR)) THEN CASE json_type(j, trino_path(p)) WHEN 'ARRAY' THEN NULL WHEN 'OBJECT' THEN NULL WHEN 'DOUBLE' THEN CASE typeof(j) WHEN 'JSON' THEN json_extract_string(j, trino_path(p)) ELSE json_extract_string(trino_quoted_numbers(CAST(j AS VARCHAR)), trino_path(p)) END ELSE json_extract_string(j, trino_path(p)) END END`,
  `CREATE MACRO trino_json_array_length(x) AS CASE WHEN json_valid(CAST(x AS VARCHAR)) AND json_type(x) = 'ARRAY' THEN json_array_length(x) END`,
  `CREATE MACRO trino_json_size(x, p) AS CAST(CASE WHEN x IS NULL OR p IS NULL THEN NULL ELSE CASE json_type(x, trino_path(p)) WHEN 'ARRAY' THEN json_array_length(x, trino_path(p)) WHEN 'OBJECT' THEN len(json_keys(x, trino_path(p))) ELSE 0 END END AS BIGINT)`,
  // A text in another zone would lose it.
  `CREATE MACRO trino_from_iso8601_timestamp(x) AS CASE WHEN regexp_matches(x, 'T.*[+-][0-9]{2}') AND NOT regexp_matches(x, '[+-]00(:?00)?$') THEN CAST(CAST(CAST('sluice:NOT_SUPPORTED: local Athena keeps times of day in UTC alone, and from_iso8601_timestamp got ' || x AS INTEGER) AS VARCHAR) AS TIMESTAMPTZ) ELSE CAST(x AS TIMESTAMPTZ) END`,
  // Java's text of a double: scientific from 10^7 on and below 10^-3. \`t\` is DuckDB's text without sign.
  `CREATE MACRO trino_digits(t) AS rtrim(ltrim(replace(split_part(t, 'e', 1), '.', ''), '0'), '0')`,
  `CREATE MACRO trino_exponent(t) AS CASE
     WHEN contains(t, 'e') THEN CAST(split_part(t, 'e', 2) AS INTEGER)
     WHEN t LIKE '0.%' THEN length(ltrim(split_part(t, '.', 2), '0')) - length(split_part(t, '.', 2)) - 1
     ELSE length(split_part(t, '.', 1)) - 1 END`,
  `CREATE MACRO trino_scientific(t) AS left(trino_digits(t), 1) || '.' || coalesce(nullif(substr(trino_digits(t), 2), ''), '0') || 'E' || trino_exponent(t)`,
  `CREATE MACRO trino_double(x) AS CASE
     WHEN isnan(x) THEN 'NaN'
     WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END
     WHEN x = 0 OR abs(x) >= 0.001 AND abs(x) < 1e7 THEN CAST(x AS VARCHAR)
     ELSE CASE WHEN x < 0 THEN '-' ELSE '' END || trino_scientific(CAST(abs(x) AS VARCHAR)) END`,
  `CREATE MACRO trino_milliseconds(x) AS CAST(round(epoch(x) * 1000) AS BIGINT)`,
  `CREATE MACRO trino_interval_day(x) AS CASE WHEN trino_milliseconds(x) < 0 THEN '-' ELSE '' END || printf('%d %02d:%02d:%02d.%03d', abs(trino_milliseconds(x)) // 86400000, abs(trino_milliseconds(x)) // 3600000 % 24, abs(trino_milliseconds(x)) // 60000 % 60, abs(trino_milliseconds(x)) // 1000 % 60, abs(trino_milliseconds(x)) % 1000)`,
  `CREATE MACRO trino_months(x) AS year(x) * 12 + month(x)`,
  `CREATE MACRO trino_interval_month(x) AS CASE WHEN trino_months(x) < 0 THEN '-' ELSE '' END || (abs(trino_months(x)) // 12) || '-' || (abs(trino_months(x)) % 12)`,
  // Half away from zero, as Trino's decimals are rounded.
  `CREATE MACRO trino_divide(n, d) AS (CASE WHEN (n < 0) = (d < 0) THEN 1 ELSE -1 END) * ((2 * abs(n) + abs(d)) // (2 * abs(d)))`,
];

/** A table as the translation sees it. */
export interface TrinoTable {
  database: string;
  name: string;
  columns: { name: string; type: TrinoType }[];
  /** The text of a view's query, and the database of names in it. */
  view?: string;
  /** SQL of DuckDB's with the rows, for what is no table of files. */
  rows?: string;
}

export interface TrinoContext {
  /** The database of names without one. */
  database: string;
  /** Literals for the `?`, in their order. */
  parameters?: readonly string[];
  /** Both names in lower case. */
  find(database: string, name: string): TrinoTable | null;
  /** The views that the query is inside of, and how many were put in the place of their names: one may name itself, or two that name two each. */
  views?: { open: readonly string[]; counted: { views: number } };
}

/** How many views a query may come to, however they lie in each other. */
const MOST_VIEWS = 500;

/** A query in DuckDB's dialect, its columns `c0`, `c1`, …. */
export interface Translated {
  sql: string;
  columns: { name: string | null; type: TrinoType }[];
}

/**
 * A query in Trino's dialect as DuckDB takes it, for a session with `TRINO_SESSION`. Every function and type is one of the
 * tables in `trinoFunctions.ts` and `trinoTypes.ts`; `loadParser` goes first.
 * @throws SluiceError InvalidJob with Trino's code, the position and what is not known
 */
export function translateTrino(sql: string, context: TrinoContext): Translated {
  const translator = new Translator(sql, context);
  const translated = translator.query(parseTrino(sql), new Scope());
  translator.finish();
  return translated;
}

interface ScopeColumn {
  name: string | null;
  type: TrinoType;
  sql: string;
  /** Not among those of `*`. */
  hidden?: boolean;
}

interface Relation {
  alias: string | null;
  database?: string;
  columns: ScopeColumn[];
}

interface Compared extends Argument {
  /** What a row is written with. */
  fields?: readonly Compared[];
}

interface Expression extends Compared {
  /** The name that a column of a result gets from it. */
  name?: string;
}

/** What names stand for. */
class Scope {
  readonly relations: Relation[] = [];
  readonly queries = new Map<string, { name: string; columns: { name: string | null; type: TrinoType }[] }>();
  readonly variables = new Map<string, Expression>();
  windows = new Map<string, TreeNode>();

  constructor(readonly parent: Scope | null = null) {}

  findQuery(name: string): ReturnType<Scope['queries']['get']> {
    return this.queries.get(name) ?? this.parent?.findQuery(name);
  }
}

const CODE_LINE = /\n/g;
const COMPARISONS: Record<string, string> = { eq: '=', neq: '<>', lt: '<', lte: '<=', gt: '>', gte: '>=' };
const ARITHMETIC: Record<string, string> = { add: '+', sub: '-', mul: '*', div: '/', mod: '%' };
const QUANTIFIED: Record<string, string> = { Eq: '=', Neq: '<>', Lt: '<', Lte: '<=', Gt: '>', Gte: '>=' };
/** The parser's names for functions that have nodes of their own. */
const RENAMED: Record<string, string> = {
  parse_json: 'json_parse',
  rand: 'random',
  substring: 'substr',
  str_position: 'strpos',
  logical_and: 'bool_and',
  logical_or: 'bool_or',
  n_tile: 'ntile',
  list_agg: 'listagg',
  if_func: 'if',
  mod_func: 'mod',
};
const PARTS = [
  'this',
  'expression',
  'expressions',
  'path',
  'start',
  'length',
  'substr',
  'occurrence',
  'num_buckets',
  'separator',
  'condition',
  'true_value',
  'false_value',
  'offset',
  'default',
  'seed',
];

interface Call {
  name: string;
  args: TreeNode[];
  star: boolean;
  distinct: boolean;
  filter: TreeNode | null;
  orderBy: TreeNode[];
  ignoreNulls: boolean;
}

class Translator {
  private relations = 0;
  private lambdas = 0;
  private readonly parameters: string[];

  constructor(
    private readonly source: string,
    private readonly context: TrinoContext,
  ) {
    this.parameters = [...(context.parameters ?? [])];
  }

  finish(): void {
    if (this.parameters.length > 0)
      throw new SluiceError(
        'InvalidJob',
        `INVALID_PARAMETER_USAGE: ExecutionParameters: ${this.parameters.length} more than the query has "?"`,
      );
  }

  // -- Queries -----------------------------------------------------------------------------------------------------------

  query(node: TreeNode, parent: Scope): Translated {
    const [kind, parts] = kindOf(balance(node));
    const scope = new Scope(parent);
    const before = this.withQueries(childOf(parts, 'with'), scope);
    let translated: Translated;
    if (kind === 'select') translated = this.select(parts, scope);
    else if (kind === 'union' || kind === 'intersect' || kind === 'except')
      translated = this.setOperation(kind, parts, scope);
    else if (kind === 'values') translated = this.values(parts, scope);
    else if (kind === 'subquery' || kind === 'paren') {
      const inner = this.query(childOf(parts, 'this')!, scope);
      translated = {
        ...inner,
        sql: `SELECT * FROM (${inner.sql})${this.orderAndLimit(parts, inner, scope)}`,
      };
    } else return this.unknown(`the statement ${kind}`, parts);
    return { ...translated, sql: before + translated.sql };
  }

  private withQueries(node: TreeNode | null, scope: Scope): string {
    if (node === null) return '';
    const recursive = node['recursive'] === true;
    const queries = childrenOf(node, 'ctes').map((cte) => {
      const written = identifierOf(childOf(cte, 'alias'))!;
      const name = `q${this.relations++}`;
      const names = childrenOf(cte, 'columns').map(identifierOf);
      const named = (columns: Translated['columns']) =>
        columns.map(({ name: own, type }, i) => ({ name: names[i] ?? own, type }));
      const body = childOf(cte, 'this')!;
      if (recursive) {
        const [kind, union] = kindOf(body);
        if (kind === 'union') {
          const first = this.query(childOf(union, 'left')!, scope);
          scope.queries.set(written.toLowerCase(), { name, columns: named(first.columns) });
        }
      }
      const translated = this.query(body, scope);
      scope.queries.set(written.toLowerCase(), { name, columns: named(translated.columns) });
      const columns = translated.columns.map((_, i) => `c${i}`).join(', ');
      return `${name}(${columns}) AS (${translated.sql})`;
    });
    return `WITH ${recursive ? 'RECURSIVE ' : ''}${queries.join(', ')} `;
  }

  private setOperation(kind: string, parts: TreeNode, scope: Scope): Translated {
    const [left, right] = [
      this.query(childOf(parts, 'left')!, scope),
      this.query(childOf(parts, 'right')!, scope),
    ];
    if (left.columns.length !== right.columns.length)
      this.fail(
        'TYPE_MISMATCH',
        `${kind} query has different number of fields: ${left.columns.length}, ${right.columns.length}`,
        parts,
      );
    const columns = left.columns.map(({ name, type }, i) => {
      const other = right.columns[i]!.type;
      const common = commonType(type, other);
      if (common === null)
        this.fail(
          'TYPE_MISMATCH',
          `column ${i + 1} in ${kind} query has incompatible types: ${toTrino(type)}, ${toTrino(other)}`,
          parts,
        );
      return { name, type: common };
    });
    const cast = (query: Translated) =>
      `SELECT ${columns.map(({ type }, i) => `${this.convert({ sql: `c${i}`, type: query.columns[i]!.type }, type)} AS c${i}`).join(', ')} FROM (${query.sql})`;
    const all = parts['all'] === true ? ' ALL' : '';
    const translated = { columns, sql: `${cast(left)} ${kind.toUpperCase()}${all} ${cast(right)}` };
    const tail = this.orderAndLimit(parts, translated, scope);
    return tail === '' ? translated : { columns, sql: `SELECT * FROM (${translated.sql})${tail}` };
  }

  /** Of a query whose columns alone can be named. */
  private orderAndLimit(parts: TreeNode, { columns }: Translated, scope: Scope): string {
    const inner = new Scope(scope);
    inner.relations.push({
      alias: null,
      columns: columns.map(({ name, type }, i) => ({ name, type, sql: `c${i}` })),
    });
    const orderBy = childOf(parts, 'order_by');
    const order = orderBy
      ? ` ORDER BY ${childrenOf(orderBy, 'expressions')
          .map((item) => this.orderItem(item, inner))
          .join(', ')}`
      : '';
    return order + this.limit(parts, inner);
  }

  private limit(parts: TreeNode, scope: Scope): string {
    const fetch = childOf(parts, 'fetch');
    if (fetch?.['with_ties'] === true) this.unknown('FETCH … WITH TIES', parts);
    const count = fetch ? childOf(fetch, 'count') : countOf(childOf(parts, 'limit'));
    const offset = countOf(childOf(parts, 'offset'));
    const print = (node: TreeNode) => this.expression(node, scope).sql;
    const isAll = count !== null && kindOf(count)[0] === 'column';
    return `${count && !isAll ? ` LIMIT ${print(count)}` : ''}${offset ? ` OFFSET ${print(offset)}` : ''}`;
  }

  private values(parts: TreeNode, scope: Scope): Translated {
    const rows = childrenOf(parts, 'expressions').map((row) => {
      const items = childrenOf(row, 'expressions');
      const [kind, tuple] = items.length === 1 ? kindOf(items[0]!) : ['', {}];
      // VALUES (1, 2) and VALUES ROW(1, 2) are rows of two; VALUES 1 is a row of one.
      const isRow = kind === 'function' && String(tuple['name']).toUpperCase() === 'ROW';
      return (isRow ? childrenOf(tuple, 'args') : items).map((item) => this.expression(item, scope));
    });
    const types = rows[0]!.map((_, i) =>
      rows.reduce<TrinoType>((type, row) => {
        const common = row[i] ? commonType(type, row[i].type) : null;
        if (common === null) this.fail('TYPE_MISMATCH', 'Values rows have mismatched types', parts);
        return common;
      }, UNKNOWN),
    );
    const printed = rows.map(
      (row) => `(${row.map((value, i) => this.convert(value, types[i]!)).join(', ')})`,
    );
    const names = types.map((_, i) => `c${i}`).join(', ');
    const translated = {
      columns: types.map((type) => ({ name: null, type })),
      sql: `SELECT * FROM (VALUES ${printed.join(', ')}) AS v(${names})`,
    };
    return { ...translated, sql: translated.sql + this.orderAndLimit(parts, translated, scope) };
  }

  private select(parts: TreeNode, scope: Scope): Translated {
    for (const key of [
      'distinct_on',
      'qualify',
      'lateral_views',
      'cluster_by',
      'connect',
      'top',
      'sample',
      'into',
    ])
      if (childOf(parts, key) !== null && childrenOf(parts, key).length !== 0)
        this.unknown(key.replace('_', ' ').toUpperCase(), parts);
    for (const window of childrenOf(parts, 'windows'))
      scope.windows.set(identifierOf(childOf(window, 'name'))!.toLowerCase(), childOf(window, 'spec')!);
    const from = this.from(parts, scope);
    const items = childrenOf(parts, 'expressions').flatMap((item) => this.selectItem(item, scope));
    const where = childOf(parts, 'where_clause');
    const printedWhere = where ? ` WHERE ${this.condition(childOf(where, 'this')!, scope)}` : '';
    const groupBy = this.groupBy(childOf(parts, 'group_by'), items, scope);
    const having = childOf(parts, 'having');
    const printedHaving = having ? ` HAVING ${this.condition(childOf(having, 'this')!, scope)}` : '';
    const orderBy = childOf(parts, 'order_by');
    const order = orderBy
      ? ` ORDER BY ${childrenOf(orderBy, 'expressions')
          .map((item) => this.orderItem(item, this.orderScope(item, items, scope)))
          .join(', ')}`
      : '';
    const columns = items.map(({ name, type }) => ({ name: name ?? null, type }));
    const selected = items.map(({ sql }, i) => `${sql} AS c${i}`).join(', ');
    const distinct = parts['distinct'] === true ? 'DISTINCT ' : '';
    return {
      columns,
      sql: `SELECT ${distinct}${selected}${from}${printedWhere}${groupBy}${printedHaving}${order}${this.limit(parts, scope)}`,
    };
  }

  /** ORDER BY sees the names of the result first, then those of the tables. */
  private orderScope(item: TreeNode, items: readonly Expression[], scope: Scope): Scope {
    const inner = new Scope(scope);
    inner.windows = scope.windows;
    const isBare = kindOf(childOf(item, 'this') ?? {})[0] === 'column';
    const seen = new Set<string>();
    const columns = items.flatMap(({ name, type, sql }, i) => {
      const key = name?.toLowerCase();
      if (key === undefined || seen.has(key)) return [];
      seen.add(key);
      return [{ name: key, type, sql: isBare ? `c${i}` : sql }];
    });
    inner.relations.push({ alias: null, columns });
    return inner;
  }

  private selectItem(node: TreeNode, scope: Scope): Expression[] {
    const [kind, parts] = kindOf(node);
    if (kind === 'star') {
      if (childrenOf(parts, 'except').length > 0 || childrenOf(parts, 'replace').length > 0)
        this.unknown('* with EXCEPT or REPLACE', parts);
      const table = identifierOf(childOf(parts, 'table'))?.toLowerCase();
      const found = scope.relations.filter(({ alias }) => table === undefined || alias === table);
      if (found.length === 0)
        this.fail(
          'SYNTAX_ERROR',
          table === undefined
            ? 'SELECT * not allowed in queries without FROM clause'
            : `Unable to resolve reference ${table}`,
          childOf(parts, 'table'),
        );
      return found.flatMap(({ columns }) =>
        columns
          .filter(({ hidden }) => !hidden)
          .map(({ name, type, sql }) => ({ sql, type, ...(name === null ? {} : { name }) })),
      );
    }
    if (kind === 'alias') {
      const value = this.expression(childOf(parts, 'this')!, scope);
      return [{ ...value, name: identifierOf(childOf(parts, 'alias'))! }];
    }
    const value = this.expression(node, scope);
    const name =
      kind === 'column'
        ? identifierOf(childOf(parts, 'name'))
        : kind === 'dot'
          ? identifierOf(childOf(parts, 'field'))
          : null;
    const { sql, type } = value;
    return [{ sql, type, ...(name === null ? {} : { name }) }];
  }

  private groupBy(node: TreeNode | null, items: readonly Expression[], scope: Scope): string {
    if (node === null) return '';
    if (node['all'] === true && childrenOf(node, 'expressions').length === 0)
      this.unknown('GROUP BY ALL', node);
    const print = (item: TreeNode): string => {
      const [kind, parts] = kindOf(item);
      const name = String(parts['name']).toUpperCase();
      if (kind === 'function' && ['ROLLUP', 'CUBE', 'GROUPING SETS'].includes(name))
        return `${name} (${childrenOf(parts, 'args').map(print).join(', ')})`;
      if (kind === 'tuple') return `(${childrenOf(parts, 'expressions').map(print).join(', ')})`;
      const ordinal = ordinalOf(item);
      if (ordinal === null) return this.expression(item, scope).sql;
      const selected = items[ordinal - 1];
      if (!selected)
        this.fail('INVALID_COLUMN_REFERENCE', `GROUP BY position ${ordinal} is not in select list`, parts);
      return String(ordinal);
    };
    return ` GROUP BY ${childrenOf(node, 'expressions').map(print).join(', ')}`;
  }

  private orderItem(item: TreeNode, scope: Scope): string {
    const node = childOf(item, 'this')!;
    const sql = ordinalOf(node) === null ? this.expression(node, scope).sql : String(ordinalOf(node));
    return `${sql}${item['desc'] === true ? ' DESC' : ''} NULLS ${item['nulls_first'] === true ? 'FIRST' : 'LAST'}`;
  }

  // -- FROM --------------------------------------------------------------------------------------------------------------

  private from(parts: TreeNode, scope: Scope): string {
    const from = childOf(parts, 'from');
    if (from === null) return '';
    const first = childrenOf(from, 'expressions').map((item) => this.relation(item, scope));
    return ` FROM ${first.join(' CROSS JOIN ')}${this.joins(childrenOf(parts, 'joins'), scope)}`;
  }

  private joins(joins: readonly TreeNode[], scope: Scope): string {
    return joins.map((join) => this.join(join, scope)).join('');
  }

  private join(join: TreeNode, scope: Scope): string {
    const kind = String(join['kind']);
    const using = childrenOf(join, 'using').map((name) => identifierOf(name)!.toLowerCase());
    const words: Record<string, string> = {
      Cross: 'CROSS',
      Implicit: 'CROSS',
      Inner: 'INNER',
      Left: 'LEFT',
      Right: 'RIGHT',
      Full: 'FULL',
    };
    if (words[kind] === undefined) this.unknown(`${kind.toUpperCase()} JOIN`, join);
    const before = scope.relations.length;
    const relation = this.relation(childOf(join, 'this')!, scope);
    if (using.length > 0) {
      const right = scope.relations.slice(before).flatMap(({ columns }) => columns);
      const left = scope.relations.slice(0, before).flatMap(({ columns }) => columns);
      const pairs = using.map((name) => {
        const [a, b] = [left, right].map((columns) =>
          columns.find((column) => column.name?.toLowerCase() === name && !column.hidden),
        );
        if (!a || !b)
          this.fail('COLUMN_NOT_FOUND', `Column '${name}' is missing from one side of join`, join);
        return [a, b] as const;
      });
      const on = pairs.map(([a, b]) => this.comparison('=', a, b, join)).join(' AND ');
      const merged = pairs.map(([a, b]) => ({
        name: a.name,
        type: commonType(a.type, b.type)!,
        sql: kind === 'Full' || kind === 'Right' ? `coalesce(${a.sql}, ${b.sql})` : a.sql,
      }));
      const used = new Set(pairs.flat());
      for (const other of scope.relations)
        other.columns = other.columns.filter((column) => !used.has(column));
      scope.relations.unshift({ alias: null, columns: merged });
      return ` ${words[kind]} JOIN ${relation} ON ${on}`;
    }
    const on = childOf(join, 'on');
    if (words[kind] === 'CROSS') return ` CROSS JOIN ${relation}`;
    if (on === null) this.fail('SYNTAX_ERROR', `${kind.toUpperCase()} JOIN needs ON or USING`, join);
    return ` ${words[kind]} JOIN ${relation} ON ${this.condition(on, scope)}`;
  }

  private relation(node: TreeNode, scope: Scope): string {
    const [kind, parts] = kindOf(node);
    if (kind === 'alias') {
      const alias = identifierOf(childOf(parts, 'alias'));
      const names = childrenOf(parts, 'column_aliases').map((name) => identifierOf(name)!);
      const [inner, innerParts] = kindOf(childOf(parts, 'this')!);
      if (inner === 'unnest') return this.unnest(innerParts, alias, names, scope);
      return this.derived(childOf(parts, 'this')!, alias, names, scope);
    }
    if (kind === 'unnest') return this.unnest(parts, null, [], scope);
    if (kind === 'values') {
      const names = childrenOf(parts, 'column_aliases').map((name) => identifierOf(name)!);
      return this.derived(node, identifierOf(childOf(parts, 'alias')), names, scope);
    }
    if (kind === 'table') return this.table(parts, scope);
    if (kind === 'subquery') {
      const names = childrenOf(parts, 'column_aliases').map((name) => identifierOf(name)!);
      return this.derived(
        node,
        identifierOf(childOf(parts, 'alias')),
        names,
        scope,
        parts['lateral'] === true,
      );
    }
    if (kind === 'paren') return this.relation(childOf(parts, 'this')!, scope);
    if (kind === 'joined_table') {
      const left = this.relation(childOf(parts, 'left')!, scope);
      return `(${left}${this.joins(childrenOf(parts, 'joins'), scope)})`;
    }
    return this.unknown(
      kind === 'table_sample' ? 'TABLESAMPLE' : `a table by ${kind.replaceAll('_', ' ')}`,
      parts,
    );
  }

  private derived(
    node: TreeNode,
    alias: string | null,
    names: string[],
    scope: Scope,
    lateral = false,
  ): string {
    const [kind, parts] = kindOf(node);
    const inner = kind === 'subquery' ? childOf(parts, 'this')! : node;
    const outer = lateral ? scope : new Scope(scope.parent);
    if (!lateral) for (const [name, query] of scope.queries) outer.queries.set(name, query);
    const query = this.query(inner, outer);
    const name = this.add(query.columns, alias, names, scope, parts);
    return `${lateral ? 'LATERAL ' : ''}(${query.sql}) AS ${name}`;
  }

  /** @returns the relation's name in the SQL */
  private add(
    columns: Translated['columns'],
    alias: string | null,
    names: string[],
    scope: Scope,
    node: TreeNode,
  ): string {
    const name = `r${this.relations++}`;
    if (names.length > 0 && names.length !== columns.length)
      this.fail(
        'MISMATCHED_COLUMN_ALIASES',
        `Column alias list has ${names.length} entries but '${alias}' has ${columns.length} columns available`,
        node,
      );
    scope.relations.push({
      alias: alias?.toLowerCase() ?? null,
      columns: columns.map(({ name: own, type }, i) => ({
        name: names[i] ?? own,
        type,
        sql: `${name}.c${i}`,
      })),
    });
    return name;
  }

  private table(parts: TreeNode, scope: Scope): string {
    if (childOf(parts, 'table_sample') !== null) this.unknown('TABLESAMPLE', parts);
    if (childOf(parts, 'version') !== null) this.unknown('FOR … AS OF, which Iceberg tables have', parts);
    const written = identifierOf(childOf(parts, 'name'))!;
    const schema = identifierOf(childOf(parts, 'schema'))?.toLowerCase();
    const catalog = identifierOf(childOf(parts, 'catalog'))?.toLowerCase();
    const alias = identifierOf(childOf(parts, 'alias')) ?? written;
    const names = childrenOf(parts, 'column_aliases').map((name) => identifierOf(name)!);
    if (catalog !== undefined && catalog !== 'awsdatacatalog')
      this.fail('CATALOG_NOT_FOUND', `Catalog '${catalog}' not found`, childOf(parts, 'catalog'));
    const query = schema === undefined ? scope.findQuery(written.toLowerCase()) : undefined;
    if (query) return `${query.name} AS ${this.add(query.columns, alias, names, scope, parts)}`;
    const database = schema ?? this.context.database.toLowerCase();
    const table = this.context.find(database, written.toLowerCase());
    if (table === null)
      return this.fail(
        'TABLE_NOT_FOUND',
        `Table 'awsdatacatalog.${database}.${written.toLowerCase()}' does not exist`,
        childOf(parts, 'name'),
      );
    if (table.view !== undefined) {
      const { open, counted } = this.context.views ?? { open: [], counted: { views: 0 } };
      const view = `${database}.${table.name}`;
      if (open.includes(view))
        this.fail('VIEW_IS_RECURSIVE', `Statement is recursive: view '${view}'`, childOf(parts, 'name'));
      if (++counted.views > MOST_VIEWS)
        this.fail('QUERY_TEXT_TOO_LARGE', `the query comes to more than ${MOST_VIEWS} views`, null);
      const views = { open: [...open, view], counted };
      const inner = translateTrino(table.view, { ...this.context, parameters: [], database, views });
      const columns = inner.columns.map(({ type }, i) => ({
        name: table.columns[i]?.name ?? inner.columns[i]!.name,
        type,
      }));
      return `(${inner.sql}) AS ${this.add(columns, alias, names, scope, parts)}`;
    }
    const name = `r${this.relations++}`;
    const columns: ScopeColumn[] = table.columns.map((column, i) => ({
      name: names[i] ?? column.name,
      type: column.type,
      sql: `${name}.${quoteName(column.name)}`,
    }));
    if (table.rows === undefined)
      columns.push({ name: '$path', type: VARCHAR, sql: `${name}."$path"`, hidden: true });
    scope.relations.push({ alias: alias.toLowerCase(), database, columns });
    return `${table.rows === undefined ? `${quoteName(database)}.${quoteName(table.name)}` : `(${table.rows})`} AS ${name}`;
  }

  /** DuckDB's unnest in a SELECT list goes through several lists at once and pads the shorter with null, as Trino's does. */
  private unnest(parts: TreeNode, alias: string | null, names: string[], scope: Scope): string {
    const values = [childOf(parts, 'this')!, ...childrenOf(parts, 'expressions')].map((node) =>
      this.expression(node, scope),
    );
    const columns: Translated['columns'] = [];
    const lists: string[] = [];
    const outer: string[] = [];
    for (const { sql, type } of values) {
      if (type.kind === 'map') {
        lists.push(`map_keys(${sql})`, `map_values(${sql})`);
        outer.push(`u.e${lists.length - 2}`, `u.e${lists.length - 1}`);
        columns.push({ name: null, type: type.key }, { name: null, type: type.value });
      } else if (type.kind === 'array' && type.of.kind === 'row') {
        lists.push(sql);
        type.of.fields.forEach(({ name, type: of }, i) => {
          outer.push(`struct_extract(u.e${lists.length - 1}, ${quoteText(fieldName(name, i))})`);
          columns.push({ name, type: of });
        });
      } else if (type.kind === 'array') {
        lists.push(sql);
        outer.push(`u.e${lists.length - 1}`);
        columns.push({ name: null, type: type.of });
      } else this.fail('TYPE_MISMATCH', `Cannot unnest type: ${toTrino(type)}`, parts);
    }
    const inner = lists.map((list, i) => `unnest(${list}) AS e${i}`);
    if (parts['with_ordinality'] === true) {
      const lengths = lists.map((list) => `coalesce(len(${list}), 0)`);
      const count = lengths.length === 1 ? lengths[0] : `greatest(${lengths.join(', ')})`;
      inner.push(`unnest(range(1, ${count} + 1)) AS o`);
      outer.push('u.o');
      columns.push({ name: null, type: BIGINT });
    }
    const selected = outer.map((sql, i) => `${sql} AS c${i}`).join(', ');
    const lateral = scope.relations.length > 0 || scope.parent !== null ? 'LATERAL ' : '';
    const name = this.add(columns, alias, names, scope, parts);
    return `${lateral}(SELECT ${selected} FROM (SELECT ${inner.join(', ')}) AS u) AS ${name}`;
  }

  // -- Expressions -------------------------------------------------------------------------------------------------------

  private condition(node: TreeNode, scope: Scope): string {
    const { sql, type } = this.expression(node, scope);
    if (!isScalar(type, 'boolean', 'unknown'))
      this.fail(
        'TYPE_MISMATCH',
        `a condition must evaluate to a boolean: actual type ${toTrino(type)}`,
        node,
      );
    return sql;
  }

  expression(node: TreeNode, scope: Scope): Expression {
    const [kind, parts] = kindOf(node);
    const one = (key: string) => this.expression(childOf(parts, key)!, scope);
    const bool = (sql: string): Expression => ({ sql: `(${sql})`, type: BOOLEAN });
    if (COMPARISONS[kind])
      return { sql: this.comparison(COMPARISONS[kind], one('left'), one('right'), parts), type: BOOLEAN };
    if (ARITHMETIC[kind]) return this.arithmetic(ARITHMETIC[kind], one('left'), one('right'), parts);
    switch (kind) {
      case 'literal':
        return this.literal(parts);
      case 'boolean':
        return { sql: String(parts['value']), type: BOOLEAN };
      case 'null':
        return { sql: 'NULL', type: UNKNOWN };
      case 'placeholder':
      case 'parameter':
        return this.parameter(scope);
      case 'column':
        return this.column(parts, scope);
      case 'dot':
        return this.dot(parts, scope);
      case 'paren':
      // What has a comment beside it.
      case 'annotated':
        return one('this');
      case 'unicode_string': {
        const text = String(childOf(childOf(parts, 'this')!, 'literal')!['value']).replace(
          /\\(?:\+([0-9a-fA-F]{6})|([0-9a-fA-F]{4}))/g,
          (_, long?: string, short?: string) => String.fromCodePoint(parseInt(long ?? short!, 16)),
        );
        return { sql: quoteText(text), type: scalar('varchar', { length: [...text].length }), literal: text };
      }
      case 'neg': {
        const value = one('this');
        return { sql: `(-${value.sql})`, type: value.type };
      }
      case 'and':
      case 'or':
        return bool(
          `${this.condition(childOf(parts, 'left')!, scope)} ${kind.toUpperCase()} ${this.condition(childOf(parts, 'right')!, scope)}`,
        );
      case 'not':
        return bool(`NOT ${this.condition(childOf(parts, 'this')!, scope)}`);
      case 'is_null':
        return bool(`${one('this').sql} IS ${parts['not'] === true ? 'NOT ' : ''}NULL`);
      case 'null_safe_eq':
      case 'null_safe_neq':
        return bool(
          this.comparison(
            `IS ${kind === 'null_safe_eq' ? 'NOT ' : ''}DISTINCT FROM`,
            one('left'),
            one('right'),
            parts,
          ),
        );
      case 'between': {
        const value = one('this');
        const inside = `${this.comparison('>=', value, one('low'), parts)} AND ${this.comparison('<=', value, one('high'), parts)}`;
        return bool(parts['not'] === true ? `NOT (${inside})` : inside);
      }
      case 'in':
        return bool(this.membership(parts, scope));
      case 'like':
        return bool(this.like(parts, scope));
      case 'exists':
        return bool(`EXISTS (${this.query(childOf(parts, 'this')!, scope).sql})`);
      case 'any':
      case 'all': {
        const value = one('this');
        const query = this.query(childOf(parts, 'subquery')!, scope);
        if (value.type.kind !== 'scalar')
          this.unknown(`${kind.toUpperCase()} of a subquery for ${toTrino(value.type)}`, parts);
        return bool(`${value.sql} ${QUANTIFIED[String(parts['op'])]} ${kind.toUpperCase()} (${query.sql})`);
      }
      case 'subquery': {
        const query = this.query(childOf(parts, 'this')!, scope);
        if (query.columns.length !== 1) this.unknown('a subquery of several columns as a value', parts);
        return { sql: `(${query.sql})`, type: query.columns[0]!.type };
      }
      case 'case':
        return this.caseOf(parts, scope);
      case 'cast':
      case 'try_cast': {
        const value = one('this');
        const type = this.typeOf(childOf(parts, 'to')!);
        const cast = kind === 'cast' ? castTo : tryCastTo;
        return { sql: this.guard(() => cast(value.sql, value.type, type), parts), type };
      }
      case 'interval':
        return this.interval(parts);
      case 'concat':
        return this.call(
          { ...NO_CALL, name: 'concat', args: [childOf(parts, 'left')!, childOf(parts, 'right')!] },
          parts,
          scope,
        );
      case 'array_func':
      case 'array': {
        const items = this.common(
          childrenOf(parts, 'expressions').map((item) => this.expression(item, scope)),
          parts,
        );
        return { sql: `[${items.values.join(', ')}]`, type: arrayOf(items.type) };
      }
      case 'tuple':
        return this.row(childrenOf(parts, 'expressions'), scope);
      case 'subscript':
        return this.subscript(one('this'), one('index'), parts);
      case 'at_time_zone': {
        const value = one('this');
        const zone = one('zone');
        if (zone.literal === undefined) this.unknown('AT TIME ZONE with a zone that is no literal', parts);
        const type = scalar('timestamptz', {
          precision: (value.type as ScalarType).precision ?? 3,
          zone: zone.literal,
        });
        // A timestamp without a zone is one of the session, which is UTC.
        return {
          sql: isScalar(value.type, 'timestamptz')
            ? value.sql
            : `(CAST(${value.sql} AS TIMESTAMP) AT TIME ZONE 'UTC')`,
          type,
        };
      }
      case 'extract':
        return this.call(
          { ...NO_CALL, name: extracted(parts['field']), args: [childOf(parts, 'this')!] },
          parts,
          scope,
        );
      case 'trim': {
        const name =
          { Both: 'trim', Leading: 'ltrim', Trailing: 'rtrim' }[String(parts['position'])] ?? 'trim';
        const characters = childOf(parts, 'characters');
        return this.call(
          { ...NO_CALL, name, args: [childOf(parts, 'this')!, ...(characters ? [characters] : [])] },
          parts,
          scope,
        );
      }
      case 'window_function':
        return this.windowCall(parts, scope);
      case 'within_group': {
        const inner = callOf(childOf(parts, 'this')!);
        if (!inner) return this.unknown('WITHIN GROUP', parts);
        return this.call({ ...inner, orderBy: childrenOf(parts, 'order_by') }, parts, scope);
      }
      case 'lambda':
        return this.fail('TYPE_MISMATCH', 'a lambda must be an argument of a function', parts);
      case 'is_true':
      case 'is_false':
        return this.unknown(`IS ${kind === 'is_true' ? 'TRUE' : 'FALSE'}, which Trino does not have`, parts);
    }
    const call = callOf(node);
    if (call) return this.call(call, parts, scope);
    return this.unknown(kind.replaceAll('_', ' '), parts);
  }

  private literal(parts: TreeNode): Expression {
    const value = String(parts['value']);
    switch (parts['literal_type']) {
      case 'string':
        return {
          sql: quoteText(value),
          type: scalar('varchar', { length: [...value].length }),
          literal: value,
        };
      case 'number': {
        if (/e/i.test(value)) return { sql: `CAST('${value}' AS DOUBLE)`, type: DOUBLE };
        if (value.includes('.')) {
          const [whole = '', fraction = ''] = value.split('.');
          const digits = whole.replace(/^0+/, '').length + fraction.length;
          const type = decimal(Math.max(1, digits), fraction.length);
          return { sql: `CAST('${value}' AS ${toDuckdb(type)})`, type };
        }
        const type = BigInt(value) <= 2147483647n ? INTEGER : BIGINT;
        if (BigInt(value) > 9223372036854775808n)
          this.fail('SYNTAX_ERROR', `Invalid numeric literal: ${value}`, parts);
        return { sql: value, type };
      }
      case 'date':
        return { sql: this.guard(() => castTo(quoteText(value), VARCHAR, DATE), parts), type: DATE };
      case 'time':
        return { sql: `TIME ${quoteText(value)}`, type: scalar('time') };
      case 'timestamp': {
        const match = /^(\d+-\d+-\d+(?: \d+:\d+(?::\d+(?:\.(\d+))?)?)?)(?: ?([A-Za-z+-].*))?$/.exec(
          value.trim(),
        );
        if (!match) this.fail('INVALID_LITERAL', `'${value}' is not a valid TIMESTAMP literal`, parts);
        const [, local, digits, zone] = match;
        const precision = digits?.length ?? 0;
        if (precision > 6) this.unknown('a timestamp with more than 6 digits of a second', parts);
        if (zone === undefined)
          return { sql: `CAST(${quoteText(local!)} AS TIMESTAMP)`, type: scalar('timestamp', { precision }) };
        return {
          sql: `(CAST(${quoteText(local!)} AS TIMESTAMP) AT TIME ZONE ${quoteText(toDuckdbZone(zone))})`,
          type: scalar('timestamptz', { precision, zone }),
        };
      }
      case 'hex_string':
        return { sql: `unhex(${quoteText(value)})`, type: scalar('varbinary') };
    }
    return this.unknown(`a literal of ${String(parts['literal_type'])}`, parts);
  }

  /** @throws SluiceError InvalidJob for what is more than one literal */
  private parameter(scope: Scope): Expression {
    const text = this.parameters.shift();
    if (text === undefined)
      throw new SluiceError(
        'InvalidJob',
        'INVALID_PARAMETER_USAGE: ExecutionParameters: the query has more "?" than there are',
      );
    if (!/^\s*([A-Za-z]+\s+)?('([^']|'')*'|[+-]?\d[\w.]*|true|false|null)\s*$/i.test(text))
      throw new SluiceError(
        'InvalidJob',
        `ExecutionParameters: ${text} is no literal; put a text in single quotes, such as 'a'`,
      );
    const [, select] = kindOf(parseTrino(`SELECT ${text}`));
    return this.expression(childrenOf(select, 'expressions')[0]!, scope);
  }

  private column(parts: TreeNode, scope: Scope): Expression {
    const name = identifierOf(childOf(parts, 'name'))!;
    const table = identifierOf(childOf(parts, 'table'));
    const found = this.lookUp(table, name, scope);
    if (found) return { sql: found.sql, type: found.type };
    if (table !== null) {
      const row = this.lookUp(null, table, scope);
      if (row?.type.kind === 'row') return this.field(row, name, parts);
    }
    return this.fail(
      'COLUMN_NOT_FOUND',
      `Column '${table === null ? '' : `${table}.`}${name}' cannot be resolved`,
      childOf(parts, 'table') ?? childOf(parts, 'name'),
    );
  }

  private lookUp(table: string | null, name: string, scope: Scope): ScopeColumn | null {
    const [wanted, alias] = [name.toLowerCase(), table?.toLowerCase() ?? null];
    for (let at: Scope | null = scope; at !== null; at = at.parent) {
      const variable = alias === null ? at.variables.get(wanted) : undefined;
      if (variable) return { name, ...variable };
      const found = at.relations
        .filter((relation) => alias === null || relation.alias === alias)
        .flatMap(({ columns }) => columns.filter((column) => column.name?.toLowerCase() === wanted));
      if (found.length > 1) this.fail('AMBIGUOUS_NAME', `Column '${name}' is ambiguous`, null, name);
      if (found[0]) return found[0];
    }
    return null;
  }

  private dot(parts: TreeNode, scope: Scope): Expression {
    const field = identifierOf(childOf(parts, 'field'))!;
    const inner = childOf(parts, 'this')!;
    const [kind, column] = kindOf(inner);
    if (kind === 'column' && childOf(column, 'table') !== null) {
      // database.table.column
      const [database, table] = [
        identifierOf(childOf(column, 'table'))!.toLowerCase(),
        identifierOf(childOf(column, 'name'))!,
      ];
      const relation = scope.relations.find(
        (one) => one.database === database && one.alias === table.toLowerCase(),
      );
      const found = relation?.columns.find((one) => one.name?.toLowerCase() === field.toLowerCase());
      if (found) return { sql: found.sql, type: found.type };
    }
    return this.field(this.expression(inner, scope), field, parts);
  }

  private field({ sql, type }: Argument, name: string, parts: TreeNode): Expression {
    if (type.kind !== 'row')
      return this.fail(
        'TYPE_MISMATCH',
        `Expression is not of type ROW, so it has no field ${name}`,
        parts,
        name,
      );
    const at = type.fields.findIndex((field) => field.name?.toLowerCase() === name.toLowerCase());
    if (at === -1) this.fail('COLUMN_NOT_FOUND', `Column '${name}' cannot be resolved`, parts, name);
    return {
      sql: `struct_extract(${sql}, ${quoteText(type.fields[at]!.name!)})`,
      type: type.fields[at]!.type,
    };
  }

  /** A value as it goes to a type by itself. */
  private convert(value: Argument, to: TrinoType): string {
    if (sameType(value.type, to) && !isScalar(value.type, 'unknown')) return value.sql;
    return castTo(value.sql, value.type, to);
  }

  private common(values: readonly Expression[], node: TreeNode): { values: string[]; type: TrinoType } {
    const type = values.reduce<TrinoType>((so, value) => {
      const next = commonType(so, value.type);
      if (next === null)
        this.fail('TYPE_MISMATCH', `All must be the same type: ${toTrino(so)}, ${toTrino(value.type)}`, node);
      return next;
    }, UNKNOWN);
    return { values: values.map((value) => this.convert(value, type)), type };
  }

  private comparison(operator: string, left: Compared, right: Compared, node: TreeNode): string {
    const type = commonType(left.type, right.type);
    if (type === null)
      this.fail(
        'TYPE_MISMATCH',
        `Cannot apply operator: ${toTrino(left.type)} ${operator} ${toTrino(right.type)}`,
        node,
      );
    const plain = `(${this.convert(left, type)} ${operator} ${this.convert(right, type)})`;
    if (isScalar(type, 'json') && /^(=|<>)$/.test(operator)) {
      const [a, b] = [`json(${this.convert(left, type)})`, `json(${this.convert(right, type)})`];
      const problem = failure(
        'NOT_SUPPORTED: local Athena compares JSON objects with their keys in one order only',
      );
      return `CASE WHEN ${a} <> ${b} AND contains(${a}, '{') AND contains(${b}, '{') AND strlen(${a}) = strlen(${b}) THEN ${raise(problem, BOOLEAN)} ELSE ${a} ${operator} ${b} END`;
    }
    if (type.kind === 'scalar')
      return isScalar(type, 'double', 'real') ? withoutNan(plain, operator, left, right) : plain;
    if (operator === '=') return this.equality(left, right, node);
    if (operator === '<>') return `(NOT ${this.equality(left, right, node)})`;
    if (!/^[<>]/.test(operator)) return plain;
    const problem = failure(
      `NOT_SUPPORTED: ${type.kind.toUpperCase()} comparison not supported with null elements`,
    );
    const whole = [left, right].map((value) => ({ sql: this.convert(value, type), type }));
    return `CASE WHEN ${whole.map(holdsNull).join(' OR ')} THEN ${raise(problem, BOOLEAN)} ELSE ${plain} END`;
  }

  /** Of values with others inside: null where a null decides. DuckDB takes those as equal. */
  private equality(left: Compared, right: Compared, node: TreeNode): string {
    const [a, b] = [left.type, right.type];
    if (a.kind === 'row' && b.kind === 'row') {
      const [mine, others] = [fieldsOf(left, a), fieldsOf(right, b)];
      return `(${mine.map((field, i) => this.comparison('=', field, others[i]!, node)).join(' AND ')})`;
    }
    const variable = `e${this.lambdas++}`;
    let pairs = '';
    if (a.kind === 'array' && b.kind === 'array') {
      const same = this.comparison(
        '=',
        { sql: `${variable}[1]`, type: a.of },
        { sql: `${variable}[2]`, type: b.of },
        node,
      );
      pairs = `list_transform(list_zip(${left.sql}, ${right.sql}), lambda ${variable}: ${same})`;
    } else if (a.kind === 'map' && b.kind === 'map') {
      const key = this.convert({ sql: `${variable}.key`, type: a.key }, b.key);
      const same = this.comparison(
        '=',
        { sql: `${variable}.value`, type: a.value },
        { sql: `${right.sql}[${key}]`, type: b.value },
        node,
      );
      pairs = `list_transform(map_entries(${left.sql}), lambda ${variable}: CASE WHEN map_contains(${right.sql}, ${key}) THEN ${same} ELSE false END)`;
    } else return `(${left.sql} = ${right.sql})`;
    const length = a.kind === 'map' ? 'cardinality' : 'len';
    return `CASE WHEN ${left.sql} IS NULL OR ${right.sql} IS NULL THEN NULL WHEN ${length}(${left.sql}) <> ${length}(${right.sql}) THEN false WHEN list_contains(${pairs}, false) THEN false WHEN list_count(${pairs}) = len(${pairs}) THEN true END`;
  }

  private membership(parts: TreeNode, scope: Scope): string {
    const value = this.expression(childOf(parts, 'this')!, scope);
    const not = parts['not'] === true ? 'NOT ' : '';
    const node = childOf(parts, 'query');
    if (node) {
      const query = this.query(node, scope);
      const type = query.columns.length === 1 ? commonType(value.type, query.columns[0]!.type) : null;
      if (type === null)
        this.fail(
          'TYPE_MISMATCH',
          `Value and result of subquery must be of the same type for IN expression: ${toTrino(value.type)}`,
          parts,
        );
      const item = { sql: 'c0', type: query.columns[0]!.type };
      if (type.kind !== 'scalar') {
        const same = this.comparison('=', value, { ...item, sql: 'm.c0' }, parts);
        const found = (condition: string) => `EXISTS (SELECT 1 FROM (${query.sql}) AS m WHERE ${condition})`;
        return `${not}CASE WHEN ${found(same)} THEN true WHEN ${found(`(${same}) IS NULL`)} THEN NULL ELSE false END`;
      }
      const filter = canBeNan(value) && canBeNan(item) ? ' WHERE c0 IS NULL OR NOT isnan(c0)' : '';
      return `${this.convert(value, type)} ${not}IN (SELECT ${this.convert(item, type)} FROM (${query.sql})${filter})`;
    }
    const items = childrenOf(parts, 'expressions').map((item) => this.expression(item, scope));
    const all = this.common([value, ...items], parts);
    if (all.type.kind !== 'scalar' || (canBeNan(value) && items.some(canBeNan)))
      return `${not}(${items.map((item) => this.comparison('=', value, item, parts)).join(' OR ')})`;
    const [first, ...rest] = all.values;
    return `${first} ${not}IN (${rest.join(', ')})`;
  }

  private like(parts: TreeNode, scope: Scope): string {
    const [value, pattern] = [
      this.expression(childOf(parts, 'left')!, scope),
      this.expression(childOf(parts, 'right')!, scope),
    ];
    if (
      !isScalar(value.type, 'varchar', 'char', 'unknown') ||
      !isScalar(pattern.type, 'varchar', 'char', 'unknown')
    )
      this.fail(
        'TYPE_MISMATCH',
        `Left side of LIKE expression must evaluate to a varchar (actual: ${toTrino(value.type)})`,
        parts,
      );
    const escapeNode = childOf(parts, 'escape');
    if (escapeNode === null) return `${value.sql} LIKE ${pattern.sql}`;
    const escape = this.expression(escapeNode, scope);
    const left = ['%', '_'].reduce(
      (text, character) => `replace(${text}, ${escape.sql} || '${character}', chr(57344))`,
      `replace(${pattern.sql}, ${escape.sql} || ${escape.sql}, chr(57344))`,
    );
    const problem = failure(
      "INVALID_FUNCTION_ARGUMENT: Escape character must be followed by '%', '_' or the escape character itself",
    );
    return `CASE WHEN contains(${left}, ${escape.sql}) THEN ${raise(problem, BOOLEAN)} ELSE ${value.sql} LIKE ${pattern.sql} ESCAPE ${escape.sql} END`;
  }

  private caseOf(parts: TreeNode, scope: Scope): Expression {
    const operandNode = childOf(parts, 'operand');
    const operand = operandNode ? this.expression(operandNode, scope) : null;
    const whens = parts['whens'] as [TreeNode, TreeNode][];
    const conditions = whens.map(([when]) =>
      operand
        ? this.comparison('=', operand, this.expression(when, scope), parts)
        : this.condition(when, scope),
    );
    const otherwise = childOf(parts, 'else_');
    const results = [
      ...whens.map(([, then]) => this.expression(then, scope)),
      ...(otherwise ? [this.expression(otherwise, scope)] : []),
    ];
    const { values, type } = this.common(results, parts);
    const printed = conditions.map((condition, i) => `WHEN ${condition} THEN ${values[i]}`).join(' ');
    return { sql: `CASE ${printed}${otherwise ? ` ELSE ${values.at(-1)}` : ''} END`, type };
  }

  private row(items: readonly TreeNode[], scope: Scope): Expression {
    const values = items.map((item) => this.expression(item, scope));
    const fields = values.map(({ sql }, i) => `${quoteName(`field${i}`)} := ${sql}`);
    return {
      sql: `struct_pack(${fields.join(', ')})`,
      type: { kind: 'row', fields: values.map(({ type }) => ({ name: null, type })) },
      fields: values,
    };
  }

  private subscript(value: Expression, index: Expression, node: TreeNode): Expression {
    const { sql, type } = value;
    if (type.kind === 'array') {
      const bounds = (condition: string, text: string) =>
        `WHEN ${condition} THEN ${raise(failure(`INVALID_FUNCTION_ARGUMENT: ${text}`), type.of)}`;
      return {
        sql: `CASE ${bounds(`${index.sql} = 0`, 'SQL array indices start at 1')} ${bounds(`${index.sql} < 0`, 'Array subscript is negative')} ${bounds(`${index.sql} > len(${sql})`, 'Array subscript must be less than or equal to array length')} ELSE ${sql}[${index.sql}] END`,
        type: type.of,
      };
    }
    if (type.kind === 'map') {
      const key = this.convert(index, type.key);
      return {
        sql: `CASE WHEN ${sql} IS NOT NULL AND NOT map_contains(${sql}, ${key}) THEN ${raise(`${failure('INVALID_FUNCTION_ARGUMENT: Key not present in map: ')} || ${key}`, type.value)} ELSE ${sql}[${key}] END`,
        type: type.value,
      };
    }
    const at = Number(index.sql);
    if (type.kind === 'row' && type.fields[at - 1]) {
      const field = type.fields[at - 1]!;
      return { sql: `struct_extract(${sql}, ${quoteText(fieldName(field.name, at - 1))})`, type: field.type };
    }
    return this.fail(
      'TYPE_MISMATCH',
      `Cannot use ${toTrino(index.type)} for subscript of ${toTrino(type)}`,
      node,
    );
  }

  private interval(parts: TreeNode): Expression {
    const value = childOf(childOf(parts, 'this') ?? {}, 'literal');
    const unit = childOf(parts, 'unit');
    const name = String(unit?.['unit']).toLowerCase();
    const text = String(value?.['value']);
    if (unit?.['type'] !== 'simple' || !/^\s*[+-]?\d+(\.\d+)?\s*$/.test(text))
      return this.unknown('an interval of several units', parts);
    const number = Number(text);
    if (name === 'year') return { sql: `to_months(${number * 12})`, type: scalar('interval_month') };
    if (name === 'month') return { sql: `to_months(${number})`, type: scalar('interval_month') };
    if (name === 'second')
      return { sql: `to_milliseconds(${Math.round(number * 1000)})`, type: scalar('interval_day') };
    if (['minute', 'hour', 'day', 'week'].includes(name))
      return { sql: `to_${name}s(${number})`, type: scalar('interval_day') };
    return this.unknown(`the interval unit ${name}`, parts);
  }

  // -- Arithmetic. https://trino.io/docs/current/functions/decimal.html, …/datetime.html ------------------------------------

  private arithmetic(operator: string, left: Expression, right: Expression, node: TreeNode): Expression {
    const [a, b] = [left.type, right.type];
    const timed = this.timeArithmetic(operator, left, right);
    if (timed) return timed;
    if (isScalar(a, 'unknown') && isScalar(b, 'unknown'))
      return { sql: 'CAST(NULL AS INTEGER)', type: INTEGER };
    const common = isNumeric(a) || isNumeric(b) ? commonType(a, b) : null;
    if (common === null || !isNumeric(common))
      return this.fail(
        'TYPE_MISMATCH',
        `Cannot apply operator: ${toTrino(a)} ${operator} ${toTrino(b)}`,
        node,
      );
    if (isScalar(common, 'decimal') && isNumeric(a) && isNumeric(b))
      return this.decimalArithmetic(operator, left, right);
    const [x, y] = [this.convert(left, common), this.convert(right, common)];
    if (operator === '/' || operator === '%') {
      const sql = isInteger(common) && operator === '/' ? `${x} // ${y}` : `${x} ${operator} ${y}`;
      return {
        sql: isInteger(common)
          ? this.notByZero(y, `CAST(${sql} AS ${toDuckdb(common)})`, common)
          : `(${sql})`,
        type: common,
      };
    }
    return { sql: `(${x} ${operator} ${y})`, type: common };
  }

  private notByZero(divisor: string, sql: string, type: TrinoType): string {
    if (/^[1-9]\d*$/.test(divisor)) return sql;
    return `CASE WHEN ${divisor} = 0 THEN ${raise(failure('DIVISION_BY_ZERO: Division by zero'), type)} ELSE ${sql} END`;
  }

  private decimalArithmetic(operator: string, left: Expression, right: Expression): Expression {
    const [a, b] = [asDecimal(left.type as ScalarType), asDecimal(right.type as ScalarType)];
    const [x, y] = [this.convert(left, a), this.convert(right, b)];
    const [p1, s1, p2, s2] = [a.precision!, a.scale!, b.precision!, b.scale!];
    const scale = Math.max(s1, s2);
    if (operator === '+' || operator === '-') {
      const type = decimal(Math.min(38, Math.max(p1 - s1, p2 - s2) + scale + 1), scale);
      return {
        sql: `CAST(CAST(${x} AS ${toDuckdb(type)}) ${operator} CAST(${y} AS ${toDuckdb(type)}) AS ${toDuckdb(type)})`,
        type,
      };
    }
    if (operator === '*') {
      const type = decimal(Math.min(38, p1 + p2), s1 + s2);
      return { sql: `CAST(${x} * ${y} AS ${toDuckdb(type)})`, type };
    }
    if (operator === '%') {
      const type = decimal(Math.min(p2 - s2, p1 - s1) + scale || 1, scale);
      return { sql: this.notByZero(y, `CAST(${x} % ${y} AS ${toDuckdb(type)})`, type), type };
    }
    const type = decimal(Math.max(1, Math.min(38, p1 + s2 + Math.max(0, s2 - s1))), scale);
    // Whole numbers of the last digit: the digits of a decimal's text are exact at any precision.
    const unscaled = (sql: string, digits: number) =>
      digits === 0 ? `CAST(${sql} AS HUGEINT)` : `CAST(replace(CAST(${sql} AS VARCHAR), '.', '') AS HUGEINT)`;
    const factor = `CAST('1${'0'.repeat(scale + s2 - s1)}' AS HUGEINT)`;
    const quotient = `trino_divide(${unscaled(x, s1)} * ${factor}, ${unscaled(y, s2)})`;
    const shifted =
      scale === 0
        ? `CAST(${quotient} AS ${toDuckdb(type)})`
        : `CAST(CAST(${quotient} AS DECIMAL(38, 0)) * CAST('0.${'0'.repeat(scale - 1)}1' AS DECIMAL(${scale}, ${scale})) AS ${toDuckdb(type)})`;
    return { sql: this.notByZero(y, shifted, type), type };
  }

  private timeArithmetic(operator: string, left: Expression, right: Expression): Expression | null {
    const isInterval = (type: TrinoType): type is ScalarType =>
      isScalar(type, 'interval_day', 'interval_month');
    const isTime = (type: TrinoType): type is ScalarType =>
      isScalar(type, 'date', 'timestamp', 'timestamptz', 'time');
    const [a, b] = [left.type, right.type];
    const back = (sql: string, type: ScalarType): Expression => ({
      sql: type.name === 'timestamptz' ? `(${sql})` : `CAST(${sql} AS ${toDuckdb(type)})`,
      type,
    });
    if (isTime(a) && isInterval(b) && (operator === '+' || operator === '-'))
      return back(`${left.sql} ${operator} ${right.sql}`, a);
    if (isInterval(a) && isTime(b) && operator === '+') return back(`${right.sql} + ${left.sql}`, b);
    if (isTime(a) && isTime(b) && operator === '-') {
      const interval = scalar('interval_day');
      if (a.name === 'date' && b.name === 'date')
        return { sql: `to_days(CAST(${left.sql} - ${right.sql} AS INTEGER))`, type: interval };
      return { sql: `(${left.sql} - ${right.sql})`, type: interval };
    }
    if (isInterval(a) && isInterval(b) && a.name === b.name && (operator === '+' || operator === '-'))
      return { sql: `(${left.sql} ${operator} ${right.sql})`, type: a };
    if (isInterval(a) && isInteger(b) && operator === '*')
      return { sql: `(${left.sql} * ${right.sql})`, type: a };
    if (isInteger(a) && isInterval(b) && operator === '*')
      return { sql: `(${right.sql} * ${left.sql})`, type: b };
    return null;
  }

  // -- Functions ---------------------------------------------------------------------------------------------------------

  private windowCall(parts: TreeNode, scope: Scope): Expression {
    const call = callOf(childOf(parts, 'this')!);
    if (!call) return this.unknown('OVER', parts);
    let spec = childOf(parts, 'over')!;
    const name = identifierOf(childOf(spec, 'window_name'));
    if (name !== null) {
      const named = scope.windows.get(name.toLowerCase());
      if (!named) this.fail('INVALID_WINDOW_REFERENCE', `Cannot resolve WINDOW name ${name}`, parts, name);
      spec = {
        ...named,
        ...Object.fromEntries(
          Object.entries(spec).filter(
            ([, value]) => value !== null && !(Array.isArray(value) && value.length === 0),
          ),
        ),
      };
    }
    const partition = childrenOf(spec, 'partition_by').map((node) => this.expression(node, scope).sql);
    const order = childrenOf(spec, 'order_by').map((item) => this.orderItem(item, scope));
    const ordered = [
      ...(order.length > 0 ? [`ORDER BY ${order.join(', ')}`] : []),
      ...this.frame(childOf(spec, 'frame'), scope),
    ];
    // Of all rows of a part the order changes nothing, and with it DuckDB 1.5.6 gives wrong values past a million rows:
    // https://github.com/duckdb/duckdb/issues/24985
    const ofAll =
      ['sum', 'avg'].includes(call.name) &&
      /UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING$/.test(ordered.join());
    const clauses = [
      ...(partition.length > 0 ? [`PARTITION BY ${partition.join(', ')}`] : []),
      ...(ofAll ? [] : ordered),
    ];
    return this.call(call, parts, scope, ` OVER (${clauses.join(' ')})`);
  }

  private frame(frame: TreeNode | null, scope: Scope): string[] {
    if (frame === null) return [];
    const bound = (side: unknown): string => {
      if (typeof side === 'string')
        return (
          {
            CurrentRow: 'CURRENT ROW',
            UnboundedPreceding: 'UNBOUNDED PRECEDING',
            UnboundedFollowing: 'UNBOUNDED FOLLOWING',
          }[side] ?? this.unknown(`the frame ${side}`, frame)
        );
      const [word, node] = Object.entries(side as TreeNode)[0]!;
      return `${this.expression(node as TreeNode, scope).sql} ${word.toUpperCase()}`;
    };
    const kind = String(frame['kind']).toUpperCase();
    const end = frame['end'] ?? null;
    return [
      end === null
        ? `${kind} ${bound(frame['start'])}`
        : `${kind} BETWEEN ${bound(frame['start'])} AND ${bound(end)}`,
    ];
  }

  private call(call: Call, node: TreeNode, scope: Scope, over = ''): Expression {
    const { name } = call;
    const filter = call.filter ? ` FILTER (WHERE ${this.condition(call.filter, scope)})` : '';
    if (name === 'count' && (call.star || call.args.length === 0))
      return { sql: `count(*)${filter}${over}`, type: BIGINT };
    if (name === 'count' && call.args.length === 1 && kindOf(call.args[0]!)[0] === 'tuple') {
      const items = childrenOf(kindOf(call.args[0]!)[1], 'expressions').map((item) =>
        this.expression(item, scope),
      );
      return {
        sql: `count(DISTINCT CASE WHEN ${items.map(({ sql }) => `${sql} IS NOT NULL`).join(' AND ')} THEN ROW(${items.map(({ sql }) => sql).join(', ')}) END)${filter}${over}`,
        type: BIGINT,
      };
    }
    if (name === 'row') return this.row(call.args, scope);
    if (name === 'grouping')
      return {
        sql: `CAST(grouping(${call.args.map((arg) => this.expression(arg, scope).sql).join(', ')}) AS INTEGER)`,
        type: INTEGER,
      };
    if (name === 'mod')
      return this.arithmetic(
        '%',
        this.expression(call.args[0]!, scope),
        this.expression(call.args[1]!, scope),
        node,
      );
    if (name === 'try' && call.args.length === 1) {
      const [kind, parts] = kindOf(call.args[0]!);
      // The common case, for which the engine need not go row by row.
      if (kind === 'cast' && 'column' in childOf(parts, 'this')!)
        return this.expression({ try_cast: parts }, scope);
      const value = this.expression(call.args[0]!, scope);
      return { sql: nullOnFailure(value.sql), type: value.type };
    }
    const overloads = findFunctions(name);
    if (overloads.length === 0)
      return this.fail('FUNCTION_NOT_FOUND', `local Athena does not know the function ${name}`, node, name);
    const isLambda = (arg: TreeNode) => kindOf(arg)[0] === 'lambda';
    const given = call.args.map((arg) => (isLambda(arg) ? null : this.expression(arg, scope)));
    for (const entry of this.byFit(overloads, given)) {
      const matched = this.match(entry, call.args, given, scope, name);
      if (matched === null) continue;
      return this.guard(
        () => this.print(entry, matched.args, matched.bound, matched.pair, call, { filter, over }, scope),
        node,
        name,
      );
    }
    const types = given.map((value) => (value ? toTrino(value.type) : 'function'));
    return this.fail(
      'FUNCTION_NOT_FOUND',
      `Unexpected parameters (${types.join(', ')}) for function ${name}; local Athena knows it with others`,
      node,
      name,
    );
  }

  /** Those first that take the arguments' types as they are. */
  private byFit(overloads: readonly TrinoFunction[], given: readonly (Expression | null)[]): TrinoFunction[] {
    const cost = (entry: TrinoFunction) =>
      given.reduce((sum, value, i) => {
        const pattern = entry.parameters[Math.min(i, entry.parameters.length - 1)];
        if (!value || pattern?.kind !== 'type' || isScalar(value.type, 'unknown')) return sum;
        return (
          sum +
          (value.type.kind === 'scalar' &&
          pattern.type.kind === 'scalar' &&
          value.type.name === pattern.type.name
            ? 0
            : 1)
        );
      }, 0);
    return [...overloads].sort((a, b) => cost(a) - cost(b));
  }

  private match(
    entry: TrinoFunction,
    nodes: readonly TreeNode[],
    given: readonly (Expression | null)[],
    scope: Scope,
    name: string,
  ) {
    const { parameters, variadic } = entry;
    if (variadic ? nodes.length < parameters.length : nodes.length !== parameters.length) return null;
    const patternOf = (i: number) => parameters[Math.min(i, parameters.length - 1)]!;
    const bound: Bindings = new Map();
    for (const [i, value] of given.entries()) {
      const pattern = patternOf(i);
      if ((value === null) !== (pattern.kind === 'function')) return null;
      if (value && !unify(pattern, value.type, bound)) return null;
    }
    const pair = `p${this.lambdas++}`;
    const args = given.map((value, i): Argument => {
      const pattern = patternOf(i);
      if (value === null)
        return this.lambda(
          nodes[i]!,
          pattern as Extract<typeof pattern, { kind: 'function' }>,
          bound,
          scope,
          { name, pair },
        );
      const to = bind(pattern, bound);
      const keeps =
        (pattern.kind === 'type' &&
          to.kind === 'scalar' &&
          value.type.kind === 'scalar' &&
          (to.name === value.type.name || (to.name === 'varchar' && isText(value.type)))) ||
        (pattern.kind === 'variable' && 'ND'.includes(pattern.name));
      return keeps ? value : { ...value, sql: this.convert(value, to), type: to };
    });
    return { args, bound, pair };
  }

  private lambda(
    node: TreeNode,
    pattern: { from: unknown[]; to: unknown },
    bound: Bindings,
    scope: Scope,
    { name, pair }: { name: string; pair: string },
  ): Argument {
    const [, parts] = kindOf(node);
    const inner = new Scope(scope);
    const patterns = pattern as Extract<TrinoFunction['parameters'][number], { kind: 'function' }>;
    const names = childrenOf(parts, 'parameters').map((parameter) => identifierOf(parameter)!);
    if (names.length !== patterns.from.length)
      this.fail(
        'FUNCTION_NOT_FOUND',
        `the lambda of ${name} takes ${patterns.from.length} arguments`,
        node,
        name,
      );
    const ofPair =
      name.startsWith('transform_') || name === 'map_filter'
        ? ['.key', '.value']
        : name === 'zip_with'
          ? ['[1]', '[2]']
          : name === 'reduce' && names.length === 2
            ? ['a.s', 'b.x']
            : null;
    const variables = names.map((_, i) => (ofPair ? `${pair}${ofPair[i]}` : `l${this.lambdas++}`));
    names.forEach((variable, i) =>
      inner.variables.set(variable.toLowerCase(), {
        sql: variables[i]!,
        type: bind(patterns.from[i]!, bound),
      }),
    );
    const body = this.expression(childOf(parts, 'body')!, inner);
    unify(patterns.to, body.type, bound);
    const sql = isScalar(body.type, 'unknown') ? this.convert(body, bind(patterns.to, bound)) : body.sql;
    return { sql: ofPair ? sql : `lambda ${variables.join(', ')}: ${sql}`, type: body.type };
  }

  private print(
    entry: TrinoFunction,
    args: Argument[],
    bound: Bindings,
    pair: string,
    call: Call,
    { filter, over }: { filter: string; over: string },
    scope: Scope,
  ): Expression {
    const result = entry.result(bound, args);
    const fill = (template: string, around = '') =>
      template.replace(/\$(\d|\*|type|p|(?=\s|\)|,|$))/g, (found, key: string) => {
        if (key === '*') return args.map(({ sql }) => sql).join(', ');
        if (key === 'type') return toDuckdb(result);
        if (key === 'p') return pair;
        if (key === '') return around;
        return args[Number(key) - 1]?.sql ?? found;
      });
    let sql =
      typeof entry.sql === 'string' ? fill(entry.sql) : entry.sql(args, result).replaceAll('$p', pair);
    if (entry.kind === 'scalar') {
      if (over !== '' || filter !== '' || call.distinct)
        throw new Unknown(`${call.name} with OVER, FILTER or DISTINCT`);
      return { sql: /^[\w.]+$/.test(sql) ? sql : `(${sql})`, type: result };
    }
    if (entry.kind === 'window' && over === '') throw new Unknown(`${call.name} without OVER`);
    if (call.distinct) sql = sql.replace(/\((DISTINCT )?/, '(DISTINCT ');
    if (call.orderBy.length > 0)
      sql = sql.replace(
        /\)$/,
        ` ORDER BY ${call.orderBy.map((item) => this.orderItem(item, scope)).join(', ')})`,
      );
    if (call.ignoreNulls) sql = sql.replace(/\)$/, ' IGNORE NULLS)');
    const whole = `${sql}${filter}${over}`;
    return { sql: entry.around === undefined ? whole : `(${fill(entry.around, whole)})`, type: result };
  }

  // -- Types and failures ------------------------------------------------------------------------------------------------

  private typeOf(node: TreeNode): TrinoType {
    const size = (key: string) => node[key] as number | null | undefined;
    switch (node['data_type']) {
      case 'boolean':
      case 'date':
      case 'double':
      case 'json':
      case 'uuid':
        return scalar(node['data_type']);
      case 'tiny_int':
        return scalar('tinyint');
      case 'small_int':
        return scalar('smallint');
      case 'int':
        return INTEGER;
      case 'big_int':
        return BIGINT;
      case 'float':
        if (node['real_spelling'] === true) return scalar('real');
        return this.unknown('the type float, which is real in a query', node);
      case 'decimal':
        return decimal(size('precision') ?? 38, size('scale') ?? 0);
      case 'var_char':
        return scalar('varchar', size('length') ? { length: size('length')! } : {});
      case 'char':
        return scalar('char', { length: size('length') ?? 1 });
      case 'var_binary':
        return scalar('varbinary');
      case 'time':
        return scalar('time');
      case 'timestamp': {
        const precision = size('precision') ?? 3;
        if (precision > 6) this.unknown(`timestamp(${precision}): DuckDB keeps six digits of a second`, node);
        return node['timezone'] === true
          ? scalar('timestamptz', { precision, zone: 'UTC' })
          : scalar('timestamp', { precision });
      }
      case 'array':
        return arrayOf(this.typeOf(childOf(node, 'element_type')!));
      case 'map':
        return {
          kind: 'map',
          key: this.typeOf(childOf(node, 'key_type')!),
          value: this.typeOf(childOf(node, 'value_type')!),
        };
      case 'struct':
        return {
          kind: 'row',
          fields: childrenOf(node, 'fields').map((field) => ({
            name: fieldNameOf(String(field['name'])),
            type: this.typeOf(childOf(field, 'data_type')!),
          })),
        };
    }
    return this.unknown(`the type ${String(node['data_type'])}`, node);
  }

  private guard<T>(make: () => T, node: TreeNode, name?: string): T {
    try {
      return make();
    } catch (error) {
      if (error instanceof Unknown)
        return this.fail('NOT_SUPPORTED', `local Athena does not know ${error.message}`, node, name);
      throw error;
    }
  }

  private unknown(what: string, node: TreeNode | null): never {
    return this.fail('NOT_SUPPORTED', `local Athena does not know ${what}`, node);
  }

  private fail(code: string, text: string, node: TreeNode | null, name?: string): never {
    const at = this.place(node, name);
    throw new SluiceError('InvalidJob', `${code}: ${at === null ? '' : `line ${at}: `}${text}`);
  }

  /** The parser keeps the places of names. A function's is looked for; another node's is that of the first name in it. */
  private place(node: TreeNode | null, name?: string): string | null {
    let offset =
      name === undefined
        ? -1
        : this.source.search(new RegExp(`(?<![\\w'])${name.replace(/[^\w]/g, '\\$&')}\\b`, 'i'));
    if (offset === -1) offset = node === null ? -1 : (firstOffset(node) ?? -1);
    if (offset === -1) return null;
    const before = this.source.slice(0, offset);
    return `${(before.match(CODE_LINE)?.length ?? 0) + 1}:${offset - before.lastIndexOf('\n')}`;
  }
}

function canBeNan({ sql, type }: Argument): boolean {
  return isScalar(type, 'double', 'real') && !/^\(?-?CAST\('[\d.eE+-]+' AS DOUBLE\)\)?$/.test(sql);
}

/** Null beside a null, and else as IEEE has it: DuckDB takes NaN as equal to itself and above every number. */
function withoutNan(comparison: string, operator: string, left: Argument, right: Argument): string {
  if (operator === '=' || operator === '<>') {
    if (!canBeNan(left) || !canBeNan(right)) return comparison;
    const both = `isnan(${left.sql}) AND isnan(${right.sql})`;
    return operator === '=' ? `(${comparison} AND NOT (${both}))` : `(${comparison} OR (${both}))`;
  }
  if (!/^[<>]/.test(operator)) return comparison;
  const [high, low] = operator.startsWith('<') ? [right, left] : [left, right];
  return canBeNan(high) ? `(${comparison} AND (${low.sql} IS NULL OR NOT isnan(${high.sql})))` : comparison;
}

function fieldsOf(row: Compared, { fields }: Extract<TrinoType, { kind: 'row' }>): readonly Compared[] {
  return (
    row.fields ??
    fields.map(({ name, type }, i) => ({
      sql: `struct_extract(${row.sql}, ${quoteText(fieldName(name, i))})`,
      type,
    }))
  );
}

/** Whether there is a null inside of a value, which is none itself. */
function holdsNull({ sql, type }: Argument): string {
  if (type.kind === 'array') {
    const inner =
      type.of.kind === 'scalar'
        ? 'false'
        : `list_bool_or(list_transform(${sql}, lambda h: ${holdsNull({ sql: 'h', type: type.of })}))`;
    return `coalesce(list_count(${sql}) < len(${sql}) OR ${inner}, false)`;
  }
  if (type.kind !== 'row') return 'false';
  const fields = fieldsOf({ sql, type }, type).map((field) => `${field.sql} IS NULL OR ${holdsNull(field)}`);
  return `(${sql} IS NOT NULL AND (${fields.join(' OR ')}))`;
}

const NO_CALL: Omit<Call, 'name' | 'args'> = {
  star: false,
  distinct: false,
  filter: null,
  orderBy: [],
  ignoreNulls: false,
};
/** The function that EXTRACT of a field is. */
function extracted(field: unknown): string {
  const name = typeof field === 'string' ? field : String(Object.values(field as TreeNode)[0]);
  return EXTRACTED[name] ?? name.toLowerCase();
}
const EXTRACTED: Record<string, string> = {
  DayOfWeek: 'day_of_week',
  DayOfYear: 'day_of_year',
  Dow: 'day_of_week',
  Doy: 'day_of_year',
};

function firstOffset(node: unknown): number | null {
  if (typeof node !== 'object' || node === null) return null;
  const span = (node as TreeNode)['span'] as { start?: number } | undefined;
  if (typeof span?.start === 'number') return span.start;
  for (const value of Object.values(node)) {
    const found = firstOffset(value);
    if (found !== null) return found;
  }
  return null;
}

function ordinalOf(node: TreeNode): number | null {
  const literal = childOf(node, 'literal');
  return literal?.['literal_type'] === 'number' && /^\d+$/.test(String(literal['value']))
    ? Number(literal['value'])
    : null;
}

/** The number of LIMIT and OFFSET, which is inside a node for a SELECT and bare for a UNION. */
function countOf(node: TreeNode | null): TreeNode | null {
  return node === null ? null : (childOf(node, 'this') ?? node);
}

/** INTERSECT binds more tightly than UNION and EXCEPT, and the parser goes from left to right. */
function balance(node: TreeNode): TreeNode {
  const [kind, parts] = kindOf(node);
  if (kind !== 'intersect') return node;
  const [leftKind, left] = kindOf(childOf(parts, 'left')!);
  if (leftKind !== 'union' && leftKind !== 'except') return node;
  return {
    [leftKind]: {
      ...parts,
      ...left,
      order_by: parts['order_by'],
      limit: parts['limit'],
      offset: parts['offset'],
      with: left['with'] ?? parts['with'],
      right: balance({ intersect: { left: left['right'], right: parts['right'], all: parts['all'] } }),
    },
  };
}

/** A node that is a call of a function, whatever shape the parser gives it. */
const KNOWN_PARTS = new Set([
  ...PARTS,
  ...['star', 'distinct', 'filter', 'order_by', 'ignore_nulls'],
  ...['span', 'name', 'original_name', 'trailing_comments', 'inferred_type', 'from_for_syntax'],
]);

function isGiven(part: unknown): boolean {
  return part !== null && part !== undefined && part !== false && !(Array.isArray(part) && part.length === 0);
}

/** A field's name in a type: the parser leaves the quotes. */
function fieldNameOf(name: string): string | null {
  if (name === '') return null;
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase();
}

function callOf(node: TreeNode): Call | null {
  const [kind, parts] = kindOf(node);
  const more = {
    star: parts['star'] === true,
    distinct: parts['distinct'] === true,
    filter: childOf(parts, 'filter'),
    orderBy: childrenOf(parts, 'order_by'),
    ignoreNulls: parts['ignore_nulls'] === true,
  };
  if (kind === 'function' || kind === 'aggregate_function')
    return { name: String(parts['name']).toLowerCase(), args: childrenOf(parts, 'args'), ...more };
  const name = RENAMED[kind] ?? kind;
  if (kind === 'log') {
    const base = childOf(parts, 'base');
    return { name, args: [...(base ? [base] : []), childOf(parts, 'this')!], ...more };
  }
  if (findFunctions(name).length === 0 && name !== 'count' && name !== 'mod') return null;
  // A part that would be passed over may change the answer.
  const beside = Object.entries(parts).filter(([key, part]) => !KNOWN_PARTS.has(key) && isGiven(part));
  if (beside.length > 0) return null;
  const args = PARTS.flatMap((key): TreeNode[] => {
    const part = parts[key] as TreeNode | TreeNode[] | null | undefined;
    if (part === null || part === undefined) return [];
    return Array.isArray(part) ? part : [part];
  });
  return { name, args, ...more };
}
