import { setMaxListeners } from 'node:events';

/** Runs `body` with a signal that Ctrl-C (or SIGTERM) sets, instead of ending the process. */
export async function withInterrupt<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  // Temporal's client leaves a listener behind with each request, and waits in requests of a minute.
  setMaxListeners(0, controller.signal);
  const abort = () => controller.abort();
  process.on('SIGINT', abort).on('SIGTERM', abort);
  try {
    return await body(controller.signal);
  } finally {
    process.off('SIGINT', abort).off('SIGTERM', abort);
  }
}

/** Resolves when the signal is set. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
