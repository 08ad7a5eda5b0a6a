import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from 'sluice';
import { createTestStack, type TestStack } from 'sluice/testing';
import { closeAws, createAws, type Aws } from '../src/aws';
import { AwsDouble } from '../src/doubles/awsDouble';
import { AwsFault } from '../src/doubles/fault';
import { emrTls } from '../src/pipelines/emrTls';
import { emrTlsRotate } from '../src/pipelines/emrTlsRotate';
import { createTasks } from '../src/tasks';
import { KEYS } from './support/taskContext';

const CLUSTER = { Name: 'mine', JobFlowRole: 'EMR_EC2_DefaultRole', Instances: { InstanceCount: 3 } };
const WITH_CLUSTER = { cluster: CLUSTER, applications: ['Presto'], days: 30 };

/** The actions that a text names: the README's table, and the policy of the worker. */
const actionsIn = (file: string) =>
  new Set(readFileSync(join(__dirname, '..', file), 'utf8').match(/\b[a-z]+:[A-Z]\w+/g));
const DESCRIBED = actionsIn('README.md');
const ALLOWED = actionsIn('template.yaml');

let folder: string;
let double: AwsDouble;
let aws: Aws;
let stack: TestStack;
/** The stack's own S3, as a task is given it. */
let s3: S3Client;
let jarFails = false;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'emr-tls-pipeline-'));
  await writeFile(join(folder, 'emr-tls.jar'), 'a JAR');
  const tasks = createTasks({
    connect: () => aws,
    isLocal: () => false,
    findJar: () =>
      jarFails
        ? Promise.reject(new SluiceError('InvalidJob', 'no such luck'))
        : Promise.resolve(join(folder, 'emr-tls.jar')),
    ...{ java: 'java', endpoint: undefined, keyBits: 2048 },
  }).map((task) => ({
    ...task,
    run: (input: Record<string, unknown>, context: Parameters<typeof task.run>[1]) => {
      s3 = context.s3;
      return task.run(input, context);
    },
  }));
  stack = await createTestStack({ pipelines: [emrTls, emrTlsRotate], tasks });
}, 120_000);

beforeEach(async () => {
  jarFails = false;
  double = new AwsDouble();
  aws = createAws({ endpoint: await double.listen(), region: 'us-east-1', credentials: KEYS });
  stack.script('create cluster', { succeeds: {} });
  stack.script('look at nodes', ({ job }) => {
    const step = (job.parameters as { Step: { HadoopJarStep: { Args: string[] } } }).Step;
    const report = /verify_nodes\.py (s3:\S+)/.exec(step.HadoopJarStep.Args[2]!)![1]!;
    void stack.put(report, { body: JSON.stringify({ endpoints: endpoints() }) });
    return { succeeds: {} };
  });
});

// Whatever a run calls, the template allows its worker, and the README says so.
afterEach(async () => {
  closeAws(aws);
  await double.close();
  const called = new Set(
    double.calls.map(({ operation }) => operation.replace(/^emr:/, 'elasticmapreduce:')),
  );
  expect(called.size).toBeGreaterThan(0);
  expect([...called].filter((action) => !ALLOWED.has(action) || !DESCRIBED.has(action))).toEqual([]);
});

afterAll(async () => {
  await stack?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** What nodes that read the parameters present. */
function endpoints() {
  const fingerprintOf = (name: string) => new X509Certificate(double.ssm.text(name)).fingerprint256;
  const secure = { protocol: 'TLSv1.3', error: null, port: 8446 };
  return [
    { host: 'one', role: 'master', ...secure, fingerprint: fingerprintOf('/emr/certificate') },
    { host: 'two', role: 'node', ...secure, fingerprint: fingerprintOf('/emr/inter-nodes-certificate') },
  ];
}

/** All that a run can have made: its names, and the texts of parameters. */
async function readMade(): Promise<object> {
  const listed = await s3.send(new ListObjectsV2Command({ Bucket: 'lake', Prefix: 'emr-tls/provider/' }));
  return {
    parameters: [...double.ssm.parameters.keys()].map((name) => [name, double.ssm.text(name)]),
    roles: [...double.iam.roles].map(([name, { policies }]) => [name, [...policies]]),
    functions: [...double.lambda.functions.keys()],
    securityConfigurations: [...double.emr.securityConfigurations],
    objects: (listed.Contents ?? []).map(({ Key }) => Key),
  };
}

test('a cluster is made with the tags and all that Presto needs, and its nodes present what was stored', async () => {
  const run = await stack.start(emrTls, WITH_CLUSTER);
  const result = (await run.result())!;
  expect(result).toMatchObject({
    parameters: [
      { name: '/emr/certificate', version: 1 },
      { name: '/emr/private-key', version: 1 },
      { name: '/emr/inter-nodes-certificate', version: 1 },
      { name: '/emr/inter-nodes-private-key', version: 1 },
    ],
    jar: expect.stringMatching(/^s3:\/\/lake\/emr-tls\/provider\/[0-9a-f]{64}\/emr-tls\.jar$/),
    securityConfiguration: 'emr-tls-ssm',
    functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:get-ssm-parameter-lambda',
    verified: endpoints(),
  });
  expect(result.clusterId).not.toBeNull();
  expect(stack.submitted.findLast(({ step }) => step === 'create cluster')!.job).toMatchObject({
    parameters: {
      ...{ Name: 'mine', SecurityConfiguration: 'emr-tls-ssm', BootstrapActions: [] },
      Steps: [{ Name: 'EMR-Setup-Presto-Trusted-Store' }],
      Tags: expect.arrayContaining([{ Key: 'tls:lambda-fn-name', Value: 'get-ssm-parameter-lambda' }]),
    },
  });
  const configuration = JSON.parse(double.emr.securityConfigurations.get('emr-tls-ssm')!) as object;
  expect(configuration).toEqual({
    EncryptionConfiguration: {
      EnableInTransitEncryption: true,
      EnableAtRestEncryption: false,
      InTransitEncryptionConfiguration: {
        TLSCertificateConfiguration: {
          ...{ CertificateProviderType: 'Custom', S3Object: result.jar, CertificateProviderClass: 'emrtls' },
        },
      },
    },
  });
  expect([...double.iam.roles.get('EMR_EC2_DefaultRole')!.policies.keys()]).toEqual(['emr-tls-ssm']);
  expect((await run.status()).steps.map(({ name }) => name)).toEqual([
    ...['check', 'store certificate', 'make broker', 'publish provider', 'create security configuration'],
    ...['allow nodes', 'create cluster', 'look at nodes', 'verify'],
  ]);
  expect(JSON.stringify(stack.submitted)).not.toMatch(/PRIVATE KEY/);
}, 60_000);

test('without a cluster and with nodes that read for themselves, the run ends after the configuration', async () => {
  const run = await stack.start(emrTls, { broker: 'ssm', days: 30, atRest: 'kms' });
  expect(await run.result()).toMatchObject({ functionArn: null, clusterId: null, verified: null });
  expect(double.lambda.functions.size).toBe(0);
  expect(double.emr.securityConfigurations.get('emr-tls-ssm')).toContain('SSE-KMS');
}, 60_000);

/** A refusal that comes when the call has had its effect, so that there is something to undo. */
const refuseAfter =
  (operation: string, n = 1) =>
  () => {
    let seen = 0;
    double.hooks = {
      after: (call) => {
        if (call.operation !== operation || ++seen !== n) return;
        double.hooks = {};
        throw new AwsFault('AccessDeniedException', 'not allowed', 403);
      },
    };
  };
const failStep = (step: string) => () => stack.script(step, { fails: 'no such luck' });

const FAILURES: [string, () => unknown][] = [
  ['store certificate', refuseAfter('ssm:PutParameter', 3)],
  ['make broker', refuseAfter('lambda:CreateFunction')],
  ['make broker', refuseAfter('iam:CreateRole')],
  ['publish provider', () => (jarFails = true)],
  ['create security configuration', refuseAfter('emr:CreateSecurityConfiguration')],
  ['allow nodes', refuseAfter('iam:PutRolePolicy', 2)],
  ['create cluster', failStep('create cluster')],
  ['look at nodes', failStep('look at nodes')],
];

describe('a run that fails', () => {
  test.each(FAILURES)(
    'in %s (%#) leaves nothing',
    async (step, fail) => {
      const before = await readMade();
      fail();
      const terminated = stack.submissions('elasticmapreduce:terminateCluster');
      const run = await stack.start(emrTls, WITH_CLUSTER);
      expect(await run.failure()).toMatchObject({ message: expect.not.stringContaining('is left') });
      expect((await run.step(step)).state).toBe('failed');
      expect(await readMade()).toEqual({ ...before, roles: [['EMR_EC2_DefaultRole', []]] });
      const isUp = step === 'look at nodes';
      expect(stack.submissions('elasticmapreduce:terminateCluster') - terminated).toBe(isUp ? 1 : 0);
    },
    60_000,
  );

  test('leaves what an earlier run has made as it was', async () => {
    const first = await stack.start(emrTls, WITH_CLUSTER);
    await first.result();
    const before = await readMade();
    failStep('look at nodes')();
    const run = await stack.start(emrTls, WITH_CLUSTER);
    await run.failure();
    expect(await readMade()).toEqual(before);
  }, 60_000);

  test('says what it has left, and why', async () => {
    failStep('create cluster')();
    double.hooks = {
      before: ({ operation }) => {
        if (operation === 'lambda:DeleteFunction')
          throw new AwsFault('AccessDeniedException', 'not allowed', 403);
      },
    };
    const run = await stack.start(emrTls, WITH_CLUSTER);
    const { message } = await run.failure();
    expect(message).toMatch(
      /no such luck; what it had done was undone \(4 of 5\); undo make broker failed, too: AccessDenied: AccessDeniedException: not allowed/,
    );
    expect([...double.ssm.parameters.keys()]).toEqual([]);
    expect([...double.lambda.functions.keys()]).toEqual(['get-ssm-parameter-lambda']);
  }, 60_000);

  test('or is cancelled takes back all the same', async () => {
    stack.script('create cluster', { takes: '1 hour' });
    const run = await stack.start(emrTls, WITH_CLUSTER);
    await run.waitUntil('create cluster', 'running');
    expect(double.ssm.parameters.size).toBe(4);
    await run.cancel();
    await run.failure();
    expect(
      double.ssm.parameters.size + double.lambda.functions.size + double.emr.securityConfigurations.size,
    ).toBe(0);
  }, 60_000);
});

test('a cluster that presents another certificate fails the run', async () => {
  stack.script('look at nodes', ({ job }) => {
    const step = (job.parameters as { Step: { HadoopJarStep: { Args: string[] } } }).Step;
    const report = /verify_nodes\.py (s3:\S+)/.exec(step.HadoopJarStep.Args[2]!)![1]!;
    const [master, node] = endpoints();
    void stack.put(report, { body: JSON.stringify({ endpoints: [master, { ...node, fingerprint: 'AA' }] }) });
    return { succeeds: {} };
  });
  const run = await stack.start(emrTls, WITH_CLUSTER);
  expect(await run.failure()).toMatchObject({
    code: 'BadData',
    message: expect.stringMatching(/two:8446 \(node\): presents the certificate AA, not /),
  });
  expect(double.ssm.parameters.size).toBe(0);
}, 60_000);

describe('a rotation', () => {
  test('that is not due changes nothing', async () => {
    await (await stack.start(emrTls, { days: 3650 })).result();
    const before = await readMade();
    const run = await stack.start(emrTlsRotate);
    expect(await run.result()).toMatchObject({ rotated: false, clusters: [], before: null });
    expect(await readMade()).toEqual(before);
  }, 60_000);

  test('that is due stores a new certificate, keeps the old one trusted, and names the clusters', async () => {
    const first = (await (await stack.start(emrTls, { days: 20 })).result())!;
    double.emr.clusters.push({
      ...{ id: 'j-1', name: 'nightly', state: 'WAITING', createdAt: new Date('2026-01-01T00:00:00Z') },
      tags: { 'ssm:ssl:inter-node-certificate': '/emr/inter-nodes-certificate' },
    });
    const run = await stack.start(emrTlsRotate, { days: 100 });
    const result = (await run.result())!;
    expect(result).toMatchObject({
      ...{ rotated: true, before: first.fingerprint },
      clusters: [{ id: 'j-1', name: 'nightly', createdAt: '2026-01-01T00:00:00.000Z' }],
    });
    expect(new X509Certificate(double.ssm.text('/emr/certificate')).fingerprint256).toBe(result.fingerprint);
    for (const name of ['/emr/certificate', '/emr/inter-nodes-certificate'])
      expect(new X509Certificate(double.ssm.text(`${name}:previous`)).fingerprint256).toBe(first.fingerprint);
  }, 60_000);

  test('without a certificate that is there says what to run first', async () => {
    const run = await stack.start(emrTlsRotate);
    expect((await run.failure()).message).toMatch(/There is no parameter \/emr\/.*; run emr-tls first/);
  }, 60_000);
});
