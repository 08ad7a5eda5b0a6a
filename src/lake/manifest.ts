/**
 * Manifests: objects that list others. The forms that are read:
 *
 * - `{"entries":[{"url"}]}`: https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html
 * - `{"fileLocations":[{"URIs":[…]}]}`: https://docs.aws.amazon.com/quicksight/latest/user/supported-manifest-file-format.html
 * - lines of `{"dataFileS3Key"}`: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
 * - `{"files":[…]}`, each a key, a URI or `{"key"}`: https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
 * - a JSON array, or plain lines, of keys and URIs.
 *
 * A key without `s3://` is one of the manifest's own bucket, in full.
 */
import {
  GetObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import type { Arrival } from '../pipelines';
import { isKeyLength, parseS3Uri } from '../pipelines/location';
import type { Manifest } from '../contracts/activities';

const MAX_BYTES = 8 * 1024 * 1024;
/** An activity's result holds at most 2 MiB. */
const MAX_RESULT_BYTES = 1.5 * 1024 * 1024;
const LOOK_UPS = 20;

type ObjectName = { bucket: string; key: string };

/** @throws SluiceError BadData for what is no manifest, ObjectGone for one that was replaced */
export async function readManifest(s3: S3Client, manifest: Arrival, signal: AbortSignal): Promise<Manifest> {
  const uri = `s3://${manifest.bucket}/${manifest.key}`;
  const objects = parseManifest(await download(s3, manifest, uri, signal), manifest.bucket, uri);
  // What is listed alone may be too much already: that is seen before anything is looked up.
  checkSize(uri, objects.length, { objects, present: [] });
  const present: Arrival[] = [];
  const waiting = [...objects];
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const found = await lookUp(s3, next, either);
      if (found !== null) present.push(found);
    }
  };
  const works = Array.from({ length: LOOK_UPS }, () => work());
  try {
    await Promise.all(works);
  } catch (error) {
    // The others are not to go on after the activity has ended.
    failed.abort();
    waiting.length = 0;
    await Promise.allSettled(works);
    throw error;
  }
  const result = { objects, present };
  checkSize(uri, objects.length, result);
  return result;
}

function checkSize(uri: string, objects: number, result: Manifest): void {
  if (Buffer.byteLength(JSON.stringify(result)) > MAX_RESULT_BYTES)
    throw badManifest(uri, `it lists ${objects} objects, more than a run can carry; split it`);
}

/** @throws SluiceError BadData */
export function parseManifest(text: string, bucket: string, uri: string): ObjectName[] {
  const listed = entriesOf(text.replace(/^\uFEFF/, ''), uri);
  if (listed.length === 0) throw badManifest(uri, 'it lists no object');
  const byUri = new Map<string, ObjectName>();
  for (const entry of listed) {
    const named = nameOf(entry);
    const object = named.includes('://') ? parseS3Uri(named) : { bucket, key: named };
    const shown = String(JSON.stringify(entry)).slice(0, 100);
    if (object === null || object.key === '' || object.key.endsWith('/'))
      throw badManifest(uri, `${shown} names no object`);
    if (object.key.split('/').some((part) => part === '..' || part === '.'))
      throw badManifest(
        uri,
        `${shown} has a ".." or "." between slashes, and S3 has no folders above others; give the key in full`,
      );
    if (!isKeyLength(object.key))
      throw badManifest(uri, `${shown} is longer than the 1024 bytes of a key; list the object's own key`);
    byUri.set(`s3://${object.bucket}/${object.key}`, object);
  }
  return [...byUri.values()];
}

function entriesOf(text: string, uri: string): unknown[] {
  const whole = parseJson(text);
  if (Array.isArray(whole)) return whole;
  if (isObject(whole)) {
    const { entries, files, fileLocations } = whole;
    if (Array.isArray(entries)) return entries;
    if (Array.isArray(files)) return files;
    if (Array.isArray(fileLocations)) {
      return fileLocations.flatMap((location: unknown) => {
        const uris = isObject(location) ? location['URIs'] : undefined;
        if (!Array.isArray(uris))
          throw badManifest(uri, 'its "fileLocations" have no "URIs"; prefixes name no objects');
        return uris as unknown[];
      });
    }
    if ('dataFileS3Key' in whole) return [whole];
    throw badManifest(uri, 'it has none of "entries", "files", "fileLocations" and "dataFileS3Key"');
  }
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  return lines.map((line) => (line.startsWith('{') ? parseJson(line) : line));
}

function nameOf(entry: unknown): string {
  if (typeof entry === 'string') return entry;
  if (!isObject(entry)) return '';
  const name = entry['url'] ?? entry['dataFileS3Key'] ?? entry['key'] ?? entry['uri'];
  return typeof name === 'string' ? name : '';
}

async function lookUp(
  s3: S3Client,
  { bucket, key }: ObjectName,
  signal: AbortSignal,
): Promise<Arrival | null> {
  try {
    const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
    return arrivalOfHead(bucket, key, head);
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw error;
  }
}

/** The arrival of an object as S3 describes it. */
export function arrivalOfHead(bucket: string, key: string, head: HeadObjectCommandOutput): Arrival {
  return {
    bucket,
    key,
    versionId: head.VersionId && head.VersionId !== 'null' ? head.VersionId : null,
    etag: head.ETag?.replace(/"/g, '') || null,
    size: head.ContentLength ?? null,
    sequencer: null,
    time: (head.LastModified ?? new Date()).toISOString(),
  };
}

async function download(s3: S3Client, manifest: Arrival, uri: string, signal: AbortSignal): Promise<string> {
  const { bucket, key, versionId, etag } = manifest;
  const version = versionId ? { VersionId: versionId } : etag ? { IfMatch: `"${etag}"` } : {};
  try {
    const { Body, ContentLength = 0 } = await s3.send(
      new GetObjectCommand({ Bucket: bucket, Key: key, ...version }),
      { abortSignal: signal },
    );
    if (ContentLength > MAX_BYTES)
      throw badManifest(uri, `it has ${ContentLength} bytes; ${MAX_BYTES} is the most`);
    return (await Body?.transformToString()) ?? '';
  } catch (error) {
    const status = statusOf(error);
    if (status !== 404 && status !== 412) throw error;
    throw new SluiceError(
      'ObjectGone',
      `The manifest ${uri} was replaced or deleted after the run had heard of it; start a new run`,
      { cause: error },
    );
  }
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}

function badManifest(uri: string, reason: string): SluiceError {
  return new SluiceError('BadData', `${uri} is no manifest that can be waited for: ${reason}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
