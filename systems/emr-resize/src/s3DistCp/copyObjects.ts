import { pipeline } from 'node:stream/promises';
import { Readable, Writable } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { MultipartUpload, SluiceError } from 'sluice';
import { USE_COMPACT, type PlannedOutput, type SourceObject } from './planCopies';

export interface Place {
  bucket: string;
  prefix: string;
}

/** How formats begin that cannot be joined, whatever the objects are called. */
const MAGIC = [Buffer.from('PAR1'), Buffer.from('ORC'), Buffer.from([0x4f, 0x62, 0x6a, 0x01])];

/**
 * Writes one object from its sources, one after the other; it is there once all of it is.
 * @returns its bytes
 * @throws SluiceError ObjectGone for a source that is not what was listed any more, InvalidJob for a format that cannot be
 * joined, BadData for a broken gzip
 */
export async function writeOutput(
  s3: S3Client,
  { from, to }: { from: Place; to: Place },
  { name, sources, work }: PlannedOutput,
  signal: AbortSignal,
): Promise<number> {
  const target = { bucket: to.bucket, key: to.prefix + name };
  const upload = new MultipartUpload(s3, target, signal);
  const sink = () =>
    new Writable({
      write: (chunk: Buffer, _, done) => void upload.write(chunk).then(() => done(), done),
    });
  try {
    for (const source of sources) {
      const body = await open(s3, from, source, signal);
      const isZipped = /\.gz$/i.test(source.key);
      const checked = Readable.from(checkBytes(body, source, { joined: sources.length > 1, isZipped }));
      if (work === 'gzip' && !isZipped) await pipeline(checked, createGzip(), sink(), { signal });
      else if (work === 'gunzip' && isZipped)
        await pipeline(checked, createGunzip(), sink(), { signal }).catch((error: NodeJS.ErrnoException) => {
          if (!error.code?.startsWith('Z_')) throw error;
          throw new SluiceError('BadData', `${source.key}: ${error.message}`, { cause: error });
        });
      else await pipeline(checked, sink(), { signal });
    }
    await upload.finish();
  } finally {
    await upload.abort();
  }
  return upload.size;
}

async function open(
  s3: S3Client,
  { bucket, prefix }: Place,
  { key, etag }: SourceObject,
  abortSignal: AbortSignal,
): Promise<AsyncIterable<Buffer>> {
  try {
    const { Body } = await s3.send(
      new GetObjectCommand({ Bucket: bucket, Key: prefix + key, IfMatch: `"${etag}"` }),
      { abortSignal },
    );
    return Body as Readable;
  } catch (error) {
    const { name, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    if (name !== 'NoSuchKey' && $metadata?.httpStatusCode !== 412) throw error;
    throw new SluiceError(
      'ObjectGone',
      `s3://${bucket}/${prefix}${key} was removed or replaced since it was listed; start again for what is there now`,
      { cause: error },
    );
  }
}

async function* checkBytes(
  body: AsyncIterable<Buffer>,
  { key, size }: SourceObject,
  { joined, isZipped }: { joined: boolean; isZipped: boolean },
): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of body) {
    if (
      bytes === 0 &&
      joined &&
      !isZipped &&
      MAGIC.some((magic) => chunk.subarray(0, magic.length).equals(magic))
    )
      throw new SluiceError(
        'InvalidJob',
        `${key}: is Parquet, ORC or Avro, which cannot be joined by its bytes; ${USE_COMPACT}`,
      );
    bytes += chunk.length;
    yield chunk;
  }
  if (bytes !== size) throw new Error(`${key}: ${bytes} of ${size} bytes were read`);
}
