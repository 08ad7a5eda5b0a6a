import { createRequire } from 'node:module';
import type * as Sdk from '@aws-sdk/client-emr-serverless';
import { AWS_CLIENT } from '../awsClient';
import { defineRunner } from '../defineRunner';
import { sdkSchema } from '../sdkSchema';
import type * as Implementation from './runner';

declare module '../../jobs' {
  interface JobParameters {
    'emr-serverless:startJobRun': Omit<Sdk.StartJobRunCommandInput, 'clientToken'>;
  }
}

const load = createRequire(__filename);
const sdk = () => load('@aws-sdk/client-emr-serverless') as typeof Sdk;
const implementation = () => load('./runner') as typeof Implementation;

export const emrServerlessStartJobRun = defineRunner({
  resource: 'emr-serverless:startJobRun',
  parameters: sdkSchema(() => sdk().StartJobRunRequest$),
  engines: ['aws'],
  policy: 'docs/iam/emr-serverless-startJobRun.json',
  probe: (settings) =>
    new (sdk().EMRServerlessClient)(settings).send(
      new (sdk().GetJobRunCommand)({ applicationId: '00000000000000', jobRunId: '00000000000000' }),
    ),
  create({ config }) {
    const { createEmrServerlessPort, EmrServerlessRunner } = implementation();
    const port = createEmrServerlessPort(new (sdk().EMRServerlessClient)(AWS_CLIENT));
    return new EmrServerlessRunner(port, config.pollMinMs);
  },
});
