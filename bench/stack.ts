import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import type { ActivityDependencies } from '../src/activities';
import { readConfig } from '../src/setup/config';
import { createWorker, type CreateWorkerOptions } from '../src/worker/createWorker';
import {
  ensureS3Gateway,
  ensureTemporal,
  freePort,
  Processes,
  startS3Gateway,
  startTemporal,
} from '../src/local';

export const config = { ...readConfig({}), taskQueue: 'bench' };

/** What a benchmark runs on: a Temporal server of its own, in a folder of its own. */
export interface Stack {
  folder: string;
  client: Client;
  /** An S3 gateway with the bucket `lake`, started when it is asked for. */
  startS3: () => Promise<S3Client>;
  /** Runs `act` beside a worker with the workflows of the benchmarks. */
  withWorker: (
    activities: Omit<ActivityDependencies, 'config' | 'client'>,
    options: Pick<CreateWorkerOptions, 'maxCachedWorkflows'>,
    act: () => Promise<void>,
  ) => Promise<void>;
  /** How many requests of this process's worker have changed something on the server, heartbeats included. */
  countWrites: () => Promise<number>;
}

/** Runs a benchmark and ends all that it started; the process ends with it. */
export function bench(measure: (stack: Stack) => Promise<void>): void {
  runBench(measure).then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
}

async function runBench(measure: (stack: Stack) => Promise<void>): Promise<void> {
  const metricsAddress = `127.0.0.1:${await freePort()}`;
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { metrics: { prometheus: { bindAddress: metricsAddress } } },
  });
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  const context = { env: process.env, report: (line: string) => console.error(line) };
  const processes = new Processes();
  const common = { env: process.env, logs: folder, processes };
  try {
    const { address } = await startTemporal({
      ...{ ...common, binary: await ensureTemporal(context) },
      ...{ port: await freePort(), uiPort: await freePort() },
    });
    const client = new Client({ connection: await Connection.connect({ address }) });
    await measure({
      folder,
      client,
      async startS3() {
        await mkdir(join(folder, 's3', 'lake'), { recursive: true });
        const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench-secret' };
        const { endpoint } = await startS3Gateway({
          ...{ ...common, ...credentials, binary: await ensureS3Gateway(context), port: await freePort() },
          ...{ folder: join(folder, 's3'), metadata: join(folder, 'metadata') },
        });
        return new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
      },
      async countWrites() {
        const text = await (await fetch(`http://${metricsAddress}/metrics`)).text();
        const counts = text.matchAll(/^temporal_request(?:_total)?\{([^}]*)\} (\d+)/gm);
        return [...counts]
          .filter(([, labels = '']) => /operation="(Respond|Record)/.test(labels))
          .reduce((sum, [, , count]) => sum + Number(count), 0);
      },
      async withWorker(activities, options, act) {
        const worker = await createWorker({
          ...options,
          connection: await NativeConnection.connect({ address }),
          namespace: 'default',
          activities: { ...activities, config, client },
          workflows: {
            workflowBundle: await bundleWorkflowCode({
              workflowsPath: require.resolve('./workflows'),
              logger: new DefaultLogger('ERROR'),
            }),
          },
        });
        const running = worker.run();
        try {
          await act();
        } finally {
          worker.shutdown();
          await running;
        }
      },
    });
    await client.connection.close();
  } finally {
    await processes.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
