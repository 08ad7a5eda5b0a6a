import path from 'node:path';
import { watch, type FSWatcher } from 'chokidar';

/** What a project is made of. */
const KINDS = new Set(['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json', '.sql', '.py']);
const OTHERS = new Set(['node_modules', 'dist', 'coverage', '__pycache__']);

/** An editor writes a file in several steps, and some write it aside first. */
const SETTLE_MS = 40;

/** Tells the files of these folders that were changed, added or removed, those of one moment together. */
export function watchProject(
  folders: readonly string[],
  onChange: (files: readonly string[]) => void,
): FSWatcher {
  const changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch([...folders], {
    ignoreInitial: true,
    ignored: (file, stats) => isOther(folders, file) || (stats?.isFile() === true && !isKind(file)),
  });
  watcher.on('all', (event, file) => {
    if (event === 'addDir' || event === 'unlinkDir') return;
    changed.add(file);
    clearTimeout(timer);
    timer = setTimeout(() => {
      const files = [...changed];
      changed.clear();
      onChange(files);
    }, SETTLE_MS);
  });
  return watcher;
}

function isKind(file: string): boolean {
  return KINDS.has(path.extname(file));
}

/** Hidden folders, and those that a program wrote. */
function isOther(folders: readonly string[], file: string): boolean {
  const folder = folders.find((one) => file.startsWith(one + path.sep));
  if (folder === undefined) return false;
  const parts = path.relative(folder, file).split(path.sep);
  return parts.some((part) => part.startsWith('.') || OTHERS.has(part));
}
