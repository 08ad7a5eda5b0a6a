import type { DuckDBConnection } from '@duckdb/node-api';
import { SluiceError } from '../../errors';
import type { BadCase } from '../../lake/badCases';
import { quoteName, toSql, tokensOf } from '../tokens';
import { columnName, findCases, hasRows, MAX_CASES, prepareFile, type PreparedFile } from './prepare';
import type { CsvOptions } from './source';
import { columnType, textSql, valueSql, type Column } from './values';

/** What became of the rows that a query read. */
export interface RowAccount {
  /** Rows that were read. */
  read: number;
  /** Lines of which no row could be made. */
  rejected: number;
  /** Texts of which no value of their column's type could be made. */
  unread: number;
  /** The first cases. */
  cases: BadCase[];
  /** Whether any CSV was read by `sluice_csv`. */
  readsCsv: boolean;
}

/** Files with the same header and dialect, read by one call of `read_csv`. */
interface Group {
  /** Tells its scan and its counter apart from those of others. */
  id: number;
  files: PreparedFile[];
}

/** One `sluice_csv(…)` of a script. */
interface Reading {
  columns: Column[];
  options: CsvOptions;
  groups: Group[];
}

const FUNCTION = 'sluice_csv';
/** The rows of a scan are counted by DuckDB's own profile; this is where it is found. */
const SCAN_COLUMN = /^"?g(\d+)_\d+"?$/;

/**
 * `sluice_csv('INPUT', {column: 'TYPE', …} [, delimiter := ';'] [, skipLines := 1] [, encoding := 'windows-1252'])` in SQL.
 * Each becomes a subquery over DuckDB's `read_csv` with the dialect given. What a call does not say, the query's
 * arguments of the same name do. Rows and values that cannot be read are counted while the query runs.
 */
export class CsvReadings {
  private readonly readings: Reading[] = [];
  private readonly groups: Group[] = [];
  /** Rows of each group by scan, and how many scans there were. */
  private readonly scans = new Map<number, { rows: number; scans: number }>();
  private otherRows = 0;
  /** Inputs in Parquet, by name: a scan passes by rows that no filter takes, and the files know how many there are. */
  private readonly parquetInputs = new Set<string>();
  private isWhole = true;

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly variables: Record<string, string | string[]>,
    private readonly signal: AbortSignal,
  ) {}

  get readsCsv(): boolean {
    return this.readings.length > 0;
  }

  /** A statement with the calls replaced. Texts and comments are left alone. */
  async expand(statement: string): Promise<string> {
    if (!statement.toLowerCase().includes(FUNCTION)) return statement;
    const tokens = [...tokensOf(statement)];
    let expanded = '';
    for (let at = 0; at < tokens.length; at++) {
      const open = nextToken(tokens, at + 1);
      if (tokens[at]!.toLowerCase() !== FUNCTION || tokens[open] !== '(') {
        expanded += tokens[at]!;
        continue;
      }
      const { args, end } = argumentsAt(tokens, open);
      expanded += `(${await this.read(args)})`;
      at = end;
    }
    return expanded;
  }

  /** Takes the counts of a statement from its profile; one that was not read to its end has none. */
  count(profile: Profile | null): void {
    if (profile === null) {
      this.isWhole = false;
      return;
    }
    for (const node of nodesOf(profile)) {
      if (node.operator_type !== 'TABLE_SCAN') continue;
      const rows = node.operator_cardinality ?? 0;
      const id = this.groupOf(node);
      if (id === null) {
        const reader = node.extra_info?.Function ?? '';
        const input = /PARQUET/.test(reader) ? this.inputOf(node) : undefined;
        if (input !== undefined) this.parquetInputs.add(input);
        else if (/^(READ_|PARQUET_SCAN)/.test(reader)) this.otherRows += rows;
        continue;
      }
      const before = this.scans.get(id) ?? { rows: 0, scans: 0 };
      this.scans.set(id, { rows: before.rows + rows, scans: before.scans + 1 });
    }
  }

  /** @throws SluiceError BadData when files are not empty and no row of them could be read */
  async account(): Promise<RowAccount> {
    const account: RowAccount = {
      read: this.otherRows + (await this.parquetRows()),
      rejected: 0,
      unread: 0,
      cases: [],
      readsCsv: this.readsCsv,
    };
    const rejects = this.readsCsv ? await this.rejects() : new Map<string, number>();
    for (const { columns, options, groups } of this.readings) {
      for (const { id, files } of groups) {
        const { rows, scans } = this.scans.get(id) ?? { rows: 0, scans: 1 };
        const read = rows / scans;
        const rejectedOf = (file: PreparedFile) => file.rejected + (rejects.get(file.path) ?? 0);
        const rejected = sum(files.map(rejectedOf));
        const unread = Math.ceil((await this.counted(id, columns)) / scans);
        account.read += read;
        account.rejected += rejected;
        account.unread += unread;
        let missing = Math.min(rejected + unread, MAX_CASES - account.cases.length);
        for (const file of files) {
          const found = firstOf(findCases(file, columns, options), missing);
          account.cases.push(...found);
          missing -= found.length;
        }
        for (const file of this.isWhole ? files : []) {
          if (rejectedOf(file) === 0 || hasRows(file, options)) continue;
          const cases = firstOf(findCases(file, columns, options), SHOWN_CASES);
          throw new SluiceError('BadData', `no row could be read: ${describeCases(cases)}`);
        }
      }
    }
    return account;
  }

  private groupOf({ extra_info: info = {} }: Profile): number | null {
    const column = SCAN_COLUMN.exec([info.Projections ?? []].flat()[0] ?? '')?.[1];
    if (column !== undefined) return Number(column);
    // A scan of which no column is used is known by its files.
    const shown = filesShown(info);
    const scansOf = ({ id }: Group) => this.scans.get(id)?.scans ?? 0;
    const [group] = this.groups
      .filter(({ files: [file] }) => shown === file!.path || shown.startsWith(`${file!.path}, `))
      .sort((a, b) => scansOf(a) - scansOf(b));
    return group?.id ?? null;
  }

  private inputOf({ extra_info: info = {} }: Profile): string | undefined {
    const shown = filesShown(info);
    return Object.entries(this.variables).find(
      ([, files]) => Array.isArray(files) && (shown === files[0] || shown.startsWith(`${files[0]}, `)),
    )?.[0];
  }

  private async parquetRows(): Promise<number> {
    const files = new Set([...this.parquetInputs].flatMap((input) => this.variables[input]!));
    if (files.size === 0) return 0;
    const sql = `SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata(${toSql([...files])})`;
    return Number((await this.connection.runAndReadAll(sql)).getRows()[0]![0]);
  }

  private async read(args: string[]): Promise<string> {
    const reading = await this.parseCall(args);
    const { columns, options } = reading;
    const files: PreparedFile[] = [];
    for (const path of this.filesOf(await this.evaluate(args[0] ?? "''")))
      files.push(await prepareFile(path, { columns, options, reading: this.readings.length }, this.signal));
    for (const file of files) {
      const like = reading.groups.find(({ files: [other] }) => keyOf(other!) === keyOf(file));
      if (like) like.files.push(file);
      else {
        const group = { id: this.groups.length, files: [file] };
        this.groups.push(group);
        reading.groups.push(group);
      }
    }
    this.readings.push(reading);
    for (const { id } of reading.groups) {
      if (hasValues(columns)) await this.connection.run(`CREATE TEMP SEQUENCE ${counterOf(id)}`);
    }
    if (reading.groups.length > 0)
      return reading.groups.map((group) => selectSql(group, reading)).join(' UNION ALL ');
    const none = columns.map(({ name, type }) => `NULL::${type.sql} AS ${quoteName(name)}`);
    return `SELECT ${none.join(', ')} WHERE false`;
  }

  private async parseCall(args: string[]): Promise<Reading> {
    const [, columns, ...named] = args;
    const wrong = (reason: string) =>
      new SluiceError(
        'InvalidJob',
        `${FUNCTION}: ${reason}; write it as ${FUNCTION}('INPUT', {date: 'VARCHAR', revenue: 'BIGINT'}, delimiter := ';')`,
      );
    if (columns === undefined) throw wrong('it needs an input and its columns');
    const types = await this.evaluateStruct(columns);
    if (types === null) throw wrong('the second argument is no struct of columns');
    const given: Record<string, unknown> = {};
    for (const text of named) {
      const match = /^\s*(\w+)\s*(?::=|=>|=)([\s\S]*)$/.exec(text);
      const name = OPTION_NAMES.find((option) => option.toLowerCase() === match?.[1]?.toLowerCase());
      if (!match || name === undefined)
        throw wrong(`"${text.trim()}" is no option; there are ${OPTION_NAMES.join(', ')}`);
      given[name] = await this.evaluate(match[2]!);
    }
    return {
      columns: types.map(([name, type]) => ({ name: columnName(name), type: columnType(String(type)) })),
      options: this.optionsOf(given),
      groups: [],
    };
  }

  private optionsOf(given: Record<string, unknown>): CsvOptions {
    const text = (name: (typeof OPTION_NAMES)[number], fallback: string) => {
      const value = given[name] ?? this.variables[name];
      return typeof value === 'string' || typeof value === 'number' ? String(value) : fallback;
    };
    const delimiter = text('delimiter', ',').replace(/^(\\t|tab)$/i, '\t');
    if (!/^[^"\r\n\0]$/u.test(delimiter) || delimiter.charCodeAt(0) > 0x7f)
      throw new SluiceError(
        'InvalidJob',
        `delimiter: "${delimiter}" is not one character of ASCII; give one such as ";" or "\\t"`,
      );
    const skipLines = Number(text('skipLines', '0'));
    if (!Number.isInteger(skipLines) || skipLines < 0)
      throw new SluiceError(
        'InvalidJob',
        `skipLines: "${text('skipLines', '0')}" is no count of lines; give 0 or more`,
      );
    return { delimiter, skipLines, encoding: text('encoding', 'utf-8') };
  }

  private filesOf(input: unknown): string[] {
    const files = typeof input === 'string' ? this.variables[input] : undefined;
    if (Array.isArray(files)) return files;
    const names = Object.entries(this.variables).flatMap(([name, value]) =>
      Array.isArray(value) ? [name] : [],
    );
    throw new SluiceError(
      'InvalidJob',
      `${FUNCTION}: no input is called ${JSON.stringify(input)}; there are: ${names.join(', ') || 'none'}`,
    );
  }

  /** The value of an expression without tables. */
  private async evaluate(expression: string): Promise<unknown> {
    const reader = await this.connection.runAndReadAll(`SELECT (${expression})`);
    return (reader.getRowsJson()[0] as unknown[])[0];
  }

  /** The members in their order, which an object would lose for names that are numbers; null for what is no struct. */
  private async evaluateStruct(expression: string): Promise<[name: string, value: unknown][] | null> {
    const { DuckDBTypeId } = await import('@duckdb/node-api');
    const { typeId } = (await this.connection.run(`SELECT (${expression}) LIMIT 0`)).columnType(0);
    if (typeId !== DuckDBTypeId.STRUCT) return null;
    const reader = await this.connection.runAndReadAll(`SELECT unnest((${expression}))`);
    const values = reader.getRowsJson()[0] as unknown[];
    return reader.columnNames().map((name, i) => [name, values[i]]);
  }

  /** Each row is rejected once, however many errors it has and however often it was scanned. */
  private async rejects(): Promise<Map<string, number>> {
    // A query that was not read to its end has none.
    const tables = `SELECT 1 FROM duckdb_tables() WHERE table_name = 'reject_errors'`;
    if ((await this.connection.runAndReadAll(tables)).currentRowCount === 0) return new Map();
    const sql = `SELECT file_path, count(DISTINCT line_byte_position) FROM reject_errors JOIN reject_scans USING (scan_id, file_id) GROUP BY ALL`;
    const rows = (await this.connection.runAndReadAll(sql)).getRows() as [string, bigint][];
    return new Map(rows.map(([path, count]) => [path, Number(count)]));
  }

  private async counted(id: number, columns: readonly Column[]): Promise<number> {
    if (!hasValues(columns)) return 0;
    const reader = await this.connection.runAndReadAll(`SELECT nextval('${counterOf(id)}') - 1`);
    return Number((reader.getRows() as [[bigint]])[0][0]);
  }
}

const OPTION_NAMES = ['delimiter', 'skipLines', 'encoding'] as const;

/** One operator of DuckDB's profile. */
export interface Profile {
  operator_type?: string;
  operator_cardinality?: number;
  extra_info?: { Function?: string; Projections?: string | string[]; 'Filename(s)'?: string | string[] };
  children?: Profile[];
}

/** How many cases a message tells. */
const SHOWN_CASES = 5;

/** `<file>, line 3: revenue is "n/a", no BIGINT; …` of the first five. */
export function describeCases(cases: readonly BadCase[]): string {
  return cases
    .slice(0, SHOWN_CASES)
    .map(({ file, line, column, text, reason }) => {
      const shown = text.length > 80 ? `${text.slice(0, 79)}…` : text;
      return `${file}, line ${line}: ${column === null ? `${reason}: ${shown}` : `${column} is "${shown}", ${reason}`}`;
    })
    .join('; ');
}

/**
 * The struct is computed for every row before anybody's filter, since its counter is volatile; so each value that cannot
 * be read counts, whatever the rest of the query makes of its row.
 */
function selectSql({ id, files }: Group, { columns }: Reading): string {
  const [file] = files as [PreparedFile];
  const field = (i: number) => quoteName(`g${id}_${file.places[i]}`);
  const source = readSql(id, files);
  const values = columns.map(({ type }, i) => valueSql(field(i), type, file.isRewritten));
  const named = (of: (i: number) => string) =>
    columns.map(({ name }, i) => `${of(i)} AS ${quoteName(name)}`).join(', ');
  if (!hasValues(columns)) return `SELECT ${named((i) => values[i]!)} FROM ${source}`;
  const counts = columns.flatMap(({ type }, i) =>
    type.pattern === null
      ? []
      : [
          `CASE WHEN (${values[i]}) IS NULL AND (${textSql(field(i), file.isRewritten)}) IS NOT NULL THEN nextval('${counterOf(id)}') ELSE 0 END`,
        ],
  );
  const members = [...values.map((value, i) => `'c${i}': ${value}`), `'unread': ${counts.join(' + ')}`];
  return `SELECT ${named((i) => `r.c${i}`)} FROM (SELECT {${members.join(', ')}} AS r FROM ${source}) WHERE r.unread IS DISTINCT FROM -1`;
}

function readSql(id: number, files: readonly PreparedFile[]): string {
  const { header, dialect, skipLines, isSequential } = files[0]!;
  const longestLine = Math.max(...files.map((file) => file.longestLine));
  const columns = header.map((_, i) => `${quoteName(`g${id}_${i}`)}: 'VARCHAR'`);
  const options = [
    'auto_detect = false',
    `columns = {${columns.join(', ')}}`,
    `delim = ${toSql(dialect.delimiter)}`,
    `quote = '"'`,
    `escape = '"'`,
    'header = true',
    `skip = ${skipLines}`,
    `new_line = '${dialect.lineEnd.replace('\r', '\\r').replace('\n', '\\n')}'`,
    `compression = 'none'`,
    'store_rejects = true',
    'rejects_limit = 0',
    ...(isSequential ? ['parallel = false'] : []),
    ...(longestLine > MAX_LINE_SIZE
      ? [
          `max_line_size = ${longestLine + 1}`,
          `buffer_size = ${Math.max(16 * MAX_LINE_SIZE, 2 * longestLine)}`,
        ]
      : []),
  ];
  return `read_csv(${toSql(files.map(({ path }) => path))}, ${options.join(', ')})`;
}

/** The bytes of the longest line that DuckDB takes without being told. */
const MAX_LINE_SIZE = 2_000_000;

function hasValues(columns: readonly Column[]): boolean {
  return columns.some(({ type }) => type.pattern !== null);
}

function counterOf(id: number): string {
  return `sluice_unread_${id}`;
}

function keyOf({ header, dialect, skipLines, isSequential, isRewritten, places }: PreparedFile): string {
  return JSON.stringify([header.length, dialect, skipLines, isSequential, isRewritten, places]);
}

/** The first files of a scan, with commas between. */
function filesShown(info: NonNullable<Profile['extra_info']>): string {
  return [info['Filename(s)'] ?? []].flat()[0] ?? '';
}

function* nodesOf(profile: Profile): Generator<Profile> {
  yield profile;
  for (const child of profile.children ?? []) yield* nodesOf(child);
}

function nextToken(tokens: readonly string[], from: number): number {
  let at = from;
  while (/^\s$/.test(tokens[at] ?? '')) at++;
  return at;
}

/** The arguments between a parenthesis and the one that closes it. */
function argumentsAt(tokens: readonly string[], open: number): { args: string[]; end: number } {
  const args = [''];
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    const token = tokens[at]!;
    if (/^[([{]$/.test(token) && ++depth === 1) continue;
    if (/^[)\]}]$/.test(token) && --depth === 0) return { args, end: at };
    if (token === ',' && depth === 1) args.push('');
    else args[args.length - 1] += token;
  }
  throw new SluiceError('InvalidJob', `${FUNCTION}: its parenthesis is not closed`);
}

/** Reads no further than it must. */
function firstOf<T>(items: Iterable<T>, count: number): T[] {
  const first: T[] = [];
  if (count > 0) for (const item of items) if (first.push(item) >= count) break;
  return first;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
