import { AwsFault, checkLimits } from './fault';

export interface ClusterOfDouble {
  id: string;
  name: string;
  state: string;
  createdAt: Date;
  tags: Record<string, string>;
}

const MEMBERS: Record<string, string[]> = {
  '': [
    'EncryptionConfiguration',
    'AuthenticationConfiguration',
    'AuthorizationConfiguration',
    'InstanceMetadataServiceConfiguration',
  ],
  EncryptionConfiguration: [
    'EnableInTransitEncryption',
    'EnableAtRestEncryption',
    'InTransitEncryptionConfiguration',
    'AtRestEncryptionConfiguration',
  ],
  InTransitEncryptionConfiguration: ['TLSCertificateConfiguration'],
  TLSCertificateConfiguration: ['CertificateProviderType', 'S3Object', 'CertificateProviderClass'],
  AtRestEncryptionConfiguration: ['S3EncryptionConfiguration', 'LocalDiskEncryptionConfiguration'],
  S3EncryptionConfiguration: ['EncryptionMode', 'AwsKmsKey'],
  LocalDiskEncryptionConfiguration: ['EncryptionKeyProviderType', 'AwsKmsKey', 'EnableEbsEncryption'],
};

/** Security configurations, which are checked as EMR does, and the clusters that a test has put. */
export class EmrDouble {
  readonly securityConfigurations = new Map<string, string>();
  readonly clusters: ClusterOfDouble[] = [];

  answer(operation: string, input: Record<string, unknown>): object {
    const name = () => checkLimits('emr.Name', input['Name']);
    switch (operation) {
      case 'CreateSecurityConfiguration': {
        if (this.securityConfigurations.has(name()))
          throw new AwsFault(
            'InvalidRequestException',
            `Security configuration with name '${name()}' already exists.`,
          );
        checkConfiguration(input['SecurityConfiguration'] as string);
        this.securityConfigurations.set(name(), input['SecurityConfiguration'] as string);
        return { Name: name(), CreationDateTime: Date.now() / 1000 };
      }
      case 'DescribeSecurityConfiguration':
        return {
          Name: name(),
          SecurityConfiguration: this.find(name()),
          CreationDateTime: Date.now() / 1000,
        };
      case 'DeleteSecurityConfiguration':
        this.find(name());
        this.securityConfigurations.delete(name());
        return {};
      case 'ListSecurityConfigurations':
        return {
          SecurityConfigurations: [...this.securityConfigurations.keys()].map((Name) => ({
            Name,
            CreationDateTime: 0,
          })),
        };
      case 'ListClusters': {
        const states = input['ClusterStates'] as string[] | undefined;
        const Clusters = this.clusters
          .filter(({ state }) => states === undefined || states.includes(state))
          .map(({ id, name: Name, state }) => ({ Id: id, Name, Status: { State: state } }));
        return { Clusters };
      }
      // DescribeCluster
      default: {
        const found = this.clusters.find(({ id }) => id === input['ClusterId']);
        if (found === undefined) throw new AwsFault('InvalidRequestException', 'Cluster id is not valid.');
        const { id, name: Name, state, createdAt, tags } = found;
        const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
        const Timeline = { CreationDateTime: createdAt.getTime() / 1000 };
        return { Cluster: { Id: id, Name, Status: { State: state, Timeline }, Tags } };
      }
    }
  }

  private find(name: string): string {
    const text = this.securityConfigurations.get(name);
    if (text === undefined)
      throw new AwsFault(
        'InvalidRequestException',
        `Security configuration with name '${name}' does not exist.`,
      );
    return text;
  }
}

/** What EMR refuses: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-create-security-configuration.html */
function checkConfiguration(text: string): void {
  const refuse = (why: string): never => {
    throw new AwsFault('InvalidRequestException', `Invalid security configuration: ${why}`);
  };
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return refuse('it is no JSON');
  }
  const visit = (at: Record<string, unknown>, name: string) => {
    for (const [member, inner] of Object.entries(at)) {
      if (MEMBERS[name] !== undefined && !MEMBERS[name].includes(member))
        refuse(`${name || 'it'} has no ${member}`);
      if (typeof inner === 'object' && inner !== null) visit(inner as Record<string, unknown>, member);
    }
  };
  visit(value, '');
  const encryption = value['EncryptionConfiguration'] as Record<string, unknown> | undefined;
  if (encryption === undefined) return refuse('EncryptionConfiguration is missing');
  for (const [flag, part] of [
    ['EnableInTransitEncryption', 'InTransitEncryptionConfiguration'],
    ['EnableAtRestEncryption', 'AtRestEncryptionConfiguration'],
  ] as const) {
    if (typeof encryption[flag] !== 'boolean') refuse(`${flag} is missing`);
    if (encryption[flag] !== (encryption[part] !== undefined))
      refuse(`${flag} and ${part} do not go together`);
  }
  const inTransit = encryption['InTransitEncryptionConfiguration'] as
    | { TLSCertificateConfiguration?: Record<string, unknown> }
    | undefined;
  const tls = inTransit?.TLSCertificateConfiguration;
  if (tls?.['CertificateProviderType'] !== 'Custom') return;
  if (!/^s3:\/\/[^/]+\/.+/.test(String(tls['S3Object']))) refuse('S3Object is no object');
  if (typeof tls['CertificateProviderClass'] !== 'string') refuse('CertificateProviderClass is missing');
}
