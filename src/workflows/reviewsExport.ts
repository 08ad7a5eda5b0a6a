import type { Job } from '../jobs';
import { reviewsExportPipeline, type ReviewsExportInput } from '../pipelines';
import { joinFolder, joinLocation, parseS3Uri } from '../pipelines/location';
import { runPipeline, type Run, type RunOptions } from './steps';

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

/** Export the table, or take an export that is there; convert it to Parquet; crawl; ask Athena two questions. */
export function reviewsExport(
  given?: Partial<ReviewsExportInput>,
  options?: RunOptions,
): Promise<ReviewsExportResult | null> {
  return runPipeline<ReviewsExportInput, ReviewsExportResult>(
    reviewsExportPipeline,
    given,
    options,
    async (run, input) => {
      const jobs = jobsOf(input);
      const exported = input.exportLocation ?? (await exportTable(run, input));
      const { payload } = await run.job('find export', jobs.find(exported));
      const { location, timestamp } = payload as { location: string; timestamp: string };
      const parquet = joinFolder(input.lake, 'reviews-export/parquet', `ddb_export_timestamp=${timestamp}`);
      await run.job('convert export', jobs.convert(location, parquet));
      await run.job('crawl', { resource: 'glue:startCrawler', parameters: { Name: input.crawler } });
      const ask = async (branch: Run, name: string, sql: string) => {
        const { output } = await branch.job(`query ${name}`, jobs.query(sql));
        const to = joinLocation(input.lake, 'reviews-export/queries', `${name}.csv`);
        await branch.job(`copy ${name}`, task('copy-object', { from: output, to }));
        return to;
      };
      const table = `"${input.table}" WHERE ddb_export_timestamp = '${timestamp}' AND author`;
      const { numReviews, reviewsPerAuthor } = await run.parallel({
        numReviews: (branch) =>
          ask(branch, 'num_reviews', `SELECT COUNT(author) AS num_reviews FROM ${table} = 'J.K. Rowling'`),
        reviewsPerAuthor: (branch) =>
          ask(
            branch,
            'reviews_per_author',
            `SELECT author, COUNT(*) AS num_reviews FROM ${table} IS NOT NULL GROUP BY author ORDER BY author`,
          ),
      });
      return { export: location, parquet, numReviews, reviewsPerAuthor };
    },
  );
}

/** Makes an export in the lake and returns its folder. */
async function exportTable(run: Run, input: ReviewsExportInput): Promise<string> {
  const { tableName, maxConsumedReadThroughput, readCapacityUnits } = input;
  const exports = joinFolder(input.lake, 'reviews-export/export');
  const timeout = { timeout: `${input.exportTimeout} hours` };
  if (input.mode === 'scan') {
    const scan = { tableName, output: exports, maxConsumedReadThroughput, readCapacityUnits };
    return (await run.job('scan table', task('scan-table', scan), timeout)).output!;
  }
  const TableArn =
    input.tableArn ??
    ((await run.job('describe table', task('describe-table', { tableName }))).payload as { tableArn: string })
      .tableArn;
  const { bucket, key } = parseS3Uri(exports)!;
  const to = new Date(input.exportTo ?? run.since);
  const from = new Date(input.exportFrom ?? to.getTime() - DAY_MS);
  const { externalId } = await run.job(
    'export table',
    {
      resource: 'dynamodb:exportTableToPointInTime',
      parameters: {
        TableArn,
        S3Bucket: bucket,
        S3Prefix: key.replace(/\/$/, ''),
        ExportFormat: 'DYNAMODB_JSON',
        ExportType: input.exportType,
        ...(input.exportType === 'INCREMENTAL_EXPORT'
          ? { IncrementalExportSpecification: { ExportFromTime: from, ExportToTime: to } }
          : {}),
      },
    },
    timeout,
  );
  // An export's ARN ends in its id: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
  return joinFolder(exports, 'AWSDynamoDB', externalId.slice(externalId.lastIndexOf('/') + 1));
}

function task(name: string, input: Record<string, unknown>): Job {
  return { resource: 'worker:task', parameters: { task: name, input } };
}

function jobsOf({ lake, engine, database }: ReviewsExportInput) {
  return {
    find: (location: string): Job => task('find-export', { location }),
    convert: (location: string, output: string): Job =>
      engine === 'duckdb'
        ? task('convert-export', { export: location, output, columns: COLUMNS })
        : {
            resource: 'glue:startJobRun',
            parameters: {
              JobName: 'sluice-convert-export',
              Arguments: {
                '--export': location,
                '--output': output,
                '--columns': Object.entries(COLUMNS)
                  .map((column) => column.join(':'))
                  .join(','),
              },
            },
          },
    query: (sql: string): Job => ({
      resource: 'athena:startQueryExecution',
      parameters: {
        QueryString: sql,
        QueryExecutionContext: { Database: database },
        ResultConfiguration: { OutputLocation: joinFolder(lake, 'reviews-export/queries/athena') },
      },
    }),
  };
}
