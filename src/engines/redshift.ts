import { join } from 'node:path';
import { HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import type { JobParameters } from '../jobs';
import { parseS3Uri } from '../pipelines/location';
import { listKeys } from '../lake/lakeFiles';
import { splitStatements } from '../duckdb/tokens';
import type { SubmissionOf } from '../runners/runner';
import type { LocalEngine, LocalResult } from './inWorker';
import { REDSHIFT_SESSION } from './redshiftFunctions';
import { rewriteRedshift } from './redshiftSql';
import { openSession, putFile, type CatalogSession, type LocalLake } from './session';
import { namesIn, parseSql, quoteName, quoteText } from './sql';
import { parseUnload, plainQuotes, type Unload } from './unload';

const DEFAULT_SCHEMA = 'public';
/** The user metadata that tells whose an object is. */
const JOB = 'sluice-job';

/**
 * `redshiftdata:executeStatement` without AWS: a SELECT or an UNLOAD of one, in Redshift's dialect, on DuckDB over the
 * local catalog. A database of the catalog is the external schema with its name.
 */
export class LocalRedshift implements LocalEngine<'redshiftdata:executeStatement'> {
  private readonly s3: S3Client;

  constructor(private readonly lake: LocalLake) {
    this.s3 = lake.s3;
  }

  check({ Sql = '', Parameters }: JobParameters['redshiftdata:executeStatement']): Promise<void> {
    const sql = plainQuotes(Sql);
    const statements = splitStatements(sql).length;
    if (statements !== 1)
      throw new SluiceError(
        'InvalidJob',
        `Sql: has ${statements} statements; executeStatement takes one; batchExecuteStatement takes several`,
      );
    rewriteRedshift(parseUnload(sql)?.select ?? sql, Parameters);
    return Promise.resolve();
  }

  async run(
    { job: { parameters }, maxRows }: SubmissionOf<'redshiftdata:executeStatement'>,
    id: string,
    signal: AbortSignal,
  ): Promise<LocalResult> {
    const { Parameters } = parameters;
    const Sql = plainQuotes(parameters.Sql ?? '');
    const unload = parseUnload(Sql);
    const sql = rewriteRedshift(splitStatements(unload?.select ?? Sql)[0] ?? '', Parameters);
    if (unload) await this.checkTarget(unload, id, signal);
    const tables = await this.lake.catalog.listTables(namesIn(parseSql(sql)), signal);
    const query = { sql, tables, session: REDSHIFT_SESSION, database: DEFAULT_SCHEMA, signal };
    return openSession(this.lake, query, async (session) => {
      if (unload) {
        const { rowCount, engineMs } = await this.unload(session, unload, id, signal);
        const measures = measuresOf(session, rowCount, engineMs);
        return { output: unload.target, measures, ...(maxRows ? { rows: [] } : {}) };
      }
      const file = join(session.folder, 'result.parquet');
      const described = await session.describe();
      const columns = described.map(({ name }, i) => `c${i} AS ${quoteName(columnName(name))}`);
      const { rowCount, engineMs } = await session.run(`SELECT ${columns.join(', ')} FROM result`, {
        columns: columns.length,
        output: { file, format: 'parquet' },
      });
      const measures = measuresOf(session, rowCount, engineMs);
      const select = `SELECT * FROM read_parquet(${quoteText(file)})`;
      return { output: null, measures, ...(maxRows ? { rows: await session.read(select, maxRows) } : {}) };
    });
  }

  private async unload(session: CatalogSession, unload: Unload, id: string, signal: AbortSignal) {
    const file = join(session.folder, 'unloaded');
    const described = await session.describe();
    const columns = described.map(({ name, type }, i) => {
      // Redshift's text of a boolean.
      const isText = unload.format === 'csv' && type === 'BOOLEAN';
      const value = isText ? `CASE c${i} WHEN true THEN 't' WHEN false THEN 'f' END` : `c${i}`;
      return `${value} AS ${quoteName(columnName(name))}`;
    });
    const { format, options } = unload;
    const done = await session.run(`SELECT ${columns.join(', ')} FROM result`, {
      columns: columns.length,
      output: { file, format, options },
    });
    await putFile(this.s3, file, unload.target, signal, { [JOB]: id });
    return done;
  }

  /** What is there already stays unless ALLOWOVERWRITE says otherwise, but for what this job itself has written. */
  private async checkTarget(unload: Unload, id: string, signal: AbortSignal): Promise<void> {
    if (unload.allowOverwrite) return;
    const { bucket, key } = parseS3Uri(unload.target)!;
    const keys = await listKeys(this.s3, bucket, parseS3Uri(unload.prefix)!.key, signal);
    if (keys.length === 0) return;
    if (keys.length === 1 && keys[0] === key) {
      const { Metadata } = await this.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
      if (Metadata?.[JOB] === id) return;
    }
    throw new SluiceError(
      'JobFailed',
      `UNLOAD: s3://${bucket}/${keys[0]} is there already; take another prefix, remove it, or add ALLOWOVERWRITE`,
    );
  }
}

/** `redshiftdata:batchExecuteStatement` without AWS: its statements one after the other, up to the first that fails. */
export class LocalRedshiftBatch implements LocalEngine<'redshiftdata:batchExecuteStatement'> {
  private readonly one: LocalRedshift;

  constructor(lake: LocalLake) {
    this.one = new LocalRedshift(lake);
  }

  async check({ Sqls = [] }: JobParameters['redshiftdata:batchExecuteStatement']): Promise<void> {
    for (const Sql of Sqls) await this.one.check({ Sql });
  }

  /** Rows are those of the last statement that has some. */
  async run(
    { job, ...submission }: SubmissionOf<'redshiftdata:batchExecuteStatement'>,
    id: string,
    signal: AbortSignal,
  ): Promise<LocalResult> {
    const all: LocalResult = {
      output: null,
      measures: { DurationInMillis: 0, ResultRows: 0, rowsRead: 0, rowsWritten: 0 },
    };
    for (const [i, Sql] of (job.parameters.Sqls ?? []).entries()) {
      const statement = { resource: 'redshiftdata:executeStatement' as const, parameters: { Sql } };
      // As Redshift numbers them.
      const { output, measures, rows } = await this.one.run(
        { ...submission, job: statement },
        `${id}:${i + 1}`,
        signal,
      );
      all.output = output ?? all.output;
      for (const name of ['DurationInMillis', 'rowsRead', 'rowsWritten'])
        all.measures[name]! += measures[name]!;
      all.measures['ResultRows'] = measures['ResultRows']!;
      if (rows && (rows.length > 0 || !all.rows)) all.rows = rows;
    }
    return all;
  }
}

function measuresOf(session: CatalogSession, rowCount: number, engineMs: number) {
  return {
    DurationInMillis: engineMs,
    ResultRows: rowCount,
    rowsRead: session.rowsRead(),
    rowsWritten: rowCount,
  };
}

/** As Redshift names a column without a name: after its function. */
function columnName(name: string): string {
  if (/^\w+$/.test(name)) return name.toLowerCase();
  return /^(\w+?)(_star)?\(/.exec(name)?.[1]?.toLowerCase() ?? '?column?';
}
