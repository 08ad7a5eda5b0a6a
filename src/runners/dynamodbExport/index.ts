import { createRequire } from 'node:module';
import type * as Sdk from '@aws-sdk/client-dynamodb';
import { AWS_CLIENT, PROBED_NAME } from '../awsClient';
import { defineRunner } from '../defineRunner';
import { sdkSchema } from '../sdkSchema';
import type * as Implementation from './runner';

declare module '../../jobs' {
  interface JobParameters {
    'dynamodb:exportTableToPointInTime': Sdk.ExportTableToPointInTimeCommandInput;
  }
}

const load = createRequire(__filename);
const sdk = () => load('@aws-sdk/client-dynamodb') as typeof Sdk;
const implementation = () => load('./runner') as typeof Implementation;

const EXPORT = `arn:aws:dynamodb:us-east-1:000000000000:table/${PROBED_NAME}/export/00000000000000-00000000`;

export const dynamodbExportTableToPointInTime = defineRunner({
  resource: 'dynamodb:exportTableToPointInTime',
  parameters: sdkSchema(() => sdk().ExportTableToPointInTimeInput$),
  engines: ['aws'],
  policy: 'dynamodb-exportTableToPointInTime.json',
  probe: (settings) =>
    new (sdk().DynamoDBClient)(settings).send(new (sdk().DescribeExportCommand)({ ExportArn: EXPORT })),
  create({ config }) {
    const { createDynamodbExportPort, DynamodbExportRunner } = implementation();
    const port = createDynamodbExportPort(new (sdk().DynamoDBClient)(AWS_CLIENT));
    return new DynamodbExportRunner(port, config.pollMinMs);
  },
});
