import { createRequire } from 'node:module';
import type * as Sdk from '@aws-sdk/client-athena';
import { AWS_CLIENT, PROBED_UUID } from '../awsClient';
import { defineRunner } from '../defineRunner';
import { sdkSchema } from '../sdkSchema';
import type * as Local from '../../engines';
import type * as Implementation from './runner';

declare module '../../jobs' {
  interface JobParameters {
    'athena:startQueryExecution': Sdk.StartQueryExecutionCommandInput;
  }
}

const load = createRequire(__filename);
const sdk = () => load('@aws-sdk/client-athena') as typeof Sdk;
const implementation = () => load('./runner') as typeof Implementation;

export const athenaStartQueryExecution = defineRunner({
  resource: 'athena:startQueryExecution',
  parameters: sdkSchema(() => sdk().StartQueryExecutionInput$),
  policy: 'docs/iam/athena-startQueryExecution.json',
  probe: (settings) =>
    new (sdk().AthenaClient)(settings).send(
      new (sdk().BatchGetQueryExecutionCommand)({ QueryExecutionIds: [PROBED_UUID] }),
    ),
  create(context) {
    const { config } = context;
    if (config.engines === 'local') return (load('../../engines') as typeof Local).createLocalAthena(context);
    const { AthenaRunner, createAthenaPort } = implementation();
    return new AthenaRunner(createAthenaPort(new (sdk().AthenaClient)(AWS_CLIENT)), config.pollMinMs);
  },
});
