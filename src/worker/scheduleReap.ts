import { ScheduleAlreadyRunning, type Client, type ScheduleOptions } from '@temporalio/client';
import type { ReapInput } from '../contracts/reap';
import { REAP_WORKFLOW } from '../contracts/reap';
import type { Config } from '../setup/config';

/** Runs that ended so long ago have been looked at often enough. */
const WITHIN_MS = 7 * 86_400_000;

/**
 * Makes the schedule by which what ended runs have left running is stopped, or gives the one that is there its interval. There
 * is one for each task queue; without `SLUICE_REAP_EVERY` nothing is changed.
 */
export async function scheduleReap(
  client: Client,
  { taskQueue, reapEveryMs }: Pick<Config, 'taskQueue' | 'reapEveryMs'>,
): Promise<void> {
  if (reapEveryMs === null) return;
  const input: ReapInput = { withinMs: WITHIN_MS + reapEveryMs, graceMs: reapEveryMs, dryRun: false };
  const id = `sluice-reap-${taskQueue}`;
  const options: ScheduleOptions = {
    scheduleId: id,
    spec: { intervals: [{ every: reapEveryMs }] },
    action: {
      type: 'startWorkflow',
      workflowType: REAP_WORKFLOW,
      workflowId: id,
      taskQueue,
      args: [input],
      staticSummary: 'stops what ended runs have left running',
    },
    policies: { overlap: 'SKIP', catchupWindow: '1 minute' },
  };
  try {
    await client.schedule.create(options);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const { spec, action } = options;
    await client.schedule.getHandle(id).update((before) => ({ ...before, spec, action }));
  }
}
