import { definePipeline, field, joinLocation, task, type InputOf, type Job, type Run } from 'sluice/workflow';
import type { DescribedCertificate } from '../certificates';
import { APPLICATIONS, portsOf, withTls } from '../clusterWithTls';
import { findInputProblems, type ClusterInput } from '../inputProblems';
import { BROKER_FUNCTION, BROKER_ROLE, parameterNames } from '../names';
import type { TlsPlan } from '../tasks/checkTls';
import type { Broker } from '../tasks/makeBroker';
import type { PublishedProvider } from '../tasks/publishProvider';
import type { VerifiedEndpoint } from '../tasks/readVerification';
import type { StoredCertificates } from '../tasks/storeCertificate';
import type { LocalHandshake } from '../tasks/verifyOnJvm';
import { withUndo, type RegisterUndo } from './_undo';

const isCluster = (value: unknown): value is ClusterInput =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const areApplications = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => (APPLICATIONS as readonly unknown[]).includes(each));

const INPUT = {
  lake: field.s3({ about: 'the bucket of the provider JAR and of reports', default: 's3://lake' }),
  domain: field.text({
    about: "of the VPC's DHCP options; by default ec2.internal in us-east-1, else REGION.compute.internal",
    optional: true,
  }),
  keyId: field.text({ about: 'the KMS key of the parameters: id, ARN or alias', default: 'alias/emr-tls' }),
  prefix: field.text({ about: 'of the four parameters', default: '/emr' }),
  broker: field.choice(['lambda', 'ssm'], {
    about: 'who reads the parameters for the nodes: a Lambda function, or each node itself',
    default: 'lambda',
  }),
  name: field.text({ about: 'of the security configuration', default: 'emr-tls-ssm' }),
  certificate: field.text({
    about:
      'what the master presents: self-signed, or the PEM file s3://… or file:///… of a certificate and its chain',
    default: 'self-signed',
  }),
  privateKey: field.text({ about: "the PEM file of the given certificate's key (PKCS#8)", optional: true }),
  days: field.integer({ about: 'how long a certificate that is made is valid', least: 1, default: 365 }),
  atRest: field.choice(['none', 'kms'], { about: 'encryption at rest, by the same key', default: 'none' }),
  instanceProfile: field.text({
    about: "whose role is allowed to read the certificates; by default the cluster's JobFlowRole",
    optional: true,
  }),
  functionName: field.text({ about: "the broker's function", default: BROKER_FUNCTION }),
  roleName: field.text({ about: "the broker's role", default: BROKER_ROLE }),
  applications: field.value(areApplications, {
    needs: 'a list of Presto, Hue and Zeppelin',
    about: 'which get what they need for TLS beside: Presto, Hue, Zeppelin',
    default: [],
  }),
  cluster: field.value(isCluster, {
    needs: "RunJobFlow's own input as an object",
    about: "RunJobFlow's input; without it the run stops after the security configuration",
    optional: true,
  }),
};
type Input = InputOf<typeof INPUT>;

export interface EmrTlsResult {
  parameters: { name: string; version: number }[];
  /** Of the certificate that the master presents, SHA-256. */
  fingerprint: string;
  /** Of the one between nodes; the same unless a certificate was given. */
  nodesFingerprint: string;
  /** When the first of the two ends, ISO 8601. */
  notAfter: string;
  jar: string;
  securityConfiguration: string;
  functionArn: string | null;
  clusterId: string | null;
  /** What each port of the cluster presented, or what two nodes said of each other on this machine. */
  verified: VerifiedEndpoint[] | LocalHandshake[] | null;
}

/** Check, store the certificate, broker, provider, security configuration, policy; then a cluster, and whether it is encrypted. */
export const emrTls = definePipeline(
  {
    name: 'emr-tls',
    about:
      'Encrypts what the nodes of an EMR cluster say to each other, from the certificate to a verified cluster.',
    input: INPUT,
    findProblems: (input) => findInputProblems(input),
    resources: [
      'elasticmapreduce:createCluster',
      'elasticmapreduce:addStep',
      'elasticmapreduce:terminateCluster',
    ],
  },
  async (run, input): Promise<EmrTlsResult> => {
    const { certificate, privateKey, prefix, keyId, name, functionName, roleName, domain } = input;
    const instanceProfile = input.instanceProfile ?? input.cluster?.JobFlowRole;
    const checked = await run.job(
      'check',
      task('check-tls', {
        domain,
        keyId,
        prefix,
        certificate,
        privateKey,
        name,
        functionName,
        roleName,
        instanceProfile,
      }),
    );
    const plan = checked.payload as TlsPlan;
    return withUndo(run, (undo) => encrypt({ run, input, plan, undo }));
  },
);

interface Encrypting {
  run: Run;
  input: Input;
  plan: TlsPlan;
  undo: RegisterUndo;
}

async function encrypt(of: Encrypting): Promise<EmrTlsResult> {
  const { run, input, plan, undo } = of;
  const { lake, name } = input;
  const stored = await storeCertificate(of);
  const broker = input.broker === 'lambda' ? await makeBroker(of) : null;
  undo('publish provider', task('remove-provider', { lake, owner: plan.owner }));
  const published = await run.job('publish provider', task('publish-provider', { lake, owner: plan.owner }), {
    timeout: '1 hour',
  });
  const provider = published.payload as PublishedProvider;

  const configuration = {
    name,
    jar: provider.jar,
    ...(input.atRest === 'kms' ? { atRestKeyArn: plan.keyArn } : {}),
  };
  if (!plan.before.securityConfiguration)
    undo('create security configuration', task('remove-security-configuration', configuration));
  await run.job('create security configuration', task('create-security-configuration', configuration));
  if (plan.instanceRole !== null) await allowNodes(of, plan.instanceRole, broker);

  const functionName = broker === null ? null : input.functionName;
  const hosted = { stored, provider, functionName };
  const { clusterId, verified } = plan.isLocal
    ? { clusterId: null, verified: await verifyHere(of, hosted) }
    : input.cluster === undefined
      ? { clusterId: null, verified: null }
      : await runCluster(of, input.cluster, hosted);
  return {
    parameters: stored.parameters,
    fingerprint: stored.master.fingerprint,
    nodesFingerprint: stored.nodes.fingerprint,
    notAfter: [stored.master.notAfter, stored.nodes.notAfter].sort()[0]!,
    jar: provider.jar,
    securityConfiguration: name,
    functionArn: broker?.functionArn ?? null,
    clusterId,
    verified,
  };
}

async function storeCertificate({ run, input, plan, undo }: Encrypting): Promise<StoredCertificates> {
  const { prefix, days, certificate, privateKey } = input;
  const { keyArn, domain, owner } = plan;
  const before = plan.before.parameters;
  undo('store certificate', task('restore-parameters', { owner, before }));
  const { payload } = await run.job(
    'store certificate',
    task('store-certificate', { prefix, keyArn, domain, days, certificate, privateKey, owner, before }),
  );
  return payload as StoredCertificates;
}

async function makeBroker({ run, input, plan, undo }: Encrypting): Promise<Broker> {
  const { functionName, roleName } = input;
  const names = { functionName, roleName, owner: plan.owner };
  undo('make broker', task('remove-broker', { ...names, policyWasThere: plan.before.rolePolicy }));
  const { payload } = await run.job(
    'make broker',
    task('make-broker', { ...names, parameterArns: arnsOf(input, plan) }),
  );
  return payload as Broker;
}

async function allowNodes(
  { run, input, plan, undo }: Encrypting,
  roleName: string,
  broker: Broker | null,
): Promise<void> {
  const policy = {
    ...{ roleName, policyName: input.name, keyArn: plan.keyArn, parameterArns: arnsOf(input, plan) },
    ...(broker === null ? {} : { functionArn: broker.functionArn }),
  };
  if (!plan.before.instancePolicy) undo('allow nodes', task('remove-instance-policy', policy));
  await run.job('allow nodes', task('put-instance-policy', policy));
}

function arnsOf({ prefix }: Input, { keyArn }: TlsPlan): string[] {
  const [, partition, , region, account] = keyArn.split(':');
  return Object.values(parameterNames(prefix)).map(
    (name) => `arn:${partition}:ssm:${region}:${account}:parameter${name}`,
  );
}

interface Hosted {
  stored: { master: DescribedCertificate; nodes: DescribedCertificate };
  provider: PublishedProvider;
  functionName: string | null;
}

/** On a local stack: two JVMs in the place of a cluster. */
async function verifyHere(
  { run, input, plan }: Encrypting,
  { stored, functionName }: Hosted,
): Promise<LocalHandshake[]> {
  const { hostName } = stored.master;
  const { payload } = await run.job(
    'verify',
    task('verify-on-jvm', {
      ...{ prefix: input.prefix, domain: plan.domain },
      ...(functionName === null ? {} : { functionName }),
      ...(hostName === null ? {} : { masterHost: hostName }),
    }),
    { timeout: '10 minutes' },
  );
  return (payload as { handshakes: LocalHandshake[] }).handshakes;
}

async function runCluster(
  { run, input, plan, undo }: Encrypting,
  cluster: ClusterInput,
  { stored, provider, functionName }: Hosted,
): Promise<{ clusterId: string; verified: VerifiedEndpoint[] }> {
  const { name, prefix, applications, lake } = input;
  const { region } = plan;
  const parameters = withTls({
    ...{ cluster, name, prefix, functionName, applications, region },
    scripts: provider.scripts,
    masterName: stored.master.hostName,
  });
  const job: Job = { resource: 'elasticmapreduce:createCluster', parameters };
  const { externalId: ClusterId } = await run.job('create cluster', job, { timeout: '2 hours', keep: true });
  undo('create cluster', { resource: 'elasticmapreduce:terminateCluster', parameters: { ClusterId } });

  const report = joinLocation(lake, 'emr-tls', 'verified', `${ClusterId}.json`);
  const script = provider.scripts['verify_nodes.py']!;
  const ports = portsOf(applications).join(' ');
  const command = `aws s3 cp ${script} /tmp/verify_nodes.py && python3 /tmp/verify_nodes.py ${report} ${ports}`;
  await run.job(
    'look at nodes',
    {
      resource: 'elasticmapreduce:addStep',
      parameters: {
        ClusterId,
        Step: {
          Name: 'verify TLS',
          ActionOnFailure: 'CONTINUE',
          HadoopJarStep: { Jar: 'command-runner.jar', Args: ['bash', '-c', command] },
        },
      },
    },
    { timeout: '1 hour' },
  );
  const { payload } = await run.job(
    'verify',
    task('read-verification', {
      report,
      masterFingerprint: stored.master.fingerprint,
      nodesFingerprint: stored.nodes.fingerprint,
    }),
  );
  return { clusterId: ClusterId, verified: (payload as { endpoints: VerifiedEndpoint[] }).endpoints };
}
