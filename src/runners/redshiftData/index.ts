import { createRequire } from 'node:module';
import type * as Sdk from '@aws-sdk/client-redshift-data';
import { AWS_CLIENT, PROBED_UUID } from '../awsClient';
import { defineRunner, sharedBy, type RunnerContext } from '../defineRunner';
import { sdkSchema } from '../sdkSchema';
import type * as Local from '../../engines';
import type * as Implementation from './runner';

declare module '../../jobs' {
  interface JobParameters {
    'redshiftdata:executeStatement': Sdk.ExecuteStatementCommandInput;
    'redshiftdata:batchExecuteStatement': Sdk.BatchExecuteStatementCommandInput;
  }
}

const load = createRequire(__filename);
const sdk = () => load('@aws-sdk/client-redshift-data') as typeof Sdk;
const implementation = () => load('./runner') as typeof Implementation;

/** Statements and batches share their polls. */
const createRunner = sharedBy(({ config }: RunnerContext) => {
  const { createRedshiftDataPort, RedshiftDataRunner } = implementation();
  const port = createRedshiftDataPort(new (sdk().RedshiftDataClient)(AWS_CLIENT));
  return new RedshiftDataRunner(port, config.pollMinMs);
});

export const redshiftdataExecuteStatement = defineRunner({
  resource: 'redshiftdata:executeStatement',
  parameters: sdkSchema(() => sdk().ExecuteStatementInput$),
  policy: 'docs/iam/redshiftdata-executeStatement.json',
  probe: (settings) =>
    new (sdk().RedshiftDataClient)(settings).send(new (sdk().DescribeStatementCommand)({ Id: PROBED_UUID })),
  create: (context) =>
    context.config.engines === 'local'
      ? (load('../../engines') as typeof Local).createLocalRedshift(context)
      : createRunner(context),
});

export const redshiftdataBatchExecuteStatement = defineRunner({
  resource: 'redshiftdata:batchExecuteStatement',
  parameters: sdkSchema(() => sdk().BatchExecuteStatementInput$),
  policy: 'docs/iam/redshiftdata-batchExecuteStatement.json',
  create: (context) =>
    context.config.engines === 'local'
      ? (load('../../engines') as typeof Local).createLocalRedshiftBatch(context)
      : createRunner(context),
});
