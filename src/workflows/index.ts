// The name of an export is the workflow type: pipelines are started by the names that people use.
export { arrivals } from './arrivals';
export { jobs } from './jobs';
export { marketingAndSales as 'marketing-and-sales' } from './marketingAndSales';
export { rateCodes as 'rate-codes' } from './rateCodes';
export { main } from './main';
export { backfill } from './backfill';
export { job } from './job';
export { pool } from './pools';
export { reap } from './reap';
