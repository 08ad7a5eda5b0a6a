import { createHash } from 'node:crypto';
import { DescribeSecurityConfigurationCommand } from '@aws-sdk/client-emr';
import { GetInstanceProfileCommand, GetRoleCommand, GetRolePolicyCommand } from '@aws-sdk/client-iam';
import { DescribeKeyCommand } from '@aws-sdk/client-kms';
import { GetFunctionCommand } from '@aws-sdk/client-lambda';
import { defineTask, field, SluiceError, type TaskContext } from 'sluice';
import { orMissing, splitKeyArn, type Aws } from '../aws';
import { findPairProblems } from '../certificates';
import { BROKER_POLICY, defaultDomain, parameterNames } from '../names';
import { readBefore, type ParameterBefore } from '../parameterStore';
import { isMissing, readPair } from '../pemFiles';

/** What a run goes on from, and what was there before it: only what was not is taken away again when it fails. */
export interface TlsPlan {
  /** Names this run in what it makes. */
  owner: string;
  /** Whether the run is on a local stack, where no cluster is. */
  isLocal: boolean;
  region: string;
  domain: string;
  keyArn: string;
  /** The role of the instance profile; null when no profile was named. */
  instanceRole: string | null;
  before: {
    parameters: ParameterBefore[];
    role: boolean;
    rolePolicy: boolean;
    function: boolean;
    securityConfiguration: boolean;
    instancePolicy: boolean;
  };
}

const INPUT = {
  domain: field.text({ optional: true }),
  keyId: field.text(),
  prefix: field.text(),
  certificate: field.text(),
  privateKey: field.text({ optional: true }),
  name: field.text(),
  functionName: field.text(),
  roleName: field.text(),
  instanceProfile: field.text({ optional: true }),
};

/** Checks all that can be seen before anything is made, and tells all problems at once. Answers a `TlsPlan`. */
export function createCheckTls(connect: () => Aws, isLocal: () => boolean) {
  return defineTask(
    { name: 'check-tls', about: 'Checks key, domain, certificate and instance profile.', input: INPUT },
    async (input, { s3, reference, signal }) => {
      const { ssm, kms, iam, lambda, emr } = connect();
      const abort = { abortSignal: signal };
      const problems: string[] = [];
      const key = await orMissing(
        kms.send(new DescribeKeyCommand({ KeyId: input.keyId }), abort),
        'NotFoundException',
      );
      const keyArn = key?.KeyMetadata?.Arn;
      if (keyArn === undefined)
        problems.push(
          `keyId: there is no key ${input.keyId}; give the id, ARN or alias of one of this region`,
        );
      else if (key!.KeyMetadata!.KeyState !== 'Enabled')
        problems.push(
          `keyId: the key ${input.keyId} is ${key!.KeyMetadata!.KeyState}; enable it or give another`,
        );
      else if (key!.KeyMetadata!.KeySpec !== 'SYMMETRIC_DEFAULT')
        problems.push(
          `keyId: ${input.keyId} is ${key!.KeyMetadata!.KeySpec}; give a symmetric key for encryption`,
        );

      const region = keyArn === undefined ? await emr.config.region() : splitKeyArn(keyArn).region;
      const domain = input.domain ?? defaultDomain(region);
      problems.push(...(await findGivenProblems(s3, input, { domain, signal })));

      let instanceRole: string | null = null;
      if (input.instanceProfile !== undefined) {
        const command = new GetInstanceProfileCommand({ InstanceProfileName: input.instanceProfile });
        const profile = await orMissing(iam.send(command, abort), 'NoSuchEntityException');
        instanceRole = profile?.InstanceProfile?.Roles?.[0]?.RoleName ?? null;
        if (instanceRole === null)
          problems.push(
            `instanceProfile: ${input.instanceProfile} ${profile === null ? 'is not there' : 'has no role'}; make it, or give another`,
          );
      }
      if (problems.length > 0 || keyArn === undefined)
        throw new SluiceError(
          'InvalidJob',
          ['emr-tls cannot begin:', ...problems.map((p) => `  ${p}`)].join('\n'),
        );

      const names = Object.values(parameterNames(input.prefix));
      const exists = async (call: Promise<unknown>, ...missing: string[]) =>
        (await orMissing(call, ...missing)) !== null;
      const plan: TlsPlan = {
        owner: createHash('sha256').update(reference.key).digest('hex').slice(0, 16),
        isLocal: isLocal(),
        ...{ region, domain, keyArn, instanceRole },
        before: {
          parameters: await Promise.all(names.map((name) => readBefore(ssm, name, signal))),
          role: await exists(
            iam.send(new GetRoleCommand({ RoleName: input.roleName }), abort),
            'NoSuchEntityException',
          ),
          rolePolicy: await exists(
            iam.send(
              new GetRolePolicyCommand({ RoleName: input.roleName, PolicyName: BROKER_POLICY }),
              abort,
            ),
            'NoSuchEntityException',
          ),
          function: await exists(
            lambda.send(new GetFunctionCommand({ FunctionName: input.functionName }), abort),
            'ResourceNotFoundException',
          ),
          securityConfiguration: await hasSecurityConfiguration(
            emr.send(new DescribeSecurityConfigurationCommand({ Name: input.name }), abort),
          ),
          instancePolicy:
            instanceRole !== null &&
            (await exists(
              iam.send(new GetRolePolicyCommand({ RoleName: instanceRole, PolicyName: input.name }), abort),
              'NoSuchEntityException',
            )),
        },
      };
      return { payload: plan };
    },
  );
}

/** EMR has one error for all that is wrong with a request, and tells by its message what is not there. */
export async function hasSecurityConfiguration(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (isNoSuchConfiguration(error)) return false;
    throw error;
  }
}

export function isNoSuchConfiguration(error: unknown): boolean {
  const { name, message } = error as Error;
  return name === 'InvalidRequestException' && /does not exist|not found/i.test(message);
}

async function findGivenProblems(
  s3: TaskContext['s3'],
  { certificate, privateKey }: { certificate: string; privateKey?: string | undefined },
  { domain, signal }: { domain: string; signal: AbortSignal },
): Promise<string[]> {
  if (certificate === 'self-signed') return [];
  const from = { certificate, privateKey: privateKey! };
  try {
    const pair = await readPair(s3, from, signal);
    return findPairProblems({ pair, domain, now: new Date(), from });
  } catch (error) {
    if (!isMissing(error)) throw error;
    return [
      `certificate, privateKey: one of ${certificate}, ${privateKey} is not there; correct its location`,
    ];
  }
}
