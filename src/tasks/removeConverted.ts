import { basename } from 'node:path';
import { DeleteObjectCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { parseDuration } from '../pipelines/duration';
import { listKeys } from '../lake/lakeFiles';
import { parquetName } from './convertRecords';
import { InputReader } from './inputs';
import type { Task } from './task';

/**
 * `remove-converted`: `{ from, converted, olderThan }`. Deletes the objects of the folder `from` that are older than the
 * duration and whose Parquet object is in the folder `converted`.
 */
export const removeConverted: Task = {
  check: (input) => void parseInput(input),
  async run(given, { s3, signal }) {
    const { from, converted, olderThanMs } = parseInput(given);
    const keys = await listKeys(s3, converted.bucket, converted.prefix, signal);
    const names = new Set(keys.map((key) => basename(key)));
    const before = Date.now() - olderThanMs;
    let objects = 0;
    const pages = paginateListObjectsV2(
      { client: s3 },
      { Bucket: from.bucket, Prefix: from.prefix },
      { abortSignal: signal },
    );
    for await (const { Contents = [] } of pages) {
      for (const { Key, LastModified } of Contents) {
        if (!LastModified || LastModified.getTime() >= before || !names.has(parquetName(Key!))) continue;
        await s3.send(new DeleteObjectCommand({ Bucket: from.bucket, Key }), { abortSignal: signal });
        objects++;
      }
    }
    return { measures: { objects } };
  },
};

function parseInput(given: Record<string, unknown>) {
  const reader = new InputReader('remove-converted', given);
  const olderThanMs = parseDuration(reader.text('olderThan'));
  if (olderThanMs === null) reader.refuse('olderThan', 'give a duration such as "24 hours"', null);
  return reader.finish({
    from: reader.folder('from'),
    converted: reader.folder('converted'),
    olderThanMs: olderThanMs ?? 0,
  });
}
