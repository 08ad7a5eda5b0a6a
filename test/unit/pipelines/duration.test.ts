import { formatDuration, parseDuration, parseBoundedDuration } from '../../../src/pipelines/duration';

test.each([
  ['10 ms', 10],
  ['1s', 1000],
  ['1.5 s', 1500],
  ['90 seconds', 90_000],
  ['2 m', 120_000],
  ['15 mins', 900_000],
  ['1 hour', 3_600_000],
  ['7 days', 604_800_000],
  ['1 W', 604_800_000],
  ['7', null],
  ['ms', null],
  ['7 fortnights', null],
  ['-1 s', null],
])('%s is %s milliseconds', (text, durationMs) => {
  expect(parseDuration(text)).toBe(durationMs);
});

test('a duration is told in its two largest units', () => {
  expect([20, 1234, 61_000, 90_061_000].map(formatDuration)).toEqual([
    '20 ms',
    '1.2 s',
    '1 min 1 s',
    '1 d 1 h',
  ]);
});

test.each([
  ['3650 days', 3650 * 86_400_000],
  ['1 ms', 1],
  ['3651 days', null],
  ['99999999999 days', null],
  ['0 s', null],
  ['soon', null],
  [7, null],
])('a duration above zero and up to ten years: %j', (text, durationMs) => {
  expect(parseBoundedDuration(text)).toBe(durationMs);
});
