import { basename } from 'node:path';
import { DeleteObjectCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { field, parseDuration, listKeys, parseFolder, defineTask } from 'sluice';
import { parquetName } from './convertRecords';

/**
 * `remove-converted`: `{ from, converted, olderThan }`. Deletes the objects of the folder `from` that are older than the
 * duration and whose Parquet object is in the folder `converted`.
 */
export const removeConverted = defineTask(
  {
    name: 'remove-converted',
    about: 'Deletes old objects of which there is a converted one.',
    input: { from: field.folder(), converted: field.folder(), olderThan: field.duration() },
  },
  async (input, { s3, signal }) => {
    const from = parseFolder(input.from);
    const converted = parseFolder(input.converted);
    const keys = await listKeys(s3, converted.bucket, converted.prefix, signal);
    const names = new Set(keys.map((key) => basename(key)));
    const before = Date.now() - parseDuration(input.olderThan)!;
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
);
