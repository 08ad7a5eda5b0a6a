import { join } from 'node:path';
import type { StackOptions } from '../../src/local';

const ROOT = join(__dirname, '..', '..');

/** A project without anything of its own: the pipelines that ship. */
export const EMPTY_PROJECT = join(ROOT, 'test', 'fixtures', 'empty', 'sluice.config.cjs');

export const projectFile = (system: string) => join(ROOT, 'systems', system, 'sluice.config.ts');

/** A local stack with the project of one system, without services of its own unless they are given. */
export function projectOf(
  system: string,
  services: NonNullable<StackOptions['project']>['services'] = [],
): Pick<StackOptions, 'project' | 'programs'> {
  return {
    project: {
      file: projectFile(system),
      jobsFolders: [join(ROOT, 'systems', system, 'jobs')],
      services,
    },
    programs: { worker: join(ROOT, 'dist', 'src', 'worker.js') },
  };
}
