import { SluiceError } from '../errors';
import { parseS3Uri } from '../pipelines/location';
import { isParenthesis, isWord, parseSql, printSql, quoteText, textOf, type SqlNode } from './sql';

/** An UNLOAD statement, as one local file. */
export interface Unload {
  select: string;
  prefix: string;
  /** The URI of the file. */
  target: string;
  format: 'csv' | 'parquet';
  /** Of DuckDB's COPY. */
  options: string;
  allowOverwrite: boolean;
}

/**
 * `UNLOAD ('select') TO 's3://prefix' …`, or null for another statement. The result is one file, named as the first of
 * Redshift's. https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
 * @throws SluiceError InvalidJob for an option that has no local counterpart
 */
export function parseUnload(sql: string): Unload | null {
  const [unload, query, to, location, ...rest] = parseSql(sql);
  if (!isWord(unload, 'UNLOAD')) return null;
  const select = isParenthesis(query) ? textOf(query.nodes[0]) : null;
  const prefix = isWord(to, 'TO') ? textOf(location) : null;
  if (select === null || prefix === null || parseS3Uri(prefix) === null)
    throw new SluiceError('InvalidJob', `UNLOAD: needs ('select …') TO 's3://bucket/prefix'`);
  const given = parseOptions(rest);
  const format = given.parquet ? 'parquet' : 'csv';
  const compression = given.gzip ? '.gz' : '';
  const ending = given.extension !== null ? `.${given.extension}` : given.parquet ? '.parquet' : compression;
  const target = `${prefix}${given.parallel ? '0000_part_00' : '000'}${ending}`;
  return {
    select,
    prefix,
    target,
    format,
    options: copyOptions(given),
    allowOverwrite: given.allowOverwrite,
  };
}

/**
 * The query of an UNLOAD in dollar quotes. In single quotes it may have `\\'` and `''` for a quote of its own.
 * https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
 */
export function plainQuotes(sql: string): string {
  const begin = /^\s*UNLOAD\s*\(\s*'/i.exec(sql);
  if (!begin) return sql;
  const text = /^(?:[^'\\]|\\[\s\S]|'')*/.exec(sql.slice(begin[0].length))![0];
  const query = text.replace(/\\(['\\])|''/g, (_, escaped?: string) => escaped ?? "'");
  if (query.includes('$$')) return sql;
  return `${begin[0].slice(0, -1)}$$${query}$$${sql.slice(begin[0].length + text.length + 1)}`;
}

interface Options {
  csv: boolean;
  parquet: boolean;
  header: boolean;
  delimiter: string | null;
  nullText: string;
  parallel: boolean;
  allowOverwrite: boolean;
  addQuotes: boolean;
  gzip: boolean;
  extension: string | null;
}

function parseOptions(nodes: readonly SqlNode[]): Options {
  const options: Options = {
    csv: false,
    parquet: false,
    header: false,
    delimiter: null,
    nullText: '',
    parallel: true,
    allowOverwrite: false,
    addQuotes: false,
    gzip: false,
    extension: null,
  };
  const left = nodes.filter((node) => !isWord(node, 'AS', 'FORMAT') && printSql([node]).trim() !== ';');
  for (let i = 0; i < left.length; i++) {
    const node = left[i];
    const text = textOf(left[i + 1]);
    if (isWord(node, 'CSV')) options.csv = true;
    else if (isWord(node, 'PARQUET')) options.parquet = true;
    else if (isWord(node, 'HEADER')) options.header = true;
    else if (isWord(node, 'ALLOWOVERWRITE', 'CLEANPATH')) options.allowOverwrite = true;
    else if (isWord(node, 'ADDQUOTES')) options.addQuotes = true;
    else if (isWord(node, 'GZIP')) options.gzip = true;
    else if (isWord(node, 'PARALLEL')) {
      if (!isWord(left[i + 1], 'ON', 'OFF', 'TRUE', 'FALSE')) continue;
      options.parallel = isWord(left[++i], 'ON', 'TRUE');
    } else if (isWord(node, 'DELIMITER') && text !== null) {
      options.delimiter = text;
      i++;
    } else if (isWord(node, 'NULL') && text !== null) {
      options.nullText = text;
      i++;
    } else if (isWord(node, 'EXTENSION') && text !== null) {
      options.extension = text;
      i++;
    } else if (isWord(node, 'IAM_ROLE', 'CREDENTIALS', 'REGION')) i++;
    else {
      throw new SluiceError(
        'InvalidJob',
        `UNLOAD: the option ${printSql(left.slice(i, i + 1)).trim()} has no local counterpart; docs/local-mode.md lists those that have`,
      );
    }
  }
  return options;
}

function copyOptions({ parquet, csv, header, delimiter, nullText, addQuotes, gzip }: Options): string {
  if (parquet) return 'FORMAT parquet, COMPRESSION snappy';
  // Text that is no CSV has no quotes.
  const quote = csv ? '' : addQuotes ? ', FORCE_QUOTE *' : ", QUOTE ''";
  const separator = quoteText((delimiter ?? (csv ? ',' : '|')).replace('\\t', '\t'));
  return `FORMAT csv, HEADER ${header}, DELIMITER ${separator}, NULLSTR ${quoteText(nullText)}${quote}${gzip ? ', COMPRESSION gzip' : ''}`;
}
