import { PROVIDER_CLASS } from './names';

export interface DescribeConfiguration {
  /** `s3://…` of the provider JAR. */
  jar: string;
  /** The key of encryption at rest, or null for none. */
  atRestKeyArn: string | null;
}

/** What EMR takes: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-create-security-configuration.html */
export function buildSecurityConfiguration({ jar, atRestKeyArn }: DescribeConfiguration): object {
  return {
    EncryptionConfiguration: {
      EnableInTransitEncryption: true,
      EnableAtRestEncryption: atRestKeyArn !== null,
      InTransitEncryptionConfiguration: {
        TLSCertificateConfiguration: {
          CertificateProviderType: 'Custom',
          S3Object: jar,
          CertificateProviderClass: PROVIDER_CLASS,
        },
      },
      ...(atRestKeyArn === null
        ? {}
        : {
            AtRestEncryptionConfiguration: {
              S3EncryptionConfiguration: { EncryptionMode: 'SSE-KMS', AwsKmsKey: atRestKeyArn },
              LocalDiskEncryptionConfiguration: {
                EncryptionKeyProviderType: 'AwsKms',
                AwsKmsKey: atRestKeyArn,
              },
            },
          }),
    },
  };
}

/** Where two JSON values differ, one line each: `path: there X, wanted Y`. The order of members is none of it. */
export function findDifferences(there: unknown, wanted: unknown, path = ''): string[] {
  if (isObject(there) && isObject(wanted)) {
    const names = [...new Set([...Object.keys(there), ...Object.keys(wanted)])].sort();
    return names.flatMap((name) =>
      findDifferences(there[name], wanted[name], path === '' ? name : `${path}.${name}`),
    );
  }
  if (Array.isArray(there) && Array.isArray(wanted) && there.length === wanted.length)
    return there.flatMap((item, i) => findDifferences(item, wanted[i], `${path}[${i}]`));
  const [one, other] = [JSON.stringify(there), JSON.stringify(wanted)];
  return one === other ? [] : [`${path}: there ${one ?? 'nothing'}, wanted ${other ?? 'nothing'}`];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
