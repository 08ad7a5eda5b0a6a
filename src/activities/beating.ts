import { cancelled, Context, heartbeat } from '@temporalio/activity';
import { SluiceError } from '../errors';

/** What an activity that beats can do with its heartbeats. */
export interface Beats {
  /** What was kept last, by this attempt or the one before it. Plain JSON. */
  readonly resumed: unknown;
  keep(value: unknown): void;
  /**
   * To be called before what must not be done twice: a process that stood still for so long that the server may have given
   * the attempt to another worker must not go on with it.
   * @throws SluiceError Transient
   */
  checkAlive(): void;
}

/** A heartbeat may come so much too late before the server takes the worker for dead. */
const MARGIN_MS = 20_000;

/**
 * Heartbeats while the work goes on, however long one call takes: three in the heartbeat time-out, or so few that one may be
 * 20 s late. Each carries what the work has kept last; the first waits for what the work keeps as it begins.
 */
export async function beating<T>(work: (signal: AbortSignal, beats: Beats) => Promise<T>): Promise<T> {
  const { cancellationSignal, info } = Context.current();
  // The SDK says 0 of an activity that has none.
  const timeoutMs = info.heartbeatTimeoutMs || 60_000;
  let kept: unknown = info.heartbeatDetails;
  let lastBeatMs = Date.now();
  let stoodStillMs = 0;
  const beat = () => {
    const now = Date.now();
    stoodStillMs = Math.max(stoodStillMs, now - lastBeatMs);
    lastBeatMs = now;
    heartbeat(kept);
  };
  const first = setTimeout(beat, 0);
  const timer = setInterval(beat, Math.max(timeoutMs / 3, timeoutMs - MARGIN_MS));
  const beats: Beats = {
    get resumed() {
      return kept;
    },
    keep(value) {
      clearTimeout(first);
      kept = value;
      beat();
    },
    checkAlive() {
      const silentMs = Math.max(stoodStillMs, Date.now() - lastBeatMs);
      if (silentMs < timeoutMs * 0.9) return;
      const seconds = Math.round(silentMs / 1000);
      throw new SluiceError(
        'Transient',
        `The worker stood still for ${seconds} s; another may have taken over, so this one goes no further`,
      );
    },
  };
  try {
    return await work(cancellationSignal, beats);
  } catch (error) {
    // What an aborted call throws says nothing; the activity's own cancellation does.
    if (cancellationSignal.aborted) await cancelled();
    throw error;
  } finally {
    clearTimeout(first);
    clearInterval(timer);
  }
}
