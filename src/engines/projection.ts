import { SluiceError } from '../errors';
import { partitionFolder, type Partition, type Table } from './catalog';

/** More would be a mistake in the table's ranges. */
const MAX_PARTITIONS = 100_000;

export function isProjected({ properties }: Table): boolean {
  return properties['projection.enabled']?.toLowerCase() === 'true';
}

/**
 * The partitions of a table whose properties say what they are; the catalog's own are not looked at.
 * https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
 * @param given the values that the query asks for, by key, which an injected key needs
 * @throws SluiceError JobFailed for properties that do not fit together
 */
export function projectPartitions(
  table: Table,
  given: ReadonlyMap<string, readonly string[]>,
  now = new Date(),
): Partition[] {
  const perKey = table.partitionKeys.map(({ name }) => valuesOf(table, name, given.get(name), now));
  const count = perKey.reduce((product, values) => product * values.length, 1);
  if (count > MAX_PARTITIONS)
    throw new SluiceError(
      'JobFailed',
      `${table.name}: its projection has ${count} partitions; narrow its ranges, or name values of its keys in WHERE with = or IN`,
    );
  const template = table.properties['storage.location.template'];
  return perKey
    .reduce<string[][]>((rows, values) => rows.flatMap((row) => values.map((value) => [...row, value])), [[]])
    .map((values) => ({ values, location: locationOf(table, values, template) }));
}

function locationOf(
  { location, partitionKeys }: Table,
  values: readonly string[],
  template?: string,
): string {
  if (template === undefined)
    return `${location.replace(/\/*$/, '/')}${partitionFolder(partitionKeys, values)}/`;
  return partitionKeys
    .reduce((text, { name }, i) => text.replaceAll(`\${${name}}`, values[i]!), template)
    .replace(/\/*$/, '/');
}

function valuesOf(table: Table, key: string, given: readonly string[] | undefined, now: Date): string[] {
  const property = (name: string) => table.properties[`projection.${key}.${name}`];
  const type = property('type')?.toLowerCase();
  const invalid = (what: string) =>
    new SluiceError('JobFailed', `INVALID_TABLE_PROPERTY: ${table.name}: projection.${key}.${what}`);
  const within = (values: string[]) => (given ? values.filter((value) => given.includes(value)) : values);
  const range = () => {
    const parts = property('range')
      ?.split(',')
      .map((part) => part.trim());
    if (parts?.length !== 2) throw invalid('range: two values with a comma between them are needed');
    return parts as [string, string];
  };
  switch (type) {
    case 'enum':
      return within((property('values') ?? '').split(',').map((value) => value.trim()));
    case 'integer': {
      const [from, to] = range().map(Number) as [number, number];
      const interval = Number(property('interval') ?? 1);
      if (![from, to, interval].every(Number.isSafeInteger) || interval < 1)
        throw invalid('range and interval: whole numbers are needed');
      const digits = Number(property('digits') ?? 0);
      const values = Array.from({ length: Math.max(0, Math.floor((to - from) / interval) + 1) }, (_, i) =>
        String(from + i * interval).padStart(digits, '0'),
      );
      // The key is often an integer, whose literal has no zeros before it.
      return given ? values.filter((value) => given.some((one) => Number(one) === Number(value))) : values;
    }
    case 'date':
      return within(
        datesOf(
          range(),
          { format: property('format'), interval: property('interval'), unit: property('interval.unit') },
          now,
          invalid,
        ),
      );
    case 'injected':
      if (given === undefined)
        throw new SluiceError(
          'JobFailed',
          `CONSTRAINT_VIOLATION: For the injected projected partition column ${key}, the WHERE clause must contain only static equality conditions, and at least one such condition must be present`,
        );
      return [...given];
    default:
      throw invalid(`type: ${type ?? 'nothing'}; enum, integer, date or injected`);
  }
}

type Unit = 'YEARS' | 'MONTHS' | 'WEEKS' | 'DAYS' | 'HOURS' | 'MINUTES' | 'SECONDS';

function datesOf(
  [from, to]: [string, string],
  {
    format,
    interval,
    unit,
  }: { format: string | undefined; interval: string | undefined; unit: string | undefined },
  now: Date,
  invalid: (what: string) => SluiceError,
): string[] {
  if (format === undefined) throw invalid('format: a date needs one, such as yyyy-MM-dd');
  // The default unit is the format's smallest.
  const smallest: Unit = format.includes('s')
    ? 'SECONDS'
    : format.includes('m')
      ? 'MINUTES'
      : format.includes('H')
        ? 'HOURS'
        : format.includes('d')
          ? 'DAYS'
          : 'MONTHS';
  const step = /^(YEAR|MONTH|WEEK|DAY|HOUR|MINUTE|SECOND)S?$/i.exec(unit ?? smallest)?.[1];
  if (step === undefined) throw invalid(`interval.unit: ${unit}`);
  const [first, last] = [dateOf(from, format, now, invalid), dateOf(to, format, now, invalid)];
  const values: string[] = [];
  for (let i = 0; ; i += Number(interval ?? 1)) {
    const at = plus(first, i, `${step.toUpperCase()}S` as Unit);
    if (at > last || values.length > MAX_PARTITIONS) return values;
    values.push(formatDate(at, format));
  }
}

function plus(date: Date, count: number, unit: Unit): Date {
  const result = new Date(date);
  if (unit === 'YEARS') result.setUTCFullYear(date.getUTCFullYear() + count);
  else if (unit === 'MONTHS') result.setUTCMonth(date.getUTCMonth() + count);
  else
    result.setTime(
      date.getTime() +
        count *
          { WEEKS: 604_800_000, DAYS: 86_400_000, HOURS: 3_600_000, MINUTES: 60_000, SECONDS: 1000 }[unit],
    );
  return result;
}

/** A value of the range in its format, or `NOW`, `NOW-3DAYS`. */
function dateOf(text: string, format: string, now: Date, invalid: (what: string) => SluiceError): Date {
  const relative = /^NOW\s*(?:([+-])\s*(\d+)\s*(YEAR|MONTH|WEEK|DAY|HOUR|MINUTE|SECOND)S?)?$/i.exec(text);
  if (relative) {
    const [, sign, count, unit] = relative;
    return unit === undefined
      ? now
      : plus(now, Number(count) * (sign === '-' ? -1 : 1), `${unit.toUpperCase()}S` as Unit);
  }
  const fields: Record<string, number> = { y: 1970, M: 1, d: 1, H: 0, m: 0, s: 0 };
  const letters: string[] = [];
  const pattern = format.replace(
    /'([^']*)'|([A-Za-z])\2*|[.*+?^${}()|[\]\\]/g,
    (found, quoted: string | undefined, letter: string | undefined) => {
      if (quoted !== undefined) return quoted;
      if (letter === undefined) return `\\${found}`;
      letters.push(letter);
      return letter === 'y' ? '(\\d{4})' : found.length > 1 ? `(\\d{${found.length}})` : '(\\d+)';
    },
  );
  const match = new RegExp(`^${pattern}$`).exec(text);
  if (!match || letters.some((letter) => fields[letter] === undefined))
    throw invalid(`range: ${text} is not in the format ${format}`);
  letters.forEach((letter, i) => (fields[letter] = Number(match[i + 1])));
  return new Date(
    Date.UTC(fields['y']!, fields['M']! - 1, fields['d'], fields['H'], fields['m'], fields['s']),
  );
}

function formatDate(date: Date, format: string): string {
  const parts: Record<string, number> = {
    y: date.getUTCFullYear(),
    M: date.getUTCMonth() + 1,
    d: date.getUTCDate(),
    H: date.getUTCHours(),
    m: date.getUTCMinutes(),
    s: date.getUTCSeconds(),
  };
  return format.replace(
    /'([^']*)'|([yMdHms])\2*/g,
    (found, quoted?: string, letter?: string) => quoted ?? String(parts[letter!]).padStart(found.length, '0'),
  );
}
