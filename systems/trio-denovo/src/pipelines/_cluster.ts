import { joinFolder, type Run } from 'sluice/workflow';

/** Where the bootstrap action puts ADAM on every node. */
export const NODE_JAR = 'local:/usr/lib/adam/adam.jar';
/** A cluster whose run was terminated ends by itself once it has nothing to do. */
const IDLE_SECONDS = 3600;

/** What the pipeline's input says of a cluster. */
export interface ClusterInput {
  lake: string;
  release: string;
  instanceType: string;
  coreInstances: number;
  serviceRole: string;
  instanceProfile: string;
  subnet?: string | undefined;
  keyName?: string | undefined;
}

/** Makes a cluster with Spark, on all nodes of which ADAM is, and returns its id. It ends with the run at the latest. */
export async function createCluster(
  run: Run,
  input: ClusterInput,
  { jar, bootstrap }: { jar: string; bootstrap: string },
): Promise<string> {
  const { lake, release, instanceType, coreInstances, serviceRole, instanceProfile, subnet, keyName } = input;
  const group = (InstanceRole: 'MASTER' | 'CORE', InstanceCount: number) => ({
    ...{ Name: InstanceRole.toLowerCase(), InstanceRole, InstanceType: instanceType, InstanceCount },
  });
  const { payload } = await run.job('create the cluster', {
    resource: 'elasticmapreduce:createCluster',
    parameters: {
      Name: 'trio-denovo',
      ReleaseLabel: release,
      Applications: [{ Name: 'Hadoop' }, { Name: 'Spark' }],
      LogUri: joinFolder(lake, 'trio-denovo', '_logs'),
      ServiceRole: serviceRole,
      JobFlowRole: instanceProfile,
      BootstrapActions: [{ Name: 'Install ADAM', ScriptBootstrapAction: { Path: bootstrap, Args: [jar] } }],
      Instances: {
        InstanceGroups: [group('MASTER', 1), group('CORE', coreInstances)],
        KeepJobFlowAliveWhenNoSteps: true,
        ...(subnet === undefined ? {} : { Ec2SubnetId: subnet }),
        ...(keyName === undefined ? {} : { Ec2KeyName: keyName }),
      },
      AutoTerminationPolicy: { IdleTimeout: IDLE_SECONDS },
      // The three coverages and the variants need not wait for one another.
      StepConcurrencyLevel: 4,
      Tags: [
        { Key: 'pipeline', Value: 'trio-denovo' },
        // EMR's managed policy lets its service touch only what has it.
        { Key: 'for-use-with-amazon-emr-managed-policies', Value: 'true' },
      ],
      VisibleToAllUsers: true,
    },
  });
  return (payload as { ClusterId: string }).ClusterId;
}
