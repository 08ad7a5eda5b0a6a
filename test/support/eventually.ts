/** Longer than anything that a test waits for, and shorter than what a person has patience for. */
const DEADLINE_MS = 50_000;
/** The first pause: short enough for a query; a command line of its own is worth more. */
const PAUSE_MS = 20;
/** What takes long is looked at ever more seldom: each look is work for the test, the server and the worker. */
const PAUSE_GROWTH = 1.2;
const MAX_PAUSE_MS = 250;

/**
 * Reads until what was read is what is waited for, and answers it.
 * @throws Error after the deadline, with what was read last, or why it could not be read
 */
export async function eventually<T>(
  read: () => T | Promise<T>,
  isThere: (value: T) => boolean,
  { deadlineMs = DEADLINE_MS, pauseMs = PAUSE_MS }: { deadlineMs?: number; pauseMs?: number } = {},
): Promise<T> {
  const endMs = performance.now() + deadlineMs;
  let last: unknown;
  do {
    try {
      const value = await read();
      if (isThere(value)) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    pauseMs = Math.min(pauseMs * PAUSE_GROWTH, Math.max(pauseMs, MAX_PAUSE_MS));
  } while (performance.now() < endMs);
  const text = last instanceof Error ? String(last) : JSON.stringify(last);
  throw new Error(`not within ${deadlineMs} ms; last there was ${text}`);
}

/** Waits until it comes true; what throws meanwhile is not true yet. */
export async function until(
  isTrue: () => boolean | Promise<boolean>,
  options?: { deadlineMs?: number },
): Promise<void> {
  await eventually(isTrue, Boolean, options);
}
