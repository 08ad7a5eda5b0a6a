import type { Client } from '@temporalio/client';
import { readConfig, type Config } from '../setup/config';
import { connectClient, temporalSettings } from '../setup/connect';

/** What a command that talks to Temporal works with. */
export interface Session {
  client: Client;
  config: Config;
  /** Where Temporal is, for links. */
  address: string;
}

/** Runs a command's body with a connection, which it closes in any case. */
export async function withSession<T>(
  body: (session: Session) => Promise<T>,
  config: Config = readConfig(),
): Promise<T> {
  const { address } = temporalSettings();
  const client = await connectClient(config);
  try {
    return await body({ client, config, address });
  } finally {
    await client.connection.close();
  }
}

/** The run in the Web UI, or null when nobody said where that is. */
export function runUrl({ client, config, address }: Session, id: string, runId: string): string | null {
  const base = config.uiUrl ?? guessUi(address);
  if (base === null) return null;
  const namespace = encodeURIComponent(client.options.namespace);
  return `${base}/namespaces/${namespace}/workflows/${encodeURIComponent(id)}/${encodeURIComponent(runId)}/history`;
}

function guessUi(address: string): string | null {
  const host = address.replace(/:\d+$/, '');
  if (['localhost', '127.0.0.1', '[::1]'].includes(host)) return 'http://localhost:8233';
  return /\.(tmprl\.cloud|api\.temporal\.io)$/.test(host) ? 'https://cloud.temporal.io' : null;
}
