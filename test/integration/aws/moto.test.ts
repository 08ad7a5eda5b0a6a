/**
 * Runners against moto's server, which nobody here wrote, as far as it does what the services do. It does not know
 * Athena's BatchGetQueryExecution, keeps no client token, and tells Redshift's times in a form that the SDK refuses.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AthenaClient, GetQueryExecutionCommand } from '@aws-sdk/client-athena';
import {
  CreateTableCommand,
  DynamoDBClient,
  PutItemCommand,
  UpdateContinuousBackupsCommand,
} from '@aws-sdk/client-dynamodb';
import {
  CreateApplicationCommand,
  EMRServerlessClient,
  GetJobRunCommand,
} from '@aws-sdk/client-emr-serverless';
import { CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { AthenaRunner, createAthenaPort } from '../../../src/runners/athena/runner';
import {
  createDynamodbExportPort,
  DynamodbExportRunner,
} from '../../../systems/reviews-export/src/runners/dynamodbExport/runner';
import { createEmrServerlessPort, EmrServerlessRunner } from '../../../src/runners/emrServerless/runner';
import { createLambdaPort, LambdaRunner } from '../../../src/runners/lambda/runner';
import type { SubmissionOf } from '../../../src/runners/runner';
import { readCodecKeys } from '../../../src/setup/codecKeys';
import { startMoto, type Moto } from '../../support/moto';

const GAP_MS = 20;
let moto: Moto;
let settings: Pick<Moto, 'endpoint' | 'region' | 'credentials'>;

beforeAll(async () => {
  moto = await startMoto();
  const { endpoint, region, credentials } = moto;
  settings = { endpoint, region, credentials };
}, 300_000);

const signal: AbortSignal = new AbortController().signal;
const common = { key: 'a', run: 'run', step: 'load data' };
const ROLE = 'arn:aws:iam::123456789012:role/etl';

test('EMR Serverless: a job run is submitted with its tags and seen to its end', async () => {
  const client = new EMRServerlessClient(settings);
  const { applicationId } = await client.send(
    new CreateApplicationCommand({
      name: 'etl',
      type: 'SPARK',
      releaseLabel: 'emr-7.0.0',
      clientToken: 'etl',
    }),
  );
  const runner = new EmrServerlessRunner(createEmrServerlessPort(client), GAP_MS);
  const submission: SubmissionOf<'emr-serverless:startJobRun'> = {
    ...common,
    job: {
      resource: 'emr-serverless:startJobRun',
      parameters: {
        applicationId,
        executionRoleArn: ROLE,
        jobDriver: { sparkSubmit: { entryPoint: 's3://lake/load.py' } },
      },
    },
  };
  const reference = await runner.submit(submission);
  const { jobRun } = await client.send(
    new GetJobRunCommand({ applicationId, jobRunId: reference.externalId }),
  );
  expect(jobRun).toMatchObject({
    tags: { 'sluice:run': 'run', 'sluice:step': 'load data' },
    jobDriver: submission.job.parameters.jobDriver,
  });
  expect(await runner.poll(submission, reference, signal)).toMatchObject({
    state: 'succeeded',
    result: { externalId: reference.externalId, measures: { vCPUHour: 0 } },
  });
});

test('DynamoDB: a table is exported to its end, and an export into no bucket fails', async () => {
  const client = new DynamoDBClient(settings);
  const s3 = new S3Client({ ...settings, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: 'lake' }));
  const { TableDescription } = await client.send(
    new CreateTableCommand({
      TableName: 'leads',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
  await client.send(
    new UpdateContinuousBackupsCommand({
      TableName: 'leads',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    }),
  );
  await client.send(new PutItemCommand({ TableName: 'leads', Item: { id: { S: '1' } } }));
  const runner = new DynamodbExportRunner(createDynamodbExportPort(client), GAP_MS);
  const exportTo = async (S3Bucket: string) => {
    const submission: SubmissionOf<'dynamodb:exportTableToPointInTime'> = {
      ...common,
      job: {
        resource: 'dynamodb:exportTableToPointInTime',
        parameters: { TableArn: TableDescription!.TableArn, S3Bucket, S3Prefix: 'exports' },
      },
    };
    const reference = await runner.submit(submission);
    for (;;) {
      const polled = await runner.poll(submission, reference, signal);
      if (polled.state !== 'running') return polled;
    }
  };
  expect(await exportTo('lake')).toMatchObject({
    state: 'succeeded',
    result: { measures: { ItemCount: 1 } },
  });
  const { Contents } = await s3.send(
    new ListObjectsV2Command({ Bucket: 'lake', Prefix: 'exports/AWSDynamoDB/' }),
  );
  expect(Contents).toHaveLength(1);
  expect(await exportTo('nowhere')).toMatchObject({
    state: 'failed',
    message: expect.stringContaining('S3NoSuchBucket: The specified bucket does not exist'),
  });
});

test('Athena: a query is submitted, stopped, and asked for its rows', async () => {
  const client = new AthenaClient(settings);
  const runner = new AthenaRunner(createAthenaPort(client), GAP_MS);
  const submission: SubmissionOf<'athena:startQueryExecution'> = {
    ...common,
    job: {
      resource: 'athena:startQueryExecution',
      parameters: { QueryString: 'SELECT 1', ResultConfiguration: { OutputLocation: 's3://lake/athena/' } },
    },
  };
  const reference = await runner.submit(submission);
  await runner.stop(submission, reference);
  const { QueryExecution } = await client.send(
    new GetQueryExecutionCommand({ QueryExecutionId: reference.externalId }),
  );
  expect(QueryExecution).toMatchObject({ Query: 'SELECT 1', Status: { State: 'CANCELLED' } });
  const { externalId: QueryExecutionId } = reference;
  const { QueryRuntimeStatistics } = await createAthenaPort(client).getQueryRuntimeStatistics({
    QueryExecutionId,
  });
  // What moto says of all queries.
  expect(QueryRuntimeStatistics?.Rows).toMatchObject({ InputRows: 0, OutputRows: 2 });
});

test('Lambda: a function is looked at, invoked, and its answer is the payload', async () => {
  const client = new LambdaClient(settings);
  await moto.query('iam', '2010-05-08', {
    Action: 'CreateRole',
    RoleName: 'etl',
    AssumeRolePolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
      ],
    }),
  });
  // Without Docker, moto's function answers what it was given.
  const withoutDocker = JSON.stringify({ lambda: { use_docker: false } });
  await fetch(`${settings.endpoint}/moto-api/config`, { method: 'POST', body: withoutDocker });
  await client.send(
    new CreateFunctionCommand({
      FunctionName: 'load',
      Runtime: 'python3.12',
      Role: ROLE,
      Handler: 'load.main',
      Code: { ZipFile: emptyZip() },
    }),
  );
  const runner = new LambdaRunner(createLambdaPort(client));
  const submission: SubmissionOf<'lambda:invoke'> = {
    ...common,
    job: { resource: 'lambda:invoke', parameters: { FunctionName: 'load', Payload: { day: 'monday' } } },
  };
  const reference = await runner.submit(submission);
  expect(
    await runner.poll(submission, reference, signal, { resumed: undefined, keep: () => {} }),
  ).toMatchObject({
    state: 'succeeded',
    result: { payload: { day: 'monday' } },
  });
});

/** A zip archive without entries. */
function emptyZip(): Buffer {
  return Buffer.from([0x50, 0x4b, 0x05, 0x06, ...Array<number>(18).fill(0)]);
}

test('KMS: a data key of the payload codec is decrypted, and one of another key is told', async () => {
  const { KeyMetadata } = (await moto.call('kms', 'TrentService.CreateKey', {})) as {
    KeyMetadata: { KeyId: string };
  };
  const { CiphertextBlob } = await moto.call('kms', 'TrentService.GenerateDataKeyWithoutPlaintext', {
    KeyId: KeyMetadata.KeyId,
    KeySpec: 'AES_256',
  });
  const folder = await mkdtemp(join(tmpdir(), 'sluice-kms-'));
  const file = join(folder, 'keys');
  const environment = { ...process.env };
  const { accessKeyId, secretAccessKey } = moto.credentials;
  Object.assign(process.env, {
    ...{ AWS_ENDPOINT_URL_KMS: moto.endpoint, AWS_REGION: moto.region },
    ...{ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
  });
  try {
    await writeFile(file, `2026 kms ${CiphertextBlob as string}\n`);
    expect((await readCodecKeys(file)).get('2026')).toHaveLength(32);
    await writeFile(file, `2026 kms ${Buffer.alloc(60).toString('base64')}\n`);
    await expect(readCodecKeys(file)).rejects.toThrow(/KMS did not decrypt the key 2026/);
  } finally {
    process.env = environment;
    await rm(folder, { recursive: true });
  }
});
