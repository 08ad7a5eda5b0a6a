import type { Failure } from '../../contracts/messages';

/**
 * How often a listing goes back to the `since` of the listeners and not only to the last one: an upload in many parts
 * carries the time at which it began.
 */
const FULL_LIST_EVERY_MS = 6 * 3_600_000;
/**
 * When a source that was just started is listed for the second time. A webhook that did not find this workflow may tell it
 * nothing for `UNKNOWN_SOURCE_MS` (see `acceptArrivals.ts`), which has passed by then.
 */
const SECOND_LISTING_MS = 15_000;

/** A listing of a source, page by page. */
export interface Listing {
  /** ISO 8601. */
  startedAt: string;
  since: string;
  /** Whether it goes back to the `since` of each subscription, or only to where the last listing ended. */
  isFull: boolean;
  /** The key that the last page ended with. */
  after: string | null;
}

/** How many listings in a row have failed, since when (ms since 1970), and why the last did. */
export interface ListingTrouble {
  failures: number;
  sinceMs: number;
  failure: Pick<Failure, 'code' | 'message'>;
}

/** Plain JSON; times in milliseconds since 1970. */
export interface CarriedListings {
  current: Listing | null;
  nextAtMs: number;
  nextFullAtMs: number;
  trouble?: ListingTrouble;
  secondAtMs?: number;
}

/** When a source is listed: at once when somebody begins to listen, and on a timer. */
export class Listings {
  current: Listing | null;
  /** When the next listing begins, unless one goes on then: milliseconds since 1970. */
  nextAtMs: number;
  /** Undefined when the last listing went well. */
  trouble: ListingTrouble | undefined;
  private nextFullAtMs: number;
  private isFirst: boolean;
  /** When a source that was just started is listed for the second time; undefined when that is over. */
  private secondAtMs: number | undefined;

  constructor(
    private readonly everyMs: number,
    nowMs: number,
    carried: CarriedListings | null,
  ) {
    this.current = carried?.current ?? null;
    this.nextAtMs = carried?.nextAtMs ?? 0;
    this.nextFullAtMs = carried?.nextFullAtMs ?? nowMs + FULL_LIST_EVERY_MS;
    this.trouble = carried?.trouble;
    this.isFirst = carried === null;
    this.secondAtMs = carried?.secondAtMs;
  }

  /** When the next page is to be listed, in milliseconds since 1970. */
  get dueMs(): number {
    return this.current === null ? this.nextAtMs : 0;
  }

  /** After the one that goes on, another is begun at once. */
  soon(): void {
    this.nextAtMs = 0;
  }

  /**
   * @param floorOf from when on a listing, full or not, has to look
   * @param keepsSecond whether the second listing comes when it is due, however many come before; asked only where some do
   */
  begin(nowMs: number, floorOf: (isFull: boolean) => string, keepsSecond: () => boolean): Listing {
    const isFull = nowMs >= this.nextFullAtMs;
    if (isFull) this.nextFullAtMs = nowMs + FULL_LIST_EVERY_MS;
    this.nextAtMs = nowMs + this.everyMs;
    if (this.isFirst) {
      this.secondAtMs = nowMs + SECOND_LISTING_MS;
      this.nextAtMs = Math.min(this.nextAtMs, this.secondAtMs);
    } else if (this.secondAtMs !== undefined) {
      if (nowMs >= this.secondAtMs) this.secondAtMs = undefined;
      else if (keepsSecond()) this.nextAtMs = Math.min(this.nextAtMs, this.secondAtMs);
    }
    this.isFirst = false;
    const startedAt = new Date(nowMs).toISOString();
    return (this.current = { startedAt, since: floorOf(isFull), isFull, after: null });
  }

  carry(): CarriedListings {
    const { current, nextAtMs, nextFullAtMs, trouble, secondAtMs } = this;
    return {
      ...{ current, nextAtMs, nextFullAtMs },
      ...(trouble === undefined ? {} : { trouble }),
      ...(secondAtMs === undefined ? {} : { secondAtMs }),
    };
  }
}
