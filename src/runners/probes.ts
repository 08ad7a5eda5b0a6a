import { AthenaClient, BatchGetQueryExecutionCommand } from '@aws-sdk/client-athena';
import { DescribeExportCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EMRClient, ListClustersCommand, ListStepsCommand } from '@aws-sdk/client-emr';
import { EMRServerlessClient, GetJobRunCommand } from '@aws-sdk/client-emr-serverless';
import { BatchGetCrawlersCommand, GetJobRunsCommand, GlueClient } from '@aws-sdk/client-glue';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { DescribeStatementCommand, RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import type { Resource } from '../jobs';
import { classifyError } from '../services/failures';

/** What each SDK client takes; by default the SDK's own rules for credentials, region and endpoint. */
interface ClientSettings {
  endpoint?: string;
  region?: string;
  credentials?: { accessKeyId: string; secretAccessKey: string };
  maxAttempts?: number;
}

/** Names of things that are not there: a service that lets us ask answers that it does not know them. */
const NAME = 'sluice-doctor';
const UUID = '00000000-0000-0000-0000-000000000000';
const CLUSTER = 'j-0000000000000';
const EXPORT = `arn:aws:dynamodb:us-east-1:000000000000:table/${NAME}/export/00000000000000-00000000`;

/**
 * For each resource, calls that change nothing and need the permissions of its policy in `docs/iam`. Submits have no such
 * call but Lambda's dry run, so their permission shows with the first job.
 */
const PROBES: Partial<Record<Resource, (settings: ClientSettings) => Promise<unknown>>> = {
  'glue:startJobRun': (settings) => new GlueClient(settings).send(new GetJobRunsCommand({ JobName: NAME })),
  'glue:startCrawler': (settings) =>
    new GlueClient(settings).send(new BatchGetCrawlersCommand({ CrawlerNames: [NAME] })),
  'athena:startQueryExecution': (settings) =>
    new AthenaClient(settings).send(new BatchGetQueryExecutionCommand({ QueryExecutionIds: [UUID] })),
  'elasticmapreduce:createCluster': (settings) => new EMRClient(settings).send(new ListClustersCommand({})),
  'elasticmapreduce:addStep': (settings) =>
    new EMRClient(settings).send(new ListStepsCommand({ ClusterId: CLUSTER })),
  'emr-serverless:startJobRun': (settings) =>
    new EMRServerlessClient(settings).send(
      new GetJobRunCommand({ applicationId: '00000000000000', jobRunId: '00000000000000' }),
    ),
  'redshiftdata:executeStatement': (settings) =>
    new RedshiftDataClient(settings).send(new DescribeStatementCommand({ Id: UUID })),
  'dynamodb:exportTableToPointInTime': (settings) =>
    new DynamoDBClient(settings).send(new DescribeExportCommand({ ExportArn: EXPORT })),
  'lambda:invoke': (settings) =>
    new LambdaClient(settings).send(new InvokeCommand({ FunctionName: NAME, InvocationType: 'DryRun' })),
};

/** The resources whose permissions can be looked at without starting anything. */
export const PROBED_RESOURCES = Object.keys(PROBES) as Resource[];

/**
 * Asks a resource's service for something that is not there. Resolves when the service lets us ask.
 * @throws SluiceError AccessDenied that names the missing permission, or what else is wrong (no region, no network)
 */
export async function probeResource(resource: Resource, settings: ClientSettings = {}): Promise<void> {
  try {
    await PROBES[resource]?.({ maxAttempts: 2, ...settings });
  } catch (error) {
    const failure = classifyError(error);
    // "There is no such thing", or "that is no id": whoever hears that was let in.
    if (failure.code !== 'InvalidJob' || /region/i.test(failure.message)) throw failure;
  }
}

/** The action that a denial names: `… is not authorized to perform: glue:GetJobRuns on resource …`. */
export function missingPermission(message: string): string | null {
  return /not authorized to perform: ([\w-]+:\w+)/.exec(message)?.[1] ?? null;
}
