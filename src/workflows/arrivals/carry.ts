import type { Arrival } from '../../pipelines';
import type { SubscriptionListener, TriggerListener } from './listeners';
import type { CarriedListings } from './listing';
import type { CarriedStartedRuns } from './startedRuns';

/** A listener whose pending arrivals are indexes into those of all: one object may be on its way to thousands. */
export type Packed<T> = Omit<T, 'pending'> & { pending: number[] };

/** What an `arrivals` workflow carries over when it continues as new: plain JSON. */
export interface Carried {
  subscriptions: Packed<SubscriptionListener>[];
  triggers: Packed<TriggerListener>[];
  pending: Arrival[];
  /** The newest version of each key. */
  memory: Arrival[];
  listings: CarriedListings;
  startedRuns: CarriedStartedRuns;
  retention: Retention;
}

/** How long the server knows the ids of ended runs, and when it is asked again (ms since 1970). */
export interface Retention {
  ms: number;
  nextReadAtMs: number;
}

/** Packs the pending arrivals of all listeners, each once. */
export class Packer {
  private readonly indexes = new Map<Arrival, number>();

  pack<T extends { pending: Arrival[] }>({ pending, ...listener }: T): Packed<T> {
    return { ...listener, pending: pending.map((arrival) => this.indexOf(arrival)) };
  }

  get pending(): Arrival[] {
    return [...this.indexes.keys()];
  }

  private indexOf(arrival: Arrival): number {
    const index = this.indexes.get(arrival) ?? this.indexes.size;
    this.indexes.set(arrival, index);
    return index;
  }
}

export function unpack<T extends { pending: Arrival[] }>(
  { pending, ...listener }: Packed<T>,
  all: readonly Arrival[],
): T {
  return { ...listener, pending: pending.map((index) => all[index]!) } as unknown as T;
}
