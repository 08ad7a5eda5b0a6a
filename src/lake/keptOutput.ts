import { GetObjectCommand, paginateListObjectsV2, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import { copyObject } from './copyObject';
import {
  listKeys,
  parseFolder,
  PART_FILE,
  publishedListOf,
  readPublishedList,
  remove,
  SUCCESS_MARKER,
  type Folder,
} from './lakeFiles';

/** What a folder held: written when all of it has been copied. */
interface Kept {
  /** Names below the folder, and their sizes. */
  objects: { name: string; bytes: number }[];
  /** The size of the list beside the folder of what jobs have published, if there was one. */
  listBytes: number | null;
}

const KEPT = '_KEPT.json';
const KEPT_OBJECTS = 'objects/';
const KEPT_LIST = 'published.json';
const SIDE_BY_SIDE = 8;

/** Copies an output folder, as it is, to `copy`. Done again, it leaves a whole copy as it is: the output may be another by then. */
export async function keepOutput(
  s3: S3Client,
  { output, copy }: { output: string; copy: string },
  signal: AbortSignal,
): Promise<{ objects: number; bytes: number }> {
  const [from, to] = [parseFolder(output), parseFolder(copy)];
  const before = await findKept(s3, to, signal);
  if (before !== null) return sizeOf(before);
  const objects = await listObjects(s3, from, signal);
  await eachOf(objects, ({ name, bytes }) =>
    copyObject(s3, { from: at(from, name), to: at(to, KEPT_OBJECTS + name), bytes }, { signal }),
  );
  const list = publishedListOf(from.prefix);
  const [listed] = await listObjects(s3, { bucket: from.bucket, prefix: list }, signal);
  const listBytes = listed?.name === '' ? listed.bytes : null;
  if (listBytes !== null) {
    const names = { from: { bucket: from.bucket, key: list }, to: at(to, KEPT_LIST) };
    await copyObject(s3, { ...names, bytes: listBytes }, { signal });
  }
  const kept: Kept = { objects, listBytes };
  const { bucket: Bucket, key: Key } = at(to, KEPT);
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: JSON.stringify(kept) }), { abortSignal: signal });
  return sizeOf(kept);
}

function sizeOf({ objects }: Kept): { objects: number; bytes: number } {
  return { objects: objects.length, bytes: objects.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/**
 * Makes an output folder what it was when it was copied: what jobs have published since is removed, and what the copy holds is put
 * back, the marker last. What else has come into the folder stays. Done again, it does the same.
 * @throws SluiceError ObjectGone when there is no whole copy
 */
export async function putBackOutput(
  s3: S3Client,
  { output, copy }: { output: string; copy: string },
  signal: AbortSignal,
): Promise<void> {
  const [to, from] = [parseFolder(output), parseFolder(copy)];
  const kept = await findKept(s3, from, signal);
  if (kept === null)
    throw new SluiceError('ObjectGone', `${copy} holds no whole copy of an output; nothing was put back`);
  const { objects, listBytes } = kept;
  const list = publishedListOf(to.prefix);
  const published = await readPublishedList(s3, to.bucket, list, signal);
  await remove(s3, to.bucket, to.prefix + SUCCESS_MARKER);
  const keptNames = new Set(objects.map(({ name }) => name));
  const names = (await listKeys(s3, to.bucket, to.prefix, signal)).map((key) => key.slice(to.prefix.length));
  const isNew = (name: string) =>
    !keptNames.has(name) &&
    (published.includes(name) || PART_FILE.test(name.slice(name.lastIndexOf('/') + 1)));
  await eachOf(names.filter(isNew), (name) => remove(s3, to.bucket, to.prefix + name));
  const putBack = (name: string, bytes: number) =>
    copyObject(s3, { from: at(from, KEPT_OBJECTS + name), to: at(to, name), bytes }, { signal });
  const isMarker = ({ name }: { name: string }) => name === SUCCESS_MARKER;
  await eachOf(
    objects.filter((object) => !isMarker(object)),
    ({ name, bytes }) => putBack(name, bytes),
  );
  if (listBytes === null) await remove(s3, to.bucket, list);
  else {
    const names = { from: at(from, KEPT_LIST), to: { bucket: to.bucket, key: list } };
    await copyObject(s3, { ...names, bytes: listBytes }, { signal });
  }
  for (const { name, bytes } of objects.filter(isMarker)) await putBack(name, bytes);
}

/** Removes a copy. */
export async function dropKeptOutput(s3: S3Client, copy: string, signal: AbortSignal): Promise<void> {
  const { bucket, prefix } = parseFolder(copy);
  await eachOf(await listKeys(s3, bucket, prefix, signal), (key) => remove(s3, bucket, key));
}

function at({ bucket, prefix }: Folder, name: string): { bucket: string; key: string } {
  return { bucket, key: prefix + name };
}

/** Null when there is no whole copy. */
async function findKept(s3: S3Client, folder: Folder, abortSignal: AbortSignal): Promise<Kept | null> {
  const { bucket: Bucket, key: Key } = at(folder, KEPT);
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }), { abortSignal });
    return JSON.parse((await Body?.transformToString()) ?? '') as Kept;
  } catch (error) {
    if ((error as Error).name !== 'NoSuchKey') throw error;
    return null;
  }
}

async function listObjects(
  s3: S3Client,
  { bucket: Bucket, prefix: Prefix }: Folder,
  abortSignal: AbortSignal,
): Promise<Kept['objects']> {
  const objects: Kept['objects'] = [];
  for await (const { Contents = [] } of paginateListObjectsV2(
    { client: s3 },
    { Bucket, Prefix },
    { abortSignal },
  ))
    for (const { Key, Size } of Contents) objects.push({ name: Key!.slice(Prefix.length), bytes: Size ?? 0 });
  return objects;
}

async function eachOf<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  for (let first = 0; first < items.length; first += SIDE_BY_SIDE)
    await Promise.all(items.slice(first, first + SIDE_BY_SIDE).map(act));
}
