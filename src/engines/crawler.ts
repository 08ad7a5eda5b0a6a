import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { SluiceError } from '../errors';
import type { JobParameters } from '../jobs';
import { joinFolder } from '../pipelines/location';
import type { QueryProcesses } from '../duckdb/queryProcesses';
import type { Crawler, Crawlers } from '../runners/defineRunner';
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
import { quoteText } from './sql';
import { toTextTableType } from './types';

/**
 * `glue:startCrawler` without AWS: a table a target, its format by the files' content, its columns by DuckDB over all of
 * them. The first crawl adds the table; later ones add columns and partitions and widen types. Nothing is taken away.
 */
export class LocalCrawler implements LocalEngine<'glue:startCrawler'> {
  constructor(
    private readonly catalog: Catalog,
    private readonly lake: string,
    private readonly crawlers: Crawlers,
  ) {}

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
      const { path, table } = typeof target === 'string' ? { path: target, table: undefined } : target;
      const location = joinFolder(this.lake, path);
      const name = (table ?? `${crawler.tablePrefix ?? ''}${basename(path)}`).toLowerCase();
      const found = await this.crawl(crawler.database, name.replace(/[^a-z0-9_]/g, '_'), location, signal);
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
    database: string,
    name: string,
    location: string,
    signal: AbortSignal,
  ): Promise<Table | null> {
    const files = await this.catalog.listFiles(location, signal);
    if (files.length === 0) return null;
    const format = await formatOf(files);
    const { partitionKeys, partitions } = partitionsOf(location, files);
    const { columns, delimiter } = await inferColumns(format, files, {
      processes: this.catalog.processes,
      signal,
    });
    const isKey = ({ name: column }: Column) =>
      partitionKeys.some((key) => key.name === column.toLowerCase());
    return {
      database,
      name,
      format,
      location,
      columns: columns.filter((column) => !isKey(column)),
      partitionKeys,
      partitions,
      ...(format === 'csv' ? { csv: { delimiter } } : {}),
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

/** @throws SluiceError BadData with DuckDB's message */
async function inferColumns(
  format: Table['format'],
  files: readonly DataFile[],
  { processes, signal }: { processes: QueryProcesses; signal: AbortSignal },
): Promise<{ columns: Column[]; delimiter: string }> {
  const tempFolder = await mkdtemp(join(tmpdir(), 'sluice-crawl-'));
  const names = Object.fromEntries(files.map(({ path, uri }) => [path, uri]));
  const query = (sql: string) =>
    processes.run({ sql, variables: {}, names, maxRows: 100_000, tempFolder, signal });
  const list = `[${files.map(({ path }) => quoteText(path)).join(', ')}]`;
  const all = 'union_by_name = true, hive_partitioning = false';
  try {
    let delimiter = ',';
    let reader: string;
    if (format === 'parquet') reader = `read_parquet(${list}, ${all})`;
    else if (format === 'json')
      // A key for each field, however many there are: a map would hide the names.
      reader = `read_json(${list}, ${all}, sample_size = -1, maximum_depth = -1, map_inference_threshold = -1)`;
    else {
      const [sniffed] = (await query(`SELECT Delimiter AS d FROM sniff_csv(${quoteText(files[0]!.path)})`))
        .rows!;
      delimiter = String(sniffed!['d']);
      reader = `read_csv(${list}, ${all}, header = true, delim = ${quoteText(delimiter)}, quote = '"', escape = '"', sample_size = -1, null_padding = true, strict_mode = false, auto_type_candidates = ['BOOLEAN', 'BIGINT', 'DOUBLE', 'VARCHAR'])`;
    }
    const { rows } = await query(
      `SELECT column_name AS name, column_type AS type FROM (DESCRIBE SELECT * FROM ${reader})`,
    );
    const columns = (rows as unknown as Column[]).map(({ name, type }) => ({
      name,
      type: format === 'parquet' ? type : toTextTableType(type),
    }));
    return { columns, delimiter };
  } catch (error) {
    if (error instanceof SluiceError) throw new SluiceError('BadData', error.message, { cause: error });
    throw error;
  } finally {
    await rm(tempFolder, { recursive: true, force: true });
  }
}
