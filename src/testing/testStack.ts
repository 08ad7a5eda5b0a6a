import type { Job, Resource } from '../jobs';
import type { RunStatus, StepState, StepStatus } from '../contracts/messages';
import type { GivenInputOf, TypedFields } from '../pipelines';
import type { AnyRunnerDefinition } from '../runners';
import type { AnyTask } from '../tasks/defineTask';
import type { AnyPipeline, PipelineDefinition, RunOptions } from '../workflows/steps';
import type { JobScripts } from './jobScript';

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
  /** Buckets of the stack's S3; `lake` is always there. */
  buckets?: readonly string[];
}

/** A run of a test. */
export interface TestRun<Result> {
  readonly id: string;
  /** Where the run stands, once everything has happened that takes no time. */
  status(): Promise<RunStatus>;
  /** One step of the status. @throws when there is no such step, with the names of those that are there */
  step(name: string): Promise<StepStatus>;
  /** The result of the run; time is skipped until it ends. @throws SluiceError with code and message of its failure */
  result(): Promise<Result>;
  /** How the run failed; time is skipped until it ends. @throws when it did not fail */
  failure(): Promise<NonNullable<RunStatus['failure']>>;
  /** Skips time until the step is in this state. @throws when the run ends before */
  waitUntil(step: string, state: StepState): Promise<StepStatus>;
  cancel(): Promise<void>;
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

/** See `createTestStack`. */
export interface TestStack extends AsyncDisposable {
  start<F extends TypedFields, Result>(
    pipeline: PipelineDefinition<F, Result>,
    input?: GivenInputOf<F>,
    options?: RunOptions & { id?: string },
  ): Promise<TestRun<Result>>;
  /** Changes what happens to jobs from now on. */
  script(of: string, script: JobScripts): void;
  /** Puts an object into the stack's S3 and tells the `arrivals` workflow of it, as the webhook does. */
  arrive(uri: string, object?: { body?: string | Uint8Array; size?: number }): Promise<void>;
  /** Puts an object into the stack's S3 without a word, as one whose event is lost. */
  put(uri: string, body?: string | Uint8Array): Promise<void>;
  /** The text of an object. */
  read(uri: string): Promise<string>;
  /** The time of the stack. */
  now(): Promise<Date>;
  /** Lets time pass, such as `6 days`; what is due meanwhile happens. */
  skip(duration: string): Promise<void>;
  /** How many jobs the service has accepted of a step, a resource, or a pattern of either. */
  submissions(of: string): number;
  /** How many jobs their runs have stopped. */
  stops(of: string): number;
  /** Every submit, in its order. */
  readonly submitted: readonly SubmittedJob[];
  stop(): Promise<void>;
}
