import { condition, patched } from '@temporalio/workflow';
import type { ListedPage, Manifest } from '../../contracts/activities';
import { SluiceError } from '../../errors';
import { isNewer, isSameVersion } from '../../pipelines/arrival';
import { matchesPattern } from '../../pipelines/patterns';
import { activities, HEARTBEAT_TIMEOUT } from './activities';
import { findComplete, sorted, type TakenObjects } from './completeness';
import { isReportable, toFailure } from './failures';
import { receive } from './lateArrivals';
import type { Shared } from './shared';
import { arrivalsFor, untilDeadline, type Wait } from './wait';

/** The objects of a wait that is complete, or null when its time is up. */
export async function untilComplete(shared: Shared, wait: Wait): Promise<TakenObjects | null> {
  const { complete } = wait;
  if (complete && 'manifest' in complete) return untilListed(shared, wait, complete.manifest);
  if (complete && 'quiet' in complete) return untilQuiet(shared, wait);
  const isComplete = await untilDeadline(
    wait,
    () => findComplete(arrivalsFor(wait, shared.inbox), complete) !== null,
  );
  // Events come in any order, so the marker's may overtake those of the objects before it.
  if (isComplete && complete && 'marker' in complete && patched('a listing before a marker counts'))
    await listInto(shared, wait, wait.since);
  return findComplete(arrivalsFor(wait, shared.inbox), complete);
}

/** Takes what the source of a wait holds, until `isEnough`. */
async function listInto(
  shared: Shared,
  { source }: Wait,
  since: string,
  isEnough = () => false,
): Promise<void> {
  let after: string | null = null;
  do {
    const page: ListedPage = await activities.listSource.executeWithOptions(
      { startToCloseTimeout: '2 minutes', heartbeatTimeout: HEARTBEAT_TIMEOUT },
      [source, since, after],
    );
    receive(shared, page.arrivals);
    after = page.after;
  } while (after !== null && !isEnough());
}

/**
 * Quiet is counted from the time of the newest object, and before it is believed the source is listed: an event that was
 * lost must not look like quiet.
 */
async function untilQuiet(shared: Shared, wait: Wait): Promise<TakenObjects | null> {
  for (;;) {
    const find = () => findComplete(arrivalsFor(wait, shared.inbox), wait.complete);
    if (!(await untilDeadline(wait, () => find() !== null))) return null;
    const seen = find()!;
    const isOther = () => {
      const now = find()!;
      return now.length !== seen.length || now.some((arrival, i) => !isSameVersion(arrival, seen[i]!));
    };
    const newestMs = Math.min(Date.parse(seen.at(-1)!.time), Date.now());
    const pauseMs = newestMs + wait.quietMs - Date.now();
    if (Date.now() + pauseMs > wait.deadlineMs) {
      if (await untilDeadline(wait, isOther)) continue;
      return null;
    }
    if (pauseMs > 0 && (await condition(isOther, pauseMs, { summary: `${wait.step.name}: quiet` }))) continue;
    await listInto(shared, wait, new Date(newestMs).toISOString(), isOther);
    if (!isOther()) return seen;
  }
}

/** A manifest that is replaced while its objects are awaited is read anew. */
async function untilListed(shared: Shared, wait: Wait, manifestKey: string): Promise<TakenObjects | null> {
  const { pattern, source, step } = wait;
  const find = () => arrivalsFor(wait, shared.inbox).find(({ key }) => key === manifestKey);
  for (;;) {
    wait.listed = null;
    if (!(await untilDeadline(wait, () => find() !== undefined))) return null;
    const manifest = { ...find()! };
    const isReplaced = () => !isSameVersion(find()!, manifest);
    let read: Manifest;
    try {
      read = await activities.readManifest.executeWithOptions(
        {
          startToCloseTimeout: '10 minutes',
          heartbeatTimeout: HEARTBEAT_TIMEOUT,
          summary: `${step.name}: read the manifest`,
        },
        [manifest],
      );
    } catch (error) {
      if (!isReportable(error) || toFailure(error, null).code !== 'ObjectGone') throw error;
      // An older version than S3 has now: the arrival of the newer one is on its way.
      if (!(await untilDeadline(wait, isReplaced))) return null;
      continue;
    }
    const outside = read.objects.find((object) => !matchesPattern(pattern, object));
    if (outside !== undefined) {
      throw new SluiceError(
        'BadData',
        `The manifest s3://${source.bucket}/${manifestKey} lists s3://${outside.bucket}/${outside.key}, which does not fit ${pattern}; correct the manifest or the pattern`,
      );
    }
    wait.listed = read.objects;
    const present = new Map(read.present.map((arrival) => [arrival.key, arrival]));
    const newest = ({ bucket, key }: { bucket: string; key: string }) => {
      const [told, found] = [shared.inbox.get(bucket, key), present.get(key)];
      return told && found ? (isNewer(told, found) ? told : found) : (told ?? found);
    };
    const isComplete = () => read.objects.every((object) => newest(object) !== undefined);
    const ended = await untilDeadline(wait, () => isReplaced() || isComplete());
    if (isReplaced()) continue;
    return ended ? sorted(read.objects.map((object) => newest(object)!)) : null;
  }
}
