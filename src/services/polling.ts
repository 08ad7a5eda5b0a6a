import { classifyError } from './failures';
import { countThrottle } from './metrics';

export interface SharedPollerOptions<T> {
  /** Whose calls they are, for what is counted: `athena`. */
  service: string;
  /** How many ids one call takes: the API's own limit. */
  size: number;
  /**
   * The state of each id, in one call; an id that the service does not know is left out. An error in the place of a state is
   * that of this id alone.
   */
  describe(ids: string[]): Promise<Map<string, T | Error>>;
  /** The pause between two calls while not a whole batch is waiting; default 1 s. */
  gapMs?: number;
  /** The pause between two calls while more than a whole batch is waiting; default 200 ms. */
  fullGapMs?: number;
}

/** The longest pause between two calls of a service that throttles. */
const MAX_GAP_MS = 30_000;

interface Waiter<T> {
  id: string;
  /** Whoever has left while a call was made must not wait for the next one. */
  hasLeft: boolean;
  resolve(value: T | undefined): void;
  reject(error: Error): void;
}

/**
 * One stream of polls for all jobs of one service in this worker: whoever asks at about the same time shares a call, and
 * calls keep a distance that grows while the service throttles and shrinks again after. It is
 * - idle: nobody asks; the first who does is served at once unless a call was made just before;
 * - due: a timer runs; all who ask before it ends share the call;
 * - calling: those who ask now are served by the next call.
 * A throttled call fails nobody: its ids wait for the next one.
 */
export class SharedPoller<T> {
  private readonly waiting: Waiter<T>[] = [];
  private timer: NodeJS.Timeout | undefined;
  private calling = false;
  private lastCallMs = 0;
  private throttledGapMs = 0;

  constructor(private readonly options: SharedPollerOptions<T>) {}

  /** The state of one job, or undefined when the service does not know it. Rejects as the call does, or on abort. */
  get(id: string, signal: AbortSignal): Promise<T | undefined> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const leave = () => {
        waiter.hasLeft = true;
        const index = this.waiting.indexOf(waiter);
        if (index >= 0) this.waiting.splice(index, 1);
        reject(signal.reason as Error);
      };
      const settled = () => signal.removeEventListener('abort', leave);
      const waiter: Waiter<T> = {
        id,
        hasLeft: false,
        resolve: (value) => {
          settled();
          resolve(value);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.waiting.push(waiter);
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.calling || this.waiting.length === 0) return;
    const { size, gapMs = 1000, fullGapMs = 200 } = this.options;
    const isFull = this.waiting.length >= size;
    // A timer that runs is kept unless a whole batch has come together since.
    if (this.timer && !isFull) return;
    clearTimeout(this.timer);
    const gap = Math.max(isFull ? fullGapMs : gapMs, this.throttledGapMs) * (0.75 + Math.random() / 2);
    this.timer = setTimeout(() => void this.call(), Math.max(0, this.lastCallMs + gap - Date.now()));
  }

  private async call(): Promise<void> {
    this.timer = undefined;
    this.calling = true;
    const ids = [...new Set(this.waiting.map((waiter) => waiter.id))].slice(0, this.options.size);
    const served = this.take(new Set(ids));
    try {
      if (ids.length === 0) return;
      const states = await this.options.describe(ids);
      const stateOf = (waiter: Waiter<T>) => states.get(waiter.id);
      const isThrottled = (waiter: Waiter<T>) => {
        const state = stateOf(waiter);
        return state instanceof Error && classifyError(state).code === 'Throttled';
      };
      const throttled = served.filter(isThrottled);
      if (throttled.length > 0) this.slowDown(throttled);
      else this.throttledGapMs = this.throttledGapMs < 100 ? 0 : this.throttledGapMs * 0.8;
      for (const waiter of served.filter((one) => !throttled.includes(one))) {
        const state = stateOf(waiter);
        if (state instanceof Error) waiter.reject(state);
        else waiter.resolve(state);
      }
    } catch (error) {
      if (classifyError(error).code === 'Throttled') this.slowDown(served);
      else for (const waiter of served) waiter.reject(error as Error);
    } finally {
      this.lastCallMs = Date.now();
      this.calling = false;
      this.schedule();
    }
  }

  private slowDown(throttled: Waiter<T>[]): void {
    const { service, gapMs = 1000 } = this.options;
    countThrottle(service);
    this.throttledGapMs = Math.min(MAX_GAP_MS, Math.max(gapMs, this.throttledGapMs * 2));
    this.waiting.unshift(...throttled.filter((waiter) => !waiter.hasLeft));
  }

  private take(ids: ReadonlySet<string>): Waiter<T>[] {
    const served = this.waiting.filter((waiter) => ids.has(waiter.id));
    this.waiting.splice(0, this.waiting.length, ...this.waiting.filter((waiter) => !ids.has(waiter.id)));
    return served;
  }
}
