import { EMRClient } from '@aws-sdk/client-emr';
import { GlueClient } from '@aws-sdk/client-glue';
import { AthenaRunner, createAthenaPort } from './athena';
import { createDynamodbExportPort, DynamodbExportRunner } from './dynamodbExport';
import { createEmrPort, createEmrRunners } from './emr';
import { createEmrServerlessPort, EmrServerlessRunner } from './emrServerless';
import { createGluePort, GlueRunner } from './glue';
import { createCrawlerPort, GlueCrawlerRunner } from './glueCrawler';
import { createLambdaPort, LambdaRunner } from './lambda';
import { createRedshiftDataPort, RedshiftDataRunner } from './redshiftData';
import type { Runners } from './runner';

/**
 * The runners of AWS services through the SDK, by its default credential and endpoint rules. One attempt a call: the
 * activities retry.
 * @param gapMs the pause between two polls of one service
 */
export function createAwsRunners(gapMs: number): Runners {
  const glue = new GlueClient({ maxAttempts: 1 });
  const redshift = new RedshiftDataRunner(createRedshiftDataPort(), gapMs);
  return {
    'glue:startJobRun': new GlueRunner(createGluePort(glue), gapMs),
    'glue:startCrawler': new GlueCrawlerRunner(createCrawlerPort(glue), gapMs),
    'athena:startQueryExecution': new AthenaRunner(createAthenaPort(), gapMs),
    ...createEmrRunners(createEmrPort(new EMRClient({ maxAttempts: 1 })), gapMs),
    'emr-serverless:startJobRun': new EmrServerlessRunner(createEmrServerlessPort(), gapMs),
    'redshiftdata:executeStatement': redshift,
    'redshiftdata:batchExecuteStatement': redshift,
    'dynamodb:exportTableToPointInTime': new DynamodbExportRunner(createDynamodbExportPort(), gapMs),
    'lambda:invoke': new LambdaRunner(createLambdaPort()),
  };
}
