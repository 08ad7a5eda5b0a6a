import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Crawlers, GlueJobs } from '../runners/defineRunner';
import { SYSTEMS_TASKS } from '../tasks';
import { copyObject } from '../tasks/copyObject';
import type { AnyTask } from '../tasks/defineTask';

/** The folder `jobs/` of this package: beside `src` in a checkout, beside `dist` when built. */
export function packageJobsFolder(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = resolve(folder, '..');
  return join(folder, 'jobs');
}

/** The tasks that every worker has. */
export const SHIPPED_TASKS: readonly AnyTask[] = [copyObject, ...SYSTEMS_TASKS];

/** The Glue jobs of the pipelines that ship. */
export const SHIPPED_GLUE_JOBS: GlueJobs = {
  'sluice-process-sales': { script: 'marketing-and-sales/process_sales.py' },
  'sluice-process-marketing': { script: 'marketing-and-sales/process_marketing.py' },
  'sluice-join': { script: 'marketing-and-sales/join.py' },
  'sluice-convert-export': { script: 'reviews-export/convert_export.py' },
  'sluice-ctr-to-parquet': { script: 'contact-trace-records/to_parquet.py' },
};

/** The crawlers of the pipelines that ship. */
export const SHIPPED_CRAWLERS: Crawlers = {
  'sluice-reviews': {
    database: 'reviews',
    targets: ['reviews-export/parquet/'],
    tablePrefix: 'reviews_',
  },
  'sluice-ctr-flatfiles': { database: 'ctr', targets: ['ctr/flatfiles/'] },
  'sluice-ctr-parquet': { database: 'ctr', targets: ['ctr/parquet/ctr/'] },
};
