import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

export interface DemoOptions {
  /** The folder of the system's config. */
  project: string;
  /** The data folder of the local stack. */
  dir: string;
  portOffset: string;
  /** With Livy and Spark; default without. */
  spark?: boolean;
}

/** The local stack of a demo. */
export interface DemoStack {
  /** What programs find it by. */
  env: Record<string, string>;
  ui: { url: string };
  /** What the command line answers as JSON to arguments. @throws Error with what it says */
  ask: (args: string[]) => Promise<unknown>;
  /** The process whose children are the stack's. */
  pid: number;
  /** Runs a pipeline to its end, and answers its result. @throws Error with what the command line says */
  run: (pipeline: string, input: Record<string, string | number>) => Promise<unknown>;
}

const client = require
  .resolve('sluice/package.json')
  .replace('package.json', join('dist', 'src', 'client.js'));
const startedAt = Date.now();

/** A line with the seconds since the demo began. */
export function say(text: string): void {
  console.log(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(5)} s  ${text}`);
}

/** Starts a local stack, and ends it when `show` has ended. */
export async function withLocalStack(
  options: DemoOptions,
  show: (stack: DemoStack) => Promise<void>,
): Promise<void> {
  const { project, dir, portOffset, spark = false } = options;
  const args = ['dev', '--json', ...(spark ? [] : ['--no-spark']), '--dir', dir, '--port-offset', portOffset];
  const stack = spawn(process.execPath, [client, ...args], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { env, ui } = await untilReady(createInterface({ input: stack.stdout }));
  const ask: DemoStack['ask'] = async (given) => {
    const { stdout } = await promisify(execFile)(process.execPath, [client, ...given, '--json'], {
      ...{ cwd: project, env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 },
    });
    return JSON.parse(stdout) as unknown;
  };
  const run: DemoStack['run'] = async (pipeline, input) => {
    const given = Object.entries(input).flatMap(([name, value]) => ['-p', `${name}=${value}`]);
    const ended = (await ask(['start', pipeline, '--wait', ...given])) as { result: unknown };
    return ended.result;
  };
  try {
    await show({ env, ui, pid: stack.pid!, ask, run });
  } finally {
    stack.kill('SIGTERM');
    await once(stack, 'exit');
  }
}

async function untilReady(lines: AsyncIterable<string>): Promise<Pick<DemoStack, 'env' | 'ui'>> {
  for await (const line of lines) {
    const said = JSON.parse(line) as Pick<DemoStack, 'env' | 'ui'> & { ready?: boolean };
    if (said.ready) return said;
  }
  throw new Error('the local stack did not start');
}

/** Runs a demo; what ends it is told in a line. */
export function runDemo(show: () => Promise<void>): void {
  show().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
