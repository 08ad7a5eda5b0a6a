import path from 'node:path';
import { existsSync } from 'node:fs';
import type { BundleOptions, WorkerOptions } from '@temporalio/worker';
import type { ActivityDependencies } from '../activities';
import { SluiceError } from '../errors';
import type { Config } from '../setup/config';
import { FAILURE_CONVERTER } from '../setup/payloadCodec';
import { SHIPPED } from '../workflows/shipped';
import type { AnyPipeline } from '../workflows/steps';
import { bundlePipelines } from './bundlePipelines';
import { findBundleCache } from './keptBundle';

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
 * @param plugins what else is to be in the bundle
 */
export async function loadWorkflows(
  project: WorkerProject,
  config: Pick<Config, 'codecKeys' | 'traces'>,
  plugins: NonNullable<BundleOptions['plugins']> = [],
): Promise<Workflows> {
  if (project.pipelines.every((pipeline) => SHIPPED.includes(pipeline))) return shippedWorkflows(config);
  const cacheFolder = project.root === null ? null : await findBundleCache(project.root);
  const files = project.pipelines.filter((pipeline) => !isEngines(pipeline)).map(fileOf);
  const workflowBundle = await bundlePipelines({
    files,
    plugins,
    ...(config.codecKeys === null ? {} : { failureConverter: FAILURE_CONVERTER }),
    ...(cacheFolder === null ? {} : { cacheFolder }),
  });
  return { workflowBundle };
}

/**
 * The bundle that the build made; from TypeScript sources, and where failures are encrypted or traces are sent, the workflows
 * themselves, which the worker bundles as it starts.
 */
export function shippedWorkflows({ codecKeys, traces }: Pick<Config, 'codecKeys' | 'traces'>): Workflows {
  const codePath = path.join(__dirname, '..', '..', 'workflow-bundle.js');
  return codecKeys === null && traces === 'off' && existsSync(codePath)
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
