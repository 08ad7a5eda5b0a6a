import type { Client, ScheduleDescription } from '@temporalio/client';
import {
  ScheduleNotFoundError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
} from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time';
import type { temporal } from '@temporalio/proto';
import type { Activities } from '../contracts/activities';
import type { Interval, ScheduledTime } from '../contracts/schedules';
import { SluiceError } from '../errors';
import { previousTime, type CalendarTimes, type ScheduleTimes } from '../pipelines/scheduleTimes';
import { toActivityFailure } from '../services/failures';
import type { RunOptions } from '../workflows/steps';
import { beating } from './beating';

type Ranges = temporal.api.schedule.v1.IRange[] | null | undefined;

/** When a schedule starts runs, as the server keeps it. */
export function scheduleTimesOf({ raw }: ScheduleDescription): ScheduleTimes {
  const { structuredCalendar, interval, timezoneName } = raw.schedule?.spec ?? {};
  return {
    calendars: (structuredCalendar ?? []).map((calendar): CalendarTimes => ({
      second: rangesOf(calendar.second, [0, 0]),
      minute: rangesOf(calendar.minute, [0, 0]),
      hour: rangesOf(calendar.hour, [0, 0]),
      dayOfMonth: rangesOf(calendar.dayOfMonth, [1, 31]),
      month: rangesOf(calendar.month, [1, 12]),
      dayOfWeek: rangesOf(calendar.dayOfWeek, [0, 6]),
      year: (calendar.year ?? []).map(toRange),
    })),
    intervals: (interval ?? []).map(({ interval: every, phase }) => ({
      everyMs: tsToMs(every),
      offsetMs: phase ? tsToMs(phase) : 0,
    })),
    timeZone: timezoneName || 'UTC',
  };
}

/** What a calendar leaves out is as the server takes it. */
function rangesOf(ranges: Ranges, [start, end]: [number, number]) {
  return ranges?.length ? ranges.map(toRange) : [{ start, end, step: 1 }];
}

/** https://github.com/temporalio/api, temporal/api/schedule/v1/message.proto: an end below the start is the start, no step is 1. */
function toRange({ start, end, step }: temporal.api.schedule.v1.IRange) {
  const first = start ?? 0;
  return { start: first, end: Math.max(first, end ?? 0), step: step || 1 };
}

/** The id that the run of a schedule has for one of its times: the server's own. */
export function scheduledRunId(workflowId: string, at: string): string {
  return `${workflowId}-${at.slice(0, 19)}Z`;
}

export function createScheduleActivities({
  client,
}: {
  client: Client;
}): Pick<Activities, 'readInterval' | 'startScheduled' | 'awaitRun'> {
  return {
    async readInterval({ id, at }): Promise<Interval | null> {
      try {
        const description = await client.schedule.getHandle(id).describe();
        const before = previousTime(scheduleTimesOf(description), Date.parse(at));
        return before === null ? null : { from: new Date(before).toISOString(), to: at };
      } catch (error) {
        if (error instanceof ScheduleNotFoundError) return null;
        throw toActivityFailure(error);
      }
    },

    async startScheduled(scheduled) {
      try {
        return await startScheduled(client, scheduled);
      } catch (error) {
        if (error instanceof WorkflowExecutionAlreadyStartedError)
          return { id: error.workflowId, runId: null };
        if (error instanceof ScheduleNotFoundError)
          throw toActivityFailure(new SluiceError('InvalidInput', `No schedule has the id ${scheduled.id}`));
        throw toActivityFailure(error);
      }
    },

    awaitRun: ({ id, runId }) =>
      beating(async (signal) => {
        try {
          await client.withAbortSignal(signal, () => client.workflow.getHandle(id, runId).result());
          return 'completed';
        } catch (error) {
          if (error instanceof WorkflowFailedError) return 'failed';
          throw toActivityFailure(error);
        }
      }),
  };
}

/** Starts the run of a schedule for one of its times; one that goes on, or has ended well, is not started again. */
async function startScheduled(
  client: Client,
  scheduled: ScheduledTime,
): Promise<{ id: string; runId: string }> {
  const { action } = await client.schedule.getHandle(scheduled.id).describe();
  const { workflowType, workflowId, taskQueue, args = [], memo, staticSummary } = action;
  const [input, given] = args as [unknown, RunOptions | undefined];
  const options: RunOptions = { ...given, since: scheduled.at, schedule: scheduled };
  const handle = await client.workflow.start(workflowType, {
    taskQueue,
    workflowId: scheduledRunId(workflowId ?? scheduled.id, scheduled.at),
    args: [input, options],
    ...(memo === undefined ? {} : { memo }),
    ...(staticSummary === undefined ? {} : { staticSummary }),
    workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
    workflowIdConflictPolicy: 'FAIL',
  });
  return { id: handle.workflowId, runId: handle.firstExecutionRunId };
}
