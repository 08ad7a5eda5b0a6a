export interface PolicyDocument {
  Version: '2012-10-17';
  Statement: { Sid?: string; Effect: 'Allow'; Action: string; Resource: string | string[] }[];
}

/** Who may take the broker's role. */
export const BROKER_TRUST = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
};

/** What the broker may read: the published system allows every parameter, this one its own. */
export function brokerPolicy(parameterArns: string[]): PolicyDocument {
  return {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'ssm:GetParameter', Resource: parameterArns }],
  };
}

export interface InstancePolicy {
  keyArn: string;
  parameterArns: string[];
  /** The broker's function; null: the nodes read the parameters themselves. */
  functionArn: string | null;
}

/** What a node needs to get its certificate: exactly that key, and that function or those parameters. */
export function instancePolicy({ keyArn, parameterArns, functionArn }: InstancePolicy): PolicyDocument {
  return {
    Version: '2012-10-17',
    Statement: [
      { Sid: 'kms', Effect: 'Allow', Action: 'kms:Decrypt', Resource: keyArn },
      functionArn === null
        ? { Sid: 'ssm', Effect: 'Allow', Action: 'ssm:GetParameter', Resource: parameterArns }
        : { Sid: 'lambda', Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: functionArn },
    ],
  };
}
