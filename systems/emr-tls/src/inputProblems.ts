import type { RunJobFlowCommandInput } from '@aws-sdk/client-emr';
import { FUNCTION_TAG, PARAMETER_TAGS, parameterNames } from './names';

/** RunJobFlow's own input; a name and instances are added where they are not given. */
export type ClusterInput = Partial<RunJobFlowCommandInput>;

export interface TlsInput {
  domain?: string | undefined;
  prefix: string;
  certificate: string;
  privateKey?: string | undefined;
  days: number;
  name: string;
  functionName: string;
  roleName: string;
  cluster?: ClusterInput | undefined;
}

/** Tags of EMR: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-tags.html */
const TAG_VALUE = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const MOST_TAGS = 50;

/** What is wrong with the input that can be seen without AWS, one line each: `field: what; the cure`. */
export function findInputProblems(input: TlsInput): string[] {
  return [
    ...findDomainProblems(input.domain),
    ...findPrefixProblems(input.prefix),
    ...findCertificateSourceProblems(input),
    ...findNameProblems(input),
    ...(input.cluster === undefined ? [] : findClusterProblems(input.cluster, input.name)),
  ];
}

function findDomainProblems(domain: string | undefined): string[] {
  if (domain === undefined) return [];
  const labels = domain.split('.');
  if (labels.length >= 2 && labels.every((label) => LABEL.test(label)) && domain.length <= 250) return [];
  return [
    `domain: ${JSON.stringify(domain)} is no domain; give that of the VPC's DHCP options, such as ec2.internal`,
  ];
}

/** Hierarchies of the parameter store: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-hierarchies.html */
function findPrefixProblems(prefix: string): string[] {
  if (!/^(\/[\w.-]+){1,14}$/.test(prefix))
    return [
      `prefix: ${JSON.stringify(prefix)}; give a path of the parameter store such as /emr, of at most 14 parts`,
    ];
  if (/^\/(aws|ssm)/i.test(prefix))
    return [`prefix: ${JSON.stringify(prefix)}; names that begin with aws or ssm are taken; give another`];
  const longest = Object.values(parameterNames(prefix)).find((name) => !TAG_VALUE.test(name));
  return longest === undefined ? [] : [`prefix: ${longest} is too long for a tag (256); give a shorter one`];
}

function findCertificateSourceProblems({ certificate, privateKey }: TlsInput): string[] {
  const isLocation = (text: string) =>
    /^s3:\/\/[^/]+\/.+[^/]$/.test(text) || /^file:\/\/\/.+[^/]$/.test(text);
  const problems: string[] = [];
  if (certificate === 'self-signed') {
    if (privateKey !== undefined)
      problems.push(
        'privateKey: a self-signed certificate gets a new key; leave it out, or give certificate',
      );
    return problems;
  }
  if (!isLocation(certificate))
    problems.push(
      `certificate: ${JSON.stringify(certificate)}; give self-signed, or the PEM file s3://… or file:///… with the chain`,
    );
  if (privateKey === undefined)
    problems.push("privateKey: missing; give the PEM file s3://… or file:///… of the certificate's key");
  else if (!isLocation(privateKey))
    problems.push('privateKey: that is no file; give its location, s3://… or file:///…, not the key itself');
  return problems;
}

function findNameProblems({ name, functionName, roleName, days }: TlsInput): string[] {
  return [
    ...(name.length <= 256 && /^[^\s]+$/.test(name)
      ? []
      : [`name: ${JSON.stringify(name)}; give up to 256 characters without spaces`]),
    ...(/^[\w-]{1,64}$/.test(functionName)
      ? []
      : [`functionName: ${JSON.stringify(functionName)}; give up to 64 letters, digits, "-" and "_"`]),
    ...(/^[\w+=,.@-]{1,64}$/.test(roleName)
      ? []
      : [`roleName: ${JSON.stringify(roleName)}; give up to 64 characters of a role's name`]),
    ...(days <= 3650 ? [] : [`days: ${days}; give up to 3650`]),
  ];
}

function findClusterProblems(cluster: ClusterInput, name: string): string[] {
  const problems: string[] = [];
  const { SecurityConfiguration: other, Tags = [], Instances } = cluster;
  if (other !== undefined && other !== name)
    problems.push(`cluster.SecurityConfiguration: ${JSON.stringify(other)} is not ${name}; leave it out`);
  if (Instances?.KeepJobFlowAliveWhenNoSteps === false)
    problems.push(
      'cluster.Instances.KeepJobFlowAliveWhenNoSteps: false; a cluster that ends cannot be verified, leave it out',
    );
  const own = new Set([...Object.values(PARAMETER_TAGS), FUNCTION_TAG]);
  for (const { Key = '', Value = '' } of Tags) {
    if (own.has(Key)) problems.push(`cluster.Tags: ${Key} is set by the pipeline; leave it out`);
    if (!TAG_VALUE.test(Value) || Key === '' || !TAG_VALUE.test(Key) || Key.length > 128)
      problems.push(
        `cluster.Tags: ${JSON.stringify(Key)} is no tag of EMR; give letters, digits, spaces and _.:/=+-@`,
      );
  }
  // The engine adds three of its own.
  if (Tags.length + own.size + 3 > MOST_TAGS)
    problems.push(`cluster.Tags: ${Tags.length} leave no room for ${own.size + 3} more; give at most 42`);
  return problems;
}
