/** What every worker runs beside its pipelines: the name of an export is the workflow type. */
export { arrivals } from './arrivals';
export { jobs } from './jobs';
export { backfill } from './backfill';
export { job } from './job';
export { pool } from './pools';
export { reap } from './reap';
