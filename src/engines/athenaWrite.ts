import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import { listKeys } from '../lake/lakeFiles';
import { joinFolder, parseS3Uri } from '../pipelines/location';
import { partitionFolder, type Table } from './catalog';
import { fieldIdsOf, type WrittenFile } from './iceberg';
import { putFile, type CatalogSession } from './session';
import { quoteName, quoteText } from './sql';
import { isScalar, isText, toText, type TrinoType } from './trinoTypes';

/** Where and how the rows of CREATE TABLE AS, INSERT INTO and UNLOAD are written. */
export interface Target {
  location: string;
  format: Table['format'];
  /** `''` for none. */
  compression: string;
  delimiter: string;
  partitionedBy: string[];
}

/**
 * The properties in WITH. https://docs.aws.amazon.com/athena/latest/ug/create-table-as.html
 * @throws SluiceError JobFailed for what has no local writer
 */
export function parseTarget(
  properties: Record<string, string>,
): Omit<Target, 'location'> & { location: string | null } {
  const known = [
    'format',
    'external_location',
    'partitioned_by',
    'write_compression',
    'parquet_compression',
    'compression',
    'field_delimiter',
    'table_type',
    'is_external',
    'location',
    'bucketed_by',
    'bucket_count',
    'compression_level',
  ];
  const unknown = Object.keys(properties).find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw new SluiceError(
      'JobFailed',
      `INVALID_TABLE_PROPERTY: local Athena does not know the property ${unknown}`,
    );
  const name = (properties['format'] ?? 'PARQUET').toUpperCase();
  const formats: Record<string, Table['format']> = { PARQUET: 'parquet', JSON: 'json', TEXTFILE: 'csv' };
  const format = formats[name];
  if (format === undefined)
    throw new SluiceError(
      'JobFailed',
      `NOT_SUPPORTED: format = '${name}': local Athena writes PARQUET, JSON and TEXTFILE`,
    );
  const given =
    properties['write_compression'] ?? properties['parquet_compression'] ?? properties['compression'];
  const compression = (given ?? 'GZIP').toLowerCase();
  if (
    !(format === 'parquet' ? ['snappy', 'gzip', 'zstd', 'none'] : ['gzip', 'zstd', 'none']).includes(
      compression,
    )
  )
    throw new SluiceError(
      'JobFailed',
      `NOT_SUPPORTED: the compression ${compression.toUpperCase()} for ${name} has no local writer`,
    );
  const delimiter = properties['field_delimiter'] ?? '\u0001';
  return {
    location: properties['external_location'] ?? properties['location'] ?? null,
    format,
    compression: compression === 'none' ? '' : compression,
    delimiter: delimiter === '\\t' ? '\t' : delimiter,
    partitionedBy: [...(properties['partitioned_by'] ?? '').matchAll(/'((?:[^']|'')*)'/g)].map(([, key]) =>
      key!.toLowerCase(),
    ),
  };
}

/** @throws SluiceError JobFailed when another query's files are there */
export async function checkEmpty(s3: S3Client, location: string, id: string): Promise<void> {
  const { bucket, key } = parseS3Uri(joinFolder(location))!;
  const found = (await listKeys(s3, bucket, key)).find((one) => !one.includes(id) && !one.endsWith('/'));
  if (found !== undefined)
    throw new SluiceError(
      'JobFailed',
      `HIVE_PATH_ALREADY_EXISTS: Target directory for table already exists: s3://${bucket}/${found} is there; take another location, or remove it`,
    );
}

/** What a query has written. */
export interface Written {
  uris: readonly string[];
  rowCount: number;
}

/** Writes the query's rows as one file of an Iceberg table. @returns null without rows */
export async function writeIcebergRows(
  s3: S3Client,
  session: CatalogSession,
  table: Table,
  { id, signal }: { id: string; signal: AbortSignal },
): Promise<WrittenFile | null> {
  const file = join(session.folder, 'written.parquet');
  const selected = table.columns.map(({ name }, i) => `c${i} AS ${quoteName(name)}`);
  const { rowCount } = await session.run(`SELECT ${selected.join(', ')} FROM result`, {
    columns: table.columns.length,
    output: {
      file,
      format: 'parquet',
      options: `FORMAT parquet, COMPRESSION zstd, FIELD_IDS ${fieldIdsOf(table)}`,
    },
  });
  if (rowCount === 0) return null;
  const uri = `${joinFolder(table.location)}data/${id}-00000.parquet`;
  await putFile(s3, file, uri, signal);
  return { uri, bytes: (await stat(file)).size, rowCount };
}

interface NamedColumn {
  name: string;
  type: TrinoType;
}

/**
 * Writes the query's rows below the location, each partition in its folder. Their names come from the query's id, so that
 * a query that is run again writes over its own.
 * @returns the partitions' values that have rows, and the objects
 */
export async function writeRows(
  s3: S3Client,
  session: CatalogSession,
  columns: readonly NamedColumn[],
  target: Target,
  { id, signal }: { id: string; signal: AbortSignal },
): Promise<Written & { partitions: string[][] }> {
  const keys = target.partitionedBy;
  // Hexadecimal, since the engine does not mask what a folder's name cannot have. Hive has one folder for '' and null.
  const partitionKeys = columns.flatMap(({ name, type }, i) =>
    keys.includes(name)
      ? [`'v' || hex(encode(nullif(${textOf(type, `c${i}`)}, ''))) AS ${quoteName(name)}`]
      : [],
  );
  const values = columns.flatMap(({ name, type }, i) =>
    keys.includes(name) ? [] : [{ name, type, sql: `c${i}` }],
  );
  const selected = [...valuesOf(values, target.format), ...partitionKeys];
  const ending = { parquet: '.parquet', json: '.json', csv: '', opencsv: '' }[target.format];
  const packed =
    target.format !== 'parquet' && target.compression !== ''
      ? target.compression === 'gzip'
        ? '.gz'
        : '.zst'
      : '';
  const fileName = `${id}-00000${ending}${packed}`;
  const folder = join(session.folder, 'written');
  const options = [
    optionsOf(target),
    ...(keys.length > 0
      ? [`PARTITION_BY (${keys.map(quoteName).join(', ')}), FILENAME_PATTERN 'part{i}'`]
      : []),
  ].join(', ');
  const file = keys.length > 0 ? folder : join(session.folder, 'written.file');
  const { rowCount } = await session.run(`SELECT ${selected.join(', ')} FROM result`, {
    columns: columns.length,
    output: { file, format: 'csv', options },
  });
  const written =
    keys.length > 0 ? await filesBelow(folder) : rowCount > 0 ? [{ path: file, folders: [] }] : [];
  const uris: string[] = [];
  const partitions = new Map<string, string[]>();
  for (const [i, { path, folders }] of written.entries()) {
    const values = folders.map(valueOfFolder);
    if (keys.length > 0) partitions.set(values.join('/'), values);
    const name = fileName.replace('-00000', `-${String(i).padStart(5, '0')}`);
    const below = partitionFolder(
      keys.map((key) => ({ name: key, type: 'string' })),
      values,
    );
    const uri = `${joinFolder(target.location)}${below === '' ? '' : `${below}/`}${name}`;
    await putFile(s3, path, uri, signal);
    uris.push(uri);
  }
  return { partitions: [...partitions.values()], uris, rowCount };
}

function valuesOf(values: readonly (NamedColumn & { sql: string })[], format: Table['format']): string[] {
  if (format !== 'json')
    return values.map(
      ({ name, type, sql }) => `${format === 'csv' ? textOf(type, sql) : sql} AS ${quoteName(name)}`,
    );
  const fields = values.map(({ name, type, sql }) => `${quoteName(name)} := ${jsonOf(type, sql)}`);
  return [`CAST(to_json(struct_pack(${fields.join(', ')})) AS VARCHAR) AS line`];
}

/** A time as the SerDe reads it. */
function jsonOf(type: TrinoType, sql: string): string {
  return isScalar(type, 'timestamp', 'timestamptz', 'date', 'varbinary') ? textOf(type, sql) : sql;
}

/** The text of a folder `key=v<hexadecimal>`; without a value it is Hive's name for null. */
function valueOfFolder(folder: string): string {
  const text = folder.slice(folder.indexOf('=') + 1);
  return text.startsWith('v') ? Buffer.from(text.slice(1), 'hex').toString() : '__HIVE_DEFAULT_PARTITION__';
}

function textOf(type: TrinoType, sql: string): string {
  return type.kind === 'scalar' && isText(type) ? sql : toText(type, sql);
}

function optionsOf({ format, compression, delimiter }: Target): string {
  const packing = compression === '' ? 'COMPRESSION none' : `COMPRESSION ${compression}`;
  if (format === 'parquet')
    return `FORMAT parquet, ${compression === '' ? 'COMPRESSION uncompressed' : packing}`;
  return `FORMAT csv, HEADER false, DELIMITER ${quoteText(format === 'json' ? '\u0001' : delimiter)}, QUOTE '', ESCAPE '', NULLSTR '\\N', ${packing}`;
}

async function filesBelow(
  folder: string,
  folders: string[] = [],
): Promise<{ path: string; folders: string[] }[]> {
  const entries = await readdir(join(folder, ...folders), { withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    },
  );
  const files = await Promise.all(
    entries.map(async (entry) =>
      entry.isDirectory()
        ? filesBelow(folder, [...folders, entry.name])
        : [{ path: join(folder, ...folders, entry.name), folders }],
    ),
  );
  return files.flat();
}
