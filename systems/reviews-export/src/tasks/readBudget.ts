import { setTimeout as sleep } from 'node:timers/promises';

/** How far unused capacity adds up, in seconds: more would be a burst above the share. */
const BURST_S = 1;

/**
 * Keeps several scans together to a rate of read capacity units. A request takes what it is expected to consume before
 * it is sent and settles the difference after, so that a guess that was too low is paid back by waiting.
 */
export class ReadBudget {
  private units: number;
  private filledAtMs = performance.now();
  private line: Promise<void> = Promise.resolve();

  constructor(private readonly unitsPerSecond: number) {
    this.units = 0;
  }

  /** Resolves when there is capacity left; one after the other. */
  take(expected: number, signal: AbortSignal): Promise<void> {
    const turn = this.line.then(async () => {
      signal.throwIfAborted();
      for (this.fill(); this.units < 0; this.fill())
        await sleep((-this.units / this.unitsPerSecond) * 1000, undefined, { signal });
      this.units -= expected;
    });
    this.line = turn.catch(() => {});
    return turn;
  }

  settle(expected: number, consumed: number): void {
    this.units -= consumed - expected;
  }

  private fill(): void {
    const nowMs = performance.now();
    const added = ((nowMs - this.filledAtMs) / 1000) * this.unitsPerSecond;
    this.units = Math.min(this.units + added, this.unitsPerSecond * BURST_S);
    this.filledAtMs = nowMs;
  }
}
