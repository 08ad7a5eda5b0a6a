import { CancellationScope, sleep } from '@temporalio/workflow';
import type { Run } from 'sluice/workflow';

/** What the pipelines need of Temporal itself. */

/**
 * Does `act`, and `undo` in any case after it: when it fails, and when the run is cancelled meanwhile. What `undo` undoes may
 * not be done yet, so it is idempotent. An undo that fails is what the run fails of: something is left that somebody has to
 * set right. `run.undo` is for runs that are told to undo what they did; this goes back after every run, one that ends well too.
 */
export async function withUndo<T>(act: () => Promise<T>, undo: () => Promise<unknown>): Promise<T> {
  try {
    return await act();
  } finally {
    await CancellationScope.nonCancellable(undo);
  }
}

/** Lets time pass, as a step of its own. It holds nothing of a worker meanwhile. */
export function pause(run: Run, name: string, duration: string): Promise<void> {
  return run.group(name, () => sleep(duration, { summary: name }));
}
