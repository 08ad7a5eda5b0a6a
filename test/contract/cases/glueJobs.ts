import { GlueClient } from '@aws-sdk/client-glue';
import { createGluePort, GlueRunner } from '../../../src/runners/glueJobs/runner';
import { GlueJobsDouble } from '../../support/aws/glue';
import type { ContractCase } from '../contractCase';

export const glueJobs: ContractCase = {
  job: { resource: 'glue:startJobRun', parameters: { JobName: 'load', Arguments: { '--day': 'monday' } } },
  createDouble() {
    const double = new GlueJobsDouble();
    return { double, control: double.control };
  },
  createRunner: (settings, gapMs) => new GlueRunner(createGluePort(new GlueClient(settings)), gapMs),
  submit: 'StartJobRun',
  poll: 'GetJobRun',
  states: {
    unknown: 'A_STATE_OF_TOMORROW',
    running: ['STARTING', 'RUNNING', 'STOPPING', 'WAITING'],
    succeeded: 'SUCCEEDED',
    failed: ['FAILED', 'TIMEOUT', 'ERROR', 'EXPIRED'],
    stopped: 'STOPPED',
  },
  stoppable: true,
  full: { type: 'ConcurrentRunsExceededException', message: 'Concurrent runs exceeded for load' },
};
