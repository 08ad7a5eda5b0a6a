import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { ErrorCode } from '../errors';
import type { Resource } from '../jobs';
import type { Arrival } from '../pipelines';
import { arrivalsWorkflowId, type Source } from '../pipelines/location';

export type RunState =
  | 'running'
  | 'completed'
  | 'completed with fallback'
  | 'failed'
  | 'cancelled'
  | 'terminated'
  | 'timed out';

export type StepState =
  | 'pending'
  | 'waiting'
  | 'waiting for capacity'
  | 'running'
  | 'retrying'
  | 'parked'
  | 'succeeded'
  | 'failed'
  | 'stopped'
  | 'leaked'
  | 'skipped';

export interface Failure {
  code: ErrorCode;
  message: string;
  /** The step that failed, or null for a failure outside every step. */
  step: string | null;
}

/** What is tried again: to submit a job, to see how it stands, to stop it, or to see what a wait's source holds. */
export type Retried = 'submit' | 'await' | 'stop' | 'list';

/** How a step is being retried, as its run was told last: soon after it began, and then ever less often. */
export interface Retry {
  doing: Retried;
  /** The attempt that has failed last, counted from 1. */
  attempt: number;
  failure: Pick<Failure, 'code' | 'message'>;
  /** ISO 8601: since when it fails. */
  since: string;
  /** ISO 8601: when the next attempt comes. */
  nextAt: string;
  /** Its activity in the run's history; null for what the `arrivals` workflow does for the run. */
  activityId: string | null;
}

export interface StepStatus {
  name: string;
  kind: 'wait' | 'job' | 'group';
  /** The group that holds the step. */
  parent: string | null;
  state: StepState;
  attempts: number;
  startedAt: string | null;
  endedAt: string | null;
  /** What a waiting step waits for. */
  waitingFor: string | null;
  job: { resource: Resource; externalId: string | null; url: string | null } | null;
  /** The objects that a wait took. */
  objects:
    | {
        uri: string;
        versionId: string | null;
        etag: string | null;
        size: number | null;
        late?: boolean;
        empty?: boolean;
      }[]
    | null;
  /** What became of the rows of a job that had bad ones. */
  rows?: StepRows;
  /** The rules of a check, each with what was found. */
  checks?: StepCheck[];
  /** The pool whose slot the step waits for, and its place in line from 1 on, when that is known; `limits` of the project. */
  pool?: { name: string; place: number | null };
  /** ISO 8601: when the step was expected to have ended, once it has taken longer. */
  late?: string;
  /** The child run of a group that is one. */
  run: { id: string } | null;
  /** The run whose result the step has taken over, or whose job it awaits. */
  takenFrom?: { id: string; job: 'reused' | 'adopted' };
  failure: Failure | null;
  /** How many steps of the group have failed, where some may. */
  tolerated?: number;
  /** While the step is `retrying`. */
  retry?: Retry;
}

/** Rows that a job read, rejected and wrote, and values that it could not read; `docs/data.md`. */
export interface StepRows {
  read: number;
  rejected: number;
  unread: number;
  written: number;
}

/** A rule of `run.check`. */
export interface StepCheck {
  /** As in `date is not null`. */
  rule: string;
  holds: boolean;
  /** As in `4 nulls`. */
  found: string;
}

/** What the query `status` answers; the command line adds id, run id, times and link from the server. */
export interface RunStatus {
  pipeline: string;
  state: RunState;
  waitingFor: string[];
  failure: Failure | null;
  /** ISO 8601: when the run was expected to have ended, once it has taken longer. */
  late?: string;
  /** Each measure of the jobs, summed over the run. */
  measures: Record<string, number>;
  steps: StepStatus[];
  /** The run that this one goes on with. */
  retryOf?: { id: string; runId: string };
}

export const statusQuery = defineQuery<RunStatus>('status');

/** Arrivals for a run: each waiting step takes those that fit its pattern. */
export const arrivedSignal = defineSignal<[Arrival[]]>('arrived');

/** From a child run to the run that started it, both of them retries: the child did some of its work anew. */
export const redoneSignal = defineSignal<[childId: string]>('redone');

/** What a run is told of a step that is retried. Times are durations, since clocks differ. */
export interface RetryReport {
  step: string;
  /** Null when the last attempt went well. */
  retry: (Omit<Retry, 'since' | 'nextAt'> & { failingForMs: number; nextInMs: number }) | null;
}

/** To a run: one of its steps is being retried, or no longer. */
export const retryingSignal = defineSignal<[RetryReport]>('retrying');

/** To a run: the parked step of this name goes on, or with null every one. */
export const resumeSignal = defineSignal<[string | null]>('resume');

/** An object as the webhook saw it. */
export interface SeenArrival extends Arrival {
  /** The run ids of runs that the webhook has told of it. */
  told?: string[];
}

/** To an `arrivals` workflow: objects seen by the webhook. */
export const arrivalsSeenSignal = defineSignal<[SeenArrival[]]>('arrivalsSeen');

export interface Subscription {
  workflowId: string;
  runId: string;
  pattern: string;
  /** ISO 8601: arrivals from this time on. */
  since: string;
  /** ISO 8601: when the run has stopped waiting for certain, even if it was terminated and unsubscribes from nothing. */
  until?: string;
  /** The wait within the run: two may be for one pattern. */
  step: string;
  /** One object is all that is waited for: the subscription ends with the first signal that brings one with content. */
  once?: true;
}

export const subscribeSignal = defineSignal<[Subscription]>('subscribe');
export const unsubscribeSignal = defineSignal<[Subscription]>('unsubscribe');

/** Each object version that fits the pattern starts a run. */
export interface Trigger {
  pipeline: string;
  input: Record<string, unknown>;
  pattern: string;
  /** ISO 8601: arrivals from this time on. */
  since: string;
  /** Where the workers of the pipeline are; without it, where the `arrivals` workflow runs. */
  taskQueue?: string;
  /** Objects without content start runs, too; without it, what takes their place does. */
  empty?: 'take';
}

/** A second trigger of the same pipeline and pattern takes the place of the first. */
export const addTriggerSignal = defineSignal<[Trigger]>('addTrigger');
export const removeTriggerSignal = defineSignal<[Pick<Trigger, 'pipeline' | 'pattern'>]>('removeTrigger');
/** An object that could not start its run. */
export interface SetAsideObject {
  uri: string;
  /** The code and message of the last failure. */
  code: ErrorCode;
  message: string;
  attempts: number;
  /** ISO 8601: when it is tried again. */
  nextAt: string;
}

export interface TriggerStatus extends Trigger {
  /** What could not start a run so far; the others go on. */
  setAside: SetAsideObject[];
}

export const triggersQuery = defineQuery<TriggerStatus[]>('triggers');

/** What an `arrivals` workflow is started with. */
export interface ArrivalsInput {
  source: Source;
  /** Listing interval in milliseconds. */
  listEveryMs: number;
}

/** How to start the `arrivals` workflow of a source, for everything that signals it with start. */
export function arrivalsWorkflowOptions(source: Source, deps: { taskQueue: string; listEveryMs: number }) {
  return {
    workflowId: arrivalsWorkflowId(source),
    taskQueue: deps.taskQueue,
    args: [{ source, listEveryMs: deps.listEveryMs }] as [ArrivalsInput],
  };
}

/** The memo of every run, read by the command line when no worker can answer the query. */
export interface RunMemo {
  pipeline: string;
  /** The run that this one goes on with. */
  retryOf?: { id: string; runId: string };
  /** The first run of a chain of retries. */
  root?: { id: string; runId: string };
}
