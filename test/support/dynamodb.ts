import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ensureAwsTestTools, freePort, Processes } from '../../src/local';
import { isListening } from '../../src/local/ports';

/** A real DynamoDB API, moto's, without tables. Its other services answer at the same endpoint. */
export async function startTestDynamodb() {
  const logs = await mkdtemp(join(tmpdir(), 'sluice-test-dynamodb-'));
  const processes = new Processes();
  const { python } = await ensureAwsTestTools({ env: process.env, report: () => {} });
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  await processes.start({
    name: 'dynamodb',
    command: python,
    args: ['-m', 'moto.server', '--host', '127.0.0.1', '--port', String(port)],
    env: process.env,
    logs,
    ready: { check: () => isListening(port) },
    readyTimeoutMs: 60_000,
  });
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
