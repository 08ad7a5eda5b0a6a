import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import type { JobParameters } from '../jobs';
import { joinFolder, joinLocation, parseS3Uri } from '../pipelines/location';
import { splitStatements } from '../duckdb/tokens';
import type { SubmissionOf } from '../runners/runner';
import { runTableStatement } from './athenaTables';
import type { Catalog } from './catalog';
import type { LocalEngine, LocalResult } from './inWorker';
import { openSession, putFile } from './session';
import { namesIn, parseSql, quoteName, quoteText } from './sql';
import { rewriteTrino, TRINO_SESSION } from './trino';
import { toAthenaText } from './types';

const DEFAULT_DATABASE = 'default';

/**
 * `athena:startQueryExecution` without AWS: the same Trino SQL on DuckDB over the local catalog, its result a CSV file in
 * Athena's own format, `<OutputLocation>/<query id>.csv`. Statements about tables change the catalog.
 */
export class LocalAthena implements LocalEngine<'athena:startQueryExecution'> {
  constructor(
    private readonly s3: S3Client,
    private readonly catalog: Catalog,
    private readonly lake: string,
  ) {}

  check(parameters: JobParameters['athena:startQueryExecution']): Promise<void> {
    const { QueryString = '', ResultConfiguration, ExecutionParameters } = parameters;
    const statements = splitStatements(QueryString).length;
    if (statements !== 1)
      throw new SluiceError('InvalidJob', `QueryString: has ${statements} statements; Athena takes one`);
    const location = ResultConfiguration?.OutputLocation;
    if (location !== undefined && parseS3Uri(location) === null)
      throw new SluiceError('InvalidJob', `ResultConfiguration.OutputLocation: ${location} is no S3 URI`);
    rewriteTrino(QueryString, ExecutionParameters);
    return Promise.resolve();
  }

  async run(
    { job: { parameters }, maxRows }: SubmissionOf<'athena:startQueryExecution'>,
    id: string,
    signal: AbortSignal,
  ): Promise<LocalResult> {
    const { QueryString = '', QueryExecutionContext, ResultConfiguration, ExecutionParameters } = parameters;
    const database = QueryExecutionContext?.Database ?? DEFAULT_DATABASE;
    const startedAt = Date.now();
    if (await runTableStatement(this.catalog, QueryString, database, signal)) {
      const measures = { DataScannedInBytes: 0, EngineExecutionTimeInMillis: Date.now() - startedAt };
      return { output: null, measures, ...(maxRows ? { rows: [] } : {}) };
    }
    const [statement] = splitStatements(QueryString);
    const sql = rewriteTrino(statement!, ExecutionParameters);
    // DuckDB names a column without a name after its expression, which no name in the query is.
    const named = namesIn(parseSql(QueryString));
    const output = joinLocation(
      ResultConfiguration?.OutputLocation ?? joinFolder(this.lake, '.athena'),
      `${id}.csv`,
    );
    return openSession(this.catalog, { sql, session: TRINO_SESSION, database, signal }, async (session) => {
      const texts = session.columns.map(({ name, type }, i) => {
        const header =
          named.has(name.toLowerCase()) || session.tableColumns.has(name.toLowerCase()) ? name : `_col${i}`;
        return `${toAthenaText(type, `c${i}`)} AS ${quoteName(header)}`;
      });
      const file = join(session.folder, 'result.csv');
      const { engineMs } = await session.run(`SELECT ${texts.join(', ')} FROM result`, {
        output: { file, format: 'csv', options: "FORMAT csv, HEADER true, NULLSTR '', FORCE_QUOTE *" },
      });
      await putFile(this.s3, file, output, signal);
      const measures = {
        DataScannedInBytes: session.scannedBytes,
        EngineExecutionTimeInMillis: engineMs,
      };
      return {
        output,
        measures,
        ...(maxRows ? { rows: await session.read(readResult(file), maxRows) } : {}),
      };
    });
  }
}

function readResult(file: string): string {
  return `SELECT * FROM read_csv(${quoteText(file)}, header = true, all_varchar = true, delim = ',', quote = '"', escape = '"', allow_quoted_nulls = false)`;
}
