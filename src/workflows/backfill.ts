import type { BackfilledTime, BackfillInput } from '../contracts/schedules';
import { activities, HEARTBEAT_TIMEOUT } from './steps/activities';

/** The longest that a run may take. */
const MAX_RUN = '3650 days';
const RETRY = { initialInterval: '1 s', maximumInterval: '1 minute' } as const;

/** Starts the runs of times that have passed, oldest first, and waits for each; a run that fails holds up no other. */
export async function backfill({ schedule, times, concurrency }: BackfillInput): Promise<BackfilledTime[]> {
  const waiting = [...times.entries()];
  const done: BackfilledTime[] = [];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      done[next[0]] = await runFor(schedule, next[1]);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, times.length) }, work));
  return done;
}

async function runFor(schedule: string, at: string): Promise<BackfilledTime> {
  const { id, runId } = await activities.startScheduled.executeWithOptions(
    { summary: `start the run of ${at}`, startToCloseTimeout: '1 minute', retry: RETRY },
    [{ id: schedule, at }],
  );
  if (runId === null) return { at, run: id, state: 'there already' };
  const state = await activities.awaitRun.executeWithOptions(
    {
      summary: `await ${id}`,
      startToCloseTimeout: MAX_RUN,
      heartbeatTimeout: HEARTBEAT_TIMEOUT,
      retry: RETRY,
    },
    [{ id, runId }],
  );
  return { at, run: id, state };
}
