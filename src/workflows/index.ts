// The name of an export is the workflow type: pipelines are started by the names that people use.
export { arrivals } from './arrivals';
export { marketingAndSales as 'marketing-and-sales' } from './marketingAndSales';
export { rateCodes as 'rate-codes' } from './rateCodes';
export { reviewsExport as 'reviews-export' } from './reviewsExport';
export { main } from './main';
export { job, jobs } from './job';
