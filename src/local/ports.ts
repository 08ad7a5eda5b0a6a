import { connect, createServer } from 'node:net';
import { SluiceError } from '../errors';

export const LOOPBACK = '127.0.0.1';

/** The ports of one local stack. */
export interface Ports {
  temporal: number;
  ui: number;
  s3: number;
  /** Of the catalog behind Glue's API. */
  glue: number;
  webhook: number;
  livy: number;
  workerMetrics: number;
  webhookMetrics: number;
}

const DEFAULT_PORTS: Ports = {
  temporal: 7233,
  ui: 8233,
  s3: 7070,
  glue: 7071,
  webhook: 8088,
  livy: 8998,
  workerMetrics: 9464,
  webhookMetrics: 9465,
};

/** The default ports, all moved by the offset; a port given by name is taken as it is. */
export function choosePorts(offset: number, given: Partial<Ports> = {}): Ports {
  const ports = { ...DEFAULT_PORTS };
  for (const name of Object.keys(ports) as (keyof Ports)[]) ports[name] = given[name] ?? ports[name] + offset;
  return ports;
}

/** Rejects with PortTaken that names every port in use. */
export async function checkPorts(ports: Partial<Ports> | Readonly<Record<string, number>>): Promise<void> {
  const named = Object.entries(ports);
  const free = await Promise.all(named.map(([, port]) => isFree(port)));
  const taken = named.filter((_, index) => !free[index]).map(([name, port]) => `${port} (${name})`);
  if (taken.length === 0) return;
  throw new SluiceError(
    'PortTaken',
    `The local stack needs ports that other programs use: ${taken.join(', ')}. ` +
      `End those programs, or move all ports of the stack with --port-offset N (for example --port-offset 100).`,
  );
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, LOOPBACK, () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

/** Whether somebody accepts connections there. */
export function isListening(port: number, host = LOOPBACK): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const end = (listening: boolean) => {
      socket.destroy();
      resolve(listening);
    };
    socket.setTimeout(1000, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

/** Some systems let a second program bind one address of a port that another holds on all: so it also knocks. */
async function isFree(port: number): Promise<boolean> {
  const canBind = await new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, LOOPBACK, () => server.close(() => resolve(true)));
  });
  return canBind && !(await isListening(port));
}
