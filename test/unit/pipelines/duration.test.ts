import { parseDuration } from '../../../src/pipelines/duration';

test.each([
  ['50ms', 50],
  ['500 ms', 500],
  ['90 s', 90_000],
  ['2 secs', 2000],
  ['5m', 300_000],
  ['15 minutes', 900_000],
  ['1h', 3_600_000],
  ['7 days', 604_800_000],
  ['2 fortnights', null],
  ['s', null],
])('%s is %s milliseconds', (text, durationMs) => {
  expect(parseDuration(text)).toBe(durationMs);
});
