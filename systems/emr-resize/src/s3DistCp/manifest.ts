import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { listKeys } from 'sluice';
import type { Place } from './copyObjects';
import type { CopyRequest, PlannedOutput } from './planCopies';

/**
 * What a job copies, beside its outputs. It is `copying` until all outputs are there, `copied` until the sources are
 * deleted, and then `done`; without `deleteOnSuccess` it is done with the outputs. A job that begins again goes on with the
 * objects that it had listed, since some of them may be deleted by then.
 */
export interface Manifest {
  job: string;
  state: 'copying' | 'copied' | 'done';
  request: CopyRequest;
  outputs: PlannedOutput[];
  /** Of the outputs that are there, from the first on. */
  bytes: number[];
}

/** Begins with `_`, so that no reader takes it for data. */
const FOLDER = '_s3-dist-cp/';

export async function readManifests(s3: S3Client, { bucket, prefix }: Place, signal: AbortSignal) {
  const keys = await listKeys(s3, bucket, prefix + FOLDER, signal);
  const manifests: Manifest[] = [];
  for (const Key of keys.filter((key) => key.endsWith('.json'))) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }), { abortSignal: signal });
    manifests.push(JSON.parse(await Body!.transformToString()) as Manifest);
  }
  return manifests;
}

export async function writeManifest(
  s3: S3Client,
  { bucket, prefix }: Place,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<void> {
  const Body = JSON.stringify(manifest);
  await s3.send(
    new PutObjectCommand({
      ...{ Bucket: bucket, Key: `${prefix}${FOLDER}${manifest.job}.json`, Body },
      ...{ ContentLength: Buffer.byteLength(Body), ContentType: 'application/json' },
    }),
    { abortSignal: signal },
  );
}
