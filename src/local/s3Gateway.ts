import { mkdir } from 'node:fs/promises';
import { isListening, LOOPBACK } from './ports';
import { Processes, type RunningProcess } from './processes';

export const S3_REGION = 'us-east-1';

export interface S3GatewayOptions {
  binary: string;
  env: NodeJS.ProcessEnv;
  port: number;
  /** Each sub-folder is a bucket, each file below an object. */
  folder: string;
  /** Where the gateway keeps what a file cannot carry: ETags, content types, tags. */
  metadata: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Takes the notifications of new objects. It must listen before the gateway starts: the gateway tries it. */
  eventUrl?: string;
  logs: string;
  processes?: Processes;
}

export interface S3Gateway extends RunningProcess {
  endpoint: string;
}

/** Starts an S3 API over a plain folder. Clients must address buckets by path (`forcePathStyle`). */
export async function startS3Gateway(options: S3GatewayOptions): Promise<S3Gateway> {
  const { binary, env, port, folder, metadata, accessKeyId, secretAccessKey, eventUrl, logs } = options;
  const { processes = new Processes() } = options;
  await Promise.all([mkdir(folder, { recursive: true }), mkdir(metadata, { recursive: true })]);
  const gateway = await processes.start({
    name: 's3-gateway',
    command: binary,
    args: ['--quiet', '--port', `${LOOPBACK}:${port}`, 'posix', '--sidecar', metadata, folder],
    // Secrets go by the environment: arguments are open to every user of the machine.
    env: {
      ...withoutGatewaySettings(env),
      ROOT_ACCESS_KEY_ID: accessKeyId,
      ROOT_SECRET_ACCESS_KEY: secretAccessKey,
      VGW_REGION: S3_REGION,
      ...(eventUrl ? { VGW_EVENT_WEBHOOK_URL: eventUrl } : {}),
    },
    logs,
    ready: { check: () => isListening(port) },
    readyTimeoutMs: 30_000,
    graceMs: 3_000,
  });
  return {
    name: gateway.name,
    pid: gateway.pid,
    logFile: gateway.logFile,
    stop: () => gateway.stop(),
    endpoint: `http://${LOOPBACK}:${port}`,
  };
}

function withoutGatewaySettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = /^(VGW_|ROOT_(ACCESS|SECRET)|LOGFILE$|WEBHOOK$)/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !own.test(name)));
}
