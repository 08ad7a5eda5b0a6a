import { parseArgs } from 'node:util';
import { readConfig, type Config } from '../setup/config';
import { loadProject } from './loadProject';
import { SHIPPED_PROJECT, type Project } from './project';

/** What an entry works with: the project of its argument `--config FILE`, and without one what ships. */
export async function readEntry(args = process.argv.slice(2)): Promise<{ project: Project; config: Config }> {
  const { config: file } = parseArgs({ args, options: { config: { type: 'string' } } }).values;
  const project = file === undefined ? SHIPPED_PROJECT : await loadProject({ config: file });
  return { project, config: readConfig(process.env, project) };
}
