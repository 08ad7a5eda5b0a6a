import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CreateFunctionCommand } from '@aws-sdk/client-lambda';
import { CreateRoleCommand, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { LabelParameterVersionCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import { zipSync } from 'fflate';
import { testLong } from '../../../test/support/long';
import { closeAws, createAws, type Aws } from '../src/aws';
import { describeCertificate, makeSelfSigned, type Pair } from '../src/certificates';
import { AwsDouble } from '../src/doubles/awsDouble';
import { AwsFault } from '../src/doubles/fault';
import { parameterNames, tlsTags } from '../src/names';
import { BROKER_TRUST, brokerPolicy } from '../src/policies';
import { buildJar, findJar, nodeClassPath } from '../src/provider/buildJar';
import { JavaNode } from '../src/provider/javaNode';
import { readSettings } from '../src/settings';
import { putInstance } from '../src/tasks/verifyOnJvm';
import { issue } from './support/authority';
import { KEYS } from './support/taskContext';

const FUNCTION = 'get-ssm-parameter-lambda';
const settings = readSettings();
const names = parameterNames('/emr');
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

let jar: string;
let folder: string;
let double: AwsDouble;
let endpoint: string;
let aws: Aws;
let nodes: JavaNode[];

beforeAll(async () => {
  jar = await findJar(settings, AbortSignal.timeout(600_000));
  folder = await mkdtemp(join(tmpdir(), 'emr-tls-provider-'));
}, 600_000);

beforeEach(async () => {
  nodes = [];
  double = new AwsDouble();
  endpoint = await double.listen();
  aws = createAws({ endpoint, region: 'us-east-1', credentials: KEYS });
  await makeBroker();
});

afterEach(async () => {
  for (const node of nodes) node.stop();
  closeAws(aws);
  await double.close();
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function makeBroker(): Promise<void> {
  const RoleName = 'broker';
  const { Role } = await aws.iam.send(
    new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: JSON.stringify(BROKER_TRUST) }),
  );
  const policy = brokerPolicy(Object.values(names).map((name) => double.ssm.arnOf(name)));
  await aws.iam.send(
    new PutRolePolicyCommand({ RoleName, PolicyName: 'ssm', PolicyDocument: JSON.stringify(policy) }),
  );
  const ZipFile = zipSync({ 'lambda_function.py': new Uint8Array([1]) });
  await aws.lambda.send(
    new CreateFunctionCommand({
      ...{
        FunctionName: FUNCTION,
        Role: Role!.Arn!,
        Handler: 'lambda_function.lambda_handler',
        Code: { ZipFile },
      },
    }),
  );
}

async function put(Name: string, Value: string): Promise<void> {
  await aws.ssm.send(
    new PutParameterCommand({ Name, Value, Type: 'SecureString', KeyId: 'alias/emr-tls', Overwrite: true }),
  );
}

async function store(master: Pair, between: Pair): Promise<void> {
  await put(names.certificate, master.certificate);
  await put(names.privateKey, master.privateKey);
  await put(names.nodesCertificate, between.certificate);
  await put(names.nodesPrivateKey, between.privateKey);
}

interface NodeOptions {
  broker?: 'lambda' | 'ssm';
  /** Tags that the instance does not have. */
  without?: string[];
  folder?: string;
}

async function start(role: 'MASTER' | 'CORE' | 'TASK', options: NodeOptions = {}): Promise<JavaNode> {
  const { broker = 'lambda', without = [], folder: files } = options;
  const tags = Object.fromEntries(
    tlsTags('/emr', broker === 'lambda' ? FUNCTION : null)
      .filter(({ Key }) => !without.includes(Key))
      .map(({ Key, Value }) => [Key, Value]),
  );
  const node = await JavaNode.start({
    ...{ java: settings.java, classPath: nodeClassPath(jar), endpoint, folder: files ?? null },
    metadata: await putInstance(endpoint, { ...tags, 'aws:elasticmapreduce:instance-group-role': role }),
    signal: AbortSignal.timeout(120_000),
  });
  nodes.push(node);
  return node;
}

const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => 'it did not fail',
    (error: Error) => error.message,
  );

const FIRST = 'ip-10-0-0-1.ec2.internal';

test('the JAR has the provider for Java 8, what it uses under names of its own, and not the interface', async () => {
  const { stdout } = await promisify(execFile)('unzip', ['-Z1', jar], { maxBuffer: 64 * 1024 * 1024 });
  const classes = stdout.split('\n').filter((name) => name.endsWith('.class'));
  expect(classes).toContain('emrtls.class');
  expect(classes.filter((name) => name !== 'emrtls.class' && !name.startsWith('sluice/emrtls/'))).toEqual([]);
  const bytes = execFileSync('unzip', ['-p', jar, 'emrtls.class']);
  // Java 8's class files have the major version 52: https://docs.oracle.com/javase/specs/jvms/se8/html/jvms-4.html
  expect(bytes.readUInt16BE(6)).toBe(52);
  // Nothing in it tells when it was built: two builds of the same sources are the same bytes.
  const { stdout: listed } = await promisify(execFile)('unzip', ['-ZT', jar], {
    maxBuffer: 64 * 1024 * 1024,
  });
  const own = listed.split('\n').filter((line) => / (emrtls|sluice\/emrtls\/[A-Z][\w$]*)\.class$/.test(line));
  expect(own.length).toBeGreaterThan(5);
  expect(own.filter((line) => !line.includes(' 20200101.000000 '))).toEqual([]);
});

test('master, core and task node talk mutual TLS 1.3, with a chain of three and an EC key, and after a change trust what was before besides', async () => {
  const master = issue({ name: 'emr.ec2.internal' });
  const between = issue({ key: 'rsa', issuers: 0 });
  await store(master, between);
  double.hooks = { before: () => wait(100) };
  const [first, core, extra] = await Promise.all([
    start('MASTER', { folder: join(folder, 'master') }),
    start('CORE', { folder: join(folder, 'core') }),
    start('TASK', { broker: 'ssm' }),
  ]);
  const port = await first.listen('TLSv1.3');
  const to = { host: 'emr.ec2.internal', port, protocol: 'TLSv1.3' };
  expect(await core.connect(to)).toBe('connected TLSv1.3 CN=emr.ec2.internal');
  expect(await extra.connect(to)).toBe('connected TLSv1.3 CN=emr.ec2.internal');
  const corePort = await core.listen('TLSv1.3');
  expect(await first.connect({ host: FIRST, port: corePort, protocol: 'TLSv1.3' })).toBe(
    'connected TLSv1.3 CN=*.ec2.internal',
  );
  // A task node has what lies between nodes, not the master's key.
  const extraPort = await extra.listen('TLSv1.3');
  expect(await core.connect({ host: FIRST, port: extraPort, protocol: 'TLSv1.3' })).toBe(
    'connected TLSv1.3 CN=*.ec2.internal',
  );

  const elsewhere = 'ip-10-0-0-1.eu-west-1.compute.internal';
  expect(await core.connect({ ...to, host: elsewhere })).toMatch(
    /^refused .*No (name|subject).*matching|No subject/,
  );
  expect(await core.connect({ ...to, protocol: 'TLSv1.2' })).toMatch(/^refused .*protocol_version/);

  // What the cluster's own look would report of the two.
  const script = join(__dirname, '..', 'cluster', 'verify_nodes.py');
  const ports = [`127.0.0.1@master:${port}`, `127.0.0.1@node:${corePort}`, '127.0.0.1@node:1'];
  const said = execFile('python3', [script, '-', ...ports]);
  let report = '';
  for await (const chunk of said.stdout!) report += chunk as string;
  const secure = { host: '127.0.0.1', protocol: 'TLSv1.3', error: null };
  expect(JSON.parse(report)).toEqual({
    endpoints: [
      { ...secure, port, role: 'master', fingerprint: describeCertificate(master.certificate).fingerprint },
      {
        ...secure,
        ...{
          port: corePort,
          role: 'node',
          fingerprint: describeCertificate(between.certificate).fingerprint,
        },
      },
      {
        ...{ host: '127.0.0.1', port: 1, role: 'node', protocol: null, fingerprint: null },
        error: expect.stringContaining('refused'),
      },
    ],
  });

  const key = await stat(join(folder, 'master', 'private.key'));
  expect((key.mode & 0o777).toString(8)).toBe('600');
  expect(await readFile(join(folder, 'master', 'private.key'), 'utf8')).toBe(master.privateKey);
  expect(await readFile(join(folder, 'master', 'public.crt'), 'utf8')).toBe(master.certificate);
  expect(await readFile(join(folder, 'core', 'private.key'), 'utf8')).not.toContain(master.privateKey);
  for (const node of nodes) expect(node.log).not.toContain('PRIVATE KEY');
  double.hooks = {};
  await expectBothTrusted(first, core, { before: { master, between }, now: issue({ issuers: 0 }) });
}, 120_000);

/** Of a certificate that is changed, and changed back: what each node trusts is what it was when the node loaded it. */
async function expectBothTrusted(
  first: JavaNode,
  core: JavaNode,
  { before, now }: { before: { master: Pair; between: Pair }; now: Pair },
): Promise<void> {
  const label = async (ParameterVersion: number) => {
    for (const Name of [names.certificate, names.nodesCertificate])
      await aws.ssm.send(new LabelParameterVersionCommand({ Name, ParameterVersion, Labels: ['previous'] }));
  };
  const shake = async (from: JavaNode, to: JavaNode) =>
    from.connect({ host: FIRST, port: await to.listen('TLSv1.3'), protocol: 'TLSv1.3' });
  await store(now, now);
  await label(1);
  await first.load();
  expect(await shake(core, first)).toMatch(/^refused .*(trust|path)/);
  await store(before.master, before.between);
  await label(2);
  await core.load();
  expect(await shake(core, first)).toBe('connected TLSv1.3 CN=*.ec2.internal');
  expect(await shake(first, core)).toBe('connected TLSv1.3 CN=*.ec2.internal');
}

test('each failure is one sentence in the log of EMR', async () => {
  const pair = issue({ issuers: 0 });
  await store(pair, pair);
  const node = await start('CORE');
  const [[instance, tags]] = [...double.instances.tags] as [[string, Record<string, string>]];
  const expectFailure = async (said: RegExp) => {
    const message = await failureOf(node.load());
    expect(message).toMatch(said);
    expect(message.split('\n')).toHaveLength(1);
    expect(node.log).toContain(`emr-tls: ${message.replace('The provider gives no certificate: ', '')}\n`);
  };

  const without = { ...tags };
  delete without['ssm:ssl:inter-node-private-key'];
  double.instances.tags.set(instance, without);
  await expectFailure(/the instance has no tag ssm:ssl:inter-node-private-key; create the cluster with it$/);
  double.instances.tags.set(instance, tags);

  double.hooks = {
    before: ({ operation }) => {
      if (operation === 'kms:Decrypt') throw new AwsFault('AccessDeniedException', 'no');
    },
  };
  await expectFailure(
    /kms:Decrypt of \/emr\/inter-nodes-certificate was refused: AccessDeniedException: no; allow the instance's role kms:Decrypt/,
  );
  double.hooks = {};

  const { policies } = double.iam.roles.get('broker')!;
  const allowed = policies.get('ssm')!;
  policies.clear();
  await expectFailure(
    /the function get-ssm-parameter-lambda failed for \/emr\/inter-nodes-certificate: .*AccessDeniedException.*; see the function's log$/,
  );
  policies.set('ssm', allowed);

  await put(names.nodesPrivateKey, issue({ issuers: 0 }).privateKey);
  await expectFailure(
    /the key in the parameter \/emr\/inter-nodes-private-key is not that of the certificate in \/emr\/inter-nodes-certificate; store both anew$/,
  );
  await store(pair, issue({ notAfter: '20200201000000Z', issuers: 0 }));
  await expectFailure(
    /the certificate CN=\*\.ec2\.internal in \/emr\/inter-nodes-certificate ended on 2020-02-01T00:00:00Z; store a new one$/,
  );
  await store(pair, pair);
  await node.load();
}, 120_000);

test('where Java or Maven is missing, that is said with what helps', async () => {
  const missing = JavaNode.start({
    ...{ java: join(folder, 'no-java'), classPath: [jar], endpoint, metadata: endpoint, folder: null },
    signal: AbortSignal.timeout(60_000),
  });
  await expect(missing).rejects.toMatchObject({
    code: 'MissingTool',
    message: expect.stringMatching(
      /there is no program .*no-java\. Install Java 8 or later, or set JAVA_HOME$/,
    ),
  });
  const withoutMaven = {
    ...settings,
    jar: null,
    cache: join(folder, 'cache'),
    maven: join(folder, 'no-maven'),
  };
  await expect(findJar(withoutMaven, AbortSignal.timeout(60_000))).rejects.toMatchObject({
    code: 'MissingTool',
    message: expect.stringMatching(/Maven 3\.8 or later and a JDK 8 to 19 are needed.*EMR_TLS_JAR/),
  });
}, 60_000);

testLong(
  'answers that take 30 s are waited for',
  async () => {
    const pair = await makeSelfSigned({ domain: 'ec2.internal', days: 1, now: new Date(), bits: 2048 });
    await store(pair, pair);
    let slow = true;
    double.hooks = {
      before: async ({ operation }) => {
        if (operation === 'lambda:Invoke' && slow) {
          slow = false;
          await wait(30_000);
        }
      },
    };
    await start('CORE');
    expect(double.count('lambda:Invoke')).toBe(5);
  },
  180_000,
);

testLong(
  'two builds give the same bytes',
  async () => {
    const built = join(folder, 'again');
    await promisify(execFile)('mkdir', [built]);
    await buildJar({ folder: built, maven: settings.maven, signal: AbortSignal.timeout(600_000) });
    expect((await readFile(join(built, 'emr-tls.jar'))).equals(await readFile(jar))).toBe(true);
  },
  900_000,
);
