import {
  DescribeExportCommand,
  type DynamoDBClient,
  ExportTableToPointInTimeCommand,
  ExportTableToPointInTimeInput$,
  ListExportsCommand,
  type ExportDescription,
  type ExportTableToPointInTimeInput,
  type ListExportsOutput,
} from '@aws-sdk/client-dynamodb';
import {
  SluiceError,
  type JobReference,
  SharedPoller,
  fitToSchema,
  consoleUrl,
  measuresOf,
  orUnknown,
  withCapacity,
  markerOf,
  succeeded,
  type JobState,
  type Runner,
  type SubmissionOf,
} from 'sluice';

interface ExportAnswer {
  ExportDescription?: ExportDescription | undefined;
}

/** The verbs of DynamoDB in use. */
export interface DynamodbExportPort {
  exportTableToPointInTime(input: ExportTableToPointInTimeInput): Promise<ExportAnswer>;
  describeExport(input: { ExportArn: string }): Promise<ExportAnswer>;
  /** One page. */
  listExports(input: { TableArn: string; NextToken?: string }): Promise<ListExportsOutput>;
  region(): Promise<string>;
}

/** DynamoDB through the SDK, by its default credential and endpoint rules. One attempt each: the activities retry. */
export function createDynamodbExportPort(client: DynamoDBClient): DynamodbExportPort {
  return {
    exportTableToPointInTime: (input) => client.send(new ExportTableToPointInTimeCommand(input)),
    describeExport: (input) => client.send(new DescribeExportCommand(input)),
    listExports: (input) => client.send(new ListExportsCommand(input)),
    region: () => client.config.region(),
  };
}

type Submission = SubmissionOf<'dynamodb:exportTableToPointInTime'>;

/** Exports that `find` looks at, newest first: a submit is retried within minutes. */
const FIND_EXPORTS = 50;

/**
 * `dynamodb:exportTableToPointInTime`. States:
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ExportDescription.html. The key is the client token,
 * which makes a repeated submit harmless. It is looked up all the same, as a cancelled run that asked by submitting once
 * more might start an export, and an export cannot be stopped.
 */
export class DynamodbExportRunner implements Runner<'dynamodb:exportTableToPointInTime'> {
  private readonly poller: SharedPoller<ExportDescription>;

  constructor(
    private readonly dynamodb: DynamodbExportPort,
    gapMs: number,
  ) {
    this.poller = new SharedPoller({
      service: 'dynamodb',
      size: 1,
      describe: async ([ExportArn]) => {
        const answer = await orUnknown(
          dynamodb.describeExport({ ExportArn: ExportArn! }),
          ({ name }) => name === 'ExportNotFoundException',
        );
        return new Map(answer?.ExportDescription ? [[ExportArn!, answer.ExportDescription]] : []);
      },
      gapMs,
      fullGapMs: gapMs / 5,
    });
  }

  async submit({ job: { parameters }, key }: Submission): Promise<JobReference> {
    const given = { ...parameters, ClientToken: markerOf(key) };
    const { ExportDescription } = await withCapacity(
      this.dynamodb.exportTableToPointInTime(
        fitToSchema(ExportTableToPointInTimeInput$, given) as ExportTableToPointInTimeInput,
      ),
      ({ name }) => name === 'LimitExceededException',
    );
    return this.reference(ExportDescription!, key);
  }

  async find({ job: { parameters }, key }: Submission, since: Date): Promise<JobReference | null> {
    const arns: string[] = [];
    let NextToken: string | undefined;
    do {
      const page = await this.dynamodb.listExports({
        TableArn: parameters.TableArn!,
        ...(NextToken ? { NextToken } : {}),
      });
      arns.push(...(page.ExportSummaries ?? []).map(({ ExportArn }) => ExportArn!));
      NextToken = page.NextToken;
    } while (NextToken);
    // An ARN ends with the export's id, which begins with its time.
    for (const ExportArn of arns.sort().reverse().slice(0, FIND_EXPORTS)) {
      const { ExportDescription: found } = await this.dynamodb.describeExport({ ExportArn });
      if (found?.ClientToken === markerOf(key)) return this.reference(found, key);
      if (found?.StartTime && found.StartTime.getTime() < since.getTime() - CLOCK_SKEW_MS) return null;
    }
    return null;
  }

  async poll(_: Submission, reference: JobReference, signal: AbortSignal): Promise<JobState> {
    const { externalId, submittedAt } = reference;
    const found = await this.poller.get(externalId, signal);
    const headline = `DynamoDB export ${externalId}`;
    if (found === undefined) return { state: 'lost', message: `${headline} is not known to DynamoDB` };
    const { ExportStatus = 'unknown', FailureCode, FailureMessage } = found;
    const { StartTime = new Date(submittedAt), EndTime = new Date() } = found;
    switch (ExportStatus) {
      case 'COMPLETED':
        return succeeded(reference, {
          output: folderOf(found),
          durationMs: EndTime.getTime() - StartTime.getTime(),
          measures: measuresOf({ BilledSizeBytes: found.BilledSizeBytes, ItemCount: found.ItemCount }),
        });
      case 'FAILED': {
        const reason = [FailureCode, FailureMessage].filter((text) => text).join(': ');
        return { state: 'failed', message: `${headline} is FAILED${reason ? `: ${reason}` : ''}` };
      }
      default:
        return { state: 'running', nativeState: ExportStatus };
    }
  }

  stop(_: Submission, { externalId }: JobReference): Promise<void> {
    const message = `DynamoDB has no way to stop an export; ${externalId} goes on until it ends, is billed, and writes its objects. Delete them afterwards if nobody needs them.`;
    return Promise.reject(new SluiceError('JobLeaked', message));
  }

  private async reference({ ExportArn, StartTime }: ExportDescription, key: string): Promise<JobReference> {
    return {
      resource: 'dynamodb:exportTableToPointInTime',
      externalId: ExportArn!,
      key,
      url: consoleUrl(await this.dynamodb.region(), 'dynamodbv2/home', 'exports'),
      submittedAt: (StartTime ?? new Date()).toISOString(),
    };
  }
}

/** How far the service's clock and ours may be apart. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** The folder with the manifests and the data, as s3://bucket/prefix/. */
function folderOf({ S3Bucket, ExportManifest }: ExportDescription): string | null {
  if (!S3Bucket || !ExportManifest) return null;
  return `s3://${S3Bucket}/${ExportManifest.slice(0, ExportManifest.lastIndexOf('/') + 1)}`;
}
