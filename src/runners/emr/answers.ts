import type { JobReference } from '../../jobs';
import type { Submission } from '../../contracts/activities';
import { consoleUrl } from '../awsService';
import type { EmrPort } from './port';

/** The reference of a job on a cluster, whose page is where a person sees it; without `externalId`, of the cluster. */
export async function toReference(
  emr: EmrPort,
  { job, key }: Pick<Submission, 'job' | 'key'>,
  { clusterId, externalId = clusterId }: { clusterId: string; externalId?: string },
): Promise<JobReference> {
  return {
    resource: job.resource,
    externalId,
    key,
    url: consoleUrl(await emr.region(), 'emr/home', `/clusterDetails/${clusterId}`),
    submittedAt: new Date().toISOString(),
  };
}
