import { isListening, LOOPBACK } from './ports';
import type { Processes, RunningProcess } from './processes';

export interface DynamodbOptions {
  /** A Python with moto; see `ensureAwsTestTools`. */
  python: string;
  env: NodeJS.ProcessEnv;
  port: number;
  logs: string;
  processes: Processes;
}

/** Starts moto's DynamoDB API. It keeps tables in memory: they are gone when it ends. */
export async function startDynamodb(
  options: DynamodbOptions,
): Promise<RunningProcess & { endpoint: string }> {
  const { python, env, port, logs, processes } = options;
  const server = await processes.start({
    name: 'dynamodb',
    command: python,
    args: ['-m', 'moto.server', '--host', LOOPBACK, '--port', String(port)],
    env,
    logs,
    ready: { check: () => isListening(port) },
    readyTimeoutMs: 60_000,
    graceMs: 3_000,
  });
  return {
    name: server.name,
    pid: server.pid,
    logFile: server.logFile,
    stop: () => server.stop(),
    endpoint: `http://${LOOPBACK}:${port}`,
  };
}
