import { reviewsExport } from '../src/pipelines/reviewsExport';
import { dynamodbExportTableToPointInTime } from '../src/runners/dynamodbExport';
import { useRecordedJobs } from '../../../test/support/recordedJobs';

const TABLE = 'arn:aws:dynamodb:eu-central-1:123456789012:table/Reviews';
const EXPORT = `${TABLE}/export/01531436400000-abcdef01`;
const LOCATION = 's3://my-lake/reviews-export/export/AWSDynamoDB/01531436400000-abcdef01/';

const { jobs, run: runPipeline } = useRecordedJobs(
  reviewsExport,
  {
    'describe table': { payload: { tableArn: TABLE } },
    'export table': { externalId: EXPORT },
    'find export': { payload: { location: LOCATION, timestamp: '2018-07-12-23-00-00' } },
    'query num_reviews': { output: 's3://my-lake/reviews-export/queries/athena/1.csv' },
    'query reviews_per_author': { output: 's3://my-lake/reviews-export/queries/athena/2.csv' },
  },
  [dynamodbExportTableToPointInTime],
);

beforeEach(() => {
  for (const step of Object.keys(jobs)) delete jobs[step];
});

const run = (workflowId: string, input: object) =>
  runPipeline(workflowId, { lake: 's3://my-lake', ...input }, { since: '2026-03-02T00:00:00.000Z' });

test('a full export by DynamoDB is converted on Glue, crawled and queried', async () => {
  const parquet = 's3://my-lake/reviews-export/parquet/ddb_export_timestamp=2018-07-12-23-00-00/';
  expect(await run('full', { engine: 'glue' })).toEqual({
    export: LOCATION,
    parquet,
    numReviews: 's3://my-lake/reviews-export/queries/num_reviews.csv',
    reviewsPerAuthor: 's3://my-lake/reviews-export/queries/reviews_per_author.csv',
  });
  expect(jobs['export table']!.parameters).toEqual({
    ...{ TableArn: TABLE, S3Bucket: 'my-lake', S3Prefix: 'reviews-export/export' },
    ...{ ExportFormat: 'DYNAMODB_JSON', ExportType: 'FULL_EXPORT' },
  });
  expect(jobs['find export']!.parameters).toMatchObject({ input: { location: LOCATION } });
  expect(jobs['convert export']!.parameters).toEqual({
    JobName: 'sluice-convert-export',
    Arguments: {
      ...{ '--export': LOCATION, '--output': parquet },
      '--columns': 'user:text,book:text,rating:integer,author:text,review:text',
      '--rows-to': 's3://my-lake/reviews-export/convert-rejected/_rows.json',
    },
  });
  expect(jobs['crawl']!.parameters).toEqual({ Name: 'sluice-reviews' });
  expect(jobs['query num_reviews']!.parameters).toMatchObject({
    QueryString: `SELECT COUNT(author) AS num_reviews FROM "reviews_parquet" WHERE ddb_export_timestamp = '2018-07-12-23-00-00' AND author = 'J.K. Rowling'`,
    QueryExecutionContext: { Database: 'reviews' },
  });
  expect(jobs['copy reviews_per_author']!.parameters).toMatchObject({
    input: {
      from: 's3://my-lake/reviews-export/queries/athena/2.csv',
      to: 's3://my-lake/reviews-export/queries/reviews_per_author.csv',
    },
  });
}, 60_000);

test('an incremental export takes the day before the run, or the times that are given', async () => {
  const incremental = { exportType: 'INCREMENTAL_EXPORT', tableArn: TABLE };
  await run('by-default', incremental);
  expect(Object.keys(jobs)).not.toContain('describe table');
  expect(jobs['export table']!.parameters).toMatchObject({
    ExportType: 'INCREMENTAL_EXPORT',
    IncrementalExportSpecification: {
      ExportFromTime: '2026-03-01T00:00:00.000Z',
      ExportToTime: '2026-03-02T00:00:00.000Z',
    },
  });
  await run('given', {
    ...incremental,
    ...{ exportFrom: '2026-02-01T00:00:00+01:00', exportTo: '2026-02-01T12:00:00Z' },
  });
  expect(jobs['export table']!.parameters).toMatchObject({
    IncrementalExportSpecification: {
      ExportFromTime: '2026-01-31T23:00:00.000Z',
      ExportToTime: '2026-02-01T12:00:00.000Z',
    },
  });
}, 60_000);

test('an export that is there already is not made anew', async () => {
  await run('there', { exportLocation: 's3://elsewhere/old/' });
  expect(Object.keys(jobs).sort()).toEqual([
    'convert export',
    'copy num_reviews',
    'copy reviews_per_author',
    'crawl',
    'find export',
    'query num_reviews',
    'query reviews_per_author',
  ]);
  expect(jobs['find export']!.parameters).toMatchObject({ input: { location: 's3://elsewhere/old/' } });
  expect(jobs['convert export']!.parameters).toMatchObject({ task: 'convert-export' });
}, 60_000);
