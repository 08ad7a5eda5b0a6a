import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { SluiceError } from '../errors';
import { isListening } from './ports';
import type { Processes, RunningProcess } from './processes';
import type { Service, ServiceContext, ServiceReady } from './service';

/** A service with what it is started with. */
export interface PlacedService {
  service: Service;
  context: ServiceContext;
}

export interface PlaceServices {
  services: readonly Service[];
  portOffset: number;
  /** The data folder of the stack. */
  dir: string;
  env: Readonly<Record<string, string>>;
}

/** Gives each service its port and folder. */
export function placeServices({ services, portOffset, dir, env }: PlaceServices): PlacedService[] {
  return services.map((service) => {
    const port = service.port === undefined ? 0 : service.port + portOffset;
    return { service, context: { port, dir: path.join(dir, 'services', service.name), env } };
  });
}

/** What workers and clients need to reach the services. */
export function environmentOf(placed: readonly PlacedService[]): Record<string, string> {
  return Object.assign({}, ...placed.map(({ service, context }) => service.env?.(context))) as Record<
    string,
    string
  >;
}

export interface StartService extends PlacedService {
  env: NodeJS.ProcessEnv;
  logs: string;
  processes: Processes;
}

/** Starts a service and resolves when it is ready. */
export async function startService(options: StartService): Promise<RunningProcess> {
  const { service, context, env, logs, processes } = options;
  const { name, readyTimeoutMs } = service;
  await mkdir(context.dir, { recursive: true });
  const [command, ...args] =
    typeof service.command === 'function' ? await service.command(context) : service.command;
  if (command === undefined)
    throw new SluiceError(
      'InvalidInput',
      `The command of the service ${name} is empty; give ["program", "argument"]`,
    );
  const check = checkOf(service, context, path.join(logs, `${name}.log`));
  return processes.start({
    name,
    command,
    args,
    env: { ...env, ...context.env },
    cwd: context.dir,
    logs,
    ready: { check },
    ...(readyTimeoutMs === undefined ? {} : { readyTimeoutMs }),
  });
}

function checkOf({ ready, port }: Service, context: ServiceContext, logFile: string) {
  const by: ServiceReady | undefined = typeof ready === 'function' ? ready(context) : ready;
  if (by === undefined) return port === undefined ? () => Promise.resolve(true) : portCheck(context);
  if (by === 'port') return portCheck(context);
  if ('url' in by) return () => answers(by.url);
  return async () => by.log.test(await readFile(logFile, 'utf8').catch(() => ''));
}

function portCheck({ port }: ServiceContext) {
  return () => isListening(port);
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
