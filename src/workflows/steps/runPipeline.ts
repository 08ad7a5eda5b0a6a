import {
  CancellationScope,
  isCancellation,
  log,
  proxyLocalActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities, Notification } from '../../contracts/activities';
import { SluiceError } from '../../errors';
import { parseInput, type OnFailure, type Pipeline } from '../../pipelines';
import { arrivedSignal, type Failure, type RunState } from '../../contracts/messages';
import { slotsSignal } from '../../contracts/pools';
import { activities } from './activities';
import { Clusters } from './clusters';
import { Deadlines, type Deadline, type LateWork } from './deadlines';
import { Ending } from './ending';
import { asApplicationFailure, isReportable, toFailure } from './failures';
import { Inbox } from './inbox';
import { Run } from './run';
import type { RunOptions, Shared } from './shared';
import { Slots } from './slots';
import { StatusBoard } from './status';

const { describeWorker } = proxyLocalActivities<Activities>({ startToCloseTimeout: '10 s' });

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
  const board = new StatusBoard(pipeline.name);
  const info = workflowInfo();
  const scheduled = info.searchAttributes['TemporalScheduledStartTime']?.[0];
  const since = options?.since ?? (scheduled instanceof Date ? scheduled : info.startTime).toISOString();
  const scope = new CancellationScope();
  const startedBy = options?.arrivals ?? [];
  const ending = new Ending(() => scope.cancel());
  let input: Input | undefined;
  let notifies = false;
  const tell = async (news: Pick<Notification, 'late' | 'endedAt'>) => {
    const target = (input as { notify?: string } | undefined)?.notify ?? null;
    if (target !== null || notifies) await notify(board, news, target);
  };
  const tellLate = (late: LateWork) => tell({ late, endedAt: null });
  const shared: Shared = {
    board,
    since,
    startedBy,
    given,
    inbox: new Inbox(startedBy),
    slots: new Slots(),
    clusters: new Clusters(board),
    ending,
    deadlines: new Deadlines(board, ending, tellLate),
  };
  const { inbox, slots, deadlines } = shared;
  setHandler(arrivedSignal, (arrivals) => inbox.receive(arrivals));
  setHandler(slotsSignal, (news) => slots.receive(news));
  const run = new Run(shared, null);
  const end = async (state: RunState, failure: Failure | null) => {
    await CancellationScope.nonCancellable(() => close(shared));
    board.end(state, failure);
    // A child's end is told by its parent's.
    if (info.parent === undefined) await tell({ endedAt: new Date().toISOString() });
  };
  try {
    input = parse(given);
    const worker = await describeWorker();
    notifies = worker.notifies;
    slots.useLimits(worker.limits ?? null);
    if (worker.searchAttributes) board.useSearchAttributes();
    const checked = input;
    const { expectedBy = deadline.expectedBy, within = deadline.within } = options ?? {};
    const kept = { ...(expectedBy && { expectedBy }), ...(within && { within }) };
    const result = await deadlines.keep(null, kept, () => scope.run(() => body(run, checked)));
    if (ending.failure) throw asApplicationFailure(ending.failure);
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

/** What the run leaves behind when it ends, in whatever way. */
async function close({ ending, clusters, slots }: Shared): Promise<void> {
  await ending.close();
  await clusters.endAll();
  await slots.close();
}

/** Tells how the run ended, or that it is late. A receiver that cannot be reached changes nothing about the run. */
async function notify(
  { status }: StatusBoard,
  news: Pick<Notification, 'late' | 'endedAt'>,
  target: string | null,
): Promise<void> {
  const { workflowId, runId, startTime } = workflowInfo();
  const { pipeline, state, failure, measures } = status;
  const notification: Notification = {
    pipeline,
    run: { id: workflowId, runId },
    state,
    failure,
    startedAt: startTime.toISOString(),
    ...news,
    measures,
  };
  try {
    await CancellationScope.nonCancellable(() =>
      activities.notify.executeWithOptions(
        {
          summary: `tell that the run is ${news.late ? 'late' : state}`,
          startToCloseTimeout: '30 s',
          scheduleToCloseTimeout: '5 minutes',
          retry: { initialInterval: '1 s', maximumInterval: '1 minute' },
        },
        [notification, target],
      ),
    );
  } catch (error) {
    if (!isReportable(error)) throw error;
    log.warn('nobody could be told of the run', { error: toFailure(error, null).message });
  }
}
