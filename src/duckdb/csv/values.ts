import { SluiceError } from '../../errors';

/** A column of a CSV file as a query asks for it. */
export interface Column {
  /** As the header has it: trimmed, lower case, each run of white space one `_`. */
  name: string;
  type: ColumnType;
}

/** How a text becomes a value: exactly, or not at all. */
export interface ColumnType {
  /** In DuckDB's notation. */
  sql: string;
  /** What a text of this type looks like, for both regular expression engines; null when every text is one. */
  pattern: string | null;
  /** Whether DuckDB's cast of a text that looks right can still fail: the range. */
  fits: (text: string) => boolean;
  /** A cheap test in SQL that holds only for texts whose cast is exact; `v` is the cast, `x` the text. */
  isSurely?: (value: string, text: string) => string;
}

const NUMBER = String.raw`[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?`;
const [MIN_INTEGER, MAX_INTEGER] = [-(2n ** 63n), 2n ** 63n - 1n];

/** @throws SluiceError InvalidJob for a type that is none of ours */
export function columnType(name: string): ColumnType {
  const upper = name.trim().toUpperCase();
  if (upper === 'VARCHAR' || upper === 'TEXT') return { sql: 'VARCHAR', pattern: null, fits: () => true };
  if (upper === 'BIGINT' || upper === 'INTEGER') {
    return {
      sql: 'BIGINT',
      pattern: '[+-]?[0-9]+',
      fits: (text) => {
        const value = BigInt(text.replace(/^\+/, ''));
        return value >= MIN_INTEGER && value <= MAX_INTEGER;
      },
      isSurely: (value, text) => `${value}::VARCHAR = ${text}`,
    };
  }
  if (upper === 'DOUBLE')
    return { sql: 'DOUBLE', pattern: NUMBER, fits: (text) => Number.isFinite(Number(text)) };
  const decimal = /^DECIMAL\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(upper);
  const [width, scale] = [Number(decimal?.[1]), Number(decimal?.[2])];
  if (decimal && width >= 1 && width <= 38 && scale <= width) {
    const whole = width - scale;
    const digits = whole === 0 ? '0*' : `0*[0-9]{0,${whole}}`;
    return {
      sql: `DECIMAL(${width},${scale})`,
      pattern: scale === 0 ? `[+-]?${digits}` : `[+-]?${digits}([.][0-9]{0,${scale}}0*)?`,
      fits: (text) => /[0-9]/.test(text),
    };
  }
  throw new SluiceError(
    'InvalidJob',
    `sluice_csv: "${name}" is no type of a column; give VARCHAR, BIGINT, DOUBLE or DECIMAL(digits, digits after the point)`,
  );
}

/** Whether a text that is not empty has a value of the type. */
export function isReadable(text: string, { pattern, fits }: ColumnType): boolean {
  return pattern === null || (new RegExp(`^(?:${pattern})$`).test(text) && fits(text));
}

const BLANKS = "' ' || chr(9)";

/** SQL for a field as text: empty is null. Only what has a blank at an end is trimmed, which costs more than the reading. */
export function textSql(field: string, isTrimmed: boolean): string {
  if (isTrimmed) return field;
  return `CASE WHEN ${field} < '!' OR suffix(${field}, ' ') OR suffix(${field}, chr(9)) THEN nullif(trim(${field}, ${BLANKS}), '') ELSE ${field} END`;
}

/** SQL for a field as a value of the type; what cannot be read is null. */
export function valueSql(field: string, type: ColumnType, isTrimmed: boolean): string {
  if (type.pattern === null) return textSql(field, isTrimmed);
  const text = isTrimmed ? field : `trim(${field}, ${BLANKS})`;
  const cast = (of: string) => `TRY_CAST(${of} AS ${type.sql})`;
  const checked = `WHEN regexp_full_match(${text}, '${type.pattern}') THEN ${finite(cast(`ltrim(${text}, '+')`), type)}`;
  const sure = type.isSurely ? `WHEN ${type.isSurely(cast(field), field)} THEN ${cast(field)} ` : '';
  return `CASE ${sure}${checked} END`;
}

function finite(value: string, { sql }: ColumnType): string {
  return sql === 'DOUBLE' ? `CASE WHEN isfinite(${value}) THEN ${value} END` : value;
}
