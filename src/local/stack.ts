import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { S3Client } from '@aws-sdk/client-s3';
import type { GlueServer } from '../engines/glueServer';
import { SluiceError } from '../errors';
import { formatSeconds, type Report } from './cache';
import { keepCredentials, type Credentials } from './credentials';
import { replaceJobFiles } from './jobFiles';
import { startLivy } from './livy';
import { takeLock, type Lock } from './lock';
import { entryFile } from './packageRoot';
import { checkPorts, choosePorts, LOOPBACK, type Ports } from './ports';
import { Processes, type RunningProcess } from './processes';
import { S3_REGION, startS3Gateway } from './s3Gateway';
import type { Service } from './service';
import { environmentOf, placeServices, startService, type PlacedService } from './startService';
import { startTemporal } from './temporal';
import { checkTools, ensureLivyAndSpark, ensureS3Gateway, ensureTemporal, type LivyTools } from './tools';

const LAKE_BUCKET = 'lake';

/** What a local stack needs of a project. */
export interface StackProject {
  /** Its config. */
  file: string;
  jobsFolders: readonly string[];
  services: readonly Service[];
}

export interface StackOptions {
  /** The data folder: `s3/`, `temporal.db`, `credentials.json` and `logs/` are in it. */
  dir: string;
  /** Moves all default ports. */
  portOffset?: number | undefined;
  ports?: Partial<Ports> | undefined;
  /** Whether Livy and Spark are part of it. */
  spark: boolean;
  report: Report;
  /** Whether Sluice's own processes are part of it; both are by default. */
  worker?: boolean | undefined;
  webhook?: boolean | undefined;
  /** Further folders that Spark jobs may read. */
  allowedFolders?: string[] | undefined;
  env?: NodeJS.ProcessEnv | undefined;
  /** The project whose pipelines worker and webhook have; without it, what ships. */
  project?: StackProject | undefined;
  /** Other files to run as worker and webhook. */
  programs?: { worker?: string; webhook?: string } | undefined;
  /** Ends a start that is under way. */
  signal?: AbortSignal | undefined;
}

/** What `sluice dev --json` prints: others rely on it. */
export interface StackInfo {
  ready: true;
  temporal: { address: string; namespace: string };
  ui: { url: string };
  s3: { endpoint: string; region: string; accessKeyId: string; secretAccessKey: string };
  lake: string;
  /** The catalog of the lake, behind Glue's API. */
  glue: { url: string };
  webhook: { url: string; secret: string };
  livy: { url: string } | null;
  dir: string;
  /** What a client or a worker needs. */
  env: Record<string, string>;
}

export interface Stack {
  info: StackInfo;
  /** Resolves when a process of the stack ends unasked, after all others were ended. */
  crashed: Promise<Error>;
  /** Ends all processes and frees the folder. Idempotent. */
  stop(): Promise<void>;
}

interface Tools {
  temporal: string;
  s3Gateway: string;
  livy: LivyTools | undefined;
}

/**
 * Starts the local stack and resolves when all of it is ready. Temporal comes first, then worker and webhook, then the
 * S3 gateway, which tries its webhook as it starts; Livy starts beside them. When one cannot start, all are ended.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const dir = path.resolve(options.dir);
  const env = options.env ?? process.env;
  const ports = choosePorts(options.portOffset ?? 0, options.ports);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(dir);
  const main = new Processes();
  const clients = new Processes();
  let stopping: Promise<void> | undefined;
  const servers: { glue?: GlueServer } = {};
  const stop = () => (stopping ??= stopAll({ clients, main, servers, lock }));
  const abort = () => void stop();
  options.signal?.addEventListener('abort', abort);
  try {
    options.signal?.throwIfAborted();
    const credentials = await keepCredentials(dir);
    const info = describeStack({
      ...{ dir, ports, credentials },
      spark: options.spark,
    });
    const services = placeServices({
      services: options.project?.services ?? [],
      portOffset: options.portOffset ?? 0,
      dir,
      // What the services add to it, all of them see.
      env: info.env,
    });
    Object.assign(info.env, environmentOf(services));
    await checkPortsOf(ports, { options, services, afterKill: lock.stale });
    const tools = await ensureTools(options, env);
    await Promise.all([
      replaceJobFiles(options.project?.jobsFolders ?? [], path.join(dir, 's3', LAKE_BUCKET, 'jobs')),
      writeFile(path.join(dir, 'temporal.toml'), '[profile.default]\n'),
    ]);
    const crash = Promise.race([main.crashed, clients.crashed]);
    await Promise.race([
      startAll({ options, dir, env, ports, tools, credentials, services, info, main, clients, servers }),
      crash.then((error) => Promise.reject(error)),
    ]);
    const crashed = crash.then(async (error) => {
      await stop();
      return error;
    });
    return { info, crashed, stop };
  } catch (error) {
    await stop();
    if (!options.signal?.aborted) throw error;
    throw new SluiceError('Cancelled', 'The local stack was stopped while it started.', { cause: error });
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
}

async function lockFolder(dir: string): Promise<Lock> {
  const taken = await takeLock(path.join(dir, 'stack.lock'));
  if ('lock' in taken) return taken.lock;
  throw new SluiceError(
    'FolderInUse',
    `Another local stack, process ${taken.heldBy}, uses the folder ${dir}. End it, or choose another with --dir DIR.`,
  );
}

/** A stack that was killed leaves its processes a few seconds to end: the next start in its folder waits for them. */
async function checkPortsOf(
  ports: Ports,
  { options, services, afterKill }: { options: StackOptions; services: PlacedService[]; afterKill: boolean },
): Promise<void> {
  const needed: Partial<Ports> & Record<string, number> = { ...ports };
  for (const { service, context } of services) if (context.port > 0) needed[service.name] = context.port;
  if (!options.spark) delete needed.livy;
  if (options.worker === false) delete needed.workerMetrics;
  if (options.webhook === false) {
    delete needed.webhook;
    delete needed.webhookMetrics;
  }
  const deadline = Date.now() + (afterKill ? 8_000 : 0);
  for (;;) {
    try {
      return await checkPorts(needed);
    } catch (error) {
      if (Date.now() >= deadline) throw error;
      await sleep(250);
    }
  }
}

async function ensureTools({ spark, report }: StackOptions, env: NodeJS.ProcessEnv): Promise<Tools> {
  const context = { env, report };
  await checkTools(['temporal', 's3Gateway', ...(spark ? (['livy', 'spark'] as const) : [])], context);
  const [temporal, s3Gateway, livy] = await Promise.all([
    ensureTemporal(context),
    ensureS3Gateway(context),
    spark ? ensureLivyAndSpark(context) : undefined,
  ]);
  return { temporal, s3Gateway, livy };
}

function describeStack({
  dir,
  ports,
  credentials,
  spark,
}: {
  dir: string;
  ports: Ports;
  credentials: Credentials;
  spark: boolean;
}): StackInfo {
  const { accessKeyId, secretAccessKey, webhookSecret } = credentials;
  const at = (port: number) => `http://${LOOPBACK}:${port}`;
  const lake = `s3://${LAKE_BUCKET}`;
  const livy = spark ? { url: at(ports.livy) } : null;
  const temporal = { address: `${LOOPBACK}:${ports.temporal}`, namespace: 'default' };
  return {
    ready: true,
    temporal,
    ui: { url: at(ports.ui) },
    s3: { endpoint: at(ports.s3), region: S3_REGION, accessKeyId, secretAccessKey },
    lake,
    glue: { url: at(ports.glue) },
    webhook: { url: at(ports.webhook), secret: webhookSecret },
    livy,
    dir,
    env: {
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      // One without settings: the user's own profile may name keys and certificates for another server.
      TEMPORAL_CONFIG_FILE: path.join(dir, 'temporal.toml'),
      SLUICE_ENGINES: 'local',
      // Its engines are asked for nothing, and its jobs are short: nobody is to wait for the next look.
      SLUICE_POLL_MAX: '2s',
      SLUICE_LAKE: lake,
      SLUICE_S3_DIR: path.join(dir, 's3'),
      ...(livy ? { SLUICE_LIVY_URL: livy.url } : {}),
      SLUICE_WEBHOOK_PORT: String(ports.webhook),
      SLUICE_WEBHOOK_SECRET: webhookSecret,
      SLUICE_UI_URL: at(ports.ui),
      AWS_ENDPOINT_URL_S3: at(ports.s3),
      AWS_ENDPOINT_URL_GLUE: at(ports.glue),
      // A local Spark writes files, not objects: of one that it replaces the gateway would tell the checksum of before.
      AWS_REQUEST_CHECKSUM_CALCULATION: 'WHEN_REQUIRED',
      AWS_RESPONSE_CHECKSUM_VALIDATION: 'WHEN_REQUIRED',
      AWS_REGION: S3_REGION,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    },
  };
}

interface Start {
  options: StackOptions;
  dir: string;
  env: NodeJS.ProcessEnv;
  ports: Ports;
  tools: Tools;
  credentials: Credentials;
  services: PlacedService[];
  info: StackInfo;
  /** Those inside this process. */
  servers: { glue?: GlueServer };
  /** The servers, and the two that use them and must end first. */
  main: Processes;
  clients: Processes;
}

async function startAll(start: Start): Promise<void> {
  const { options, dir, env, ports, tools, credentials, services, info, main, servers } = start;
  const logs = path.join(dir, 'logs');
  const began = Date.now();
  const timed = async (title: string, starting: Promise<RunningProcess>) => {
    await starting;
    options.report(`${title}: ready after ${formatSeconds(Date.now() - began)}`);
  };

  const startServices = Promise.all(
    services.map(({ service, context }) =>
      timed(
        `${service.name}${context.port > 0 ? ` at ${LOOPBACK}:${context.port}` : ''}`,
        startService({ service, context, env: withoutRemoteSettings(env), logs, processes: main }),
      ),
    ),
  );

  const startServers = async () => {
    const dbFile = path.join(dir, 'temporal.db');
    await timed(
      `Temporal at ${info.temporal.address}, Web UI ${info.ui.url}`,
      startTemporal({
        ...{ binary: tools.temporal, env, logs, dbFile, processes: main },
        ...{ port: ports.temporal, uiPort: ports.ui },
      }),
    );
    const startWorker = async () => {
      if (options.worker !== false) await timed('worker', startEntry('worker', ports.workerMetrics, start));
    };
    const startWebhookAndGateway = async () => {
      const hasWebhook = options.webhook !== false;
      if (hasWebhook) {
        await timed(`webhook at ${info.webhook.url}`, startEntry('webhook', ports.webhookMetrics, start));
      }
      const { accessKeyId, secretAccessKey, webhookSecret } = credentials;
      const eventUrl = `http://sluice:${webhookSecret}@${LOOPBACK}:${ports.webhook}/events/s3`;
      await timed(
        `S3 at ${info.s3.endpoint}`,
        startS3Gateway({
          ...{ binary: tools.s3Gateway, env, logs, processes: main, port: ports.s3 },
          ...{ folder: path.join(dir, 's3'), metadata: path.join(dir, 'metadata') },
          ...{ accessKeyId, secretAccessKey },
          ...(hasWebhook ? { eventUrl } : {}),
        }),
      );
      servers.glue = await startCatalog(info, ports.glue);
    };
    await Promise.all([startWorker(), startWebhookAndGateway()]);
  };

  const startSpark = async () => {
    if (!tools.livy) return;
    const allowedFolders = [path.join(dir, 's3'), ...(options.allowedFolders ?? [])];
    const folder = path.join(dir, 'livy');
    await timed(
      `Livy at ${info.livy?.url ?? ''}`,
      startLivy({
        ...{ tools: tools.livy, env, logs, processes: main },
        ...{ port: ports.livy, folder, allowedFolders },
      }),
    );
  };

  await Promise.all([startServers(), startSpark(), startServices]);
}

/** The catalog of the lake behind Glue's API, for clients that are not Sluice's own. */
async function startCatalog({ s3, lake, env }: StackInfo, port: number): Promise<GlueServer> {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  // Whoever imports `sluice` has this file, and few of them a stack.
  const { Catalog } = await import('../engines/catalog.js');
  const { startGlueServer } = await import('../engines/glueServer.js');
  const server = await startGlueServer(new Catalog(client, env['SLUICE_S3_DIR']!, lake), port);
  return { ...server, stop: () => server.stop().finally(() => client.destroy()) };
}

/** Starts one of Sluice's own processes, as a user would, with the settings of this stack and no other's. */
function startEntry(
  name: 'worker' | 'webhook',
  metricsPort: number,
  { options, env, dir, info, clients }: Start,
): Promise<RunningProcess> {
  return clients.start({
    name,
    command: process.execPath,
    args: [
      options.programs?.[name] ?? entryFile(name === 'worker' && options.project ? 'devWorker' : name),
      ...(options.project ? ['--config', options.project.file] : []),
    ],
    env: {
      ...withoutRemoteSettings(env),
      ...info.env,
      SLUICE_METRICS_PORT: String(metricsPort),
    },
    logs: path.join(dir, 'logs'),
    ready: 'message',
    onReport: options.report,
    graceMs: 10_000,
  });
}

/** Settings for another Temporal or another AWS account must not mix with those of the stack. */
function withoutRemoteSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(TEMPORAL_|AWS_)/.test(name)));
}

async function stopAll({
  clients,
  main,
  servers,
  lock,
}: Pick<Start, 'clients' | 'main' | 'servers'> & { lock: Lock }): Promise<void> {
  await clients.stop();
  await servers.glue?.stop();
  await main.stop();
  await lock.release();
}
