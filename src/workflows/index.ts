// The name of an export is the workflow type: pipelines are started by the names that people use.
export { arrivals } from './arrivals';
export { jobs } from './jobs';
export { marketingAndSales as 'marketing-and-sales' } from './marketingAndSales';
export { rateCodes as 'rate-codes' } from './rateCodes';
export { reviewsExport as 'reviews-export' } from './reviewsExport';
export { contactTraceRecords as 'contact-trace-records' } from './contactTraceRecords';
export { agentEvents as 'agent-events' } from './agentEvents';
export { main } from './main';
export { job } from './job';
