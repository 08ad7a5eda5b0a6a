import { DefaultLogger, Runtime, type LogLevel } from '@temporalio/worker';
import { readConfig } from '../setup/config';
import { connectClient, connectS3, connectWorker } from '../setup/connect';
import { sweepStagingFolders } from '../duckdb/stagingFolders';
import { createWorker } from './createWorker';
import { createLogger } from '../setup/logging';
import { registerSearchAttributes } from '../setup/registerSearchAttributes';

/** Runs the worker until a signal stops it. */
export async function runWorker(): Promise<void> {
  const config = readConfig();
  const log = createLogger(config.logLevel, 'worker');
  const logger = new DefaultLogger('INFO', ({ level, message, meta }) =>
    log[pinoLevel(level)](meta ?? {}, message),
  );
  Runtime.install({
    logger,
    shutdownSignals: ['SIGINT', 'SIGTERM'],
    ...(config.metricsPort === null
      ? {}
      : { telemetryOptions: { metrics: { prometheus: { bindAddress: `0.0.0.0:${config.metricsPort}` } } } }),
  });
  await sweepStagingFolders().catch((error: unknown) => log.warn({ error }, 'left folders stay'));
  const client = await connectClient();
  const { connection, namespace } = await connectWorker();
  const searchAttributes = await registerSearchAttributes(connection, namespace, log);
  const worker = await createWorker({
    connection,
    namespace,
    activities: { config, client, s3: connectS3(), searchAttributes },
  });
  try {
    const running = worker.run();
    log.info({ taskQueue: config.taskQueue, namespace, engines: config.engines }, 'worker ready');
    process.send?.({ ready: true });
    await running;
  } finally {
    await connection.close();
    await client.connection.close();
  }
}

function pinoLevel(level: LogLevel): 'trace' | 'debug' | 'info' | 'warn' | 'error' {
  return level.toLowerCase() as 'trace' | 'debug' | 'info' | 'warn' | 'error';
}
