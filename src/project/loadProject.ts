import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { glob } from 'tinyglobby';
import { listProblems, SluiceError } from '../errors';
import { findDefaultProblems } from '../pipelines/input';
import { findNearest } from '../pipelines/nearest';
import { RunnerRegistry } from '../runners';
import { job } from '../workflows/job';
import { isPipeline, type AnyPipeline } from '../workflows/steps';
import { findConfigProblems, isRunner, isTask, showValue } from './checkConfig';
import { isDefinedConfig, type DefinedConfig } from './defineConfig';
import { checkConfigFile, findConfig } from './findConfig';
import { loadModule } from './loadModule';
import { SHIPPED_PROJECT, type Project } from './project';

export interface LoadProject {
  /** The config's file, as `--config` gives it; by default the nearest `sluice.config.*`. */
  config?: string | undefined;
  /** Where the search begins, and what `config` is relative to. */
  folder?: string;
}

/**
 * The project of a folder, loaded and checked; outside of a project, what ships.
 * @throws SluiceError InvalidInput that names file, field, value and cure
 */
export async function loadProject({ config, folder = process.cwd() }: LoadProject = {}): Promise<Project> {
  const file = config === undefined ? findConfig(folder) : checkConfigFile(config, folder);
  if (file === null) return SHIPPED_PROJECT;
  const { default: exported } = await loadModule(file);
  if (!isDefinedConfig(exported)) {
    const cure = 'Write: export default defineConfig({ pipelines: "src/pipelines" })';
    throw new SluiceError('InvalidInput', `${file}: its default export is no config. ${cure}`);
  }
  const configs = listConfigs(exported);
  const problems = configs.flatMap(findConfigProblems);
  if (problems.length > 0)
    throw new SluiceError('InvalidInput', [`${file} is wrong:`, ...problems.map((p) => `  ${p}`)].join('\n'));
  const parts = await Promise.all(configs.map(loadParts));
  const pipelines = parts.flatMap((part) => part.pipelines);
  const tasks = [...new Set(parts.flatMap((part) => part.tasks))];
  const runners = [...new Set(parts.flatMap((part) => part.runners))];
  checkNames(pipelines);
  pipelines.forEach(checkDefaults);
  checkOnce(
    'tasks',
    tasks.map(({ name }) => name),
    file,
  );
  checkOnce(
    'runners',
    runners.map(({ resource }) => resource),
    file,
  );
  const limits = Object.assign({}, ...configs.map((one) => one.limits).reverse()) as Project['limits'];
  checkLimitedResources(limits, new RunnerRegistry(runners), file);
  return {
    root: path.dirname(file),
    file,
    pipelines: pipelines.includes(job) ? pipelines : [...pipelines, job],
    tasks,
    runners,
    jobsFolders: [...new Set(parts.flatMap((part) => part.jobsFolders))],
    glueJobs: Object.assign({}, ...configs.map(({ glueJobs }) => glueJobs)) as Project['glueJobs'],
    crawlers: Object.assign({}, ...configs.map(({ crawlers }) => crawlers)) as Project['crawlers'],
    limits,
    services: exported.services ?? [],
    furtherServices: configs.slice(1).flatMap(({ services }) => services ?? []),
    taskQueue: exported.taskQueue ?? null,
    folders: [...new Set(configs.map((one) => path.dirname(one.file)))],
  };
}

/** The config and the projects in it, each once. */
function listConfigs(config: DefinedConfig, seen = new Set<DefinedConfig>()): DefinedConfig[] {
  if (seen.has(config)) return [];
  seen.add(config);
  const projects = Array.isArray(config.projects) ? config.projects.filter(isDefinedConfig) : [];
  return [config, ...projects.flatMap((project) => listConfigs(project, seen))];
}

type Parts = Pick<Project, 'pipelines' | 'tasks' | 'runners' | 'jobsFolders'>;

async function loadParts(config: DefinedConfig): Promise<Parts> {
  return {
    pipelines: await loadValues(config, { field: 'pipelines', isValue: isPipeline, maker: 'definePipeline' }),
    tasks: await loadValues(config, { field: 'tasks', isValue: isTask, maker: 'defineTask' }),
    runners: await loadValues(config, { field: 'runners', isValue: isRunner, maker: 'defineRunner' }),
    jobsFolders: findJobsFolders(config),
  };
}

interface Part<T> {
  field: 'pipelines' | 'tasks' | 'runners';
  isValue: (value: unknown) => value is T;
  /** The function that makes such a value. */
  maker: string;
}

/** The values of a field: those given, and those that the files of its folders and globs export. */
async function loadValues<T>(config: DefinedConfig, part: Part<T>): Promise<T[]> {
  const { field, isValue, maker } = part;
  const given = [config[field] ?? defaultFolder(config, field)].flat();
  const found: T[] = [];
  for (const member of given) {
    if (typeof member !== 'string') {
      found.push(member as T);
      continue;
    }
    for (const file of await findFiles(config, field, member)) {
      const values = Object.values(await loadModule(file)).filter(isValue);
      // Tasks and runners may have their helpers beside them; who looks for a pipeline is told why it is not there.
      if (values.length === 0 && field === 'pipelines') {
        const cure = `export what ${maker} gives, or begin the file's name with "_" when others import it`;
        throw new SluiceError('InvalidPipeline', `${file}: no export is made by ${maker}; ${cure}`);
      }
      found.push(...values);
    }
  }
  return [...new Set(found)];
}

function defaultFolder({ file }: DefinedConfig, field: string): string[] {
  const folder = `src/${field}`;
  return existsSync(path.join(path.dirname(file), folder)) ? [folder] : [];
}

const MODULES = ['*.{ts,mts,cts,js,mjs,cjs}', '*/index.{ts,mts,cts,js,mjs,cjs}'];
/** What lies beside the files that define something. */
const OTHERS = ['**/_*', '**/.*', '**/*.d.{ts,mts,cts}', '**/*.{test,spec}.*', '**/node_modules/**'];

async function findFiles({ file }: DefinedConfig, field: string, pattern: string): Promise<string[]> {
  const root = path.dirname(file);
  const stat = statSync(path.resolve(root, pattern), { throwIfNoEntry: false });
  if (stat?.isFile()) return [path.resolve(root, pattern)];
  const folder = path.resolve(root, pattern);
  const files = stat?.isDirectory()
    ? await glob(MODULES, { cwd: folder, absolute: true, ignore: OTHERS, expandDirectories: false })
    : await glob(pattern, { cwd: root, absolute: true, ignore: OTHERS, expandDirectories: false });
  if (files.length > 0 || (stat?.isDirectory() && field !== 'pipelines')) return files.sort();
  const what = stat?.isDirectory() ? 'has no file that defines any' : 'fits no file';
  const cure = `Name the folder or files that define ${field}, relative to ${root}.`;
  throw new SluiceError('InvalidInput', `${file}: ${field}: ${showValue(pattern)} ${what}. ${cure}`);
}

function findJobsFolders({ file, jobs }: DefinedConfig): string[] {
  const root = path.dirname(file);
  const folders = [jobs ?? 'jobs'].flat().map((folder) => ({ folder, at: path.resolve(root, folder) }));
  const isFolder = (at: string) => statSync(at, { throwIfNoEntry: false })?.isDirectory() === true;
  const missing = folders.find(({ at }) => !isFolder(at));
  if (missing !== undefined && jobs !== undefined) {
    const cure = `Create ${missing.at}, or name another.`;
    throw new SluiceError('InvalidInput', `${file}: jobs: "${missing.folder}" is no folder. ${cure}`);
  }
  return folders.filter(({ at }) => isFolder(at)).map(({ at }) => at);
}

function checkOnce(what: string, names: readonly string[], file: string): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new SluiceError(
      'InvalidInput',
      `${file}: ${what}: two are called "${twice}"; give one another name`,
    );
}

/** A name with a colon is that of a resource: a slip of the pen would limit nothing. */
function checkLimitedResources(limits: Project['limits'], { resources }: RunnerRegistry, file: string): void {
  const unknown = Object.keys(limits).find(
    (name) => name.includes(':') && !(resources as string[]).includes(name),
  );
  if (unknown === undefined) return;
  const nearest = findNearest(unknown, resources);
  const hint = nearest === undefined ? `there are: ${resources.join(', ')}` : `did you mean "${nearest}"?`;
  throw new SluiceError('InvalidInput', `${file}: limits: "${unknown}" is no resource; ${hint}`);
}

/** The workflows of the engine itself, which no pipeline may take the place of. */
const RESERVED = ['arrivals', 'jobs', 'job', 'pool'];

function checkNames(pipelines: readonly AnyPipeline[]): void {
  const byName = new Map<string, AnyPipeline>();
  for (const pipeline of pipelines) {
    const { name } = pipeline.description;
    const where = pipeline.file ?? 'a pipeline';
    if (RESERVED.includes(name) && pipeline !== job)
      throw new SluiceError(
        'InvalidPipeline',
        `${where}: the name "${name}" is Sluice's own; choose another`,
      );
    const other = byName.get(name);
    if (other !== undefined) {
      const places = [other.file, pipeline.file].join(' and ');
      throw new SluiceError(
        'InvalidPipeline',
        `Two pipelines are called "${name}", in ${places}; give one another name`,
      );
    }
    byName.set(name, pipeline);
  }
}

function checkDefaults({ description: { name, input }, file }: AnyPipeline): void {
  const problems = findDefaultProblems(input);
  if (problems.length === 0) return;
  const about = `${file ?? 'a pipeline'}: the input of ${name} is wrong:`;
  throw new SluiceError('InvalidPipeline', listProblems(about, problems));
}
