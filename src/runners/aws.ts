import { AthenaClient } from '@aws-sdk/client-athena';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EMRClient } from '@aws-sdk/client-emr';
import { EMRServerlessClient } from '@aws-sdk/client-emr-serverless';
import { GlueClient } from '@aws-sdk/client-glue';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import { AthenaRunner, createAthenaPort } from './athena';
import { createDynamodbExportPort, DynamodbExportRunner } from './dynamodbExport';
import { createEmrPort, createEmrRunners } from './emr';
import { createEmrServerlessPort, EmrServerlessRunner } from './emrServerless';
import { createGluePort, GlueRunner } from './glue';
import { createCrawlerPort, GlueCrawlerRunner } from './glueCrawler';
import { createLambdaPort, LAMBDA_REQUESTS, LambdaRunner } from './lambda';
import { createRedshiftDataPort, RedshiftDataRunner } from './redshiftData';
import type { Runners } from './runner';

/** One attempt each, since the activities retry; a call that is never answered must not hold up all polls of its service. */
const SETTINGS = {
  maxAttempts: 1,
  requestHandler: { connectionTimeout: 10_000, requestTimeout: 60_000, throwOnRequestTimeout: true },
};

/**
 * The runners of AWS services through the SDK, by its default credential and endpoint rules.
 * @param gapMs the pause between two polls of one service
 */
export function createAwsRunners(gapMs: number): Runners {
  const glue = new GlueClient(SETTINGS);
  const redshift = new RedshiftDataRunner(createRedshiftDataPort(new RedshiftDataClient(SETTINGS)), gapMs);
  const exports = createDynamodbExportPort(new DynamoDBClient(SETTINGS));
  const serverless = createEmrServerlessPort(new EMRServerlessClient(SETTINGS));
  const lambda = createLambdaPort(new LambdaClient({ maxAttempts: 1, requestHandler: LAMBDA_REQUESTS }));
  return {
    'glue:startJobRun': new GlueRunner(createGluePort(glue), gapMs),
    'glue:startCrawler': new GlueCrawlerRunner(createCrawlerPort(glue), gapMs),
    'athena:startQueryExecution': new AthenaRunner(createAthenaPort(new AthenaClient(SETTINGS)), gapMs),
    ...createEmrRunners(createEmrPort(new EMRClient(SETTINGS)), gapMs),
    'emr-serverless:startJobRun': new EmrServerlessRunner(serverless, gapMs),
    'redshiftdata:executeStatement': redshift,
    'redshiftdata:batchExecuteStatement': redshift,
    'dynamodb:exportTableToPointInTime': new DynamodbExportRunner(exports, gapMs),
    'lambda:invoke': new LambdaRunner(lambda),
  };
}
