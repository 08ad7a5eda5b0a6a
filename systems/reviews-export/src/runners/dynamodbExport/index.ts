import {
  DescribeExportCommand,
  DynamoDBClient,
  ExportTableToPointInTimeInput$,
  type ExportTableToPointInTimeCommandInput,
} from '@aws-sdk/client-dynamodb';
import { AWS_CLIENT, defineRunner, PROBED_NAME, sdkSchema } from 'sluice';
import { createDynamodbExportPort, DynamodbExportRunner } from './runner';

declare module 'sluice' {
  interface JobParameters {
    'dynamodb:exportTableToPointInTime': ExportTableToPointInTimeCommandInput;
  }
}

const EXPORT = `arn:aws:dynamodb:us-east-1:000000000000:table/${PROBED_NAME}/export/00000000000000-00000000`;

/** `dynamodb:exportTableToPointInTime`; on AWS alone. */
export const dynamodbExportTableToPointInTime = defineRunner({
  resource: 'dynamodb:exportTableToPointInTime',
  parameters: sdkSchema(() => ExportTableToPointInTimeInput$),
  engines: ['aws'],
  policy: 'systems/reviews-export/iam/dynamodb-exportTableToPointInTime.json',
  probe: (settings) => new DynamoDBClient(settings).send(new DescribeExportCommand({ ExportArn: EXPORT })),
  create: ({ config }) =>
    new DynamodbExportRunner(createDynamodbExportPort(new DynamoDBClient(AWS_CLIENT)), config.pollMinMs),
});
