import { mkdir, readFile, rm } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import type { JobReference } from '../jobs';
import { joinFolder } from '../pipelines/location';
import { publishCases } from '../lake/badCases';
import { checkBucket, checkOutputApart, parseFolder, publishOutput, stageInput } from '../lake/lakeFiles';
import { addCure } from './cures';
import { inputFolderOf } from './inputs';
import type { QueryProcesses } from './queryProcesses';
import { makeStagingFolder } from './stagingFolders';
import { succeeded, workerReference } from '../runners/references';
import type { JobState, Progress, Runner, SubmissionOf } from '../runners/runner';

const DEFAULT_ROWS = 100;
const MAX_ROWS = 1000;

/**
 * `duckdb:query`, run beside the worker in a process of its own. Nothing is submitted anywhere: the first poll does the work, so a worker that
 * dies leaves nothing behind and the next one starts afresh. That is safe to repeat, since the output is computed aside
 * and published whole. Inputs and output go through S3 on a laptop as in the cloud.
 */
export class DuckdbRunner implements Runner<'duckdb:query'> {
  readonly worksInPoll = true;

  /** @param jobsFolders where a `script` is looked for, in this order */
  constructor(
    private readonly s3: S3Client,
    private readonly jobsFolders: readonly string[],
    private readonly processes: QueryProcesses,
  ) {}

  async submit({ job: { parameters }, key }: SubmissionOf<'duckdb:query'>): Promise<JobReference> {
    this.processes.warm();
    await this.checkOutput(parameters);
    await this.readSql(parameters);
    return workerReference('duckdb:query', key);
  }

  find(): Promise<null> {
    return Promise.resolve(null);
  }

  async poll(
    { job: { parameters } }: SubmissionOf<'duckdb:query'>,
    reference: JobReference,
    signal: AbortSignal,
    progress: Progress,
  ): Promise<JobState> {
    const startedAt = Date.now();
    const folder = await makeStagingFolder();
    try {
      const variables: Record<string, string | string[]> = { ...parameters.arguments };
      const names: Record<string, string> = {};
      for (const [name, input] of Object.entries(parameters.inputs ?? {})) {
        const inputFolder = join(folder, inputFolderOf(name));
        await mkdir(inputFolder);
        const staged = await stageInput(this.s3, input, inputFolder, signal);
        for (const { path, uri } of staged) names[path] = uri;
        variables[name] = staged.map(({ path }) => path);
      }
      const { output } = parameters;
      const file = output && join(folder, `output.${output.format}`);
      const query = await this.processes.run({
        sql: await this.readSql(parameters),
        variables,
        names,
        signal,
        tempFolder: folder,
        onProgress: (percent) => progress.report?.({ percent }),
        ...(file ? { output: { file, format: output.format } } : {}),
        maxRows: Math.min(parameters.maxRows ?? DEFAULT_ROWS, MAX_ROWS),
      });
      const location = output ? joinFolder(output.location) : null;
      if (file) {
        const name = output.format === 'parquet' ? 'part-00000.snappy.parquet' : 'part-00000.csv';
        const { readsCsv, cases } = query.account;
        if (readsCsv || cases.length > 0) await publishCases(this.s3, cases, output.location, signal);
        await publishOutput(this.s3, file, output.location, name, signal);
      }
      return succeeded(reference, {
        output: location,
        durationMs: Date.now() - startedAt,
        measures: {
          rowsRead: query.account.read,
          rowsRejected: query.account.rejected,
          valuesUnread: query.account.unread,
          rowsWritten: query.rowCount,
          engineMs: query.engineMs,
        },
        ...(query.rows ? { rows: query.rows } : {}),
      });
    } catch (error) {
      if (
        error instanceof SluiceError &&
        (error.code === 'BadData' ||
          error.code === 'ObjectGone' ||
          error.code === 'InvalidJob' ||
          error.code === 'JobFailed')
      ) {
        const names = Object.keys({ ...parameters.inputs, ...parameters.arguments });
        return { state: 'failed', message: addCure(error.message, names), code: error.code };
      }
      throw error;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** The query ends with the await that runs it: an await is cancelled before its job is stopped. */
  async stop(): Promise<void> {}

  /** @throws SluiceError InvalidJob, InvalidInput: the format of a job from outside may be any text */
  private async checkOutput({
    output,
    inputs,
  }: SubmissionOf<'duckdb:query'>['job']['parameters']): Promise<void> {
    if (!output) return;
    const { bucket } = parseFolder(output.location);
    if (!['csv', 'parquet'].includes(output.format))
      throw new SluiceError('InvalidJob', `output.format: "${output.format}"; give csv or parquet`);
    checkOutputApart(output.location, Object.values(inputs ?? {}));
    await checkBucket(this.s3, bucket);
  }

  private async readSql({ sql, script }: SubmissionOf<'duckdb:query'>['job']['parameters']): Promise<string> {
    if (sql !== undefined) return sql;
    if (script === undefined) throw new SluiceError('InvalidJob', 'duckdb:query: needs either sql or script');
    const path = normalize(script);
    if (path.startsWith('..') || path.startsWith('/'))
      throw new SluiceError('InvalidJob', `script: ${script} leaves the folder of jobs`);
    for (const folder of this.jobsFolders) {
      try {
        return await readFile(join(folder, path), 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    throw new SluiceError('InvalidJob', `script: ${script} is not in ${this.jobsFolders.join(', ')}`);
  }
}
