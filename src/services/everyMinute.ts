import { setTimeout } from 'node:timers/promises';
import type { SluiceError } from '../errors';
import { classifyError } from './failures';

const MINUTE_MS = 60_000;

/** Does the work once a minute until the signal comes, whether it fails or not, and keeps no process alive. It never fails. */
export async function everyMinute(
  work: () => Promise<void>,
  { signal, onFailure }: { signal: AbortSignal; onFailure: (failure: SluiceError) => void },
): Promise<void> {
  for (;;) {
    await setTimeout(MINUTE_MS, null, { signal, ref: false }).catch(() => {});
    if (signal.aborted) return;
    await work().catch((error: unknown) => {
      if (!signal.aborted) onFailure(classifyError(error));
    });
  }
}
