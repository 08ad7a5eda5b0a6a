import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { SluiceError } from '../errors';

const NAMES = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs'].map((extension) => `sluice.config.${extension}`);

/**
 * The nearest `sluice.config.*`, from the folder upwards; null when there is none.
 * @throws SluiceError InvalidInput when a folder has two
 */
export function findConfig(folder: string): string | null {
  const found = NAMES.map((name) => path.join(folder, name)).filter((file) => existsSync(file));
  const [first, second] = found;
  if (first !== undefined && second !== undefined)
    throw new SluiceError(
      'InvalidInput',
      `${folder} has both ${path.basename(first)} and ${path.basename(second)}; remove one, or say which with --config FILE.`,
    );
  if (first !== undefined) return first;
  const above = path.dirname(folder);
  return above === folder ? null : findConfig(above);
}

/** @throws SluiceError InvalidInput when there is no such file */
export function checkConfigFile(given: string, folder: string): string {
  const file = path.resolve(folder, given);
  if (statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
  throw new SluiceError(
    'InvalidInput',
    `--config ${given}: there is no such file; give a sluice.config.ts, or leave --config away to take the nearest.`,
  );
}
