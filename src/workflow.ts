/** `sluice/workflow`: all that a pipeline's file imports. It runs in Temporal's sandbox: no Node, AWS or I/O here. */
export { SluiceError, type ErrorCode } from './errors';
export type * from './jobs';
// With it come the parameters of every resource that ships.
export type { ShippedResource } from './runners';
export type { DuckdbQueryParameters } from './duckdb';
export type { LivyCreateBatchParameters } from './runners/livy';
export {
  field,
  type Arrival,
  type ExtraJob,
  type Field,
  type Fields,
  type GivenInputOf,
  type InputOf,
  type JobOptions,
  type OnFailure,
  type Pipeline,
  type TypedField,
  type TypedFields,
} from './pipelines';
export { joinFolder, joinLocation, parentFolder, parseS3Uri } from './pipelines/location';
export type { StepCheck } from './contracts/messages';
export {
  askAthena,
  athenaQuery,
  collectPipelines,
  definePipeline,
  isPipeline,
  type AnyPipeline,
  type CheckedRows,
  type CheckOptions,
  type CheckRule,
  type Completeness,
  type FailedJob,
  type Late,
  type MapJobsOptions,
  type MapOutcome,
  type ParallelOptions,
  type PipelineDefinition,
  type PipelineOptions,
  type Run,
  type RunOptions,
  type Siblings,
  type Tolerance,
  type WaitOptions,
} from './workflows/steps';
export { task } from './workflows/task';
