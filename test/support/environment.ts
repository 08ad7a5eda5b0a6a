import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import type { WorkflowBundle } from '@temporalio/worker';
import type { S3Client } from '@aws-sdk/client-s3';
import { readConfig, type Config } from '../../src/setup/config';
import { FAILURE_CONVERTER } from '../../src/setup/payloadCodec';
import type { TracingPlugin } from '../../src/setup/tracing';
import { createTimeSkipping } from '../../src/testing/timeSkippingServer';
import { createWorker } from '../../src/worker/createWorker';
import type { AnyRunnerDefinition } from '../../src/runners';
import { bundleModule, bundlePipelines, type BundlePipelinesOptions } from '../../src/worker/bundlePipelines';
import { SEARCH_ATTRIBUTES } from '../../src/contracts/searchAttributes';
import { ensureTemporal, ensureTemporalTestServer, freePort } from '../../src/local';
import { startTemporal } from '../../src/local/temporal';
import { LOGS } from './logs';
import { definitionsOf, type RunnersByResource } from './runners';

export { quietRuntime } from '../../src/testing/timeSkippingServer';

const context = { env: process.env, report: () => {} };

/** The settings of a test's worker: quick polls, everything else as it ships. */
export const testConfig: Config = {
  ...readConfig({}),
  taskQueue: 'test',
  pollMinMs: 20,
  pollMaxMs: 200,
};

/** The real time-skipping server. */
export async function startTimeSkipping(): Promise<TestWorkflowEnvironment> {
  return createTimeSkipping(await ensureTemporalTestServer(context));
}

/**
 * A development server of a file's own, with Sluice's search attributes and a Web UI.
 * @param ui its port, and where it has payloads decoded
 */
export async function startServerWithUi(ui: {
  port: number;
  codec: string;
}): Promise<TestWorkflowEnvironment> {
  return TestWorkflowEnvironment.createLocal({
    server: {
      ...{ ui: true, uiPort: ui.port },
      executable: { type: 'existing-path', path: await ensureTemporal(context) },
      extraArgs: [
        ...['--ui-codec-endpoint', ui.codec],
        ...['transfer', 'timer', 'visibility'].flatMap((queue) => [
          '--dynamic-config-value',
          `history.${queue}ProcessorMaxPollRPS=2000`,
        ]),
        ...Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => [
          '--search-attribute',
          `${name}=${type}`,
        ]),
      ],
    },
  });
}

/** As many files of one process have a namespace of their own. */
const NAMESPACES = Array.from({ length: 20 }, (_, i) => `file-${i + 1}`);

/** That of this process, with which it ends, and the namespaces that no file has had. */
let server: Promise<{ address: string; namespaces: string[] }> | null = null;

async function startShared(): Promise<{ address: string; namespaces: string[] }> {
  const [binary, port, uiPort] = await Promise.all([ensureTemporal(context), freePort(), freePort()]);
  const options = { binary, port, uiPort, namespaces: NAMESPACES, env: process.env, logs: LOGS };
  const { address } = await startTemporal(options);
  return { address, namespaces: [...NAMESPACES] };
}

/**
 * A namespace of the real development server, with Sluice's search attributes. The files of one process share the server,
 * one after the other.
 */
export async function startServer(): Promise<TestWorkflowEnvironment> {
  server ??= startShared();
  const { address, namespaces } = await server.catch((error: unknown) => {
    server = null;
    throw error;
  });
  const namespace = namespaces.shift();
  if (namespace === undefined) {
    // The server before is there until the end.
    server = null;
    return startServer();
  }
  return TestWorkflowEnvironment.createFromExistingServer({ address, namespace });
}

/** What a process needs to find the namespace of a test file. */
export const serverEnv = ({ address, namespace }: TestWorkflowEnvironment): NodeJS.ProcessEnv => ({
  TEMPORAL_ADDRESS: address,
  TEMPORAL_NAMESPACE: namespace,
});

/** That of test stacks and workers: all test files, and all runs of the suite, bundle once what has not changed. */
const BUNDLES = join(__dirname, '..', '..', 'node_modules', '.cache', 'sluice');

const bundles = new Map<string, Promise<WorkflowBundle>>();

function bundleOnce(options: BundlePipelinesOptions): Promise<WorkflowBundle> {
  const { files, failureConverter, plugins = [] } = options;
  const key = JSON.stringify([files, failureConverter, plugins.length]);
  const made = bundles.get(key) ?? bundlePipelines({ ...options, cacheFolder: BUNDLES });
  bundles.set(key, made);
  return made;
}

/** The workflows that this file exports; by default the tests' own. */
export function bundleWorkflows(entry = join(__dirname, 'workflows.ts')): Promise<WorkflowBundle> {
  return bundleModule({ entry, plugins: [], cacheFolder: BUNDLES });
}

let bundle: Promise<WorkflowBundle> | undefined;

/** A worker with the product's activities and the tests' workflows. */
export async function startTestWorker(
  environment: TestWorkflowEnvironment,
  {
    s3,
    runners = {},
    definitions = [],
    files,
    config = {},
    searchAttributes = true,
    plugins = [],
    limits = {},
  }: {
    s3?: S3Client;
    runners?: RunnersByResource;
    /** Of a project's own resources. */
    definitions?: readonly AnyRunnerDefinition[];
    /** Pipelines other than those of the tests. */
    files?: string[];
    config?: Partial<Config>;
    searchAttributes?: boolean;
    /** Traces, where they are sent; with `files`. */
    plugins?: TracingPlugin[];
    /** Those of a project. */
    limits?: Record<string, number>;
  },
) {
  bundle ??= bundleWorkflows();
  const worker = await createWorker({
    connection: environment.nativeConnection,
    namespace: environment.namespace ?? 'default',
    activities: {
      config: { ...testConfig, ...config },
      client: environment.client,
      s3: s3 as S3Client,
      searchAttributes,
      limits,
      runners: [...definitionsOf(runners), ...definitions],
    },
    plugins,
    workflows: {
      workflowBundle: await (files
        ? bundleOnce({ files, plugins, ...(config.codecKeys ? { failureConverter: FAILURE_CONVERTER } : {}) })
        : bundle),
    },
  });
  const running = worker.run();
  return {
    async stop() {
      worker.shutdown();
      await running;
    },
  };
}
