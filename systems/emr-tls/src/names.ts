/** What the published system calls its parts. */

/** Parameters below the prefix. Between nodes: `inter-nodes` here, `inter-node` in the tags. */
export const PARAMETERS = {
  certificate: 'certificate',
  privateKey: 'private-key',
  nodesCertificate: 'inter-nodes-certificate',
  nodesPrivateKey: 'inter-nodes-private-key',
} as const;
export type ParameterKind = keyof typeof PARAMETERS;

/** The tag that tells each node the name of a parameter. */
export const PARAMETER_TAGS: Record<ParameterKind, string> = {
  certificate: 'ssm:ssl:certificate',
  privateKey: 'ssm:ssl:private-key',
  nodesCertificate: 'ssm:ssl:inter-node-certificate',
  nodesPrivateKey: 'ssm:ssl:inter-node-private-key',
};
/** The tag that tells each node the function which reads parameters. */
export const FUNCTION_TAG = 'tls:lambda-fn-name';

export const BROKER_FUNCTION = 'get-ssm-parameter-lambda';
export const BROKER_ROLE = 'lambda-ssm-parameter-store-role';
/** The inline policy of the broker's role. */
export const BROKER_POLICY = 'ssm';
export const PROVIDER_CLASS = 'emrtls';
/** The label of what a parameter held before its last change, which nodes trust besides. */
export const PREVIOUS = 'previous';

export function parameterNames(prefix: string): Record<ParameterKind, string> {
  const at = (name: string) => `${prefix.replace(/\/+$/, '')}/${name}`;
  return {
    certificate: at(PARAMETERS.certificate),
    privateKey: at(PARAMETERS.privateKey),
    nodesCertificate: at(PARAMETERS.nodesCertificate),
    nodesPrivateKey: at(PARAMETERS.nodesPrivateKey),
  };
}

/** The tags of a cluster, in the order of the published list. */
export function tlsTags(prefix: string, functionName: string | null): { Key: string; Value: string }[] {
  const names = parameterNames(prefix);
  const kinds = Object.keys(PARAMETER_TAGS) as ParameterKind[];
  return [
    ...kinds.map((kind) => ({ Key: PARAMETER_TAGS[kind], Value: names[kind] })),
    ...(functionName === null ? [] : [{ Key: FUNCTION_TAG, Value: functionName }]),
  ];
}

/** The domain of a VPC whose DHCP options are Amazon's: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html */
export function defaultDomain(region: string): string {
  return region === 'us-east-1' ? 'ec2.internal' : `${region}.compute.internal`;
}
