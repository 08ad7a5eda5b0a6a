import { randomUUID } from 'node:crypto';
import { ServiceFault, type ServiceDouble } from './double';

interface Query {
  QueryExecutionId: string;
  token: string;
  text: string;
  state: string;
  submitted: Date;
  completed?: Date;
  reason?: string;
  error?: { Retryable: boolean; ErrorMessage: string; ErrorCategory: number };
}

const ENDED = ['SUCCEEDED', 'FAILED', 'CANCELLED'];

/** Athena's queries. */
export class AthenaDouble implements ServiceDouble {
  readonly service = 'athena';
  readonly queries = new Map<string, Query>();
  /** Ids that BatchGetQueryExecution leaves out, with the code it gives for it. */
  readonly unprocessed = new Map<string, string>();
  /** What GetQueryResults answers: the lines, the names of the columns first for a SELECT. */
  results: { names: string[]; lines: (string | null)[][]; statementType: 'DML' | 'DDL' | 'UTILITY' } = {
    names: ['day', 'leads'],
    lines: [
      ['day', 'leads'],
      ['monday', '3'],
    ],
    statementType: 'DML',
  };
  /** What GetQueryRuntimeStatistics answers, one an ask; the last goes on. Undefined: only the times are known yet. */
  rows: ({ InputRows: number; OutputRows: number } | undefined)[] = [{ InputRows: 20, OutputRows: 1 }];
  /** The kind of all queries, and how many rows they wrote where they did. */
  substatementType = 'SELECT';
  updateCount = 0;
  isReused = false;
  /** How many lines a page of GetQueryResults has at most. */
  pageSize = 1000;
  /** The sizes of the batches that were asked for. */
  readonly batches: number[] = [];

  readonly handlers = {
    StartQueryExecution: (input: { QueryString: string; ClientRequestToken?: string }) => {
      const { QueryString: text, ClientRequestToken: token = randomUUID() } = input;
      const earlier = [...this.queries.values()].find((query) => query.token === token);
      if (earlier && earlier.text !== text)
        throw new ServiceFault('InvalidRequestException', 'Idempotent parameters do not match');
      if (earlier) return { QueryExecutionId: earlier.QueryExecutionId };
      const QueryExecutionId = randomUUID();
      this.queries.set(QueryExecutionId, {
        QueryExecutionId,
        token,
        text,
        state: 'QUEUED',
        submitted: new Date(),
      });
      return { QueryExecutionId };
    },
    BatchGetQueryExecution: ({ QueryExecutionIds }: { QueryExecutionIds: string[] }) => {
      this.batches.push(QueryExecutionIds.length);
      const isShown = (id: string) => this.queries.has(id) && !this.unprocessed.has(id);
      return {
        QueryExecutions: QueryExecutionIds.filter(isShown).map((id) => this.seen(this.queries.get(id)!)),
        UnprocessedQueryExecutionIds: QueryExecutionIds.filter((id) => !isShown(id)).map(
          (QueryExecutionId) => ({
            QueryExecutionId,
            ErrorCode: this.unprocessed.get(QueryExecutionId) ?? 'INVALID_QUERY_EXECUTION_ID',
            ErrorMessage: `QueryExecution ${QueryExecutionId} was not processed`,
          }),
        ),
      };
    },
    GetQueryRuntimeStatistics: ({ QueryExecutionId }: { QueryExecutionId: string }) => {
      if (!this.queries.has(QueryExecutionId))
        throw new ServiceFault('InvalidRequestException', `${QueryExecutionId} was not found`);
      const Rows = this.rows.length > 1 ? this.rows.shift() : this.rows[0];
      const Timeline = { TotalExecutionTimeInMillis: 150 };
      return { QueryRuntimeStatistics: { Timeline, ...(Rows ? { Rows } : {}) } };
    },
    GetQueryResults: (input: { QueryExecutionId: string; NextToken?: string; MaxResults?: number }) => {
      const { names, lines } = this.results;
      const at = Number(input.NextToken ?? 0);
      const end = at + Math.min(this.pageSize, input.MaxResults ?? 1000);
      return {
        UpdateCount: this.updateCount,
        ResultSet: {
          Rows: lines.slice(at, end).map((line) => ({
            Data: line.map((text) => (text === null ? {} : { VarCharValue: text })),
          })),
          ResultSetMetadata: { ColumnInfo: names.map((Name) => ({ Name, Type: 'varchar' })) },
        },
        ...(end < lines.length ? { NextToken: String(end) } : {}),
      };
    },
    StopQueryExecution: ({ QueryExecutionId }: { QueryExecutionId: string }) => {
      const query = this.queries.get(QueryExecutionId);
      if (!query) throw new ServiceFault('InvalidRequestException', `${QueryExecutionId} was not found`);
      if (!ENDED.includes(query.state)) query.state = 'STOPPING';
      return {};
    },
  };

  readonly control = {
    started: () => this.queries.size,
    running: () => [...this.queries.values()].filter(({ state }) => !ENDED.includes(state)).length,
    move: (state: string) => this.end([...this.queries.values()].at(-1)!, state),
    forget: () => this.queries.clear(),
  };

  end(query: Query, state: string): void {
    query.state = state;
    if (ENDED.includes(state)) query.completed = new Date();
    if (state === 'FAILED') query.reason = 'the service says: no such column';
  }

  /** A query that was asked to stop is seen as before once. */
  private seen(query: Query) {
    const { QueryExecutionId, text, submitted, completed, reason, error } = query;
    const state = query.state === 'STOPPING' ? 'RUNNING' : query.state;
    if (query.state === 'STOPPING') this.end(query, 'CANCELLED');
    return {
      QueryExecutionId,
      Query: text,
      StatementType: this.results.statementType,
      SubstatementType: this.substatementType,
      ResultConfiguration: { OutputLocation: `s3://lake/athena/${QueryExecutionId}.csv` },
      Status: {
        State: state,
        SubmissionDateTime: submitted,
        ...(completed ? { CompletionDateTime: completed } : {}),
        ...(reason ? { StateChangeReason: reason } : {}),
        ...(error ? { AthenaError: error } : {}),
      },
      Statistics: {
        DataScannedInBytes: 4096,
        EngineExecutionTimeInMillis: 120,
        QueryQueueTimeInMillis: 30,
        DataManifestLocation: 's3://lake/athena/manifest.csv',
        ResultReuseInformation: { ReusedPreviousResult: this.isReused },
      },
    };
  }
}
