import { DescribeTableCommand, DynamoDBClient, type TableDescription } from '@aws-sdk/client-dynamodb';
import { SluiceError, field, defineTask } from 'sluice';

/** The tasks' own client: they read for hours, so it tries again where a job's client would leave that to the activity. */
let client: DynamoDBClient | undefined;
export function connectDynamodb(): DynamoDBClient {
  return (client ??= new DynamoDBClient({ maxAttempts: 10 }));
}

/** Answers `{ tableArn }`, which an export needs. */
export function createDescribeTable(connect: () => DynamoDBClient) {
  return defineTask(
    {
      name: 'describe-table',
      about: 'Looks up a DynamoDB table.',
      input: { tableName: field.text({ about: "the table's name or ARN" }) },
    },
    async ({ tableName }, { signal }) => {
      const table = await readTable(connect(), tableName, signal);
      return { payload: { tableArn: table.TableArn } };
    },
  );
}

export const describeTable = createDescribeTable(connectDynamodb);

/** @throws SluiceError InvalidJob when there is no such table */
export async function readTable(
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
