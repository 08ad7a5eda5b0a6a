import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import { joinFolder, parseS3Uri } from '../pipelines/location';
import { listKeys } from '../lake/lakeFiles';
import { toLocalUri } from './localSpark';
import { keyIn, readJson } from './inWorker';

export interface Column {
  name: string;
  /** In Hive's notation, as Glue's catalog has it, e.g. `array<struct<a:string>>`. */
  type: string;
  comment?: string;
}

/** One combination of the partition keys' values, and the folder that has its files. */
export interface Partition {
  values: string[];
  location: string;
}

/** How a table's files are read, which its SerDe says. */
export type TableFormat = 'csv' | 'opencsv' | 'json' | 'parquet';

export interface Table {
  database: string;
  name: string;
  format: TableFormat;
  /** A folder's URI; of a view it is empty. */
  location: string;
  columns: Column[];
  partitionKeys: Column[];
  partitions: Partition[];
  /** The SerDe's own properties, e.g. `field.delim`. */
  serde: Record<string, string>;
  /** TBLPROPERTIES, which Glue calls parameters. */
  properties: Record<string, string>;
  comment?: string;
  /** The query of a view. */
  view?: string;
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
   * @param s3Dir the folder whose sub-folders are the buckets
   */
  constructor(
    private readonly s3: S3Client,
    private readonly s3Dir: string,
    private readonly lake: string,
  ) {
    this.bucket = parseS3Uri(lake)!.bucket;
  }

  /** The tables whose name is among `names`; all of them without. */
  async listTables(names?: ReadonlySet<string>, signal?: AbortSignal): Promise<Table[]> {
    const keys = await listKeys(this.s3, this.bucket, keyIn(this.lake, '.catalog/'), signal);
    const wanted = keys.filter((key) => {
      const name = /([^/]*)\.json$/.exec(key)?.[1] ?? '';
      return name !== '_database' && (!names || names.has(name));
    });
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
      for (const entry of await entriesOf(folder, location)) {
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

  /** The files of a table whose folders have them, each with the values of its partition. */
  async filesOf(
    table: Table,
    partitions: readonly Partition[],
    signal?: AbortSignal,
  ): Promise<{ file: DataFile; values: string[] }[]> {
    if (table.partitionKeys.length === 0)
      return (await this.listFiles(table.location, signal)).map((file) => ({ file, values: [] }));
    const perPartition = await Promise.all(
      partitions.map(async ({ values, location }) =>
        (await this.listFiles(location, signal)).map((file) => ({ file, values })),
      ),
    );
    return perPartition.flat();
  }

  /** Every database with a table in it, and those that were created. */
  async listDatabases(): Promise<string[]> {
    const keys = await listKeys(this.s3, this.bucket, keyIn(this.lake, '.catalog/'));
    const names = keys.map((key) => /([^/]+)\/[^/]*\.json$/.exec(key)?.[1] ?? '');
    return [...new Set(['default', ...names.filter((name) => name !== '')])].sort();
  }

  async putDatabase(name: string): Promise<void> {
    await this.s3.send(new PutObjectCommand({ ...this.objectOf(name, '_database'), Body: '{}' }));
  }

  async removeDatabase(name: string): Promise<void> {
    await this.s3.send(new DeleteObjectCommand(this.objectOf(name, '_database')));
  }

  /** The bytes of an object. @throws SluiceError JobFailed when it is not there */
  async readObject(uri: string): Promise<Buffer> {
    try {
      return await readFile(this.toPath(uri));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new SluiceError('JobFailed', `HIVE_CANNOT_OPEN_SPLIT: ${uri} is not there`);
    }
  }

  async putObject(uri: string, Body: Buffer): Promise<void> {
    const { bucket, key } = parseS3Uri(uri)!;
    await this.s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body }));
  }

  /** Removes all objects of a folder. */
  async removeFolder(location: string): Promise<void> {
    const { bucket, key } = parseS3Uri(joinFolder(location))!;
    for (const Key of await listKeys(this.s3, bucket, key))
      await this.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
  }

  /** The local file or folder of a URI. @throws SluiceError InvalidJob for one that is in no bucket */
  toPath(location: string): string {
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

async function entriesOf(folder: string, location: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    if (code === 'ENOTDIR')
      throw new SluiceError(
        'JobFailed',
        `HIVE_FILESYSTEM_ERROR: ${location} is an object; a table's LOCATION is the folder that has it`,
      );
    throw error;
  }
}

/** A partition's value as its folder has it: Hive writes some characters as `%XX`, and a lone `%` is itself. */
export function decodeValue(text: string): string {
  try {
    return decodeURIComponent(text.replace(/%(?![0-9A-Fa-f]{2})/g, '%25'));
  } catch {
    return text;
  }
}

/** https://github.com/apache/hive/blob/master/common/src/java/org/apache/hadoop/hive/common/FileUtils.java */
export function encodeValue(value: string): string {
  return value === ''
    ? '__HIVE_DEFAULT_PARTITION__'
    : value.replace(
        /[\u0001-\u001f"#%'*/:=?\\\u007f{[\]^]/g,
        (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
      );
}

/** The folder of a partition below its table's. */
export function partitionFolder(keys: readonly Column[], values: readonly string[]): string {
  return keys.map(({ name }, i) => `${name}=${encodeValue(values[i]!)}`).join('/');
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
    const values = file.folders.map((folder) => decodeValue(folder.slice(folder.indexOf('=') + 1)));
    partitions.set(values.join('/'), { values, location: `${base}/${file.folders.join('/')}/` });
  }
  return {
    partitionKeys: keys.map((key) => ({ name: key!.toLowerCase(), type: 'string' })),
    partitions: [...partitions.values()],
  };
}

/** Partitions of both, of which the later ones win. */
export function mergePartitions(old: readonly Partition[], found: readonly Partition[]): Partition[] {
  const byValues = new Map([...old, ...found].map((partition) => [partition.values.join('/'), partition]));
  return [...byValues.values()];
}
