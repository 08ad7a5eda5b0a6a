import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { parseS3Uri } from 'sluice';
import type { Pair } from './certificates';

/** Larger than any chain and key that fits in parameters: what is there is no PEM file. */
const MOST_BYTES = 64 * 1024;

/** Where a certificate and its key are: `s3://…` or `file:///…`, on the worker's machine. */
export interface PairLocation {
  certificate: string;
  privateKey: string;
}

/** Reads both. @throws Error that names the location that cannot be read */
export async function readPair(s3: S3Client, from: PairLocation, signal: AbortSignal): Promise<Pair> {
  const [certificate, privateKey] = await Promise.all(
    [from.certificate, from.privateKey].map((location) => readPem(s3, location, signal)),
  );
  return { certificate: certificate!, privateKey: privateKey! };
}

async function readPem(s3: S3Client, location: string, signal: AbortSignal): Promise<string> {
  const text = location.startsWith('file:')
    ? await readFile(fileURLToPath(location), { encoding: 'utf8', signal })
    : await readObject(s3, location, signal);
  if (text.length > MOST_BYTES)
    throw new Error(`${location} has ${text.length} bytes, which no PEM file has`);
  return `${text.replaceAll('\r', '').trim()}\n`;
}

async function readObject(s3: S3Client, location: string, signal: AbortSignal): Promise<string> {
  const { bucket: Bucket, key: Key } = parseS3Uri(location)!;
  const command = new GetObjectCommand({ Bucket, Key, Range: `bytes=0-${MOST_BYTES}` });
  const { Body } = await s3.send(command, { abortSignal: signal });
  return Body!.transformToString();
}

/** Whether the location itself is wrong, rather than the service that has it. */
export function isMissing(error: unknown): boolean {
  const { name, code } = error as { name?: string; code?: string };
  return (
    ['NoSuchKey', 'NoSuchBucket', 'NotFound'].includes(name ?? '') || code === 'ENOENT' || code === 'EISDIR'
  );
}
