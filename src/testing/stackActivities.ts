import type { Info } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { msToNumber } from '@temporalio/common/lib/time';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { delayBeforeNext } from '../activities/retries';
import type { Notification, Submission } from '../contracts/activities';
import { JOB_RETRY } from '../contracts/jobRetry';
import type { ScriptedJobs } from './scriptedJobs';
import type { StackClock } from './stackClock';
import type { TimeSkippingServer } from './timeSkippingServer';

const JOB_ACTIVITIES = ['submitJob', 'awaitJob', 'stopJob'];

/**
 * Stands before each activity of a stack's worker: it lets time pass for scripted jobs, keeps what would be told to the
 * outside, and gives the activity its times by the machine's clock, which is all that it can read.
 */
export class StackActivities {
  /** What the runs have told of their ends. */
  readonly notifications: Notification[] = [];
  /** How many activities are at work. */
  atWork = 0;
  /** When activities that were given back come again, in milliseconds since 1970. */
  private readonly comeAgainMs = new Map<string, number>();

  /** By workflow id: the last activity that was let end, or waits to, and those that were pending then. */
  private readonly lastTurns = new Map<string, { activityId: string; taken: Promise<string[]> }>();

  constructor(
    private readonly server: Pick<TimeSkippingServer, 'untilTaskDone' | 'pendingActivities'>,
    private readonly clock: StackClock,
    private readonly jobs: ScriptedJobs,
  ) {}

  /** Undefined for an activity that was not given back. */
  comesAgainAtMs(workflowId: string, activityId: string): number | undefined {
    return this.comeAgainMs.get(`${workflowId} ${activityId}`);
  }

  readonly interceptor: ActivityInterceptorsFactory = ({ info }) => ({
    inbound: {
      execute: async (input, next) => {
        const name = `${info.workflowExecution?.workflowId} ${info.activityId}`;
        this.atWork++;
        this.comeAgainMs.delete(name);
        try {
          await this.clock.refresh();
          if (info.activityType === 'notify') {
            this.notifications.push(input.args[0] as Notification);
            return;
          }
          this.passTime(info, input.args[0]);
          const result = await next(input);
          await this.waitForTurn(info);
          return result;
        } catch (error) {
          if (error instanceof ApplicationFailure && error.nonRetryable !== true)
            this.comeAgainMs.set(name, this.clock.now() + retryDelayMs(error, info));
          else await this.waitForTurn(info);
          throw error;
        } finally {
          this.atWork--;
        }
      },
    },
  });

  /**
   * The time-skipping server hangs for ten seconds when a run cancels an activity that has just ended. So of the activities
   * of one run, each ends when what the one before it led to is done.
   */
  private async waitForTurn({ workflowExecution, activityId, isLocal }: Info): Promise<void> {
    if (isLocal || workflowExecution === undefined) return;
    const { workflowId } = workflowExecution;
    const before = this.lastTurns.get(workflowId);
    const taken = (async () => {
      // What was not there yet when the one before it ended was scheduled by what that led to.
      const pending = await before?.taken;
      if (pending?.includes(activityId)) await this.server.untilTaskDone(workflowId, before!.activityId);
      return this.server.pendingActivities(workflowId);
    })();
    this.lastTurns.set(workflowId, { activityId, taken });
    await taken;
  }

  private passTime(info: Info, given: unknown): void {
    const { activityType, scheduledTimestampMs, scheduleToCloseTimeoutMs } = info;
    if (activityType === 'submitJob' || activityType === 'awaitJob')
      this.jobs.passTime(activityType, given as Submission, {
        scheduledAtMs: scheduledTimestampMs,
        scheduleToCloseTimeoutMs,
      });
    Object.assign(info, {
      // The time-skipping server keeps to the policy of an activity, and does not tell it.
      ...(JOB_ACTIVITIES.includes(activityType) ? { retryPolicy: JOB_RETRY } : {}),
      scheduledTimestampMs: this.clock.ofMachine(scheduledTimestampMs),
      currentAttemptScheduledTimestampMs: this.clock.ofMachine(info.currentAttemptScheduledTimestampMs),
    });
  }
}

/** How long the server waits before the next attempt. */
function retryDelayMs({ nextRetryDelay }: ApplicationFailure, { retryPolicy, attempt }: Info): number {
  if (nextRetryDelay != null) return msToNumber(nextRetryDelay);
  return delayBeforeNext(retryPolicy, attempt);
}
