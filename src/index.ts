/** What a project of pipelines of its own builds on; workflow code imports `sluice/workflow` instead. */
export {
  createActivities,
  type Activities,
  type ActivityDependencies,
  type JobState,
  type Runner,
  type Runners,
} from './activities';
export { readConfig, type Config } from './setup/config';
export { connectClient, connectS3, connectWorker } from './setup/connect';
export { createWorker, type CreateWorkerOptions } from './worker/createWorker';
export { ERROR_CODES, isRetryable, SluiceError, type ErrorCode } from './errors';
export type * from './jobs';
export { createLogger } from './setup/logging';
export {
  findPipeline,
  parseInput,
  type Arrival,
  type ExtraJob,
  type JobOptions,
  type Pipeline,
} from './pipelines';
export type { Field, FieldKind, Fields } from './pipelines/input';
export { SHIPPED as shippedPipelines } from './workflows/shipped';
export { registerSearchAttributes } from './setup/registerSearchAttributes';
export { addTrigger, listTriggers, removeTrigger } from './arrivals/triggers';
export type { Failure, RunState, RunStatus, StepState, StepStatus, Trigger } from './contracts/messages';
export { defineConfig, loadProject, type DefinedConfig, type Project, type ProjectConfig } from './project';
export type { Service, ServiceContext, ServiceReady } from './local/service';
