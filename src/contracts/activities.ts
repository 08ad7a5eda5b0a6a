import type { ErrorCode } from '../errors';
import type { Job, JobReference, JobResult, StopResult } from '../jobs';
import type { Arrival } from '../pipelines';
import type { Source } from '../pipelines/location';
import type { EarlierPage, Place, RetryOf, Taken } from './earlier';
import type { Failure, RunState, Subscription, Trigger } from './messages';
import type { RunName, SlotsAnswer, SlotsAsk } from './pools';
import type { LeftJobs, ReapInput } from './reap';
import type { Interval, ScheduledTime } from './schedules';

/** One submission of a job: the key is the same however often the submit is retried. */
export interface Submission {
  job: Job;
  key: string;
  /** For a person who looks at the job in its service. */
  run: string;
  step: string;
  place?: Place;
  /** ISO 8601: when the run made this submission; a job that began earlier is another's. */
  since?: string;
  /** How many rows the result carries, for a query whose service returns rows; default none. */
  maxRows?: number;
  /** An earlier submit of it was given up: the job may be there already. */
  mayRun?: true;
  /** Budgets of the job's own, in the place of the worker's. */
  retryForMs?: number;
  credentialsForMs?: number;
  archivedForMs?: number;
  /** How long the submit waits for a service without room; without it, `NoCapacity` comes back at once. */
  inLineForMs?: number;
  /** The groups that hold the step, outermost first. */
  within?: SubmissionGroup[];
  /** What the waits of the run have taken since its submission before. */
  taken?: Taken[];
  /** It looks at what is there and changes nothing: a retry looks anew. */
  check?: true;
  /** What the job leaves running when its run has ended is to stay. */
  keep?: true;
}

/**
 * From when on (ISO 8601) what the run has done is undone by a group that its failure led to; null for one that puts back an output,
 * which shows by that itself.
 */
export type Undoes = string | null;

export interface SubmissionGroup {
  name: string;
  /** ISO 8601: when the group began. */
  since: string;
  /** Its jobs have nothing to do with each other. */
  fanOut?: true;
  undoes?: Undoes;
}

/** The first detail of a failure that `awaitJob` throws when the job has ended; without it the job may still run. */
export interface JobEnd {
  ended: true;
  /** The service says that the same job may succeed when it is submitted anew. */
  retryable: boolean;
}

/** How far a job is, as its engine tells, e.g. `{ percent: 40 }` or `{ objects: 3, of: 20 }`. */
export type JobProgress = Record<string, number | string | null>;

/** The first detail of the heartbeats of `awaitJob`; a time-out carries the last one. */
export interface AwaitDetails {
  /** What the work inside the worker keeps itself. */
  work?: unknown;
  /** The step whose job is awaited, and how far that is, once somebody has told. */
  step?: string;
  progress?: JobProgress;
  /** The work is going on: when the attempt ends without another word, its worker has died in it. */
  isAtWork?: boolean;
  deaths?: number;
  /** Failures in a row, and when the first of them came. */
  failures?: number;
  failingSinceMs?: number;
  lastFailure?: { code: ErrorCode; message: string };
  /** Up to which time of the row it was seen whether the run is to be told. */
  lookedToMs?: number;
  /** Of how many rows the run was told, and whether of the one that goes on. */
  told?: number;
  isTold?: boolean;
}

/** The first detail of a failure that `submitJob` throws when the service may have accepted the job all the same. */
export interface LostAnswer {
  mayRun: true;
}

/** What an SNS topic or an HTTP endpoint is told of a run; the link to the run is added. */
export interface Notification {
  /**
   * The run has ended; one of its steps is being retried for long, or is parked: `failure` names it; it, or one of its steps,
   * takes longer than was expected; or it is stuck, of which it cannot know itself: no worker takes it up, or its code cannot go
   * on with it.
   */
  event: 'ended' | 'retrying' | 'parked' | 'late' | 'stuck';
  pipeline: string;
  run: { id: string; runId: string };
  state: RunState;
  failure: Failure | null;
  /** ISO 8601. */
  startedAt: string;
  /** ISO 8601; null while the run goes on. */
  endedAt: string | null;
  /** Of the event `late`: what takes longer than was expected, a step or the run itself (null). */
  late?: { step: string | null; expectedBy: string };
  /** Each measure of the jobs, summed over the run. */
  measures: Record<string, number>;
}

/** That a run, or a job of it, began or ended, with what it read and wrote. */
export interface LineageEvent {
  /** `ABORT`: it was cancelled or stopped. */
  type: 'START' | 'COMPLETE' | 'FAIL' | 'ABORT';
  /** ISO 8601. */
  at: string;
  /** The pipeline; with a dot and the step, a job of it. */
  job: string;
  /** A UUID. */
  runId: string;
  parent: { job: string; runId: string } | null;
  /** URIs. */
  inputs: string[];
  outputs: string[];
  failure: Failure | null;
}

export interface WorkerDescription {
  /** Whether the search attributes are registered. */
  searchAttributes: boolean;
  /** Whether the worker has a place of its own that is told of runs. */
  notifies: boolean;
  /** How long a step may be retried before somebody is told; histories that began before it was said have none. */
  stuckAfterMs?: number;
  /** Whether it tells what runs read and wrote; older histories have none. */
  tellsLineage?: boolean;
  /** Whether a wait whose objects are there already starts no timer; older histories have none. */
  looksFirst?: boolean;
  /** The resources whose jobs run inside the worker, and are awaited without a submit before; older histories have none. */
  worksHere?: string[];
  /** The names of the pools of the project; null when limits are not kept, as in tests of pipelines. */
  limits?: string[] | null;
}

/** The activities that workflows call. Types only: workflow code imports nothing else from here. */
export interface Activities {
  /** What the worker knows and a workflow must not read itself; recorded in the run's history. */
  describeWorker(): Promise<WorkerDescription>;
  /** Submits the job unless a job with this key is there already. */
  submitJob(submission: Submission): Promise<JobReference>;
  /**
   * Waits until the job has ended. One that runs inside the worker needs no submit: it has no reference, and is begun here.
   * @throws JobFailed, JobStopped; what `submitJob` throws, of a job that is begun here
   */
  awaitJob(submission: Submission, reference: JobReference | null): Promise<JobResult>;
  /** Stops the job of a submission, with or without reference, and waits until the service says that it has ended. */
  stopJob(submission: Submission, reference: JobReference | null): Promise<StopResult>;
  /** Tells of a run: the target (an SNS topic's ARN or a URL), or the worker's own when it is null. */
  notify(notification: Notification, target: string | null): Promise<void>;
  /** Tells an OpenLineage server that the run began or ended. */
  tellLineage(event: LineageEvent): Promise<void>;
  /** Tells the `arrivals` workflow of the source that a run waits; starts it when it is not there. */
  subscribe(source: Source, subscription: Subscription): Promise<void>;
  /**
   * One page of the objects of a source that are as new as `since` (ISO 8601), in the order of their keys, and the key
   * after which the next page begins; null after the last. The run is told of retries for a step of its own.
   */
  listSource(source: Source, since: string, after: string | null, step?: string): Promise<ListedPage>;
  /** Of each run that has ended, the run id of the one that goes on with it after a reset; null when there is none. */
  findResets(runs: { workflowId: string; runId: string }[]): Promise<(string | null)[]>;
  /** Of each arrival, whether its version is still there. */
  areStored(arrivals: Arrival[]): Promise<boolean[]>;
  /** How long the server knows the ids of runs that have ended, in milliseconds. */
  readRetention(): Promise<number>;
  /**
   * Starts one run for each arrival, unless the server knows that one was started for this object version. A run takes
   * arrivals from `since` on, without which from the time of its own. What becomes of one arrival changes nothing for the
   * others.
   */
  startRuns(
    trigger: Pick<Trigger, 'pipeline' | 'input' | 'taskQueue'> & { since?: string },
    arrivals: Arrival[],
  ): Promise<StartOutcome[]>;
  /** Asks a pool for slots; starts it when it is not there. */
  askSlots(pool: string, ask: SlotsAsk): Promise<SlotsAnswer>;
  /** Of each run, the run id, or that of the run that goes on with it after a reset; null when it has ended. */
  findOpenRuns(runs: RunName[]): Promise<(string | null)[]>;
  /**
   * What an earlier run, and those that it went on with itself, have done that can be taken over: outputs are there still, jobs
   * are known to their services. @param first where the page begins; see `EarlierPage`
   */
  readEarlier(retryOf: RetryOf, first: number): Promise<EarlierPage>;
  /** The jobs that ended runs have left running. */
  findLeftJobs(input: ReapInput): Promise<LeftJobs>;
  /** From the time of the schedule before this one until this one; null when there is no schedule or no time before. */
  readInterval(scheduled: ScheduledTime): Promise<Interval | null>;
  /** Starts the run of a schedule for one of its times; the run id is null when there is one that has not failed. */
  startScheduled(scheduled: ScheduledTime): Promise<{ id: string; runId: string | null }>;
  /** Waits until a run has ended. */
  awaitRun(run: { id: string; runId: string }): Promise<'completed' | 'failed'>;
  /** What a manifest lists: the keys, and of them the objects that are there. @throws BadData */
  readManifest(manifest: Arrival, step?: string): Promise<Manifest>;
}

/** What became of an arrival that was to start a run. */
export type StartOutcome =
  /** A run was started, now or before; etag and time (ISO 8601) of the object version as S3's listings have them. */
  | { state: 'started'; etag: string | null; time: string }
  /** The version is no longer there: nothing is to be started. */
  | { state: 'gone' }
  /** `passing`: the reason may pass by itself. */
  | { state: 'failed'; code: ErrorCode; message: string; passing: boolean };

export interface ListedPage {
  arrivals: Arrival[];
  after: string | null;
}

export interface Manifest {
  objects: { bucket: string; key: string }[];
  present: Arrival[];
}
