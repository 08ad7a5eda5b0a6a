import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ensureAwsTestTools, freePort, Processes, startDynamodb } from '../../src/local';

/** A real DynamoDB API, moto's, without tables. Its other services answer at the same endpoint. */
export async function startTestDynamodb() {
  const logs = await mkdtemp(join(tmpdir(), 'sluice-test-dynamodb-'));
  const processes = new Processes();
  const { python } = await ensureAwsTestTools({ env: process.env, report: () => {} });
  const port = await freePort();
  const { endpoint } = await startDynamodb({ python, env: process.env, port, logs, processes });
  const region = 'us-east-1';
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test-secret' };
  const dynamodb = new DynamoDBClient({ endpoint, region, credentials });
  return {
    dynamodb,
    endpoint,
    region,
    credentials,
    python,
    async stop() {
      dynamodb.destroy();
      await processes.stop();
      await rm(logs, { recursive: true, force: true });
    },
  };
}
