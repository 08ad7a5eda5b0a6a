import type { Submission } from '../../contracts/activities';
import type { JobReference } from '../../jobs';
import type { JobOptions } from '../../pipelines';
import type { Failure } from '../../contracts/messages';
import { stopJob } from './jobActivities';
import type { StatusBoard } from './status';

/** A cluster, by the job that has created it. */
interface Cluster {
  submission: Submission;
  reference: JobReference;
}

/** The clusters that a run has created and that end with it. */
export class Clusters {
  private running: Cluster[] = [];

  constructor(private readonly board: StatusBoard) {}

  /** To be told of every job that has succeeded; a cluster that the run terminates itself needs no ending. */
  note(cluster: Cluster, options: JobOptions): void {
    const { job } = cluster.submission;
    if (job.resource === 'elasticmapreduce:createCluster' && !options.keep) this.running.push(cluster);
    if (job.resource === 'elasticmapreduce:terminateCluster') {
      const ended = job.parameters.ClusterId;
      this.running = this.running.filter(({ reference }) => reference.externalId !== ended);
    }
  }

  get areEnded(): boolean {
    return this.running.length === 0;
  }

  /** Ends those that the run has left. */
  async endAll(): Promise<void> {
    const { board } = this;
    const ending = this.running.splice(0).map(async ({ submission, reference }) => {
      const { resource } = submission.job;
      const { externalId, url } = reference;
      const step = board.addStep({
        name: `end the cluster of ${submission.step}`,
        kind: 'job',
        parent: null,
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
}
