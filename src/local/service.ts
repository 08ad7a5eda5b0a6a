/** What a service of the local stack is started with. */
export interface ServiceContext {
  /** Its port, moved by `--port-offset`; 0 for a service without one. */
  port: number;
  /** A folder of its own in the data folder of the stack, which lasts as long as that does. */
  dir: string;
  /** The environment of the stack's own workers. */
  env: Readonly<Record<string, string>>;
}

/** When a service counts as ready: its port accepts connections, a URL answers 2xx, or its log has such a line. */
export type ServiceReady = 'port' | { url: string } | { log: RegExp };

/** A further process of the local stack: it starts with `sluice dev` and ends with it. */
export interface Service {
  /** Letters, digits and `-`; also the name of its log file. */
  name: string;
  /** Program and arguments. */
  command: readonly string[] | ((context: ServiceContext) => readonly string[] | Promise<readonly string[]>);
  /** The port that it listens on, before `--port-offset`. */
  port?: number;
  /** Default `port` where it has one, else it is ready once it runs. */
  ready?: ServiceReady | ((context: ServiceContext) => ServiceReady);
  readyTimeoutMs?: number;
  /** What workers and clients need to reach it. */
  env?: (context: ServiceContext) => Record<string, string>;
}
