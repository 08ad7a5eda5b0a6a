import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { SluiceError } from '../errors';
import { packageRoot, readOwnPackage } from '../local/packageRoot';

/** What a project is made with beside Sluice; the versions that Sluice itself is built and tested with. */
const TOOLS = ['@types/node', 'tsx', 'typescript'];

/**
 * Writes a project that runs into a new or an empty folder: all of it or nothing.
 * @returns the folder
 * @throws SluiceError InvalidInput for a folder that holds something
 */
export async function initProject(given: string): Promise<string> {
  const folder = path.resolve(given);
  await checkFolder(folder, given);
  const above = path.dirname(folder);
  await mkdir(above, { recursive: true });
  const aside = await mkdtemp(path.join(above, `.${path.basename(folder)}-`));
  try {
    await writeProject(aside, folder);
    // An empty folder may be a mount or the shell's own, so it stays and only its content comes.
    if (!existsSync(folder)) return await rename(aside, folder).then(() => folder);
    for (const name of await readdir(aside)) await rename(path.join(aside, name), path.join(folder, name));
    return folder;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function checkFolder(folder: string, given: string): Promise<void> {
  const stat = statSync(folder, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory())
    throw new SluiceError(
      'InvalidInput',
      `${given} is a file; give the name of a folder that is to be made.`,
    );
  // A repository that was just made has one thing in it.
  const names = (await readdir(folder)).filter((name) => name !== '.git');
  if (names.length === 0) return;
  const shown = names.slice(0, 3).join(', ') + (names.length > 3 ? ', …' : '');
  throw new SluiceError(
    'InvalidInput',
    `${given} is not empty (${shown}); give a new folder, or empty it first.`,
  );
}

async function writeProject(aside: string, folder: string): Promise<void> {
  const template = path.join(packageRoot(), 'templates', 'project');
  await cp(template, aside, { recursive: true });
  // npm leaves a file of this name out of a package.
  await rename(path.join(aside, 'gitignore'), path.join(aside, '.gitignore'));
  const name = nameOf(folder);
  const readme = path.join(aside, 'README.md');
  await writeFile(readme, (await readFile(readme, 'utf8')).replaceAll('{{name}}', name));
  await writeFile(
    path.join(aside, 'package.json'),
    `${JSON.stringify(await describePackage(name, folder), null, 2)}\n`,
  );
  const inbox = path.join(aside, '.sluice', 's3', 'lake', 'inbox');
  await mkdir(inbox, { recursive: true });
  await cp(path.join(aside, 'samples', 'people.csv'), path.join(inbox, 'people.csv'));
}

/** The folder's name as npm takes it. */
function nameOf(folder: string): string {
  const name = path
    .basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return name === '' || name === 'sluice' ? 'pipelines' : name;
}

async function describePackage(name: string, folder: string): Promise<object> {
  const own = readOwnPackage();
  const versions = { ...own.dependencies, ...own.devDependencies };
  return {
    name,
    private: true,
    type: 'module',
    engines: { node: own.engines.node },
    scripts: {
      dev: 'sluice dev',
      start: 'sluice worker',
      test: 'node --import tsx --test test/*.test.ts',
      typecheck: 'tsc',
    },
    dependencies: { sluice: await findSource(own.version, folder) },
    devDependencies: Object.fromEntries(TOOLS.map((tool) => [tool, versions[tool]])),
  };
}

/**
 * Where `npm install` finds the Sluice that runs: the registry's version, else the checkout, or the packed file that it was
 * installed from, as npm has written it down.
 */
async function findSource(version: string, folder: string): Promise<string> {
  const root = packageRoot();
  const parts = root.split(path.sep);
  const at = parts.lastIndexOf('node_modules');
  if (at < 0) return `file:${path.relative(folder, root)}`;
  const record = path.join(parts.slice(0, at + 1).join(path.sep), '.package-lock.json');
  const { packages = {} } = existsSync(record)
    ? (JSON.parse(await readFile(record, 'utf8')) as { packages?: Record<string, { resolved?: string }> })
    : {};
  const resolved = packages['node_modules/sluice']?.resolved;
  if (resolved?.startsWith('file:') !== true) return `^${version}`;
  const packed = path.resolve(parts.slice(0, at).join(path.sep), resolved.slice('file:'.length));
  return `file:${path.relative(folder, packed)}`;
}
