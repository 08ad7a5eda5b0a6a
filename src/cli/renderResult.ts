import type { JobResult } from '../jobs';
import { formatTable } from './output';

/** What is shown of a result; all of it is in `--json`. */
const SHOWN_LINES = 20;
const SHOWN_COLUMNS = 10;
const CELL_LENGTH = 60;
const JSON_LENGTH = 500;

/** The locations that a result names and the rows that jobs returned, each below its place in the result. */
export function renderResult(result: unknown): string {
  if (result === null || result === undefined) return '';
  const locations = new Map<string, string>();
  const tables: string[] = [];
  const collect = (value: unknown, place: string): void => {
    if (typeof value === 'string') {
      if (/^[a-z0-9]+:\/\/\S/.test(value) && !locations.has(value)) locations.set(value, place || 'output');
    } else if (isJobResult(value)) {
      collect(value.output, under(place, 'output'));
      if (value.rows) tables.push(renderRows(value.rows, under(place, 'rows')));
      if (value.payload !== undefined && value.payload !== null)
        tables.push(`${under(place, 'payload')}: ${shorten(JSON.stringify(value.payload), JSON_LENGTH)}`);
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) collect(inner, under(place, name));
    }
  };
  collect(result, '');
  if (locations.size === 0 && tables.length === 0)
    return isJobResult(result) ? '' : `result: ${shorten(JSON.stringify(result), JSON_LENGTH)}`;
  const lines = [...locations].map(([location, place]) => `${place}: ${location}`);
  return [...bound(lines, 'locations'), ...bound(tables, 'results')].join('\n');
}

function isJobResult(value: unknown): value is JobResult {
  return typeof value === 'object' && value !== null && 'resource' in value && 'externalId' in value;
}

function under(place: string, name: string): string {
  return place === '' ? name : `${place}.${name}`;
}

function renderRows(rows: Record<string, unknown>[], place: string): string {
  const columns = Object.keys(rows[0] ?? {}).slice(0, SHOWN_COLUMNS);
  if (columns.length === 0) return `${place}: none`;
  const cells = rows.slice(0, SHOWN_LINES).map((row) => columns.map((column) => showCell(row[column])));
  const more =
    rows.length > SHOWN_LINES ? [`… and ${rows.length - SHOWN_LINES} more rows (all of them: --json)`] : [];
  return [`${place}:`, formatTable(columns, cells), ...more].join('\n');
}

function showCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return shorten(text.replace(/\s+/g, ' '), CELL_LENGTH);
}

function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

function bound(lines: string[], kind: string): string[] {
  if (lines.length <= SHOWN_LINES) return lines;
  return [
    ...lines.slice(0, SHOWN_LINES),
    `… and ${lines.length - SHOWN_LINES} more ${kind} (all of them: --json)`,
  ];
}
