import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import { parseS3Uri } from '../pipelines/location';
import { listKeys } from '../lake/lakeFiles';
import type { QueryProcesses } from '../duckdb/queryProcesses';
import { toLocalUri } from './localSpark';
import { keyIn, readJson } from './inWorker';
import { quoteName, quoteText } from './sql';

export interface Column {
  name: string;
  /** In DuckDB's notation. */
  type: string;
}

/** One combination of the partition keys' values, and the folder that has its files. */
export interface Partition {
  values: string[];
  location: string;
}

export interface Table {
  database: string;
  name: string;
  format: 'json' | 'csv' | 'parquet';
  /** A folder's URI. */
  location: string;
  columns: Column[];
  partitionKeys: Column[];
  partitions: Partition[];
  /** With `skipLines`, columns go by position after so many lines; without, by the names of the first line. */
  csv?: { delimiter: string; skipLines?: number };
}

/** A file of a table, as engines see it. */
export interface DataFile {
  path: string;
  uri: string;
  bytes: number;
  /** The folders between the location and the file. */
  folders: string[];
}

/** Databases and tables: one JSON object a table, `.catalog/<database>/<table>.json` in the lake, written whole. */
export class Catalog {
  private readonly bucket: string;

  /**
   * @param processes where the SQL over its tables runs
   * @param s3Dir the folder whose sub-folders are the buckets
   */
  constructor(
    private readonly s3: S3Client,
    readonly processes: QueryProcesses,
    private readonly s3Dir: string,
    private readonly lake: string,
  ) {
    this.bucket = parseS3Uri(lake)!.bucket;
  }

  /** The tables whose name is among `names`; all of them without. */
  async listTables(names?: ReadonlySet<string>, signal?: AbortSignal): Promise<Table[]> {
    const keys = await listKeys(this.s3, this.bucket, keyIn(this.lake, '.catalog/'), signal);
    const wanted = keys.filter((key) => !names || names.has(/([^/]*)\.json$/.exec(key)?.[1] ?? ''));
    const tables = await Promise.all(
      wanted.map((Key) => readJson<Table>(this.s3, { Bucket: this.bucket, Key }, signal)),
    );
    return tables.filter((table) => table !== null);
  }

  getTable(database: string, name: string): Promise<Table | null> {
    return readJson<Table>(this.s3, this.objectOf(database, name));
  }

  async putTable(table: Table): Promise<void> {
    const object = this.objectOf(table.database, table.name);
    await this.s3.send(new PutObjectCommand({ ...object, Body: JSON.stringify(table, null, 2) }));
  }

  async removeTable(database: string, name: string): Promise<void> {
    await this.s3.send(new DeleteObjectCommand(this.objectOf(database, name)));
  }

  /**
   * The files with something in them below a folder, by path. A file or folder whose name begins with a dot or an
   * underscore is no data.
   */
  async listFiles(location: string, signal?: AbortSignal): Promise<DataFile[]> {
    const root = this.toPath(location);
    const files: DataFile[] = [];
    const walk = async (folders: string[]): Promise<void> => {
      signal?.throwIfAborted();
      const folder = join(root, ...folders);
      for (const entry of await entriesOf(folder)) {
        if (/^[._]/.test(entry.name)) continue;
        if (entry.isDirectory()) await walk([...folders, entry.name]);
        else if (entry.isFile()) {
          const path = join(folder, entry.name);
          const { size } = await stat(path);
          const uri = `${[location.replace(/\/+$/, ''), ...folders, entry.name].join('/')}`;
          if (size > 0) files.push({ path, uri, bytes: size, folders });
        }
      }
    };
    await walk([]);
    return files.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** Every file of a table, each with the partition that it belongs to. */
  async filesOf(table: Table, signal?: AbortSignal): Promise<{ file: DataFile; values: string[] }[]> {
    if (table.partitionKeys.length === 0)
      return (await this.listFiles(table.location, signal)).map((file) => ({ file, values: [] }));
    const perPartition = await Promise.all(
      table.partitions.map(async ({ values, location }) =>
        (await this.listFiles(location, signal)).map((file) => ({ file, values })),
      ),
    );
    return perPartition.flat();
  }

  private toPath(location: string): string {
    const uri = toLocalUri(this.s3Dir, location);
    if (!uri.startsWith('file://'))
      throw new SluiceError(
        'InvalidJob',
        `${location}: no folder in a bucket; give one such as s3://lake/a/`,
      );
    return uri.slice('file://'.length);
  }

  private objectOf(database: string, name: string) {
    const path = `.catalog/${database.toLowerCase()}/${name.toLowerCase()}.json`;
    return { Bucket: this.bucket, Key: keyIn(this.lake, path) };
  }
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * The Hive style partitions that a table's folder has: `key=value` folders, in their order, above every file.
 * @throws SluiceError BadData for a file that is beside them
 */
export function partitionsOf(
  location: string,
  files: readonly DataFile[],
): Pick<Table, 'partitionKeys' | 'partitions'> {
  const base = location.replace(/\/+$/, '');
  const keysOf = ({ folders }: DataFile) => folders.map((folder) => /^([^=]+)=/.exec(folder)?.[1] ?? null);
  const hive = files.find((file) => keysOf(file).some((key) => key !== null));
  if (hive === undefined) return { partitionKeys: [], partitions: [] };
  const keys = keysOf(hive);
  const partitions = new Map<string, Partition>();
  for (const file of files) {
    if (keysOf(file).join('/') !== keys.join('/') || keys.includes(null)) {
      throw new SluiceError(
        'BadData',
        `${file.uri} and ${hive.uri} are in different partition folders; one table has the same key=value folders throughout`,
      );
    }
    const values = file.folders.map((folder) => decodeURIComponent(folder.slice(folder.indexOf('=') + 1)));
    partitions.set(values.join('/'), { values, location: `${base}/${file.folders.join('/')}/` });
  }
  return {
    partitionKeys: keys.map((key) => ({ name: key!.toLowerCase(), type: 'VARCHAR' })),
    partitions: [...partitions.values()],
  };
}

/** Partitions of both, of which the later ones win. */
export function mergePartitions(old: readonly Partition[], found: readonly Partition[]): Partition[] {
  const byValues = new Map([...old, ...found].map((partition) => [partition.values.join('/'), partition]));
  return [...byValues.values()];
}

/** The file's own column, of which no table's has the name. */
const PATH = '"$path"';

/** DuckDB's function over files of a format, every column as the files have it. */
export function readerOf(
  table: Pick<Table, 'format' | 'csv' | 'columns'>,
  files: readonly DataFile[],
): string {
  const list = `[${files.map(({ path }) => quoteText(path)).join(', ')}]`;
  const common = `filename = '$path', hive_partitioning = false`;
  switch (table.format) {
    case 'parquet':
      return `read_parquet(${list}, union_by_name = true, ${common})`;
    case 'json': {
      const columns = table.columns.map(({ name, type }) => `${quoteName(name)}: ${quoteText(type)}`);
      return `read_json(${list}, columns = {${columns.join(', ')}}, ${common})`;
    }
    case 'csv': {
      const { delimiter, skipLines } = table.csv ?? { delimiter: ',' };
      const names = table.columns.map(({ name }) => `${quoteName(name)}: 'VARCHAR'`);
      const columns =
        skipLines === undefined
          ? 'header = true, union_by_name = true, all_varchar = true'
          : `header = false, skip = ${skipLines}, columns = {${names.join(', ')}}, auto_detect = false`;
      // Empty is a text, and null is \N: the default of Athena's LazySimpleSerDe.
      return `read_csv(${list}, ${columns}, delim = ${quoteText(delimiter)}, quote = '"', escape = '"', nullstr = '\\N', null_padding = true, strict_mode = false, ${common})`;
    }
  }
}

/**
 * The view over a table's files. A column that no file has is null, one that the table does not name is left out; a CSV
 * field that does not fit its column's type is null.
 */
export function createView(table: Table, files: readonly { file: DataFile; values: string[] }[]): string {
  const { columns, partitionKeys } = table;
  const view = `${quoteName(table.database)}.${quoteName(table.name)}`;
  const all = [...columns, ...partitionKeys];
  const nulls = (list: readonly Column[]) =>
    list.map(({ name, type }) => `CAST(NULL AS ${type}) AS ${quoteName(name)}`).join(', ');
  if (files.length === 0) return `CREATE VIEW ${view} AS SELECT ${nulls(all)} WHERE false`;
  const cast = table.format === 'csv' ? 'TRY_CAST' : 'CAST';
  const empty = table.format === 'csv' ? columns.map(({ name }) => ({ name, type: 'VARCHAR' })) : columns;
  const selected = [
    ...columns.map(({ name, type }) => `${cast}(f.${quoteName(name)} AS ${type}) AS ${quoteName(name)}`),
    ...partitionKeys.map(({ name, type }) => `CAST(p.${quoteName(name)} AS ${type}) AS ${quoteName(name)}`),
  ];
  const reader = readerOf(
    table,
    files.map(({ file }) => file),
  );
  const from = `(SELECT ${[nulls(empty), `CAST(NULL AS VARCHAR) AS ${PATH}`].filter(Boolean).join(', ')} WHERE false UNION ALL BY NAME SELECT * FROM ${reader}) AS f`;
  if (partitionKeys.length === 0) return `CREATE VIEW ${view} AS SELECT ${selected.join(', ')} FROM ${from}`;
  const rows = files.map(({ file, values }) => `(${[file.path, ...values].map(quoteText).join(', ')})`);
  const names = [PATH, ...partitionKeys.map(({ name }) => quoteName(name))].join(', ');
  return `CREATE VIEW ${view} AS SELECT ${selected.join(', ')} FROM ${from} JOIN (VALUES ${rows.join(', ')}) AS p(${names}) ON f.${PATH} = p.${PATH}`;
}
