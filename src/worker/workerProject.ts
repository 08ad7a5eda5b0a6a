import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { existsSync } from 'node:fs';
import type { WorkerOptions } from '@temporalio/worker';
import type { ActivityDependencies } from '../activities';
import { SluiceError } from '../errors';
import { SHIPPED } from '../workflows/shipped';
import type { AnyPipeline } from '../workflows/steps';
import { bundlePipelines } from './bundlePipelines';

type Parts = Required<
  Pick<ActivityDependencies, 'jobsFolders' | 'runners' | 'tasks' | 'glueJobs' | 'crawlers' | 'limits'>
>;

/** What a worker needs of a project. */
export interface WorkerProject extends Parts {
  /** Its folder, or null for what ships. */
  root: string | null;
  pipelines: readonly AnyPipeline[];
}

/** What the activities of a project's worker work with. */
export function partsOf({ jobsFolders, runners, tasks, glueJobs, crawlers, limits }: Parts): Parts {
  return { jobsFolders, runners, tasks, glueJobs, crawlers, limits };
}

export type Workflows = Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'>;

/**
 * The workflow code of a project's worker; what only ships was bundled by the build.
 * @param cacheFolder where the bundler keeps what it has read; by default with the project's packages
 */
export async function loadWorkflows(project: WorkerProject, cacheFolder?: string): Promise<Workflows> {
  if (project.pipelines.every((pipeline) => SHIPPED.includes(pipeline))) return shippedWorkflows();
  const folder = cacheFolder ?? (await findCacheFolder(project.root));
  const files = project.pipelines.filter((pipeline) => !isEngines(pipeline)).map(fileOf);
  const workflowBundle = await bundlePipelines({
    files,
    ...(folder === null ? {} : { cacheFolder: folder }),
  });
  return { workflowBundle };
}

/** The bundle that the build made; from TypeScript sources, the workflows themselves. */
export function shippedWorkflows(): Workflows {
  const codePath = path.join(__dirname, '..', '..', 'workflow-bundle.js');
  return existsSync(codePath)
    ? { workflowBundle: { codePath } }
    : { workflowsPath: path.join(__dirname, '..', 'workflows') };
}

function isEngines({ description }: AnyPipeline): boolean {
  return description.name === 'job';
}

function fileOf({ description, file }: AnyPipeline): string {
  if (file !== null) return file;
  const cure = 'Call definePipeline in a file of the project';
  throw new SluiceError('InvalidPipeline', `No file defines the pipeline ${description.name}. ${cure}`);
}

/** Where a project's installed packages keep what can be made again; null where nothing can be written. */
async function findCacheFolder(root: string | null): Promise<string | null> {
  if (root === null) return null;
  const packages = path.join(root, 'node_modules');
  return access(packages, constants.W_OK).then(
    () => path.join(packages, '.cache', 'sluice'),
    () => null,
  );
}
