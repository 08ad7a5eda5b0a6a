import { createRequire } from 'node:module';
import type * as Sdk from '@aws-sdk/client-emr';
import { createLocalEmrStep } from '../../engines/emrStep';
import { changeMembers, structure, TEXT } from '../../services/schema';
import { AWS_CLIENT } from '../awsClient';
import { defineRunner, sharedBy, type RunnerContext } from '../defineRunner';
import { sdkSchema } from '../sdkSchema';
import type * as Implementation from './runners';

/** As https://docs.aws.amazon.com/step-functions/latest/dg/connect-emr.html has them, which differ from the API. */
declare module '../../jobs' {
  interface JobParameters {
    'elasticmapreduce:createCluster': Sdk.RunJobFlowCommandInput;
    'elasticmapreduce:addStep': { ClusterId: string; Step: Sdk.StepConfig; ExecutionRoleArn?: string };
    'elasticmapreduce:cancelStep': {
      ClusterId: string;
      StepId: string;
      StepCancellationOption?: Sdk.StepCancellationOption;
    };
    'elasticmapreduce:terminateCluster': { ClusterId: string };
    'elasticmapreduce:modifyInstanceGroupByName': {
      ClusterId: string;
      InstanceGroupName: string;
      InstanceGroup: Omit<Sdk.InstanceGroupModifyConfig, 'InstanceGroupId'>;
    };
    'elasticmapreduce:modifyInstanceFleetByName': {
      ClusterId: string;
      InstanceFleetName: string;
      InstanceFleet: Omit<Sdk.InstanceFleetModifyConfig, 'InstanceFleetId'>;
    };
  }
}

const load = createRequire(__filename);
const sdk = () => load('@aws-sdk/client-emr') as typeof Sdk;
const CLUSTER = 'j-0000000000000';

/** The runners of clusters share their polls, and so do those of steps. */
const createRunners = sharedBy(({ config }: RunnerContext) => {
  const { createEmrPort, createEmrRunners } = load('./runners') as typeof Implementation;
  return createEmrRunners(createEmrPort(new (sdk().EMRClient)(AWS_CLIENT)), config.pollMinMs);
});

export const emrCreateCluster = defineRunner({
  resource: 'elasticmapreduce:createCluster',
  parameters: sdkSchema(() => sdk().RunJobFlowInput$),
  engines: ['aws'],
  policy: 'docs/iam/elasticmapreduce-createCluster.json',
  probe: (settings) => new (sdk().EMRClient)(settings).send(new (sdk().ListClustersCommand)({})),
  create: (context) => createRunners(context)['elasticmapreduce:createCluster'],
});

export const emrAddStep = defineRunner({
  resource: 'elasticmapreduce:addStep',
  parameters: sdkSchema(() =>
    structure({ ClusterId: TEXT, Step: sdk().StepConfig$, ExecutionRoleArn: TEXT }, 2),
  ),
  policy: 'docs/iam/elasticmapreduce-addStep.json',
  probe: (settings) =>
    new (sdk().EMRClient)(settings).send(new (sdk().ListStepsCommand)({ ClusterId: CLUSTER })),
  create: (context) =>
    context.config.engines === 'local'
      ? createLocalEmrStep(context)
      : createRunners(context)['elasticmapreduce:addStep'],
});

export const emrCancelStep = defineRunner({
  resource: 'elasticmapreduce:cancelStep',
  parameters: sdkSchema(() => structure({ ClusterId: TEXT, StepId: TEXT, StepCancellationOption: TEXT }, 2)),
  engines: ['aws'],
  policy: 'docs/iam/elasticmapreduce-cancelStep.json',
  create: (context) => createRunners(context)['elasticmapreduce:cancelStep'],
});

export const emrTerminateCluster = defineRunner({
  resource: 'elasticmapreduce:terminateCluster',
  parameters: sdkSchema(() => structure({ ClusterId: TEXT }, 1)),
  engines: ['aws'],
  policy: 'docs/iam/elasticmapreduce-terminateCluster.json',
  create: (context) => createRunners(context)['elasticmapreduce:terminateCluster'],
});

export const emrModifyInstanceGroupByName = defineRunner({
  resource: 'elasticmapreduce:modifyInstanceGroupByName',
  parameters: sdkSchema(() =>
    structure(
      {
        ClusterId: TEXT,
        InstanceGroupName: TEXT,
        InstanceGroup: changeMembers(sdk().InstanceGroupModifyConfig$, ['InstanceGroupId']),
      },
      3,
    ),
  ),
  engines: ['aws'],
  policy: 'docs/iam/elasticmapreduce-modifyInstanceGroupByName.json',
  create: (context) => createRunners(context)['elasticmapreduce:modifyInstanceGroupByName'],
});

export const emrModifyInstanceFleetByName = defineRunner({
  resource: 'elasticmapreduce:modifyInstanceFleetByName',
  parameters: sdkSchema(() =>
    structure(
      {
        ClusterId: TEXT,
        InstanceFleetName: TEXT,
        InstanceFleet: changeMembers(sdk().InstanceFleetModifyConfig$, ['InstanceFleetId']),
      },
      3,
    ),
  ),
  engines: ['aws'],
  policy: 'docs/iam/elasticmapreduce-modifyInstanceFleetByName.json',
  create: (context) => createRunners(context)['elasticmapreduce:modifyInstanceFleetByName'],
});
