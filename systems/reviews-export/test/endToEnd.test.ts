import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Client, Connection } from '@temporalio/client';
import { generateReviews, loadReviews } from '../samples/loadReviews';
import { motoService, startStack, type Stack } from '../../../src/local';
import { sluice } from '../../../test/support/cli';
import { describeWithRealData, realData } from '../../../test/support/data';
import { isLong } from '../../../test/support/long';
import { projectFile, projectOf } from '../../../test/support/project';
import { killWorker, STARTED, WorkerProcesses } from '../../../test/support/workerProcesses';
import { portOffset } from '../../../test/support/portOffset';

const PORT_OFFSET = portOffset();
/** At how many steps a worker is killed. */
const KILLS = isLong ? Infinity : 1;

let folder: string;
let stack: Stack;
let env: NodeJS.ProcessEnv;
let lake: string;
let dynamodb: DynamoDBClient;
const workers = new WorkerProcesses(projectFile('reviews-export'));
/** The worker that goes on from one test to the next. */
let serving: Awaited<ReturnType<typeof workers.start>> | undefined;
const serve = async () => {
  serving ??= await workers.start(env);
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-e2e-'));
  stack = await startStack({
    ...{ dir: folder, portOffset: PORT_OFFSET, report: () => {} },
    ...{ spark: true, worker: false, webhook: false },
    ...projectOf('reviews-export', [motoService({ name: 'dynamodb', port: 8000, services: ['DYNAMODB'] })]),
  });
  env = { ...stack.info.env };
  lake = join(folder, 's3', 'lake');
  const { region, accessKeyId, secretAccessKey } = stack.info.s3;
  dynamodb = new DynamoDBClient({
    endpoint: env['AWS_ENDPOINT_URL_DYNAMODB']!,
    region,
    credentials: { accessKeyId, secretAccessKey },
  });
}, 300_000);

afterAll(async () => {
  workers.killAll();
  dynamodb?.destroy();
  await stack?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

const start = (id: string, parameters: string[], wait: string[] = ['--wait']) =>
  sluice(
    ['start', 'reviews-export', '--id', id, ...wait, '--json', ...parameters.flatMap((p) => ['-p', p])],
    { env },
  );

const answer = (name: string) => readFile(join(lake, 'reviews-export', 'queries', `${name}.csv`), 'utf8');

/** CSV with every field in quotes, as Athena writes it. */
const csv = (rows: (string | number)[][]) =>
  rows.map((row) => `${row.map((field) => `"${field}"`).join(',')}\n`).join('');

/** How many reviews each author has, counted from the items themselves. */
function countByAuthor(authors: (string | undefined)[]): string {
  const counts = new Map<string, number>();
  for (const author of authors) if (author !== undefined) counts.set(author, (counts.get(author) ?? 0) + 1);
  const rows = [...counts].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return csv([['author', 'num_reviews'], ...rows]);
}

const REVIEWS = generateReviews(600, 3);

test('a run whose worker is killed at step after step is finished by others, with nothing exported twice', async () => {
  await loadReviews(dynamodb, 'Reviews', REVIEWS);
  const connection = await Connection.connect({ address: stack.info.temporal.address });
  const handle = new Client({ connection }).workflow.getHandle('killed');
  try {
    serving?.kill('SIGKILL');
    serving = undefined;
    let worker = await workers.start(env);
    const started = await start('killed', ['mode=scan', 'readCapacityUnits=20'], []);
    expect(started).toMatchObject({ code: 0, stderr: '' });
    const killedAt = new Set<string>();
    for (;;) {
      const { status, raw } = await handle.describe();
      if (status.name !== 'RUNNING') break;
      const working = (raw.pendingActivities ?? []).filter(
        ({ state, activityType }) => Number(state) === STARTED && activityType?.name === 'awaitJob',
      );
      const fresh = working.filter(({ activityId }) => !killedAt.has(activityId!));
      if (fresh.length === 0 || killedAt.size >= KILLS) {
        // Temporal has no event for a started activity.
        await sleep(50);
        continue;
      }
      for (const { activityId } of working) killedAt.add(activityId!);
      await killWorker(worker, [handle]);
      worker = await workers.start(env);
    }
    expect((await handle.describe()).status.name).toBe('COMPLETED');
    // Of scan, find, convert, crawl, two queries and two copies, the short ones may end between two looks.
    expect(killedAt.size).toBeGreaterThanOrEqual(isLong ? 3 : KILLS);
    serving = worker;
  } finally {
    await connection.close();
  }
  const exports = await readdir(join(lake, 'reviews-export', 'export', 'AWSDynamoDB'));
  expect(exports).toHaveLength(1);
  const own = join(lake, 'reviews-export', 'export', 'AWSDynamoDB', exports[0]!);
  const manifest = (await readFile(join(own, 'manifest-files.json'), 'utf8')).trimEnd().split('\n');
  const keys: string[] = [];
  for (const line of manifest) {
    const { dataFileS3Key } = JSON.parse(line) as { dataFileS3Key: string };
    const lines = gunzipSync(await readFile(join(lake, dataFileS3Key)))
      .toString()
      .trimEnd()
      .split('\n');
    const items = lines.map((each) => (JSON.parse(each) as { Item: (typeof REVIEWS)[0] }).Item);
    keys.push(...items.map((item) => `${item['User']!.S}/${item['Book']!.S}`));
  }
  expect(keys.sort()).toEqual(REVIEWS.map((item) => `${item['User']!.S}/${item['Book']!.S}`).sort());
  const names = await readdir(join(lake, 'reviews-export', 'parquet'));
  // What was published is listed beside each partition.
  const partitions = names.filter((name) => !name.startsWith('_'));
  expect(partitions).toEqual([expect.stringMatching(/^ddb_export_timestamp=\d{4}(-\d\d){5}$/)]);
  expect(await readdir(join(lake, 'reviews-export', 'parquet', partitions[0]!))).toEqual([
    '_SUCCESS',
    'part-00000.snappy.parquet',
  ]);
  expect(await answer('num_reviews')).toBe(csv([['num_reviews'], [2]]));
  expect(await answer('reviews_per_author')).toBe(countByAuthor(REVIEWS.map((item) => item['Author']?.S)));
}, 420_000);

test('a table that is not there fails the run, and says so', async () => {
  await serve();
  const ended = await start('nowhere', ['mode=scan', 'tableName=Nowhere']);
  expect(ended.code).toBe(1);
  expect(JSON.parse(ended.stdout)).toMatchObject({
    state: 'failed',
    failure: { code: 'InvalidJob', step: 'scan table', message: expect.stringContaining('Nowhere') },
  });
  const refused = await start('refused', ['maxConsumedReadThroughput=1.5', 'exportTimeout=soon']);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('maxConsumedReadThroughput: 1.5; give a number above 0 and up to 1');
  expect(refused.stderr).toContain('exportTimeout: \\"soon\\"; give a number above 0');
}, 60_000);

describeWithRealData('on the sample table', () => {
  test.each([
    ['duckdb', 'dynamodb-reviews/export-to-s3/AWSDynamoDB/01531436400000-146698ca/'],
    ['glue', 'dynamodb-reviews/datapipeline/2018-07-12-23-00-00/'],
  ])(
    'an export that is there already is converted on %s, queried, and its answers are those of the items',
    async (engine, key) => {
      await serve();
      await cp(join(realData, key), join(lake, key), { recursive: true });
      const ended = await start(`real-${engine}`, [
        ...[`exportLocation=s3://lake/${key}`, 'lake=s3://lake', `engine=${engine}`],
      ]);
      expect(ended.stderr).toBe('');
      expect(JSON.parse(ended.stdout)).toMatchObject({
        state: 'completed',
        result: {
          export: `s3://lake/${key}`,
          parquet: 's3://lake/reviews-export/parquet/ddb_export_timestamp=2018-07-12-23-00-00/',
        },
      });
      expect(await answer('num_reviews')).toBe(csv([['num_reviews'], [2]]));
      // Another way to the same counts: the authors as they stand in the text of the other format.
      const lines = await readFile(
        join(
          realData,
          'dynamodb-reviews/datapipeline/2018-07-12-23-00-00/a7495666-63c7-4c1a-a21a-077af5f34504',
        ),
        'utf8',
      );
      const others = await readFile(
        join(
          realData,
          'dynamodb-reviews/datapipeline/2018-07-12-23-00-00/f931a05a-d833-427a-b4ea-b94e73d4ba33',
        ),
        'utf8',
      );
      const authors = [...(lines + others).matchAll(/"Author":\{"s":("(?:[^"\\]|\\.)*")\}/g)].map(
        ([, author]) => JSON.parse(author!) as string,
      );
      expect(await answer('reviews_per_author')).toBe(countByAuthor(authors));
    },
    180_000,
  );
});
