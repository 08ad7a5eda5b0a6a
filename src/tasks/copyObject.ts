import { CopyObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import { parseS3Uri } from '../pipelines/location';
import type { Task } from './task';

/**
 * `copy-object`: `{ from, to }`, two S3 URIs of objects. A query engine names its result after the query; this gives it
 * the name that people look for. The target is replaced by one call, so it is never half there.
 */
export const copyObject: Task = {
  check: (input) => void parseInput(input),
  async run(input, { s3, signal }) {
    const { from, to } = parseInput(input);
    await copy(s3, from, to, signal);
    return { output: String(input['to']) };
  },
};

interface Location {
  bucket: string;
  key: string;
}

function parseInput(input: Record<string, unknown>): { from: Location; to: Location } {
  const problems: string[] = [];
  const parse = (name: string): Location => {
    const value = input[name];
    const uri = typeof value === 'string' ? parseS3Uri(value) : null;
    if (uri === null || uri.key === '' || uri.key.endsWith('/'))
      problems.push(`${name}: ${JSON.stringify(value)} is no object; give an S3 URI such as s3://lake/a.csv`);
    return uri ?? { bucket: '', key: '' };
  };
  const locations = { from: parse('from'), to: parse('to') };
  if (problems.length > 0) throw new SluiceError('InvalidJob', `copy-object: ${problems.join('; ')}`);
  return locations;
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
