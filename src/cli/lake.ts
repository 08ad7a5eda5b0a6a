import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { parseS3Uri } from '../pipelines/location';

/** Enough for the first lines of any table. */
const HEAD_BYTES = 64 * 1024;

export async function uploadFile(s3: S3Client, file: string, uri: string): Promise<void> {
  const { bucket, key } = parseS3Uri(uri)!;
  const { size } = await stat(file);
  await s3.send(
    new PutObjectCommand({ Bucket: bucket, Key: key, Body: createReadStream(file), ContentLength: size }),
  );
}

/** The first lines of the first data file in a folder; markers such as `_SUCCESS` are no data. */
export async function readHead(s3: S3Client, folderUri: string, lines: number): Promise<string[]> {
  const { bucket, key } = parseS3Uri(folderUri)!;
  const prefix = key.replace(/\/*$/, '/');
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
  const isData = (key: string) => !/^[_.]/.test(path.posix.basename(key)) && !key.endsWith('/');
  const Key = Contents.flatMap((object) =>
    object.Key !== undefined && object.Size && isData(object.Key) ? [object.Key] : [],
  )[0];
  if (Key === undefined) return [];
  const { Body } = await s3.send(
    new GetObjectCommand({ Bucket: bucket, Key, Range: `bytes=0-${HEAD_BYTES - 1}` }),
  );
  const text = (await Body?.transformToString()) ?? '';
  return text.trimEnd().split(/\r?\n/).slice(0, lines);
}

/** The local stack keeps each bucket as a folder. */
export function folderOf(uri: string, dir: string): string {
  const { bucket, key } = parseS3Uri(uri)!;
  return path.join(path.resolve(dir), 's3', bucket, key);
}
