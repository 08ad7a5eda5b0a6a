import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { text } from 'node:stream/consumers';

/** How many errors are shown: the first are those that the others follow from. */
const SHOWN = 5;

export interface CheckTypes {
  /** The project's folder. */
  root: string;
  /** Where the compiler keeps what it knows, so that the next check is short. */
  cacheFile: string;
  signal: AbortSignal;
}

/** The type errors of a project, where TypeScript is installed and a tsconfig.json is there; one line each. */
export async function checkTypes({ root, cacheFile, signal }: CheckTypes): Promise<string[]> {
  const compiler = findCompiler(root);
  if (compiler === null || !existsSync(path.join(root, 'tsconfig.json'))) return [];
  const settings = ['--noEmit', '--incremental', '--tsBuildInfoFile', cacheFile, '--pretty', 'false'];
  const child = spawn(process.execPath, [compiler, ...settings], {
    cwd: root,
    signal,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  child.on('error', () => {});
  const lines = (await text(child.stdout)).split('\n').filter((line) => /: error TS\d+: /.test(line));
  if (signal.aborted || lines.length === 0) return [];
  const more = lines.length - SHOWN;
  return [...lines.slice(0, SHOWN), ...(more > 0 ? [`… and ${more} more`] : [])];
}

function findCompiler(root: string): string | null {
  try {
    const require = createRequire(path.join(root, 'package.json'));
    const { bin } = require('typescript/package.json') as { bin: { tsc: string } };
    return path.join(path.dirname(require.resolve('typescript/package.json')), bin.tsc);
  } catch {
    return null;
  }
}
