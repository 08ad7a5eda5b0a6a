import { cp, mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { packageRoot } from './packageRoot';

const KINDS = new Set(['.py', '.sql', '.json']);

/**
 * Puts what engines execute into the lake, whole: a file that is gone from the sources is gone from the lake. The package's
 * own are always there; those of the sources go over them, the first source over all.
 */
export async function replaceJobFiles(sources: readonly string[], target: string): Promise<void> {
  const aside = `${target}.new`;
  await rm(aside, { recursive: true, force: true });
  await mkdir(aside, { recursive: true });
  for (const source of [path.join(packageRoot(), 'jobs'), ...[...sources].reverse()]) {
    const isThere = await stat(source).catch(() => undefined);
    if (isThere) await cp(source, aside, { recursive: true, filter: isJobFile });
  }
  await rm(target, { recursive: true, force: true });
  await rename(aside, target);
}

async function isJobFile(file: string): Promise<boolean> {
  if (path.basename(file) === '__pycache__') return false;
  return KINDS.has(path.extname(file)) || (await stat(file)).isDirectory();
}
