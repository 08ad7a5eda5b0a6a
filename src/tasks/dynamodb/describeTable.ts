import { DescribeTableCommand, type DynamoDBClient, type TableDescription } from '@aws-sdk/client-dynamodb';
import { SluiceError } from '../../errors';
import type { Task } from '../task';

/** `describe-table`: `{ tableName }`. Answers with `{ tableArn }`, which an export needs. */
export function createDescribeTable(dynamodb: DynamoDBClient): Task {
  return {
    check: (input) => void parseTableName('describe-table', input),
    async run(input, { signal }) {
      const table = await describeTable(dynamodb, parseTableName('describe-table', input), signal);
      return { payload: { tableArn: table.TableArn } };
    },
  };
}

/** @throws SluiceError InvalidJob when there is no such table */
export async function describeTable(
  dynamodb: DynamoDBClient,
  tableName: string,
  signal: AbortSignal,
): Promise<TableDescription> {
  try {
    const command = new DescribeTableCommand({ TableName: tableName });
    return (await dynamodb.send(command, { abortSignal: signal })).Table!;
  } catch (error) {
    if ((error as Error).name !== 'ResourceNotFoundException') throw error;
    throw new SluiceError(
      'InvalidJob',
      `There is no DynamoDB table ${tableName}; correct its name, or the region or account of the worker`,
      { cause: error },
    );
  }
}

export function parseTableName(task: string, { tableName }: Record<string, unknown>): string {
  if (typeof tableName === 'string' && tableName !== '') return tableName;
  throw new SluiceError(
    'InvalidJob',
    `${task}: tableName: ${JSON.stringify(tableName)}; give the table's name or ARN`,
  );
}
