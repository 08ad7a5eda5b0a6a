import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import {
  SluiceError,
  field,
  joinFolder,
  listKeys,
  parseFolder,
  stageInput,
  type Folder,
  MultipartUpload,
  runQuery,
  defineTask,
  type TaskContext,
} from 'sluice';
import { InexactSearch, mayHaveInexact } from './inexactNumbers';
import { duckdbType, kindOf, mergeKinds, structOf, withoutUnknown, type Kind } from './recordSchema';

/** Above the longest record of `flatten-records`, whose keys may have got longer. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;
const READ_BYTES = 256 * 1024;
/** A character a byte: what is looked for is ASCII, and the rest stays as it is. */
const BYTES = 'latin1';
const NO_RECORDS = 'no-records';

interface Input {
  to: Folder;
  columns: readonly string[];
  only: boolean;
}

/**
 * `convert-records`: `{ from, to, columns?, only?, byHour? }`. Each object of `from` that `flatten-records` has written becomes one
 * Parquet object (Snappy) in `to`, of the same name; one that is there already is left alone, so nothing is converted
 * twice. Every record becomes a row, and a line that is none fails the job. The schema comes from the data of each object; `columns` (dotted names of texts) are in it whatever the data has,
 * for the queries that name them. With `only`, there are no others, and what is no text becomes its JSON text. `byHour`
 * is the key of partitions by the UTC hour in which the flat object was written, as Firehose makes them:
 * `to/<byHour>=2018-05-14-15/`.
 *
 * A folder to which objects are added has no `_SUCCESS`: each object is whole, and readers see the old ones or one more.
 * Without any records, one object without rows tells readers the columns.
 */
export const convertRecords = defineTask(
  {
    name: 'convert-records',
    about: 'Makes one Parquet object of each object of flat records.',
    input: {
      from: field.folder(),
      to: field.folder(),
      columns: field.texts({ default: [] }),
      only: field.flag({ default: false }),
      byHour: field.text({ optional: true }),
    },
    findProblems: ({ columns, only }) => [
      ...columns
        .filter((column) => !/^[a-z0-9_]+(\.[a-z0-9_]+)*$/.test(column))
        .map((column) => `columns: "${column}"; give names of a-z, 0-9 and _ such as agent.username`),
      ...(only && columns.length === 0 ? ['columns: none; give the columns that "only" is about'] : []),
    ],
  },
  async (given, context) => {
    const input = { ...given, from: parseFolder(given.from), to: parseFolder(given.to) };
    const { from, to, byHour } = input;
    const { s3, signal } = context;
    const converted = new Set((await listKeys(s3, to.bucket, to.prefix, signal)).map((key) => basename(key)));
    const flat = await listFlat(s3, from, signal);
    const measures = {
      objects: 0,
      rowsRead: 0,
      rowsRejected: 0,
      valuesUnread: 0,
      rowsWritten: 0,
      skipped: 0,
    };
    for (const { key, time } of flat) {
      const name = parquetName(key);
      if (converted.has(name)) measures.skipped++;
      else {
        const folder = byHour ? `${byHour}=${hourOf(time)}/` : '';
        const rows = await convert({ bucket: from.bucket, key }, folder + name, input, context);
        measures.rowsRead += rows;
        measures.rowsWritten += rows;
        measures.objects++;
        converted.add(name);
      }
      const { objects, rowsRead } = measures;
      context.report({ objects: objects + measures.skipped, of: flat.length, rowsRead });
    }
    const isEmpty = ![...converted].some((name) => name.endsWith('.parquet'));
    // A partitioned table has its columns from elsewhere: without a partition it has no rows.
    if (isEmpty && !byHour) await convert(null, parquetName(NO_RECORDS), input, context);
    return { output: joinFolder(given.to), measures };
  },
);

async function listFlat(s3: S3Client, { bucket, prefix }: Folder, signal: AbortSignal) {
  const flat: { key: string; time: Date }[] = [];
  const pages = paginateListObjectsV2(
    { client: s3 },
    { Bucket: bucket, Prefix: prefix },
    { abortSignal: signal },
  );
  for await (const { Contents = [] } of pages) {
    for (const { Key, LastModified } of Contents)
      if (Key!.endsWith('.json')) flat.push({ key: Key!, time: LastModified! });
  }
  return flat;
}

/** `2018-05-14-15`. */
function hourOf(time: Date): string {
  return time.toISOString().slice(0, 13).replace('T', '-');
}

/** The name of the Parquet object that a flat object becomes. */
export function parquetName(flatKey: string): string {
  return `${basename(flatKey).replace(/\.json$/, '')}.snappy.parquet`;
}

/** @returns how many records it has */
async function convert(
  flat: { bucket: string; key: string } | null,
  name: string,
  { to, columns, only }: Input,
  { s3, signal }: TaskContext,
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-convert-'));
  try {
    const search = new InexactSearch();
    const staged = flat
      ? await stageInput(s3, flat, folder, signal, (chunk) => {
          search.push(chunk);
        })
      : [];
    const { path, uri } = staged[0] ?? { path: null, uri: '' };
    let kind = structOf(columns);
    let flatFile = path;
    if (path && (!only || search.found)) {
      const exact = search.found ? join(folder, 'exact.json') : null;
      const read = await readRecords({ path, uri, exact, wantsKind: !only, signal });
      if (!only) kind = mergeKinds(kind, read.kind);
      if (read.hasInexact) flatFile = exact;
    }
    const { fields } = (withoutUnknown(kind) ?? structOf(['_'])) as Kind & { is: 'struct' };
    const file = join(folder, 'output.parquet');
    const { rowCount } = await runQuery({
      sql: selectOf(fields, path !== null),
      variables: flatFile ? { flat: [flatFile] } : {},
      names: flatFile ? { [flatFile]: uri } : {},
      output: { file, format: 'parquet' },
      maxRows: 0,
      tempFolder: folder,
      signal,
    });
    await upload(file, { bucket: to.bucket, key: to.prefix + name }, { s3, signal });
    return rowCount;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function selectOf(fields: Map<string, Kind>, hasRecords: boolean): string {
  const columns = [...fields].map(([name, kind]) => [`"${name}"`, duckdbType(kind)] as const);
  if (!hasRecords)
    return `SELECT ${columns.map(([name, type]) => `NULL::${type} AS ${name}`).join(', ')} WHERE false`;
  const types = columns.map(([name, type]) => `${name.replaceAll('"', "'")}: '${type}'`);
  return (
    `SELECT ${columns.map(([name]) => name).join(', ')} FROM read_json(getvariable('flat'), ` +
    `format = 'newline_delimited', maximum_object_size = ${MAX_LINE_BYTES}, columns = {${types.join(', ')}})`
  );
}

interface Reading {
  path: string;
  uri: string;
  /** A file that gets the lines, with the fractions that DuckDB's reader of JSON would round as texts. */
  exact: string | null;
  wantsKind: boolean;
  signal: AbortSignal;
}

/** Reads the records once. @throws SluiceError BadData that names the line */
async function readRecords({
  path,
  uri,
  exact,
  wantsKind,
  signal,
}: Reading): Promise<{ kind: Kind; hasInexact: boolean }> {
  let kind: Kind = { is: 'struct', fields: new Map() };
  let hasInexact = false;
  let number = 0;
  let line = '';
  let text = '';
  let from = 0;
  const onInexact = (start: number, end: number) => {
    text += `${line.slice(from, start)}"${line.slice(start, end)}"`;
    from = end;
  };
  const readLine = (next: string): string => {
    number++;
    if (next === '' || (!wantsKind && !mayHaveInexact(next))) return next;
    [line, text, from] = [next, '', 0];
    try {
      kind = kindOf(line, { known: kind, onInexact });
    } catch (cause) {
      const { message } = cause as Error;
      throw new SluiceError('BadData', `${uri}: line ${number} is no record: ${message}`, { cause });
    }
    hasInexact ||= from > 0;
    return text + line.slice(from);
  };
  if (exact === null) for await (const lines of linesOf(path)) lines.forEach(readLine);
  else {
    const texts = async function* () {
      for await (const lines of linesOf(path)) yield `${lines.map(readLine).join('\n')}\n`;
    };
    await pipeline(texts, createWriteStream(exact, BYTES), { signal });
  }
  return { kind, hasInexact };
}

/** The lines, many at a time. They end in line feeds only: node:readline would also split at separators that a JSON text may hold. */
async function* linesOf(path: string): AsyncGenerator<string[]> {
  let rest = '';
  const chunks = createReadStream(path, { encoding: BYTES, highWaterMark: READ_BYTES });
  for await (const chunk of chunks as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    if (lines.length > 0) yield lines;
  }
  if (rest !== '') yield [rest];
}

async function upload(
  file: string,
  target: { bucket: string; key: string },
  { s3, signal }: Pick<TaskContext, 's3' | 'signal'>,
): Promise<void> {
  const parquet = new MultipartUpload(s3, target, signal);
  try {
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) await parquet.write(chunk);
    await parquet.finish();
  } finally {
    await parquet.abort();
  }
}
