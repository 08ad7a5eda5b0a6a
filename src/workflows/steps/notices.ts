import { CancellationScope, log, workflowInfo } from '@temporalio/workflow';
import type { Notification, WorkerDescription } from '../../contracts/activities';
import type { Failure, RetryReport } from '../../contracts/messages';
import { activities } from './activities';
import type { Ending } from './ending';
import { isReportable, toFailure } from './failures';
import type { StatusBoard } from './status';

/** What the place that a run names, or the worker's own, is told of the run. */
export class Notices {
  /** Where the run's own input says that it is told; child runs tell what happens in them to the same place. */
  target: string | null = null;
  private isTold = false;
  private stuckAfterMs = Infinity;
  /** Steps that were told to be retried for long. */
  private readonly stuck = new Set<string>();

  constructor(
    private readonly board: StatusBoard,
    private readonly ending: Ending,
  ) {}

  /** Before it, nobody is told anything but what the run's own target is for. */
  open({ notifies, stuckAfterMs = Infinity }: WorkerDescription): void {
    this.isTold = notifies;
    this.stuckAfterMs = stuckAfterMs;
  }

  /** Takes note of a step that is retried, and tells of it when that goes on for long. */
  noteRetry(report: RetryReport): void {
    const { step, retry } = report;
    if (!this.board.noteRetry(report) || retry === null) return;
    if (retry.failingForMs + retry.nextInMs < this.stuckAfterMs) return;
    // One word for all that are retried for one reason, and none for each of a thousand.
    const retried = this.board.status.steps.filter(({ state }) => state === 'retrying');
    if (!retried.some(({ name }) => this.stuck.has(name)))
      this.tellBeside('retrying', { ...retry.failure, step });
    this.stuck.add(step);
  }

  /** Tells beside what the run does; it ends no earlier. */
  tellBeside(event: Notification['event'], failure: Failure): void {
    this.ending.beside(this.tell(event, failure));
  }

  /** A receiver that cannot be reached changes nothing about the run. */
  async tell(event: Notification['event'], failure: Failure | null): Promise<void> {
    const { target, isTold, board } = this;
    if (target === null && !isTold) return;
    const { workflowId, runId, startTime } = workflowInfo();
    const { pipeline, state, measures } = board.status;
    const notification: Notification = {
      event,
      pipeline,
      run: { id: workflowId, runId },
      state,
      failure,
      startedAt: startTime.toISOString(),
      endedAt: event === 'ended' ? new Date().toISOString() : null,
      measures: { ...measures },
    };
    try {
      await CancellationScope.nonCancellable(() =>
        activities.notify.executeWithOptions(
          {
            summary:
              event === 'ended' ? `tell that the run is ${state}` : `tell that ${failure?.step} is ${event}`,
            startToCloseTimeout: '30 s',
            scheduleToCloseTimeout: '5 minutes',
            retry: { initialInterval: '1 s', maximumInterval: '1 minute' },
          },
          [notification, target],
        ),
      );
    } catch (error) {
      if (!isReportable(error)) throw error;
      log.warn('nobody could be told of the run', { event, error: toFailure(error, null).message });
    }
  }
}
