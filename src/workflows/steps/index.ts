export { Run, type ParallelOptions } from './run';
export { runPipeline } from './runPipeline';
export type { RunOptions } from './shared';
export type { Late, WaitOptions } from './wait';
export type { Completeness } from './completeness';
// A worker of one's own needs these beside its pipelines: the memory of sources, and the batches of a large `mapJobs`.
export { arrivals } from '../arrivals/index';
export { jobs } from '../job';
export { askAthena, athenaQuery } from './askAthena';
