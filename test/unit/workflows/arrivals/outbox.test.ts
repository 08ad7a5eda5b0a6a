import type { StartOutcome } from '../../../../src/contracts/activities';
import { newSubscription, newTrigger } from '../../../../src/workflows/arrivals/listeners';
import { bytesOf } from '../../../../src/workflows/arrivals/memory';
import {
  giveBack,
  isSendable,
  settleBatch,
  startDueMs,
  takeSignals,
  takeStarts,
} from '../../../../src/workflows/arrivals/outbox';
import {
  arrivalOf,
  DAY_START_MS as NOW,
  HOUR_MS,
  MINUTE_MS,
  subscriptionOf,
  triggerOf,
} from '../../../support/arrivals';

const KIB = 1024;
const many = (count: number, length = 10) =>
  Array.from({ length: count }, (_, i) => arrivalOf(`in/${String(i).padStart(length, '0')}`));

describe('signals to runs', () => {
  test('hand over at most 256 KiB each, and the rest in the next', () => {
    const listener = { ...newSubscription(subscriptionOf('a')), pending: many(3_000) };
    const [signal] = takeSignals([listener], NOW, () => true);
    const bytes = signal!.chunk.reduce((sum, arrival) => sum + bytesOf(arrival), 0);
    expect(bytes).toBeLessThanOrEqual(256 * KIB);
    expect(bytes).toBeGreaterThan(255 * KIB);
    expect(signal!.chunk.length + listener.pending.length).toBe(3_000);
    expect(listener.pending[0]!.key).toBe(`in/${String(signal!.chunk.length).padStart(10, '0')}`);
  });

  test('of one batch are at most 500, and hold a megabyte and one signal at most', () => {
    const listeners = (count: number, pending: number) =>
      Array.from({ length: count }, (_, i) => ({
        ...newSubscription(subscriptionOf(`run ${i}`)),
        pending: many(pending),
      }));
    expect(takeSignals(listeners(700, 1), NOW, () => true)).toHaveLength(500);
    expect(takeSignals(listeners(20, 2_000), NOW, () => true)).toHaveLength(5);
  });

  test('an arrival larger than a signal goes alone', () => {
    const large = arrivalOf('x'.repeat(100 * KIB));
    const listener = { ...newSubscription(subscriptionOf('a')), pending: [large, ...many(2)] };
    expect(takeSignals([listener], NOW, () => true)[0]!.chunk).toEqual([large]);
  });

  test('keep no pace for the first 200, then one second more each, five minutes at most', () => {
    const listener = newSubscription(subscriptionOf('a'));
    const pauses = Array.from({ length: 700 }, () => {
      listener.pending = many(1);
      takeSignals([listener], NOW, () => true);
      return listener.sendAfterMs - NOW;
    });
    expect(pauses.slice(0, 200).every((pause) => pause === 0)).toBe(true);
    expect(pauses.slice(200, 203)).toEqual([1_000, 2_000, 3_000]);
    expect(pauses.at(-1)).toBe(5 * MINUTE_MS);
  });

  test('whatever the pace, a signal that is full is sent', () => {
    const paced = { ...newSubscription(subscriptionOf('a')), sendAfterMs: NOW + 1 };
    expect(isSendable({ ...paced, pending: many(100) }, NOW)).toBe(false);
    expect(isSendable({ ...paced, pending: many(100) }, NOW + 1)).toBe(true);
    expect(isSendable({ ...paced, pending: many(2_000) }, NOW)).toBe(true);
    expect(isSendable({ ...paced, pending: [] }, NOW + 1)).toBe(false);
  });
});

describe('runs that a trigger starts', () => {
  const started: StartOutcome = { state: 'started', etag: 'e', time: '2026-03-01T00:00:00.000Z' };
  const denied: StartOutcome = { state: 'failed', code: 'AccessDenied', message: 'no', passing: false };
  const down: StartOutcome = { state: 'failed', code: 'Transient', message: 'down', passing: true };
  const pause = { nowMs: NOW, maxPauseMs: 15 * MINUTE_MS };
  const withPending = (count: number) => ({ ...newTrigger(triggerOf('p')), pending: many(count) });

  test('are started by a hundred', () => {
    const trigger = withPending(250);
    expect(takeStarts(trigger, NOW).arrivals).toHaveLength(100);
    expect(trigger.pending).toHaveLength(150);
  });

  test('an object that fails is set aside with its reason, and the others go on', () => {
    const trigger = withPending(3);
    const report = settleBatch(takeStarts(trigger, NOW), [started, denied, { state: 'gone' }], pause);
    expect(report.newlySetAside).toHaveLength(1);
    expect(trigger).toMatchObject({
      pending: [],
      failures: 0,
      setAside: [{ arrival: { key: 'in/0000000001' }, code: 'AccessDenied', message: 'no', attempts: 1 }],
    });
    expect(startDueMs(trigger)).toBe(NOW + MINUTE_MS);
  });

  test('one that was set aside is tried again ever less often, up to six hours, and told of once', () => {
    const trigger = withPending(1);
    const pauses: number[] = [];
    const told: number[] = [];
    for (let nowMs = NOW, i = 0; i < 14; i++) {
      const report = settleBatch(takeStarts(trigger, nowMs), [denied], { ...pause, nowMs });
      told.push(report.newlySetAside.length);
      pauses.push(startDueMs(trigger) - nowMs);
      nowMs = startDueMs(trigger);
    }
    expect(pauses.slice(0, 4)).toEqual([1, 2, 4, 8].map((minutes) => minutes * MINUTE_MS));
    expect(pauses.at(-1)).toBe(6 * HOUR_MS);
    expect(told.reduce((a, b) => a + b)).toBe(1);
    expect(trigger.setAside[0]!.attempts).toBe(14);
  });

  test('those that were set aside leave most of a batch to what is new', () => {
    const trigger = withPending(100);
    settleBatch(
      takeStarts(trigger, NOW),
      many(100).map(() => denied),
      pause,
    );
    trigger.pending = many(200);
    const batch = takeStarts(trigger, NOW + MINUTE_MS);
    expect(batch.again).toHaveLength(25);
    expect(batch.arrivals).toHaveLength(100);
    expect(trigger.setAside).toHaveLength(75);
  });

  test('one that starts at last is no longer set aside', () => {
    const trigger = withPending(1);
    settleBatch(takeStarts(trigger, NOW), [denied], pause);
    settleBatch(takeStarts(trigger, NOW + MINUTE_MS), [started], pause);
    expect(trigger.setAside).toEqual([]);
    expect(startDueMs(trigger)).toBe(Infinity);
  });

  test('when all fail for a reason that passes, none is set aside, and fewer are tried after a pause', () => {
    const trigger = withPending(100);
    const pauses: number[] = [];
    for (let nowMs = NOW, i = 0; i < 6; i++) {
      const batch = takeStarts(trigger, nowMs);
      settleBatch(
        batch,
        batch.arrivals.map(() => down),
        { ...pause, nowMs },
      );
      pauses.push(trigger.startAfterMs - nowMs);
      nowMs = trigger.startAfterMs;
    }
    expect(pauses).toEqual([1_000, 4_000, 16_000, 64_000, 256_000, 15 * MINUTE_MS]);
    expect(trigger).toMatchObject({ setAside: [], batchSize: 1 });
    expect(trigger.pending.map(({ key }) => key)).toEqual(many(100).map(({ key }) => key));
  });

  test('one that fails alone is set aside, so that it blocks nobody, and batches grow again', () => {
    const trigger = { ...withPending(2), batchSize: 1 };
    settleBatch(takeStarts(trigger, NOW), [down], pause);
    expect(trigger.setAside).toHaveLength(1);
    settleBatch(takeStarts(trigger, NOW), [started], pause);
    expect(trigger).toMatchObject({ pending: [], batchSize: 2, failures: 0, startAfterMs: 0 });
  });

  test('what was set aside is bounded by bytes; what has no room is told of', () => {
    const trigger = newTrigger(triggerOf('p'));
    let left = 0;
    for (let i = 0; i < 5; i++) {
      trigger.pending = many(100, 100 + i);
      const batch = takeStarts(trigger, NOW);
      left += settleBatch(
        batch,
        batch.arrivals.map(() => denied),
        pause,
      ).left.length;
    }
    const bytes = trigger.setAside.reduce((sum, { arrival }) => sum + bytesOf(arrival), 0);
    expect(bytes).toBeLessThanOrEqual(64 * KIB);
    expect(trigger.setAside.length + left).toBe(500);
    expect(left).toBeGreaterThan(0);
  });

  test('a batch that was given up is there as before', () => {
    const trigger = withPending(150);
    settleBatch(
      takeStarts(trigger, NOW),
      many(100).map(() => denied),
      pause,
    );
    const before = JSON.parse(JSON.stringify(trigger)) as typeof trigger;
    giveBack(takeStarts(trigger, NOW + MINUTE_MS));
    expect(new Set(trigger.setAside.map(({ arrival }) => arrival.key))).toEqual(
      new Set(before.setAside.map(({ arrival }) => arrival.key)),
    );
    expect(trigger.pending).toEqual(before.pending);
  });
});
