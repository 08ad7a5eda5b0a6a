import {
  CancellationScope,
  getExternalWorkflowHandle,
  isCancellation,
  patched,
  proxyLocalActivities,
  setHandler,
  workflowInfo,
  type WorkflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../../contracts/activities';
import type { ScheduledTime } from '../../contracts/schedules';
import { SluiceError } from '../../errors';
import { parseInput, type InputOf, type OnFailure, type Pipeline } from '../../pipelines';
import {
  arrivedSignal,
  redoneSignal,
  resumeSignal,
  retryingSignal,
  type Failure,
  type RunState,
} from '../../contracts/messages';
import { checkSize } from './byteLength';
import { slotsSignal } from '../../contracts/pools';
import { Clusters } from './clusters';
import { Compensations } from './compensations';
import { Deadlines, type Deadline } from './deadlines';
import { EarlierRun } from './earlierRun';
import { Ending } from './ending';
import { asApplicationFailure, isReportable, toFailure } from './failures';
import { Inbox } from './inbox';
import { Line } from './line';
import { tellLineage } from './lineage';
import { Notices } from './notices';
import { ParkedSteps } from './parkedSteps';
import type { StandardFields } from './pipelineDefinition';
import { Run } from './run';
import type { RunOptions, Shared } from './shared';
import { Slots } from './slots';
import { StatusBoard } from './status';

const { describeWorker, readInterval } = proxyLocalActivities<Activities>({ startToCloseTimeout: '10 s' });

export interface RunPipeline<Input, Result> {
  pipeline: Pipeline;
  given: unknown;
  options: RunOptions | undefined;
  /** Checks the input; by default against the pipeline's fields. */
  parse?: (given: unknown) => Input;
  body: (run: Run, input: Input) => Promise<Result>;
  /** How long a run is expected to take and may take, unless its options say otherwise. */
  deadline?: Deadline;
  /** Gives the result of a run that falls back; without it the result is null. */
  fallback?: (run: Run, input: Input, failure: Failure) => Promise<Result>;
}

/**
 * Runs a pipeline's body: checks the input, keeps the status, and ends the run by `onFailure`.
 * @throws ApplicationFailure with the failed step's code and message
 */
export async function runPipeline<Input, Result>({
  pipeline,
  given,
  options,
  parse = (value) => parseInput<Input>(pipeline, value),
  body,
  deadline = {},
  fallback,
}: RunPipeline<Input, Result>): Promise<Result | null> {
  const board = new StatusBoard(pipeline.name, options?.retryOf);
  const info = workflowInfo();
  const scheduled = info.searchAttributes['TemporalScheduledStartTime']?.[0];
  const since = options?.since ?? (scheduled instanceof Date ? scheduled : info.startTime).toISOString();
  const scope = new CancellationScope();
  const startedBy = options?.arrivals ?? [];
  const ending = new Ending(() => scope.cancel());
  const notices = new Notices(board, ending);
  const shared: Shared = {
    board,
    since,
    interval: options?.interval ?? null,
    looksFirst: false,
    worksHere: [],
    isFailing: false,
    startedBy,
    given,
    inbox: new Inbox(startedBy),
    slots: new Slots(),
    clusters: new Clusters(board),
    ending,
    notices,
    parked: new ParkedSteps(board, notices),
    compensations: new Compensations(),
    deadlines: new Deadlines(board, ending, notices),
    earlier: new EarlierRun(options?.retryOf),
  };
  const { inbox, parked, compensations, slots, deadlines, earlier } = shared;
  notices.target = options?.notify ?? null;
  setHandler(retryingSignal, (report) => notices.noteRetry(report));
  setHandler(resumeSignal, (step) => parked.resume(step));
  setHandler(arrivedSignal, (arrivals) => inbox.receive(arrivals));
  setHandler(slotsSignal, (news) => slots.receive(news));
  setHandler(redoneSignal, (childId) => earlier.markRedone(childId));
  const line = new Line();
  const run = new Run(shared, null, line);
  let input: Input | undefined;
  let tellsLineage = false;
  const end = async (state: RunState, failure: Failure | null) => {
    if (!isClosed(shared)) await CancellationScope.nonCancellable(() => close(shared));
    board.end(state, failure);
    if (tellsLineage) await tellLineage(board, { failure, startedBy: options?.parent });
    // A child's end is told by its parent's.
    if (info.parent === undefined) await notices.tell('ended', failure);
  };
  try {
    input = parse(given);
    const { notify = notices.target, onExhausted, onFailure } = input as Partial<InputOf<StandardFields>>;
    notices.target = notify;
    parked.byDefault = onExhausted === 'park';
    compensations.areWanted = onFailure === 'undo';
    const worker = await describeWorker();
    notices.open(worker);
    slots.useLimits(worker.limits ?? null);
    shared.looksFirst = worker.looksFirst === true;
    shared.worksHere = worker.worksHere ?? [];
    if (worker.searchAttributes) board.useSearchAttributes();
    tellsLineage = worker.tellsLineage === true;
    if (tellsLineage) ending.beside(tellLineage(board, { failure: null, startedBy: options?.parent }));
    const scheduledTime = options?.schedule ?? scheduledTimeOf(info);
    // A run that a schedule started before there were intervals goes on without.
    if (shared.interval === null && scheduledTime !== null && patched('interval'))
      shared.interval = await readInterval(scheduledTime);
    const checked = input;
    const { expectedBy = deadline.expectedBy, within = deadline.within } = options ?? {};
    const kept = { ...(expectedBy && { expectedBy }), ...(within && { within }) };
    const result = await deadlines.keep(null, kept, () =>
      scope.run(async () => {
        if (options?.retryOf !== undefined) await earlier.read();
        return body(run, checked);
      }),
    );
    if (ending.failure) throw asApplicationFailure(ending.failure);
    checkSize(result, `The result of ${pipeline.name}`, null);
    if (info.parent !== undefined && earlier.hasRedone(line)) await tellRedone(info.parent);
    await end('completed', null);
    return result;
  } catch (caught) {
    if (!isReportable(caught)) throw caught;
    shared.isFailing = true;
    const error = ending.failure && isCancellation(caught) ? asApplicationFailure(ending.failure) : caught;
    const undone = await CancellationScope.nonCancellable(() => compensations.carryOut(run));
    if (isCancellation(error)) {
      const message = `The run was cancelled${undone}.`;
      await end('cancelled', { code: 'Cancelled', message, step: null });
      throw error;
    }
    const failure = toFailure(error, null);
    failure.message += undone;
    if (input !== undefined && (input as { onFailure?: OnFailure }).onFailure === 'fallback') {
      try {
        const result = fallback ? await fallback(run, input, failure) : null;
        checkSize(result, `The result of the fallback of ${pipeline.name}`, null);
        await end('completed with fallback', failure);
        return result;
      } catch (second) {
        if (!isReportable(second)) throw second;
        failure.message += `; the fallback failed, too: ${toFailure(second, null).message}`;
      }
    }
    await end('failed', failure);
    throw asApplicationFailure(failure, error instanceof SluiceError ? undefined : error);
  }
}

/** The time for which a schedule has started the run, or null. */
function scheduledTimeOf({ searchAttributes }: WorkflowInfo): ScheduledTime | null {
  const at = searchAttributes['TemporalScheduledStartTime']?.[0];
  const id = searchAttributes['TemporalScheduledById']?.[0];
  return at instanceof Date && typeof id === 'string' ? { id, at: at.toISOString() } : null;
}

/** Tells the run that started this one, before it hears of its end, that work was done anew. */
async function tellRedone({ workflowId, runId }: { workflowId: string; runId: string }): Promise<void> {
  const parent = getExternalWorkflowHandle(workflowId, runId);
  await parent.signal(redoneSignal, workflowInfo().workflowId);
}

/** Whether nothing is left to do, as for most runs. */
function isClosed({ ending, clusters, slots }: Shared): boolean {
  return ending.isClosed && clusters.areEnded && slots.areClosed;
}

/** What the run leaves behind when it ends, in whatever way. */
async function close({ ending, clusters, slots }: Shared): Promise<void> {
  await ending.close();
  await clusters.endAll();
  await slots.close();
}
