import path from 'node:path';
import { createJiti } from 'jiti';
import { SluiceError } from '../errors';

/** What files of a project import from `sluice` is the package that runs: both sides have one instance of it. */
const DOORS = ['workflow', 'testing', 'index'];
const PACKAGE = path.resolve(__dirname, '..');

const jiti = createJiti(__filename, {
  alias: Object.fromEntries(
    DOORS.map((door) => [
      door === 'index' ? 'sluice' : `sluice/${door}`,
      path.join(PACKAGE, `${door}${path.extname(__filename)}`),
    ]),
  ),
});

/**
 * Evaluates a module of a project, once: TypeScript or JavaScript, an ES module or CommonJS.
 * @throws SluiceError InvalidInput that names file, line and reason
 */
export async function loadModule(file: string): Promise<Record<string, unknown>> {
  try {
    return await jiti.import<Record<string, unknown>>(file);
  } catch (cause) {
    throw new SluiceError('InvalidInput', `${file} cannot be loaded: ${describeCause(cause)}`, { cause });
  }
}

/** Has `loadModule` evaluate anew what lies in these folders, apart from installed packages. */
export function forgetModules(folders: readonly string[]): void {
  for (const file of Object.keys(jiti.cache)) {
    const isOwn = folders.some((folder) => file.startsWith(folder + path.sep));
    if (isOwn && !file.includes('/node_modules/') && !file.startsWith(PACKAGE + path.sep))
      delete jiti.cache[file];
  }
}

/** The reason in one line, with the place where the error says it itself or its stack does. */
function describeCause(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const message = cause.message
    .replace(/\nRequire stack:[\s\S]*$/, '')
    .replace(/\s*\n\s*/g, ' ')
    .trim();
  const place = (cause.stack ?? '')
    .slice(cause.message.length)
    .split('\n')
    .map((line) => /\(?((?:\/|file:\/\/)[^()]*:\d+:\d+)\)?$/.exec(line)?.[1])
    .find((at) => at !== undefined && !at.includes('/node_modules/') && !at.startsWith(PACKAGE + path.sep));
  return place === undefined || message.includes(place) ? message : `${message} (${place})`;
}
