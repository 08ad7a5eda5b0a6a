import type { Job, Resource } from '../jobs';
import type { Notification } from '../contracts/activities';
import type { Failure, RunStatus, StepState, StepStatus } from '../contracts/messages';
import type { GivenInputOf, TypedFields } from '../pipelines';
import type { AnyRunnerDefinition } from '../runners';
import type { AnyTask } from '../tasks/defineTask';
import type { AnyPipeline, PipelineDefinition, RunOptions, StandardFields } from '../workflows/steps';
import type { JobScripts } from './jobScript';
import type { S3Refusal } from './s3Double';

export interface TestStackOptions {
  /** The pipelines under test, and those that they start as child runs. */
  pipelines: readonly AnyPipeline[];
  /** What happens to jobs, by step, step pattern (`load *`), resource or resource pattern (`glue:*`); see `script`. */
  jobs?: Record<string, JobScripts>;
  /** Tasks that run for real for `worker:task`. */
  tasks?: readonly AnyTask[];
  /** Runners that are used as they are, in the place of scripts. */
  runners?: readonly AnyRunnerDefinition[];
  /** Resources that run for real, on the stack's own S3: `duckdb:query`. */
  real?: readonly Extract<Resource, 'duckdb:query'>[];
  /** Where the scripts of a real `duckdb:query` are. */
  jobsFolders?: readonly string[];
  /** Buckets of the stack's S3 beside `lake`. */
  buckets?: readonly string[];
  /** How often a source with waiting runs is listed, which finds objects whose event was lost; default 6 hours. */
  listEvery?: string;
}

/** A run of a test. */
export interface TestRun<Result> {
  readonly id: string;
  /** Where the run stands, once everything has happened that takes no time. */
  status(): Promise<RunStatus>;
  /** One step of the status. @throws Error with the steps that there are, when there is no such one */
  step(name: string): Promise<StepStatus>;
  /** The result of the run; time is skipped until it ends. @throws SluiceError with code and message of its failure */
  result(): Promise<Result>;
  /** How the run failed; time is skipped until it ends. @throws Error when it did not fail */
  failure(): Promise<Failure>;
  /** Skips time until the step is in this state. @throws Error when the run ends before, or nothing more is to come */
  waitUntil(step: string, state: StepState): Promise<StepStatus>;
  cancel(): Promise<void>;
  /** Ends the run without a word to it, as an operator or its time-out does: its jobs go on. Its child runs do, too: this server has no parent close policy. */
  terminate(): Promise<void>;
  /** Lets a parked step go on, or all of them, as `sluice resume`. */
  resume(step?: string): Promise<void>;
  /** Hands the run an object by hand, as `sluice signal`. */
  signalArrival(uri: string): Promise<void>;
}

export interface SubmittedJob {
  step: string;
  run: string;
  job: Job;
  /** Whether the service has taken it. */
  accepted: boolean;
  /** Whether it was stopped by its run. */
  stopped: boolean;
}

/** An object that arrives; without `body` and `size` it holds an empty line. */
export interface ArrivingObject {
  body?: string | Uint8Array;
  /** Bytes of an object without content, which no job can read. */
  size?: number;
  /** When it was written; default now. */
  time?: Date;
}

/** What a retry does other than to keep what succeeded. */
export interface RetryOptions {
  /** Steps that are done anew, with all that comes after each. */
  from?: readonly string[];
  /** Steps that are done anew, alone. */
  redo?: readonly string[];
  /** Fields of the input that are to change. */
  input?: Record<string, unknown>;
}

/** See `createTestStack`. */
export interface TestStack extends AsyncDisposable {
  /**
   * Starts a run.
   * @throws SluiceError InvalidInput, as `sluice start` says it
   */
  start<F extends TypedFields, Result>(
    pipeline: PipelineDefinition<F, Result>,
    input?: GivenInputOf<F & StandardFields>,
    options?: RunOptions & { id?: string },
  ): Promise<TestRun<Result | null>>;
  /**
   * Goes on with a run that has ended, as `sluice retry --yes` does.
   * @throws SluiceError InvalidInput, as the command says it
   */
  retry<Result>(run: TestRun<Result>, options?: RetryOptions): Promise<TestRun<Result>>;
  /** From now on, objects that fit `startedBy` of the pipeline start a run each, as with `sluice start --on-arrival`. */
  startOnArrival<F extends TypedFields>(
    pipeline: PipelineDefinition<F, unknown>,
    input?: GivenInputOf<F & StandardFields>,
  ): Promise<void>;
  /** The runs of a pipeline, however they were started, in the order of their starts. */
  runsOf<F extends TypedFields, Result>(
    pipeline: PipelineDefinition<F, Result>,
  ): Promise<TestRun<Result | null>[]>;
  /** Changes what happens to the jobs of a step, a resource, or a pattern of either that are submitted from now on. */
  script(of: string, script: JobScripts): void;
  /** Puts an object into the stack's S3 and tells the `arrivals` workflows of it, as the webhook does. */
  arrive(uri: string, object?: ArrivingObject): Promise<void>;
  /** Puts an object into the stack's S3 without a word, as one whose event is lost. */
  put(uri: string, object?: ArrivingObject): Promise<void>;
  /** From now on S3 refuses all requests of the worker, or those that write, with this error code; null: it does as before. */
  refuseS3(code: S3Refusal | null, requests?: 'all' | 'writes'): void;
  /** The text of an object, or null when it is not there. */
  read(uri: string): string | null;
  /** The time of the stack. */
  now(): Promise<Date>;
  /** Lets time pass, such as `6 days`; what is due meanwhile happens. */
  skip(duration: string): Promise<void>;
  /** How many jobs the services have accepted of a step, a resource, or a pattern of either. */
  submissions(of: string): number;
  /** How many jobs their runs have stopped. */
  stops(of: string): number;
  /** Every submission, in its order. */
  readonly submitted: readonly SubmittedJob[];
  /** What runs have told of their ends. */
  readonly notifications: readonly Notification[];
  /** Ends the stack and all that is open in it. */
  stop(): Promise<void>;
}
