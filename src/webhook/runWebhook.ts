import { createStuckRuns } from '../activities';
import { createAcceptArrivals } from '../arrivals/acceptArrivals';
import type { Pipeline } from '../pipelines';
import type { Config } from '../setup/config';
import { checkNamespace, connectClient } from '../setup/connect';
import { SluiceError } from '../errors';
import { createLogger } from '../setup/logging';
import { WaitingRuns } from '../arrivals/waitingRuns';
import { startMetricsServer } from './metrics';
import { closeWebhook, createWebhook } from './server';

export interface WebhookProject {
  config: Config;
  /** Their sources are remembered from the first arrival on. */
  pipelines: readonly Pipeline[];
}

/** Runs the webhook until a signal stops it; requests under way are answered first. */
export async function runWebhook({ config, pipelines }: WebhookProject): Promise<void> {
  const log = createLogger(config.logLevel, 'webhook');
  const { host, port, secrets, topics } = config.webhook;
  const client = await connectClient(config);
  await checkNamespace(client);
  const waitingRuns = new WaitingRuns(client);
  const closing = new AbortController();
  const webhook = createWebhook({
    secrets,
    topics,
    host,
    log,
    acceptArrivals: createAcceptArrivals(client, { ...config, pipelines }, waitingRuns),
    isReady: () =>
      client.workflowService.getSystemInfo({}).then(
        () => true,
        () => false,
      ),
  });
  const metrics =
    config.metricsPort === null ? null : await startMetricsServer(config.metricsPort, config.metricsHost);
  try {
    await webhook.listen({ host, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new SluiceError(
      'PortTaken',
      `Port ${port} on ${host} is in use; set SLUICE_WEBHOOK_PORT to a free one`,
      { cause: error },
    );
  }
  void waitingRuns.follow(closing.signal, log);
  void createStuckRuns(config, client, null).follow(closing.signal, log);
  log.info({ host, port }, 'webhook ready');
  process.send?.({ ready: true });
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  closing.abort();
  await closeWebhook(webhook);
  metrics?.close();
  await client.connection.close();
}
