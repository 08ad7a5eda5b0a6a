import {
  CancellationScope,
  isCancellation,
  proxyLocalActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../../contracts/activities';
import { SluiceError } from '../../errors';
import { parseInput, type InputOf, type OnFailure, type Pipeline } from '../../pipelines';
import {
  arrivedSignal,
  resumeSignal,
  retryingSignal,
  type Failure,
  type RunState,
} from '../../contracts/messages';
import { checkSize } from './byteLength';
import { Clusters } from './clusters';
import { Compensations } from './compensations';
import { Ending } from './ending';
import { asApplicationFailure, isReportable, toFailure } from './failures';
import { Inbox } from './inbox';
import { tellLineage } from './lineage';
import { Notices } from './notices';
import { ParkedSteps } from './parkedSteps';
import type { StandardFields } from './pipelineDefinition';
import { Run } from './run';
import type { RunOptions, Shared } from './shared';
import { StatusBoard } from './status';

const { describeWorker } = proxyLocalActivities<Activities>({ startToCloseTimeout: '10 s' });

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
  const board = new StatusBoard(pipeline.name);
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
    startedBy,
    given,
    inbox: new Inbox(startedBy),
    clusters: new Clusters(board),
    ending,
    notices,
    parked: new ParkedSteps(board, notices),
    compensations: new Compensations(),
  };
  const { inbox, parked, compensations } = shared;
  notices.target = options?.notify ?? null;
  setHandler(retryingSignal, (report) => notices.noteRetry(report));
  setHandler(resumeSignal, (step) => parked.resume(step));
  setHandler(arrivedSignal, (arrivals) => inbox.receive(arrivals));
  const run = new Run(shared, null);
  let input: Input | undefined;
  let tellsLineage = false;
  const end = async (state: RunState, failure: Failure | null) => {
    await CancellationScope.nonCancellable(() => close(shared));
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
    if (worker.searchAttributes) board.useSearchAttributes();
    tellsLineage = worker.tellsLineage === true;
    if (tellsLineage) ending.beside(tellLineage(board, { failure: null, startedBy: options?.parent }));
    const checked = input;
    const result = await scope.run(() => body(run, checked));
    if (ending.failure) throw asApplicationFailure(ending.failure);
    checkSize(result, `The result of ${pipeline.name}`, null);
    await end('completed', null);
    return result;
  } catch (caught) {
    if (!isReportable(caught)) throw caught;
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

/** What the run leaves behind when it ends, in whatever way. */
async function close({ ending, clusters }: Shared): Promise<void> {
  await ending.close();
  await clusters.endAll();
}
