import { cancelled, Context, heartbeat } from '@temporalio/activity';
import type { Progress } from '../runners/runner';

/**
 * Heartbeats about every third of the heartbeat time-out while the work goes on, however long one call takes. Each
 * heartbeat carries what the work has kept last.
 */
export async function beating<T>(work: (signal: AbortSignal, progress: Progress) => Promise<T>): Promise<T> {
  const { cancellationSignal, info } = Context.current();
  let kept: unknown = info.heartbeatDetails;
  const progress: Progress = {
    get resumed() {
      return kept;
    },
    keep(value) {
      kept = value;
      heartbeat(kept);
    },
  };
  const timer = setInterval(() => heartbeat(kept), (info.heartbeatTimeoutMs ?? 60_000) / 3);
  heartbeat(kept);
  try {
    return await work(cancellationSignal, progress);
  } catch (error) {
    // What an aborted call throws says nothing; the activity's own cancellation does.
    if (cancellationSignal.aborted) await cancelled();
    throw error;
  } finally {
    clearInterval(timer);
  }
}
