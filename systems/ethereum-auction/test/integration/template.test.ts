import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { freePort, motoService } from 'sluice';
import { createTable } from '../../src/pipelines/_athenaQueries';
import { end, untilAnswering } from '../support/localChain';

const file = join(__dirname, '..', '..', 'template.yaml');
let stacks = 0;
let endpoint: string;
let moto: ChildProcess;

beforeAll(async () => {
  const port = await freePort();
  endpoint = `http://127.0.0.1:${port}`;
  const { command } = motoService({ name: 'aws', port, services: [] });
  if (typeof command !== 'function') throw new Error('its command follows from the port');
  const [program, ...args] = await command({ port, dir: '', env: {} });
  moto = spawn(program!, args, { stdio: 'ignore', env: { ...process.env, HOME: homedir() } });
  await untilAnswering(endpoint);
}, 300_000);
afterAll(() => end(moto));

/** CloudFormation's query API: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/Welcome.html */
async function cloudFormation(Action: string, parameters: Record<string, string>): Promise<string> {
  const authorization =
    'AWS4-HMAC-SHA256 Credential=test/20240101/us-east-1/cloudformation/aws4_request, SignedHeaders=host, Signature=0';
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: { authorization },
    body: new URLSearchParams({ Action, Version: '2010-05-15', ...parameters }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${Action}: ${text}`);
  return text;
}

const valuesOf = (xml: string, tag: string) =>
  [...xml.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map(([, value]) => value!);

test('makes its stack, with the commands as outputs, and deletes it', async () => {
  const StackName = `ethereum-auction-${++stacks}`;
  await cloudFormation('CreateStack', {
    StackName,
    TemplateBody: await readFile(file, 'utf8'),
    'Parameters.member.1.ParameterKey': 'BucketName',
    'Parameters.member.1.ParameterValue': `lake-of-the-auction-${stacks}`,
    'Parameters.member.2.ParameterKey': 'SigningKeyArns',
    'Parameters.member.2.ParameterValue': 'arn:aws:kms:us-east-1:123456789012:key/1',
  });
  const described = await cloudFormation('DescribeStacks', { StackName });
  expect(valuesOf(described, 'StackStatus')).toEqual(['CREATE_COMPLETE']);
  expect(described).toContain('SigningPolicyArn');
  expect(described).toContain('sluice schedule create auction-listener --cron');
  // moto's CloudFormation makes neither Firehose nor Glue.
  const resources = await cloudFormation('DescribeStackResources', { StackName });
  expect(valuesOf(resources, 'ResourceType')).toEqual(
    expect.arrayContaining([
      'AWS::S3::Bucket',
      'AWS::Kinesis::Stream',
      'AWS::DynamoDB::Table',
      'AWS::IAM::Role',
    ]),
  );
  await cloudFormation('DeleteStack', { StackName });
  expect(valuesOf(await cloudFormation('DescribeStacks', {}), 'StackName')).not.toContain(StackName);
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
