import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
  BatchWriteItemCommand,
  CreateTableCommand,
  DynamoDBClient,
  type AttributeValue,
  type ScanCommandOutput,
  type ScalarAttributeType,
} from '@aws-sdk/client-dynamodb';
import { convertExport } from '../src/tasks/convertExport';
import { createDescribeTable } from '../src/tasks/describeTable';
import { findExport } from '../src/tasks/findExport';
import { createScanTable, scanTable } from '../src/tasks/scanTable';
import { generateReviews, loadReviews } from '../samples/loadReviews';
import { startMoto } from '../../../test/support/moto';
import { startTestS3 } from '../../../test/support/s3';
import { runTask, type TaskRun } from '../../../test/support/tasks';

type Item = Record<string, AttributeValue>;

let s3: Awaited<ReturnType<typeof startTestS3>>;
let dynamodb: DynamoDBClient;
/** The operations that the table has answered. */
let calls: string[] = [];

beforeAll(async () => {
  const [started, { endpoint, region, credentials }] = await Promise.all([startTestS3(), startMoto()]);
  s3 = started;
  dynamodb = new DynamoDBClient({ endpoint, region, credentials });
  dynamodb.middlewareStack.add(
    (next, context) => async (args) => {
      calls.push(context.commandName!);
      const answer = await next(args);
      // What it says of capacity is always the same; a real table counts what was read.
      const page = answer.output as unknown as ScanCommandOutput;
      if (page.ConsumedCapacity) page.ConsumedCapacity.CapacityUnits = 0.5 * page.ScannedCount!;
      return answer;
    },
    { step: 'finalizeRequest' },
  );
}, 60_000);

afterAll(async () => {
  dynamodb?.destroy();
  await s3?.stop();
});

beforeEach(() => (calls = []));

const REVIEWS = generateReviews(600, 7);

async function scan(tableName: string, run: Partial<TaskRun> = {}, partSize = { bytes: 1, ms: 1000 }) {
  // About two seconds, and several pages of each segment.
  const input = { tableName, output: 's3://lake/reviews-export/export/', readCapacityUnits: 300 };
  return runTask(
    createScanTable(() => dynamodb, partSize),
    input,
    { s3: s3.s3, ...run },
  );
}

/** The items of the files that the manifest names, in no order; each file is read as its manifest says. */
async function itemsOf(location: string): Promise<unknown[]> {
  const lake = join(s3.s3Dir, 'lake');
  const folder = join(lake, location.replace('s3://lake/', ''));
  const summary = JSON.parse(await readFile(join(folder, 'manifest-summary.json'), 'utf8')) as {
    itemCount: number;
    manifestFilesS3Key: string;
  };
  const manifest = await readFile(join(lake, summary.manifestFilesS3Key), 'utf8');
  const items: unknown[] = [];
  for (const line of manifest.trimEnd().split('\n')) {
    const { itemCount, dataFileS3Key } = JSON.parse(line) as { itemCount: number; dataFileS3Key: string };
    const text = gunzipSync(await readFile(join(lake, dataFileS3Key))).toString();
    const lines = text.trimEnd().split('\n');
    expect(lines).toHaveLength(itemCount);
    items.push(...lines.map((each) => (JSON.parse(each) as { Item: unknown }).Item));
  }
  expect(items).toHaveLength(summary.itemCount);
  return items;
}

const sorted = (items: unknown[]) =>
  items
    .map((item) => JSON.stringify(Object.entries(item as object).sort(([a], [b]) => (a < b ? -1 : 1))))
    .sort();

test('a scan writes every item once, in the format of an export that DynamoDB makes', async () => {
  await loadReviews(dynamodb, 'Reviews', REVIEWS);
  const { output, measures } = await scan('Reviews', { key: 'whole' });
  expect(output).toMatch(/^s3:\/\/lake\/reviews-export\/export\/AWSDynamoDB\/01772323200000-[0-9a-f]{8}\/$/);
  expect(sorted(await itemsOf(output!))).toEqual(sorted(REVIEWS));
  expect(measures).toMatchObject({ rowsRead: 600, rowsWritten: 600 });
  const found = await runTask(findExport, { location: output! }, { s3: s3.s3 });
  expect(found.payload).toEqual({ location: output, timestamp: '2026-03-01-00-00-00', itemCount: 600 });
  const converted = await runTask(
    convertExport,
    { export: output!, output: 's3://lake/out/' },
    { s3: s3.s3 },
  );
  expect(converted.measures).toMatchObject({ rowsRead: 600, rowsWritten: 600 });
}, 60_000);

test('a scan that dies anywhere goes on from where it was, and no item is there twice', async () => {
  await loadReviews(dynamodb, 'Reviews', REVIEWS);
  let kept: unknown = undefined;
  let runs = 0;
  for (let ended = false; !ended; runs++) {
    const dying = new AbortController();
    let parts = 0;
    const run = scan('Reviews', {
      key: 'dies',
      resumed: kept,
      signal: dying.signal,
      onKeep(value) {
        // The heartbeats since then are lost with every second death.
        if (runs % 2 === 0) kept = value;
        if (++parts === 3) dying.abort();
      },
    });
    ended = await run.then(
      () => true,
      () => false,
    );
    expect(runs).toBeLessThan(100);
  }
  expect(runs).toBeGreaterThan(2);
  calls = [];
  const again = await scan('Reviews', { key: 'dies' });
  // It was finished: nothing is read again.
  expect(calls).toEqual([]);
  expect(sorted(await itemsOf(again.output!))).toEqual(sorted(REVIEWS));
}, 60_000);

test('binary keys and every type come out as DynamoDB writes them', async () => {
  const definitions = (names: string[], AttributeType: ScalarAttributeType) =>
    names.map((AttributeName) => ({ AttributeName, AttributeType }));
  await dynamodb.send(
    new CreateTableCommand({
      TableName: 'Types',
      KeySchema: [
        { AttributeName: 'Id', KeyType: 'HASH' },
        { AttributeName: 'Key', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [...definitions(['Id'], 'S'), ...definitions(['Key'], 'B')],
      ProvisionedThroughput: { ReadCapacityUnits: 20, WriteCapacityUnits: 20 },
    }),
  );
  const item = (number: number): Item => ({
    Id: { S: 'one' },
    Key: { B: Buffer.from([0, 255, number]) },
    Long: { N: '9007199254740993' },
    Nil: { NULL: true },
    Binaries: { BS: [Buffer.from([1]), Buffer.from([2, 3])] },
    Nested: { M: { List: { L: [{ B: Buffer.from([9]) }, { BOOL: false }, { NS: ['1.5'] }] } } },
  });
  const items = Array.from({ length: 20 }, (_, number) => item(number));
  await dynamodb.send(
    new BatchWriteItemCommand({ RequestItems: { Types: items.map((Item) => ({ PutRequest: { Item } })) } }),
  );
  const { output } = await scan('Types', { key: 'types' });
  const expected = items.map((_, number) => ({
    Id: { S: 'one' },
    Key: { B: Buffer.from([0, 255, number]).toString('base64') },
    Long: { N: '9007199254740993' },
    Nil: { NULL: true },
    Binaries: { BS: ['AQ==', 'AgM='] },
    Nested: { M: { List: { L: [{ B: 'CQ==' }, { BOOL: false }, { NS: ['1.5'] }] } } },
  }));
  expect(sorted(await itemsOf(output!))).toEqual(sorted(expected));
}, 60_000);

test('a table that is not there, and wrong input, are told as such', async () => {
  await expect(scan('Nowhere', { key: 'nowhere' })).rejects.toMatchObject({
    code: 'InvalidJob',
    message: expect.stringContaining('no DynamoDB table Nowhere'),
  });
  const wrong = { tableName: '', output: 'lake', maxConsumedReadThroughput: 1.5 };
  await expect(runTask(scanTable, wrong, { s3: s3.s3 })).rejects.toMatchObject({ code: 'InvalidJob' });
  await expect(runTask(scanTable, { ...wrong, tableName: 'Reviews' }, { s3: s3.s3 })).rejects.toMatchObject({
    message: expect.stringMatching(
      /output: "lake"; give a folder[^]*maxConsumedReadThroughput: 1\.5; give a number above 0 and up to 1/,
    ),
  });
  const described = await runTask(
    createDescribeTable(() => dynamodb),
    { tableName: 'Reviews' },
    { s3: s3.s3 },
  );
  expect(described.payload).toEqual({
    tableArn: expect.stringMatching(/^arn:aws:dynamodb:.*table\/Reviews$/),
  });
});
