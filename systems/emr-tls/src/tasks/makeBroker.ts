import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  ListRoleTagsCommand,
  PutRolePolicyCommand,
  type IAMClient,
} from '@aws-sdk/client-iam';
import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  waitUntilFunctionActiveV2,
  type LambdaClient,
} from '@aws-sdk/client-lambda';
import { zipSync } from 'fflate';
import { defineTask, field, SluiceError } from 'sluice';
import { setTimeout as sleep } from 'node:timers/promises';
import { orMissing, type Aws } from '../aws';
import { BROKER_POLICY } from '../names';
import { BROKER_TRUST, brokerPolicy } from '../policies';
import { findDifferences } from '../securityConfiguration';

/** The tag that says which run has made a role or function. */
export const OWNER_TAG = 'sluice:emr-tls';
const RUNTIME = 'python3.12';
const HANDLER = 'lambda_function.lambda_handler';
const TIMEOUT_S = 60;
/** IAM tells Lambda of a new role within seconds: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency */
const ROLE_WAIT_MS = 2_000;
const ROLE_ATTEMPTS = 30;

export interface Broker {
  functionArn: string;
  roleArn: string;
}

/** The Lambda function that reads parameters for the nodes, with its role. What is there already must be equal. */
export function createMakeBroker(connect: () => Aws) {
  return defineTask(
    {
      name: 'make-broker',
      about: 'Makes the Lambda function that reads parameters, and its role.',
      input: {
        functionName: field.text(),
        roleName: field.text(),
        parameterArns: field.texts(),
        owner: field.text(),
      },
    },
    async ({ functionName, roleName, parameterArns, owner }, { signal }) => {
      const { iam, lambda } = connect();
      const roleArn = await makeRole(iam, { roleName, parameterArns, owner, signal });
      const functionArn = await makeFunction(lambda, { functionName, roleArn, owner, signal });
      return { payload: { functionArn, roleArn } satisfies Broker };
    },
  );
}

interface MakeRole {
  roleName: string;
  parameterArns: string[];
  owner: string;
  signal: AbortSignal;
}

async function makeRole(
  iam: IAMClient,
  { roleName, parameterArns, owner, signal }: MakeRole,
): Promise<string> {
  const abort = { abortSignal: signal };
  const RoleName = roleName;
  const there = await orMissing(iam.send(new GetRoleCommand({ RoleName }), abort), 'NoSuchEntityException');
  if (there !== null)
    refuseDifferent(
      `The role ${roleName}`,
      parseDocument(there.Role!.AssumeRolePolicyDocument),
      BROKER_TRUST,
    );
  const role =
    there ??
    (await iam.send(
      new CreateRoleCommand({
        RoleName,
        AssumeRolePolicyDocument: JSON.stringify(BROKER_TRUST),
        Description: 'Reads the certificates of EMR nodes',
        Tags: [{ Key: OWNER_TAG, Value: owner }],
      }),
      abort,
    ));
  await putRolePolicy(iam, {
    roleName,
    policyName: BROKER_POLICY,
    document: brokerPolicy(parameterArns),
    signal,
  });
  return role.Role!.Arn!;
}

export interface PutRolePolicy {
  roleName: string;
  policyName: string;
  document: object;
  signal: AbortSignal;
}

/** @throws SluiceError InvalidJob when the role has another policy of this name */
export async function putRolePolicy(iam: IAMClient, options: PutRolePolicy): Promise<void> {
  const { roleName: RoleName, policyName: PolicyName, document, signal } = options;
  const abort = { abortSignal: signal };
  const there = await orMissing(
    iam.send(new GetRolePolicyCommand({ RoleName, PolicyName }), abort),
    'NoSuchEntityException',
  );
  if (there !== null) {
    refuseDifferent(
      `The policy ${PolicyName} of the role ${RoleName}`,
      parseDocument(there.PolicyDocument),
      document,
    );
    return;
  }
  await iam.send(
    new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument: JSON.stringify(document) }),
    abort,
  );
}

/** IAM gives documents URL-encoded (RFC 3986). */
export function parseDocument(text: string | undefined): unknown {
  return JSON.parse(decodeURIComponent(text ?? '{}'));
}

/** @throws SluiceError InvalidJob that shows where the two differ */
export function refuseDifferent(what: string, there: unknown, wanted: unknown): void {
  const differences = findDifferences(there, wanted);
  if (differences.length === 0) return;
  throw new SluiceError(
    'InvalidJob',
    [`${what} is there and is another:`, ...differences, 'Give another name, or remove what is there.'].join(
      '\n  ',
    ),
  );
}

interface MakeFunction {
  functionName: string;
  roleArn: string;
  owner: string;
  signal: AbortSignal;
}

async function makeFunction(
  lambda: LambdaClient,
  { functionName, roleArn, owner, signal }: MakeFunction,
): Promise<string> {
  const abort = { abortSignal: signal };
  const FunctionName = functionName;
  const ZipFile = await zipBroker();
  const settings = { Role: roleArn, Runtime: RUNTIME, Handler: HANDLER, Timeout: TIMEOUT_S } as const;
  const wanted = { ...settings, CodeSha256: createHash('sha256').update(ZipFile).digest('base64') };
  for (let attempt = 1; ; attempt++) {
    const there = await orMissing(
      lambda.send(new GetFunctionCommand({ FunctionName }), abort),
      'ResourceNotFoundException',
    );
    if (there !== null) {
      const { Role, Runtime, Handler, Timeout, CodeSha256, FunctionArn } = there.Configuration!;
      refuseDifferent(
        `The function ${functionName}`,
        { Role, Runtime, Handler, Timeout, CodeSha256 },
        wanted,
      );
      await waitUntilFunctionActiveV2(
        { client: lambda, maxWaitTime: 300, abortSignal: signal },
        { FunctionName },
      );
      return FunctionArn!;
    }
    try {
      await lambda.send(
        new CreateFunctionCommand({
          ...{ FunctionName, ...settings, Code: { ZipFile } },
          Description: 'Reads the certificates of EMR nodes',
          Tags: { [OWNER_TAG]: owner },
        }),
        abort,
      );
    } catch (error) {
      const { name, message } = error as Error;
      if (name === 'ResourceConflictException') continue;
      const isNewRole = name === 'InvalidParameterValueException' && /cannot be assumed/i.test(message);
      if (!isNewRole || attempt >= ROLE_ATTEMPTS) throw error;
      await sleep(ROLE_WAIT_MS, undefined, { signal });
    }
  }
}

/** The same bytes each time, so that an equal function can be told. */
async function zipBroker(): Promise<Uint8Array> {
  const name = 'lambda_function.py';
  const source = await readFile(join(__dirname, '..', '..', 'broker', name));
  return zipSync({ [name]: [source, { mtime: new Date(1980, 0, 1), os: 3, attrs: 0o644 << 16 }] });
}

/** Takes away what `make-broker` has made in this run: what another run has made is left. */
export function createRemoveBroker(connect: () => Aws) {
  return defineTask(
    {
      name: 'remove-broker',
      about: 'Removes the function and role that a run has made.',
      input: {
        functionName: field.text(),
        roleName: field.text(),
        owner: field.text(),
        /** Whether the role was there before the run, whose policy then is the run's. */
        policyWasThere: field.flag(),
      },
    },
    async ({ functionName: FunctionName, roleName: RoleName, owner, policyWasThere }, { signal }) => {
      const { iam, lambda } = connect();
      const abort = { abortSignal: signal };
      const made = await orMissing(
        lambda.send(new GetFunctionCommand({ FunctionName }), abort),
        'ResourceNotFoundException',
      );
      if (made?.Tags?.[OWNER_TAG] === owner)
        await orMissing(
          lambda.send(new DeleteFunctionCommand({ FunctionName }), abort),
          'ResourceNotFoundException',
        );
      const tags = await orMissing(
        iam.send(new ListRoleTagsCommand({ RoleName }), abort),
        'NoSuchEntityException',
      );
      const ownRole = tags?.Tags?.some(({ Key, Value }) => Key === OWNER_TAG && Value === owner) ?? false;
      if (ownRole || (tags !== null && !policyWasThere))
        await orMissing(
          iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: BROKER_POLICY }), abort),
          'NoSuchEntityException',
        );
      if (ownRole)
        await orMissing(iam.send(new DeleteRoleCommand({ RoleName }), abort), 'NoSuchEntityException');
    },
  );
}
