import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import type { SluiceError } from 'sluice';
import { AwsFault } from '../src/doubles/fault';
import type { TlsPlan } from '../src/tasks/checkTls';
import type { StoredCertificates } from '../src/tasks/storeCertificate';
import { issue } from './support/authority';
import { KEYS, playTasks, type PlayedTasks } from './support/taskContext';

const NAMES = {
  keyId: 'alias/emr-tls',
  prefix: '/emr',
  certificate: 'self-signed',
  name: 'emr-tls-ssm',
  functionName: 'get-ssm-parameter-lambda',
  roleName: 'lambda-ssm-parameter-store-role',
};
const JAR = 's3://lake/emr-tls/provider/0/emr-tls.jar';

let folder: string;
let s3: S3Client;
let played: PlayedTasks;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'emr-tls-tasks-'));
  s3 = new S3Client({ region: 'us-east-1', credentials: KEYS });
});

beforeEach(async () => {
  played = await playTasks({ s3 });
});

afterEach(() => played.stop());

afterAll(async () => {
  s3.destroy();
  await rm(folder, { recursive: true, force: true });
});

const check = async (more: Record<string, unknown> = {}, key = 'run/1'): Promise<TlsPlan> =>
  (await played.run('check-tls', { ...NAMES, ...more }, key)).payload as TlsPlan;

const store = async (plan: TlsPlan, more: Record<string, unknown> = {}): Promise<StoredCertificates> => {
  const { keyArn, domain, owner } = plan;
  const input = { prefix: '/emr', keyArn, domain, owner, days: 30, certificate: 'self-signed', ...more };
  const { payload } = await played.run('store-certificate', { ...input, before: plan.before.parameters });
  return payload as StoredCertificates;
};

const restore = async ({ owner, before }: TlsPlan) =>
  (await played.run('restore-parameters', { owner, before: before.parameters })).payload;

const text = (name: string) => played.double.ssm.text(name);
const expectPair = (certificate: string, key: string) =>
  expect(new X509Certificate(text(certificate)).checkPrivateKey(createPrivateKey(text(key)))).toBe(true);
const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: SluiceError) => error,
  );

/** Has the answer to the n-th call of an operation be lost, after its effect. */
function loseAnswer(operation: string, n = 1): void {
  let seen = 0;
  played.double.hooks = {
    after: (call) => {
      if (call.operation === operation && ++seen === n) throw new AwsFault('InternalFailure', 'lost', 500);
    },
  };
}

test('the check tells all problems of AWS at once, and plans what a run goes on from', async () => {
  const disabled = played.double.kms.addKey();
  played.double.kms.setState(disabled, 'Disabled');
  const pair = issue({ name: '*.eu-west-1.compute.internal' });
  const at = (name: string) => `file://${join(folder, name)}`;
  writeFileSync(join(folder, 'other.crt'), pair.certificate);
  writeFileSync(join(folder, 'other.key'), issue().privateKey);
  const failure = await failureOf(
    check({
      keyId: disabled,
      certificate: at('other.crt'),
      privateKey: at('other.key'),
      instanceProfile: 'None',
    }),
  );
  expect(failure.code).toBe('InvalidJob');
  expect(failure.message.split('\n').map((line) => line.trim().split(':')[0])).toEqual([
    ...['emr-tls cannot begin', 'keyId', 'file', 'file', 'file', 'instanceProfile'],
  ]);
  expect((await failureOf(check({ keyId: 'alias/none' }))).message).toContain('there is no key alias/none');
  const asymmetric = played.double.kms.addKey({ spec: 'RSA_2048' });
  expect((await failureOf(check({ keyId: asymmetric }))).message).toContain('give a symmetric key');
  expect(
    (await failureOf(check({ certificate: at('none.crt'), privateKey: at('other.key') }))).message,
  ).toContain('is not there; correct its location');

  const plan = await check({ instanceProfile: 'EMR_EC2_DefaultRole' });
  expect(plan).toMatchObject({
    ...{ region: 'us-east-1', domain: 'ec2.internal', instanceRole: 'EMR_EC2_DefaultRole', isLocal: false },
    before: {
      role: false,
      rolePolicy: false,
      function: false,
      securityConfiguration: false,
      instancePolicy: false,
    },
  });
  expect(plan.before.parameters).toEqual(
    ['certificate', 'private-key', 'inter-nodes-certificate', 'inter-nodes-private-key'].map((name) => ({
      ...{ name: `/emr/${name}`, version: null, previous: null },
    })),
  );
  expect(plan.owner).toBe((await check()).owner);
  expect(plan.owner).not.toBe((await check({}, 'run/2')).owner);
});

test('a certificate that is made is stored for all nodes, and its key is in no result', async () => {
  const stored = await store(await check());
  expect(stored.parameters.map(({ version }) => version)).toEqual([1, 1, 1, 1]);
  expect(stored.master).toEqual(stored.nodes);
  expect(stored.master.fingerprint).toBe(new X509Certificate(text('/emr/certificate')).fingerprint256);
  expectPair('/emr/certificate', '/emr/private-key');
  expectPair('/emr/inter-nodes-certificate', '/emr/inter-nodes-private-key');
  expect(JSON.stringify(stored)).not.toContain('PRIVATE KEY');
  const puts = played.double.calls.filter(({ operation }) => operation === 'ssm:PutParameter');
  expect(puts.map(({ input: { Type, KeyId, Tier } }) => [Type, KeyId, Tier])).toEqual(
    Array(4).fill(['SecureString', expect.stringMatching(/^arn:aws:kms:/), 'Standard']),
  );
});

test('a given certificate is the master’s alone, with its chain', async () => {
  const pair = issue({ name: 'emr.ec2.internal' });
  const [certificate, privateKey] = ['given.crt', 'given.key'].map((name) => `file://${join(folder, name)}`);
  writeFileSync(join(folder, 'given.crt'), pair.certificate.replaceAll('\n', '\r\n'));
  writeFileSync(join(folder, 'given.key'), pair.privateKey);
  const stored = await store(await check({ certificate, privateKey }), { certificate, privateKey });
  expect(text('/emr/certificate')).toBe(pair.certificate);
  expect(text('/emr/private-key')).toBe(pair.privateKey);
  expectPair('/emr/inter-nodes-certificate', '/emr/inter-nodes-private-key');
  expect(stored.master.hostName).toBe('emr.ec2.internal');
  expect(stored.nodes.hostName).toBeNull();
});

test.each([1, 2, 3, 4])('after the answer of PutParameter %i is lost, whole pairs are stored', async (n) => {
  const plan = await check();
  loseAnswer('ssm:PutParameter', n);
  // The SDK's own client asks again, so one call more than the four has an effect.
  const stored = await store(plan);
  expectPair('/emr/certificate', '/emr/private-key');
  expectPair('/emr/inter-nodes-certificate', '/emr/inter-nodes-private-key');
  expect(stored.master.fingerprint).toBe(new X509Certificate(text('/emr/certificate')).fingerprint256);
});

test('a task that starts again takes what it has stored whole, and stores anew what is half', async () => {
  const plan = await check();
  const stored = await store(plan);
  expect(await store(plan)).toEqual(stored);
  expect(played.double.count('ssm:PutParameter')).toBe(4);
  // As if the next attempt had died after the first parameter of its own pair.
  const half = played.double.ssm.parameters.get('/emr/certificate')!;
  half.at(-1)!.description = `sluice emr-tls ${plan.owner} OTHER`;
  const again = await store(plan);
  expect(again.parameters.map(({ version }) => version)).toEqual([2, 2, 2, 2]);
  expectPair('/emr/certificate', '/emr/private-key');
});

test('what a parameter held before is labelled previous, and is what it holds again when taken back', async () => {
  const first = await store(await check());
  const keyOf = (name: string) => played.double.ssm.parameters.get(name)!.at(-1)!.keyId;
  const firstKey = keyOf('/emr/private-key');
  const plan = await check({ keyId: played.double.kms.addKey() }, 'run/2');
  const second = await store(plan);
  expect(keyOf('/emr/private-key')).not.toBe(firstKey);
  expect(second.parameters.map(({ version }) => version)).toEqual([2, 2, 2, 2]);
  const previous = new X509Certificate(text('/emr/certificate:previous'));
  expect(previous.fingerprint256).toBe(first.master.fingerprint);

  expect(await restore(plan)).toEqual({ left: [] });
  expect(new X509Certificate(text('/emr/certificate')).fingerprint256).toBe(first.master.fingerprint);
  expectPair('/emr/certificate', '/emr/private-key');
  expect(keyOf('/emr/private-key')).toBe(firstKey);
  expect(() => text('/emr/certificate:previous')).toThrow('does not exist');
  // Taken back once, nothing is left to take back.
  const versions = played.double.ssm.parameters.get('/emr/certificate')!.length;
  await restore(plan);
  expect(played.double.ssm.parameters.get('/emr/certificate')).toHaveLength(versions);
});

test('parameters that were not there are deleted, and what somebody has changed since is left and told', async () => {
  const plan = await check();
  await store(plan);
  played.double.ssm.parameters.get('/emr/certificate')!.at(-1)!.description = 'by hand';
  expect(await restore(plan)).toEqual({ left: ['/emr/certificate: somebody has changed it since'] });
  expect([...played.double.ssm.parameters.keys()]).toEqual(['/emr/certificate']);
});

const BROKER = { functionName: NAMES.functionName, roleName: NAMES.roleName };
const ARNS = ['arn:aws:ssm:us-east-1:123456789012:parameter/emr/certificate'];
const makeBroker = (owner = 'one', parameterArns = ARNS) =>
  played.run('make-broker', { ...BROKER, parameterArns, owner });

test('a broker is made once, adopted when equal, and refused with the difference when not', async () => {
  played.double.lambda.roleUnknownFor = 1;
  const made = await makeBroker();
  expect(await makeBroker('two')).toEqual(made);
  expect(played.double.count('iam:CreateRole')).toBe(1);
  expect(played.double.lambda.functions.get(NAMES.functionName)!.settings).toMatchObject({
    ...{ Runtime: 'python3.12', Timeout: 60, Handler: 'lambda_function.lambda_handler' },
  });
  expect(played.double.iam.roles.get(NAMES.roleName)!.policies.get('ssm')).toContain('ssm:GetParameter');
  const failure = await failureOf(makeBroker('two', ['arn:aws:ssm:us-east-1:123456789012:parameter/other']));
  expect(failure).toMatchObject({ code: 'InvalidJob' });
  expect(failure.message).toMatch(
    /The policy ssm of the role .* is another:\n.*Statement\[0\]\.Resource\[0\]: there/,
  );
});

test.each(['iam:CreateRole', 'iam:PutRolePolicy', 'lambda:CreateFunction'])(
  'after the answer of %s is lost there is one broker, and it is taken away whole',
  async (operation) => {
    loseAnswer(operation);
    await makeBroker().catch(() => makeBroker());
    expect(played.double.lambda.functions.size).toBe(1);
    await played.run('remove-broker', { ...BROKER, owner: 'other', policyWasThere: true });
    expect(played.double.lambda.functions.size).toBe(1);
    await played.run('remove-broker', { ...BROKER, owner: 'one', policyWasThere: false });
    expect(played.double.lambda.functions.size).toBe(0);
    expect([...played.double.iam.roles.keys()]).toEqual(['EMR_EC2_DefaultRole']);
  },
  30_000,
);

test('a security configuration is adopted when equal, and refused with the difference when not', async () => {
  const create = (jar = JAR) => played.run('create-security-configuration', { name: 'emr-tls-ssm', jar });
  loseAnswer('emr:CreateSecurityConfiguration');
  expect((await create()).payload).toEqual({ adopted: true });
  expect((await create()).payload).toEqual({ adopted: true });
  const failure = await failureOf(create('s3://lake/other.jar'));
  expect(failure.message).toContain(`S3Object: there "${JAR}", wanted "s3://lake/other.jar"`);
  const remove = (jar: string) =>
    played.run('remove-security-configuration', { name: 'emr-tls-ssm', jar }).then(({ payload }) => payload);
  expect(await remove('s3://lake/other.jar')).toEqual({
    left: ['security configuration emr-tls-ssm: it is another by now'],
  });
  expect(await remove(JAR)).toEqual({ left: [] });
  expect(await remove(JAR)).toEqual({ left: [] });
  expect(played.double.emr.securityConfigurations.size).toBe(0);
});

test('the nodes are allowed their key, function or parameters, and nothing when taken back', async () => {
  const policy = {
    ...{
      roleName: 'EMR_EC2_DefaultRole',
      policyName: 'emr-tls-ssm',
      keyArn: 'arn:aws:kms:x',
      parameterArns: ARNS,
    },
  };
  await played.run('put-instance-policy', policy);
  await played.run('put-instance-policy', policy);
  expect(played.double.count('iam:PutRolePolicy')).toBe(1);
  const { iam } = played.double;
  expect(iam.allows('EMR_EC2_DefaultRole', 'ssm:GetParameter', ARNS[0]!)).toBe(true);
  const failure = await failureOf(
    played.run('put-instance-policy', { ...policy, functionArn: 'arn:aws:lambda:x' }),
  );
  expect(failure.message).toContain(
    'Statement[1].Action: there "ssm:GetParameter", wanted "lambda:InvokeFunction"',
  );
  await played.run('remove-instance-policy', policy);
  expect(iam.roles.get('EMR_EC2_DefaultRole')!.policies.size).toBe(0);
});

test('the clusters of a prefix are named, with others left out', async () => {
  const createdAt = new Date('2026-01-01T00:00:00Z');
  const tags = { 'ssm:ssl:inter-node-certificate': '/emr/inter-nodes-certificate' };
  played.double.emr.clusters.push(
    { id: 'j-1', name: 'nightly', state: 'WAITING', createdAt, tags },
    { id: 'j-2', name: 'plain', state: 'RUNNING', createdAt, tags: {} },
    { id: 'j-3', name: 'ended', state: 'TERMINATED', createdAt, tags },
  );
  expect((await played.run('find-clusters', { prefix: '/emr' })).payload).toEqual({
    clusters: [{ id: 'j-1', name: 'nightly', createdAt: createdAt.toISOString() }],
  });
});
