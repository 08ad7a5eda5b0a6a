/**
 * `npm run bench -- scan`: how well `scan-table` keeps to its share of read capacity, over a minute at several rates. The
 * table is a server that counts what each page costs by DynamoDB's rule, half a unit for each 4 KiB read:
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html. Objects go to nowhere.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { S3Client } from '@aws-sdk/client-s3';
import { createScanTable } from '../src/tasks/scanTable';

const MINUTE_MS = 60_000;
const TOLERANCE = 0.1;
/** Read capacity units of the table, the share of them, and the size of an item. */
const CASES = [
  { capacity: 10, share: 0.5, itemBytes: 300 },
  { capacity: 100, share: 0.5, itemBytes: 6_000 },
  { capacity: 1_000, share: 0.9, itemBytes: 900 },
  { capacity: 20_000, share: 0.1, itemBytes: 2_000 },
];

type Case = (typeof CASES)[0];

/** A table without end; it tells of each page's cost. */
async function startTable({ capacity, itemBytes }: Case, onRead: (units: number) => void) {
  const text = 'x'.repeat(itemBytes);
  const answers: Record<string, (input: { Limit: number; Segment: number }) => object> = {
    DescribeTable: () => ({
      Table: {
        TableArn: 'arn:aws:dynamodb:us-east-1:123456789012:table/Bench',
        ProvisionedThroughput: { ReadCapacityUnits: capacity },
      },
    }),
    Scan: ({ Limit, Segment }) => {
      const count = Math.max(1, Math.min(Limit, Math.floor(2 ** 20 / itemBytes)));
      const units = Math.ceil((count * itemBytes) / 4096) / 2;
      onRead(units);
      return {
        Items: Array.from({ length: count }, () => ({ Id: { S: text } })),
        Count: count,
        ScannedCount: count,
        LastEvaluatedKey: { Id: { S: String(Segment) } },
        ConsumedCapacity: { TableName: 'Bench', CapacityUnits: units },
      };
    },
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const operation = String(request.headers['x-amz-target']).split('.')[1]!;
      const input = JSON.parse(Buffer.concat(chunks).toString()) as { Limit: number; Segment: number };
      response.setHeader('content-type', 'application/x-amz-json-1.0');
      response.end(JSON.stringify(answers[operation]!(input)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** The units a second that a scan has consumed over a minute, as a part of those that it may. */
async function measure(bench: Case): Promise<number> {
  let consumed = 0;
  const { server, endpoint } = await startTable(bench, (units) => (consumed += units));
  const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' };
  const dynamodb = new DynamoDBClient({ endpoint, region: 'us-east-1', credentials });
  const noSuchKey = Object.assign(new Error('not there'), { name: 'NoSuchKey' });
  const s3 = {
    send: ({ constructor }: object) =>
      constructor.name === 'GetObjectCommand' ? Promise.reject(noSuchKey) : Promise.resolve({}),
  } as unknown as S3Client;
  const ending = AbortSignal.timeout(MINUTE_MS);
  try {
    await createScanTable(() => dynamodb).run(
      { tableName: 'Bench', output: 's3://bench/export/', maxConsumedReadThroughput: bench.share },
      {
        ...{ s3, signal: ending, resumed: undefined, keep: () => {}, report: () => {} },
        log: { info: () => {}, warn: () => {} },
        reference: {
          ...{ resource: 'worker:task', externalId: 'bench', key: 'bench', url: null },
          submittedAt: new Date().toISOString(),
        },
      },
    );
  } catch (error) {
    if (!ending.aborted) throw error;
  } finally {
    dynamodb.destroy();
    server.closeAllConnections();
    server.close();
  }
  return consumed / (MINUTE_MS / 1000) / (bench.capacity * bench.share);
}

async function main(): Promise<void> {
  for (const bench of CASES) {
    const kept = await measure(bench);
    const { capacity, share, itemBytes } = bench;
    const verdict = Math.abs(kept - 1) <= TOLERANCE ? 'kept' : 'NOT KEPT';
    console.log(
      `scan: ${share} of ${capacity} units a second, items of ${itemBytes} bytes: ${(kept * 100).toFixed(1)} % of it over a minute, ${verdict}`,
    );
    if (verdict !== 'kept') process.exitCode = 1;
  }
}

void main();
