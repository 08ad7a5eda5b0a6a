import { createRequire } from 'node:module';
import type * as Sdk from '@aws-sdk/client-lambda';
import { PROBED_NAME } from '../awsClient';
import { ANYTHING, changeMembers } from '../../services/schema';
import { defineRunner } from '../defineRunner';
import { sdkSchema } from '../sdkSchema';
import type * as Implementation from './runner';

declare module '../../jobs' {
  interface JobParameters {
    /** `Payload` is the JSON value itself, as in Step Functions. */
    'lambda:invoke': Omit<Sdk.InvokeCommandInput, 'Payload'> & { Payload?: unknown };
  }
}

const load = createRequire(__filename);
const sdk = () => load('@aws-sdk/client-lambda') as typeof Sdk;
const implementation = () => load('./runner') as typeof Implementation;

export const lambdaInvoke = defineRunner({
  resource: 'lambda:invoke',
  parameters: sdkSchema(() => changeMembers(sdk().InvocationRequest$, [], { Payload: ANYTHING })),
  engines: ['aws'],
  policy: 'docs/iam/lambda-invoke.json',
  probe: (settings) =>
    new (sdk().LambdaClient)(settings).send(
      new (sdk().InvokeCommand)({ FunctionName: PROBED_NAME, InvocationType: 'DryRun' }),
    ),
  create() {
    const { createLambdaPort, LAMBDA_REQUESTS, LambdaRunner } = implementation();
    const client = new (sdk().LambdaClient)({ maxAttempts: 1, requestHandler: LAMBDA_REQUESTS });
    return new LambdaRunner(createLambdaPort(client));
  },
});
