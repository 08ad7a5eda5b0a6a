/** What a project of pipelines of its own builds on; workflow code imports `sluice/workflow` instead. */
export { createActivities, type Activities, type ActivityDependencies } from './activities';
export { readConfig, type Config } from './setup/config';
export { connectClient, connectWorker } from './setup/connect';
export { connectS3 } from './setup/connectS3';
export { createWorker, type CreateWorkerOptions } from './worker/createWorker';
export { ERROR_CODES, isRetryable, SluiceError, type ErrorCode } from './errors';
export type * from './jobs';

// Runners of one's own.
export { SHIPPED_RUNNERS as shippedRunners, type AnyRunnerDefinition, type ShippedResource } from './runners';
export type { DuckdbQueryParameters } from './duckdb';
export type { LivyCreateBatchParameters } from './runners/livy';
export {
  defineRunner,
  sharedBy,
  type ClientSettings,
  type Crawler,
  type Crawlers,
  type GlueJobs,
  type RunnerContext,
  type RunnerDefinition,
} from './runners/defineRunner';
export { markerOf, succeeded } from './runners/references';
export type { JobState, Progress, Runner, SubmissionOf } from './runners/runner';
export type { Submission } from './contracts/activities';
export { consoleUrl, logStreamUrl, measuresOf, orUnknown, withCapacity } from './runners/awsService';
export { AWS_CLIENT, PROBED_NAME, PROBED_UUID } from './runners/awsClient';
export { sdkSchema } from './runners/sdkSchema';
export { fitToSchema } from './services/schema';
export { classifyError } from './services/failures';
export { Limiter } from './services/limiter';
export { PollerGroup, type PollerGroupOptions } from './services/pollerGroup';
export { SharedPoller, type SharedPollerOptions } from './services/polling';

// Tasks of one's own, and what they read and write.
export {
  defineTask,
  type AnyTask,
  type Task,
  type TaskContext,
  type TaskLog,
  type TaskOptions,
  type TaskResult,
} from './tasks/defineTask';
export { copyObject } from './tasks/copyObject';
export { runQuery } from './duckdb/query';
export type { RowAccount } from './duckdb/csv/readings';
export { publishCases, type BadCase } from './lake/badCases';
export {
  listKeys,
  parseFolder,
  publishOutput,
  readText,
  removeOutput,
  stageInput,
  SUCCESS_MARKER,
  type Folder,
  type StagedFile,
  type StageInput,
} from './lake/lakeFiles';
export { MultipartUpload, unquoted, type UploadTarget } from './lake/multipartUpload';
export { formatDuration, parseDuration } from './pipelines/duration';
export { joinFolder, joinLocation, parentFolder, parseS3Uri } from './pipelines/location';

export { createLogger } from './setup/logging';
export {
  field,
  findPipeline,
  parseInput,
  type Arrival,
  type ExtraJob,
  type JobOptions,
  type InputOf,
  type Pipeline,
  type TypedField,
  type TypedFields,
} from './pipelines';
export type { Field, FieldKind, Fields } from './pipelines/input';
export { SHIPPED as shippedPipelines } from './workflows/shipped';
export { registerSearchAttributes } from './setup/registerSearchAttributes';
export { addTrigger, listTriggers, removeTrigger } from './arrivals/triggers';
export type { Failure, RunState, RunStatus, StepState, StepStatus, Trigger } from './contracts/messages';
export {
  ensureJars,
  ensurePythonPackages,
  freePort,
  motoService,
  type Jars,
  type MotoService,
  type PythonPackages,
} from './local';
export { defineConfig, loadProject, type DefinedConfig, type Project, type ProjectConfig } from './project';
export type { Service, ServiceContext, ServiceReady } from './local/service';
