import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { parseS3Uri, SluiceError } from 'sluice';

const CONTENT_TYPES: Record<string, string> = {
  json: 'application/json',
  svg: 'image/svg+xml',
  html: 'text/html; charset=utf-8',
};

/** Writes a text; what it is follows from the name's ending. */
export async function putText(s3: S3Client, uri: string, text: string, signal: AbortSignal): Promise<void> {
  const { bucket: Bucket, key: Key } = parseS3Uri(uri)!;
  const ContentType = CONTENT_TYPES[Key.slice(Key.lastIndexOf('.') + 1)]!;
  await s3.send(
    new PutObjectCommand({ Bucket, Key, Body: text, ContentLength: Buffer.byteLength(text), ContentType }),
    { abortSignal: signal },
  );
}

/** @throws SluiceError ObjectGone, BadData for what is no JSON */
export async function readJson(s3: S3Client, uri: string, signal: AbortSignal): Promise<unknown> {
  const { bucket: Bucket, key: Key } = parseS3Uri(uri)!;
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }), { abortSignal: signal });
    return JSON.parse(await Body!.transformToString()) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new SluiceError('BadData', `${uri}: ${error.message}`, { cause: error });
    if ((error as Error).name !== 'NoSuchKey') throw error;
    throw new SluiceError('ObjectGone', `${uri} is not there`, { cause: error });
  }
}
