import { previousTime, timesBetween, type CalendarTimes } from '../../../src/pipelines/scheduleTimes';

const range = (start: number, end = start, step = 1) => [{ start, end, step }];

const calendar = (given: Partial<CalendarTimes>): CalendarTimes => ({
  ...{ second: range(0), minute: range(0), hour: range(0) },
  ...{ dayOfMonth: range(1, 31), month: range(1, 12), dayOfWeek: range(0, 6), year: [] },
  ...given,
});

const previous = (given: Partial<CalendarTimes>, before: string, timeZone = 'UTC') => {
  const time = previousTime({ calendars: [calendar(given)], intervals: [], timeZone }, Date.parse(before));
  return time === null ? null : new Date(time).toISOString();
};

test.each([
  ['the night before', {}, '2025-03-01T00:00:00Z', 'UTC', '2025-02-28T00:00:00.000Z'],
  ['a time is not before itself', {}, '2025-03-01T00:00:01Z', 'UTC', '2025-03-01T00:00:00.000Z'],
  ['the Monday before', { dayOfWeek: range(1) }, '2025-03-03T00:00:00Z', 'UTC', '2025-02-24T00:00:00.000Z'],
  [
    'every quarter of an hour',
    { hour: range(0, 23), minute: range(0, 59, 15) },
    '2025-03-01T00:00:00Z',
    'UTC',
    '2025-02-28T23:45:00.000Z',
  ],
  [
    'the last leap day',
    { dayOfMonth: range(29), month: range(2) },
    '2027-01-01T00:00:00Z',
    'UTC',
    '2024-02-29T00:00:00.000Z',
  ],
  ['midnight elsewhere', {}, '2025-03-01T00:00:00Z', 'Asia/Kathmandu', '2025-02-28T18:15:00.000Z'],
  [
    'midnight before a change of the clocks',
    {},
    '2025-03-30T22:00:00Z',
    'Europe/Berlin',
    '2025-03-29T23:00:00.000Z',
  ],
  [
    'an hour that the clocks leave out',
    { hour: range(2), minute: range(30) },
    '2025-03-30T12:00:00Z',
    'Europe/Berlin',
    '2025-03-29T01:30:00.000Z',
  ],
])('%s', (_title, given, before, zone, expected) => {
  expect(previous(given, before, zone)).toBe(expected);
});

test('a schedule without any time has none before', () => {
  expect(previous({ dayOfMonth: range(30), month: range(2) }, '2025-03-01T00:00:00Z')).toBeNull();
});

test('two thousand minutes are listed at once', () => {
  const everyMinute = calendar({ hour: range(0, 23), minute: range(0, 59) });
  const schedule = { calendars: [everyMinute], intervals: [], timeZone: 'Europe/Berlin' };
  const toMs = Date.parse('2025-03-31T00:00:00Z');
  const times = timesBetween(schedule, { fromMs: 0, toMs, most: 2_000 });
  expect(times).toHaveLength(2_001);
  expect(times.at(-1)! - times[0]!).toBe(2_000 * 60_000);
});

test('the times of an interval are counted from 1970, with both ends', () => {
  const schedule = {
    calendars: [],
    intervals: [{ everyMs: 21_600_000, offsetMs: 3_600_000 }],
    timeZone: 'UTC',
  };
  const [fromMs, toMs] = ['2025-03-01T01:00:00Z', '2025-03-01T19:00:00Z'].map((time) => Date.parse(time)) as [
    number,
    number,
  ];
  const times = timesBetween(schedule, { fromMs, toMs, most: 100 });
  expect(times.map((time) => new Date(time).toISOString().slice(11, 16))).toEqual([
    '01:00',
    '07:00',
    '13:00',
    '19:00',
  ]);
  // One more than is taken says that there are too many.
  expect(timesBetween(schedule, { fromMs, toMs, most: 2 })).toHaveLength(3);
});
