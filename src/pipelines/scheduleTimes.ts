/** From `start` to `end`, both included, every `step`. */
interface Range {
  start: number;
  end: number;
  step: number;
}

/** Clock times as a Temporal server keeps a cron string; months and days of the week by number, from 1 and from 0 (Sunday). */
export interface CalendarTimes {
  second: readonly Range[];
  minute: readonly Range[];
  hour: readonly Range[];
  dayOfMonth: readonly Range[];
  month: readonly Range[];
  dayOfWeek: readonly Range[];
  /** Empty for every year. */
  year: readonly Range[];
}

/** When a schedule starts runs, without its jitter. */
export interface ScheduleTimes {
  calendars: readonly CalendarTimes[];
  /** In milliseconds; counted from 1970. */
  intervals: readonly { everyMs: number; offsetMs: number }[];
  timeZone: string;
}

const DAY_MS = 86_400_000;
/** A schedule that has no time in so many days has none at all: a leap day may be eight years away. */
const MAX_DAYS = 8 * 366 + 1;

/** The last time of a schedule before another time, or null when there is none. Milliseconds since 1970. */
export function previousTime(schedule: ScheduleTimes, beforeMs: number): number | null {
  return findPrevious(schedule, beforeMs, new ZoneClock(schedule.timeZone));
}

/**
 * The times of a schedule from one time to another, both included, oldest first.
 * @param most more than this many are not counted
 */
export function timesBetween(
  schedule: ScheduleTimes,
  { fromMs, toMs, most }: { fromMs: number; toMs: number; most: number },
): number[] {
  const clock = new ZoneClock(schedule.timeZone);
  const times: number[] = [];
  let time = findPrevious(schedule, toMs + 1, clock);
  while (time !== null && time >= fromMs && times.length <= most) {
    times.push(time);
    time = findPrevious(schedule, time, clock);
  }
  return times.reverse();
}

function findPrevious(
  { calendars, intervals }: ScheduleTimes,
  beforeMs: number,
  clock: ZoneClock,
): number | null {
  const times = [
    ...calendars.map((calendar) => previousOfCalendar(calendar, clock, beforeMs)),
    ...intervals.map(
      ({ everyMs, offsetMs }) => Math.floor((beforeMs - 1 - offsetMs) / everyMs) * everyMs + offsetMs,
    ),
  ].filter((time) => time !== null);
  return times.length === 0 ? null : Math.max(...times);
}

function previousOfCalendar(calendar: CalendarTimes, clock: ZoneClock, beforeMs: number): number | null {
  const [hours, minutes, seconds] = [calendar.hour, calendar.minute, calendar.second].map((ranges) =>
    listDown(ranges, 59),
  ) as [number[], number[], number[]];
  // The local date as if it were one of UTC.
  const localBeforeMs = clock.toLocalMs(beforeMs);
  let day = Math.floor(localBeforeMs / DAY_MS) * DAY_MS;
  for (let n = 0; n < MAX_DAYS; n++, day -= DAY_MS) {
    const date = new Date(day);
    const isDay =
      fits(calendar.dayOfMonth, date.getUTCDate()) &&
      fits(calendar.month, date.getUTCMonth() + 1) &&
      fits(calendar.dayOfWeek, date.getUTCDay()) &&
      (calendar.year.length === 0 || fits(calendar.year, date.getUTCFullYear()));
    if (!isDay) continue;
    for (const hour of hours)
      for (const minute of minutes)
        for (const second of seconds) {
          const localMs = day + ((hour * 60 + minute) * 60 + second) * 1000;
          if (localMs > localBeforeMs) continue;
          const time = clock.toUtcMs(localMs);
          if (time !== null && time < beforeMs) return time;
        }
  }
  return null;
}

function fits(ranges: readonly Range[], value: number): boolean {
  return ranges.some(
    ({ start, end, step }) => value >= start && value <= end && (value - start) % step === 0,
  );
}

function listDown(ranges: readonly Range[], most: number): number[] {
  return Array.from({ length: most + 1 }, (_, i) => most - i).filter((value) => fits(ranges, value));
}

/** The clock on the walls of a time zone. */
class ZoneClock {
  private readonly format: Intl.DateTimeFormat;

  constructor(timeZone: string) {
    this.format = new Intl.DateTimeFormat('en-US', {
      timeZone: timeZone || 'UTC',
      hourCycle: 'h23',
      ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
      ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
    });
  }

  /** What the clock shows, as if it were UTC. */
  toLocalMs(utcMs: number): number {
    const parts = Object.fromEntries(
      this.format.formatToParts(utcMs).map(({ type, value }) => [type, Number(value)]),
    );
    const { year, month, day, hour, minute, second } = parts as Record<string, number>;
    return Date.UTC(year!, month! - 1, day, hour, minute, second);
  }

  /** When the clock shows a time; the later of two, and null for one that a change of the clocks leaves out. */
  toUtcMs(localMs: number): number | null {
    const offsets = [-DAY_MS, DAY_MS].map((apart) => this.toLocalMs(localMs + apart) - (localMs + apart));
    const times = offsets
      .map((offset) => localMs - offset)
      .filter((time) => this.toLocalMs(time) === localMs);
    return times.length === 0 ? null : Math.max(...times);
  }
}
