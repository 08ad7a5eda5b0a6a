import Table from 'cli-table3';
import type { CommandError } from './errors';

/** Data goes to standard output, everything else to standard error. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

export function note(text: string): void {
  process.stderr.write(`${visible(text)}\n`);
}

/** All that moves a terminal's cursor, colours it or turns what it shows around, but line feeds and tabs. */
const CONTROLS = /(?![\n\t])[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** A text that others have written, as a terminal may show it: escapes are read, not obeyed. */
export function visible(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(CONTROLS, (sign) => {
    const digits = sign.charCodeAt(0).toString(16);
    return digits.length > 2 ? `\\u${digits}` : `\\x${digits.padStart(2, '0')}`;
  });
}

/** The same in one line. */
export function visibleLine(text: string): string {
  return visible(text.replace(/\s*[\r\n]\s*/g, ' ').replace(/\t/g, ' '));
}

/** A value with all its texts visible; those of messages keep their lines. */
export function visibleOf<T>(value: T, keepsLines = false): T {
  if (typeof value === 'string') return (keepsLines ? visible(value) : visibleLine(value)) as T;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => visibleOf(item, keepsLines)) as T;
  const members = Object.entries(value).map(([name, member]) => [
    visibleLine(name),
    visibleOf(member as unknown, keepsLines || name === 'message' || name === 'result'),
  ]);
  return Object.fromEntries(members) as T;
}

export function printError({ code, message }: CommandError, json: boolean): void {
  if (json) process.stderr.write(`${JSON.stringify({ error: { code, message } })}\n`);
  else note(`${code}: ${message}`);
}

/** Columns without borders, so that the text can be read by `awk` and people alike. */
export function formatTable(head: string[], rows: string[][]): string {
  const none = Object.fromEntries(
    ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right', 'left']
      .concat(['left-mid', 'mid', 'mid-mid', 'right', 'right-mid'])
      .map((part) => [part, '']),
  );
  const style = { head: [], border: [], 'padding-left': 0, 'padding-right': 0 };
  const table = new Table({ head: head.map(visibleLine), chars: { ...none, middle: '  ' }, style });
  table.push(...rows.map((row) => row.map(visibleLine)));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** As wide as what is put between columns. */
const GAP = 2;
/** Below this, a text says nothing any more. */
const LEAST_WIDTH = 12;

/**
 * Makes a table fit the terminal: of the columns given, in this order, long texts lose their middle. What is no terminal is
 * given all of it.
 */
export function fitTable(head: string[], given: string[][], shortened: number[]): string[][] {
  const rows = given.map((row) => row.map(visibleLine));
  const columns = process.stdout.isTTY ? process.stdout.columns : undefined;
  if (columns === undefined) return rows;
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  let excess = widths.reduce((sum, width) => sum + width, GAP * (widths.length - 1)) - columns;
  for (const i of shortened) {
    const width = Math.max(Math.min(LEAST_WIDTH, widths[i]!), widths[i]! - Math.max(0, excess));
    excess -= widths[i]! - width;
    widths[i] = width;
  }
  return rows.map((row) => row.map((text, i) => shortenMiddle(text, widths[i]!)));
}

/** The ends of an id tell runs apart; its middle says where the object lay. */
export function shortenMiddle(text: string, width: number): string {
  if (text.length <= width) return text;
  const tail = Math.floor((width - 1) / 2);
  return `${text.slice(0, width - 1 - tail)}…${text.slice(text.length - tail)}`;
}

/** `2025-03-01 12:30:05`, in the machine's own time zone. */
export function formatTime(time: string | Date | null): string {
  if (time === null) return '';
  return new Date(time).toLocaleString('sv-SE');
}
