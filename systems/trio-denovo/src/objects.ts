import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { parseS3Uri, SluiceError } from 'sluice';

/** An object, of one version where it was pinned. */
export interface PinnedObject {
  bucket: string;
  key: string;
  versionId?: string | undefined;
  etag?: string | undefined;
}

export function isPinnedObject(value: unknown): value is PinnedObject {
  const { bucket, key } = (value ?? {}) as Partial<PinnedObject>;
  return typeof bucket === 'string' && typeof key === 'string';
}

export function uriOf({ bucket, key }: PinnedObject): string {
  return `s3://${bucket}/${key}`;
}

export async function putText(
  s3: S3Client,
  uri: string,
  { text, contentType, signal }: { text: string; contentType: string; signal: AbortSignal },
): Promise<void> {
  const { bucket, key } = parseS3Uri(uri)!;
  const Body = Buffer.from(text);
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body, ContentType: contentType }), {
    abortSignal: signal,
  });
}

/** @throws SluiceError ObjectGone when it is not there */
export async function getText(s3: S3Client, uri: string, signal: AbortSignal): Promise<string> {
  const { bucket, key } = parseS3Uri(uri)!;
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }), {
      abortSignal: signal,
    });
    return await Body!.transformToString();
  } catch (error) {
    if ((error as Error).name !== 'NoSuchKey') throw error;
    throw new SluiceError('ObjectGone', `${uri} is not there; run the pipeline anew`, { cause: error });
  }
}
