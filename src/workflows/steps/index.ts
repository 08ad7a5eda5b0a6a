export { Run, runPipeline, type Late, type ParallelOptions, type RunOptions, type WaitOptions } from './run';
export type { Completeness } from './completeness';
// A worker of one's own needs these beside its pipelines: the memory of sources, and the batches of a large `mapJobs`.
export { arrivals } from '../arrivals';
export { jobs } from '../job';
export { askAthena, athenaQuery } from './askAthena';
