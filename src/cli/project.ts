import type { Command } from 'commander';
import { RunnerRegistry } from '../runners';
import { loadProject, type Project } from '../project';
import { readConfig, type Config } from '../setup/config';
import type { Pipeline } from '../pipelines';

/** The project of a command: that of `--config`, or of the folder it is called in. */
export interface CommandProject {
  project: Project;
  /** What its pipelines say of themselves. */
  pipelines: readonly Pipeline[];
  /** The runners that ship and those of the project. */
  registry: RunnerRegistry;
  /** The settings, with the project's own where the environment has none. */
  config: Config;
}

export async function readProject(command: Command): Promise<CommandProject> {
  const project = await loadProject({ config: command.optsWithGlobals<{ config?: string }>().config });
  return {
    project,
    pipelines: project.pipelines.map(({ description }) => description),
    registry: new RunnerRegistry(project.runners),
    config: readConfig(process.env, project),
  };
}
