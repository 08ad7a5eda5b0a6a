import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The folder of Sluice's package.json: the checkout, or the installed package. */
export function packageRoot(): string {
  let folder = __dirname;
  while (!existsSync(path.join(folder, 'package.json'))) {
    const above = path.dirname(folder);
    if (above === folder)
      throw new Error(`No package.json lies above ${__dirname}: the installation is not whole.`);
    folder = above;
  }
  return folder;
}

/** What Sluice's package.json says that is asked for. */
interface OwnPackage {
  version: string;
  engines: { node: string };
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

export function readOwnPackage(): OwnPackage {
  return JSON.parse(readFileSync(path.join(packageRoot(), 'package.json'), 'utf8')) as OwnPackage;
}

/** The compiled file of one of Sluice's entries, also when this file runs uncompiled, as under a test. */
export function entryFile(name: 'worker' | 'webhook' | 'devWorker'): string {
  const beside = path.join(__dirname, '..', `${name}.js`);
  return existsSync(beside) ? beside : path.join(packageRoot(), 'dist', 'src', `${name}.js`);
}
