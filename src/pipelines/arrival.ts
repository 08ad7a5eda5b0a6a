/** One object version seen in a source. */
export interface Arrival {
  bucket: string;
  /** The object key, decoded: as S3's own API takes it. */
  key: string;
  versionId: string | null;
  /** Without quotes. */
  etag: string | null;
  /** Bytes. */
  size: number | null;
  /** Orders the events of one key: hex text, compared after right-padding with zeros (S3 event message structure). */
  sequencer: string | null;
  /** ISO 8601, the object's or the event's time. */
  time: string;
  /** Handed over by a person: taken whatever its time. */
  byHand?: boolean;
}

/**
 * Whether an arrival counts from `since` (ISO 8601) on. S3's listing tells times in whole seconds, so an object of the
 * run's first second may look older than the run: seconds are what is compared.
 */
export function isSince(arrival: Arrival, since: string): boolean {
  return arrival.byHand === true || secondOf(arrival.time) >= secondOf(since);
}

/**
 * Whether two arrivals are of the same object version. Events carry a sequencer and listings do not, so the version or
 * the etag decides; a store without either is told apart by size and second.
 */
export function isSameVersion(a: Arrival, b: Arrival): boolean {
  if (a.bucket !== b.bucket || a.key !== b.key) return false;
  if (a.versionId !== null && b.versionId !== null) return a.versionId === b.versionId;
  if (a.etag !== null && b.etag !== null) return a.etag === b.etag;
  return a.size === b.size && a.time.slice(0, 19) === b.time.slice(0, 19);
}

/**
 * An arrival as a listing shows it, beside what is known of its key. Another version than that of an event, of which the times do not
 * tell that it came later, is newer all the same when the event was heard of before: of two versions of one second, the event of the
 * second was lost. Its place is then behind that event's, and before all later ones.
 * @param wasHeardBefore whether what is known was heard of before the listing was asked for; asked only where that decides
 */
export function asShown(
  shown: Arrival,
  known: Arrival | undefined,
  wasHeardBefore: (known: Arrival) => boolean,
): Arrival {
  if (known === undefined || known.sequencer === null || known.byHand) return shown;
  if (isSameVersion(shown, known) || isNewer(shown, known) || !wasHeardBefore(known)) return shown;
  return { ...shown, sequencer: `${known.sequencer}1` };
}

/**
 * Whether `a` came after `b`, both of one key: by their sequencers
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html), else by the second. Of
 * the same second, an event goes before what a listing tells; else the one that is heard of later, `a`, is the newer.
 */
export function isNewer(a: Arrival, b: Arrival): boolean {
  if (a.sequencer !== null && b.sequencer !== null) {
    const length = Math.max(a.sequencer.length, b.sequencer.length);
    const padded = (sequencer: string) => sequencer.toLowerCase().padEnd(length, '0');
    return padded(a.sequencer) > padded(b.sequencer);
  }
  // A listing that was read before the event of the same second came must not bring the older version back.
  if (secondOf(a.time) === secondOf(b.time)) return a.sequencer !== null || b.sequencer === null;
  return secondOf(a.time) > secondOf(b.time);
}

/** The second of a time in ISO 8601, since 1970: what S3's listing tells of it. */
export function secondOf(time: string): number {
  return Math.floor(Date.parse(time) / 1000);
}
