import { field, type InputOf } from './field';
import { joinLocation } from './location';

/** How a pipeline's CSV files are read, and how many of their rows may be bad; `docs/data.md` has the rules. */
export const csvFields = {
  delimiter: field.text({ about: 'between the fields of CSV files, such as ";" or "\\t"', default: ',' }),
  skipLines: field.integer({ about: 'lines above the header of CSV files', default: 0, most: 1_000 }),
  encoding: field.text({ about: 'of CSV files without byte order mark', default: 'utf-8' }),
  maxBadShare: field.share({ about: 'of rows that cannot be read, above which a job fails', default: 1 }),
};

/** The values of `csvFields`. */
export type CsvInput = InputOf<typeof csvFields>;

/** Arguments of a `duckdb:query` that uses `sluice_csv`. */
export function csvArguments({ delimiter, skipLines, encoding, maxBadShare }: CsvInput): {
  delimiter: string;
  skipLines: string;
  encoding: string;
  maxBadShare: string;
} {
  return { delimiter, skipLines: String(skipLines), encoding, maxBadShare: String(maxBadShare) };
}

/**
 * Options of a script that uses `sluice_rows.py`.
 * @param output the folder that the script replaces; what became of the rows is told beside it
 */
export function csvOptions(input: CsvInput, output: string): Record<string, string> {
  return {
    '--delimiter': input.delimiter,
    '--skip-lines': String(input.skipLines),
    '--encoding': input.encoding,
    '--max-bad-share': String(input.maxBadShare),
    ...rowsTo(output),
  };
}

/** The option that names the object in which a script of `sluice_rows.py` tells what became of its rows. */
export function rowsTo(output: string): { [ROWS_TO]: string } {
  return { [ROWS_TO]: joinLocation(`${joinLocation(output)}-rejected`, '_rows.json') };
}

export const ROWS_TO = '--rows-to';
