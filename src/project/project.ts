import { SHIPPED } from '../workflows/shipped';
import type { AnyPipeline } from '../workflows/steps';
import type { AnyRunnerDefinition } from '../runners';
import type { Crawlers, GlueJobs } from '../runners/defineRunner';
import type { Limits } from '../activities/pools';
import type { AnyTask } from '../tasks/defineTask';
import type { Service } from '../local/service';

/** A project as every command works with it: its config with all that it names loaded and checked. */
export interface Project {
  /** The folder of its config; null outside of a project. */
  root: string | null;
  /** Its config; null outside of a project. */
  file: string | null;
  /** Of the config itself and of the projects in it; `job` is always there. */
  pipelines: readonly AnyPipeline[];
  tasks: readonly AnyTask[];
  runners: readonly AnyRunnerDefinition[];
  /** Absolute, in the order in which a script is looked for. */
  jobsFolders: readonly string[];
  glueJobs: GlueJobs;
  crawlers: Crawlers;
  /** Of the config itself and of the projects in it, whose limits the config's own go over. */
  limits: Limits;
  /** Of the config itself: they start with `sluice dev`. */
  services: readonly Service[];
  /** Of the projects in it: each starts when it is asked for by name. */
  furtherServices: readonly Service[];
  /** Null when the config names none. */
  taskQueue: string | null;
  /** The folders of the config and of the projects in it: what `sluice dev` watches. */
  folders: readonly string[];
}

/** What every command works with outside of a project: the pipelines that ship. */
export const SHIPPED_PROJECT: Project = {
  root: null,
  file: null,
  pipelines: SHIPPED,
  tasks: [],
  runners: [],
  jobsFolders: [],
  glueJobs: {},
  crawlers: {},
  limits: {},
  services: [],
  furtherServices: [],
  taskQueue: null,
  folders: [],
};
