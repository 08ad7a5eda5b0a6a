import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import {
  ScanCommand,
  type AttributeValue,
  type DynamoDBClient,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import {
  type JobReference,
  field,
  type InputOf,
  joinFolder,
  parseFolder,
  defineTask,
  type TaskContext,
  type TaskResult,
} from 'sluice';
import { connectDynamodb, readTable } from './describeTable';
import { FILES, SUMMARY, type ManifestSummary } from './exportFolder';
import { ReadBudget } from './readBudget';

const compress = promisify(gzip);

const SEGMENTS = 4;
/** Compressed bytes after which a part is written. */
const PART_BYTES = 8 * 1024 * 1024;
/** A part is written this long after its first page, so that a crash costs little of a slow scan. */
const PART_MS = 30_000;
/** What one page consumes, as a share of what the scan may consume in a second: smaller pages keep the rate even. */
const PAGE_SHARE = 0.25;
/** A page of 1 MB, DynamoDB's largest, read eventually consistent. */
const MOST_UNITS_OF_PAGE = 128;
/** Read request units that a new on-demand table sustains: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode-max-throughput.html */
const ON_DEMAND_UNITS = 12_000;

const INPUT = {
  tableName: field.text({ about: "the table's name or ARN" }),
  output: field.folder(),
  maxConsumedReadThroughput: field.number({ default: 0.5, most: 1 }),
  readCapacityUnits: field.number({ default: ON_DEMAND_UNITS }),
};
type Input = InputOf<typeof INPUT>;

/**
 * `scan-table`: `{ tableName, output, maxConsumedReadThroughput?, readCapacityUnits? }`. A parallel scan that writes below
 * `output` what DynamoDB's own full export writes: `AWSDynamoDB/<id>/data/*.json.gz`, then `manifest-files.json`, and
 * last `manifest-summary.json`. It takes a share (default 0.5) of the table's read capacity; `readCapacityUnits` is that
 * capacity for an on-demand table that has no limit. A part is named by segment and number and the position behind it is
 * kept, so a scan that goes on elsewhere replaces at most the parts since then, and no item is there twice.
 */
export function createScanTable(
  connect: () => DynamoDBClient,
  partSize: PartSize = { bytes: PART_BYTES, ms: PART_MS },
) {
  return defineTask(
    { name: 'scan-table', about: 'Reads a DynamoDB table into what its own export would be.', input: INPUT },
    (input, context) => new Scan(connect(), partSize, input, context).run(),
  );
}

export const scanTable = createScanTable(connectDynamodb);

/** When a part is written: once it has so many compressed bytes, or is so old. */
export interface PartSize {
  bytes: number;
  ms: number;
}

type Key = Record<string, AttributeValue>;

/** Where a segment's scan stands: behind its parts written so far. */
interface Position {
  parts: number;
  /** In JSON, since a key may be binary. */
  lastEvaluatedKey: string | null;
  done: boolean;
}

/** An export's id: when it began, and a text of its own. DynamoDB's look the same. */
export function exportIdOf({ key, submittedAt }: Pick<JobReference, 'key' | 'submittedAt'>): string {
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 8);
  return `${String(Date.parse(submittedAt)).padStart(14, '0')}-${hash}`;
}

class Scan {
  private readonly s3: S3Client;
  private readonly bucket: string;
  private readonly prefix: string;
  private readonly location: string;
  private readonly id: string;
  private readonly positions: Position[];
  /** The measure of what is to come: units that an item has consumed on average. */
  private unitsPerItem = 0.5;
  private consumedUnits = 0;

  constructor(
    private readonly dynamodb: DynamoDBClient,
    private readonly partSize: PartSize,
    private readonly input: Input,
    private readonly context: TaskContext,
  ) {
    this.s3 = context.s3;
    this.id = exportIdOf(context.reference);
    this.location = joinFolder(input.output, 'AWSDynamoDB', this.id);
    const { bucket, prefix } = parseFolder(this.location);
    this.bucket = bucket;
    this.prefix = prefix;
    this.positions =
      (context.resumed as Position[] | undefined) ??
      Array.from({ length: SEGMENTS }, () => ({ parts: 0, lastEvaluatedKey: null, done: false }));
  }

  async run(): Promise<TaskResult> {
    const finished = await this.readSummary();
    if (finished) return this.toResult(finished.itemCount);
    const { tableName, maxConsumedReadThroughput: share, readCapacityUnits } = this.input;
    const table = await readTable(this.dynamodb, tableName, this.context.signal);
    const unitsPerSecond = share * capacityOf(table, readCapacityUnits);
    const budget = new ReadBudget(unitsPerSecond);
    // One that fails ends the others, so that none is left to write when the task starts again.
    const ending = new AbortController();
    const signal = AbortSignal.any([this.context.signal, ending.signal]);
    const scans = this.positions.map((position, segment) =>
      this.scanSegment({ segment, position, budget, unitsPerSecond, signal }).catch((error: unknown) => {
        ending.abort(error);
        throw error;
      }),
    );
    await Promise.allSettled(scans);
    this.context.signal.throwIfAborted();
    ending.signal.throwIfAborted();
    return this.toResult(await this.writeManifests(table));
  }

  private toResult(items: number): TaskResult {
    const rows = { rowsRead: items, rowsRejected: 0, valuesUnread: 0, rowsWritten: items };
    return {
      output: this.location,
      measures: { ...rows, readCapacityUnits: Math.round(this.consumedUnits) },
    };
  }

  private async scanSegment({
    segment,
    position,
    budget,
    unitsPerSecond,
    signal,
  }: SegmentScan): Promise<void> {
    const { bytes, ms } = this.partSize;
    let part = new Part();
    let key = position.lastEvaluatedKey === null ? undefined : parseKey(position.lastEvaluatedKey);
    while (!position.done) {
      const unitsOfPage = Math.min(MOST_UNITS_OF_PAGE, unitsPerSecond * PAGE_SHARE);
      const limit = Math.max(1, Math.floor(unitsOfPage / this.unitsPerItem));
      const expected = Math.max(0.5, limit * this.unitsPerItem);
      await budget.take(expected, signal);
      const page = await this.dynamodb.send(
        new ScanCommand({
          TableName: this.input.tableName,
          Segment: segment,
          TotalSegments: this.positions.length,
          Limit: limit,
          ReturnConsumedCapacity: 'TOTAL',
          ...(key ? { ExclusiveStartKey: key } : {}),
        }),
        { abortSignal: signal },
      );
      const consumed = page.ConsumedCapacity?.CapacityUnits ?? expected;
      budget.settle(expected, consumed);
      this.consumedUnits += consumed;
      if (page.ScannedCount) this.unitsPerItem = consumed / page.ScannedCount;
      await part.add(page.Items ?? []);
      key = page.LastEvaluatedKey;
      if (key && part.bytes < bytes && Date.now() - part.begunAtMs < ms) continue;
      if (part.items > 0) await this.writePart(partName(segment, position.parts), part, signal);
      // All at once: a heartbeat may come at any await, and a part must never be counted without the key behind it.
      if (part.items > 0) position.parts++;
      position.lastEvaluatedKey = key ? stringify(key) : null;
      position.done = !key;
      this.context.keep(this.positions);
      part = new Part();
    }
  }

  private async writePart(name: string, part: Part, abortSignal: AbortSignal): Promise<void> {
    const body = Buffer.concat(part.chunks);
    await this.s3.send(
      new PutObjectCommand({
        Bucket: this.bucket,
        Key: `${this.prefix}data/${name}`,
        Body: body,
        // What the manifest says of it, so that it need not be kept with the position.
        Metadata: { items: String(part.items), md5: createHash('md5').update(body).digest('base64') },
      }),
      { abortSignal },
    );
  }

  /** @returns how many items there are */
  private async writeManifests(table: TableDescription): Promise<number> {
    const lines: string[] = [];
    let itemCount = 0;
    for (const [segment, { parts }] of this.positions.entries()) {
      for (let number = 0; number < parts; number++) {
        const dataFileS3Key = `${this.prefix}data/${partName(segment, number)}`;
        const { Metadata, ETag } = await this.s3.send(
          new HeadObjectCommand({ Bucket: this.bucket, Key: dataFileS3Key }),
          { abortSignal: this.context.signal },
        );
        const items = Number(Metadata!['items']);
        itemCount += items;
        lines.push(
          JSON.stringify({
            itemCount: items,
            md5Checksum: Metadata!['md5'],
            etag: ETag?.replaceAll('"', ''),
            dataFileS3Key,
          }),
        );
      }
    }
    const { submittedAt } = this.context.reference;
    const manifestFilesS3Key = this.prefix + FILES;
    const summary: ManifestSummary & Record<string, unknown> = {
      version: '2020-06-30',
      exportArn: `${table.TableArn}/export/${this.id}`,
      startTime: submittedAt,
      endTime: new Date().toISOString(),
      tableArn: table.TableArn,
      tableId: table.TableId,
      exportTime: submittedAt,
      s3Bucket: this.bucket,
      s3Prefix: this.prefix.replace(/\/?AWSDynamoDB\/[^/]*\/$/, ''),
      manifestFilesS3Key,
      itemCount,
      outputFormat: 'DYNAMODB_JSON',
    };
    await this.put(manifestFilesS3Key, lines.map((line) => `${line}\n`).join(''));
    await this.put(this.prefix + SUMMARY, JSON.stringify(summary));
    return itemCount;
  }

  private async put(key: string, body: string): Promise<void> {
    const command = new PutObjectCommand({ Bucket: this.bucket, Key: key, Body: body });
    await this.s3.send(command, { abortSignal: this.context.signal });
  }

  /** What a worker has finished that died before it could say so. */
  private async readSummary(): Promise<ManifestSummary | null> {
    try {
      const command = new GetObjectCommand({ Bucket: this.bucket, Key: this.prefix + SUMMARY });
      const { Body } = await this.s3.send(command, { abortSignal: this.context.signal });
      return JSON.parse(await Body!.transformToString()) as ManifestSummary;
    } catch (error) {
      if ((error as Error).name === 'NoSuchKey') return null;
      throw error;
    }
  }
}

interface SegmentScan {
  segment: number;
  position: Position;
  budget: ReadBudget;
  unitsPerSecond: number;
  signal: AbortSignal;
}

/** Compressed lines on their way to one object: each page is a gzip member of its own. */
class Part {
  readonly chunks: Buffer[] = [];
  readonly begunAtMs = Date.now();
  bytes = 0;
  items = 0;

  async add(items: Record<string, AttributeValue>[]): Promise<void> {
    if (items.length === 0) return;
    const chunk = await compress(items.map((Item) => `${stringify({ Item })}\n`).join(''));
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    this.items += items.length;
  }
}

function partName(segment: number, number: number): string {
  return `segment-${segment}-part-${String(number).padStart(6, '0')}.json.gz`;
}

/** Read capacity units a second: of the table, its on-demand limit, or what was given. */
function capacityOf({ ProvisionedThroughput, OnDemandThroughput }: TableDescription, given: number): number {
  const limit = OnDemandThroughput?.MaxReadRequestUnits ?? -1;
  return ProvisionedThroughput?.ReadCapacityUnits || (limit > 0 ? limit : given);
}

/** DynamoDB's own JSON: binary values in base64. */
function stringify(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part instanceof Uint8Array ? Buffer.from(part).toString('base64') : part,
  );
}

/** A key's attributes are texts, numbers and binaries. */
function parseKey(json: string): Key {
  const key = JSON.parse(json) as Record<string, { S?: string; N?: string; B?: string }>;
  return Object.fromEntries(
    Object.entries(key).map(([name, value]) => [
      name,
      value.B === undefined ? value : { B: Buffer.from(value.B, 'base64') },
    ]),
  ) as Key;
}
