import { CancellationScope, workflowInfo } from '@temporalio/workflow';
import type { Arrival } from '../../pipelines';
import { isNewer, isSameVersion, isSince } from '../../pipelines/arrival';
import type { Failure } from '../../contracts/messages';
import { activities, HEARTBEAT_TIMEOUT } from './activities';
import { isAwaited, signKeyOf } from './completeness';
import { isReportable, toFailure } from './failures';
import type { Shared } from './shared';
import { shown, SHOWN_OBJECTS, type Wait } from './wait';

/** How many runs one activity starts. */
const LATE_BATCH = 100;

/** Takes arrivals in, and notes those that come late for a wait that is over. */
export function receive(shared: Shared, arrivals: Arrival[]): void {
  const news = arrivals.filter((arrival) => shared.inbox.remember(arrival) === 'new');
  for (const wait of shared.ended) noteLate(shared, wait, news);
}

/** Shows in the status what among the arrivals is late for a wait that is over, and does what the wait says of it. */
export function noteLate(shared: Shared, wait: Wait, arrivals: Arrival[]): void {
  const late = arrivals.filter((arrival) => isLate(wait, arrival));
  if (late.length === 0) return;
  const { step } = wait;
  const objects = [...(step.objects ?? []), ...late.map((arrival) => ({ ...shown(arrival), late: true }))];
  shared.board.update(step, { objects: objects.slice(0, 2 * SHOWN_OBJECTS) });
  if (wait.late === 'fail') {
    const [{ bucket, key }] = late as [Arrival];
    const what = wait.taken.has(key) ? 'was replaced after' : 'came when';
    const message = `${step.name}: s3://${bucket}/${key} ${what} the run had taken its objects; start a new run for what is there now`;
    const failure: Failure = { code: 'LateArrival', message, step: step.name };
    shared.board.update(step, { state: 'failed', failure });
    shared.fail(failure);
  }
  // A run that an arrival started leaves the next to what started it: two of one second would start each other.
  if (wait.late !== 'start new run' || shared.startedBy.length > 0) return;
  const sign = signKeyOf(wait.complete);
  const starters = sign === null ? late : late.filter(({ key }) => key === sign);
  if (starters.length > 0) shared.background.push(startLateRuns(shared, wait, starters));
}

/** Whether an arrival is one that the wait would have taken, or replaces what it took. */
function isLate({ pattern, source, complete, since, sign, taken }: Wait, arrival: Arrival): boolean {
  const isSign = arrival.key === signKeyOf(complete) && arrival.bucket === source.bucket;
  const isListed = complete === undefined || !('manifest' in complete) || taken.has(arrival.key);
  if (!isSign && !(isListed && isAwaited(pattern, complete, arrival))) return false;
  const known = isSign ? sign : taken.get(arrival.key);
  if (known && (isSameVersion(known, arrival) || !isNewer(arrival, known))) return false;
  return isSince(arrival, since);
}

async function startLateRuns(shared: Shared, wait: Wait, arrivals: Arrival[]): Promise<void> {
  const { step, sign } = wait;
  const input = (shared.given ?? {}) as Record<string, unknown>;
  // What a marker stands for was written before it, and after the marker before.
  const since = sign === null ? {} : { since: sign.time };
  try {
    for (let first = 0; first < arrivals.length; first += LATE_BATCH) {
      const batch = arrivals.slice(first, first + LATE_BATCH);
      await CancellationScope.nonCancellable(() =>
        activities.startRuns.executeWithOptions(
          {
            startToCloseTimeout: '5 minutes',
            heartbeatTimeout: HEARTBEAT_TIMEOUT,
            summary: `${step.name}: start new runs`,
          },
          [{ pipeline: workflowInfo().workflowType, input, ...since }, batch],
        ),
      );
    }
  } catch (error) {
    if (!isReportable(error)) throw error;
    const failure = toFailure(error, step.name);
    failure.message = `No new run could be started for a late arrival: ${failure.message}`;
    shared.board.update(step, { failure });
  }
}
