import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import {
  defineTask,
  field,
  listKeys,
  parseS3Uri,
  publishCases,
  publishOutput,
  SluiceError,
  type BadCase,
  type TaskContext,
} from 'sluice';
import { parseRecords, type ReadRecord } from '../readRecords';

const MOST_REJECTED = 100;

export const collectRecords = defineTask(
  {
    name: 'collect-records',
    about:
      'Reads the records of a folder, as streams leave them, and writes those that can be read one a line.',
    input: {
      from: field.s3({ about: 'a folder of records, or one object' }),
      to: field.folder(),
      mayBeEmpty: field.flag({
        about: 'whether a folder without any object is one without records',
        default: false,
      }),
      maxBadShare: field.share({ about: 'fail when more of the rows cannot be read', default: 1 }),
    },
  },
  async ({ from, to, mayBeEmpty, maxBadShare }, context) => {
    const { s3, signal, report } = context;
    const folder = await mkdtemp(join(tmpdir(), 'sluice-auction-'));
    try {
      const file = join(folder, 'records.jsonl');
      const out = createWriteStream(file);
      const rejected: BadCase[] = [];
      const counts = { rowsRead: 0, rowsRejected: 0, valuesUnread: 0, rowsWritten: 0 };
      const objects = await listObjects(s3, from, signal);
      if (objects.length === 0 && !mayBeEmpty)
        throw new SluiceError('BadData', `${from}: no object is there; give the folder of the records`);
      for (const [i, { bucket, key }] of objects.entries()) {
        const uri = `s3://${bucket}/${key}`;
        let line = 0;
        const before = { ...counts };
        for await (const text of readLines(context, { bucket, key })) {
          line++;
          for (const read of parseRecords(text)) {
            if ('reason' in read) {
              counts.rowsRejected++;
              const { column, reason } = read;
              if (rejected.length < MOST_REJECTED)
                rejected.push({ file: uri, line, column, text: read.text.slice(0, 1000), reason });
            } else {
              counts.rowsRead++;
              counts.rowsWritten++;
              if (!out.write(toLine(read))) await once(out, 'drain', { signal });
            }
          }
        }
        if (counts.rowsRejected > before.rowsRejected && counts.rowsRead === before.rowsRead)
          throw bad(`${uri}: no row can be read`, rejected);
        report({ objects: i + 1, of: objects.length, rowsRead: counts.rowsRead });
      }
      out.end();
      await finished(out, { signal });
      const rows = counts.rowsRead + counts.rowsRejected;
      if (counts.rowsRejected > rows * maxBadShare)
        throw bad(`${from}: ${counts.rowsRejected} of ${rows} rows cannot be read`, rejected);
      await publishCases(s3, rejected, to, signal);
      await publishOutput(s3, file, to, 'part-00000.jsonl', signal);
      return { output: to, measures: counts };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);

function bad(what: string, rejected: readonly BadCase[]): SluiceError {
  const first = rejected.slice(0, 5).map(({ file, line, reason }) => `${file} line ${line}: ${reason}`);
  return new SluiceError('BadData', [what, ...first].join('\n  '));
}

/** Lower case, since the columns of a Glue table are. */
function toLine(record: ReadRecord): string {
  const entries = Object.entries(record).map(([name, value]) => [name.toLowerCase(), value as unknown]);
  return `${JSON.stringify(Object.fromEntries(entries))}\n`;
}

/** The object, or all of the folder but markers and hidden ones. */
async function listObjects(
  s3: S3Client,
  from: string,
  signal: AbortSignal,
): Promise<{ bucket: string; key: string }[]> {
  const { bucket, key } = parseS3Uri(from)!;
  if (/\.(jsonl?|ndjson)(\.gz)?$/.test(key)) return [{ bucket, key }];
  const prefix = key === '' || key.endsWith('/') ? key : `${key}/`;
  const keys = await listKeys(s3, bucket, prefix, signal);
  return keys
    .filter(
      (one) =>
        !one.endsWith('/') &&
        !one
          .slice(prefix.length)
          .split('/')
          .some((part) => /^[._]/.test(part)),
    )
    .sort()
    .map((one) => ({ bucket, key: one }));
}

async function* readLines({ s3, signal }: TaskContext, { bucket, key }: { bucket: string; key: string }) {
  const { Body } = await s3
    .send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal })
    .catch((error: Error) => {
      if (error.name !== 'NoSuchKey') throw error;
      throw new SluiceError('ObjectGone', `s3://${bucket}/${key} is not there`, { cause: error });
    });
  const bytes = Body as Readable;
  const input = basename(key).endsWith('.gz') ? bytes.pipe(createGunzip()) : bytes;
  if (input !== bytes) bytes.once('error', (error) => input.destroy(error));
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity }))
      if (line.trim() !== '') yield line;
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code?.startsWith('Z_')) throw error;
    throw new SluiceError(
      'BadData',
      `s3://${bucket}/${key}: broken gzip: ${(error as Error).message}; upload it again`,
      { cause: error },
    );
  } finally {
    bytes.destroy();
  }
}
