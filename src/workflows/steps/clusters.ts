import type { JobOptions } from '../../pipelines';
import type { Failure } from '../../contracts/messages';
import { stopJob } from './jobActivities';
import type { Cluster, Shared } from './shared';

/** A cluster that the run created ends with the run; one that it terminated itself needs no ending. */
export function noteCluster(shared: Shared, cluster: Cluster, options: JobOptions): void {
  const { job } = cluster.submission;
  const { clusters } = shared;
  if (job.resource === 'elasticmapreduce:createCluster' && !options.keep) clusters.push(cluster);
  if (job.resource === 'elasticmapreduce:terminateCluster') {
    const ended = job.parameters.ClusterId;
    shared.clusters = clusters.filter(({ reference }) => reference.externalId !== ended);
  }
}

/** Ends the clusters that the run has created and left. */
export async function endClusters({ board, clusters }: Shared): Promise<void> {
  const ending = clusters.splice(0).map(async ({ submission, reference }) => {
    const { resource } = submission.job;
    const { externalId, url } = reference;
    const step = board.addStep({
      ...{ name: `end the cluster of ${submission.step}`, kind: 'job', parent: null },
      job: { resource, externalId, url },
    });
    board.update(step, { state: 'running', attempts: 1 });
    const { outcome, message } = await stopJob(submission, reference);
    const failure: Failure | null =
      outcome === 'leaked'
        ? {
            code: 'JobLeaked',
            message: `The cluster ${externalId} may still run: ${message ?? ''} ${url ?? ''}`.trim(),
            step: step.name,
          }
        : null;
    board.update(step, { state: failure ? 'leaked' : 'succeeded', failure });
  });
  await Promise.all(ending);
}
