import * as emr from '@aws-sdk/client-emr';
import * as iam from '@aws-sdk/client-iam';
import * as kms from '@aws-sdk/client-kms';
import * as lambda from '@aws-sdk/client-lambda';
import * as ssm from '@aws-sdk/client-ssm';
import { zipSync } from 'fflate';
import type { Aws } from '../../src/aws';
import { BROKER_TRUST, brokerPolicy } from '../../src/policies';
import { buildSecurityConfiguration } from '../../src/securityConfiguration';

/** What differs between one AWS and another, and is made before the calls. */
export interface Prepared {
  /** `text`, encrypted by `alias/emr-tls` with the context of `/emr/a`. */
  ciphertext: Uint8Array;
  /** A cluster that is there. */
  clusterId: string;
}

/** One call. */
export interface PlayedCall {
  /** `ssm:PutParameter`. */
  operation: string;
  input: object;
  send: (aws: Aws) => Promise<object>;
  /** Why moto answers otherwise than AWS, and so than the double. */
  motoDiffers?: string;
}

const ROLE = 'played-role';
const FUNCTION = 'played-function';
const NAME = '/emr/a';
const PARAMETER = { Name: NAME, Type: 'SecureString', KeyId: 'alias/emr-tls' } as const;
export const CONTEXT = { PARAMETER_ARN: `arn:aws:ssm:us-east-1:123456789012:parameter${NAME}` };
const CONFIGURATION = JSON.stringify(
  buildSecurityConfiguration({ jar: 's3://lake/a.jar', atRestKeyArn: null }),
);
const POLICY = JSON.stringify(brokerPolicy(['arn:aws:ssm:us-east-1:123456789012:parameter/emr/a']));

type Client = { send: (command: object) => Promise<object> };
type Command = new (input: never) => { input: object };

/** Calls of every operation that is played, in an order in which each has something to answer, refusals among them. */
export function playedCalls({ ciphertext, clusterId }: Prepared): PlayedCall[] {
  const calls: PlayedCall[] = [];
  const of = (service: keyof Aws, commands: object) => {
    return (operation: string, input: object, motoDiffers?: string) => {
      const Made = (commands as Record<string, Command>)[`${operation}Command`]!;
      const send = (aws: Aws) => (aws[service] as unknown as Client).send(new Made(input as never));
      calls.push({
        operation: `${service}:${operation}`,
        input,
        send,
        ...(motoDiffers === undefined ? {} : { motoDiffers }),
      });
    };
  };
  const onSsm = of('ssm', ssm);
  onSsm('GetParameterHistory', { Name: NAME, WithDecryption: false });
  onSsm('GetParameter', { Name: NAME, WithDecryption: true });
  onSsm('DeleteParameter', { Name: NAME });
  onSsm(
    'PutParameter',
    { ...PARAMETER, Name: '/emr/b', Value: 'x'.repeat(4097) },
    'it takes more than 4,096 bytes',
  );
  onSsm('PutParameter', { ...PARAMETER, Value: 'first', Description: 'one', Tier: 'Standard' });
  onSsm('PutParameter', { ...PARAMETER, Value: 'again' });
  onSsm('PutParameter', { ...PARAMETER, Value: 'second', Overwrite: true });
  onSsm(
    'PutParameter',
    { ...PARAMETER, Name: '/emr/b', Value: 'no', KeyId: 'alias/none' },
    'it asks for no key',
  );
  onSsm('GetParameter', { Name: NAME, WithDecryption: true });
  onSsm('GetParameter', { Name: `${NAME}:1`, WithDecryption: true });
  onSsm('LabelParameterVersion', { Name: NAME, ParameterVersion: 1, Labels: ['previous'] });
  onSsm('LabelParameterVersion', { Name: NAME, ParameterVersion: 99, Labels: ['previous'] });
  onSsm('GetParameter', { Name: `${NAME}:previous`, WithDecryption: true });
  onSsm('GetParameterHistory', { Name: NAME, WithDecryption: false });
  onSsm('UnlabelParameterVersion', { Name: NAME, ParameterVersion: 1, Labels: ['previous'] });
  onSsm('DeleteParameter', { Name: NAME });

  const onKms = of('kms', kms);
  onKms('DescribeKey', { KeyId: 'alias/emr-tls' });
  onKms('DescribeKey', { KeyId: '00000000-0000-0000-0000-000000000000' });
  const decrypt = { CiphertextBlob: ciphertext, EncryptionContext: CONTEXT };
  onKms('Decrypt', decrypt, 'it does not tell the algorithm');
  onKms('Decrypt', { CiphertextBlob: ciphertext, EncryptionContext: { PARAMETER_ARN: 'another' } });

  const onIam = of('iam', iam);
  const policy = { RoleName: ROLE, PolicyName: 'ssm' };
  onIam('GetInstanceProfile', { InstanceProfileName: 'none' });
  onIam('GetInstanceProfile', { InstanceProfileName: 'EMR_EC2_DefaultRole' });
  onIam('GetRole', { RoleName: ROLE });
  onIam('ListRoleTags', { RoleName: ROLE });
  onIam('GetRolePolicy', policy);
  const role = {
    RoleName: ROLE,
    AssumeRolePolicyDocument: JSON.stringify(BROKER_TRUST),
    Tags: [{ Key: 'sluice:emr-tls', Value: 'me' }],
  };
  onIam('CreateRole', role);
  onIam('CreateRole', role);
  onIam('GetRole', { RoleName: ROLE });
  onIam('ListRoleTags', { RoleName: ROLE });
  onIam('PutRolePolicy', { ...policy, PolicyDocument: '{"Statement":[]}' });
  onIam('PutRolePolicy', { ...policy, PolicyDocument: POLICY });
  onIam('GetRolePolicy', policy);
  onIam('GetRolePolicy', { ...policy, PolicyName: 'none' });
  onIam('DeleteRole', { RoleName: ROLE });

  const onLambda = of('lambda', lambda);
  const made = { FunctionName: FUNCTION, Runtime: 'python3.12', Timeout: 60 };
  const code = {
    Handler: 'lambda_function.lambda_handler',
    Code: { ZipFile: zipSync({ 'lambda_function.py': new Uint8Array([10]) }) },
    Tags: { 'sluice:emr-tls': 'me' },
  };
  const roleArn = (name: string) => `arn:aws:iam::123456789012:role/${name}`;
  onLambda('GetFunction', { FunctionName: FUNCTION });
  onLambda('GetFunctionConfiguration', { FunctionName: FUNCTION });
  onLambda('DeleteFunction', { FunctionName: FUNCTION });
  onLambda('CreateFunction', { ...made, ...code, Role: roleArn('none') });
  const complete = { ...made, ...code, Role: roleArn(ROLE) };
  onLambda('CreateFunction', complete, 'it tells no LastUpdateStatus of a new one');
  onLambda('CreateFunction', complete);
  onLambda('GetFunction', { FunctionName: FUNCTION });
  onLambda('GetFunctionConfiguration', { FunctionName: FUNCTION });
  const event = Buffer.from(JSON.stringify({ ParameterName: '/emr/none' }));
  onLambda('Invoke', { FunctionName: FUNCTION, Payload: event });
  onLambda('DeleteFunction', { FunctionName: FUNCTION });
  onIam('DeleteRolePolicy', policy);
  onIam('DeleteRolePolicy', policy);
  onIam('DeleteRole', { RoleName: ROLE });

  const onEmr = of('emr', emr);
  const Name = 'played-configuration';
  const configuration = { Name, SecurityConfiguration: CONFIGURATION };
  onEmr('DescribeSecurityConfiguration', { Name });
  onEmr('DeleteSecurityConfiguration', { Name });
  const wrong = { Name: 'other', SecurityConfiguration: '{}' };
  onEmr('CreateSecurityConfiguration', wrong, 'it takes any text');
  onEmr('CreateSecurityConfiguration', configuration);
  onEmr('CreateSecurityConfiguration', configuration);
  onEmr('DescribeSecurityConfiguration', { Name });
  onEmr('ListSecurityConfigurations', {}, 'it lacks the operation');
  onEmr('DeleteSecurityConfiguration', { Name });
  onEmr('ListClusters', { ClusterStates: ['STARTING', 'WAITING', 'RUNNING', 'BOOTSTRAPPING'] });
  onEmr('DescribeCluster', { ClusterId: clusterId });
  onEmr('DescribeCluster', { ClusterId: 'j-NONE' });
  return calls;
}

/** What came of a call: a refusal's name, or the answer. */
export type Outcome = { refused: string } | { answered: object };

export async function outcomeOf(call: PlayedCall, aws: Aws): Promise<Outcome> {
  try {
    const answered = (await call.send(aws)) as { $metadata?: object };
    delete answered.$metadata;
    return { answered };
  } catch (error) {
    return { refused: (error as Error).name };
  }
}

/** An outcome without what is each one's own, to be compared with another's. */
export function comparable(outcome: Outcome, { operation, input }: PlayedCall): object {
  const given = JSON.stringify(input).replace(/j-\w+/, '');
  return { operation, ...('answered' in outcome ? { answered: kindsOf(outcome.answered, given) } : outcome) };
}

/**
 * Texts that are not of the call, times and bytes are told by their kind alone.
 */
function kindsOf(value: unknown, given: string): unknown {
  if (typeof value === 'string') return given.includes(JSON.stringify(value).slice(1, -1)) ? value : 'a text';
  if (value instanceof Date) return 'a time';
  if (ArrayBuffer.isView(value)) return 'bytes';
  if (Array.isArray(value)) return value.map((item) => kindsOf(item, given));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, kindsOf(member, given)]));
}
