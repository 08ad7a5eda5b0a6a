import type { Catalog, Table } from './catalog';
import { quoteText } from './sql';
import { typeOf } from './tableView';
import type { TrinoTable } from './trino';
import { childOf, childrenOf, identifierOf, kindOf, parseTrino, type TreeNode } from './trinoTree';
import { VARCHAR } from './trinoTypes';

/** The tables that a query names, and those behind the views among them. */
export async function loadTables(
  catalog: Catalog,
  sql: string,
  database: string,
  signal: AbortSignal,
): Promise<Table[]> {
  const found = new Map<string, Table>();
  const load = async (text: string, of: string): Promise<void> => {
    const keys = tableNames(text, of).filter((key) => !found.has(key));
    if (keys.some((key) => key.startsWith('information_schema.')))
      for (const table of await catalog.listTables(undefined, signal))
        found.set(`${table.database}.${table.name}`, table);
    const tables = await Promise.all(
      keys.map((key) => catalog.getTable(key.slice(0, key.indexOf('.')), key.slice(key.indexOf('.') + 1))),
    );
    for (const table of tables) {
      if (table === null) continue;
      found.set(`${table.database}.${table.name}`, table);
      if (table.view !== undefined) await load(table.view, table.database);
    }
  };
  await load(sql, database);
  return [...found.values()];
}

/** `database.name` of every table in a query, in lower case. */
function tableNames(sql: string, database: string): string[] {
  const names = new Set<string>();
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(visit);
    else if (typeof node === 'object' && node !== null) {
      const table = (node as TreeNode)['table'] as TreeNode | null | undefined;
      if (typeof table === 'object' && table !== null && typeof table['name'] === 'object')
        names.add(nameOfTable(table, database).key.replace(/\$partitions$/, ''));
      Object.values(node).forEach(visit);
    }
  };
  visit(parseTrino(sql));
  return [...names];
}

/** Finds a table by its names in lower case, as the translation asks for it. */
export function finderOf(tables: readonly Table[]): (database: string, name: string) => TrinoTable | null {
  return (database, name) => {
    if (database === 'information_schema') return informationSchema(tables, name);
    const [base, partitions] = name.endsWith('$partitions')
      ? [name.slice(0, -'$partitions'.length), true]
      : [name, false];
    const table = tables.find((one) => one.database === database && one.name === base);
    if (!table) return null;
    const columns = [...(partitions ? [] : table.columns), ...table.partitionKeys].map((column) => ({
      name: column.name,
      type: partitions ? VARCHAR : typeOf(column),
    }));
    const rows = partitions
      ? valuesOf(
          table.partitionKeys.map((key) => key.name),
          table.partitions.map(({ values }) => values),
        )
      : undefined;
    return {
      database,
      name: base,
      columns,
      ...(table.view === undefined ? {} : { view: table.view }),
      ...(rows === undefined ? {} : { rows }),
    };
  };
}

function informationSchema(tables: readonly Table[], name: string): TrinoTable | null {
  const columns =
    name === 'tables'
      ? ['table_catalog', 'table_schema', 'table_name', 'table_type']
      : name === 'columns'
        ? ['table_catalog', 'table_schema', 'table_name', 'column_name', 'data_type']
        : null;
  if (columns === null) return null;
  const rows = tables.flatMap((table) =>
    name === 'tables'
      ? [['awsdatacatalog', table.database, table.name, table.view === undefined ? 'BASE TABLE' : 'VIEW']]
      : [...table.columns, ...table.partitionKeys].map((column) => [
          'awsdatacatalog',
          table.database,
          table.name,
          column.name,
          column.type,
        ]),
  );
  return {
    database: 'information_schema',
    name,
    columns: columns.map((column) => ({ name: column, type: VARCHAR })),
    rows: valuesOf(columns, rows),
  };
}

function valuesOf(names: readonly string[], rows: readonly (readonly string[])[]): string {
  const columns = names.map((name) => `"${name}"`).join(', ');
  if (rows.length === 0) return `SELECT ${names.map((name) => `'' AS "${name}"`).join(', ')} WHERE false`;
  return `SELECT * FROM (VALUES ${rows.map((row) => `(${row.map(quoteText).join(', ')})`).join(', ')}) AS v(${columns})`;
}

/**
 * The values that WHERE asks of a column with `=` and `IN`, by table (`database.name`) and column, where every place that
 * names the table asks for some. All in lower case.
 */
export function askedOf(sql: string, database: string): Map<string, Map<string, string[]>> {
  const places = new Map<string, Map<string, string[]>[]>();
  visitSelects(parseTrino(sql), (select) => {
    const tables = tablesOf(select);
    const where = childOf(select, 'where_clause');
    const conditions = where ? conditionsOf(childOf(where, 'this')!) : [];
    for (const { key, alias } of tables.map((table) => nameOfTable(table, database))) {
      const asked = new Map<string, string[]>();
      for (const { table, column, values } of conditions)
        if (table === alias || (table === null && tables.length === 1)) asked.set(column, values);
      places.set(key, [...(places.get(key) ?? []), asked]);
    }
  });
  return new Map(
    [...places].map(([key, all]) => {
      const columns = [...all[0]!.keys()].filter((column) => all.every((asked) => asked.has(column)));
      return [key, new Map(columns.map((column) => [column, all.flatMap((asked) => asked.get(column)!)]))];
    }),
  );
}

function visitSelects(node: unknown, visit: (select: TreeNode) => void): void {
  if (Array.isArray(node)) node.forEach((one) => visitSelects(one, visit));
  else if (typeof node === 'object' && node !== null) {
    const select = (node as TreeNode)['select'];
    if (typeof select === 'object' && select !== null) visit(select as TreeNode);
    Object.values(node).forEach((one) => visitSelects(one, visit));
  }
}

/** The tables of one FROM, also in brackets, but not those of its subqueries. */
function tablesOf(select: TreeNode): TreeNode[] {
  const found: TreeNode[] = [];
  const visit = (node: TreeNode): void => {
    const [kind, parts] = kindOf(node);
    if (kind === 'table') found.push(parts);
    else if (kind === 'paren' || kind === 'alias') visit(childOf(parts, 'this')!);
    else if (kind === 'joined_table') {
      visit(childOf(parts, 'left')!);
      childrenOf(parts, 'joins').forEach((join) => visit(childOf(join, 'this')!));
    }
  };
  childrenOf(childOf(select, 'from') ?? {}, 'expressions').forEach(visit);
  childrenOf(select, 'joins').forEach((join) => visit(childOf(join, 'this')!));
  return found;
}

function nameOfTable(table: TreeNode, database: string): { key: string; alias: string } {
  const name = identifierOf(childOf(table, 'name'))!.toLowerCase();
  const schema = identifierOf(childOf(table, 'schema'))?.toLowerCase() ?? database.toLowerCase();
  return { key: `${schema}.${name}`, alias: identifierOf(childOf(table, 'alias'))?.toLowerCase() ?? name };
}

function conditionsOf(node: TreeNode): { table: string | null; column: string; values: string[] }[] {
  const [kind, parts] = kindOf(node);
  if (kind === 'paren') return conditionsOf(childOf(parts, 'this')!);
  if (kind === 'and')
    return [...conditionsOf(childOf(parts, 'left')!), ...conditionsOf(childOf(parts, 'right')!)];
  const of = (column: TreeNode | null, literals: (TreeNode | null)[]) => {
    const name = childOf(column ?? {}, 'column');
    const values = literals.map((literal) => childOf(literal ?? {}, 'literal')?.['value']);
    if (!name || values.some((value) => typeof value !== 'string')) return [];
    const table = identifierOf(childOf(name, 'table'))?.toLowerCase() ?? null;
    return [
      { table, column: identifierOf(childOf(name, 'name'))!.toLowerCase(), values: values as string[] },
    ];
  };
  if (kind === 'eq') {
    const [left, right] = [childOf(parts, 'left'), childOf(parts, 'right')];
    return [...of(left, [right]), ...of(right, [left])];
  }
  if (kind === 'in' && parts['not'] !== true && childrenOf(parts, 'expressions').length > 0)
    return of(childOf(parts, 'this'), childrenOf(parts, 'expressions'));
  return [];
}
