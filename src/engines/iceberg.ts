import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { streams, Type, types, type Schema } from 'avsc';
import { SluiceError } from '../errors';
import { joinFolder } from '../pipelines/location';
import type { Catalog, DataFile, Table } from './catalog';
import { quoteName } from './sql';
import { typeOf } from './tableView';
import { fieldName, toTrino, type TrinoType } from './trinoTypes';

/**
 * Iceberg tables of format version 2 without partitions: metadata as JSON, manifests as Avro, data as Parquet. A change
 * writes whole files anew, so there are no delete files. https://iceberg.apache.org/spec/
 */

interface Metadata {
  'format-version': number;
  'table-uuid': string;
  location: string;
  'last-sequence-number': number;
  'last-updated-ms': number;
  'last-column-id': number;
  schemas: (IcebergStruct & { 'schema-id': number })[];
  'current-schema-id': number;
  'partition-specs': { 'spec-id': number; fields: object[] }[];
  'default-spec-id': number;
  'last-partition-id': number;
  properties: Record<string, string>;
  'current-snapshot-id': number;
  refs: Record<string, { 'snapshot-id': number; type: string }>;
  snapshots: Snapshot[];
  'snapshot-log': object[];
  'metadata-log': object[];
  'sort-orders': object[];
  'default-sort-order-id': number;
}

interface Snapshot {
  'snapshot-id': number;
  'parent-snapshot-id'?: number;
  'sequence-number': number;
  'timestamp-ms': number;
  'manifest-list': string;
  'schema-id': number;
  summary: Record<string, string>;
}

/** A Parquet file that a query has written. */
export interface WrittenFile {
  uri: string;
  bytes: number;
  rowCount: number;
}

interface Manifest {
  manifest_path: string;
  content: number;
  [field: string]: unknown;
}

/** The property of a table that names its metadata, as Glue's Iceberg tables have it. */
const METADATA = 'metadata_location';
/** The part of a snapshot's summary that names the query: one that is run again commits nothing more. */
const QUERY = 'sluice.query';

export function isIceberg({ properties }: Pick<Table, 'properties'>): boolean {
  return properties['table_type']?.toUpperCase() === 'ICEBERG';
}

/** The table with metadata of its own and no rows. */
export async function createIceberg(catalog: Catalog, table: Table): Promise<Table> {
  const ids = new Ids();
  const fields = fieldsOf(columnsOf(table), ids);
  const metadata: Metadata = {
    'format-version': 2,
    'table-uuid': randomUUID(),
    location: table.location.replace(/\/$/, ''),
    'last-sequence-number': 0,
    'last-updated-ms': Date.now(),
    'last-column-id': ids.last,
    schemas: [{ type: 'struct', 'schema-id': 0, fields }],
    'current-schema-id': 0,
    'partition-specs': [{ 'spec-id': 0, fields: [] }],
    'default-spec-id': 0,
    'last-partition-id': 999,
    properties: { 'write.parquet.compression-codec': 'zstd' },
    'current-snapshot-id': -1,
    refs: {},
    snapshots: [],
    'snapshot-log': [],
    'metadata-log': [],
    'sort-orders': [{ 'order-id': 0, fields: [] }],
    'default-sort-order-id': 0,
  };
  return putMetadata(catalog, table, metadata);
}

/** The files that the current snapshot has. */
export async function listIcebergFiles(catalog: Catalog, table: Table): Promise<DataFile[]> {
  const metadata = await readMetadata(catalog, table);
  refuseRenamed(metadata, table);
  const files: DataFile[] = [];
  for (const manifest of await manifestsOf(catalog, metadata)) {
    if (manifest.content !== 0)
      throw new SluiceError(
        'JobFailed',
        `NOT_SUPPORTED: ${table.name} has delete files of another engine, which local Athena does not read; rewrite its data files there`,
      );
    for (const entry of await decode(await catalog.readObject(manifest.manifest_path))) {
      const { status, data_file: file } = entry as {
        status: number;
        data_file: { file_path: string; file_size_in_bytes: bigint };
      };
      // 2 is a file that the snapshot has taken away.
      if (status !== 2)
        files.push({
          path: catalog.toPath(file.file_path),
          uri: file.file_path,
          bytes: Number(file.file_size_in_bytes),
          folders: [],
        });
    }
  }
  return files;
}

/**
 * A snapshot with a file more, or with nothing but that file.
 * @param file null where the query had no rows
 */
export async function commitIceberg(
  catalog: Catalog,
  table: Table,
  { file, replace, query }: { file: WrittenFile | null; replace: boolean; query: string },
): Promise<Table> {
  const metadata = await readMetadata(catalog, table);
  const isOwn =
    metadata['format-version'] === 2 &&
    metadata['partition-specs'].every(({ fields }) => fields.length === 0) &&
    metadata.snapshots.every(({ summary }) => summary[QUERY] !== undefined);
  if (!isOwn)
    throw new SluiceError(
      'JobFailed',
      `NOT_SUPPORTED: ${table.name} has partitions or snapshots of another engine; local Athena reads them, and writes only tables that are all its own`,
    );
  if (metadata.snapshots.some(({ summary }) => summary[QUERY] === query)) return table;
  const id = randomInt(1, 2 ** 47);
  const sequence = metadata['last-sequence-number'] + 1;
  const now = Date.now();
  const folder = joinFolder(metadata.location, 'metadata');
  const kept = replace ? [] : await manifestsOf(catalog, metadata);
  const added = file === null ? [] : [await putManifest(catalog, { metadata, folder, file, id, sequence })];
  const list = `${folder}snap-${id}-1-${randomUUID()}.avro`;
  await catalog.putObject(
    list,
    await encode(MANIFEST_LIST, [...kept.map(toNumbers), ...added], {
      'snapshot-id': String(id),
      'sequence-number': String(sequence),
      'format-version': '2',
    }),
  );
  const before = metadata.snapshots.at(-1)?.['snapshot-id'];
  metadata.snapshots.push({
    'snapshot-id': id,
    ...(before === undefined ? {} : { 'parent-snapshot-id': before }),
    'sequence-number': sequence,
    'timestamp-ms': now,
    'manifest-list': list,
    'schema-id': metadata['current-schema-id'],
    summary: { operation: replace ? 'overwrite' : 'append', [QUERY]: query },
  });
  return putMetadata(catalog, table, {
    ...metadata,
    'last-sequence-number': sequence,
    'last-updated-ms': now,
    'current-snapshot-id': id,
    refs: { main: { 'snapshot-id': id, type: 'branch' } },
    'snapshot-log': [...metadata['snapshot-log'], { 'snapshot-id': id, 'timestamp-ms': now }],
  });
}

/** DuckDB's FIELD_IDS for a file of the table: a column is known by its id. */
export function fieldIdsOf(table: Table): string {
  return idsOfFields(fieldsOf(columnsOf(table), new Ids()));
}

/** The files are read by names, and a column's name is its own for good in what is written here. */
function refuseRenamed({ schemas }: Metadata, { name }: Table): void {
  const fields = schemas.flatMap((schema) => schema.fields);
  const pairs = new Set(fields.map((one) => `${one.id} ${one.name}`));
  if (
    new Set(fields.map(({ id }) => id)).size === pairs.size &&
    new Set(fields.map((one) => one.name)).size === pairs.size
  )
    return;
  throw new SluiceError(
    'JobFailed',
    `NOT_SUPPORTED: ${name} has columns that another engine renamed, which local Athena does not follow`,
  );
}

async function readMetadata(catalog: Catalog, { name, properties }: Table): Promise<Metadata> {
  const uri = properties[METADATA];
  if (uri === undefined)
    throw new SluiceError('JobFailed', `ICEBERG_INVALID_METADATA: ${name} has no ${METADATA}`);
  return JSON.parse((await catalog.readObject(uri)).toString()) as Metadata;
}

async function putMetadata(catalog: Catalog, table: Table, metadata: Metadata): Promise<Table> {
  const old = table.properties[METADATA];
  if (old !== undefined)
    metadata['metadata-log'].push({ 'metadata-file': old, 'timestamp-ms': metadata['last-updated-ms'] });
  const version = String(metadata['metadata-log'].length).padStart(5, '0');
  const uri = `${joinFolder(metadata.location, 'metadata')}${version}-${randomUUID()}.metadata.json`;
  await catalog.putObject(uri, Buffer.from(JSON.stringify(metadata)));
  const changed = { ...table, properties: { ...table.properties, table_type: 'ICEBERG', [METADATA]: uri } };
  await catalog.putTable(changed);
  return changed;
}

async function manifestsOf(catalog: Catalog, metadata: Metadata): Promise<Manifest[]> {
  const current = metadata.snapshots.find((one) => one['snapshot-id'] === metadata['current-snapshot-id']);
  if (!current) return [];
  return (await decode(await catalog.readObject(current['manifest-list']))) as Manifest[];
}

async function putManifest(
  catalog: Catalog,
  {
    metadata,
    folder,
    file: { uri, bytes, rowCount },
    id,
    sequence,
  }: { metadata: Metadata; folder: string; file: WrittenFile; id: number; sequence: number },
): Promise<Manifest> {
  const data_file = {
    ...{ content: 0, file_path: uri, file_format: 'PARQUET', partition: {} },
    ...{ record_count: rowCount, file_size_in_bytes: bytes },
  };
  const entry = { status: 1, snapshot_id: id, sequence_number: null, file_sequence_number: null, data_file };
  const schema = metadata.schemas.find((one) => one['schema-id'] === metadata['current-schema-id']);
  const content = await encode(MANIFEST, [entry], {
    ...{ schema: JSON.stringify(schema), 'schema-id': String(metadata['current-schema-id']) },
    ...{ 'partition-spec': '[]', 'partition-spec-id': '0', 'format-version': '2', content: 'data' },
  });
  const path = `${folder}${randomUUID()}-m0.avro`;
  await catalog.putObject(path, content);
  return {
    ...{ manifest_path: path, manifest_length: content.length, partition_spec_id: 0, content: 0 },
    ...{ sequence_number: sequence, min_sequence_number: sequence, added_snapshot_id: id },
    ...{ added_files_count: 1, existing_files_count: 0, deleted_files_count: 0 },
    ...{ added_rows_count: rowCount, existing_rows_count: 0, deleted_rows_count: 0 },
  };
}

// -- Avro ----------------------------------------------------------------------------------------------------------------

const field = (name: string, type: unknown, id: number) => ({ name, type, 'field-id': id });
const optional = (name: string, type: string, id: number) => ({
  ...field(name, ['null', type], id),
  default: null,
});

const MANIFEST_LIST = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    field('manifest_path', 'string', 500),
    field('manifest_length', 'long', 501),
    field('partition_spec_id', 'int', 502),
    field('content', 'int', 517),
    field('sequence_number', 'long', 515),
    field('min_sequence_number', 'long', 516),
    field('added_snapshot_id', 'long', 503),
    field('added_files_count', 'int', 504),
    field('existing_files_count', 'int', 505),
    field('deleted_files_count', 'int', 506),
    field('added_rows_count', 'long', 512),
    field('existing_rows_count', 'long', 513),
    field('deleted_rows_count', 'long', 514),
  ],
};

const MANIFEST = {
  type: 'record',
  name: 'manifest_entry',
  fields: [
    field('status', 'int', 0),
    optional('snapshot_id', 'long', 1),
    optional('sequence_number', 'long', 3),
    optional('file_sequence_number', 'long', 4),
    field(
      'data_file',
      {
        type: 'record',
        name: 'r2',
        fields: [
          field('content', 'int', 134),
          field('file_path', 'string', 100),
          field('file_format', 'string', 101),
          field('partition', { type: 'record', name: 'r102', fields: [] }, 102),
          field('record_count', 'long', 103),
          field('file_size_in_bytes', 'long', 104),
        ],
      },
      2,
    ),
  ],
};

/** A long in full: ids of other engines have 64 bits. */
const LONG = types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer(value: bigint) {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(value);
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
});

async function decode(content: Buffer): Promise<unknown[]> {
  const decoder = new streams.BlockDecoder({
    parseHook: (schema) => Type.forSchema(schema, { registry: { long: LONG } }),
  });
  const rows: unknown[] = [];
  decoder.on('data', (row: unknown) => rows.push(row));
  decoder.end(content);
  await once(decoder, 'end');
  return rows;
}

async function encode(
  schema: object,
  rows: readonly unknown[],
  header: Record<string, string>,
): Promise<Buffer> {
  const metadata = Object.fromEntries(Object.entries(header).map(([key, text]) => [key, Buffer.from(text)]));
  const encoder = new streams.BlockEncoder(schema as Schema, { metadata, writeHeader: 'always' } as object);
  const chunks: Buffer[] = [];
  encoder.on('data', (chunk: Buffer) => chunks.push(chunk));
  const done = once(encoder, 'end');
  for (const row of rows) encoder.write(row);
  encoder.end();
  await done;
  return Buffer.concat(chunks);
}

function toNumbers(manifest: Manifest): Manifest {
  return Object.fromEntries(
    Object.entries(manifest).map(([key, value]) => [key, typeof value === 'bigint' ? Number(value) : value]),
  ) as Manifest;
}

// -- Types: https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-supported-data-types.html -----------------------

/** Numbers the fields: all of one level before those within. */
class Ids {
  last = 0;
  next(): number {
    return ++this.last;
  }
}

interface Field {
  name: string;
  type: TrinoType;
}

const columnsOf = ({ columns }: Table): Field[] =>
  columns.map((column) => ({ name: column.name, type: typeOf(column) }));

interface IcebergField {
  id: number;
  name: string;
  required: boolean;
  type: IcebergType;
}

interface IcebergStruct {
  type: 'struct';
  fields: IcebergField[];
}

type IcebergType =
  | string
  | IcebergStruct
  | { type: 'list'; 'element-id': number; element: IcebergType; 'element-required': boolean }
  | {
      type: 'map';
      'key-id': number;
      key: IcebergType;
      'value-id': number;
      value: IcebergType;
      'value-required': boolean;
    };

function fieldsOf(fields: readonly Field[], ids: Ids): IcebergField[] {
  const numbered = fields.map((one) => ({ ...one, id: ids.next() }));
  return numbered.map(({ name, type, id }) => ({ id, name, required: false, type: icebergType(type, ids) }));
}

function icebergType(type: TrinoType, ids: Ids): IcebergType {
  switch (type.kind) {
    case 'array': {
      const id = ids.next();
      return {
        type: 'list',
        'element-id': id,
        element: icebergType(type.of, ids),
        'element-required': false,
      };
    }
    case 'map': {
      const [key, value] = [ids.next(), ids.next()];
      return {
        ...{ type: 'map', 'key-id': key, key: icebergType(type.key, ids) },
        ...{ 'value-id': value, value: icebergType(type.value, ids), 'value-required': false },
      };
    }
    case 'row':
      return { type: 'struct', fields: fieldsOf(namedFields(type), ids) };
    case 'scalar':
      return SCALARS[type.name]?.(type) ?? unsupported(type);
  }
}

const SCALARS: Record<string, (type: Extract<TrinoType, { kind: 'scalar' }>) => string> = {
  boolean: () => 'boolean',
  integer: () => 'int',
  bigint: () => 'long',
  real: () => 'float',
  double: () => 'double',
  decimal: ({ precision, scale }) => `decimal(${precision}, ${scale})`,
  date: () => 'date',
  timestamp: () => 'timestamp',
  varchar: () => 'string',
  varbinary: () => 'binary',
};

function unsupported(type: TrinoType): never {
  throw new SluiceError('JobFailed', `NOT_SUPPORTED: Type not supported for Iceberg: ${toTrino(type)}`);
}

const namedFields = (type: Extract<TrinoType, { kind: 'row' }>): Field[] =>
  type.fields.map(({ name, type: of }, i) => ({ name: fieldName(name, i), type: of }));

function idsOfFields(fields: readonly IcebergField[]): string {
  return `{${fields.map(({ name, id, type }) => `${quoteName(name)}: ${idsOfType(id, type)}`).join(', ')}}`;
}

function idsOfType(id: number, type: IcebergType): string {
  if (typeof type === 'string') return String(id);
  switch (type.type) {
    case 'list':
      return `{__duckdb_field_id: ${id}, element: ${idsOfType(type['element-id'], type.element)}}`;
    case 'map':
      return `{__duckdb_field_id: ${id}, key: ${idsOfType(type['key-id'], type.key)}, value: ${idsOfType(type['value-id'], type.value)}}`;
    case 'struct':
      return `{__duckdb_field_id: ${id}, ${idsOfFields(type.fields).slice(1)}`;
  }
}
