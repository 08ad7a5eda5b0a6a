import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { EMRClient } from '@aws-sdk/client-emr';
import { AWS_CLIENT, type ClientSettings } from 'sluice';

/** The services that are asked about a cluster. */
export interface Clients {
  emr: EMRClient;
  cloudWatch: CloudWatchClient;
}

/** Hands out the clients and closes them afterwards. One attempt a call: the job's own retries are beside it. */
export async function withClients<T>(
  use: (clients: Clients) => Promise<T>,
  settings: ClientSettings = {},
): Promise<T> {
  const given = { ...AWS_CLIENT, ...settings };
  const clients = { emr: new EMRClient(given), cloudWatch: new CloudWatchClient(given) };
  try {
    return await use(clients);
  } finally {
    clients.emr.destroy();
    clients.cloudWatch.destroy();
  }
}
