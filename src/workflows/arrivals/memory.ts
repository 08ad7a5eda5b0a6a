import type { Arrival } from '../../pipelines';
import { isNewer, isSameVersion, secondOf } from '../../pipelines/arrival';

/** Arrivals, one a key: the newest version that is known. */
export class ArrivalMemory {
  private readonly byObject = new Map<string, Arrival>();

  constructor(arrivals: readonly Arrival[] = []) {
    for (const arrival of arrivals) this.remember(arrival);
  }

  /**
   * Adds an arrival unless it is known, or older than what is known of its key. Events and listings of one version
   * complete each other: only events have versions and sequencers. The same bytes uploaded anew keep their etag in a
   * bucket without versions, and a later run must still see the new upload, so a known version takes the latest time.
   */
  remember(arrival: Arrival): 'new' | 'known' | 'older' {
    const id = `${arrival.bucket}/${arrival.key}`;
    const known = this.byObject.get(id);
    if (known === undefined || !isSameVersion(known, arrival)) {
      if (known !== undefined && !arrival.byHand && !isNewer(arrival, known)) return 'older';
      this.byObject.set(id, { ...arrival });
      return 'new';
    }
    const isNew = (arrival.byHand === true && !known.byHand) || isUploadedAnew(arrival, known);
    if (arrival.byHand) known.byHand = true;
    known.versionId ??= arrival.versionId;
    known.etag ??= arrival.etag;
    known.size ??= arrival.size;
    if (isNewer(arrival, known)) {
      known.sequencer = arrival.sequencer ?? known.sequencer;
      known.time = arrival.time;
    } else known.sequencer ??= arrival.sequencer;
    return isNew ? 'new' : 'known';
  }

  get size(): number {
    return this.byObject.size;
  }

  get(bucket: string, key: string): Arrival | undefined {
    return this.byObject.get(`${bucket}/${key}`);
  }

  /** In the order in which their keys were first seen. */
  all(): Arrival[] {
    return [...this.byObject.values()];
  }

  /** Forgets what is older than `oldestMs`, then the oldest until at most `entries` of `bytes` are left. */
  trim({ oldestMs, entries, bytes }: { oldestMs: number; entries: number; bytes: number }): void {
    let left = { entries, bytes };
    const newestFirst = [...this.byObject].sort(([, a], [, b]) => Date.parse(b.time) - Date.parse(a.time));
    for (const [id, arrival] of newestFirst) {
      left = { entries: left.entries - 1, bytes: left.bytes - bytesOf(arrival) };
      if (Date.parse(arrival.time) < oldestMs || left.entries < 0 || left.bytes < 0) this.byObject.delete(id);
    }
  }
}

/** How many bytes an arrival has as JSON, at most. */
export function bytesOf({ bucket, key, versionId, etag }: Arrival): number {
  // A character has at most three bytes in UTF-8 for each unit of UTF-16; JSON's escapes of controls are not in keys.
  return 200 + bucket.length + 3 * key.length + (versionId?.length ?? 0) + (etag?.length ?? 0);
}

/** A version has one upload; without versions, an upload of the same bytes differs in its second alone. */
function isUploadedAnew(arrival: Arrival, known: Arrival): boolean {
  if (arrival.versionId !== null && known.versionId !== null) return false;
  return secondOf(arrival.time) > secondOf(known.time);
}
