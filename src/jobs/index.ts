import type { StartQueryExecutionCommandInput } from '@aws-sdk/client-athena';
import type { ExportTableToPointInTimeCommandInput } from '@aws-sdk/client-dynamodb';
import type {
  InstanceFleetModifyConfig,
  InstanceGroupModifyConfig,
  RunJobFlowCommandInput,
  StepCancellationOption,
  StepConfig,
} from '@aws-sdk/client-emr';
import type { StartJobRunCommandInput as StartServerlessJobRunCommandInput } from '@aws-sdk/client-emr-serverless';
import type { StartCrawlerCommandInput, StartJobRunCommandInput } from '@aws-sdk/client-glue';
import type { InvokeCommandInput } from '@aws-sdk/client-lambda';
import type {
  BatchExecuteStatementCommandInput,
  ExecuteStatementCommandInput,
} from '@aws-sdk/client-redshift-data';

/** One S3 object version as a job reads it. Without `versionId`, `etag` pins the content. */
export interface ObjectVersion {
  bucket: string;
  key: string;
  versionId?: string | null;
  etag?: string | null;
}

/** `duckdb:query`: one SQL script, run inside the worker on objects of the lake. */
export interface DuckdbQueryParameters {
  /** A SQL file below `jobs/`, e.g. `marketing-and-sales/process-sales.sql`. Exactly one of `script` and `sql`. */
  script?: string;
  /** The SQL text itself: one SELECT over the names in `inputs` and the variables in `arguments`. */
  sql?: string;
  /**
   * Name -> what the SQL reads as `getvariable('<name>')`, a list of local file names: an object, a pinned object version,
   * or (location ending in `/`) all objects below a prefix but markers. A prefix must hold `_SUCCESS`.
   */
  inputs?: Record<string, string | ObjectVersion>;
  /** Name -> text, read in SQL as `getvariable('<name>')`. */
  arguments?: Record<string, string>;
  /** The folder that the SELECT's rows replace. Without it, the result has up to `maxRows` rows. */
  output?: { location: string; format: 'parquet' | 'csv' };
  /** How many rows the job result carries when there is no output; default 100, at most 1000. */
  maxRows?: number;
}

/** Livy's `POST /batches` body. `name` is set by Sluice: it carries the submission's key. */
export interface LivyCreateBatchParameters {
  file: string;
  className?: string;
  args?: string[];
  jars?: string[];
  pyFiles?: string[];
  files?: string[];
  archives?: string[];
  driverMemory?: string;
  driverCores?: number;
  executorMemory?: string;
  executorCores?: number;
  numExecutors?: number;
  queue?: string;
  proxyUser?: string;
  conf?: Record<string, string>;
}

/**
 * `worker:task`: a function of the worker's own, by name, for what is neither SQL nor Spark: splitting a stream of records,
 * scanning a table, drawing a chart. It runs inside the worker, reports how far it is, and goes on from there elsewhere
 * when its worker dies.
 */
export interface WorkerTaskParameters {
  task: string;
  /** Plain JSON; each task checks its own. */
  input: Record<string, unknown>;
}

/**
 * The parameters of each resource: for AWS resources those of Step Functions' integration, which are the API's own input.
 * EMR's integrations differ from the API as
 * https://docs.aws.amazon.com/step-functions/latest/dg/connect-emr.html has it.
 */
export interface JobParameters {
  'duckdb:query': DuckdbQueryParameters;
  'livy:createBatch': LivyCreateBatchParameters;
  'worker:task': WorkerTaskParameters;
  'glue:startJobRun': StartJobRunCommandInput;
  'glue:startCrawler': StartCrawlerCommandInput;
  'athena:startQueryExecution': StartQueryExecutionCommandInput;
  'elasticmapreduce:createCluster': RunJobFlowCommandInput;
  'elasticmapreduce:addStep': { ClusterId: string; Step: StepConfig; ExecutionRoleArn?: string };
  'elasticmapreduce:cancelStep': {
    ClusterId: string;
    StepId: string;
    StepCancellationOption?: StepCancellationOption;
  };
  'elasticmapreduce:terminateCluster': { ClusterId: string };
  'elasticmapreduce:modifyInstanceGroupByName': {
    ClusterId: string;
    InstanceGroupName: string;
    InstanceGroup: Omit<InstanceGroupModifyConfig, 'InstanceGroupId'>;
  };
  'elasticmapreduce:modifyInstanceFleetByName': {
    ClusterId: string;
    InstanceFleetName: string;
    InstanceFleet: Omit<InstanceFleetModifyConfig, 'InstanceFleetId'>;
  };
  'emr-serverless:startJobRun': Omit<StartServerlessJobRunCommandInput, 'clientToken'>;
  'redshiftdata:executeStatement': ExecuteStatementCommandInput;
  'redshiftdata:batchExecuteStatement': BatchExecuteStatementCommandInput;
  'dynamodb:exportTableToPointInTime': ExportTableToPointInTimeCommandInput;
  /** `Payload` is the JSON value itself, as in Step Functions. */
  'lambda:invoke': Omit<InvokeCommandInput, 'Payload'> & { Payload?: unknown };
}

export type Resource = keyof JobParameters;

/** One unit of work on an engine. */
export type Job<R extends Resource = Resource> = {
  [K in R]: { resource: K; parameters: JobParameters[K] };
}[R];

/** What a submit returns: plain JSON, and all the state that a job has. */
export interface JobReference {
  resource: Resource;
  /** The service's own id: a Livy batch id, a Glue job run id. */
  externalId: string;
  /** The submission's key, unique for workflow id, run id, step and submission number. */
  key: string;
  /** Where a person sees the job. */
  url: string | null;
  /** ISO 8601. */
  submittedAt: string;
  /** What a runner must know besides, e.g. when the crawler's earlier run had begun. */
  details?: Record<string, string>;
  /** The job runs inside the worker: it ends with its await, and another worker starts it anew. */
  inWorker?: true;
}

/** What a job that ended well says. */
export interface JobResult {
  resource: Resource;
  externalId: string;
  url: string | null;
  /** Location of the output, where the job states one. */
  output: string | null;
  logUrl: string | null;
  durationMs: number;
  /** The service's own measures, e.g. Glue's `DPUSeconds`. Summed by name over a run. */
  measures: Record<string, number>;
  /** Rows of a query that was asked for them. */
  rows?: Record<string, unknown>[];
  /** What a Lambda function, a worker's task or a service answered besides; plain JSON. */
  payload?: unknown;
}

/** What stopping a job came to. `leaked`: the service did not confirm the end; id and link say what to look at. */
export interface StopResult {
  outcome: 'stopped' | 'already ended' | 'not submitted' | 'leaked';
  externalId: string | null;
  url: string | null;
  message: string | null;
}

/** All resources, in the order in which they are listed to people. */
export const RESOURCES = [
  'duckdb:query',
  'livy:createBatch',
  'worker:task',
  'glue:startJobRun',
  'glue:startCrawler',
  'athena:startQueryExecution',
  'elasticmapreduce:createCluster',
  'elasticmapreduce:addStep',
  'elasticmapreduce:cancelStep',
  'elasticmapreduce:terminateCluster',
  'elasticmapreduce:modifyInstanceGroupByName',
  'elasticmapreduce:modifyInstanceFleetByName',
  'emr-serverless:startJobRun',
  'redshiftdata:executeStatement',
  'redshiftdata:batchExecuteStatement',
  'dynamodb:exportTableToPointInTime',
  'lambda:invoke',
] as const satisfies readonly Resource[];
