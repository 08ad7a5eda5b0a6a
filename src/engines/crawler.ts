import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { SluiceError } from '../errors';
import type { JobParameters } from '../jobs';
import { joinFolder } from '../pipelines/location';
import type { QueryProcesses } from '../duckdb/queryProcesses';
import type { Crawler, Crawlers, CrawlerTarget, CsvClassifier } from '../runners/defineRunner';
import type { SubmissionOf } from '../runners/runner';
import {
  mergePartitions,
  partitionsOf,
  type Catalog,
  type Column,
  type DataFile,
  type Table,
} from './catalog';
import type { LocalEngine, LocalResult } from './inWorker';
import type { LocalLake } from './session';
import { quoteText } from './sql';
import { escapePath, linesOf, structureQuery } from './tableView';
import { fromDuckdb, toHive } from './trinoTypes';

/**
 * `glue:startCrawler` without AWS: a table a target, its format by the files' content, its columns by DuckDB over all of
 * them. The first crawl adds the table; later ones add columns and partitions and widen types. Nothing is taken away.
 */
export class LocalCrawler implements LocalEngine<'glue:startCrawler'> {
  private readonly catalog: Catalog;

  constructor(
    private readonly lake: LocalLake,
    private readonly crawlers: Crawlers,
  ) {
    this.catalog = lake.catalog;
  }

  check({ Name }: JobParameters['glue:startCrawler']): Promise<void> {
    this.findCrawler(Name);
    return Promise.resolve();
  }

  async run(
    { job }: SubmissionOf<'glue:startCrawler'>,
    _id: string,
    signal: AbortSignal,
  ): Promise<LocalResult> {
    const crawler = this.findCrawler(job.parameters.Name);
    const measures = { TablesCreated: 0, TablesUpdated: 0 };
    for (const target of crawler.targets) {
      const {
        path,
        table,
        exclusions = [],
      }: CrawlerTarget = typeof target === 'string' ? { path: target } : target;
      const location = joinFolder(this.lake.lake, path);
      const name = (table ?? `${crawler.tablePrefix ?? ''}${basename(path)}`).toLowerCase();
      const tableName = name.replace(/[^a-z0-9_]/g, '_');
      const found = await this.crawl(crawler, { name: tableName, location, exclusions }, signal);
      if (found === null) continue;
      const old = await this.catalog.getTable(found.database, found.name);
      const merged = old === null ? found : merge(old, found);
      if (old === null) measures.TablesCreated++;
      else if (JSON.stringify(old) !== JSON.stringify(merged)) measures.TablesUpdated++;
      else continue;
      await this.catalog.putTable(merged);
    }
    return { output: null, measures };
  }

  private async crawl(
    { database, classifiers = {} }: Crawler,
    { name, location, exclusions }: { name: string; location: string; exclusions: readonly string[] },
    signal: AbortSignal,
  ): Promise<Table | null> {
    const all = await this.catalog.listFiles(location, signal);
    const excluded = exclusions.map(globPattern);
    const files = all.filter(
      ({ uri }) => !excluded.some((pattern) => pattern.test(uri.slice(location.length))),
    );
    if (files.length === 0) return null;
    const format = await formatOf(files);
    const { partitionKeys, partitions } = partitionsOf(location, files);
    const { columns, csv } = await inferColumns(
      { format, files, classifier: classifiers.csv },
      { processes: this.lake.processes, signal },
    );
    const isKey = ({ name: column }: Column) => partitionKeys.some((key) => key.name === column);
    return {
      database,
      name,
      format: csv?.quote ? 'opencsv' : format,
      location,
      columns: columns.filter((column) => !isKey(column)),
      partitionKeys,
      partitions,
      serde: csv
        ? csv.quote
          ? { separatorChar: csv.delimiter, quoteChar: csv.quote, escapeChar: '\\' }
          : { 'field.delim': csv.delimiter }
        : format === 'json'
          ? { paths: columns.map((column) => column.name).join(',') }
          : {},
      properties: {
        classification: format,
        ...(csv?.hasHeader ? { 'skip.header.line.count': '1' } : {}),
      },
    };
  }

  private findCrawler(name = ''): Crawler {
    if (Object.hasOwn(this.crawlers, name)) return this.crawlers[name]!;
    throw new SluiceError(
      'InvalidJob',
      `No local crawler is called ${name}; describe it among the project's crawlers, which has: ${Object.keys(this.crawlers).join(', ') || 'none'}`,
    );
  }
}

/** The old table with what is new: columns keep their places, and those that are gone from the files stay. */
function merge(old: Table, found: Table): Table {
  const keyOf = ({ name }: Column) => name.toLowerCase();
  const types = new Map(found.columns.map((column) => [keyOf(column), column.type]));
  const known = new Set(old.columns.map(keyOf));
  return {
    ...found,
    columns: [
      ...old.columns.map((column) => ({ ...column, type: types.get(keyOf(column)) ?? column.type })),
      ...found.columns.filter((column) => !known.has(keyOf(column))),
    ],
    partitions: mergePartitions(old.partitions, found.partitions),
  };
}

/** @throws SluiceError BadData when the files are of more than one format */
async function formatOf(files: readonly DataFile[]): Promise<Table['format']> {
  const [first, ...others] = files;
  const format = await detectFormat(first!.path);
  for (const file of others) {
    const other = await detectFormat(file.path);
    if (other === format) continue;
    throw new SluiceError(
      'BadData',
      `${first!.uri} is ${format} and ${file.uri} is ${other}; the files of one table have one format`,
    );
  }
  return format;
}

/** By the name's ending; without one that is known, by how the content begins. */
async function detectFormat(path: string): Promise<Table['format']> {
  const name = basename(path).replace(/\.(gz|zst)$/, '');
  if (/\.(csv|tsv)$/.test(name)) return 'csv';
  if (/\.(json|jsonl|ndjson)$/.test(name)) return 'json';
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(1024), 0, 1024, 0);
    const head = buffer.toString('latin1', 0, bytesRead);
    if (head.startsWith('PAR1')) return 'parquet';
    return /^(\xEF\xBB\xBF)?\s*[{[]/.test(head) ? 'json' : 'csv';
  } finally {
    await file.close();
  }
}

/** https://docs.aws.amazon.com/glue/latest/dg/define-crawler.html#crawler-data-stores-exclude */
function globPattern(glob: string): RegExp {
  const text = glob.replace(/\*\*|\*|\?|\{([^}]*)\}|[.+^$()|\\]/g, (found, choices?: string) => {
    if (found === '**') return '.*';
    if (found === '*') return '[^/]*';
    if (found === '?') return '[^/]';
    if (choices !== undefined)
      return `(${choices
        .split(',')
        .map((choice) => globPattern(choice).source.slice(1, -1))
        .join('|')})`;
    return `\\${found}`;
  });
  return new RegExp(`^${text}$`);
}

interface Csv {
  delimiter: string;
  quote: string | null;
  hasHeader: boolean;
}

/** @throws SluiceError BadData with what the engine says of the files */
async function inferColumns(
  {
    format,
    files,
    classifier,
  }: { format: Table['format']; files: readonly DataFile[]; classifier: CsvClassifier | undefined },
  { processes, signal }: { processes: QueryProcesses; signal: AbortSignal },
): Promise<{ columns: Column[]; csv?: Csv }> {
  const tempFolder = await mkdtemp(join(tmpdir(), 'sluice-crawl-'));
  const names = Object.fromEntries(
    files.flatMap(({ path, uri }) => [
      [path, uri],
      [escapePath(path), uri],
    ]),
  );
  const query = async (sql: string) =>
    (await processes.run({ sql, variables: {}, names, maxRows: 100_000, tempFolder, signal })).rows!;
  const list = `[${files.map(({ path }) => quoteText(escapePath(path))).join(', ')}]`;
  try {
    if (format === 'csv') return await inferCsv(files, classifier, query);
    if (format === 'json') {
      const [row] = await query(structureQuery(files));
      const structure: unknown = JSON.parse((row?.['structure'] as string | null) ?? '{}');
      if (typeof structure !== 'object' || structure === null || Array.isArray(structure))
        throw new SluiceError('BadData', `${files[0]!.uri}: its lines are no JSON objects`);
      return {
        columns: mergeNames(
          Object.entries(structure).map(([name, type]) => ({
            name: name.toLowerCase(),
            type: typeOfStructure(type),
          })),
        ),
      };
    }
    const rows = await query(
      `SELECT column_name AS name, column_type AS type FROM (DESCRIBE SELECT * FROM read_parquet(${list}, union_by_name = true, hive_partitioning = false))`,
    );
    return {
      columns: mergeNames(
        (rows as unknown as Column[]).map(({ name, type }) => ({
          name: name.toLowerCase(),
          type: toHive(fromDuckdb(type)),
        })),
      ),
    };
  } catch (error) {
    if (error instanceof SluiceError) throw new SluiceError('BadData', error.message, { cause: error });
    throw error;
  } finally {
    await rm(tempFolder, { recursive: true, force: true });
  }
}

/** Names of a catalog are in lower case: what differs in case alone is one column, of the wider type. */
function mergeNames(columns: readonly Column[]): Column[] {
  const merged = new Map<string, Column>();
  for (const column of columns) {
    const old = merged.get(column.name);
    merged.set(column.name, old ? { ...old, type: old.type === column.type ? old.type : 'string' } : column);
  }
  return [...merged.values()];
}

/** The type of what `json_group_structure` found. Dates in JSON are texts, as a Glue crawler leaves them. */
function typeOfStructure(found: unknown): string {
  if (Array.isArray(found)) return `array<${typeOfStructure(found[0])}>`;
  if (typeof found === 'object' && found !== null) {
    const fields = mergeNames(
      Object.entries(found).map(([name, type]) => ({
        name: name.toLowerCase(),
        type: typeOfStructure(type),
      })),
    );
    return `struct<${fields.map(({ name, type }) => `${name}:${type}`).join(',')}>`;
  }
  switch (found) {
    case 'BOOLEAN':
      return 'boolean';
    case 'BIGINT':
    case 'UBIGINT':
      return 'bigint';
    case 'DOUBLE':
      return 'double';
    case 'HUGEINT':
      return 'decimal(38,0)';
    default:
      return 'string';
  }
}

const DELIMITERS = [',', '|', '\t', ';', '\u0001'];

/**
 * Glue's built-in CSV classifier: its delimiters, its rule for headers, `col0`, `col1`, … without one.
 * https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html#classifier-builtin
 */
async function inferCsv(
  files: readonly DataFile[],
  { Delimiter, QuoteSymbol, ContainsHeader = 'UNKNOWN' }: CsvClassifier = {},
  query: (sql: string) => Promise<Record<string, unknown>[]>,
): Promise<{ columns: Column[]; csv: Csv }> {
  const quote = QuoteSymbol ?? null;
  const sample = await query(`SELECT line FROM ${linesOf(files.slice(0, 1))} WHERE line IS NOT NULL LIMIT 2`);
  const first = (sample[0]?.['line'] as string | undefined) ?? '';
  const delimiter =
    Delimiter ??
    DELIMITERS.reduce((best, one) => (first.split(one).length > first.split(best).length ? one : best));
  const header = splitLine(first, delimiter, quote);
  // The first line of each file, which may be its header, has no say in the types of the others.
  const typesOf = async (withFirst: boolean) => {
    if (quote !== null) return header.map(() => 'string');
    const kinds = header.map((_, i) => `${typeQuery(`f.parts[${i + 1}]`)} AS c${i}`);
    const lines = linesOf(files, withFirst ? 0 : 1);
    const [row] = await query(
      `SELECT ${kinds.join(', ')} FROM (SELECT string_split(line, ${quoteText(delimiter)}) AS parts FROM ${lines} WHERE line IS NOT NULL) AS f`,
    );
    return header.map((_, i) => (row?.[`c${i}`] as string | undefined) ?? 'string');
  };
  const data = await typesOf(false);
  const looksLikeHeader =
    sample.length > 1 &&
    header.length > 1 &&
    header.every((text) => /^[A-Za-z_]/.test(text) && !isNumber(text)) &&
    header.slice(0, -1).every((text) => text.length < 150) &&
    data.some((type) => type !== 'string');
  const hasHeader = ContainsHeader === 'PRESENT' || (ContainsHeader === 'UNKNOWN' && looksLikeHeader);
  const types = hasHeader ? data : await typesOf(true);
  const columns = header.map((text, i) => ({
    name: hasHeader ? text.trim().toLowerCase() : `col${i}`,
    type: quote ? 'string' : types[i]!,
  }));
  return { columns, csv: { delimiter, quote, hasHeader } };
}

const isNumber = (text: string) => /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/.test(text);

function splitLine(line: string, delimiter: string, quote: string | null): string[] {
  if (quote === null) return line.split(delimiter);
  const fields = [''];
  let quoted = false;
  for (const character of line) {
    if (character === quote) quoted = !quoted;
    else if (character === delimiter && !quoted) fields.push('');
    else fields[fields.length - 1] += character;
  }
  return fields;
}

/** The narrowest of bigint, double, string that all values have. */
function typeQuery(value: string): string {
  const all = (pattern: string) =>
    `bool_and(${value} IS NULL OR ${value} = '' OR regexp_full_match(${value}, '${pattern}'))`;
  return `CASE WHEN count(nullif(${value}, '')) = 0 THEN 'string' WHEN ${all('[+-]?[0-9]{1,18}')} THEN 'bigint' WHEN ${all('[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?')} THEN 'double' ELSE 'string' END`;
}
