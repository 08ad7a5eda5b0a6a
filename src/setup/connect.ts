import { createPrivateKey, X509Certificate } from 'node:crypto';
import { connect } from 'node:net';
import { Client, Connection, type ClientPlugin } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { TLSConfig } from '@temporalio/common/lib/internal-non-workflow';
import type { NativeConnection } from '@temporalio/worker';
import { SluiceError } from '../errors';
import { readConfig, type Config } from './config';
import { createDataConverter } from './payloadCodec';
import { hideSecrets, redactSecrets } from './redactSecrets';

/**
 * Where Temporal is, by its standard settings: `TEMPORAL_*` variables over the profile of `temporal.toml`.
 * @throws SluiceError InvalidInput for what no client can be made of: an address that is a URL, a file that is none
 */
export function temporalSettings() {
  const { connectionOptions, namespace } = readTemporalSettings();
  const address = connectionOptions.address ?? 'localhost:7233';
  if (address.trim() === '')
    throw new SluiceError('InvalidInput', 'TEMPORAL_ADDRESS is empty. Give host:port, or unset it.');
  const scheme = /^https?:\/\//.exec(address)?.[0];
  if (scheme !== undefined) {
    const cure = `Give host:port, without ${scheme}`;
    throw new SluiceError('InvalidInput', `The address of Temporal is ${redactSecrets(address)}. ${cure}`);
  }
  const { tls, apiKey, metadata } = connectionOptions;
  hideSecrets([apiKey, ...Object.values(metadata ?? {})].filter((secret) => typeof secret === 'string'));
  if (typeof tls === 'object' && tls !== null) checkTls(tls);
  return { connectionOptions, namespace: namespace ?? 'default', address };
}

function readTemporalSettings() {
  try {
    return loadClientConnectConfig();
  } catch (cause) {
    const [reason] = (cause as Error).message.split('\n');
    const message = `The settings of Temporal are wrong: ${reason}. Correct the TEMPORAL_ variables or temporal.toml.`;
    throw new SluiceError('InvalidInput', message, { cause });
  }
}

/** A file that holds something else is told here: a client that was given it says only that no server answers. */
function checkTls({ clientCertPair, serverRootCACertificate }: TLSConfig): void {
  const problems: string[] = [];
  const check = (what: string, setting: string, parse: () => unknown) => {
    try {
      parse();
    } catch (error) {
      problems.push(`${what} is no PEM file of one (${(error as Error).message}); correct ${setting}`);
    }
  };
  if (clientCertPair) {
    const { crt, key } = clientCertPair;
    check('the client certificate', 'TEMPORAL_TLS_CLIENT_CERT_PATH', () => new X509Certificate(crt));
    check('the key of the client', 'TEMPORAL_TLS_CLIENT_KEY_PATH', () => createPrivateKey(Buffer.from(key)));
  }
  if (serverRootCACertificate) {
    const setting = 'TEMPORAL_TLS_SERVER_CA_CERT_PATH';
    check("the server's certificate authority", setting, () => new X509Certificate(serverRootCACertificate));
  }
  if (problems.length > 0)
    throw new SluiceError('InvalidInput', `The settings of Temporal are wrong: ${problems.join('; ')}.`);
}

/**
 * Tells at the start of a process that its namespace does not exist, rather than with its first task.
 * @throws SluiceError InvalidInput
 */
export async function checkNamespace({ workflowService, options }: Client): Promise<void> {
  const { namespace } = options;
  try {
    await workflowService.describeNamespace({ namespace });
  } catch (cause) {
    // Not everybody may ask.
    if ((cause as { code?: number }).code !== NOT_FOUND) return;
    const cure = 'Set TEMPORAL_NAMESPACE to one that exists.';
    throw new SluiceError('InvalidInput', `Temporal has no namespace ${namespace}. ${cure}`, { cause });
  }
}

// https://grpc.io/docs/guides/status-codes
const NOT_FOUND = 5;

const LOOPBACK = /^(localhost|127(?:\.\d+){3}|\[::1\]):(\d+)$/;

/**
 * Whether this machine itself says that nobody listens there: gRPC would try until its time is up. Of another machine, a
 * proxy may know more.
 */
async function isRefused(address: string): Promise<boolean> {
  const [, host, port] = LOOPBACK.exec(address) ?? [];
  if (host === undefined) return false;
  return new Promise((resolve) => {
    const socket = connect({ host: host.replace(/[[\]]/g, ''), port: Number(port) });
    const end = (isRefused: boolean) => {
      socket.destroy();
      resolve(isRefused);
    };
    socket.setTimeout(1000, () => end(false));
    socket.once('connect', () => end(false));
    socket.once('error', ({ code }: NodeJS.ErrnoException) => end(code === 'ECONNREFUSED'));
  });
}

function unreachable(address: string, cause?: unknown): SluiceError {
  return new SluiceError(
    'ServerUnreachable',
    `Temporal cannot be reached at ${address}. Start a local stack with "sluice dev", or set TEMPORAL_ADDRESS to your server.`,
    { cause },
  );
}

/** @throws SluiceError ServerUnreachable that names the address; InvalidInput for keys that are none */
export async function connectClient(
  config: Pick<Config, 'codecKeys'> = readConfig(),
  plugins: ClientPlugin[] = [],
): Promise<Client> {
  const { connectionOptions, namespace, address } = temporalSettings();
  const dataConverter = await createDataConverter(config);
  if (await isRefused(address)) throw unreachable(address);
  try {
    const connection = await Connection.connect({ connectTimeout: '5s', ...connectionOptions, address });
    return new Client({ connection, namespace, dataConverter, plugins });
  } catch (error) {
    throw unreachable(address, error);
  }
}

/** @throws SluiceError ServerUnreachable that names the address */
export async function connectWorker(): Promise<{ connection: NativeConnection; namespace: string }> {
  const { connectionOptions, namespace, address } = temporalSettings();
  // Clients do without it: it takes a third of the time in which a command starts.
  const { NativeConnection } = await import('@temporalio/worker');
  try {
    return { connection: await NativeConnection.connect({ ...connectionOptions, address }), namespace };
  } catch (error) {
    throw unreachable(address, error);
  }
}
