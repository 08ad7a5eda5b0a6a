/**
 * Rejects when `act` has not settled in time, and then aborts the signal that it was given; what it does afterwards is of no
 * consequence to the caller.
 */
export async function within<T>(
  timeoutMs: number,
  act: (signal: AbortSignal) => Promise<T>,
  message = `No answer within ${timeoutMs} ms`,
): Promise<T> {
  const given = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const overrun = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(message));
      given.abort();
    }, timeoutMs);
  });
  try {
    return await Promise.race([act(given.signal), overrun]);
  } finally {
    clearTimeout(timer);
  }
}
