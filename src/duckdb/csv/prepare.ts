import { closeSync, openSync, writeSync } from 'node:fs';
import { SluiceError } from '../../errors';
import type { BadCase } from '../../lake/badCases';
import { RecordReader, type CsvRecord, type Dialect } from './records';
import {
  decodeFile,
  describeNotUtf8,
  dialectOf,
  endsAt,
  hasByteOrderMark,
  readText,
  type CsvOptions,
} from './source';
import { NotUtf8, surveyFile } from './survey';
import { isReadable, type Column } from './values';

/** A file as DuckDB reads it. */
export interface PreparedFile {
  /** The file of the input, which messages name. */
  original: string;
  path: string;
  header: string[];
  /** Of each column that was asked for, its place. */
  places: number[];
  dialect: Dialect;
  skipLines: number;
  /** It is read from its beginning on, by one thread. */
  isSequential: boolean;
  /** Rewritten: fields are trimmed, and rows that are none were left out. */
  isRewritten: boolean;
  /** The bytes of its longest line, where that was looked for. */
  longestLine: number;
  /** How many rows were left out. */
  rejected: number;
  /** The file as text for a second look. */
  textFile: string;
}

/** How many cases are kept, and how long their texts may be. */
export const MAX_CASES = 100;
const MAX_TEXT = 1_000;
const HEAD_LINES = 20;
const DELIMITERS = [
  [',', '","'],
  [';', '";"'],
  ['\t', 'a tab'],
  ['|', '"|"'],
] as const;

/**
 * Makes a file ready for DuckDB's reader: decoded, its header read, and rewritten where the reader would read it
 * differently.
 * @param reading tells what is written for one call of `sluice_csv` from that of others
 * @throws SluiceError BadData that names the file, InvalidJob for wrong options
 */
export async function prepareFile(
  original: string,
  { columns, options, reading }: { columns: readonly Column[]; options: CsvOptions; reading: number },
  signal: AbortSignal,
): Promise<PreparedFile> {
  const { skipLines, encoding } = options;
  const textFile = await decodeFile(original, `${original}.${reading}.decoded`, encoding, signal);
  const dialect = dialectOf(readBeginning(textFile), options);
  const { header, headerAt, isPlain } = readHeader(textFile, dialect, skipLines);
  const places = findPlaces({ original, textFile, header, columns, dialect, options });
  try {
    const survey = surveyFile(textFile, headerAt, dialect, header.length);
    const prepared = { original, textFile, header, places };
    // A field that is empty and a line that is empty look alike where there is one column.
    if (isPlain && survey.isPlain && header.length > 1) {
      const { isSequential } = survey;
      return {
        ...{ ...prepared, path: textFile, dialect, skipLines, isSequential },
        ...{ isRewritten: false, rejected: 0, longestLine: 0 },
      };
    }
    const path = `${original}.${reading}.rewritten`;
    return {
      ...{ ...prepared, path, dialect: { delimiter: ',', lineEnd: '\n' }, skipLines: 0, isSequential: true },
      ...{ isRewritten: true, ...rewrite(textFile, path, { dialect, skipLines, width: header.length }) },
    };
  } catch (error) {
    throw error instanceof NotUtf8 ? describeNotUtf8(original, textFile, error) : error;
  }
}

/** The rows of a file, each with its line: what no row can be made of has a reason. */
export function* readRows(
  textFile: string,
  { options, width }: { options: Pick<CsvOptions, 'delimiter' | 'skipLines'>; width: number },
): Generator<CsvRecord> {
  const dialect = dialectOf(readBeginning(textFile), options);
  yield* rowsOf(textFile, { dialect, skipLines: options.skipLines, width });
}

/** Whether a row of a file can be read. */
export function hasRows({ textFile, header }: PreparedFile, options: CsvOptions): boolean {
  for (const { fields } of readRows(textFile, { options, width: header.length }))
    if (fields !== null) return true;
  return false;
}

/** The first cases of a file. */
export function* findCases(
  { original, textFile, header, places }: PreparedFile,
  columns: readonly Column[],
  options: CsvOptions,
): Generator<BadCase> {
  for (const row of readRows(textFile, { options, width: header.length })) {
    const { line } = row;
    if (row.fields === null) {
      yield { file: original, line, column: null, text: cut(row.text), reason: row.reason! };
      continue;
    }
    for (const [i, { name, type }] of columns.entries()) {
      const text = row.fields[places[i]!]!;
      if (text !== '' && !isReadable(text, type)) {
        const reason = `no ${type.sql}`;
        yield { file: original, line, column: name, text: cut(text), reason };
      }
    }
  }
}

interface Layout {
  dialect: Dialect;
  skipLines: number;
  width: number;
}

function* rowsOf(textFile: string, { dialect, skipLines, width }: Layout): Generator<CsvRecord> {
  const text = readText(textFile);
  try {
    const reader = new RecordReader(text.next, dialect);
    for (let i = 0; i < skipLines; i++) reader.readLine();
    reader.readHeader();
    for (let row = reader.read(); row !== null; row = reader.read()) {
      if (row.fields === null) yield row;
      // One delimiter too many at the end of a row takes nothing from it.
      else if (row.fields.length === width + 1 && row.fields[width] === '')
        yield { ...row, fields: row.fields.slice(0, width) };
      else if (row.fields.length === width) yield row;
      else {
        const reason = `${row.fields.length} fields; the header has ${width}`;
        yield { ...row, fields: null, reason };
      }
    }
  } finally {
    text.close();
  }
}

/** How many rows were left out, and the bytes of the longest that was not. */
function rewrite(
  textFile: string,
  path: string,
  layout: Layout,
): Pick<PreparedFile, 'rejected' | 'longestLine'> {
  const file = openSync(path, 'w');
  let rejected = 0;
  let longestLine = 0;
  let lines = [`${Array.from({ length: layout.width }, (_, i) => `c${i}`).join(',')}\n`];
  let length = 0;
  const flush = () => {
    writeSync(file, lines.join(''));
    lines = [];
    length = 0;
  };
  try {
    for (const { fields } of rowsOf(textFile, layout)) {
      if (fields === null) rejected++;
      else {
        const line = `${fields.map(quote).join(',')}\n`;
        lines.push(line);
        length += line.length;
        longestLine = Math.max(longestLine, Buffer.byteLength(line));
        if (length > 1 << 20) flush();
      }
    }
    flush();
    return { rejected, longestLine };
  } finally {
    closeSync(file);
  }
}

/** An only field that is empty is quoted: its line would count as none. */
function quote(field: string, _: number, all: readonly string[]): string {
  return /[",\r\n]|^[ \t]|[ \t]$/.test(field) || (field === '' && all.length === 1)
    ? `"${field.replaceAll('"', '""')}"`
    : field;
}

function readBeginning(textFile: string): string {
  const text = readText(textFile);
  try {
    let head = text.next() ?? '';
    // The first line may be longer than a piece.
    for (let more = text.next(); more !== null && !/[\r\n]./s.test(head); more = text.next()) head += more;
    return head;
  } finally {
    text.close();
  }
}

function readHeader(
  textFile: string,
  dialect: Dialect,
  skipLines: number,
): {
  header: string[];
  /** In bytes. */
  headerAt: number;
  /** DuckDB's reader tells the lines above it as we do. */
  isPlain: boolean;
} {
  const text = readText(textFile);
  try {
    const reader = new RecordReader(text.next, dialect);
    let headerAt = hasByteOrderMark(textFile) ? 3 : 0;
    let isPlain = true;
    const { lineEnd } = dialect;
    for (let i = 0; i < skipLines; i++) {
      const line = reader.readLine();
      if (line === null) break;
      headerAt += Buffer.byteLength(line) + lineEnd.length;
      isPlain &&= !/["\r\n]/.test(line);
    }
    // A line that ends in another way was taken for one that ends like the first.
    isPlain &&= skipLines === 0 || endsAt(textFile, headerAt, lineEnd);
    const header = reader.readHeader();
    return { header: header.map(columnName), headerAt, isPlain };
  } finally {
    text.close();
  }
}

/** `Forecasted Monthly Revenue` is `forecasted_monthly_revenue`. */
export function columnName(field: string): string {
  return field.trim().toLowerCase().replace(/\s+/g, '_');
}

interface HeaderSearch {
  original: string;
  textFile: string;
  header: readonly string[];
  columns: readonly Column[];
  dialect: Dialect;
  options: CsvOptions;
}

function findPlaces(search: HeaderSearch): number[] {
  const { original, header, columns } = search;
  return columns.map(({ name }) => {
    const places = header.flatMap((found, i) => (found === name ? [i] : []));
    if (places.length === 1) return places[0]!;
    if (places.length > 1) {
      const named = places.map((place) => place + 1).join(' and ');
      throw new SluiceError(
        'BadData',
        `${original}: columns ${named} are both called "${name}"; give each its own name`,
      );
    }
    const has = header.join(', ') || 'nothing';
    throw new SluiceError(
      'BadData',
      `${original}: no column "${name}"; the header has ${cut(has)}${suggest(search)}`,
    );
  });
}

/** Another delimiter, line or encoding with which the columns may be there, as the end of a message. */
function suggest({ textFile, columns, options }: HeaderSearch): string {
  const beginning = readBeginning(textFile);
  const { lineEnd } = dialectOf(beginning, options);
  const lines = beginning.split(lineEnd).slice(0, HEAD_LINES);
  const ordered = [...DELIMITERS].sort(([a], [b]) => rank(a) - rank(b));
  function rank(delimiter: string): number {
    return delimiter === options.delimiter ? 0 : 1;
  }
  for (const [delimiter, shown] of ordered) {
    const at = lines.findIndex((line) => {
      const names = line.split(delimiter).map((field) => columnName(field.replace(/^\s*"(.*)"\s*$/s, '$1')));
      return columns.every(({ name }) => names.includes(name));
    });
    if (at === -1) continue;
    const cures = [
      ...(delimiter === options.delimiter ? [] : [`its fields are separated by ${shown}: give delimiter`]),
      ...(at === options.skipLines ? [] : [`its header is line ${at + 1}: give skipLines ${at}`]),
    ];
    // The line is the header already: a quote counts at the beginning of a name alone.
    if (cures.length === 0) return '; where a blank stands before a quote, take it out';
    return `; ${cures.join(', and ')}`;
  }
  if (!beginning.includes('\0')) return '';
  return `; it seems to be UTF-16 without its mark: give encoding utf-16${beginning.startsWith('\0') ? 'be' : 'le'}`;
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text;
}
