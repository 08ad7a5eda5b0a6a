import {
  CancellationScope,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  patched,
  proxyLocalActivities,
  setHandler,
  workflowInfo,
  type WorkflowInfo,
} from '@temporalio/workflow';
import type { Activities, Notification } from '../../contracts/activities';
import type { ScheduledTime } from '../../contracts/schedules';
import { SluiceError } from '../../errors';
import { parseInput, type OnFailure, type Pipeline } from '../../pipelines';
import { arrivedSignal, redoneSignal, type Failure, type RunState } from '../../contracts/messages';
import { activities } from './activities';
import { Clusters } from './clusters';
import { EarlierRun } from './earlierRun';
import { Ending } from './ending';
import { asApplicationFailure, isReportable, toFailure } from './failures';
import { Inbox } from './inbox';
import { Line } from './line';
import { Run } from './run';
import type { RunOptions, Shared } from './shared';
import { StatusBoard } from './status';

const { describeWorker, readInterval } = proxyLocalActivities<Activities>({ startToCloseTimeout: '10 s' });

export interface RunPipeline<Input, Result> {
  pipeline: Pipeline;
  given: unknown;
  options: RunOptions | undefined;
  /** Checks the input; by default against the pipeline's fields. */
  parse?: (given: unknown) => Input;
  body: (run: Run, input: Input) => Promise<Result>;
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
  fallback,
}: RunPipeline<Input, Result>): Promise<Result | null> {
  const board = new StatusBoard(pipeline.name, options?.retryOf);
  const info = workflowInfo();
  const scheduled = info.searchAttributes['TemporalScheduledStartTime']?.[0];
  const since = options?.since ?? (scheduled instanceof Date ? scheduled : info.startTime).toISOString();
  const scope = new CancellationScope();
  const startedBy = options?.arrivals ?? [];
  const shared: Shared = {
    board,
    since,
    interval: options?.interval ?? null,
    startedBy,
    given,
    inbox: new Inbox(startedBy),
    clusters: new Clusters(board),
    ending: new Ending(() => scope.cancel()),
    earlier: new EarlierRun(options?.retryOf),
  };
  const { ending, inbox, earlier } = shared;
  setHandler(arrivedSignal, (arrivals) => inbox.receive(arrivals));
  setHandler(redoneSignal, (childId) => earlier.markRedone(childId));
  const line = new Line();
  const run = new Run(shared, null, line);
  let input: Input | undefined;
  let notifies = false;
  const end = async (state: RunState, failure: Failure | null) => {
    await CancellationScope.nonCancellable(() => close(shared));
    board.end(state, failure);
    const target = (input as { notify?: string } | undefined)?.notify ?? null;
    // A child's end is told by its parent's.
    if (info.parent === undefined && (target !== null || notifies)) await notifyEnd(board, target);
  };
  try {
    input = parse(given);
    const worker = await describeWorker();
    notifies = worker.notifies;
    if (worker.searchAttributes) board.useSearchAttributes();
    const scheduledTime = options?.schedule ?? scheduledTimeOf(info);
    // A run that a schedule started before there were intervals goes on without.
    if (shared.interval === null && scheduledTime !== null && patched('interval'))
      shared.interval = await readInterval(scheduledTime);
    const checked = input;
    const result = await scope.run(async () => {
      if (options?.retryOf !== undefined) await earlier.read();
      return body(run, checked);
    });
    if (ending.failure) throw asApplicationFailure(ending.failure);
    if (info.parent !== undefined && earlier.hasRedone(line)) await tellRedone(info.parent);
    await end('completed', null);
    return result;
  } catch (caught) {
    if (!isReportable(caught)) throw caught;
    const error = ending.failure && isCancellation(caught) ? asApplicationFailure(ending.failure) : caught;
    if (isCancellation(error)) {
      await end('cancelled', { code: 'Cancelled', message: 'The run was cancelled.', step: null });
      throw error;
    }
    const failure = toFailure(error, null);
    if (input !== undefined && (input as { onFailure?: OnFailure }).onFailure === 'fallback') {
      try {
        const result = fallback ? await fallback(run, input, failure) : null;
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

/** What the run leaves behind when it ends, in whatever way. */
async function close({ ending, clusters }: Shared): Promise<void> {
  await ending.close();
  await clusters.endAll();
}

/** Tells how the run ended. A receiver that cannot be reached changes nothing about the run. */
async function notifyEnd({ status }: StatusBoard, target: string | null): Promise<void> {
  const { workflowId, runId, startTime } = workflowInfo();
  const { pipeline, state, failure, measures } = status;
  const notification: Notification = {
    pipeline,
    run: { id: workflowId, runId },
    state,
    failure,
    startedAt: startTime.toISOString(),
    endedAt: new Date().toISOString(),
    measures,
  };
  try {
    await CancellationScope.nonCancellable(() =>
      activities.notify.executeWithOptions(
        {
          summary: `tell that the run is ${state}`,
          startToCloseTimeout: '30 s',
          scheduleToCloseTimeout: '5 minutes',
          retry: { initialInterval: '1 s', maximumInterval: '1 minute' },
        },
        [notification, target],
      ),
    );
  } catch (error) {
    if (!isReportable(error)) throw error;
    log.warn('nobody could be told how the run ended', { error: toFailure(error, null).message });
  }
}
