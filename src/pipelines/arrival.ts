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
  return (
    arrival.byHand === true ||
    Math.floor(Date.parse(arrival.time) / 1000) >= Math.floor(Date.parse(since) / 1000)
  );
}
