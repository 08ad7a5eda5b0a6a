import {
  type AthenaClient,
  BatchGetQueryExecutionCommand,
  GetQueryResultsCommand,
  GetQueryRuntimeStatisticsCommand,
  StartQueryExecutionCommand,
  StopQueryExecutionCommand,
  type BatchGetQueryExecutionOutput,
  type GetQueryResultsInput,
  type GetQueryResultsOutput,
  type GetQueryRuntimeStatisticsOutput,
  type QueryExecution,
  type QueryRuntimeStatisticsRows,
  type StartQueryExecutionInput,
  type UnprocessedQueryExecutionId,
} from '@aws-sdk/client-athena';
import { setTimeout as wait } from 'node:timers/promises';
import { isRetryable, SluiceError } from '../../errors';
import type { JobReference } from '../../jobs';
import { classifyError } from '../../services/failures';
import { SharedPoller } from '../../services/polling';
import { consoleUrl, measuresOf, takeRows, toRow, withCapacity, type Row } from '../awsService';
import { markerOf, succeeded } from '../references';
import type { JobState, Runner, SubmissionOf } from '../runner';

/** The verbs of Athena in use. */
export interface AthenaPort {
  startQueryExecution(input: StartQueryExecutionInput): Promise<{ QueryExecutionId?: string | undefined }>;
  batchGetQueryExecution(input: { QueryExecutionIds: string[] }): Promise<BatchGetQueryExecutionOutput>;
  /** One page. */
  getQueryResults(input: GetQueryResultsInput): Promise<GetQueryResultsOutput>;
  getQueryRuntimeStatistics(input: { QueryExecutionId: string }): Promise<GetQueryRuntimeStatisticsOutput>;
  stopQueryExecution(input: { QueryExecutionId: string }): Promise<unknown>;
  region(): Promise<string>;
}

/** Athena through the SDK, by its default credential and endpoint rules. One attempt each: the activities retry. */
export function createAthenaPort(client: AthenaClient): AthenaPort {
  return {
    startQueryExecution: (input) => client.send(new StartQueryExecutionCommand(input)),
    batchGetQueryExecution: (input) => client.send(new BatchGetQueryExecutionCommand(input)),
    getQueryResults: (input) => client.send(new GetQueryResultsCommand(input)),
    getQueryRuntimeStatistics: (input) => client.send(new GetQueryRuntimeStatisticsCommand(input)),
    stopQueryExecution: (input) => client.send(new StopQueryExecutionCommand(input)),
    region: () => client.config.region(),
  };
}

type Submission = SubmissionOf<'athena:startQueryExecution'>;

/** Ids that BatchGetQueryExecution takes: https://docs.aws.amazon.com/athena/latest/APIReference/API_BatchGetQueryExecution.html */
const BATCH_SIZE = 50;
const MAX_PAGE_SIZE = 1000;

/**
 * Statements whose result is a count of the rows that they wrote:
 * https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html
 */
const WRITING = ['CREATE_TABLE_AS_SELECT', 'INSERT', 'UPDATE'];
/** How often the counts of a query's rows are asked for: they come a moment after its end, and of some queries never. */
const COUNT_ASKS = 4;

/**
 * `athena:startQueryExecution`. States:
 * https://docs.aws.amazon.com/athena/latest/APIReference/API_QueryExecutionStatus.html; a query may go back from RUNNING
 * to QUEUED. All queries of this worker are polled together.
 */
export class AthenaRunner implements Runner<'athena:startQueryExecution'> {
  readonly takesToken = true;
  private readonly poller: SharedPoller<QueryExecution | UnprocessedQueryExecutionId>;

  constructor(
    private readonly athena: AthenaPort,
    private readonly gapMs: number,
  ) {
    this.poller = new SharedPoller({
      service: 'athena',
      size: BATCH_SIZE,
      describe: (ids) => this.describe(ids),
      gapMs,
      fullGapMs: gapMs / 5,
    });
  }

  async submit({ job: { parameters }, key }: Submission): Promise<JobReference> {
    const { QueryExecutionId } = await withCapacity(
      this.athena.startQueryExecution({ ...parameters, ClientRequestToken: markerOf(key) }),
      ({ name, Reason }) =>
        name === 'TooManyRequestsException' && Reason === 'CONCURRENT_QUERY_LIMIT_EXCEEDED',
    );
    return {
      resource: 'athena:startQueryExecution',
      externalId: QueryExecutionId!,
      key,
      url: consoleUrl(await this.athena.region(), 'athena/home', `/query-editor/history/${QueryExecutionId}`),
      submittedAt: new Date().toISOString(),
    };
  }

  /**
   * Athena shows neither the token of a query nor tags: nothing tells one of our queries from another's with the same text. One
   * that nobody awaits ends by itself, at the time-out of Athena's quota at the latest.
   */
  find(): Promise<null> {
    return Promise.resolve(null);
  }

  async poll(submission: Submission, reference: JobReference, signal: AbortSignal): Promise<JobState> {
    const query = await this.poller.get(reference.externalId, signal);
    const headline = `Athena query ${reference.externalId}`;
    if (query === undefined) return { state: 'lost', message: `${headline} is not known to Athena` };
    if (!('Status' in query)) return toUnprocessedState(query, headline);
    const { State = 'unknown', StateChangeReason, AthenaError } = query.Status ?? {};
    const reason = StateChangeReason ?? AthenaError?.ErrorMessage;
    const message = `${headline} is ${State}${reason ? `: ${reason}` : ''}`;
    switch (State) {
      case 'SUCCEEDED':
        return this.succeeded(query, submission, reference);
      case 'FAILED':
        return {
          state: 'failed',
          message: `${message}\nQuery: ${reference.url}`,
          retryable: AthenaError?.Retryable ?? false,
        };
      case 'CANCELLED':
        return { state: 'stopped', message };
      default:
        return { state: 'running', nativeState: State };
    }
  }

  async stop(_: Submission, { externalId }: JobReference): Promise<void> {
    await this.athena.stopQueryExecution({ QueryExecutionId: externalId });
  }

  private async describe(ids: string[]): Promise<Map<string, QueryExecution | UnprocessedQueryExecutionId>> {
    const { QueryExecutions = [], UnprocessedQueryExecutionIds = [] } =
      await this.athena.batchGetQueryExecution({ QueryExecutionIds: ids });
    return new Map(
      [...QueryExecutions, ...UnprocessedQueryExecutionIds].map((entry) => [entry.QueryExecutionId!, entry]),
    );
  }

  private async succeeded(
    query: QueryExecution,
    { maxRows = 0 }: Submission,
    reference: JobReference,
  ): Promise<JobState> {
    const { SubmissionDateTime = new Date(reference.submittedAt), CompletionDateTime = new Date() } =
      query.Status ?? {};
    const state = succeeded(reference, {
      output: query.ResultConfiguration?.OutputLocation ?? null,
      durationMs: CompletionDateTime.getTime() - SubmissionDateTime.getTime(),
      measures: measuresOf(query.Statistics),
      ...(maxRows > 0 ? { rows: await takeRows(this.readRows(query, maxRows), maxRows) } : {}),
    });
    return { ...state, readCounts: (signal) => this.readCounts(query, signal) };
  }

  /**
   * The rows that a query read, and those that it wrote into a table or gave back. What Athena does not tell is left out: all of
   * DDL and of a result that it reused, what a filter of Lake Formation hides, and the rows of an UNLOAD.
   */
  private async readCounts(query: QueryExecution, signal: AbortSignal): Promise<Record<string, number>> {
    const { QueryExecutionId, StatementType, SubstatementType = '', Statistics } = query;
    const isWriting = WRITING.includes(SubstatementType);
    const isReused = Statistics?.ResultReuseInformation?.ReusedPreviousResult === true;
    if ((StatementType !== 'DML' && !isWriting) || isReused) return {};
    const { InputRows, OutputRows } = await this.readStatistics(QueryExecutionId!, signal);
    const { UpdateCount } = isWriting
      ? await this.athena.getQueryResults({ QueryExecutionId, MaxResults: 1 })
      : {};
    const rowsWritten = isWriting ? UpdateCount : SubstatementType === 'SELECT' ? OutputRows : undefined;
    return measuresOf({ rowsRead: InputRows, rowsWritten });
  }

  /** https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryRuntimeStatistics.html */
  private async readStatistics(
    QueryExecutionId: string,
    signal: AbortSignal,
  ): Promise<QueryRuntimeStatisticsRows> {
    for (let ask = 1, pauseMs = this.gapMs; ; ask++, pauseMs *= 2) {
      try {
        const { QueryRuntimeStatistics } = await this.athena.getQueryRuntimeStatistics({ QueryExecutionId });
        const { Rows } = QueryRuntimeStatistics ?? {};
        if (Rows !== undefined || ask === COUNT_ASKS) return Rows ?? {};
      } catch (error) {
        if (ask === COUNT_ASKS || !isRetryable(classifyError(error).code)) throw error;
      }
      await wait(pauseMs, undefined, { signal });
    }
  }

  /** Rows with every value as Athena sends it: text, or null. */
  private async *readRows(query: QueryExecution, maxRows: number): AsyncGenerator<Row[]> {
    let NextToken: string | undefined;
    let isFirst = true;
    do {
      const page = await this.athena.getQueryResults({
        QueryExecutionId: query.QueryExecutionId,
        // One more for the line of column names.
        MaxResults: Math.min(MAX_PAGE_SIZE, maxRows + 1),
        ...(NextToken ? { NextToken } : {}),
      });
      const names = (page.ResultSet?.ResultSetMetadata?.ColumnInfo ?? []).map(({ Name = '' }) => Name);
      const lines = (page.ResultSet?.Rows ?? []).map(({ Data = [] }) =>
        Data.map(({ VarCharValue }) => VarCharValue),
      );
      // The first line of a SELECT holds the names of its columns, that of a SHOW or DESCRIBE does not.
      const isHeader =
        isFirst && query.StatementType !== 'DDL' && names.every((name, i) => lines[0]?.[i] === name);
      yield (isHeader ? lines.slice(1) : lines).map((values) => toRow(names, values));
      isFirst = false;
      NextToken = page.NextToken;
    } while (NextToken);
  }
}

/** Athena may leave out a query of a batch for the moment, or because it has none of this id. */
function toUnprocessedState(
  { ErrorCode = '', ErrorMessage = '' }: UnprocessedQueryExecutionId,
  headline: string,
): JobState {
  const message = `${headline}: ${ErrorCode}: ${ErrorMessage}`;
  if (/throttl|too ?many|rate/i.test(ErrorCode))
    throw Object.assign(new Error(message), { name: 'ThrottlingException' });
  if (/internal|unavailable|timeout/i.test(ErrorCode)) throw new SluiceError('Transient', message);
  return { state: 'lost', message };
}
