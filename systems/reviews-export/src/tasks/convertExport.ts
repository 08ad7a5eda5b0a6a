import { once } from 'node:events';
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import {
  SluiceError,
  field,
  joinFolder,
  publishOutput,
  stageInput,
  type StagedFile,
  runQuery,
  defineTask,
  type TaskContext,
  type TaskResult,
} from 'sluice';
import {
  nameColumns,
  observeItem,
  toSqlType,
  writeItem,
  type Column,
  type ColumnType,
  type Item,
  type Observed,
} from './attributes';
import { readExport, type ExportKind } from './exportFolder';

/** Says of a row of an incremental export whether the item was `put`, or a `delete` that left its key only. */
export const OPERATION = 'ddb_operation';
export const PARTITION = 'ddb_export_timestamp';
const MEMORY_BYTES = 1_000_000_000;

/** Digits after the point of a number column that no item has a value of. */
const NUMBER_SCALE = 9;

const COLUMN_TYPES: Record<string, ColumnType> = {
  text: { kind: 'text' },
  integer: { kind: 'long' },
  number: { kind: 'decimal', scale: NUMBER_SCALE },
  boolean: { kind: 'boolean' },
};

/**
 * `convert-export`: `{ export, output, columns? }`. Turns a DynamoDB export into one Parquet file in the folder `output`,
 * without DynamoDB's types, with the schema of the data. `columns` (name -> text, integer, number or boolean) are there
 * even if no item has them. Streams: memory grows with the number of attributes, not of items.
 */
export const convertExport = defineTask(
  {
    name: 'convert-export',
    about: 'Turns a DynamoDB export into one Parquet file.',
    input: {
      export: field.s3(),
      output: field.folder(),
      columns: field.value(isColumns, {
        needs: `an object of names, each with one of ${Object.keys(COLUMN_TYPES).join(', ')}`,
        default: {},
      }),
    },
  },
  (input, context) => convert(input, context),
);

type Columns = Record<string, string>;

function isColumns(value: unknown): value is Columns {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((word) => Object.hasOwn(COLUMN_TYPES, word as string))
  );
}

async function convert(
  input: { export: string; output: string; columns: Columns },
  { s3, signal, report }: TaskContext,
): Promise<TaskResult> {
  const { kind, files, itemCount, location } = await readExport(s3, input.export, signal);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-export-'));
  try {
    const staged: StagedFile[] = [];
    for (const [i, uri] of files.entries()) {
      // A folder for each: files in different folders may share a name.
      staged.push(...(await stageInput(s3, uri, await makeFolder(folder, i), signal)));
    }
    const types = Object.entries(input.columns).map(([name, word]) => [name, COLUMN_TYPES[word]!] as const);
    const columns = await findColumns(staged, kind, Object.fromEntries(types), signal);
    const rows = join(folder, 'rows.ndjson');
    const items = await writeRows(staged, kind, columns, { path: rows, report, itemCount, signal });
    if (itemCount !== null && items !== itemCount)
      throw new SluiceError(
        'BadData',
        `${location}: has ${items} records, and its manifest says ${itemCount}; export anew`,
      );
    const file = join(folder, 'output.parquet');
    const { rowCount } = await runQuery({
      sql: `SELECT * FROM read_json(getvariable('rows'), format = 'newline_delimited', columns = {${toSqlColumns(kind, columns)}})`,
      variables: { rows: [rows] },
      names: { [rows]: location },
      output: { file, format: 'parquet' },
      maxRows: 0,
      tempFolder: folder,
      limits: { memoryBytes: MEMORY_BYTES },
      signal,
    });
    await publishOutput(s3, file, input.output, 'part-00000.snappy.parquet', signal);
    return {
      output: joinFolder(input.output),
      measures: {
        ...{ rowsRead: items, rowsRejected: 0, valuesUnread: 0, rowsWritten: rowCount },
        columns: columns.length,
      },
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function makeFolder(folder: string, number: number): Promise<string> {
  return mkdtemp(join(folder, `${number}-`));
}

async function findColumns(
  files: StagedFile[],
  kind: ExportKind,
  expected: Record<string, ColumnType>,
  signal: AbortSignal,
): Promise<Column[]> {
  const fields = new Map<string, Observed>();
  await eachItem(files, kind, signal, ({ item }) => observeItem(fields, item));
  const columns = nameColumns(fields, [PARTITION, ...(kind === 'incremental' ? [OPERATION] : [])]);
  for (const [name, type] of Object.entries(expected)) {
    const column = columns.find((known) => known.name === name);
    if (column === undefined) columns.push({ attribute: '', name, type });
    else if (fields.get(column.attribute)!.kind === 'nothing') column.type = type;
  }
  return columns.sort((a, b) => (a.name < b.name ? -1 : 1));
}

interface Target extends Pick<TaskContext, 'report' | 'signal'> {
  path: string;
  /** How many there are to be, where the export says so. */
  itemCount: number | null;
}

/** @returns how many rows */
async function writeRows(
  files: StagedFile[],
  kind: ExportKind,
  columns: Column[],
  { path, report, itemCount, signal }: Target,
): Promise<number> {
  // An attribute's name is never empty, so a column without an attribute stays null.
  const out = createWriteStream(path);
  const failed = once(out, 'error').then(([error]) => Promise.reject(error as Error));
  failed.catch(() => {});
  let count = 0;
  await Promise.race([
    failed,
    (async () => {
      await eachItem(
        files,
        kind,
        signal,
        ({ item, operation }) => {
          count++;
          out.write(`${writeItem(item, columns, operation === null ? {} : { [OPERATION]: operation })}\n`);
        },
        () => {
          report({ rowsRead: count, of: itemCount });
          return drained(out);
        },
      );
      out.end();
      await once(out, 'close');
    })(),
  ]);
  return count;
}

async function drained(out: WriteStream): Promise<void> {
  if (out.writableNeedDrain) await once(out, 'drain');
}

function toSqlColumns(kind: ExportKind, columns: Column[]): string {
  const typed = columns.map(({ name, type }) => `"${name}": '${toSqlType(type)}'`);
  return [...(kind === 'incremental' ? [`"${OPERATION}": 'VARCHAR'`] : []), ...typed].join(', ');
}

interface Exported {
  item: Item;
  operation: 'put' | 'delete' | null;
}

/** @param afterEach awaited after the items of each chunk of a file */
async function eachItem(
  files: StagedFile[],
  kind: ExportKind,
  signal: AbortSignal,
  use: (exported: Exported) => void,
  afterEach?: () => Promise<void>,
): Promise<void> {
  for (const { path, uri } of files) {
    let number = 0;
    try {
      for await (const lines of readLines(path)) {
        signal.throwIfAborted();
        for (const line of lines) {
          number++;
          if (line.trim() !== '') use(toItem(JSON.parse(line) as Record<string, unknown>, kind));
        }
        await afterEach?.();
      }
    } catch (error) {
      signal.throwIfAborted();
      // The file itself, not this machine: a line that is no JSON, a value that is none of DynamoDB's, a broken gzip.
      const { code } = error as NodeJS.ErrnoException;
      const broken =
        error instanceof SyntaxError ||
        error instanceof TypeError ||
        code === 'BadData' ||
        code?.startsWith('Z_');
      if (!broken) throw error;
      throw new SluiceError('BadData', `${uri}, line ${number}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
}

/** Formats: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html */
function toItem(record: Record<string, unknown>, kind: ExportKind): Exported {
  if (kind === 'datapipeline') return { item: record as Item, operation: null };
  if (kind === 'full') return { item: required(record, 'Item'), operation: null };
  return record['NewImage']
    ? { item: record['NewImage'] as Item, operation: 'put' }
    : { item: required(record, 'Keys'), operation: 'delete' };
}

function required(record: Record<string, unknown>, name: string): Item {
  if (typeof record[name] === 'object' && record[name] !== null) return record[name] as Item;
  throw new SluiceError('BadData', `no ${name}; it has ${Object.keys(record).join(', ') || 'nothing'}`);
}

/** The lines of a file, many at a time. Node's own reader of lines ends them at U+2028 too, which JSON texts may hold. */
async function* readLines(path: string): AsyncGenerator<string[]> {
  const file = createReadStream(path, { highWaterMark: 256 * 1024 });
  const stream = (await isGzip(path)) ? file.pipe(createGunzip()) : file;
  file.on('error', (error) => stream.destroy(error));
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split('\n');
    rest = lines.pop()!;
    yield lines;
  }
  yield [rest + decoder.decode()];
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2);
    return buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file.close();
  }
}
