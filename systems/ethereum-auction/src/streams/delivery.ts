import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import {
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListShardsCommand,
  type KinesisClient,
} from '@aws-sdk/client-kinesis';
import type { S3Client } from '@aws-sdk/client-s3';
import { joinLocation } from 'sluice';
import { putText, readJson, replaceJson } from '../lakeObjects';
import { identityOf, type AuctionRecord } from '../records';

/** What Firehose does with a stream, for a stream that is on this machine. */
export interface DeliveryOptions {
  kinesis: KinesisClient;
  s3: S3Client;
  stream: string;
  /** Objects come to `events/YYYY/MM/dd/HH/` in this folder, by the hour (UTC) of their writing, as Firehose's do. */
  folder: string;
  /** An object is written when it has so many bytes … */
  bufferBytes: number;
  /** … or when its first record is so old. */
  bufferMs: number;
  signal: AbortSignal;
  onObject?: (uri: string, records: number) => void;
}

interface Checkpoint {
  /** By shard: the last record that is in an object. */
  shards: Record<string, string>;
}

interface Buffer {
  lines: string[];
  bytes: number;
  sinceMs: number;
  /** By shard: the last record in the buffer, or before it. */
  shards: Record<string, string>;
}

const PAGE = 10_000;
const IDLE_MS = 100;
/** A record that comes again comes soon: with a batch that was put twice, or a listener that was killed. */
const REMEMBERED = 500_000;

/**
 * Reads every shard and writes its records as objects, until the signal. A record that it has delivered is dropped when it
 * comes again. How far it is, is kept in S3 after each object: killed between the two, it writes the records of one object
 * once more, and readers drop them by their ids.
 */
export async function deliverStream(options: DeliveryOptions): Promise<void> {
  const { kinesis, s3, stream, signal } = options;
  // A stream that was made anew counts its records anew.
  const { StreamDescriptionSummary } = await kinesis.send(
    new DescribeStreamSummaryCommand({ StreamName: stream }),
    {
      abortSignal: signal,
    },
  );
  const madeAt = StreamDescriptionSummary!.StreamCreationTimestamp!.getTime();
  const uri = joinLocation(options.folder, 'delivery', `${stream}-${madeAt}.json`);
  let kept = await readJson<Checkpoint>(s3, uri);
  const known = new Set<string>();
  const iterators = new Map<string, string>();
  let buffer = emptyBuffer(kept?.value.shards ?? {});

  const flush = async () => {
    if (buffer.lines.length > 0) await writeObject(options, buffer);
    if (!(await replaceJson(s3, uri, { shards: buffer.shards }, kept)))
      throw new Error(`${uri}: another delivery reads the stream ${stream}; end one of them`);
    kept = await readJson<Checkpoint>(s3, uri);
    buffer = emptyBuffer(buffer.shards);
  };

  try {
    for (const shard of await listShards(kinesis, stream, signal))
      iterators.set(
        shard,
        await openShard(kinesis, { stream, shard, after: buffer.shards[shard] ?? null }, signal),
      );
    while (!signal.aborted) {
      let read = 0;
      for (const [shard, iterator] of iterators) {
        const page = await kinesis.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: PAGE }), {
          abortSignal: signal,
        });
        for (const { Data, SequenceNumber } of page.Records ?? []) {
          const text = Buffer.from(Data!).toString('utf8');
          buffer.shards[shard] = SequenceNumber!;
          read++;
          for (const line of text.split('\n').filter((part) => part !== '')) {
            if (!remember(known, line)) continue;
            if (buffer.lines.length === 0) buffer.sinceMs = Date.now();
            buffer.lines.push(`${line}\n`);
            buffer.bytes += line.length + 1;
          }
          if (buffer.bytes >= options.bufferBytes) await flush();
        }
        if (page.NextShardIterator === undefined) iterators.delete(shard);
        else iterators.set(shard, page.NextShardIterator);
      }
      if (buffer.lines.length > 0 && Date.now() - buffer.sinceMs >= options.bufferMs) await flush();
      if (read === 0) await wait(IDLE_MS, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  // What was read and is in no object is read again by the next delivery.
}

/** Whether the record is new; the oldest are forgotten. */
function remember(known: Set<string>, line: string): boolean {
  const identity = identityIn(line);
  if (known.has(identity)) return false;
  known.add(identity);
  if (known.size > REMEMBERED) known.delete(known.values().next().value!);
  return true;
}

/** A line that is no record of ours is delivered as it is, once. */
function identityIn(line: string): string {
  try {
    const record = JSON.parse(line) as Partial<AuctionRecord>;
    if (typeof record.Id === 'string' && record.Id !== '') return identityOf(record as AuctionRecord);
  } catch {
    // Below.
  }
  return createHash('sha256').update(line).digest('base64');
}

function emptyBuffer(shards: Record<string, string>): Buffer {
  return { lines: [], bytes: 0, sinceMs: Date.now(), shards: { ...shards } };
}

async function writeObject(
  { s3, stream, folder, onObject }: DeliveryOptions,
  { lines, shards }: Buffer,
): Promise<void> {
  const time = new Date().toISOString();
  const hour = time.slice(0, 13).replaceAll(/[-T]/g, '/');
  const part = createHash('sha256').update(JSON.stringify(shards)).digest('hex').slice(0, 16);
  const name = `${stream}-1-${time.slice(0, 19).replaceAll(/[T:]/g, '-')}-${part}.json`;
  const uri = joinLocation(folder, 'events', hour, name);
  await putText(s3, uri, { text: lines.join(''), contentType: 'application/x-ndjson' });
  onObject?.(uri, lines.length);
}

async function listShards(
  kinesis: KinesisClient,
  StreamName: string,
  abortSignal: AbortSignal,
): Promise<string[]> {
  const shards: string[] = [];
  let NextToken: string | undefined;
  do {
    const page = await kinesis.send(
      new ListShardsCommand(NextToken === undefined ? { StreamName } : { NextToken }),
      { abortSignal },
    );
    shards.push(...(page.Shards ?? []).map(({ ShardId }) => ShardId!));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return shards;
}

async function openShard(
  kinesis: KinesisClient,
  { stream, shard, after }: { stream: string; shard: string; after: string | null },
  abortSignal: AbortSignal,
): Promise<string> {
  const { ShardIterator } = await kinesis.send(
    new GetShardIteratorCommand({
      StreamName: stream,
      ShardId: shard,
      ...(after === null
        ? { ShardIteratorType: 'TRIM_HORIZON' }
        : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: after }),
    }),
    { abortSignal },
  );
  return ShardIterator!;
}
