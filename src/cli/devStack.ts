import { readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import type { StackInfo } from '../local';
import { findConfig } from '../project/findConfig';

/** Where the local stack of a project keeps its data. */
export function projectDataFolder(root: string): string {
  return path.join(root, '.sluice');
}

const FILE = 'dev.json';

interface DevStack {
  pid: number;
  env: Record<string, string>;
}

/**
 * Writes down that a stack runs, for the commands in the same project: also where its data are elsewhere, unless another stack
 * of the project runs.
 */
export async function recordDevStack(
  { dir, env }: Pick<StackInfo, 'dir' | 'env'>,
  root: string | null,
): Promise<{ remove(): Promise<void> }> {
  const folders = new Set([path.resolve(dir)]);
  if (root !== null && readDevStack(projectDataFolder(root)) === null) folders.add(projectDataFolder(root));
  const stack: DevStack = { pid: process.pid, env };
  const files: string[] = [];
  for (const folder of folders) {
    const file = path.join(folder, FILE);
    await mkdir(folder, { recursive: true });
    // The environment holds the secrets of the stack.
    await writeFile(file, JSON.stringify(stack), { mode: 0o600 });
    files.push(file);
  }
  return {
    remove: async () => {
      for (const file of files) await rm(file, { force: true });
    },
  };
}

/** Commands that start a stack of their own, or need none. */
const WITHOUT = ['dev', 'demo', 'init'];
/** Whoever sets one of these means another Temporal or another S3. */
const ELSEWHERE = /^(TEMPORAL_|AWS_ENDPOINT_URL|SLUICE_ENGINES$)/;

/**
 * Has a command in a project work with the stack that `sluice dev` runs there, unless the environment names another. Every
 * client reads its settings from the environment, so that is where they go.
 */
export function useDevStack(command: Command): void {
  if (WITHOUT.includes(command.name())) return;
  if (Object.keys(process.env).some((name) => ELSEWHERE.test(name) && process.env[name] !== '')) return;
  const { config } = command.optsWithGlobals<{ config?: string }>();
  const file = config === undefined ? findConfig(process.cwd()) : path.resolve(config);
  const stack = file === null ? null : readDevStack(projectDataFolder(path.dirname(file)));
  if (stack === null) return;
  for (const [name, value] of Object.entries(stack.env)) process.env[name] ||= value;
}

function readDevStack(dir: string): DevStack | null {
  try {
    const stack = JSON.parse(readFileSync(path.join(dir, FILE), 'utf8')) as DevStack;
    process.kill(stack.pid, 0);
    return stack;
  } catch {
    return null;
  }
}
