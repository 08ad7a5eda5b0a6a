import { findInputProblems, type TlsInput } from '../src/inputProblems';
import { defaultDomain, parameterNames, tlsTags } from '../src/names';
import { portsOf, withTls } from '../src/clusterWithTls';
import { brokerPolicy, BROKER_TRUST, instancePolicy } from '../src/policies';
import { buildSecurityConfiguration, findDifferences } from '../src/securityConfiguration';
import { findEndpointProblems } from '../src/tasks/readVerification';

const INPUT: TlsInput = {
  prefix: '/emr',
  certificate: 'self-signed',
  days: 365,
  name: 'emr-tls-ssm',
  functionName: 'get-ssm-parameter-lambda',
  roleName: 'lambda-ssm-parameter-store-role',
};

test('parameters and tags are those of the published system', () => {
  expect(Object.values(parameterNames('/emr'))).toEqual([
    '/emr/certificate',
    '/emr/private-key',
    '/emr/inter-nodes-certificate',
    '/emr/inter-nodes-private-key',
  ]);
  expect(tlsTags('/emr', 'get-ssm-parameter-lambda')).toEqual([
    { Key: 'ssm:ssl:certificate', Value: '/emr/certificate' },
    { Key: 'ssm:ssl:private-key', Value: '/emr/private-key' },
    { Key: 'ssm:ssl:inter-node-certificate', Value: '/emr/inter-nodes-certificate' },
    { Key: 'ssm:ssl:inter-node-private-key', Value: '/emr/inter-nodes-private-key' },
    { Key: 'tls:lambda-fn-name', Value: 'get-ssm-parameter-lambda' },
  ]);
  expect([defaultDomain('us-east-1'), defaultDomain('eu-west-1')]).toEqual([
    'ec2.internal',
    'eu-west-1.compute.internal',
  ]);
});

test('policies allow exactly the key, the function and the parameters', () => {
  const parameterArns = ['arn:aws:ssm:us-east-1:1:parameter/emr/certificate'];
  expect(BROKER_TRUST.Statement).toEqual([
    { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
  ]);
  expect(brokerPolicy(parameterArns).Statement).toEqual([
    { Effect: 'Allow', Action: 'ssm:GetParameter', Resource: parameterArns },
  ]);
  expect(instancePolicy({ keyArn: 'KEY', parameterArns, functionArn: 'FUNCTION' }).Statement).toEqual([
    { Sid: 'kms', Effect: 'Allow', Action: 'kms:Decrypt', Resource: 'KEY' },
    { Sid: 'lambda', Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: 'FUNCTION' },
  ]);
  expect(instancePolicy({ keyArn: 'KEY', parameterArns, functionArn: null }).Statement[1]).toEqual({
    ...{ Sid: 'ssm', Effect: 'Allow', Action: 'ssm:GetParameter', Resource: parameterArns },
  });
});

test('all problems of an input are told at once', () => {
  expect(findInputProblems(INPUT)).toEqual([]);
  const problems = findInputProblems({
    ...INPUT,
    domain: 'ec2 internal',
    prefix: 'emr/',
    certificate: '-----BEGIN CERTIFICATE-----',
    days: 4000,
    name: 'two words',
    functionName: 'a/b',
    roleName: 'a b',
    cluster: {
      SecurityConfiguration: 'other',
      Instances: { KeepJobFlowAliveWhenNoSteps: false },
      Tags: [
        { Key: 'ssm:ssl:certificate', Value: '/x' },
        { Key: 'team', Value: 'data & more' },
      ],
    },
  });
  expect(problems.map((problem) => problem.split(':')[0])).toEqual([
    ...['domain', 'prefix', 'certificate', 'privateKey', 'name', 'functionName', 'roleName', 'days'],
    ...['cluster.SecurityConfiguration', 'cluster.Instances.KeepJobFlowAliveWhenNoSteps'],
    ...['cluster.Tags', 'cluster.Tags'],
  ]);
});

test.each([
  ['/aws/emr', /taken/],
  ['/ssm-keys', /taken/],
  [`/${'x'.repeat(240)}`, /too long for a tag/],
  [`${'/a'.repeat(15)}`, /at most 14 parts/],
  ['/emr/../x y', /give a path/],
])('the prefix %s is refused', (prefix, said) => {
  expect(findInputProblems({ ...INPUT, prefix }).join()).toMatch(said);
});

test('a key in the place of its location is refused without being repeated', () => {
  const privateKey = '-----BEGIN PRIVATE KEY-----SECRET';
  const problems = findInputProblems({ ...INPUT, certificate: 's3://lake/a.pem', privateKey });
  expect(problems).toEqual([
    'privateKey: that is no file; give its location, s3://… or file:///…, not the key itself',
  ]);
});

test('fifty tags are the most that a cluster has', () => {
  const Tags = Array.from({ length: 42 }, (_, i) => ({ Key: `k${i}`, Value: 'v' }));
  expect(findInputProblems({ ...INPUT, cluster: { Tags } })).toEqual([]);
  expect(
    findInputProblems({ ...INPUT, cluster: { Tags: [...Tags, { Key: 'one', Value: '' }] } }),
  ).toHaveLength(1);
});

const SCRIPTS = Object.fromEntries(
  ['emr-presto-conf.sh', 'presto-update-trusted-store.sh', 'zeppelin-ssl.sh'].map((name) => [
    name,
    `s3://l/${name}`,
  ]),
);
const CLUSTER = {
  ...{ name: 'emr-tls-ssm', prefix: '/emr', functionName: null, scripts: SCRIPTS, region: 'eu-west-1' },
  cluster: { Name: 'mine', Applications: [{ Name: 'Presto' }], Tags: [{ Key: 'team', Value: 'data' }] },
};

test('a cluster gets what its applications need, and keeps what it had', () => {
  const made = withTls({
    ...CLUSTER,
    applications: ['Presto', 'Hue', 'Zeppelin'],
    masterName: 'emr.ec2.internal',
  });
  expect(made).toMatchObject({
    Name: 'mine',
    SecurityConfiguration: 'emr-tls-ssm',
    Instances: { KeepJobFlowAliveWhenNoSteps: true },
    Applications: [{ Name: 'Presto' }, { Name: 'Hue' }, { Name: 'Zeppelin' }],
    BootstrapActions: [
      {
        Name: 'PrestoConfiguration',
        ScriptBootstrapAction: { Path: 's3://l/emr-presto-conf.sh', Args: ['emr.ec2.internal'] },
      },
    ],
    Configurations: [
      {
        Classification: 'hue-ini',
        Configurations: [
          {
            Classification: 'desktop',
            Properties: {
              ssl_certificate: '/etc/certs/public.crt',
              ssl_private_key: '/etc/certs/private.key',
            },
          },
        ],
      },
    ],
    Steps: [
      {
        Name: 'EMR-Setup-Presto-Trusted-Store',
        ActionOnFailure: 'CONTINUE',
        HadoopJarStep: { Jar: 's3://eu-west-1.elasticmapreduce/libs/script-runner/script-runner.jar' },
      },
      { Name: 'EMR-Setup-Zeppelin-SSL' },
    ],
  });
  expect(made.Tags!.map(({ Key }) => Key)).toEqual([
    ...['team', 'ssm:ssl:certificate', 'ssm:ssl:private-key'],
    ...['ssm:ssl:inter-node-certificate', 'ssm:ssl:inter-node-private-key'],
  ]);
  expect(portsOf(['Presto', 'Hue', 'Zeppelin'])).toEqual([
    ...['node:13562', 'master:8446', 'node:8446', 'master:8888', 'master:7773'],
  ]);
});

test('with a wildcard, Presto keeps the addresses that EMR gives it', () => {
  const made = withTls({ ...CLUSTER, applications: ['Presto'], masterName: null });
  expect(made.BootstrapActions).toEqual([]);
});

test('a configuration that differs is shown by its members, whatever their order', () => {
  const wanted = buildSecurityConfiguration({ jar: 's3://lake/b.jar', atRestKeyArn: null });
  const there = {
    EncryptionConfiguration: {
      InTransitEncryptionConfiguration: {
        TLSCertificateConfiguration: {
          CertificateProviderClass: 'emrtls',
          S3Object: 's3://lake/a.jar',
          CertificateProviderType: 'Custom',
        },
      },
      EnableAtRestEncryption: false,
      EnableInTransitEncryption: true,
    },
  };
  expect(findDifferences(there, wanted)).toEqual([
    'EncryptionConfiguration.InTransitEncryptionConfiguration.TLSCertificateConfiguration.S3Object: there "s3://lake/a.jar", wanted "s3://lake/b.jar"',
  ]);
  expect(findDifferences({}, { a: [1] })).toEqual(['a: there nothing, wanted [1]']);
});

test('what the ports of a cluster presented is judged one by one', () => {
  const wanted = { masterFingerprint: 'AA', nodesFingerprint: 'BB' };
  const good = {
    host: 'm',
    port: 8446,
    role: 'master' as const,
    protocol: 'TLSv1.3',
    fingerprint: 'AA',
    error: null,
  };
  const node = { ...good, host: 'n', role: 'node' as const, fingerprint: 'BB' };
  expect(findEndpointProblems([good, node], wanted)).toEqual([]);
  expect(findEndpointProblems([good], wanted)).toEqual([expect.stringContaining('no node was seen')]);
  expect(
    findEndpointProblems(
      [
        { ...good, fingerprint: 'BB' },
        { ...node, protocol: 'TLSv1' },
        { ...node, protocol: null, fingerprint: null, error: 'refused' },
      ],
      wanted,
    ),
  ).toEqual([
    'm:8446 (master): presents the certificate BB, not AA',
    'n:8446 (node): speaks TLSv1',
    'n:8446 (node): no TLS: refused',
  ]);
});
