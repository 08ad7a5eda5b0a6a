import { Connection } from '@temporalio/client';
import { Processes, type RunningProcess } from './processes';
import { SEARCH_ATTRIBUTES } from '../contracts/searchAttributes';
import { isListening, LOOPBACK } from './ports';

export interface TemporalOptions {
  binary: string;
  env: NodeJS.ProcessEnv;
  port: number;
  uiPort: number;
  /** Besides `default`. */
  namespaces?: readonly string[];
  /** Where runs are kept; without it they end with the server. */
  dbFile?: string;
  logs: string;
  processes?: Processes;
}

export interface TemporalServer extends RunningProcess {
  address: string;
  uiUrl: string;
}

/** Starts Temporal's development server with its Web UI and Sluice's search attributes. Ready means: usable. */
export async function startTemporal(options: TemporalOptions): Promise<TemporalServer> {
  const { binary, env, port, uiPort, namespaces = [], dbFile, logs, processes = new Processes() } = options;
  const address = `${LOOPBACK}:${port}`;
  const server = await processes.start({
    name: 'temporal',
    command: binary,
    args: [
      ...['server', 'start-dev', '--ip', LOOPBACK, '--port', String(port), '--ui-port', String(uiPort)],
      ...['--log-level', 'error'],
      ...(dbFile ? ['--db-filename', dbFile] : []),
      ...namespaces.flatMap((namespace) => ['--namespace', namespace]),
      // The defaults poll a local database too seldom and make each timer and task wait.
      ...['transfer', 'timer', 'visibility'].flatMap((queue) => [
        '--dynamic-config-value',
        `history.${queue}ProcessorMaxPollRPS=2000`,
      ]),
      // Without WAL every write waits for the disk twice.
      ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'],
      ...Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => [
        '--search-attribute',
        `${name}=${type}`,
      ]),
    ],
    env: withoutTemporalSettings(env),
    logs,
    ready: { check: () => isUsable(address, port, ['default', ...namespaces]) },
    graceMs: 5_000,
  });
  return {
    name: server.name,
    pid: server.pid,
    logFile: server.logFile,
    stop: () => server.stop(),
    address,
    uiUrl: `http://${LOOPBACK}:${uiPort}`,
  };
}

/** The port opens before the namespaces are there and their search attributes are known. */
async function isUsable(address: string, port: number, namespaces: string[]): Promise<boolean> {
  if (!(await isListening(port))) return false;
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({ address, connectTimeout: '2s' });
    for (const namespace of namespaces) {
      await connection.workflowService.describeNamespace({ namespace });
      const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
      if (!Object.keys(SEARCH_ATTRIBUTES).every((name) => name in (customAttributes ?? {}))) return false;
    }
    return true;
  } catch {
    return false;
  } finally {
    await connection?.close();
  }
}

/** The user's own settings (a profile, an address, a key) are for clients of another server. */
function withoutTemporalSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}
