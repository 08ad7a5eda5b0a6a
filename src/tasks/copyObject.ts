import { CopyObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import { field } from '../pipelines';
import { parseS3Uri } from '../pipelines/location';
import { defineTask } from './defineTask';

/**
 * A query engine names its result after the query; this gives it the name that people look for. The target is replaced by
 * one call, so it is never half there.
 */
export const copyObject = defineTask(
  {
    name: 'copy-object',
    about: 'Copies an S3 object to another name.',
    input: { from: field.object(), to: field.object() },
  },
  async ({ from, to }, { s3, signal }) => {
    await copy(s3, parseS3Uri(from)!, parseS3Uri(to)!, signal);
    return { output: to };
  },
);

interface Location {
  bucket: string;
  key: string;
}

async function copy(s3: S3Client, from: Location, to: Location, signal: AbortSignal): Promise<void> {
  const source = [from.bucket, ...from.key.split('/')].map(encodeURIComponent).join('/');
  try {
    await s3.send(new CopyObjectCommand({ Bucket: to.bucket, Key: to.key, CopySource: source }), {
      abortSignal: signal,
    });
  } catch (error) {
    if ((error as Error).name !== 'NoSuchKey') throw error;
    throw new SluiceError('ObjectGone', `s3://${from.bucket}/${from.key} is not there; nothing was copied`, {
      cause: error,
    });
  }
}
