import type { Client } from '@temporalio/client';
import { DefaultLogger, Runtime, type LogLevel, type NativeConnection } from '@temporalio/worker';
import { createStuckRuns, type ActivityDependencies } from '../activities';
import { SECONDS_BUCKETS } from '../contracts/metrics';
import { SluiceError } from '../errors';
import { everyMinute } from '../services/everyMinute';
import type { Config } from '../setup/config';
import { checkNamespace, connectClient, connectWorker } from '../setup/connect';
import { connectS3 } from '../setup/connectS3';
import { sweepStagingFolders } from '../duckdb/stagingFolders';
import { createLogger, type Logger } from '../setup/logging';
import { startTracing, type TracingPlugin } from '../setup/tracing';
import { registerSearchAttributes } from '../setup/registerSearchAttributes';
import { createWorker } from './createWorker';
import { measureWaitingRuns } from './measureWaitingRuns';
import { scheduleReap } from './scheduleReap';
import { loadWorkflows, partsOf, type WorkerProject } from './workerProject';

/** Runs the worker of a project until a signal stops it. */
export async function runWorker(project: WorkerProject, config: Config): Promise<void> {
  const log = createLogger(config.logLevel, 'worker');
  await sweepStagingFolders().catch((error: unknown) => log.warn({ error }, 'left folders stay'));
  installRuntime(config, log, ['SIGINT', 'SIGTERM']);
  try {
    await runConnected(project, config, log);
  } catch (error) {
    // It hands on logs, and would keep a process alive whose worker never came to be.
    await Runtime.instance().shutdown();
    throw error;
  }
}

async function runConnected(project: WorkerProject, config: Config, log: Logger): Promise<void> {
  await withConnections(config, log, async ({ connection, namespace, activities, plugins }) => {
    const worker = await createWorker({
      connection,
      namespace,
      activities: { ...activities, ...partsOf(project) },
      plugins,
      workflows: await loadWorkflows(project, config, plugins),
    });
    const stopped = new AbortController();
    const stuckRuns = createStuckRuns(config, activities.client, worker.options.identity);
    void stuckRuns.follow(stopped.signal, log);
    if (activities.searchAttributes && config.metricsPort !== null)
      void everyMinute(() => measureWaitingRuns(activities.client), {
        signal: stopped.signal,
        onFailure: ({ code, message }) => log.warn({ code, error: message }, 'waiting runs are not counted'),
      });
    const running = worker.run().finally(() => stopped.abort());
    log.info({ taskQueue: config.taskQueue, namespace, engines: config.engines }, 'worker ready');
    process.send?.({ ready: true });
    await running;
  });
}

/**
 * Sets up what all workers of this process share: logs, signals, metrics.
 * @throws SluiceError PortTaken for the port of the metrics
 */
export function installRuntime(
  { metricsPort, metricsHost }: Config,
  log: Logger,
  shutdownSignals: NodeJS.Signals[],
): void {
  const logger = new DefaultLogger('INFO', ({ level, message, meta }) =>
    log[pinoLevel(level)](meta ?? {}, message),
  );
  const bindAddress = `${metricsHost.includes(':') ? `[${metricsHost}]` : metricsHost}:${metricsPort}`;
  const histogramBucketOverrides = {
    sluice_run_seconds: SECONDS_BUCKETS,
    sluice_step_seconds: SECONDS_BUCKETS,
  };
  try {
    Runtime.install({
      logger,
      shutdownSignals,
      telemetryOptions: {
        // What Temporal's core says goes through the log of this process, which shows no secret.
        logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } },
        ...(metricsPort === null
          ? {}
          : { metrics: { prometheus: { bindAddress, histogramBucketOverrides } } }),
      },
    });
  } catch (cause) {
    if (!/in use/i.test(String(cause))) throw cause;
    const cure = 'Set SLUICE_METRICS_PORT to a free one, or leave it unset for none';
    throw new SluiceError('PortTaken', `Port ${metricsPort} on ${metricsHost} is in use. ${cure}`, { cause });
  }
}

export interface Connections {
  connection: NativeConnection;
  namespace: string;
  activities: ActivityDependencies;
  /** Traces, where they are sent. */
  plugins: TracingPlugin[];
}

/** Runs `body` with what every worker is connected to, and closes it afterwards. */
export async function withConnections(
  config: Config,
  log: Logger,
  body: (connections: Connections) => Promise<void>,
): Promise<void> {
  const tracing = await startTracing(config, 'sluice-worker');
  const plugins = tracing === null ? [] : [tracing.plugin];
  const client: Client = await connectClient(config, plugins);
  try {
    await checkNamespace(client);
    const { connection, namespace } = await connectWorker();
    try {
      const searchAttributes = await registerSearchAttributes(connection, namespace, log);
      await scheduleReap(client, config).catch((error: unknown) =>
        log.warn({ error }, 'SLUICE_REAP_EVERY has no schedule'),
      );
      const activities = { config, client, s3: connectS3(), searchAttributes };
      await body({ connection, namespace, activities, plugins });
    } finally {
      await connection.close();
    }
  } finally {
    await client.connection.close();
    await tracing?.end().catch((error: unknown) => log.warn({ error }, 'the last traces were lost'));
  }
}

function pinoLevel(level: LogLevel): 'trace' | 'debug' | 'info' | 'warn' | 'error' {
  return level.toLowerCase() as 'trace' | 'debug' | 'info' | 'warn' | 'error';
}
