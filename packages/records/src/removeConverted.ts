import { basename } from 'node:path';
import { DeleteObjectCommand, paginateListObjectsV2, type _Object, type S3Client } from '@aws-sdk/client-s3';
import { defineTask, field, parseDuration, parseFolder } from 'sluice';
import { parquetName } from './convertRecords';

/**
 * `remove-converted`: `{ from, converted, olderThan }`. Deletes the objects of the folder `from` that are older than the
 * duration and whose Parquet object, of the same base name and no older, is in the folder `converted`. Of several objects of
 * one base name none is deleted.
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
    const convertedAt = new Map<string, number>();
    for await (const { Key, LastModified } of listObjects(s3, converted, signal))
      convertedAt.set(basename(Key!), LastModified?.getTime() ?? 0);
    const before = Date.now() - parseDuration(input.olderThan)!;
    const byName = new Map<string, _Object[]>();
    for await (const object of listObjects(s3, from, signal)) {
      const name = parquetName(object.Key!);
      byName.set(name, [...(byName.get(name) ?? []), object]);
    }
    let objects = 0;
    for (const [name, [object, ...others]] of byName) {
      const writtenAt = object!.LastModified?.getTime() ?? Infinity;
      // Of two objects of one name, in folders of their own, nobody can tell which one was converted.
      if (others.length > 0 || writtenAt >= before || !(convertedAt.get(name)! >= writtenAt)) continue;
      await s3.send(new DeleteObjectCommand({ Bucket: from.bucket, Key: object!.Key }), {
        abortSignal: signal,
      });
      objects++;
    }
    return { measures: { objects } };
  },
);

async function* listObjects(
  s3: S3Client,
  { bucket, prefix }: ReturnType<typeof parseFolder>,
  abortSignal: AbortSignal,
): AsyncGenerator<_Object> {
  const pages = paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix: prefix }, { abortSignal });
  for await (const { Contents = [] } of pages) yield* Contents;
}
