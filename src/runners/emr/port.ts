import {
  AddJobFlowStepsCommand,
  CancelStepsCommand,
  DescribeClusterCommand,
  ListClustersCommand,
  ListInstanceFleetsCommand,
  ListInstanceGroupsCommand,
  ListStepsCommand,
  ModifyInstanceFleetCommand,
  ModifyInstanceGroupsCommand,
  RunJobFlowCommand,
  TerminateJobFlowsCommand,
  type AddJobFlowStepsCommandInput,
  type AddJobFlowStepsCommandOutput,
  type CancelStepsCommandInput,
  type CancelStepsCommandOutput,
  type DescribeClusterCommandOutput,
  type EMRClient,
  type ListClustersCommandInput,
  type ListClustersCommandOutput,
  type ListInstanceFleetsCommandOutput,
  type ListInstanceGroupsCommandOutput,
  type ListStepsCommandInput,
  type ListStepsCommandOutput,
  type ModifyInstanceFleetCommandInput,
  type ModifyInstanceGroupsCommandInput,
  type RunJobFlowCommandInput,
  type RunJobFlowCommandOutput,
} from '@aws-sdk/client-emr';
import { SluiceError } from '../../errors';
import { orUnknown } from '../awsService';

/** The verbs of Amazon EMR in use. Lists come by page. */
export interface EmrPort {
  runJobFlow(input: RunJobFlowCommandInput): Promise<RunJobFlowCommandOutput>;
  describeCluster(input: { ClusterId: string }): Promise<DescribeClusterCommandOutput>;
  listClusters(input: ListClustersCommandInput): Promise<ListClustersCommandOutput>;
  terminateJobFlows(input: { JobFlowIds: string[] }): Promise<unknown>;
  addJobFlowSteps(input: AddJobFlowStepsCommandInput): Promise<AddJobFlowStepsCommandOutput>;
  listSteps(input: ListStepsCommandInput): Promise<ListStepsCommandOutput>;
  cancelSteps(input: CancelStepsCommandInput): Promise<CancelStepsCommandOutput>;
  listInstanceGroups(input: ListOfCluster): Promise<ListInstanceGroupsCommandOutput>;
  modifyInstanceGroups(input: ModifyInstanceGroupsCommandInput): Promise<unknown>;
  listInstanceFleets(input: ListOfCluster): Promise<ListInstanceFleetsCommandOutput>;
  modifyInstanceFleet(input: ModifyInstanceFleetCommandInput): Promise<unknown>;
  region(): Promise<string>;
}

interface ListOfCluster {
  ClusterId: string;
  Marker?: string | undefined;
}

export function createEmrPort(client: EMRClient): EmrPort {
  return {
    runJobFlow: (input) => client.send(new RunJobFlowCommand(input)),
    describeCluster: (input) => client.send(new DescribeClusterCommand(input)),
    listClusters: (input) => client.send(new ListClustersCommand(input)),
    terminateJobFlows: (input) => client.send(new TerminateJobFlowsCommand(input)),
    addJobFlowSteps: (input) => client.send(new AddJobFlowStepsCommand(input)),
    listSteps: (input) => client.send(new ListStepsCommand(input)),
    cancelSteps: (input) => client.send(new CancelStepsCommand(input)),
    listInstanceGroups: (input) => client.send(new ListInstanceGroupsCommand(input)),
    modifyInstanceGroups: (input) => client.send(new ModifyInstanceGroupsCommand(input)),
    listInstanceFleets: (input) => client.send(new ListInstanceFleetsCommand(input)),
    modifyInstanceFleet: (input) => client.send(new ModifyInstanceFleetCommand(input)),
    region: () => client.config.region(),
  };
}

/** The pages of a list, one after the other. */
export async function* pagesOf<Page extends { Marker?: string | undefined }>(
  list: (Marker: string | undefined) => Promise<Page>,
): AsyncGenerator<Page> {
  let marker: string | undefined;
  do {
    const page = await list(marker);
    yield page;
    marker = page.Marker;
  } while (marker);
}

/** The limit of EMR's names. */
/** EMR has no code of its own for a limit on what is active; its messages read `Maximum number of active steps …`. */
const LIMIT =
  /(maximum number|limit|quota).{0,40}\b(active|running)\b|\b(active|running)\b.{0,80}(limit|quota|exceed)/i;

/** @throws SluiceError NoCapacity when the service refuses for a limit on active clusters, instances or steps */
export async function submitWithinLimits<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    if (($metadata?.httpStatusCode ?? 500) >= 500 || !LIMIT.test(message)) throw error;
    throw new SluiceError('NoCapacity', `${name}: ${message}`, { cause: error });
  }
}

/** EMR has no code of its own for an id that it does not know; its messages read `Cluster id 'j-…' is not valid.` */
const UNKNOWN_ID = /\b(cluster|step) id .* is not valid/i;

/** Waits for a call; undefined when EMR does not know the cluster or a step. */
export function orUnknownId<T>(call: Promise<T>): Promise<T | undefined> {
  return orUnknown(
    call,
    ({ name, message }) => name === 'InvalidRequestException' && UNKNOWN_ID.test(message),
  );
}
