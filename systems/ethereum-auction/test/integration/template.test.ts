import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startMoto, type Moto } from '../../../../test/support/moto';
import { createTable } from '../../src/pipelines/_athenaQueries';

const file = join(__dirname, '..', '..', 'template.yaml');
let stacks = 0;
let moto: Moto;

beforeAll(async () => {
  moto = await startMoto();
}, 300_000);

const valuesOf = (xml: string, tag: string) =>
  [...xml.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map(([, value]) => value!);

test('makes its stack, with the commands as outputs, and deletes it', async () => {
  const StackName = `ethereum-auction-${++stacks}`;
  await moto.cloudFormation('CreateStack', {
    StackName,
    TemplateBody: await readFile(file, 'utf8'),
    'Parameters.member.1.ParameterKey': 'BucketName',
    'Parameters.member.1.ParameterValue': `lake-of-the-auction-${stacks}`,
    'Parameters.member.2.ParameterKey': 'SigningKeyArns',
    'Parameters.member.2.ParameterValue': 'arn:aws:kms:us-east-1:123456789012:key/1',
  });
  const described = await moto.cloudFormation('DescribeStacks', { StackName });
  expect(valuesOf(described, 'StackStatus')).toEqual(['CREATE_COMPLETE']);
  expect(described).toContain('SigningPolicyArn');
  expect(described).toContain('sluice schedule create auction-listener --cron');
  // moto's CloudFormation makes neither Firehose nor Glue.
  const resources = await moto.cloudFormation('DescribeStackResources', { StackName });
  expect(valuesOf(resources, 'ResourceType')).toEqual(
    expect.arrayContaining([
      'AWS::S3::Bucket',
      'AWS::Kinesis::Stream',
      'AWS::DynamoDB::Table',
      'AWS::IAM::Role',
    ]),
  );
  await moto.cloudFormation('DeleteStack', { StackName });
  expect(valuesOf(await moto.cloudFormation('DescribeStacks', {}), 'StackName')).not.toContain(StackName);
}, 120_000);

test("the Glue table has the columns of the pipeline's own", async () => {
  const template = await readFile(file, 'utf8');
  const columns = /Columns:\n((?: +- Name: \w+\n +Type: \w+\n)+)/.exec(template)![1]!;
  const ofTemplate = [...columns.matchAll(/Name: (\w+)\n +Type: (\w+)/g)].map(
    ([, name, type]) => `${name} ${type}`,
  );
  const ofPipeline = /\(\n([^)]*)\)/.exec(createTable('t', 's3://lake/'))![1]!;
  expect(ofTemplate).toEqual(ofPipeline.split(',').map((column) => column.trim()));
});
