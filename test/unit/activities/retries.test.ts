import { delayBeforeNext, isTimeToTell } from '../../../src/activities/retries';

const DAY_MS = 86_400_000;

/** The starts of the attempts of a row of failures under the policy of a submit, in milliseconds since the first. */
function attemptsUntil(endMs: number): number[] {
  const starts = [0];
  while (starts.at(-1)! < endMs)
    starts.push(
      starts.at(-1)! + delayBeforeNext({ initialInterval: '1 s', maximumInterval: '30 s' }, starts.length),
    );
  return starts;
}

function toldIn(endMs: number, stuckAfterMs: number): number[] {
  const starts = attemptsUntil(endMs);
  return starts
    .slice(0, -1)
    .filter((fromMs, i) => isTimeToTell({ fromMs, toMs: starts[i + 1]! }, { stuckAfterMs }));
}

test('a run is told of a row of failures before it has lasted twice 10 s, and then ever less often', () => {
  const told = toldIn(DAY_MS, Infinity);
  expect(told[0]).toBeLessThan(10_000);
  for (const [i, timeMs] of told.slice(1).entries())
    expect(timeMs).toBeLessThanOrEqual(2 * told[i]! + 60_000);
  expect(told).toHaveLength(14);
  expect(toldIn(30 * DAY_MS, Infinity)).toHaveLength(18);
});

test('of a failure that passes within some seconds a run is told nothing', () => {
  expect(toldIn(4_000, Infinity)).toEqual([]);
});

test('a run is told once more when it has gone on for so long that somebody is told', () => {
  const more = toldIn(DAY_MS, 15 * 60_000).filter((timeMs) => !toldIn(DAY_MS, Infinity).includes(timeMs));
  expect(more).toHaveLength(1);
  expect(more[0]).toBeLessThanOrEqual(15 * 60_000);
  expect(more[0]).toBeGreaterThan(14 * 60_000);
});

test.each([
  [1, 1_000],
  [4, 8_000],
  [6, 30_000],
  [50, 30_000],
])('after attempt %i the next comes when the server makes it', (attempt, delayMs) => {
  expect(delayBeforeNext({ initialInterval: '1 s', maximumInterval: '30 s' }, attempt)).toBe(delayMs);
});
