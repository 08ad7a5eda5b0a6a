import {
  BatchExecuteStatementCommand,
  BatchExecuteStatementInput$,
  CancelStatementCommand,
  DescribeStatementCommand,
  ExecuteStatementCommand,
  ExecuteStatementInput$,
  GetStatementResultCommand,
  ListStatementsCommand,
  type RedshiftDataClient,
  type BatchExecuteStatementInput,
  type DescribeStatementResponse,
  type ExecuteStatementInput,
  type Field,
  type GetStatementResultResponse,
  type ListStatementsResponse,
} from '@aws-sdk/client-redshift-data';
import { SluiceError } from '../../errors';
import type { JobReference } from '../../jobs';
import { SharedPoller } from '../../services/polling';
import { fitToSchema } from '../../services/schema';
import { consoleUrl, measuresOf, orUnknown, takeRows, toRow, withCapacity, type Row } from '../awsService';
import { markerOf, markName, succeeded } from '../references';
import type { JobState, Runner, SubmissionOf } from '../runner';

/** The verbs of the Redshift Data API in use. */
export interface RedshiftDataPort {
  executeStatement(input: ExecuteStatementInput): Promise<{ Id?: string | undefined }>;
  batchExecuteStatement(input: BatchExecuteStatementInput): Promise<{ Id?: string | undefined }>;
  describeStatement(input: { Id: string }): Promise<DescribeStatementResponse>;
  /** One page. */
  getStatementResult(input: { Id: string; NextToken?: string }): Promise<GetStatementResultResponse>;
  cancelStatement(input: { Id: string }): Promise<unknown>;
  /** One page of the statements of that name. */
  listStatements(input: { StatementName: string; NextToken?: string }): Promise<ListStatementsResponse>;
  region(): Promise<string>;
}

/** The Redshift Data API through the SDK, by its default rules. One attempt each: the activities retry. */
export function createRedshiftDataPort(client: RedshiftDataClient): RedshiftDataPort {
  return {
    executeStatement: (input) => client.send(new ExecuteStatementCommand(input)),
    batchExecuteStatement: (input) => client.send(new BatchExecuteStatementCommand(input)),
    describeStatement: (input) => client.send(new DescribeStatementCommand(input)),
    getStatementResult: (input) => client.send(new GetStatementResultCommand(input)),
    cancelStatement: (input) => client.send(new CancelStatementCommand(input)),
    listStatements: (input) => client.send(new ListStatementsCommand({ ...input, Status: 'ALL' })),
    region: () => client.config.region(),
  };
}

type RedshiftResource = 'redshiftdata:executeStatement' | 'redshiftdata:batchExecuteStatement';
type Submission = SubmissionOf<RedshiftResource>;

const NANOSECONDS_IN_MILLISECOND = 1e6;

/**
 * `redshiftdata:executeStatement` and `redshiftdata:batchExecuteStatement`. States:
 * https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_DescribeStatement.html. One statement a call: the API
 * has no call for several.
 */
export class RedshiftDataRunner implements Runner<RedshiftResource> {
  readonly takesToken = true;
  private readonly poller: SharedPoller<DescribeStatementResponse>;

  constructor(
    private readonly redshift: RedshiftDataPort,
    gapMs: number,
  ) {
    this.poller = new SharedPoller({
      service: 'redshiftdata',
      size: 1,
      describe: async ([Id]) => {
        const statement = await orUnknown(
          redshift.describeStatement({ Id: Id! }),
          ({ name }) => name === 'ResourceNotFoundException',
        );
        return new Map(statement ? [[Id!, statement]] : []);
      },
      gapMs,
      fullGapMs: gapMs / 20,
    });
  }

  async submit({ job, key, maxRows = 0 }: Submission): Promise<JobReference> {
    const { parameters } = job;
    if (maxRows > 0 && parameters.ResultFormat === 'CSV') {
      throw new SluiceError(
        'InvalidJob',
        `${job.resource}: ResultFormat CSV gives no rows; leave ResultFormat out, or set maxRows to 0`,
      );
    }
    const marker = markerOf(key);
    const StatementName = markName(parameters.StatementName, marker);
    const given = { ...parameters, StatementName, ClientToken: marker };
    const { Id } = await withCapacity(
      job.resource === 'redshiftdata:executeStatement'
        ? this.redshift.executeStatement(fitToSchema(ExecuteStatementInput$, given) as ExecuteStatementInput)
        : this.redshift.batchExecuteStatement(
            fitToSchema(BatchExecuteStatementInput$, given) as BatchExecuteStatementInput,
          ),
      ({ name }) =>
        name === 'ActiveStatementsExceededException' || name === 'ActiveSessionsExceededException',
    );
    return this.reference({ job, key }, Id!, new Date());
  }

  /** By the name of its statement: the API lists those of the caller's role, and names are all of one's own that it shows. */
  async find({ job, key }: Submission): Promise<JobReference | null> {
    const StatementName = markName(job.parameters.StatementName, markerOf(key));
    let NextToken: string | undefined;
    do {
      const page = await this.redshift.listStatements({
        StatementName,
        ...(NextToken ? { NextToken } : {}),
      });
      const found = page.Statements?.find((statement) => statement.StatementName === StatementName);
      if (found) return this.reference({ job, key }, found.Id!, found.CreatedAt ?? new Date());
      NextToken = page.NextToken;
    } while (NextToken);
    return null;
  }

  async poll(submission: Submission, reference: JobReference, signal: AbortSignal): Promise<JobState> {
    const statement = await this.poller.get(reference.externalId, signal);
    const headline = `Redshift statement ${reference.externalId}`;
    if (statement === undefined) {
      return {
        state: 'lost',
        message: `${headline} is not known to Redshift, which forgets statements after 24 hours. Look at what it did, then start again.`,
      };
    }
    const { Status = 'unknown', Error: error } = statement;
    const message = `${headline} is ${Status}${error ? `: ${error}` : ''}`;
    switch (Status) {
      case 'FINISHED':
        return this.succeeded(statement, submission, reference);
      case 'FAILED':
        return { state: 'failed', message };
      case 'ABORTED':
        return { state: 'stopped', message };
      default:
        return { state: 'running', nativeState: Status };
    }
  }

  private async reference(
    { job, key }: Pick<Submission, 'job' | 'key'>,
    externalId: string,
    submittedAt: Date,
  ): Promise<JobReference> {
    const { ClusterIdentifier } = job.parameters;
    const fragment = ClusterIdentifier
      ? `cluster-details?cluster=${ClusterIdentifier}`
      : 'serverless-dashboard';
    return {
      ...{ resource: job.resource, externalId, key },
      url: consoleUrl(await this.redshift.region(), 'redshiftv2/home', fragment),
      submittedAt: submittedAt.toISOString(),
    };
  }

  async stop(_: Submission, { externalId }: JobReference): Promise<void> {
    await this.redshift.cancelStatement({ Id: externalId });
  }

  private async succeeded(
    statement: DescribeStatementResponse,
    { maxRows = 0 }: Submission,
    reference: JobReference,
  ): Promise<JobState> {
    const { Duration = 0, ResultRows, ResultSize } = statement;
    const { CreatedAt = new Date(reference.submittedAt), UpdatedAt = new Date() } = statement;
    const statements = statement.SubStatements?.length ? statement.SubStatements : [statement];
    // Of others, ResultRows may be rows that they deleted.
    const reading = statements.filter(({ HasResultSet }) => HasResultSet);
    const counts = reading.map((each) => each.ResultRows ?? -1).filter((count) => count >= 0);
    // Of a batch, the last statement that returns rows.
    const withRows = reading.at(-1);
    return succeeded(reference, {
      durationMs: UpdatedAt.getTime() - CreatedAt.getTime(),
      measures: measuresOf({
        DurationInMillis: Duration / NANOSECONDS_IN_MILLISECOND,
        ResultRows,
        ResultSize,
        ...(counts.length > 0 ? { rowsWritten: counts.reduce((sum, count) => sum + count) } : {}),
      }),
      ...(maxRows > 0 ? { rows: withRows ? await takeRows(this.readRows(withRows.Id!), maxRows) : [] } : {}),
    });
  }

  private async *readRows(Id: string): AsyncGenerator<Row[]> {
    let NextToken: string | undefined;
    do {
      const page = await this.redshift.getStatementResult({ Id, ...(NextToken ? { NextToken } : {}) });
      const names = (page.ColumnMetadata ?? []).map(({ label, name }) => label ?? name ?? '');
      yield (page.Records ?? []).map((fields) => toRow(names, fields.map(readField)));
      NextToken = page.NextToken;
    } while (NextToken);
  }
}

/** A value with its own type; bytes as base64 text, and what the API sends as text (dates, decimals) as text. */
function readField(field: Field): unknown {
  if (field.isNull) return null;
  const [value] = Object.values(field) as unknown[];
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}
