/** Stacks of the templates, made and deleted by moto's CloudFormation. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { COLUMNS } from '../../../systems/agent-events/src/queries';
import { startMoto, type Moto } from '../../support/moto';

const templateOf = (system: string) => join(__dirname, '..', '..', '..', 'systems', system, 'template.yaml');
let moto: Moto;

beforeAll(async () => {
  moto = await startMoto();
}, 300_000);

/** S3's REST API: a bucket, or with an empty name the list of all. */
const s3 = (method: 'GET' | 'PUT', bucket: string) => moto.get('s3', `/${bucket}`, method);

const valuesOf = (xml: string, tag: string) =>
  [...xml.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map(([, value]) => value!);

describe.each(['contact-trace-records', 'agent-events'])('the template of %s', (name) => {
  const file = templateOf(name);
  const stack = { StackName: name };

  test('makes its stack, with the schedule as a command, and deletes it', async () => {
    await moto.cloudFormation('CreateStack', {
      ...stack,
      TemplateBody: await readFile(file, 'utf8'),
      'Parameters.member.1.ParameterKey': 'BucketName',
      'Parameters.member.1.ParameterValue': `lake-of-${name}`,
      'Parameters.member.2.ParameterKey': 'etlJobSchedule',
      'Parameters.member.2.ParameterValue': '30 * * * *',
    });
    const described = await moto.cloudFormation('DescribeStacks', stack);
    expect(valuesOf(described, 'StackStatus')).toEqual(['CREATE_COMPLETE']);
    expect(described).toContain(
      `sluice schedule create ${name} --cron &quot;30 * * * *&quot; -p lake=s3://lake-of-${name}`.replaceAll(
        '&quot;',
        described.includes('&quot;') ? '&quot;' : '"',
      ),
    );
    const resources = await moto.cloudFormation('DescribeStackResources', stack);
    expect(valuesOf(resources, 'ResourceType')).toEqual(
      expect.arrayContaining(['AWS::S3::Bucket', 'AWS::Kinesis::Stream', 'AWS::IAM::Role']),
    );
    await moto.cloudFormation('DeleteStack', stack);
    const left = await moto.cloudFormation('DescribeStacks', {});
    expect(valuesOf(left, 'StackName')).not.toContain(name);
  });

  test('takes a bucket that is there, and leaves it', async () => {
    const bucket = `there-before-${name}`;
    await s3('PUT', bucket);
    await moto.cloudFormation('CreateStack', {
      ...stack,
      TemplateBody: await readFile(file, 'utf8'),
      'Parameters.member.1.ParameterKey': 'BucketName',
      'Parameters.member.1.ParameterValue': bucket,
      'Parameters.member.2.ParameterKey': 'CreateBucket',
      'Parameters.member.2.ParameterValue': 'false',
    });
    const described = await moto.cloudFormation('DescribeStacks', stack);
    expect(valuesOf(described, 'StackStatus')).toEqual(['CREATE_COMPLETE']);
    expect(described).toContain(`lake=s3://${bucket}`);
    const types = valuesOf(await moto.cloudFormation('DescribeStackResources', stack), 'ResourceType');
    expect(types).toContain('AWS::Kinesis::Stream');
    expect(types).not.toContain('AWS::S3::Bucket');
    await moto.cloudFormation('DeleteStack', stack);
    expect(await s3('GET', '')).toContain(`<Name>${bucket}</Name>`);
  });
});

test('the Glue table has the columns of the pipeline, and Firehose its partitions', async () => {
  const template = await readFile(templateOf('agent-events'), 'utf8');
  const columns = /Columns:\n((?: +- Name: \w+\n +Type: string\n)+)/.exec(template)![1]!;
  expect([...columns.matchAll(/Name: (\w+)/g)].map(([, name]) => name)).toEqual(COLUMNS);
  expect(template).toContain('Prefix: agent-events/kfhconnectblog/dt=!{timestamp:yyyy-MM-dd-HH}/');
});

describe.each([
  {
    name: 'trio-denovo',
    outputs: ['Lake', 'ServiceRole', 'InstanceProfile', 'WorkerPolicyArn'],
    made: ['AWS::IAM::Role', 'AWS::IAM::InstanceProfile', 'AWS::IAM::ManagedPolicy'],
  },
  {
    name: 'emr-tls',
    outputs: ['RunCommand', 'ScheduleCommand', 'JobFlowRole', 'WorkerPolicyArn'],
    made: ['AWS::KMS::Key', 'AWS::KMS::Alias', 'AWS::IAM::Role', 'AWS::IAM::InstanceProfile'],
  },
])('the template of $name', ({ name, outputs, made }) => {
  test.each(['true', 'false'])(
    'makes its stack with CreateBucket=%s, with all its outputs',
    async (makes) => {
      const own = `${name}-${makes}-${randomUUID().slice(0, 8)}`;
      const [bucket, stack] = [`lake-of-${own}`, { StackName: own }];
      if (makes === 'false') await s3('PUT', bucket);
      await moto.cloudFormation('CreateStack', {
        ...stack,
        TemplateBody: await readFile(templateOf(name), 'utf8'),
        'Capabilities.member.1': 'CAPABILITY_IAM',
        'Parameters.member.1.ParameterKey': 'BucketName',
        'Parameters.member.1.ParameterValue': bucket,
        'Parameters.member.2.ParameterKey': 'CreateBucket',
        'Parameters.member.2.ParameterValue': makes,
      });
      const described = await moto.cloudFormation('DescribeStacks', stack);
      expect(valuesOf(described, 'StackStatus')).toEqual(['CREATE_COMPLETE']);
      expect(valuesOf(described, 'OutputKey').sort()).toEqual([...outputs].sort());
      expect(described).toContain(`s3://${bucket}`);
      const types = valuesOf(await moto.cloudFormation('DescribeStackResources', stack), 'ResourceType');
      expect(types).toEqual(expect.arrayContaining(made));
      expect(types.includes('AWS::S3::Bucket')).toBe(makes === 'true');
      await moto.cloudFormation('DeleteStack', stack);
      expect(await s3('GET', '')).toContain(`<Name>${bucket}</Name>`);
    },
  );
});
