import {
  type Job,
  field,
  type InputOf,
  joinFolder,
  joinLocation,
  parseS3Uri,
  askAthena,
  definePipeline,
  type Run,
  task,
} from 'sluice/workflow';

export interface ReviewsExportResult {
  /** The folder of the export that was converted. */
  export: string;
  /** The partition's folder: Parquet. */
  parquet: string;
  /** CSV with header. */
  numReviews: string;
  reviewsPerAuthor: string;
}

const DAY_MS = 86_400_000;
/** What the output has even if no item has it. */
const COLUMNS = { user: 'text', book: 'text', rating: 'integer', author: 'text', review: 'text' };

const INPUT = {
  lake: field.s3({ about: 'the bucket that the pipeline reads and writes', default: 's3://lake' }),
  tableName: field.text({ about: 'the DynamoDB table', default: 'Reviews' }),
  tableArn: field.text({ about: 'its ARN, where the table is not to be looked up by name', optional: true }),
  mode: field.choice(['point-in-time', 'scan'], {
    about: 'how it is exported: by DynamoDB, which needs point-in-time recovery, or by a scan',
    default: 'point-in-time',
  }),
  exportType: field.choice(['FULL_EXPORT', 'INCREMENTAL_EXPORT'], {
    about: 'of point-in-time: the whole table, or what has changed from exportFrom to exportTo',
    default: 'FULL_EXPORT',
  }),
  exportFrom: field.time({ about: 'default a day before exportTo', optional: true }),
  exportTo: field.time({ about: "default the run's scheduled or start time", optional: true }),
  exportTimeout: field.number({ most: 24 * 30, about: 'hours that the export may take', default: 1 }),
  maxConsumedReadThroughput: field.number({
    most: 1,
    about: "the share of the table's read capacity that a scan takes",
    default: 0.5,
  }),
  readCapacityUnits: field.number({
    about: 'of which it is the share, for an on-demand table that has no limit of its own; default 12000',
    optional: true,
  }),
  exportLocation: field.s3({
    about: "an export that is there already, instead of making one: today's format or that of 2018",
    optional: true,
  }),
  engine: field.choice(['duckdb', 'glue'], { about: 'where it is converted', default: 'duckdb' }),
  crawler: field.text({ about: 'the Glue crawler', default: 'sluice-reviews' }),
  database: field.text({ about: "the crawler's database", default: 'reviews' }),
  table: field.text({ about: 'the table that the crawler makes', default: 'reviews_parquet' }),
  timeZone: field.timeZone({ about: 'of the schedule', default: 'UTC' }),
};
type ReviewsExportInput = InputOf<typeof INPUT>;

/** Export the table, or take an export that is there; convert it to Parquet; crawl; ask Athena two questions. */
export const reviewsExport = definePipeline(
  {
    name: 'reviews-export',
    about:
      'Exports a DynamoDB table, converts it to Parquet, adds it to the catalog and asks two questions of it.',
    input: INPUT,
    findProblems: ({ mode, exportType, exportFrom, exportTo }) => [
      ...(mode === 'scan' && exportType === 'INCREMENTAL_EXPORT'
        ? ['exportType: a scan reads the whole table; give FULL_EXPORT, or mode point-in-time']
        : []),
      ...(exportType === 'FULL_EXPORT' && (exportFrom ?? exportTo) !== undefined
        ? ['exportFrom, exportTo: only of an incremental export; give exportType INCREMENTAL_EXPORT']
        : []),
    ],
    resources: ['dynamodb:exportTableToPointInTime', 'glue:startCrawler', 'athena:startQueryExecution'],
    schedule: { cron: '0 0 * * *', about: 'nightly, 00:00 of timeZone' },
  },
  async (run, input): Promise<ReviewsExportResult> => {
    const { lake, database, crawler, exportLocation } = input;
    const { payload } = await run.job(
      'find export',
      task('find-export', { location: exportLocation ?? (await exportTable(run, input)) }),
    );
    const { location, timestamp } = payload as { location: string; timestamp: string };
    const parquet = joinFolder(lake, 'reviews-export/parquet', `ddb_export_timestamp=${timestamp}`);
    await run.job('convert export', convert(input, location, parquet));
    await run.job('crawl', { resource: 'glue:startCrawler', parameters: { Name: crawler } });
    const from = `FROM "${input.table}" WHERE ddb_export_timestamp = '${timestamp}' AND author`;
    const ask = (name: string, sql: string) => (branch: Run) => {
      const to = joinLocation(lake, 'reviews-export/queries', `${name}.csv`);
      return askAthena(branch, name, { sql, database, to, step: `query ${name}` });
    };
    const answers = await run.parallel({
      numReviews: ask('num_reviews', `SELECT COUNT(author) AS num_reviews ${from} = 'J.K. Rowling'`),
      reviewsPerAuthor: ask(
        'reviews_per_author',
        `SELECT author, COUNT(*) AS num_reviews ${from} IS NOT NULL GROUP BY author ORDER BY author`,
      ),
    });
    return { export: location, parquet, ...answers };
  },
);

/** Makes an export in the lake and returns its folder. */
async function exportTable(run: Run, input: ReviewsExportInput): Promise<string> {
  const { tableName, maxConsumedReadThroughput, readCapacityUnits, exportType } = input;
  const exports = joinFolder(input.lake, 'reviews-export/export');
  const timeout = { timeout: `${input.exportTimeout} hours` };
  if (input.mode === 'scan') {
    const scan = { tableName, output: exports, maxConsumedReadThroughput, readCapacityUnits };
    return (await run.job('scan table', task('scan-table', scan), timeout)).output!;
  }
  const described =
    input.tableArn ?? (await run.job('describe table', task('describe-table', { tableName })));
  const TableArn =
    typeof described === 'string' ? described : (described.payload as { tableArn: string }).tableArn;
  const { bucket: S3Bucket, key } = parseS3Uri(exports)!;
  const ExportToTime = new Date(input.exportTo ?? run.since);
  const ExportFromTime = new Date(input.exportFrom ?? ExportToTime.getTime() - DAY_MS);
  const parameters = {
    ...{ TableArn, S3Bucket, S3Prefix: key.replace(/\/$/, ''), ExportFormat: 'DYNAMODB_JSON' as const },
    ExportType: exportType,
    ...(exportType === 'INCREMENTAL_EXPORT'
      ? { IncrementalExportSpecification: { ExportFromTime, ExportToTime } }
      : {}),
  };
  const job: Job = { resource: 'dynamodb:exportTableToPointInTime', parameters };
  const { externalId } = await run.job('export table', job, timeout);
  // An export's ARN ends in its id: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
  return joinFolder(exports, 'AWSDynamoDB', externalId.slice(externalId.lastIndexOf('/') + 1));
}

function convert({ engine, lake }: ReviewsExportInput, location: string, output: string): Job {
  if (engine === 'duckdb') return task('convert-export', { export: location, output, columns: COLUMNS });
  const columns = Object.entries(COLUMNS).map((column) => column.join(':'));
  const Arguments = {
    ...{ '--export': location, '--output': output, '--columns': columns.join(',') },
    // Not within the table's folder, where it would look like a partition.
    '--rows-to': joinLocation(lake, 'reviews-export/convert-rejected/_rows.json'),
  };
  return { resource: 'glue:startJobRun', parameters: { JobName: 'sluice-convert-export', Arguments } };
}
