import { CancellationScope, log, workflowInfo } from '@temporalio/workflow';
import type { LineageEvent } from '../../contracts/activities';
import type { Failure, RunState } from '../../contracts/messages';
import { activities } from './activities';
import { isReportable, toFailure } from './failures';
import type { StatusBoard } from './status';

const TYPES: Partial<Record<RunState, LineageEvent['type']>> = {
  running: 'START',
  completed: 'COMPLETE',
  'completed with fallback': 'COMPLETE',
  cancelled: 'ABORT',
};

/**
 * Tells that the run began or ended: the objects that its waits took are what it read, the outputs of its jobs what it wrote. A
 * receiver that cannot be reached changes nothing about the run.
 * @param startedBy the pipeline of the parent
 */
export async function tellLineage(
  { status, outputs }: StatusBoard,
  { failure, startedBy }: { failure: Failure | null; startedBy: string | undefined },
): Promise<void> {
  const { runId, parent } = workflowInfo();
  const { pipeline, state, steps } = status;
  const event: LineageEvent = {
    type: TYPES[state] ?? 'FAIL',
    at: new Date().toISOString(),
    job: pipeline,
    runId,
    parent: parent && startedBy !== undefined ? { job: startedBy, runId: parent.runId } : null,
    inputs: steps.flatMap(({ objects }) => objects?.map(({ uri }) => uri) ?? []),
    outputs: [...outputs],
    failure,
  };
  try {
    await CancellationScope.nonCancellable(() =>
      activities.tellLineage.executeWithOptions(
        {
          summary: `tell OpenLineage that the run is ${state}`,
          startToCloseTimeout: '30 s',
          scheduleToCloseTimeout: '1 minute',
          retry: { initialInterval: '1 s', maximumInterval: '10 s' },
        },
        [event],
      ),
    );
  } catch (error) {
    if (!isReportable(error)) throw error;
    log.warn('OpenLineage could not be told of the run', { error: toFailure(error, null).message });
  }
}
