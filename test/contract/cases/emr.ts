import { EMRClient } from '@aws-sdk/client-emr';
import { createEmrPort, createEmrRunners } from '../../../src/runners/emr/runners';
import type { Runner } from '../../../src/runners/runner';
import { EmrDouble } from '../../support/aws/emr';
import type { ClientSettings, ContractCase } from '../contractCase';

const createRunner =
  (resource: keyof ReturnType<typeof createEmrRunners>) => (settings: ClientSettings, gapMs: number) =>
    createEmrRunners(createEmrPort(new EMRClient(settings)), gapMs)[resource] as Runner;

export const emrClusters: ContractCase = {
  job: {
    resource: 'elasticmapreduce:createCluster',
    parameters: { Name: 'nightly', Instances: { KeepJobFlowAliveWhenNoSteps: true } },
  },
  createDouble() {
    const double = new EmrDouble();
    return { double, control: double.clusterControl };
  },
  createRunner: createRunner('elasticmapreduce:createCluster'),
  submit: 'RunJobFlow',
  poll: 'DescribeCluster',
  states: {
    unknown: 'A_STATE_OF_TOMORROW',
    running: ['STARTING', 'BOOTSTRAPPING', 'RUNNING', 'TERMINATING'],
    succeeded: 'WAITING',
    failed: [
      'TERMINATED_WITH_ERRORS:VALIDATION_ERROR',
      'TERMINATED_WITH_ERRORS',
      'TERMINATED:STEP_FAILURE',
      'TERMINATED:BOOTSTRAP_FAILURE',
    ],
    stopped: 'TERMINATED:USER_REQUEST',
  },
  stoppable: true,
  full: { type: 'ValidationException', message: 'Maximum number of active clusters exceeded' },
};

export const emrSteps: ContractCase = {
  job: {
    resource: 'elasticmapreduce:addStep',
    parameters: {
      ClusterId: 'j-standing',
      Step: {
        Name: 'load',
        ActionOnFailure: 'CONTINUE',
        HadoopJarStep: { Jar: 'command-runner.jar', Args: ['spark-submit', 's3://lake/jobs/load.py'] },
      },
    },
  },
  createDouble() {
    const double = new EmrDouble();
    double.addCluster('j-standing');
    return { double, control: double.stepControl };
  },
  createRunner: createRunner('elasticmapreduce:addStep'),
  submit: 'AddJobFlowSteps',
  poll: 'ListSteps',
  states: {
    unknown: 'A_STATE_OF_TOMORROW',
    running: ['PENDING', 'RUNNING', 'CANCEL_PENDING'],
    succeeded: 'COMPLETED',
    failed: ['FAILED', 'INTERRUPTED'],
    stopped: 'CANCELLED',
  },
  stoppable: true,
  full: {
    type: 'ValidationException',
    message:
      "Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') for cluster exceeded.",
  },
};
