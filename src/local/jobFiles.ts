import { cp, mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

const KINDS = new Set(['.py', '.sql', '.json']);

/** Puts what engines execute into the lake, whole: a file that is gone from the source is gone from the lake. */
export async function replaceJobFiles(source: string, target: string): Promise<void> {
  const aside = `${target}.new`;
  await rm(aside, { recursive: true, force: true });
  await mkdir(aside, { recursive: true });
  const isThere = await stat(source).catch(() => undefined);
  if (isThere) await cp(source, aside, { recursive: true, filter: isJobFile });
  await rm(target, { recursive: true, force: true });
  await rename(aside, target);
}

async function isJobFile(file: string): Promise<boolean> {
  if (path.basename(file) === '__pycache__') return false;
  return KINDS.has(path.extname(file)) || (await stat(file)).isDirectory();
}
