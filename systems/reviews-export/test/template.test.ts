import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DescribeTableCommand, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { startTestDynamodb } from '../../../test/support/dynamodb';

const file = join(__dirname, '..', 'template.yaml');

let aws: Awaited<ReturnType<typeof startTestDynamodb>>;

beforeAll(async () => {
  aws = await startTestDynamodb();
}, 60_000);

afterAll(() => aws?.stop());

/** CloudFormation's query protocol, at moto's endpoint. */
async function cloudFormation(parameters: Record<string, string>): Promise<string> {
  const scope = `test/20260101/${aws.region}/cloudformation/aws4_request`;
  const response = await fetch(aws.endpoint, {
    method: 'POST',
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=none`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ Version: '2010-05-15', ...parameters }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text;
}

test('the stack is made and deleted; moto passes over Glue and subscriptions', async () => {
  const StackName = 'reviews-export';
  await cloudFormation({
    ...{ Action: 'CreateStack', StackName, TemplateBody: await readFile(file, 'utf8') },
    ...{ 'Capabilities.member.1': 'CAPABILITY_IAM' },
    'Parameters.member.1.ParameterKey': 'BucketName',
    'Parameters.member.1.ParameterValue': 'my-lake',
    'Parameters.member.2.ParameterKey': 'NotificationEmail',
    'Parameters.member.2.ParameterValue': 'ops@example.com',
  });
  const stack = await cloudFormation({ Action: 'DescribeStacks', StackName });
  expect(stack).toContain('CREATE_COMPLETE');
  expect(stack).toContain('s3://my-lake');
  const resources = await cloudFormation({ Action: 'DescribeStackResources', StackName });
  for (const name of ['Table', 'Lake', 'GlueRole', 'SuccessTopic', 'FailureTopic', 'WorkerPolicy'])
    expect(resources).toContain(`<LogicalResourceId>${name}</LogicalResourceId>`);
  const { Table } = await aws.dynamodb.send(new DescribeTableCommand({ TableName: 'Reviews' }));
  expect(Table!.KeySchema).toEqual([
    { AttributeName: 'User', KeyType: 'HASH' },
    { AttributeName: 'Book', KeyType: 'RANGE' },
  ]);

  await cloudFormation({ Action: 'DeleteStack', StackName });
  expect(await cloudFormation({ Action: 'ListStacks' })).toContain('DELETE_COMPLETE');
  expect((await aws.dynamodb.send(new ListTablesCommand({}))).TableNames).toEqual([]);
}, 60_000);

test('a bucket that is there is taken for the lake, and stays', async () => {
  const { endpoint, region, credentials } = aws;
  const s3 = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  try {
    await s3.send(new CreateBucketCommand({ Bucket: 'there-before' }));
    const StackName = 'beside';
    await cloudFormation({
      ...{ Action: 'CreateStack', StackName, TemplateBody: await readFile(file, 'utf8') },
      ...{ 'Capabilities.member.1': 'CAPABILITY_IAM' },
      'Parameters.member.1.ParameterKey': 'BucketName',
      'Parameters.member.1.ParameterValue': 'there-before',
      'Parameters.member.2.ParameterKey': 'CreateBucket',
      'Parameters.member.2.ParameterValue': 'false',
    });
    const stack = await cloudFormation({ Action: 'DescribeStacks', StackName });
    expect(stack).toContain('CREATE_COMPLETE');
    expect(stack).toContain('s3://there-before');
    const resources = await cloudFormation({ Action: 'DescribeStackResources', StackName });
    expect(resources).toContain('<LogicalResourceId>WorkerPolicy</LogicalResourceId>');
    expect(resources).not.toContain('<LogicalResourceId>Lake</LogicalResourceId>');
    await cloudFormation({ Action: 'DeleteStack', StackName });
    await s3.send(new HeadBucketCommand({ Bucket: 'there-before' }));
  } finally {
    s3.destroy();
  }
}, 60_000);
