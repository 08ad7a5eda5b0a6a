import { S3Client } from '@aws-sdk/client-s3';
import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection } from '@temporalio/worker';
import { SluiceError } from '../errors';

/**
 * Where Temporal is, by its standard settings: `TEMPORAL_*` variables over the profile of `temporal.toml`.
 * @throws SluiceError InvalidInput for an address that is a URL
 */
export function temporalSettings() {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const address = connectionOptions.address ?? 'localhost:7233';
  const scheme = /^https?:\/\//.exec(address)?.[0];
  if (scheme !== undefined) {
    const cure = `Give host:port, without ${scheme}`;
    throw new SluiceError('InvalidInput', `The address of Temporal is ${address}. ${cure}`);
  }
  return { connectionOptions, namespace: namespace ?? 'default', address };
}

function unreachable(address: string, cause: unknown): SluiceError {
  return new SluiceError(
    'ServerUnreachable',
    `Temporal cannot be reached at ${address}. Start a local stack with "sluice dev", or set TEMPORAL_ADDRESS to your server.`,
    { cause },
  );
}

/** @throws SluiceError ServerUnreachable that names the address */
export async function connectClient(): Promise<Client> {
  const { connectionOptions, namespace, address } = temporalSettings();
  try {
    const connection = await Connection.connect({ connectTimeout: '5s', ...connectionOptions, address });
    return new Client({ connection, namespace });
  } catch (error) {
    throw unreachable(address, error);
  }
}

/** @throws SluiceError ServerUnreachable that names the address */
export async function connectWorker(): Promise<{ connection: NativeConnection; namespace: string }> {
  const { connectionOptions, namespace, address } = temporalSettings();
  try {
    return { connection: await NativeConnection.connect({ ...connectionOptions, address }), namespace };
  } catch (error) {
    throw unreachable(address, error);
  }
}

const CONNECTION_TIMEOUT_MS = 10_000;
/** A connection that moves no byte for so long is given up, in an upload or download of any length, too. */
const IDLE_TIMEOUT_MS = 60_000;

/** The S3 client by the AWS SDK's own rules. A custom endpoint is a gateway, which has no host name per bucket. */
export function connectS3({ idleTimeoutMs = IDLE_TIMEOUT_MS } = {}): S3Client {
  const requestHandler = { connectionTimeout: CONNECTION_TIMEOUT_MS, socketTimeout: idleTimeoutMs };
  const custom = process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL'];
  return new S3Client({ forcePathStyle: custom !== undefined, maxAttempts: 5, requestHandler });
}
