import type { Arrival } from '../pipelines';

/**
 * Whether two arrivals are of the same object version. Events carry a sequencer and listings do not, so the version or
 * the etag decides; a store without either is told apart by size and second.
 */
function isSameVersion(a: Arrival, b: Arrival): boolean {
  if (a.bucket !== b.bucket || a.key !== b.key) return false;
  if (a.versionId !== null && b.versionId !== null) return a.versionId === b.versionId;
  if (a.etag !== null && b.etag !== null) return a.etag === b.etag;
  return a.size === b.size && a.time.slice(0, 19) === b.time.slice(0, 19);
}

/**
 * Adds an arrival to a memory unless it is known. The same bytes uploaded anew keep their etag in a bucket without
 * versions, and a later run must still see the new upload, so a known version takes the latest time.
 * @returns whether the memory says anything new
 */
export function remember(memory: Arrival[], arrival: Arrival): boolean {
  const known = memory.find((other) => isSameVersion(other, arrival));
  if (known === undefined) {
    memory.push(arrival);
    return true;
  }
  if (arrival.byHand && !known.byHand) {
    known.byHand = true;
    return true;
  }
  if (Date.parse(arrival.time) <= Date.parse(known.time)) return false;
  known.time = arrival.time;
  return true;
}
