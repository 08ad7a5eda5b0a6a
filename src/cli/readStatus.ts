import { setTimeout as sleep } from 'node:timers/promises';
import {
  QueryNotRegisteredError,
  WorkflowFailedError,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
} from '@temporalio/client';
import { ApplicationFailure, WorkflowNotFoundError } from '@temporalio/common';
import { ERROR_CODES, SluiceError, type ErrorCode } from '../errors';
import {
  statusQuery,
  type Failure,
  type RunMemo,
  type RunState,
  type RunStatus,
  type StepStatus,
} from '../contracts/messages';
import { costOf, sumMeasures, type Cost } from '../setup/prices';
import { explainProblems, findProblems, refreshRetry, type Problem } from '../services/runProblems';
import { readProgress } from './readProgress';
import type { JobProgress } from '../contracts/activities';
import { placesQuery, poolWorkflowId } from '../contracts/pools';
import { runUrl, type Session } from './session';

/** Takes what a status leaves out; `noWorker` is the task queue on which no worker answered. */
export type Report = (line: string, noWorker?: string) => void;

/** A step as people and scripts see it; a step that is a child run has that run's steps below it. */
export interface StepView extends StepStatus {
  steps?: StepView[];
  /** How far its job is, where the engine tells. */
  progress?: JobProgress;
}

/** What `status --json` prints. */
export interface RunView {
  id: string;
  runId: string;
  pipeline: string;
  state: RunState;
  startedAt: string;
  endedAt: string | null;
  url: string | null;
  waitingFor: string[];
  /** What keeps the run, or one of its child runs, from going on, beside its own steps. */
  problems: Problem[];
  failure: Failure | null;
  /** ISO 8601: when the run was expected to have ended, once it has taken longer. */
  late?: string;
  result: unknown;
  /** Each measure of the jobs, summed over the run and its child runs. */
  measures: Record<string, number>;
  /** The run that this one goes on with. */
  retryOf: { id: string; runId: string } | null;
  /** What the measures cost by SLUICE_PRICES; null without prices for them. */
  cost: Cost | null;
  steps: StepView[];
}

const QUERY_TIMEOUT_MS = 5_000;

const SERVER_STATES: Record<string, RunState> = {
  COMPLETED: 'completed',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
  TIMED_OUT: 'timed out',
};

export function isEnded(view: Pick<RunView, 'state'>): boolean {
  return view.state !== 'running';
}

/** Whether a run ended as it should, on the second way or the first. */
export function isSuccess(view: Pick<RunView, 'state'>): boolean {
  return view.state === 'completed' || view.state === 'completed with fallback';
}

/** All steps of a run and of its child runs, parents first. */
export function listSteps(steps: StepView[]): StepView[] {
  return steps.flatMap((step) => [step, ...listSteps(step.steps ?? [])]);
}

/**
 * The status of a run: what the server knows, and the steps that a worker answers. Without a worker the steps are
 * missing and `report` says so.
 * @throws SluiceError UnknownRun
 */
export async function readStatus(session: Session, id: string, report: Report): Promise<RunView> {
  const latest = session.client.workflow.getHandle(id);
  let { description, problems, answer } = await readBoth(session, latest, report);
  if (description.status.name === 'RUNNING' && answer && answer.state !== 'running') {
    // The run ended between the two calls, or is about to.
    await sleep(200);
    ({ description, problems, answer } = await readBoth(session, latest, report));
  }
  const state = stateOf(description, answer);
  const ended = state !== 'running';
  const { result, failure } = ended
    ? await readOutcome(session, description, state, answer)
    : { result: null, failure: null };
  const progress = await readProgress(session.client, description.raw);
  const read = await Promise.all(
    (answer?.steps ?? []).map((step) => {
      const refreshed = refreshRetry(settle(step, state), description.raw);
      const known = progress.get(step.name);
      const shown = known && step.state === 'running' ? { ...refreshed, progress: known } : refreshed;
      return readChild(session, description, shown, report);
    }),
  );
  const steps = read.map(({ step }) => step);
  const measures = sumMeasures([answer?.measures ?? {}, ...read.map((child) => child.measures)]);
  const waitingFor = listSteps(steps).flatMap((step) => step.waitingFor ?? []);
  return {
    id: description.workflowId,
    runId: description.runId,
    pipeline: pipelineOf(description),
    state,
    startedAt: description.startTime.toISOString(),
    endedAt: description.closeTime?.toISOString() ?? null,
    url: runUrl(session, description.workflowId, description.runId),
    waitingFor: ended ? [] : [...new Set([...(answer?.waitingFor ?? []), ...waitingFor])],
    problems: ended ? [] : [...problems, ...read.flatMap((child) => child.problems)],
    failure: failure ?? answer?.failure ?? null,
    ...(answer?.late === undefined ? {} : { late: answer.late }),
    result,
    measures,
    cost: costOf(measures, session.config.prices),
    retryOf: (description.memo as Partial<RunMemo> | undefined)?.retryOf ?? null,
    steps,
  };
}

/** How a run ended, without its steps: in a run of thousands of jobs, those take long. */
export async function readEnd(
  session: Session,
  description: WorkflowExecutionDescription,
): Promise<Pick<RunView, 'id' | 'runId' | 'state' | 'failure'>> {
  const { workflowId: id, runId } = description;
  const state = stateOf(description, null);
  if (state === 'running') return { id, runId, state, failure: null };
  const { failure } = await readOutcome(session, description, state, null);
  return { id, runId, state, failure };
}

export function pipelineOf({ memo, type }: { memo?: Record<string, unknown>; type: string }): string {
  return typeof memo?.['pipeline'] === 'string' ? memo['pipeline'] : type;
}

/** The server's word on how a run ended; only the run itself knows that it fell back. */
export function stateFromServer(status: string, said: unknown): RunState {
  const state = SERVER_STATES[status] ?? 'running';
  return state === 'completed' && said === 'completed with fallback' ? said : state;
}

function stateOf(description: WorkflowExecutionDescription, answer: RunStatus | null): RunState {
  const said = (description.searchAttributes as Record<string, unknown[] | undefined>)['SluiceState']?.[0];
  return stateFromServer(description.status.name, answer?.state ?? said);
}

async function readBoth(session: Session, latest: WorkflowHandle, report: Report) {
  const description = await describe(latest);
  const found = findProblems(description.raw, Date.now());
  const problems = await explainProblems(session.client, description, found);
  const isBroken = problems.some(({ code }) => code === 'BrokenPipeline');
  return { description, problems, answer: await askRun(session, description, { report, isBroken }) };
}

async function describe(handle: WorkflowHandle): Promise<WorkflowExecutionDescription> {
  try {
    return await handle.describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) {
      throw new SluiceError(
        'UnknownRun',
        `No run has the id ${handle.workflowId}. See the runs with: sluice list`,
        { cause: error },
      );
    }
    throw error;
  }
}

async function askRun(
  { client, config }: Session,
  { workflowId, runId, taskQueue }: WorkflowExecutionDescription,
  { report, isBroken }: { report: Report; isBroken: boolean },
): Promise<RunStatus | null> {
  const handle = client.workflow.getHandle(workflowId, runId);
  try {
    const status = await client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => handle.query(statusQuery));
    return { ...status, steps: await withPlaces(client, { workflowId, runId, taskQueue }, status.steps) };
  } catch (error) {
    if (isUnavailable(error)) throw error;
    const hidden = `The steps of ${workflowId} cannot be shown`;
    if (isBroken) report(`${hidden}: its code cannot go on with it`);
    else if (error instanceof QueryNotRegisteredError) report(`${hidden}: it is no run of a pipeline`);
    else {
      const cure =
        taskQueue === config.taskQueue ? 'start one with: sluice worker' : 'start the one that polls it';
      report(`${hidden}: no worker answered on the task queue ${taskQueue}; ${cure}`, taskQueue);
    }
    return null;
  }
}

/** Their places in line as they are now: the run knows the place at which it began to wait. */
async function withPlaces(
  client: Session['client'],
  { workflowId, runId, taskQueue }: { workflowId: string; runId: string; taskQueue: string },
  steps: StepStatus[],
): Promise<StepStatus[]> {
  const pools = [...new Set(steps.flatMap(({ pool }) => pool?.name ?? []))];
  const places = new Map<string, number>();
  for (const name of pools) {
    const pool = client.workflow.getHandle(poolWorkflowId(taskQueue, name));
    const found = await client
      .withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => pool.query(placesQuery, { workflowId, runId }))
      .catch(() => ({}));
    for (const [step, place] of Object.entries(found)) places.set(`${name} ${step}`, place);
  }
  return steps.map((step) => {
    if (!step.pool) return step;
    const place = places.get(`${step.pool.name} ${step.name}`) ?? step.pool.place;
    return { ...step, pool: { ...step.pool, place } };
  });
}

function isUnavailable(error: unknown): boolean {
  const GRPC_UNAVAILABLE = 14;
  return (error as { cause?: { code?: unknown } }).cause?.code === GRPC_UNAVAILABLE;
}

async function readOutcome(
  { client }: Session,
  { workflowId, runId }: WorkflowExecutionDescription,
  state: RunState,
  answer: RunStatus | null,
): Promise<{ result: unknown; failure: Failure | null }> {
  try {
    return { result: (await client.workflow.getHandle(workflowId, runId).result()) ?? null, failure: null };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const own = state === 'failed' || state === 'cancelled' ? answer?.failure : null;
    return { result: null, failure: own ?? toFailure(error, state) };
  }
}

function toFailure({ cause, message }: WorkflowFailedError, state: RunState): Failure {
  if (state === 'cancelled') return { code: 'Cancelled', message: 'The run was cancelled.', step: null };
  if (state === 'terminated') {
    const reason =
      cause?.message && cause.message !== 'Workflow execution terminated' ? `: ${cause.message}` : '';
    return {
      code: 'RunFailed',
      message: `The run was terminated${reason}. Its jobs were not stopped.`,
      step: null,
    };
  }
  const isOurs = cause instanceof ApplicationFailure && cause.type && Object.hasOwn(ERROR_CODES, cause.type);
  return {
    code: isOurs ? (cause.type as ErrorCode) : 'RunFailed',
    message: cause?.message ?? message,
    step: null,
  };
}

/** A run that the server ended could not end its steps: a job that was submitted may still run. */
function settle(step: StepStatus, state: RunState): StepStatus {
  if (state === 'running' || step.endedAt !== null) return step;
  const settled = step.state === 'pending' ? 'skipped' : step.job?.externalId ? 'leaked' : 'stopped';
  const ended: StepStatus = { ...step, state: settled, waitingFor: null };
  delete ended.retry;
  return ended;
}

async function readChild(
  session: Session,
  parent: WorkflowExecutionDescription,
  step: StepView,
  report: Report,
): Promise<{ step: StepView; problems: Problem[]; measures: Record<string, number> }> {
  const alone = { step, problems: [], measures: {} };
  if (step.run === null) return alone;
  try {
    const child = session.client.workflow.getHandle(step.run.id);
    // An earlier run of the same id had a child of the same id.
    if ((await child.describe()).parentExecution?.runId !== parent.runId) return alone;
    const { steps, problems, measures } = await readStatus(session, step.run.id, report);
    return { step: { ...step, steps }, problems, measures };
  } catch (error) {
    if (
      error instanceof WorkflowNotFoundError ||
      (error instanceof SluiceError && error.code === 'UnknownRun')
    )
      return alone;
    throw error;
  }
}
