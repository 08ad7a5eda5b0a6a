import { AthenaClient } from '@aws-sdk/client-athena';
import { AthenaRunner, createAthenaPort } from '../../../src/runners/athena/runner';
import { AthenaDouble } from '../../support/aws/athena';
import type { ContractCase } from '../contractCase';

export const athena: ContractCase = {
  job: {
    resource: 'athena:startQueryExecution',
    parameters: { QueryString: 'SELECT day, leads FROM report', WorkGroup: 'primary' },
  },
  createDouble() {
    const double = new AthenaDouble();
    return { double, control: double.control };
  },
  createRunner: (settings, gapMs) => new AthenaRunner(createAthenaPort(new AthenaClient(settings)), gapMs),
  submit: 'StartQueryExecution',
  poll: 'BatchGetQueryExecution',
  states: {
    unknown: 'A_STATE_OF_TOMORROW',
    running: ['QUEUED', 'RUNNING'],
    succeeded: 'SUCCEEDED',
    failed: ['FAILED'],
    stopped: 'CANCELLED',
  },
  stoppable: true,
  full: {
    type: 'TooManyRequestsException',
    message: 'Rate exceeded: too many queries at a time',
    content: { Reason: 'CONCURRENT_QUERY_LIMIT_EXCEEDED' },
  },
};
