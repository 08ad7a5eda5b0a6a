import { callingFile } from '../pipelines/callingFile';
import type { AnyPipeline } from '../workflows/steps';
import type { AnyRunnerDefinition } from '../runners';
import type { Crawlers, GlueJobs } from '../runners/defineRunner';
import type { Limits } from '../activities/pools';
import type { AnyTask } from '../tasks/defineTask';
import type { Service } from '../local/service';

/** What `sluice.config.ts` says. Paths are relative to its folder. */
export interface ProjectConfig {
  /** Pipelines, or the folders or globs of files that define them; default `src/pipelines`. */
  pipelines?: string | readonly (AnyPipeline | string)[];
  /** Tasks of `worker:task`, or the folders or globs of files that define them; default `src/tasks`. */
  tasks?: string | readonly (AnyTask | string)[];
  /** Runners of resources of its own, or the folders or globs of files that define them; default `src/runners`. */
  runners?: string | readonly (AnyRunnerDefinition | string)[];
  /** Folders of SQL and PySpark; default `jobs`. */
  jobs?: string | readonly string[];
  /** For local engines: the script of each Glue job, below a folder of jobs. */
  glueJobs?: GlueJobs;
  /** For local engines: what each Glue crawler crawls. */
  crawlers?: Crawlers;
  /**
   * How many jobs run at once in all runs and workers of its task queue, by the name of a pool: a resource
   * (`'glue:startJobRun': 10`), or a name that jobs give as `options.pool`. The others wait in line.
   */
  limits?: Limits;
  /** Further processes of the local stack. */
  services?: readonly Service[];
  /** Projects that are part of this one. */
  projects?: readonly DefinedConfig[];
  /** The task queue of its workers and runs; `SLUICE_TASK_QUEUE` goes over it, `sluice` is the default. */
  taskQueue?: string;
}

const MARK = Symbol.for('sluice.config');

/** A config that knows its file. */
export interface DefinedConfig extends ProjectConfig {
  readonly file: string;
}

/** Defines a project; the default export of its `sluice.config.ts`. */
export function defineConfig(config: ProjectConfig): DefinedConfig {
  const file = callingFile(defineConfig);
  if (file === null) throw new TypeError('defineConfig is called from a file: sluice.config.ts');
  return Object.assign({ ...config, file }, { [MARK]: true });
}

export function isDefinedConfig(value: unknown): value is DefinedConfig {
  return typeof value === 'object' && value !== null && (value as { [MARK]?: unknown })[MARK] === true;
}
