import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { GlueJobs } from '../runners/defineRunner';
import { copyObject } from '../tasks/copyObject';
import type { AnyTask } from '../tasks/defineTask';
import { dropKeptOutput, keepOutput, putBackOutput } from '../tasks/keptOutput';

/** The folder `jobs/` of this package: beside `src` in a checkout, beside `dist` when built. */
export function packageJobsFolder(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = resolve(folder, '..');
  return join(folder, 'jobs');
}

/** The tasks that every worker has. */
export const SHIPPED_TASKS: readonly AnyTask[] = [copyObject, keepOutput, putBackOutput, dropKeptOutput];

/** The Glue jobs of the pipelines that ship. */
export const SHIPPED_GLUE_JOBS: GlueJobs = {
  'sluice-process-sales': { script: 'marketing-and-sales/process_sales.py' },
  'sluice-process-marketing': { script: 'marketing-and-sales/process_marketing.py' },
  'sluice-join': { script: 'marketing-and-sales/join.py' },
};
