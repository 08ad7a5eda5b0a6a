import { CopyObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import { copySourceOf, type ObjectName } from '../lake/copyObject';
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

async function copy(s3: S3Client, from: ObjectName, to: ObjectName, signal: AbortSignal): Promise<void> {
  try {
    await s3.send(new CopyObjectCommand({ Bucket: to.bucket, Key: to.key, CopySource: copySourceOf(from) }), {
      abortSignal: signal,
    });
  } catch (error) {
    if ((error as Error).name !== 'NoSuchKey') throw error;
    throw new SluiceError('ObjectGone', `s3://${from.bucket}/${from.key} is not there; nothing was copied`, {
      cause: error,
    });
  }
}
