import { createRequire } from 'node:module';
import type * as Sdk from '@aws-sdk/client-glue';
import { AWS_CLIENT, PROBED_NAME } from '../awsClient';
import { defineRunner } from '../defineRunner';
import { sdkSchema } from '../sdkSchema';
import { createLocalGlue } from '../../engines/localSpark';
import type * as Implementation from './runner';

declare module '../../jobs' {
  interface JobParameters {
    'glue:startJobRun': Sdk.StartJobRunCommandInput;
  }
}

const load = createRequire(__filename);
const sdk = () => load('@aws-sdk/client-glue') as typeof Sdk;
const implementation = () => load('./runner') as typeof Implementation;

export const glueStartJobRun = defineRunner({
  resource: 'glue:startJobRun',
  parameters: sdkSchema(() => sdk().StartJobRunRequest$),
  policy: 'docs/iam/glue-startJobRun.json',
  probe: (settings) =>
    new (sdk().GlueClient)(settings).send(new (sdk().GetJobRunsCommand)({ JobName: PROBED_NAME })),
  create(context) {
    const { config } = context;
    if (config.engines === 'local') return createLocalGlue(context);
    const { createGluePort, GlueRunner } = implementation();
    return new GlueRunner(createGluePort(new (sdk().GlueClient)(AWS_CLIENT)), config.pollMinMs);
  },
});
