import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time';
import { temporal } from '@temporalio/proto';
import type { ErrorCode } from '../errors';
import type { StepStatus } from '../contracts/messages';
import { redactSecrets } from '../setup/redactSecrets';

/** What keeps a run from going on, of which the run itself cannot know. */
export interface Problem {
  code: Extract<ErrorCode, 'NoWorker' | 'BrokenPipeline'>;
  message: string;
  /** ISO 8601. */
  since: string;
}

type RawDescription = WorkflowExecutionDescription['raw'];
const { PendingActivityState, PendingWorkflowTaskState, EventType } = temporal.api.enums.v1;

/** Work that no worker has taken up for so long says that there is none, or none that is free. */
const UNTAKEN_MS = 5 * 60_000;
/** A task of a run may fail once when its worker dies, and again when the next one does. */
const FAILED_TASKS = 3;
const READ_EVENTS = 20;

/**
 * What the server knows of a run that does not go on.
 * @param now milliseconds since 1970
 */
export function findProblems(raw: RawDescription, now: number): Problem[] {
  const { pendingWorkflowTask: task, pendingActivities } = raw;
  const queue = raw.workflowExecutionInfo?.taskQueue ?? '';
  const untaken: { what: string; sinceMs: number }[] = [];
  if (task?.state === PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED && task.scheduledTime)
    untaken.push({ what: 'the run', sinceMs: tsToMs(task.scheduledTime) });
  for (const { state, activityType, scheduledTime } of pendingActivities ?? [])
    if (state === PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED && scheduledTime)
      untaken.push({ what: activityType?.name ?? 'an activity', sinceMs: tsToMs(scheduledTime) });
  const problems: Problem[] = [];
  const longest = untaken
    .filter(({ sinceMs }) => now - sinceMs >= UNTAKEN_MS)
    .sort((a, b) => a.sinceMs - b.sinceMs)[0];
  if (longest !== undefined) {
    const since = new Date(longest.sinceMs);
    const minutes = Math.floor((now - longest.sinceMs) / 60_000);
    problems.push({
      code: 'NoWorker',
      message: `No worker has taken up ${longest.what} for ${minutes} min, since ${since.toLocaleString('sv-SE')}, on the task queue ${queue}; start one with: sluice worker`,
      since: since.toISOString(),
    });
  }
  if (task && (task.attempt ?? 0) >= FAILED_TASKS) {
    problems.push({
      code: 'BrokenPipeline',
      message: `The code of the pipeline cannot go on with the run: its task has failed ${task.attempt! - 1} times in a row`,
      since: new Date(task.originalScheduledTime ? tsToMs(task.originalScheduledTime) : now).toISOString(),
    });
  }
  return problems;
}

/** Adds to a `BrokenPipeline` what the code said, and when for the first time: only the history has that. */
export async function explainProblems(
  client: Client,
  { workflowId, runId }: Pick<WorkflowExecutionDescription, 'workflowId' | 'runId'>,
  problems: Problem[],
): Promise<Problem[]> {
  if (problems.every(({ code }) => code !== 'BrokenPipeline')) return problems;
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: READ_EVENTS,
  });
  // The server keeps the first failure in a row, and no other.
  const failed = history?.events?.find(
    ({ eventType }) => eventType === EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
  );
  const said = failed?.workflowTaskFailedEventAttributes?.failure?.message;
  const cure = 'put the code back that the run began with, or mend it; or cancel the run and start anew';
  return problems.map((problem) =>
    problem.code === 'BrokenPipeline'
      ? {
          ...problem,
          message: `${problem.message}${said ? `: ${redactSecrets(said)}` : ''}; ${cure}`,
          since: failed?.eventTime ? new Date(tsToMs(failed.eventTime)).toISOString() : problem.since,
        }
      : problem,
  );
}

/** A step that is retried, with the attempt and the time of the next as the server knows them by now. */
export function refreshRetry(step: StepStatus, { pendingActivities }: RawDescription): StepStatus {
  const { retry } = step;
  if (retry === undefined || retry.doing === 'await') return step;
  const activity = pendingActivities?.find(({ activityId }) => activityId === retry.activityId);
  const nextAt = activity?.nextAttemptScheduleTime ?? activity?.scheduledTime;
  // The server counts the attempt that is to come.
  const attempt = (activity?.attempt ?? 1) - 1;
  if (!nextAt || attempt < retry.attempt) return step;
  return { ...step, retry: { ...retry, attempt, nextAt: new Date(tsToMs(nextAt)).toISOString() } };
}
