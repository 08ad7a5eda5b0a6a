import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { parseS3Uri, SluiceError } from 'sluice';

/** A JSON object of the lake, and the version that was read: it is replaced only while it is that. */
export interface Stored<T> {
  value: T;
  etag: string;
}

const READS = 5;

export async function readJson<T>(s3: S3Client, uri: string, attempt = 1): Promise<Stored<T> | null> {
  try {
    const { Body, ETag } = await s3.send(new GetObjectCommand(locationOf(uri)));
    return { value: JSON.parse(await Body!.transformToString()) as T, etag: ETag! };
  } catch (error) {
    if ((error as Error).name === 'NoSuchKey') return null;
    // Some stores show an object half replaced for a moment.
    const torn = error instanceof SyntaxError || /checksum mismatch/i.test((error as Error).message);
    if (torn && attempt < READS) return readJson(s3, uri, attempt + 1);
    throw error;
  }
}

/**
 * Writes the object where it is still the version that was read, or is not there yet when none was.
 * @returns whether it was written; false when somebody else was faster
 */
export async function replaceJson(
  s3: S3Client,
  uri: string,
  value: object,
  before: Stored<unknown> | null,
): Promise<boolean> {
  try {
    await s3.send(
      new PutObjectCommand({
        ...locationOf(uri),
        Body: JSON.stringify(value),
        ContentType: 'application/json',
        ...(before === null ? { IfNoneMatch: '*' } : { IfMatch: before.etag }),
      }),
    );
    return true;
  } catch (error) {
    const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
    // 409 is S3's word for two writers at the same moment.
    if (name === 'PreconditionFailed' || [409, 412].includes($metadata?.httpStatusCode ?? 0)) return false;
    // The object was removed since it was read.
    if (name === 'NoSuchKey' && before !== null) return false;
    throw error;
  }
}

export async function putText(
  s3: S3Client,
  uri: string,
  { text, contentType, signal }: { text: string; contentType: string; signal?: AbortSignal },
): Promise<void> {
  await s3.send(
    new PutObjectCommand({
      ...locationOf(uri),
      Body: text,
      ContentLength: Buffer.byteLength(text),
      ContentType: contentType,
    }),
    signal ? { abortSignal: signal } : {},
  );
}

export async function getText(s3: S3Client, uri: string, signal?: AbortSignal): Promise<string> {
  try {
    const { Body } = await s3.send(
      new GetObjectCommand(locationOf(uri)),
      signal ? { abortSignal: signal } : {},
    );
    return await Body!.transformToString();
  } catch (error) {
    if ((error as Error).name !== 'NoSuchKey') throw error;
    throw new SluiceError('ObjectGone', `${uri} is not there`, { cause: error });
  }
}

export function locationOf(uri: string): { Bucket: string; Key: string } {
  const location = parseS3Uri(uri);
  if (location === null || location.key === '') throw new SluiceError('InvalidJob', `${uri}: no S3 object`);
  return { Bucket: location.bucket, Key: location.key };
}
