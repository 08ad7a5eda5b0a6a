import { accessSync, constants } from 'node:fs';
import { isIP } from 'node:net';
import { availableParallelism, totalmem } from 'node:os';
import { SluiceError } from '../errors';
import { parseDuration } from '../pipelines/duration';
import { isNotificationTarget } from '../pipelines/input';
import { parseS3Uri, TOPIC_ARN } from '../pipelines/location';
import { readPrices, type Prices } from './prices';
import { redactSecrets } from './redactSecrets';

/** Every setting, from the environment or its default. Temporal's own settings are read by `connect.ts`. */
export interface Config {
  taskQueue: string;
  engines: 'aws' | 'local';
  /** `s3://bucket`, without a slash at its end. */
  lake: string;
  livyUrl: string | null;
  /** How a worker says to Livy who it is. */
  livyAuth: LivyAuth | null;
  /** The file with the authorities that Livy's certificate comes from. */
  livyCa: string | null;
  /** The file with the keys that payloads are encrypted by; null: they are not. */
  codecKeys: string | null;
  /** Any of them lets a caller of the codec server in. */
  codecSecrets: string[];
  /** In local mode: the folder whose sub-folders are the buckets, as local engines see it. */
  s3Dir: string | null;
  /** Where the Web UI is, for links. */
  uiUrl: string | null;
  /** Where the end of every run is told: an SNS topic's ARN or a URL, which may hold a secret. */
  notify: string | null;
  /** The hosts that a run's own input may have told; null: any that is not link-local. */
  notifyHosts: string[] | null;
  webhook: { host: string; port: number; secrets: string[]; topics: string[] };
  metricsPort: number | null;
  metricsHost: string;
  pollMinMs: number;
  pollMaxMs: number;
  /** How often a source with waiting runs is listed. */
  listEveryMs: number;
  /** How long a submit goes on trying while a server does not answer. */
  retryForMs: number;
  /** How long a submit or await goes on while the worker's credentials are missing, expired or not yet valid. */
  credentialsForMs: number;
  /** How often what ended runs have left running is stopped; null: only when somebody says so. */
  reapEveryMs: number | null;
  /** How long a step may be retried before somebody is told. */
  stuckAfterMs: number;
  /** What all SQL beside a worker may take together, and how many queries run at once. */
  duckdb: { memoryBytes: number; spillBytes: number; threads: number; queries: number };
  /** Where it is told what runs and jobs read and wrote; the token, or the user in the address, is a secret. */
  lineage: { url: string; token: string | null } | null;
  /** Whether traces are sent by OpenTelemetry. */
  traces: 'off' | 'otlp';
  logLevel: string;
  /** What measures cost; null: nobody has said. */
  prices: Prices | null;
  /** Worker Versioning (pinned) is on when both are set. */
  deploymentName: string | null;
  buildId: string | null;
}

/**
 * A user and password, or the file that holds what is sent: `user:password` for `basic`, the token for `bearer`, a header's
 * value. The file is read anew for each request, so a new token needs no restart.
 */
export type LivyAuth =
  | { kind: 'password'; user: string; password: string }
  | { kind: 'basic'; file: string }
  | { kind: 'bearer'; file: string }
  | { kind: 'header'; name: string; file: string };

/** The longest duration that a setting takes. */
const MAX_DURATION_MS = 30 * 86_400_000;
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
    if (/^\d{1,5}$/.test(value) && number < 65_536) return number;
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
    if (durationMs !== null && durationMs >= 1 && durationMs <= MAX_DURATION_MS) return durationMs;
    problems.push(
      `${name}: "${value}" is no duration from 1 ms to 30 days; give one such as "1s" or "15 minutes"`,
    );
    return fallbackMs;
  };
  const choice = <T extends string>(name: string, choices: readonly T[], fallback: T): T => {
    const value = text(name);
    if (value === null) return fallback;
    const found = choices.find((known) => known === value.toLowerCase());
    if (found !== undefined) return found;
    problems.push(`${name}: "${value}" is unknown; give one of ${choices.join(', ')}`);
    return fallback;
  };
  const ipAddress = (name: string, fallback: string): string => {
    const value = text(name) ?? fallback;
    if (isIP(value) === 0) problems.push(`${name}: "${value}" is no IP address; give one such as 0.0.0.0`);
    return value;
  };
  const readUrl = (name: string): URL | null => {
    const value = text(name);
    if (value === null) return null;
    try {
      const url = new URL(value);
      if (/^https?:$/.test(url.protocol) && url.hostname !== '' && url.search === '' && url.hash === '')
        return url;
    } catch {
      // Told below.
    }
    problems.push(
      `${name}: "${redactSecrets(value)}" is no http or https URL without query; give one such as http://host:8998`,
    );
    return null;
  };
  const show = (url: URL): string => url.href.replace(/\/+$/, '');
  const linkUrl = (name: string): string | null => {
    const url = readUrl(name);
    if (url !== null && url.username + url.password !== '')
      problems.push(`${name}: it holds a user or password, and links are shown to everybody; leave them out`);
    return url && show(url);
  };
  const list = (name: string): string[] =>
    (text(name) ?? '')
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  const file = (name: string, path: string, shown = ` ${path}`): string => {
    try {
      accessSync(path, constants.R_OK);
    } catch {
      problems.push(
        `${name}: the file${shown} is not there, or cannot be read; create it, or correct its name`,
      );
    }
    return path;
  };
  const optionalFile = (name: string): string | null => {
    const path = text(name);
    return path && file(name, path);
  };
  const lineage = (): Config['lineage'] => {
    const url = readUrl('SLUICE_OPENLINEAGE_URL');
    return url && { url: url.href, token: text('SLUICE_OPENLINEAGE_TOKEN') };
  };
  const prices = (name: string): Prices | null => {
    const path = text(name);
    if (path === null) return null;
    try {
      return readPrices(path);
    } catch (error) {
      const example = '{ "currency": "USD", "prices": { "DPUSeconds": 0.000122 } }';
      problems.push(`${name}: ${path}: ${(error as Error).message}; give a file such as ${example}`);
      return null;
    }
  };
  /** Who gave the secret in the place of its file is not shown it. */
  const secretFile = (name: string, path: string) => file(name, path, ' that it names');
  const livy = (): Pick<Config, 'livyUrl' | 'livyAuth' | 'livyCa'> => {
    const url = readUrl('SLUICE_LIVY_URL');
    const livyCa = optionalFile('SLUICE_LIVY_CA');
    const given = text('SLUICE_LIVY_AUTH');
    let livyAuth: LivyAuth | null = null;
    if (given !== null) {
      const [, kind, name, path] =
        /^(?:(basic|bearer)|header:([!#$%&'*+.^_`|~\w-]+)):(.+)$/.exec(given) ?? [];
      if (path === undefined)
        problems.push(
          'SLUICE_LIVY_AUTH: give basic:FILE, bearer:FILE or header:NAME:FILE; the secret itself stays in the file',
        );
      else
        livyAuth = name
          ? { kind: 'header', name: name.toLowerCase(), file: secretFile('SLUICE_LIVY_AUTH', path) }
          : { kind: kind as 'basic' | 'bearer', file: secretFile('SLUICE_LIVY_AUTH', path) };
    }
    if (url === null) return { livyUrl: null, livyAuth, livyCa };
    if (url.username + url.password !== '') {
      if (given !== null)
        problems.push('SLUICE_LIVY_AUTH: SLUICE_LIVY_URL holds a user, too; give one of both');
      const [user, password] = [url.username, url.password].map(decode) as [string, string];
      livyAuth = { kind: 'password', user, password };
      url.username = url.password = '';
    }
    return { livyUrl: show(url), livyAuth, livyCa };
  };

  const notificationTarget = (name: string): string | null => {
    const value = text(name);
    // The value may hold a secret, so it is not repeated.
    if (value !== null && !isNotificationTarget(value))
      problems.push(`${name}: give the ARN of an SNS topic, or an http or https URL`);
    return value;
  };
  const isHost = (value: string) =>
    /^[\w.-]{1,253}(:\d{1,5})?$|^\[?[0-9a-f:.]{2,45}\]?(:\d{1,5})?$/i.test(value);
  const hostName = (name: string, fallback: string): string => {
    const value = text(name) ?? fallback;
    if (!isHost(value) || /^[\w.-]+:\d+$/.test(value))
      problems.push(
        `${name}: "${redactSecrets(value)}" is no host; give a name or an address such as 0.0.0.0, without a port`,
      );
    return value;
  };
  const hosts = (name: string): string[] | null => {
    if (text(name) === null) return null;
    const given = list(name);
    for (const host of given.filter((one) => !isHost(one)))
      problems.push(
        `${name}: "${redactSecrets(host)}" is no host; give names such as hooks.example.com, with commas between`,
      );
    return given.map((host) => host.toLowerCase());
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
  if (parseS3Uri(lake) === null || /[*?]/.test(lake))
    problems.push(`SLUICE_LAKE: "${lake}" is no S3 bucket; give one such as s3://lake`);
  const config: Config = {
    taskQueue: text('SLUICE_TASK_QUEUE') ?? defaults.taskQueue ?? 'sluice',
    engines: choice('SLUICE_ENGINES', ['aws', 'local'], 'aws'),
    lake,
    ...livy(),
    codecKeys: optionalFile('SLUICE_CODEC_KEYS'),
    codecSecrets: list('SLUICE_CODEC_SECRET'),
    s3Dir: text('SLUICE_S3_DIR'),
    uiUrl: linkUrl('SLUICE_UI_URL'),
    notify: notificationTarget('SLUICE_NOTIFY'),
    notifyHosts: hosts('SLUICE_NOTIFY_HOSTS'),
    webhook: {
      host: hostName('SLUICE_WEBHOOK_HOST', '127.0.0.1'),
      port: port('SLUICE_WEBHOOK_PORT', 8088)!,
      secrets: list('SLUICE_WEBHOOK_SECRET'),
      topics: topics('SLUICE_SNS_TOPICS'),
    },
    metricsPort: port('SLUICE_METRICS_PORT', null),
    metricsHost: ipAddress('SLUICE_METRICS_HOST', '127.0.0.1'),
    pollMinMs: duration('SLUICE_POLL_MIN', 1000),
    pollMaxMs: duration('SLUICE_POLL_MAX', 30_000),
    listEveryMs: duration('SLUICE_LIST_EVERY', 15 * 60_000),
    retryForMs: duration('SLUICE_RETRY_FOR', 10 * 60_000),
    credentialsForMs: duration('SLUICE_CREDENTIALS_FOR', 3_600_000),
    reapEveryMs: text('SLUICE_REAP_EVERY') === null ? null : duration('SLUICE_REAP_EVERY', 3_600_000),
    stuckAfterMs: duration('SLUICE_STUCK_AFTER', 15 * 60_000),
    duckdb: {
      memoryBytes: bytes('SLUICE_DUCKDB_MEMORY', Math.floor(machineMemory() / 2)),
      spillBytes: bytes('SLUICE_DUCKDB_SPILL', 20_000_000_000),
      threads: count('SLUICE_DUCKDB_THREADS', availableParallelism()),
      queries: count('SLUICE_DUCKDB_QUERIES', availableParallelism()),
    },
    logLevel: choice('SLUICE_LOG_LEVEL', LOG_LEVELS, 'info'),
    traces: choice('SLUICE_TRACES', ['off', 'otlp'], 'off'),
    lineage: lineage(),
    prices: prices('SLUICE_PRICES'),
    deploymentName: text('SLUICE_DEPLOYMENT'),
    buildId: text('SLUICE_BUILD_ID'),
  };
  if (config.pollMinMs > config.pollMaxMs)
    problems.push('SLUICE_POLL_MIN: above SLUICE_POLL_MAX; make it smaller');
  if ((config.deploymentName === null) !== (config.buildId === null)) {
    const unset = config.buildId === null ? 'SLUICE_BUILD_ID' : 'SLUICE_DEPLOYMENT';
    problems.push(
      `${unset}: unset; Worker Versioning needs SLUICE_DEPLOYMENT and SLUICE_BUILD_ID, or neither`,
    );
  }
  if (/[.:]/.test(config.deploymentName ?? ''))
    problems.push(
      `SLUICE_DEPLOYMENT: "${config.deploymentName}" holds a "." or ":", which Temporal refuses; leave it out`,
    );
  if (config.taskQueue.length > 200)
    problems.push('SLUICE_TASK_QUEUE: longer than 200 characters; give a shorter name');
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
      redactSecrets(['The settings are wrong:', ...problems.map((p) => `  ${p}`)].join('\n')),
    );
  return config;
}

/** How the name of a variable ends that holds a secret, not the place of one. */
const SECRET_VARIABLE =
  /(?:PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY|KEY_DATA|CREDENTIAL|AUTH)$/i;
const SECRET_METADATA = /^TEMPORAL_GRPC_META_/i;

/** The secrets among the environment: whole variables, each of a list, and those in addresses. */
export function readSecrets(env: NodeJS.ProcessEnv = process.env): string[] {
  return Object.entries(env).flatMap(([name, value = '']) => {
    // It names a file.
    if (name === 'SLUICE_LIVY_AUTH') return [];
    if (/^OTEL_EXPORTER_OTLP_\w*HEADERS$/i.test(name))
      return value.split(',').map((header) => decode(header.slice(header.indexOf('=') + 1).trim()));
    if (SECRET_VARIABLE.test(name) || SECRET_METADATA.test(name))
      return [value, ...value.split(',').map((part) => part.trim())];
    return /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? secretsOfUrl(name, value) : [];
  });
}

function secretsOfUrl(name: string, value: string): string[] {
  if (!URL.canParse(value)) return [];
  const { username, password, pathname, search, searchParams } = new URL(value);
  const login = password === '' ? [username] : [password, `${decode(username)}:${decode(password)}`];
  // Whoever knows all of such an address may speak there.
  const whole = name === 'SLUICE_NOTIFY' ? [pathname + search, ...searchParams.values()] : [];
  return [...login, ...login.map(decode), ...whole];
}

/** A password may hold a "%" that encodes nothing. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
