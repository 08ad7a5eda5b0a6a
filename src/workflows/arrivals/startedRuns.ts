import type { Arrival } from '../../pipelines';
import { secondOf } from '../../pipelines/arrival';
import { hash53 } from '../hash53';

/** 20,000 object versions and more. */
const MAX_BYTES = 384 * 1024;
/** An entry as JSON: ten or eleven digits of hash, six of time, quotes and comma. */
const ENTRY_BYTES = 21;
const HASH_DIGITS = 11;

/** An object version as S3's listings tell it. */
type ListedVersion = Pick<Arrival, 'bucket' | 'key' | 'etag' | 'time'>;

/** Plain JSON. */
export interface CarriedStartedRuns {
  entries: string[];
  /** Milliseconds since 1970. */
  completeSinceMs: number;
}

/**
 * The object versions that have started their runs, for as long as a listing may offer them again. The server refuses a
 * second run of one id only while it knows the first, which ends with the namespace's retention; a listing may be
 * unavailable for longer. Each version is a hash of 53 bits and its second, so that tens of thousands can be carried.
 */
export class StartedRuns {
  private readonly seconds: Map<string, number>;
  private completeSinceMs: number;

  constructor(carried: CarriedStartedRuns = { entries: [], completeSinceMs: 0 }) {
    this.completeSinceMs = carried.completeSinceMs;
    this.seconds = new Map(
      carried.entries.map((entry) => [
        entry.slice(0, HASH_DIGITS),
        Number.parseInt(entry.slice(HASH_DIGITS), 36),
      ]),
    );
  }

  get size(): number {
    return this.seconds.size;
  }

  add(pipeline: string, version: ListedVersion): void {
    this.seconds.set(idOf(pipeline, version), secondOf(version.time));
    if (this.seconds.size * ENTRY_BYTES <= MAX_BYTES) return;
    // A quarter at once, since the oldest have to be looked for.
    const oldestFirst = [...this.seconds].sort(([, a], [, b]) => a - b);
    for (const [id, second] of oldestFirst.slice(0, oldestFirst.length >> 2)) this.forget(id, second);
  }

  has(pipeline: string, version: ListedVersion): boolean {
    return this.seconds.has(idOf(pipeline, version));
  }

  /** Whether everything as new as `time` (ISO 8601) that has started a run is known. */
  isCompleteSince(time: string): boolean {
    return Date.parse(time) >= this.completeSinceMs;
  }

  /**
   * Forgets what is older than `time`, which is offered no more, unless a trigger is added anew with an earlier time.
   * @param isNoted whether it is noted what is forgotten; asked only where something is
   */
  forgetBefore(time: string, isNoted: () => boolean): void {
    const second = secondOf(time);
    for (const [id, own] of this.seconds) if (own < second) this.forget(id, own, isNoted());
  }

  private forget(id: string, second: number, isNoted = true): void {
    this.seconds.delete(id);
    if (isNoted) this.completeSinceMs = Math.max(this.completeSinceMs, (second + 1) * 1000);
  }

  carry(): CarriedStartedRuns {
    return {
      entries: [...this.seconds].map(([id, second]) => id + second.toString(36)),
      completeSinceMs: this.completeSinceMs,
    };
  }
}

function idOf(pipeline: string, { bucket, key, etag, time }: ListedVersion): string {
  return hash53(JSON.stringify([pipeline, bucket, key, etag, secondOf(time)]))
    .toString(36)
    .padStart(HASH_DIGITS, '0');
}
