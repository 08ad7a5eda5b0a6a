import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { SluiceError } from 'sluice';
import type { Settings } from '../settings';

const SOURCES = join(__dirname, '..', '..', 'provider');
const JAR = 'emr-tls.jar';
/** What a node has on its own class path, for a try without one. */
const INTERFACE = 'interface.jar';
const MAX_LOG = 64 * 1024 * 1024;

/**
 * The provider JAR: the one that is set, or the one built from the sources here, which is kept under their hash and built
 * once on a machine.
 * @throws SluiceError MissingTool where Maven or Java is not there
 */
export async function findJar(settings: Settings, signal: AbortSignal): Promise<string> {
  if (settings.jar !== null) {
    await access(settings.jar).catch(() => {
      throw new SluiceError('InvalidJob', `EMR_TLS_JAR: there is no file ${settings.jar}; correct it`);
    });
    return settings.jar;
  }
  const folder = join(settings.cache, `emr-tls-provider-${await hashSources()}`);
  const jar = join(folder, JAR);
  if (await exists(jar)) return jar;
  await mkdir(settings.cache, { recursive: true });
  const partial = await mkdtemp(join(settings.cache, '.partial-emr-tls-'));
  try {
    await buildJar({ folder: partial, maven: settings.maven, signal });
    // Whoever builds beside builds the same bytes.
    await rename(partial, folder).catch(async (error: unknown) => {
      if (!(await exists(jar))) throw error;
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return jar;
}

export interface BuildJar {
  folder: string;
  /** The program. */
  maven: string;
  signal: AbortSignal;
}

/** Builds into `folder`, which gets the JAR, and the interface beside it. */
export async function buildJar({ folder, maven, signal }: BuildJar): Promise<void> {
  const work = join(folder, 'build');
  await cp(SOURCES, work, {
    recursive: true,
    filter: (path) => !/[/\\]target([/\\]|$)/.test(relative(SOURCES, path)),
  });
  try {
    await promisify(execFile)(maven, ['--batch-mode', '--quiet', 'package'], {
      cwd: work,
      signal,
      maxBuffer: MAX_LOG,
    });
  } catch (error) {
    signal.throwIfAborted();
    const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string };
    const said = (stdout + stderr).trim();
    if (code === 'ENOENT' || /JAVA_HOME|No compiler is provided|release version 8 not supported/.test(said))
      throw new SluiceError(
        'MissingTool',
        `The provider JAR cannot be built: Maven 3.8 or later and a JDK 8 to 19 are needed. Install them, or set EMR_TLS_JAR to a JAR that is built elsewhere (npm run build:provider).${said ? `\n${said.slice(-2000)}` : ''}`,
        { cause: error },
      );
    throw new Error(`Maven did not build the provider JAR: ${said.slice(-4000)}`, { cause: error });
  }
  for (const name of [JAR, INTERFACE]) await rename(join(work, 'target', name), join(folder, name));
  await rm(work, { recursive: true, force: true });
}

/** Of every source's path and bytes. */
async function hashSources(): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(SOURCES, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !/[/\\]target[/\\]/.test(file))
    .sort();
  for (const file of files)
    hash
      .update(`${relative(SOURCES, file)}\0`)
      .update(await readFile(file))
      .update('\0');
  return hash.digest('hex').slice(0, 16);
}

/** What a JVM that plays a node is started with. */
export function nodeClassPath(jar: string): string[] {
  return [jar, join(dirname(jar), INTERFACE)];
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
