import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DescribeTableCommand, DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { startMoto, type Moto } from '../../../test/support/moto';

const file = join(__dirname, '..', 'template.yaml');

let moto: Moto;
let dynamodb: DynamoDBClient;

beforeAll(async () => {
  moto = await startMoto();
  const { endpoint, region, credentials } = moto;
  dynamodb = new DynamoDBClient({ endpoint, region, credentials });
}, 60_000);

afterAll(() => dynamodb?.destroy());

test('the stack is made and deleted; moto passes over Glue and subscriptions', async () => {
  const StackName = 'reviews-export';
  await moto.cloudFormation('CreateStack', {
    ...{ StackName, TemplateBody: await readFile(file, 'utf8') },
    ...{ 'Capabilities.member.1': 'CAPABILITY_IAM' },
    'Parameters.member.1.ParameterKey': 'BucketName',
    'Parameters.member.1.ParameterValue': 'my-lake',
    'Parameters.member.2.ParameterKey': 'NotificationEmail',
    'Parameters.member.2.ParameterValue': 'ops@example.com',
  });
  const stack = await moto.cloudFormation('DescribeStacks', { StackName });
  expect(stack).toContain('CREATE_COMPLETE');
  expect(stack).toContain('s3://my-lake');
  const resources = await moto.cloudFormation('DescribeStackResources', { StackName });
  for (const name of ['Table', 'Lake', 'GlueRole', 'SuccessTopic', 'FailureTopic', 'WorkerPolicy'])
    expect(resources).toContain(`<LogicalResourceId>${name}</LogicalResourceId>`);
  const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: 'Reviews' }));
  expect(Table!.KeySchema).toEqual([
    { AttributeName: 'User', KeyType: 'HASH' },
    { AttributeName: 'Book', KeyType: 'RANGE' },
  ]);

  await moto.cloudFormation('DeleteStack', { StackName });
  expect(await moto.cloudFormation('ListStacks')).toContain('DELETE_COMPLETE');
  expect((await dynamodb.send(new ListTablesCommand({}))).TableNames).toEqual([]);
}, 60_000);

test('a bucket that is there is taken for the lake, and stays', async () => {
  const { endpoint, region, credentials } = moto;
  const s3 = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  try {
    await s3.send(new CreateBucketCommand({ Bucket: 'there-before' }));
    const StackName = 'beside';
    await moto.cloudFormation('CreateStack', {
      ...{ StackName, TemplateBody: await readFile(file, 'utf8') },
      ...{ 'Capabilities.member.1': 'CAPABILITY_IAM' },
      'Parameters.member.1.ParameterKey': 'BucketName',
      'Parameters.member.1.ParameterValue': 'there-before',
      'Parameters.member.2.ParameterKey': 'CreateBucket',
      'Parameters.member.2.ParameterValue': 'false',
    });
    const stack = await moto.cloudFormation('DescribeStacks', { StackName });
    expect(stack).toContain('CREATE_COMPLETE');
    expect(stack).toContain('s3://there-before');
    const resources = await moto.cloudFormation('DescribeStackResources', { StackName });
    expect(resources).toContain('<LogicalResourceId>WorkerPolicy</LogicalResourceId>');
    expect(resources).not.toContain('<LogicalResourceId>Lake</LogicalResourceId>');
    await moto.cloudFormation('DeleteStack', { StackName });
    await s3.send(new HeadBucketCommand({ Bucket: 'there-before' }));
  } finally {
    s3.destroy();
  }
}, 60_000);
