/**
 * The templates in moto's CloudFormation, which makes what it knows of and passes over the rest: connections, API
 * destinations, subscriptions, policies of topics and queues, and the notifications of a bucket.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { ListTopicsCommand, SNSClient } from '@aws-sdk/client-sns';
import { startMoto, type Moto } from '../../support/moto';

const INSTALL_TIMEOUT_MS = 600_000;
let moto: Moto;
let s3: S3Client;
let sns: SNSClient;

beforeAll(async () => {
  moto = await startMoto();
  const { endpoint, region, credentials } = moto;
  s3 = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  sns = new SNSClient({ endpoint, region, credentials });
}, INSTALL_TIMEOUT_MS);

afterAll(() => {
  s3?.destroy();
  sns?.destroy();
});

const DESTINATION = 'arn:aws:events:us-east-1:123456789012:api-destination/webhook/1';
const read = (template: string) =>
  readFileSync(join(__dirname, '..', '..', '..', 'templates', `${template}.yaml`), 'utf8');

async function createStack(template: string, values: Record<string, string>): Promise<string> {
  const parameters = Object.entries(values).flatMap(([name, value], i) => [
    [`Parameters.member.${i + 1}.ParameterKey`, name],
    [`Parameters.member.${i + 1}.ParameterValue`, value],
  ]);
  await moto.cloudFormation('CreateStack', {
    ...{ StackName: template, 'Capabilities.member.1': 'CAPABILITY_IAM' },
    // moto does not know the ARN of what it passes over.
    TemplateBody: read(template).replaceAll('!GetAtt Destination.Arn', DESTINATION),
    ...(Object.fromEntries(parameters) as Record<string, string>),
  });
  return moto.cloudFormation('DescribeStacks', { StackName: template });
}

async function deleteStack(StackName: string): Promise<string> {
  await moto.cloudFormation('DeleteStack', { StackName });
  return moto.cloudFormation('ListStacks');
}

const WebhookUrl = 'https://sluice.example.com/events';

test('the stack for EventBridge is made and deleted; the bucket stays', async () => {
  const values = { BucketName: 'by-eventbridge', CreateBucket: 'true', Prefix: 'sales/', WebhookUrl };
  const stack = await createStack('arrivals-eventbridge', {
    ...values,
    WebhookSecret: 'a-secret-of-some-length',
  });
  expect(stack).toContain('CREATE_COMPLETE');
  const { Rules } = (await moto.call('events', 'AWSEvents.ListRules', {})) as {
    Rules: { Name: string; EventPattern: string }[];
  };
  expect(Rules.map(({ EventPattern }) => JSON.parse(EventPattern) as unknown)).toEqual([
    {
      source: ['aws.s3'],
      'detail-type': ['Object Created'],
      detail: { bucket: { name: ['by-eventbridge'] }, object: { key: [{ prefix: 'sales/' }] } },
    },
  ]);
  const { Targets } = (await moto.call('events', 'AWSEvents.ListTargetsByRule', {
    Rule: Rules[0]!.Name,
  })) as {
    Targets: { Id: string; DeadLetterConfig: { Arn: string } }[];
  };
  expect(Targets).toMatchObject([
    { Id: 'webhook', Arn: DESTINATION, DeadLetterConfig: { Arn: expect.stringContaining('DeadLetters') } },
  ]);

  expect(await deleteStack('arrivals-eventbridge')).toContain('DELETE_COMPLETE');
  expect(await moto.call('events', 'AWSEvents.ListRules', {})).toMatchObject({ Rules: [] });
  await s3.send(new HeadBucketCommand({ Bucket: 'by-eventbridge' }));
});

test('the stack for SNS is made and deleted', async () => {
  const stack = await createStack('arrivals-sns', { BucketName: 'by-sns', CreateBucket: 'true', WebhookUrl });
  expect(stack).toContain('CREATE_COMPLETE');
  const TopicArn = 'arn:aws:sns:us-east-1:123456789012:sluice-arrivals';
  expect(stack).toContain(TopicArn);
  await s3.send(new HeadBucketCommand({ Bucket: 'by-sns' }));
  expect((await sns.send(new ListTopicsCommand({}))).Topics).toEqual([{ TopicArn }]);

  expect(await deleteStack('arrivals-sns')).toContain('DELETE_COMPLETE');
  expect((await sns.send(new ListTopicsCommand({}))).Topics ?? []).toEqual([]);
});
