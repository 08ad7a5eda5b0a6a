import { DescribeClusterCommand, ListClustersCommand, type EMRClient } from '@aws-sdk/client-emr';
import { defineTask, field } from 'sluice';
import type { Aws } from '../aws';
import { parameterNames, PARAMETER_TAGS } from '../names';

export interface ClusterOfParameters {
  id: string;
  name: string;
  createdAt: string;
}

/** Names the clusters that are there whose nodes have their certificates from below `prefix`. Answers `{ clusters }`. */
export function createFindClusters(connect: () => Aws) {
  return defineTask(
    {
      name: 'find-clusters',
      about: 'Names the clusters that run on the certificates of a prefix.',
      input: { prefix: field.text() },
    },
    async ({ prefix }, { signal }) => {
      const { emr } = connect();
      const wanted = parameterNames(prefix).nodesCertificate;
      const clusters: ClusterOfParameters[] = [];
      for await (const id of listRunning(emr, signal)) {
        const command = new DescribeClusterCommand({ ClusterId: id });
        const { Cluster } = await emr.send(command, { abortSignal: signal });
        const tag = Cluster?.Tags?.find(({ Key }) => Key === PARAMETER_TAGS.nodesCertificate);
        if (tag?.Value !== wanted) continue;
        const createdAt = Cluster!.Status!.Timeline!.CreationDateTime!.toISOString();
        clusters.push({ id, name: Cluster!.Name ?? '', createdAt });
      }
      return { payload: { clusters }, measures: { clusters: clusters.length } };
    },
  );
}

async function* listRunning(emr: EMRClient, signal: AbortSignal): AsyncGenerator<string> {
  let Marker: string | undefined;
  do {
    const command = new ListClustersCommand({
      ClusterStates: ['STARTING', 'BOOTSTRAPPING', 'RUNNING', 'WAITING'],
      Marker,
    });
    const page = await emr.send(command, { abortSignal: signal });
    for (const { Id } of page.Clusters ?? []) yield Id!;
    Marker = page.Marker;
  } while (Marker !== undefined);
}
