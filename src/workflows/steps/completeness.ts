import type { Arrival } from '../../pipelines';
import { isNewer } from '../../pipelines/arrival';
import { DURATION_NEEDS, parseBoundedDuration } from '../../pipelines/duration';
import { isKeyLength } from '../../pipelines/location';
import { matchesPattern } from '../../pipelines/patterns';

/** When a wait is over. Exactly one rule; without any, one object is enough. */
export type Completeness =
  /** So many different keys. */
  | { count: number }
  /** These keys, all of them. */
  | { keys: string[] }
  /** A key that is written last, e.g. `sales/_SUCCESS`; it is not among the objects that the wait returns. */
  | { marker: string }
  /** A key whose object lists the others: the wait returns those, once all are there, however old they are. */
  | { manifest: string }
  /** No further arrival for this long, a duration, after at least so many objects (default 1). */
  | { quiet: string; atLeast?: number };

/** At least one object, oldest first. */
export type TakenObjects = [Arrival, ...Arrival[]];

/** What is wrong with a rule that no type has checked, and what it needs; null when it can come true. */
export function findRuleProblem(complete: Completeness | undefined): { what: string; needs: string } | null {
  if (complete === undefined) return null;
  const [name = '', ...others] = isObject(complete) ? RULE_NAMES.filter((known) => known in complete) : [];
  if (name === '' || others.length > 0)
    return { what: `by the rule ${JSON.stringify(complete)}`, needs: `one of ${RULE_NAMES.join(', ')}` };
  const { count, keys, marker, manifest, quiet, atLeast } = complete as Record<string, unknown>;
  const problem = (value: unknown, needs: string) => ({
    what: `for ${name} ${JSON.stringify(value)}`,
    needs,
  });
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1;
  if (count !== undefined && !isCount(count)) return problem(count, 'a whole number from 1');
  if (atLeast !== undefined && !isCount(atLeast))
    return { what: `for at least ${JSON.stringify(atLeast)} objects`, needs: 'a whole number from 1' };
  if (quiet !== undefined && parseBoundedDuration(quiet) === null) return problem(quiet, DURATION_NEEDS);
  if (keys !== undefined && !(Array.isArray(keys) && keys.length > 0 && keys.every(isObjectKey)))
    return problem(keys, `a list of ${KEY_NEEDS}`);
  const sign = marker ?? manifest;
  return sign === undefined || isObjectKey(sign) ? null : problem(sign, KEY_NEEDS);
}

const RULE_NAMES = ['count', 'keys', 'marker', 'manifest', 'quiet'];
const KEY_NEEDS = 'keys such as sales/_SUCCESS, without the bucket';

function isObjectKey(key: unknown): boolean {
  return typeof key === 'string' && /[^/]$/.test(key) && !key.startsWith('s3://') && isKeyLength(key);
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** The key that ends the wait and is not among its objects; null for a rule that is none, which `findRuleProblem` refuses. */
export function signKeyOf(complete: Completeness | undefined): string | null {
  if (!isObject(complete)) return null;
  if ('marker' in complete) return complete.marker;
  return 'manifest' in complete ? complete.manifest : null;
}

/** Whether an object is one of those that the wait is for. */
export function isAwaited(pattern: string, complete: Completeness | undefined, arrival: Arrival): boolean {
  if (complete && 'keys' in complete && !complete.keys.includes(arrival.key)) return false;
  return arrival.key !== signKeyOf(complete) && matchesPattern(pattern, arrival);
}

/** The objects that a rule takes, or null while it is not satisfied. Of one key, the newest version counts. */
export function findComplete(arrivals: Arrival[], complete: Completeness | undefined): TakenObjects | null {
  const byKey = new Map<string, Arrival>();
  for (const arrival of arrivals) {
    const known = byKey.get(arrival.key);
    if (known === undefined || isNewer(arrival, known)) byKey.set(arrival.key, arrival);
  }
  if (complete && 'keys' in complete) {
    if (!complete.keys.every((key) => byKey.has(key))) return null;
    return sorted(complete.keys.map((key) => byKey.get(key)!));
  }
  if (complete && 'marker' in complete)
    return byKey.delete(complete.marker) ? sorted([...byKey.values()]) : null;
  const count = countOf(complete);
  if (byKey.size < count) return null;
  const taken = sorted([...byKey.values()]);
  return complete && 'quiet' in complete ? taken : sorted(taken?.slice(0, count) ?? []);
}

function countOf(complete: Completeness | undefined): number {
  if (complete && 'count' in complete) return complete.count;
  return complete && 'quiet' in complete ? (complete.atLeast ?? 1) : 1;
}

export function sorted(arrivals: Arrival[]): TakenObjects | null {
  // Of a hundred thousand, to read a time for each comparison takes seconds.
  const timed = [...new Set(arrivals)].map((arrival) => ({ arrival, timeMs: Date.parse(arrival.time) }));
  timed.sort((a, b) => a.timeMs - b.timeMs);
  const oldestFirst = timed.map(({ arrival }) => arrival);
  return oldestFirst.length === 0 ? null : (oldestFirst as TakenObjects);
}

/** What a wait that ran out of time lacks. `listed` are the objects of its manifest. */
export function describeMissing(
  seen: Arrival[],
  complete: Completeness | undefined,
  listed: { bucket: string; key: string }[] | null,
): string {
  const has = new Set(seen.map(({ key }) => key));
  const missing = (keys: string[]) => shorten(keys.filter((key) => !has.has(key)));
  if (complete === undefined) return 'no object came';
  if ('keys' in complete) return `of the keys, missing: ${missing(complete.keys)}`;
  if ('manifest' in complete) {
    if (listed === null) return `the manifest ${complete.manifest} is missing`;
    return `of the manifest's objects, missing: ${missing(listed.map(({ key }) => key))}`;
  }
  if ('marker' in complete) {
    return has.has(complete.marker)
      ? `the marker ${complete.marker} came, and no object with it`
      : `the marker ${complete.marker} is missing`;
  }
  if ('quiet' in complete && has.size >= countOf(complete))
    return `${has.size} objects came, and never none for ${complete.quiet}`;
  return `${has.size} of ${countOf(complete)} objects came`;
}

const SHOWN_KEYS = 20;

function shorten(keys: string[]): string {
  const shown = keys.slice(0, SHOWN_KEYS).join(', ');
  return keys.length > SHOWN_KEYS ? `${shown} and ${keys.length - SHOWN_KEYS} more` : shown;
}
