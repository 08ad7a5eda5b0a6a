import { SharedPoller, type SharedPollerOptions } from './polling';

/** How many pollers are kept; the one that was asked the longest ago is forgotten first. */
const MAX_POLLERS = 100;

export interface PollerGroupOptions<T> extends Omit<SharedPollerOptions<T>, 'describe'> {
  /** The state of each id of the thing called `name`, in one call; see `SharedPollerOptions`. */
  describe: (name: string, ids: string[]) => Promise<Map<string, T | Error>>;
}

/** Shared pollers where one call takes ids of one thing only: the steps of a cluster, the runs of a Glue job. */
export class PollerGroup<T> {
  private readonly pollers = new Map<string, SharedPoller<T>>();

  constructor(private readonly options: PollerGroupOptions<T>) {}

  /** See `SharedPoller.get`; `name` is that of the thing. */
  get(name: string, id: string, signal: AbortSignal): Promise<T | undefined> {
    const { describe, ...options } = this.options;
    const poller =
      this.pollers.get(name) ?? new SharedPoller<T>({ ...options, describe: (ids) => describe(name, ids) });
    this.pollers.delete(name);
    this.pollers.set(name, poller);
    const [oldest] = this.pollers.keys();
    if (this.pollers.size > MAX_POLLERS) this.pollers.delete(oldest!);
    return poller.get(id, signal);
  }
}
