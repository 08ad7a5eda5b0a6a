import { createHash } from 'node:crypto';
import { isUtf8 } from 'node:buffer';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import {
  SluiceError,
  type ObjectVersion,
  field,
  joinFolder,
  parseS3Uri,
  listKeys,
  parseFolder,
  type Folder,
  MultipartUpload,
  unquoted,
  defineTask,
  type TaskContext,
} from 'sluice';
import { forEach } from './forEach';
import { countLineFeeds, RecordSplitter, type Rejected } from './recordSplitter';

const OBJECTS_AT_A_TIME = 4;
/** How many rejected records a failure names, and how much of each. */
const SHOWN_CASES = 5;
const SHOWN_BYTES = 80;
/** Rejected bytes of one line of the report; longer pieces take several lines. */
const REJECTED_BYTES = 1024 * 1024;
/** What an object that was made from another remembers of it. */
const SOURCE = 'sluice-source-etag';

interface Input {
  to: Folder;
  rejected: Folder;
  keepOriginals: boolean;
  maxBadShare: number;
}

type Measures = Record<
  'objects' | 'rowsRead' | 'rowsRejected' | 'valuesUnread' | 'rowsWritten' | 'skipped' | 'gone',
  number
>;

/** One object version to flatten, as S3 has it now. */
interface Source {
  bucket: string;
  key: string;
  versionId: string | undefined;
  etag: string;
}

/**
 * `flatten-records`: `{ from, to, rejected, keepOriginals?, maxBadShare? }`. Each object of `from` (an object, one version of it, or a
 * folder with all below it) holds JSON objects one after the other, perhaps in gzip; they are written to the folder `to`,
 * one a line with plain keys (see `RecordSplitter`). What is no record goes to the folder `rejected` with the reason. An object
 * with a larger share of those than `maxBadShare`, or of nothing else, is `BadData`: nothing of it is written or deleted.
 *
 * The new object's name comes from the original's key and etag, so a repeat finds or replaces the same object. The
 * original is deleted, that version only, once the new object is seen to be whole. An original that is gone or was
 * replaced meanwhile counts as `gone`: whoever took it away, or the version that came after it, has been seen to.
 */
export const flattenRecords = defineTask(
  {
    name: 'flatten-records',
    about: 'Writes JSON objects that follow each other as flat records, one a line.',
    input: {
      from: field.value(isFolderOrObject, {
        needs: 'a folder such as s3://lake/ctr/raw/, an object, or { "bucket", "key", "versionId"? }',
      }),
      to: field.folder(),
      rejected: field.folder(),
      keepOriginals: field.flag({ default: false }),
      maxBadShare: field.share({ default: 1 }),
    },
  },
  async (given, context) => {
    const from = parseFrom(given.from);
    const { to, rejected, keepOriginals, maxBadShare } = given;
    const input = { to: parseFolder(to), rejected: parseFolder(rejected), keepOriginals, maxBadShare };
    const measures: Measures = {
      ...{ objects: 0, rowsRead: 0, rowsRejected: 0, valuesUnread: 0, rowsWritten: 0 },
      ...{ skipped: 0, gone: 0 },
    };
    const unreadable: string[] = [];
    const objects = 'prefix' in from ? await listObjects(context.s3, from, context.signal) : [from];
    await forEach(objects, OBJECTS_AT_A_TIME, async (object) => {
      try {
        await flattenObject(object, input, context, measures);
      } catch (error) {
        if (!(error instanceof SluiceError) || error.code !== 'BadData') throw error;
        unreadable.push(error.message);
      }
      const { objects: done, rowsRead, skipped, gone } = measures;
      context.report({ objects: done + skipped + gone, of: objects.length, rowsRead });
    });
    if (unreadable.length > 0) throw new SluiceError('BadData', unreadable.sort().join('\n'));
    return { output: joinFolder(to), measures };
  },
);

function isFolderOrObject(value: unknown): value is string | ObjectVersion {
  if (typeof value === 'string') return (parseS3Uri(value)?.key ?? '') !== '';
  const { bucket, key } = (value ?? {}) as Partial<ObjectVersion>;
  return typeof bucket === 'string' && typeof key === 'string';
}

function parseFrom(from: string | ObjectVersion): Folder | ObjectVersion {
  if (typeof from !== 'string') return from;
  return from.endsWith('/') ? parseFolder(from) : parseS3Uri(from)!;
}

async function listObjects(s3: S3Client, { bucket, prefix }: Folder, signal: AbortSignal) {
  const keys = await listKeys(s3, bucket, prefix, signal);
  return keys
    .filter((key) => !key.endsWith('/') && !/^[_.]/.test(basename(key)))
    .map((key): ObjectVersion => ({ bucket, key }));
}

async function flattenObject(
  object: ObjectVersion,
  { to, rejected, keepOriginals, maxBadShare }: Input,
  context: TaskContext,
  measures: Measures,
): Promise<void> {
  const { s3, signal } = context;
  const source = await findSource(s3, object, signal);
  if (source === null) {
    measures.gone++;
    return;
  }
  const name = nameFor(source);
  const target = { bucket: to.bucket, key: to.prefix + name };
  if ((await head(s3, target, signal))?.Metadata?.[SOURCE] === source.etag) measures.skipped++;
  else {
    const rejectedTarget = { bucket: rejected.bucket, key: rejected.prefix + name };
    const targets = { target, rejectedTarget, maxBadShare };
    const counts = await convert(source, targets, context).catch((error: unknown) => {
      if (isGone(error)) return null;
      throw error;
    });
    if (counts === null) {
      measures.gone++;
      return;
    }
    measures.objects++;
    measures.rowsRead += counts.records;
    measures.rowsRejected += counts.rejected;
    measures.rowsWritten += counts.records;
  }
  if (!keepOriginals) await removeSource(s3, source, signal);
}

/** `stream-1-2018-06-04` of the etag `x` is `stream-1-2018-06-04-<16 hex digits>.json`. */
function nameFor({ bucket, key, etag }: Source): string {
  const digest = createHash('sha256').update(`s3://${bucket}/${key}\n${etag}`).digest('hex').slice(0, 16);
  const name = basename(key)
    .replace(/(\.(json|jsonl|ndjson))?(\.gz)?$/i, '')
    .replace(/[^\w.=-]/g, '_')
    .replace(/^[_.]+/, '')
    .slice(-150);
  return `${name}-${digest}.json`;
}

async function convert(
  source: Source,
  {
    target,
    rejectedTarget,
    maxBadShare,
  }: { target: ObjectVersion; rejectedTarget: ObjectVersion; maxBadShare: number },
  { s3, signal }: TaskContext,
): Promise<{ records: number; rejected: number }> {
  const metadata = { [SOURCE]: source.etag };
  const splitter = new RecordSplitter();
  const records = new MultipartUpload(
    s3,
    { ...target, metadata, contentType: 'application/x-ndjson' },
    signal,
  );
  const report = new MultipartUpload(s3, { ...rejectedTarget, metadata }, signal);
  const first: Rejected[] = [];
  let rejected = 0;
  const flush = async () => {
    await records.write(splitter.takeRecords());
    for (const piece of splitter.takeRejected()) {
      if (rejected++ < SHOWN_CASES) first.push(piece);
      for (const line of describeRejected(source, piece)) await report.write(line);
    }
  };
  try {
    for await (const chunk of readSource(s3, source, signal)) {
      splitter.push(chunk);
      await flush();
    }
    splitter.end();
    await flush();
    refuseBadShare(source, { records: splitter.records, rejected, first, maxBadShare });
    // The report first: once the records are there, a repeat skips the object.
    if (rejected > 0) await finishVerified(s3, report, rejectedTarget, signal);
    if (splitter.records > 0) await finishVerified(s3, records, target, signal);
  } finally {
    await Promise.all([records.abort(), report.abort()]);
  }
  return { records: splitter.records, rejected };
}

/** @throws SluiceError BadData that names the first cases, before anything of the object is published */
function refuseBadShare(
  { bucket, key }: Source,
  found: { records: number; rejected: number; first: Rejected[]; maxBadShare: number },
): void {
  const { records, rejected, first, maxBadShare } = found;
  const share = rejected / (records + rejected);
  if (rejected === 0 || (records > 0 && (share <= maxBadShare || maxBadShare === 1))) return;
  const why =
    records === 0
      ? 'no record could be read'
      : `${rejected} of ${records + rejected} records were rejected, more than maxBadShare ${maxBadShare} allows`;
  const cases = first.map(({ line, record, bytes, reason }) => {
    const shown = bytes.subarray(0, SHOWN_BYTES).toString();
    return `line ${line}, record ${record}: ${reason}: ${shown}`;
  });
  throw new SluiceError('BadData', `s3://${bucket}/${key}: ${why}: ${cases.join('; ')}`);
}

async function finishVerified(
  s3: S3Client,
  upload: MultipartUpload,
  target: ObjectVersion,
  signal: AbortSignal,
): Promise<void> {
  const etag = await upload.finish();
  const written = await head(s3, target, signal);
  if (written?.ContentLength === upload.size && unquoted(written.ETag) === etag) return;
  throw new SluiceError(
    'Transient',
    `s3://${target.bucket}/${target.key} is not what was written (${upload.size} bytes, etag ${etag}): ` +
      (written ? `${written.ContentLength} bytes, etag ${unquoted(written.ETag)}` : 'it is not there') +
      '; the original was left where it is',
  );
}

/** A case as every job tells it, one JSON line for each piece, and its record; a piece that is no text is in base64. */
function describeRejected(
  { bucket, key, versionId }: Source,
  { line, record, bytes, reason }: Rejected,
): Buffer[] {
  const lines: Buffer[] = [];
  let place = { file: `s3://${bucket}/${key}`, versionId, line, record, column: null };
  for (let at = 0; at < bytes.length; at += REJECTED_BYTES) {
    const part = bytes.subarray(at, at + REJECTED_BYTES);
    const content = isUtf8(part) ? { text: part.toString() } : { base64: part.toString('base64') };
    lines.push(Buffer.from(`${JSON.stringify({ ...place, ...content, reason })}\n`));
    place = { ...place, line: place.line + countLineFeeds(part) };
  }
  return lines;
}

/** The content, unpacked where it is gzip (by its first bytes, whatever its name). */
async function* readSource(s3: S3Client, source: Source, signal: AbortSignal): AsyncGenerator<Buffer> {
  const uri = `s3://${source.bucket}/${source.key}`;
  const { Body, ContentLength } = await s3.send(
    new GetObjectCommand({
      ...nameOfSource(source),
      ...(source.versionId ? {} : { IfMatch: `"${source.etag}"` }),
    }),
    { abortSignal: signal },
  );
  const body = Body as Readable;
  let read = 0;
  const whole = async function* () {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      read += chunk.length;
      yield chunk;
    }
    if (ContentLength !== undefined && read !== ContentLength)
      throw new SluiceError(
        'Transient',
        `${uri}: the connection ended after ${read} of ${ContentLength} bytes`,
      );
  };
  const [isGzip, content] = await peek(whole());
  if (!isGzip) {
    yield* content;
    return;
  }
  const packed = Readable.from(content, { objectMode: false });
  const unpacked = createGunzip();
  packed.once('error', (error) => unpacked.destroy(error));
  try {
    yield* packed.pipe(unpacked) as AsyncIterable<Buffer>;
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code?.startsWith('Z_')) throw error;
    throw new SluiceError('BadData', `${uri}: broken gzip: ${(error as Error).message}; upload it again`, {
      cause: error,
    });
  } finally {
    packed.destroy();
  }
}

/** Looks at the first bytes without taking them. */
async function peek(chunks: AsyncGenerator<Buffer>): Promise<[isGzip: boolean, AsyncGenerator<Buffer>]> {
  let first = Buffer.alloc(0);
  while (first.length < 2) {
    const next = await chunks.next();
    if (next.done) break;
    first = Buffer.concat([first, next.value]);
  }
  const all = async function* () {
    if (first.length > 0) yield first;
    yield* chunks;
  };
  return [first[0] === 0x1f && first[1] === 0x8b, all()];
}

/** The version that is meant, or null when it is no longer there. */
async function findSource(s3: S3Client, object: ObjectVersion, signal: AbortSignal): Promise<Source | null> {
  const found = await head(s3, object, signal);
  if (found === null) return null;
  const etag = unquoted(found.ETag);
  if (object.etag && !object.versionId && object.etag !== etag) return null;
  return { bucket: object.bucket, key: object.key, versionId: found.VersionId, etag };
}

/** Without versions, S3 can delete only what is there: it is looked at just before. */
async function removeSource(s3: S3Client, source: Source, signal: AbortSignal): Promise<void> {
  if (!source.versionId && (await findSource(s3, { ...source, versionId: null }, signal)) === null) return;
  await s3.send(new DeleteObjectCommand(nameOfSource(source)), { abortSignal: signal });
}

async function head(
  s3: S3Client,
  { bucket, key, versionId }: ObjectVersion,
  signal: AbortSignal,
): Promise<HeadObjectCommandOutput | null> {
  try {
    return await s3.send(
      new HeadObjectCommand({ Bucket: bucket, Key: key, ...(versionId ? { VersionId: versionId } : {}) }),
      { abortSignal: signal },
    );
  } catch (error) {
    if ((error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 404) return null;
    throw error;
  }
}

/** The original went between the look at it and the first byte: another run was faster, or a new version came. */
function isGone(error: unknown): boolean {
  return ['NoSuchKey', 'NoSuchVersion', 'PreconditionFailed'].includes((error as Error).name);
}

function nameOfSource({ bucket, key, versionId }: Source) {
  return { Bucket: bucket, Key: key, ...(versionId ? { VersionId: versionId } : {}) };
}
