import { EMRClient } from '@aws-sdk/client-emr';
import { IAMClient } from '@aws-sdk/client-iam';
import { KMSClient } from '@aws-sdk/client-kms';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SSMClient } from '@aws-sdk/client-ssm';

/** The clients of what the tasks call. */
export interface Aws {
  ssm: SSMClient;
  kms: KMSClient;
  iam: IAMClient;
  lambda: LambdaClient;
  emr: EMRClient;
}

let connected: Aws | undefined;

/** Clients with the SDK's own rules for credentials, region and endpoints, made with the first task that calls. */
export function connectAws(): Aws {
  return (connected ??= createAws({}));
}

export function createAws(settings: {
  endpoint?: string;
  region?: string;
  credentials?: { accessKeyId: string; secretAccessKey: string };
}): Aws {
  return {
    ssm: new SSMClient(settings),
    kms: new KMSClient(settings),
    iam: new IAMClient(settings),
    lambda: new LambdaClient(settings),
    emr: new EMRClient(settings),
  };
}

export function closeAws(aws: Aws): void {
  for (const client of Object.values(aws) as { destroy(): void }[]) client.destroy();
}

/** The answer, or null when the service says by one of these names that there is no such thing. */
export async function orMissing<T>(call: Promise<T>, ...names: string[]): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (names.includes((error as Error).name)) return null;
    throw error;
  }
}

/** `arn:PARTITION:kms:REGION:ACCOUNT:key/ID` in its parts. */
export function splitKeyArn(keyArn: string): { partition: string; region: string; account: string } {
  const [, partition = '', , region = '', account = ''] = keyArn.split(':');
  return { partition, region, account };
}

export function parameterArn(keyArn: string, name: string): string {
  const { partition, region, account } = splitKeyArn(keyArn);
  return `arn:${partition}:ssm:${region}:${account}:parameter${name}`;
}
