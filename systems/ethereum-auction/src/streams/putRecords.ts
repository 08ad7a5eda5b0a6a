import {
  PutRecordsCommand,
  type KinesisClient,
  type PutRecordsRequestEntry,
  type PutRecordsResultEntry,
} from '@aws-sdk/client-kinesis';
import { setTimeout as wait } from 'node:timers/promises';

/** A record's text and the key that its shard, and its order, follow. */
export interface StreamRecord {
  data: string;
  key: string;
}

/** https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html */
const MOST_RECORDS = 500;
const MOST_BYTES = 5 * 1024 * 1024;
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 5_000;

export interface PutOptions {
  kinesis: KinesisClient;
  stream: string;
  records: readonly StreamRecord[];
  /** How many of the records, from the first, were put by somebody before. */
  done?: number;
  signal: AbortSignal;
  /** Told after each batch how many records are in the stream. */
  onBatch?: (done: number) => void;
}

/**
 * Puts records in batches, one after the other. When Kinesis takes a part of a batch only, what it refused is put again, and
 * with it all that the batch had after it of the same key: a reader that keeps the last copy of each record, or drops those
 * that it knows, sees each key's records in their order. Nothing of a later batch overtakes it.
 */
export async function putRecords({
  kinesis,
  stream,
  records,
  done = 0,
  signal,
  onBatch,
}: PutOptions): Promise<number> {
  let requests = 0;
  for (let first = done; first < records.length;) {
    const batch = takeBatch(records, first);
    let open: PutRecordsRequestEntry[] = batch.map(toEntry);
    for (let waitMs = RETRY_MIN_MS; open.length > 0; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      const answer = await kinesis.send(new PutRecordsCommand({ StreamName: stream, Records: open }), {
        abortSignal: signal,
      });
      requests++;
      const refused = refusedOf(open, answer.Records ?? []);
      if (refused.length > 0) await wait(waitMs, undefined, { signal });
      open = refused;
    }
    first += batch.length;
    onBatch?.(first);
  }
  return requests;
}

function toEntry({ data, key }: StreamRecord): PutRecordsRequestEntry {
  return { Data: Buffer.from(data), PartitionKey: key };
}

function takeBatch(records: readonly StreamRecord[], first: number): StreamRecord[] {
  let bytes = 0;
  let end = first;
  while (end < records.length && end - first < MOST_RECORDS) {
    const { data, key } = records[end]!;
    bytes += Buffer.byteLength(data) + Buffer.byteLength(key);
    if (bytes > MOST_BYTES && end > first) break;
    end++;
  }
  return records.slice(first, end);
}

/** What is to be put again: what was refused, and what came after it with the same key. */
function refusedOf(
  sent: readonly PutRecordsRequestEntry[],
  answers: readonly PutRecordsResultEntry[],
): PutRecordsRequestEntry[] {
  const keys = new Set<string>();
  return sent.filter((record, i) => {
    const key = record.PartitionKey!;
    // An answer that is missing says nothing of its record.
    if (answers[i] === undefined || answers[i].ErrorCode) keys.add(key);
    return keys.has(key);
  });
}
