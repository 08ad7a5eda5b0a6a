import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { StackOptions } from '../../src/local';

const ROOT = join(__dirname, '..', '..');

/** The project of this repository: what ships, and the systems. */
export const PROJECT_FILE = join(ROOT, 'sluice.config.ts');

/** A local stack whose worker, as a production's, has the pipelines of all systems. */
export const WITH_SYSTEMS: Pick<StackOptions, 'project' | 'programs'> = {
  project: {
    file: PROJECT_FILE,
    jobsFolders: readdirSync(join(ROOT, 'systems')).map((name) => join(ROOT, 'systems', name, 'jobs')),
    services: [],
  },
  programs: { worker: join(ROOT, 'dist', 'src', 'worker.js') },
};
