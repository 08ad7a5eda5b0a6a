import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { parseS3Uri, readText } from 'sluice';

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

/** What an earlier step has written. @throws SluiceError ObjectGone when it is not there */
export function readOutput(s3: S3Client, uri: string, signal: AbortSignal): Promise<string> {
  return readText(s3, uri, { cure: 'run the pipeline anew', signal });
}
