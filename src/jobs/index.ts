/** One S3 object version as a job reads it. Without `versionId`, `etag` pins the content. */
export interface ObjectVersion {
  bucket: string;
  key: string;
  versionId?: string | null;
  etag?: string | null;
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
 * The parameters of each resource. A runner's own file adds those of its resource by declaration merging, and so does a
 * project for a runner of its own: `declare module 'sluice' { interface JobParameters { 'acme:refresh': … } }`.
 */
export interface JobParameters {
  'worker:task': WorkerTaskParameters;
}

/** `service:verb`. */
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
  /** The job runs inside the worker: it ends with its await, and another worker starts it anew. */
  runsInWorker?: true;
  /** What a runner must know besides, e.g. when the crawler's earlier run had begun. */
  details?: Record<string, string>;
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
