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
  process.stderr.write(`${text}\n`);
}

export function printError({ code, message }: CommandError, json: boolean): void {
  note(json ? JSON.stringify({ error: { code, message } }) : `${code}: ${message}`);
}

/** Columns without borders, so that the text can be read by `awk` and people alike. */
export function formatTable(head: string[], rows: string[][]): string {
  const none = Object.fromEntries(
    ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right', 'left']
      .concat(['left-mid', 'mid', 'mid-mid', 'right', 'right-mid'])
      .map((part) => [part, '']),
  );
  const style = { head: [], border: [], 'padding-left': 0, 'padding-right': 0 };
  const table = new Table({ head, chars: { ...none, middle: '  ' }, style });
  table.push(...rows);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** `2025-03-01 12:30:05`, in the machine's own time zone. */
export function formatTime(time: string | Date | null): string {
  if (time === null) return '';
  return new Date(time).toLocaleString('sv-SE');
}
