import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { access, constants, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { WorkflowBundle } from '@temporalio/worker';

/**
 * Where the packages that a project is built with keep what can be made again, its own or those of the workspace that it is
 * part of: workers, `dev` and tests bundle once what they have in common. Null where nothing can be written.
 * @param path a file or folder of the project
 */
export async function findBundleCache(path: string): Promise<string | null> {
  let above = path;
  while (!existsSync(join(above, 'node_modules'))) {
    if (above === dirname(above)) return null;
    above = dirname(above);
  }
  const packages = join(above, 'node_modules');
  return access(packages, constants.W_OK).then(
    () => join(packages, '.cache', 'sluice'),
    () => null,
  );
}

/** What a bundle was made of, by webpack's account. */
export interface MadeOf {
  /** Files that were read, and folders. */
  files: string[];
  /** Files that were looked for and are not there: one of them would take another's place. */
  absent: string[];
}

interface Kept {
  code: string;
  digests: Record<string, string>;
  absent: string[];
}

/** A file younger than this when bundling began may have been saved while it was read. */
const SETTLED_MS = 1_000;

/** The bundle of this file when nothing has changed that it was made of; else null. */
export async function readKeptBundle(file: string): Promise<WorkflowBundle | null> {
  try {
    const { code, digests, absent } = JSON.parse(await readFile(file, 'utf8')) as Kept;
    if (absent.some(existsSync)) return null;
    const areSame = await Promise.all(
      Object.entries(digests).map(async ([path, digest]) => (await digestOf(path)) === digest),
    );
    return areSame.every(Boolean) ? { code } : null;
  } catch {
    // It is not there, or what it was made of is not.
    return null;
  }
}

/** Keeps a bundle, unless a file of it was saved after bundling began, or so shortly before that nobody can tell. */
export async function keepBundle(
  file: string,
  { code, files, absent, beganMs }: MadeOf & { code: string; beganMs: number },
): Promise<void> {
  // The folders on the way to a file are looked at for links.
  const looked = await Promise.all(files.map(async (path) => ({ path, stats: await stat(path) })));
  const read = looked.filter(({ stats }) => stats.isFile());
  if (read.some(({ stats }) => stats.mtimeMs > beganMs - SETTLED_MS)) return;
  const digests = await Promise.all(read.map(async ({ path }) => [path, await digestOf(path)] as const));
  // A folder is no file of its name.
  const kept: Kept = {
    code,
    digests: Object.fromEntries(digests),
    absent: absent.filter((path) => !existsSync(path)),
  };
  await mkdir(dirname(file), { recursive: true });
  const partial = `${file}.${randomUUID()}`;
  await writeFile(partial, JSON.stringify(kept));
  await rename(partial, file);
}

async function digestOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('base64');
}
