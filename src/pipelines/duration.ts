const UNITS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ms: 1,
    s: 1000,
    sec: 1000,
    second: 1000,
    m: 60_000,
    min: 60_000,
    minute: 60_000,
    h: 3_600_000,
    hour: 3_600_000,
    d: 86_400_000,
    day: 86_400_000,
    w: 604_800_000,
    week: 604_800_000,
  }),
);

/** Milliseconds of a duration as people write it (`7 days`, `90 s`, `1h`), or null when it is none. */
export function parseDuration(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(text);
  if (match === null) return null;
  const name = match[2]!.toLowerCase();
  // As it stands first: the s of `ms` is no plural.
  const unit = UNITS.get(name) ?? UNITS.get(name.replace(/s$/, ''));
  return unit === undefined ? null : Number(match[1]) * unit;
}

/** A server's timer holds no more, and a date that lies further off none at all. */
const MAX_DURATION_MS = 10 * 365 * 86_400_000;

/** What `parseBoundedDuration` takes, for messages. */
export const DURATION_NEEDS = 'a duration above zero and up to 10 years, such as "7 days", "90 s" or "1h"';

/** Milliseconds of a duration above zero and up to ten years, or null when it is none. */
export function parseBoundedDuration(text: unknown): number | null {
  const durationMs = typeof text === 'string' ? parseDuration(text) : null;
  return durationMs !== null && durationMs > 0 && durationMs <= MAX_DURATION_MS ? durationMs : null;
}

/** Whether a calendar has a day such as `2025-02-28`: a Date takes the 31st of February for one in March. */
export function isCalendarDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/** A duration for people: the two largest units that are not zero. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1000) return `${Math.round(durationMs)} ms`;
  if (durationMs < 10_000) return `${(durationMs / 1000).toFixed(1)} s`;
  let seconds = Math.round(durationMs / 1000);
  const parts: string[] = [];
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ] as const) {
    if (seconds >= size && parts.length < 2) {
      parts.push(`${Math.floor(seconds / size)} ${unit}`);
      seconds %= size;
    }
  }
  return parts.join(' ');
}
