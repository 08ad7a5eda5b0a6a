import { EMRServerlessClient } from '@aws-sdk/client-emr-serverless';
import { createEmrServerlessPort, EmrServerlessRunner } from '../../../src/runners/emrServerless/runner';
import { EmrServerlessDouble } from '../../support/aws/emrServerless';
import type { ContractCase } from '../contractCase';

export const emrServerless: ContractCase = {
  job: {
    resource: 'emr-serverless:startJobRun',
    parameters: {
      applicationId: '00f5trm1fv0d3p09',
      executionRoleArn: 'arn:aws:iam::123456789012:role/etl',
      jobDriver: { sparkSubmit: { entryPoint: 's3://lake/jobs/load.py' } },
    },
  },
  createDouble() {
    const double = new EmrServerlessDouble();
    return { double, control: double.control };
  },
  createRunner: (settings, gapMs) =>
    new EmrServerlessRunner(createEmrServerlessPort(new EMRServerlessClient(settings)), gapMs),
  submit: 'StartJobRun',
  poll: 'GetJobRun',
  states: {
    unknown: 'A_STATE_OF_TOMORROW',
    running: ['SUBMITTED', 'PENDING', 'SCHEDULED', 'QUEUED', 'RUNNING', 'CANCELLING'],
    succeeded: 'SUCCESS',
    failed: ['FAILED'],
    stopped: 'CANCELLED',
  },
  stoppable: true,
  full: {
    type: 'ServiceQuotaExceededException',
    message: 'the account has no vCPU left',
    status: 402,
  },
};
