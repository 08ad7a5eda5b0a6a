import type { FastifyInstance } from 'fastify';
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
  await listenAt(webhook, { host, port });
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

/** @throws SluiceError that names the setting to mend */
export async function listenAt(
  webhook: Pick<FastifyInstance, 'listen'>,
  { host, port }: { host: string; port: number },
): Promise<void> {
  try {
    await webhook.listen({ host, port });
  } catch (cause) {
    switch ((cause as NodeJS.ErrnoException).code) {
      case 'EADDRINUSE': {
        const message = `Port ${port} on ${host} is in use; set SLUICE_WEBHOOK_PORT to a free one`;
        throw new SluiceError('PortTaken', message, { cause });
      }
      case 'EACCES': {
        const message = `SLUICE_WEBHOOK_PORT: this user may not listen at ${port}; give a port above 1023`;
        throw new SluiceError('InvalidInput', message, { cause });
      }
      case 'ENOTFOUND':
      case 'EAI_AGAIN':
      case 'EADDRNOTAVAIL':
      case 'EINVAL': {
        const message = `SLUICE_WEBHOOK_HOST: "${host}" is no address of this machine; give one such as 127.0.0.1, or 0.0.0.0 for all of them`;
        throw new SluiceError('InvalidInput', message, { cause });
      }
      default:
        throw cause;
    }
  }
}
