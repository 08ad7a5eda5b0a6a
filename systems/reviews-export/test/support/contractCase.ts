import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamodbExportTableToPointInTime } from '../../src/runners/dynamodbExport';
import { createDynamodbExportPort, DynamodbExportRunner } from '../../src/runners/dynamodbExport/runner';
import { DynamodbExportDouble } from './exportDouble';
import type { ContractCase } from '../../../../test/contract/contractCase';

export const dynamodbExport: ContractCase = {
  definition: dynamodbExportTableToPointInTime,
  job: {
    resource: 'dynamodb:exportTableToPointInTime',
    parameters: { TableArn: 'arn:aws:dynamodb:eu-west-1:123456789012:table/leads', S3Bucket: 'lake' },
  },
  createDouble() {
    const double = new DynamodbExportDouble();
    return { double, control: double.control };
  },
  createRunner: (settings, gapMs) =>
    new DynamodbExportRunner(createDynamodbExportPort(new DynamoDBClient(settings)), gapMs),
  submit: 'ExportTableToPointInTime',
  poll: 'DescribeExport',
  states: {
    unknown: 'A_STATE_OF_TOMORROW',
    running: ['IN_PROGRESS'],
    succeeded: 'COMPLETED',
    failed: ['FAILED'],
  },
  stoppable: false,
  full: { type: 'LimitExceededException', message: 'too many exports at a time' },
};
