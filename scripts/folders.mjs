// Folders that the scripts share; plain Node, since they run before anything is built.
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** The one folder for all that is fetched; the same rule as in src/local/cache.ts. */
export function cacheFolder(env = process.env) {
  if (env.SLUICE_CACHE) return path.resolve(env.SLUICE_CACHE);
  return path.join(env.XDG_CACHE_HOME || path.join(env.HOME || homedir(), '.cache'), 'sluice');
}
