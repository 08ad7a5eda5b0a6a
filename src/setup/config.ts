import { availableParallelism, totalmem } from 'node:os';
import { SluiceError } from '../errors';
import { parseDuration } from '../pipelines/duration';
import { isNotificationTarget } from '../pipelines/input';
import { parseS3Uri, TOPIC_ARN } from '../pipelines/location';

/** Every setting, from the environment or its default. Temporal's own settings are read by `connect.ts`. */
export interface Config {
  taskQueue: string;
  engines: 'aws' | 'local';
  /** `s3://bucket`, without a slash at its end. */
  lake: string;
  livyUrl: string | null;
  /** In local mode: the folder whose sub-folders are the buckets, as local engines see it. */
  s3Dir: string | null;
  /** Where the Web UI is, for links. */
  uiUrl: string | null;
  /** Where the end of every run is told: an SNS topic's ARN or a URL, which may hold a secret. */
  notify: string | null;
  webhook: { host: string; port: number; secrets: string[]; topics: string[] };
  metricsPort: number | null;
  metricsHost: string;
  pollMinMs: number;
  pollMaxMs: number;
  /** How often a source with waiting runs is listed. */
  listEveryMs: number;
  /** How long a submit goes on trying while a server does not answer. */
  retryForMs: number;
  /** What all SQL beside a worker may take together, and how many queries run at once. */
  duckdb: { memoryBytes: number; spillBytes: number; threads: number; queries: number };
  logLevel: string;
  /** Worker Versioning (pinned) is on when both are set. */
  deploymentName: string | null;
  buildId: string | null;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

const MOST_THREADS = 1_024;
const LEAST_BYTES = 64_000_000;
const UNITS: Record<string, number> = { k: 10, m: 20, g: 30, t: 40 };

/** `2GB` or `512 MiB` in bytes; null for what is no size. A unit with `i` is a power of two, one without of ten. */
export function parseSize(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt])(i?)b?$/i.exec(text.trim());
  if (!match) return null;
  const power = UNITS[match[2]!.toLowerCase()]!;
  return Math.floor(Number(match[1]) * (match[3] ? 2 ** power : 10 ** ((power / 10) * 3)));
}

/** The memory of the machine, or of the container that this process may not leave. */
function machineMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

/** Settings that a project gives, under those of the environment. */
export interface ConfigDefaults {
  taskQueue: string | null;
}

/**
 * Reads the settings; the only reader of the environment in the product.
 * @throws SluiceError InvalidInput that lists every wrong setting
 */
export function readConfig(
  env: NodeJS.ProcessEnv = process.env,
  defaults: ConfigDefaults = { taskQueue: null },
): Config {
  const problems: string[] = [];
  const text = (name: string): string | null => env[name]?.trim() || null;
  const port = (name: string, fallback: number | null): number | null => {
    const value = text(name);
    if (value === null) return fallback;
    const number = Number(value);
    if (Number.isInteger(number) && number >= 0 && number < 65_536) return number;
    problems.push(`${name}: "${value}" is no port; give a number from 0 to 65535`);
    return fallback;
  };
  const count = (name: string, fallback: number): number => {
    const value = text(name);
    if (value === null) return fallback;
    const number = Number(value);
    if (Number.isInteger(number) && number >= 1 && number <= MOST_THREADS) return number;
    problems.push(`${name}: "${value}" is no count; give a whole number from 1 to ${MOST_THREADS}`);
    return fallback;
  };
  const bytes = (name: string, fallback: number): number => {
    const value = text(name);
    if (value === null) return fallback;
    const size = parseSize(value);
    if (size !== null && size >= LEAST_BYTES) return size;
    problems.push(`${name}: "${value}" is no size of 64 MB or more; give one such as "2GB" or "512MB"`);
    return fallback;
  };
  const duration = (name: string, fallbackMs: number): number => {
    const value = text(name);
    if (value === null) return fallbackMs;
    const durationMs = parseDuration(value);
    if (durationMs !== null && durationMs > 0) return durationMs;
    problems.push(`${name}: "${value}" is no duration; give one such as "1s" or "15 minutes"`);
    return fallbackMs;
  };
  const choice = <T extends string>(name: string, choices: readonly T[], fallback: T): T => {
    const value = text(name);
    if (value === null) return fallback;
    if ((choices as readonly string[]).includes(value)) return value as T;
    problems.push(`${name}: "${value}" is unknown; give one of ${choices.join(', ')}`);
    return fallback;
  };
  const url = (name: string): string | null => {
    const value = text(name);
    if (value === null || /^https?:\/\/[^/\s]+/.test(value)) return value?.replace(/\/+$/, '') ?? null;
    problems.push(`${name}: "${value}" is no http or https URL`);
    return null;
  };

  const notificationTarget = (name: string): string | null => {
    const value = text(name);
    // The value may hold a secret, so it is not repeated.
    if (value !== null && !isNotificationTarget(value))
      problems.push(`${name}: give the ARN of an SNS topic, or an http or https URL`);
    return value;
  };
  const topics = (name: string): string[] => {
    const arns = (text(name) ?? '').split(/[\s,]+/).filter((arn) => arn !== '');
    for (const arn of arns.filter((one) => !TOPIC_ARN.test(one))) {
      problems.push(
        `${name}: "${arn}" is no topic; give one such as arn:aws:sns:eu-central-1:123456789012:uploads`,
      );
    }
    return arns;
  };

  const lake = text('SLUICE_LAKE')?.replace(/\/+$/, '') ?? 's3://lake';
  if (parseS3Uri(lake) === null)
    problems.push(`SLUICE_LAKE: "${lake}" is no S3 bucket; give one such as s3://lake`);
  const config: Config = {
    taskQueue: text('SLUICE_TASK_QUEUE') ?? defaults.taskQueue ?? 'sluice',
    engines: choice('SLUICE_ENGINES', ['aws', 'local'], 'aws'),
    lake,
    livyUrl: url('SLUICE_LIVY_URL'),
    s3Dir: text('SLUICE_S3_DIR'),
    uiUrl: url('SLUICE_UI_URL'),
    notify: notificationTarget('SLUICE_NOTIFY'),
    webhook: {
      host: text('SLUICE_WEBHOOK_HOST') ?? '127.0.0.1',
      port: port('SLUICE_WEBHOOK_PORT', 8088)!,
      secrets: (text('SLUICE_WEBHOOK_SECRET') ?? '').split(',').filter((secret) => secret !== ''),
      topics: topics('SLUICE_SNS_TOPICS'),
    },
    metricsPort: port('SLUICE_METRICS_PORT', null),
    metricsHost: text('SLUICE_METRICS_HOST') ?? '127.0.0.1',
    pollMinMs: duration('SLUICE_POLL_MIN', 1000),
    pollMaxMs: duration('SLUICE_POLL_MAX', 30_000),
    listEveryMs: duration('SLUICE_LIST_EVERY', 15 * 60_000),
    retryForMs: duration('SLUICE_RETRY_FOR', 10 * 60_000),
    duckdb: {
      memoryBytes: bytes('SLUICE_DUCKDB_MEMORY', Math.floor(machineMemory() / 2)),
      spillBytes: bytes('SLUICE_DUCKDB_SPILL', 20_000_000_000),
      threads: count('SLUICE_DUCKDB_THREADS', availableParallelism()),
      queries: count('SLUICE_DUCKDB_QUERIES', availableParallelism()),
    },
    logLevel: choice('SLUICE_LOG_LEVEL', LOG_LEVELS, 'info'),
    deploymentName: text('SLUICE_DEPLOYMENT_NAME'),
    buildId: text('SLUICE_BUILD_ID'),
  };
  if (config.pollMinMs > config.pollMaxMs)
    problems.push('SLUICE_POLL_MIN: above SLUICE_POLL_MAX; make it smaller');
  if (config.engines === 'local' && config.s3Dir === null) {
    problems.push(
      'SLUICE_S3_DIR: unset; with SLUICE_ENGINES=local it names the folder of buckets behind the S3 gateway',
    );
  }
  const { memoryBytes, queries } = config.duckdb;
  if (memoryBytes / queries < LEAST_BYTES)
    problems.push(
      `SLUICE_DUCKDB_MEMORY: ${memoryBytes} bytes leave each of SLUICE_DUCKDB_QUERIES=${queries} less than 64 MB; give more, or fewer queries`,
    );
  if (memoryBytes > machineMemory())
    problems.push(`SLUICE_DUCKDB_MEMORY: more than the machine has (${machineMemory()} bytes)`);
  if (problems.length > 0)
    throw new SluiceError(
      'InvalidInput',
      ['The settings are wrong:', ...problems.map((p) => `  ${p}`)].join('\n'),
    );
  return config;
}
