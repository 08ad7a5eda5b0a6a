import { createReadStream, createWriteStream } from 'node:fs';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import type { ObjectVersion } from '../jobs';
import { isFolderLength, parseS3Uri } from '../pipelines/location';
import { CURE_OF_ARCHIVED } from '../services/failures';
import { MultipartUpload } from './multipartUpload';

/** The object that says that a folder is complete: written last, removed first. */
export const SUCCESS_MARKER = '_SUCCESS';

/** A file on this machine, and the object whose bytes it has. */
export interface StagedFile {
  path: string;
  uri: string;
}

/** An input to stage: a pinned version, one object's URI, or a folder's URI ending in `/`. */
export type StageInput = string | ObjectVersion;

/**
 * Downloads an input into `folder`. A folder in S3 must hold `_SUCCESS`; its data files are those whose name begins with
 * neither `_` nor `.`.
 * @param onChunk sees the bytes on their way
 * @throws SluiceError ObjectGone, InvalidJob
 */
export async function stageInput(
  s3: S3Client,
  input: StageInput,
  folder: string,
  signal: AbortSignal,
  onChunk?: (chunk: Buffer) => void,
): Promise<StagedFile[]> {
  const stage = (object: ObjectVersion, index: number) =>
    download({ s3, object, path: join(folder, fileName(object.key, index)), signal, onChunk });
  if (typeof input !== 'string') return [await stage(input, 0)];
  const uri = parseS3Uri(input);
  if (uri === null || uri.key === '') {
    throw new SluiceError(
      'InvalidJob',
      `${input}: no S3 object or folder; give one such as s3://lake/sales/a.csv or s3://lake/tmp/sales/`,
    );
  }
  if (!uri.key.endsWith('/')) return [await stage(uri, 0)];
  const keys = await listKeys(s3, uri.bucket, uri.key, signal);
  if (!keys.includes(uri.key + SUCCESS_MARKER)) {
    throw new SluiceError(
      'InvalidJob',
      `${input}: has no ${SUCCESS_MARKER}, so it is missing or only half written; run the job that writes it`,
    );
  }
  const data = keys.filter((key) => !/^[_.]/.test(basename(key)) && !key.endsWith('/')).sort();
  const staged: StagedFile[] = [];
  for (const [i, key] of data.entries()) staged.push(await stage({ bucket: uri.bucket, key }, i));
  return staged;
}

/**
 * The text of one object, read whole into memory.
 * @param cure what a person does about an object that is not there: the end of the error's sentence
 * @throws SluiceError ObjectGone, InvalidJob for a URI that is no object's
 */
export async function readText(
  s3: S3Client,
  uri: string,
  { cure, signal }: { cure: string; signal: AbortSignal },
): Promise<string> {
  const location = parseS3Uri(uri);
  if (location === null || location.key === '')
    throw new SluiceError('InvalidJob', `${uri}: no S3 object; give one such as s3://lake/sales/a.csv`);
  try {
    const command = new GetObjectCommand({ Bucket: location.bucket, Key: location.key });
    const { Body } = await s3.send(command, { abortSignal: signal });
    return await Body!.transformToString();
  } catch (error) {
    if ((error as Error).name !== 'NoSuchKey') throw error;
    throw new SluiceError('ObjectGone', `${uri} is not there; ${cure}`, { cause: error });
  }
}

/**
 * Replaces a folder in S3 by one file of any size.
 * - Whoever reads the folder by its marker has the old output until all bytes of the new one are in S3, and the new one after
 *   that. When the old output had this very name, it turns into the new one in one step, with the marker in its place. When it
 *   had other names, the marker is gone for the few calls between.
 * - Only what was published before is removed: what the list beside the folder (`_<folder>.sluice.json`) names, and the part
 *   files of an engine beside its marker. An attempt that dies is made good by the next one.
 * @throws SluiceError InvalidJob, before anything is changed, when the folder holds data that no job published
 */
export async function publishOutput(
  s3: S3Client,
  file: string,
  location: string,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const { bucket, prefix } = parseFolder(location);
  const { keys, published } = await readPublished(s3, { bucket, prefix }, name, signal);
  const foreign = keys.find((key) => !published.includes(key) && isDataFile(key));
  if (foreign !== undefined) {
    throw new SluiceError(
      'InvalidJob',
      `s3://${bucket}/${foreign} is in the output folder and was published by no job; move it away, or give another output`,
    );
  }
  const replaced = published.filter((key) => key !== prefix + name);
  const put = (Key: string, Body: string) =>
    s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ContentLength: Buffer.byteLength(Body) }), {
      abortSignal: signal,
    });
  const list = (names: string[]) =>
    put(publishedListOf(prefix), JSON.stringify({ published: names.map((key) => key.slice(prefix.length)) }));
  const upload = new MultipartUpload(s3, { bucket, key: prefix + name }, signal);
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>)
      await upload.write(chunk);
    if (replaced.length > 0) {
      await list([prefix + name, ...replaced]);
      await remove(s3, bucket, prefix + SUCCESS_MARKER);
    }
    await upload.finish();
  } finally {
    await upload.abort();
  }
  for (const key of replaced) await remove(s3, bucket, key);
  await list([prefix + name]);
  await put(prefix + SUCCESS_MARKER, '');
}

/** What is read or written at once: less takes more time. */
const CHUNK_BYTES = 1024 * 1024;
/** The names that Spark, Athena and Sluice give to the files of an output. */
export const PART_FILE = /^part-\d{5}[^/]*$/;

/** The object beside an output folder that lists what was published into it. Its name begins with `_`, so no reader takes it for data. */
export function publishedListOf(prefix: string): string {
  const [, parent, name] = /^(.*\/)?([^/]+)\/$/.exec(prefix)!;
  return `${parent ?? ''}_${name}.sluice.json`;
}

/** The keys in the folder, and those among them that jobs have published. */
async function readPublished(
  s3: S3Client,
  { bucket, prefix }: Folder,
  name: string,
  signal: AbortSignal,
): Promise<{ keys: string[]; published: string[] }> {
  const keys = await listKeys(s3, bucket, prefix, signal);
  const hasMarker = keys.includes(prefix + SUCCESS_MARKER);
  const listed =
    keys.length === 0 ? [] : await readPublishedList(s3, bucket, publishedListOf(prefix), signal);
  const isPublished = (key: string) => {
    const inside = key.slice(prefix.length);
    return inside === name || listed.includes(inside) || (hasMarker && PART_FILE.test(inside));
  };
  return { keys, published: keys.filter(isPublished) };
}

export async function readPublishedList(
  s3: S3Client,
  Bucket: string,
  Key: string,
  abortSignal: AbortSignal,
): Promise<string[]> {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }), { abortSignal });
    const { published } = JSON.parse((await Body?.transformToString()) ?? '') as { published?: unknown };
    return Array.isArray(published) ? published.filter((name) => typeof name === 'string') : [];
  } catch (error) {
    // Without a list, or with one that somebody has written over, nothing is known to be published, and nothing removed.
    if (error instanceof SyntaxError || ['NoSuchKey', 'NotFound'].includes((error as Error).name)) return [];
    throw error;
  }
}

function isDataFile(key: string): boolean {
  return !key.endsWith('/') && !/(^|\/)[_.][^/]*(\/|$)/.test(key) && !key.endsWith('_$folder$');
}

/**
 * An output must not hold what the job reads: it would be replaced, or mixed with it. Nor may it lie where the cases of
 * another go.
 * @throws SluiceError InvalidJob that names the input
 */
export function checkOutputApart(location: string, inputs: readonly StageInput[]): void {
  if (/-rejected\/*$/.test(location))
    throw new SluiceError(
      'InvalidJob',
      `The output ${location} has a name that ends in -rejected, where what another output has rejected lies; give it another`,
    );
  const { bucket, prefix } = parseFolder(location);
  for (const input of inputs) {
    const object = typeof input === 'string' ? parseS3Uri(input) : input;
    if (object?.bucket !== bucket) continue;
    const { key } = object;
    if (!key.startsWith(prefix) && !(key.endsWith('/') && prefix.startsWith(key))) continue;
    throw new SluiceError(
      'InvalidJob',
      `The output ${location} holds the input s3://${bucket}/${key}, or lies in it; give the output a folder of its own`,
    );
  }
}

/** Removes what `publishOutput` has put into a folder under this name, if it is there. */
export async function removeOutput(s3: S3Client, location: string, name: string): Promise<void> {
  const { bucket, prefix } = parseFolder(location);
  const keys = [prefix + SUCCESS_MARKER, prefix + name, publishedListOf(prefix)];
  await Promise.all(keys.map((key) => remove(s3, bucket, key)));
}

/** A folder in a bucket. */
export interface Folder {
  bucket: string;
  /** Ends in a slash. */
  prefix: string;
}

/** @throws SluiceError InvalidJob for what is no folder: a bucket's root is never replaced, and a name may be too long */
export function parseFolder(location: string): Folder {
  const uri = parseS3Uri(location);
  const prefix = uri?.key.replace(/\/*$/, '/') ?? '';
  if (uri === null || prefix === '/')
    throw new SluiceError(
      'InvalidJob',
      `${location}: no folder in a bucket; give one such as s3://lake/out/`,
    );
  if (!isFolderLength(prefix))
    throw new SluiceError(
      'InvalidJob',
      `${location}: the name is so long that no file in the folder could have one, since a key of S3 has at most 1,024 bytes; give a shorter one`,
    );
  return { bucket: uri.bucket, prefix };
}

interface Download {
  s3: S3Client;
  object: ObjectVersion;
  path: string;
  signal: AbortSignal;
  onChunk: ((chunk: Buffer) => void) | undefined;
}

async function download({ s3, object, path, signal, onChunk }: Download): Promise<StagedFile> {
  const { bucket, key, versionId, etag } = object;
  const uri = `s3://${bucket}/${key}`;
  try {
    const { Body } = await s3.send(
      new GetObjectCommand({
        Bucket: bucket,
        Key: key,
        ...(versionId ? { VersionId: versionId } : etag ? { IfMatch: `"${etag}"` } : {}),
      }),
      { abortSignal: signal },
    );
    const bytes = Body as Readable;
    if (onChunk) bytes.on('data', onChunk);
    await pipeline(bytes, createWriteStream(path, { highWaterMark: CHUNK_BYTES }), { signal });
  } catch (error) {
    const { name } = error as Error;
    if (name === 'NoSuchBucket')
      throw new SluiceError('InvalidJob', `${uri}: the bucket ${bucket} does not exist`, { cause: error });
    if (name === 'InvalidObjectState') throw archived(uri, error);
    if (name === 'NoSuchKey' || name === 'NotFound' || name === 'NoSuchVersion') {
      throw notThere(object, uri, error);
    }
    if (
      name === 'PreconditionFailed' ||
      (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 412
    ) {
      throw new SluiceError(
        'ObjectGone',
        `${uri} was replaced after the run had taken it (etag ${etag}); start a new run for the new object`,
        { cause: error },
      );
    }
    if (statusOf(error) === 403 && (await isArchived(s3, object, signal))) throw archived(uri, error);
    throw error;
  }
  return { path, uri };
}

/** The storage classes that cannot be read: https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects.html */
const ARCHIVES = ['GLACIER', 'DEEP_ARCHIVE'];

/** Whether an object that S3 does not give out is archived: some stores say no more than that access is denied. */
async function isArchived(s3: S3Client, object: ObjectVersion, abortSignal: AbortSignal): Promise<boolean> {
  const { bucket, key, versionId } = object;
  const command = new HeadObjectCommand({
    Bucket: bucket,
    Key: key,
    ...(versionId ? { VersionId: versionId } : {}),
  });
  try {
    const { StorageClass = '', ArchiveStatus, Restore } = await s3.send(command, { abortSignal });
    const isInArchive = ARCHIVES.includes(StorageClass) || ArchiveStatus !== undefined;
    return isInArchive && Restore?.includes('ongoing-request="false"') !== true;
  } catch (error) {
    abortSignal.throwIfAborted();
    if (statusOf(error) === undefined) throw error;
    return false;
  }
}

function archived(uri: string, cause: unknown): SluiceError {
  return new SluiceError('Archived', `${uri} is archived; ${CURE_OF_ARCHIVED}`, { cause });
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}

/** @throws SluiceError InvalidInput when the bucket does not exist, AccessDenied */
export async function checkBucket(s3: S3Client, bucket: string, abortSignal?: AbortSignal): Promise<void> {
  try {
    await s3.send(new HeadBucketCommand({ Bucket: bucket }), { ...(abortSignal ? { abortSignal } : {}) });
  } catch (error) {
    const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
    if (status === 404)
      throw new SluiceError(
        'InvalidInput',
        `The bucket ${bucket} does not exist; create it, or correct the input`,
        { cause: error },
      );
    if (status === 403) {
      throw new SluiceError(
        'AccessDenied',
        `No access to the bucket ${bucket}; the worker's credentials need s3:ListBucket and s3:GetObject`,
        { cause: error },
      );
    }
    throw error;
  }
}

/** What was pinned has been there once; any other key may never have been. */
function notThere({ key, versionId, etag }: ObjectVersion, uri: string, cause: unknown): SluiceError {
  const version = versionId ? ` (version ${versionId})` : '';
  if (versionId || etag)
    return new SluiceError('ObjectGone', `${uri}${version} is no longer there; upload it again`, { cause });
  if (!/[*?]/.test(key))
    return new SluiceError('ObjectGone', `${uri} is not there; upload it, or correct its name`, { cause });
  const message = `${uri} is not there; inputs are objects and not patterns: name each object, or a folder with ${SUCCESS_MARKER}`;
  return new SluiceError('InvalidJob', message, { cause });
}

/** Every key below a prefix. @throws SluiceError InvalidJob when the bucket does not exist */
export async function listKeys(
  s3: S3Client,
  bucket: string,
  prefix: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const keys: string[] = [];
  try {
    for await (const page of paginateListObjectsV2(
      { client: s3 },
      { Bucket: bucket, Prefix: prefix },
      ...(signal ? [{ abortSignal: signal }] : []),
    )) {
      keys.push(...(page.Contents ?? []).map(({ Key }) => Key!));
    }
  } catch (error) {
    if ((error as Error).name !== 'NoSuchBucket') throw error;
    throw new SluiceError(
      'InvalidJob',
      `The bucket ${bucket} does not exist; create it or correct the location`,
      { cause: error },
    );
  }
  return keys;
}

/** Deletes an object, if it is there. */
export async function remove(s3: S3Client, bucket: string, key: string): Promise<void> {
  try {
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
  } catch (error) {
    // S3 deletes what is not there without a word; some stores mind.
    if ((error as Error).name !== 'NoSuchKey') throw error;
  }
}

/** A local name that keeps the ending, by which engines tell formats apart. */
function fileName(key: string, index: number): string {
  return `${String(index).padStart(5, '0')}-${basename(key)
    .replace(/[^\w.-]/g, '_')
    .slice(-100)}`;
}
