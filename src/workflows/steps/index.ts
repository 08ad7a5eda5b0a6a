export { collectPipelines, definePipeline, isPipeline, type PipelineOptions } from './definePipeline';
export type { AnyPipeline, PipelineDefinition, StandardFields } from './pipelineDefinition';
export type { CheckedRows, CheckOptions, CheckRule } from './check';
export { Run, type ParallelOptions } from './run';
export { runPipeline } from './runPipeline';
export type { RunOptions } from './shared';
export type { Late, WaitOptions } from './wait';
export type { Completeness } from './completeness';
export { askAthena, athenaQuery } from './askAthena';
