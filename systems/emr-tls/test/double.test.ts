import { execFile, execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DeleteSecurityConfigurationCommand } from '@aws-sdk/client-emr';
import { CreateRoleCommand, DeleteRoleCommand, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { DecryptCommand, DescribeKeyCommand, ListKeysCommand } from '@aws-sdk/client-kms';
import { GetParameterCommand, LabelParameterVersionCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import { CreateSecurityConfigurationCommand, ListSecurityConfigurationsCommand } from '@aws-sdk/client-emr';
import { ensureAwsTestTools } from '../../../src/local';
import { startMoto, type Moto } from '../../../test/support/moto';
import { closeAws, createAws, type Aws } from '../src/aws';
import { AwsDouble, OPERATIONS } from '../src/doubles/awsDouble';
import { LIMITS } from '../src/doubles/fault';
import { buildSecurityConfiguration } from '../src/securityConfiguration';
import {
  comparable,
  CONTEXT,
  outcomeOf,
  playedCalls,
  type Outcome,
  type PlayedCall,
  type Prepared,
} from './support/playedOperations';

const settings = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };

let double: AwsDouble;
let endpoint: string;
let aws: Aws;

beforeEach(async () => {
  double = new AwsDouble();
  endpoint = await double.listen();
  aws = createAws({ ...settings, endpoint });
});

afterEach(async () => {
  closeAws(aws);
  await double.close();
});

const nameOf = (call: Promise<unknown>) =>
  call.then(
    () => 'done',
    (error: Error) => error.name,
  );

test('the limits of the double are those of botocore', async () => {
  const { python } = await ensureAwsTestTools({ env: process.env, report: () => {} });
  const models = Object.values(LIMITS).map(({ model }) => model);
  const program = `
import json, sys
from botocore.loaders import Loader
shapes = [Loader().load_service_model(service, "service-2", version)["shapes"][shape] for service, version, shape in json.load(sys.stdin)]
print(json.dumps([{name: shape[name] for name in ("min", "max", "pattern") if name in shape} for shape in shapes]))
`;
  const said = JSON.parse(
    execFileSync(python, ['-c', program], { input: JSON.stringify(models) }).toString(),
  ) as unknown;
  expect(Object.values(LIMITS).map(({ model: _, ...limits }) => limits)).toEqual(said);
});

describe('every operation that is played', () => {
  let moto: Moto;
  let motoAws: Aws;

  beforeAll(async () => {
    moto = await startMoto();
    motoAws = createAws({ ...settings, endpoint: moto.endpoint });
  }, 120_000);
  afterAll(() => {
    if (motoAws) closeAws(motoAws);
  });

  /** Makes in moto what the double has from the beginning. */
  async function prepareMoto(): Promise<Prepared> {
    await fetch(`${moto.endpoint}/moto-api/reset`, { method: 'POST' });
    const made = await moto.call('kms', 'TrentService.CreateKey', { KeyUsage: 'ENCRYPT_DECRYPT' });
    const { KeyId } = made['KeyMetadata'] as { KeyId: string };
    await moto.call('kms', 'TrentService.CreateAlias', { AliasName: 'alias/emr-tls', TargetKeyId: KeyId });
    const Plaintext = Buffer.from('text').toString('base64');
    const encrypted = await moto.call('kms', 'TrentService.Encrypt', {
      ...{ KeyId, Plaintext, EncryptionContext: CONTEXT },
    });
    const name = 'EMR_EC2_DefaultRole';
    const onIam = (Action: string, parameters: Record<string, string>) =>
      moto.query('iam', '2010-05-08', { Action, ...parameters });
    await onIam('CreateRole', { RoleName: name, AssumeRolePolicyDocument: '{}' });
    await onIam('CreateInstanceProfile', { InstanceProfileName: name });
    await onIam('AddRoleToInstanceProfile', { InstanceProfileName: name, RoleName: name });
    const cluster = await moto.call('elasticmapreduce', 'ElasticMapReduce.RunJobFlow', {
      ...{
        Name: 'nightly',
        Instances: { KeepJobFlowAliveWhenNoSteps: true },
        Tags: [{ Key: 'k', Value: 'v' }],
      },
      ...{ JobFlowRole: name, ServiceRole: 'EMR_DefaultRole', ReleaseLabel: 'emr-6.15.0' },
    });
    return {
      ciphertext: Buffer.from(encrypted['CiphertextBlob'] as string, 'base64'),
      clusterId: cluster['JobFlowId'] as string,
    };
  }

  function prepareDouble(): Prepared {
    const createdAt = new Date('2026-01-01T00:00:00Z');
    double.emr.clusters.push({ id: 'j-1', name: 'nightly', state: 'WAITING', createdAt, tags: { k: 'v' } });
    return { ciphertext: double.kms.encrypt('alias/emr-tls', 'text', CONTEXT), clusterId: 'j-1' };
  }

  const play = async (calls: PlayedCall[], on: Aws): Promise<Outcome[]> => {
    const outcomes: Outcome[] = [];
    for (const call of calls) outcomes.push(await outcomeOf(call, on));
    return outcomes;
  };

  test('answers and refuses as moto does, but where it is said why not', async () => {
    const [calls, motoCalls] = [playedCalls(prepareDouble()), playedCalls(await prepareMoto())];
    const outcomes = await play(calls, aws);
    const motoOutcomes = await play(motoCalls, motoAws);
    for (const [i, call] of calls.entries()) {
      const same = { place: i, ...comparable(outcomes[i]!, call) };
      const its = { place: i, ...comparable(motoOutcomes[i]!, motoCalls[i]!) };
      if (call.motoDiffers === undefined) expect(its).toMatchObject(same);
      else expect(its).not.toMatchObject(same);
    }
    const names = Object.entries(OPERATIONS).flatMap(([service, own]) =>
      own.map((name) => `${service}:${name}`),
    );
    // DescribeTags is asked by the Java provider alone, in another form.
    const answered = calls.filter((_, i) => 'answered' in outcomes[i]!).map(({ operation }) => operation);
    expect([...new Set([...answered, 'ec2:DescribeTags'])].sort()).toEqual(names.sort());
    await expectInModels(calls, outcomes);
  }, 120_000);

  test('of EC2, tells tags as moto does, and nothing else is played', async () => {
    const launched = await moto.query('ec2', '2016-11-15', {
      ...{ Action: 'RunInstances', ImageId: 'ami-1', MinCount: '1', MaxCount: '1' },
      ...{ 'TagSpecification.1.ResourceType': 'instance' },
      ...{ 'TagSpecification.1.Tag.1.Key': 'k', 'TagSpecification.1.Tag.1.Value': 'v' },
    });
    const filter = (id: string) => ({ 'Filter.1.Name': 'resource-id', 'Filter.1.Value.1': id });
    const ask = async (parameters: Record<string, string>) => {
      const response = await fetch(endpoint, { method: 'POST', body: new URLSearchParams(parameters) });
      return response.text();
    };
    const Version = '2016-11-15';
    const itsId = /<instanceId>(i-\w+)/.exec(launched)![1]!;
    const its = await moto.query('ec2', Version, { Action: 'DescribeTags', ...filter(itsId) });
    const id = double.instances.add({ k: 'v' });
    const said = await ask({ Action: 'DescribeTags', Version, ...filter(id) });
    const membersOf = (xml: string, own: string) =>
      [.../<item>([^]*?)<\/item>/.exec(xml)![1]!.matchAll(/<(\w+)>([^<]*)</g)]
        .map(([, name, text]) => [name, text === own ? 'the instance' : text])
        .sort();
    expect(membersOf(said, id)).toEqual(membersOf(its, itsId));
    expect(await ask({ Action: 'DescribeInstances', Version })).toContain(
      'no double of ec2:DescribeInstances',
    );
    expect(await nameOf(aws.kms.send(new ListKeysCommand({})))).toBe('UnknownOperationException');
  }, 60_000);
});

/** Holds each call and its answer against botocore's model: no member that AWS has not, each of its type. */
async function expectInModels(calls: PlayedCall[], outcomes: Outcome[]): Promise<void> {
  const { python } = await ensureAwsTestTools({ env: process.env, report: () => {} });
  // `value` is what `toJSON` has made of it.
  function encode(this: Record<string, unknown>, name: string, value: unknown): unknown {
    return ArrayBuffer.isView(this[name]) ? 'bytes' : value;
  }
  const records = calls.map(({ operation, input }, i) => {
    const outcome = outcomes[i]!;
    return { operation, input, output: 'answered' in outcome ? outcome.answered : null };
  });
  const program = `
import json, sys
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
models, problems = {}, []
for record in json.load(sys.stdin):
    service, name = record["operation"].split(":")
    if service not in models:
        models[service] = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    operation = models[service].operation_model(name)
    for shape, value in [(operation.input_shape, record["input"]), (operation.output_shape, record["output"])]:
        if shape is not None and value is not None:
            report = ParamValidator().validate(value, shape)
            if report.has_errors():
                problems.append(record["operation"] + ": " + report.generate_report())
print(json.dumps(problems))
`;
  const input = JSON.stringify(records, encode);
  expect(JSON.parse(execFileSync(python, ['-c', program], { input }).toString())).toEqual([]);
}

test('a Standard parameter holds 4,096 bytes, and a secure one is what KMS has encrypted for its ARN', async () => {
  const put = (Value: string, more = {}) =>
    aws.ssm.send(
      new PutParameterCommand({
        Name: '/emr/a',
        Type: 'SecureString',
        KeyId: 'alias/emr-tls',
        Value,
        ...more,
      }),
    );
  expect(await nameOf(put('x'.repeat(4097)))).toBe('ValidationException');
  expect(await nameOf(put('é'.repeat(2049)))).toBe('ValidationException');
  expect(await nameOf(put('x'.repeat(4096)))).toBe('done');
  expect(await nameOf(put('again'))).toBe('ParameterAlreadyExists');
  expect(await nameOf(put('again', { KeyId: 'alias/none', Overwrite: true }))).toBe('InvalidKeyId');
  expect(await nameOf(put('again', { Overwrite: true }))).toBe('done');

  const read = async (Name: string, WithDecryption: boolean) =>
    (await aws.ssm.send(new GetParameterCommand({ Name, WithDecryption }))).Parameter!;
  const raw = Buffer.from((await read('/emr/a', false)).Value!, 'base64');
  expect(raw.includes('again')).toBe(false);
  const decrypt = (arn: string) =>
    aws.kms.send(new DecryptCommand({ CiphertextBlob: raw, EncryptionContext: { PARAMETER_ARN: arn } }));
  const { Plaintext } = await decrypt('arn:aws:ssm:us-east-1:123456789012:parameter/emr/a');
  expect(Buffer.from(Plaintext!).toString()).toBe('again');
  expect(await nameOf(decrypt('arn:aws:ssm:us-east-1:123456789012:parameter/emr/b'))).toBe(
    'InvalidCiphertextException',
  );

  expect(await read('/emr/a:1', true)).toMatchObject({ Version: 1, Value: 'x'.repeat(4096) });
  const label = { Name: '/emr/a', Labels: ['previous'] };
  await aws.ssm.send(new LabelParameterVersionCommand({ ...label, ParameterVersion: 1 }));
  expect(await read('/emr/a:previous', true)).toMatchObject({ Version: 1 });
  await aws.ssm.send(new LabelParameterVersionCommand({ ...label, ParameterVersion: 2 }));
  expect(await read('/emr/a:previous', true)).toMatchObject({ Version: 2 });
  expect(await nameOf(read('/emr/a:other', true))).toBe('ParameterVersionNotFound');
});

test("the broker's Python answers what the store holds, without decryption", async () => {
  const { python } = await ensureAwsTestTools({ env: process.env, report: () => {} });
  const put = { Name: '/emr/a', Type: 'SecureString', KeyId: 'alias/emr-tls', Value: 'text' } as const;
  await aws.ssm.send(new PutParameterCommand(put));
  const program = `
import json, sys
import lambda_function
print(json.dumps(lambda_function.lambda_handler({"ParameterName": sys.argv[1]}, None)))
`;
  const run = (name: string) =>
    promisify(execFile)(python, ['-c', program, name], {
      cwd: join(__dirname, '..', 'broker'),
      env: {
        ...{ PYTHONDONTWRITEBYTECODE: '1', AWS_DEFAULT_REGION: 'us-east-1', AWS_ENDPOINT_URL: endpoint },
        ...{ AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
      },
    });
  const { stdout } = await run('/emr/a');
  expect(JSON.parse(stdout)).toBe(double.ssm.find('/emr/a').version.value);
  // By this the provider knows that a parameter has no version before.
  await expect(run('/emr/a:previous')).rejects.toThrow('ParameterVersionNotFound');
}, 60_000);

test('a security configuration must be one, and is listed', async () => {
  const create = (SecurityConfiguration: string) =>
    aws.emr.send(new CreateSecurityConfigurationCommand({ Name: 'tls', SecurityConfiguration }));
  const good = buildSecurityConfiguration({
    jar: 's3://lake/a.jar',
    atRestKeyArn: 'arn:aws:kms:us-east-1:1:key/k',
  });
  const text = JSON.stringify(good);
  for (const wrong of [
    '{',
    '{}',
    text.replace('EnableInTransitEncryption', 'EnableInTransit'),
    text.replace('"EnableAtRestEncryption":true', '"EnableAtRestEncryption":false'),
    text.replace('s3://lake/a.jar', 'a.jar'),
  ])
    expect([wrong, await nameOf(create(wrong))]).toEqual([wrong, 'InvalidRequestException']);
  expect(await nameOf(create(text))).toBe('done');
  expect(await nameOf(create(text))).toBe('InvalidRequestException');
  const { SecurityConfigurations } = await aws.emr.send(new ListSecurityConfigurationsCommand({}));
  expect(SecurityConfigurations!.map(({ Name }) => Name)).toEqual(['tls']);
  await aws.emr.send(new DeleteSecurityConfigurationCommand({ Name: 'tls' }));
  expect(await nameOf(aws.emr.send(new DeleteSecurityConfigurationCommand({ Name: 'tls' })))).toBe(
    'InvalidRequestException',
  );
});

test('a role goes after its policies, and a policy must be one', async () => {
  const RoleName = 'role';
  await aws.iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: '{}' }));
  const put = (PolicyDocument: string) =>
    aws.iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'ssm', PolicyDocument }));
  expect(await nameOf(put('{"Statement":[]}'))).toBe('MalformedPolicyDocumentException');
  await put(
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"arn:aws:x"}]}',
  );
  expect(double.iam.allows('role', 'ssm:GetParameter', 'arn:aws:x')).toBe(true);
  expect(double.iam.allows('role', 'ssm:GetParameter', 'arn:aws:y')).toBe(false);
  expect(await nameOf(aws.iam.send(new DeleteRoleCommand({ RoleName })))).toBe('DeleteConflictException');
});

test('a key that is not there, or not enabled, is told', async () => {
  expect(await nameOf(aws.kms.send(new DescribeKeyCommand({ KeyId: randomUUID() })))).toBe(
    'NotFoundException',
  );
  const id = double.kms.addKey();
  double.kms.setState(id, 'Disabled');
  expect((await aws.kms.send(new DescribeKeyCommand({ KeyId: id }))).KeyMetadata!.KeyState).toBe('Disabled');
});
