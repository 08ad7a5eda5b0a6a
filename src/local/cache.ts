import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeLock } from './lock';

/** Takes one line of progress for a person. */
export type Report = (line: string) => void;

export interface Installation {
  /** The folder's name in the cache, as `temporal-1.5.1`: another version is another folder. */
  name: string;
  /** Fills an empty folder. It is renamed afterwards, so nothing in it may rely on its path. */
  build(folder: string): Promise<void>;
  /** Rejects when what was built does not run. */
  verify(folder: string): Promise<void>;
}

/** Where downloaded programs are kept: `$SLUICE_CACHE`, else `$XDG_CACHE_HOME/sluice`, else `~/.cache/sluice`. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  if (env.SLUICE_CACHE) return path.resolve(env.SLUICE_CACHE);
  return path.join(env.XDG_CACHE_HOME || path.join(env.HOME || homedir(), '.cache'), 'sluice');
}

export async function isInstalled(cache: string, name: string): Promise<boolean> {
  return access(path.join(cache, name)).then(
    () => true,
    () => false,
  );
}

/**
 * Installs once and returns the folder. It is built aside, tried, then renamed: a folder under its own name is whole,
 * and an interrupted installation leaves none. One process installs, others wait for it; if it dies, one of them
 * takes over.
 */
export async function install(
  installation: Installation,
  context: { cache: string; report: Report },
): Promise<string> {
  const { cache, report } = context;
  const { name } = installation;
  const folder = path.join(cache, name);
  let told = 0;
  for (;;) {
    if (await isInstalled(cache, name)) return folder;
    const taken = await takeLock(path.join(cache, `${name}.lock`));
    if ('heldBy' in taken) {
      if (told !== taken.heldBy) report(`${name}: process ${taken.heldBy} installs it, waiting`);
      told = taken.heldBy;
      await sleep(200);
      continue;
    }
    try {
      if (await isInstalled(cache, name)) return folder;
      await buildWhole(installation, folder, context);
      return folder;
    } finally {
      await taken.lock.release();
    }
  }
}

async function buildWhole(
  installation: Installation,
  folder: string,
  { cache, report }: { cache: string; report: Report },
): Promise<void> {
  const { name } = installation;
  const prefix = `.partial-${name}-`;
  await mkdir(cache, { recursive: true });
  for (const entry of await readdir(cache)) {
    if (entry.startsWith(prefix)) await removeFolder(path.join(cache, entry));
  }
  const partial = await mkdtemp(path.join(cache, prefix));
  const began = Date.now();
  report(`${name}: installing into ${folder}`);
  try {
    await installation.build(partial);
    await installation.verify(partial);
    await rename(partial, folder);
  } catch (error) {
    await removeFolder(partial).catch(() => undefined);
    throw error;
  }
  report(`${name}: installed in ${formatSeconds(Date.now() - began)}`);
}

function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

export function formatSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
