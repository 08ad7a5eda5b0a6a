import { SluiceError } from 'sluice';

/**
 * DynamoDB's typed values to columns. Two passes: `observe` gathers what values an attribute has, `resolve` decides on
 * the column, `write` gives a value as JSON for it. jobs/reviews-export/convert_export.py does the same on Spark.
 */

/** An attribute value as exports have it, e.g. `{"S":"text"}`; in 2018 `{"s":"text"}`. */
export type AttributeValue = Record<string, unknown>;
export type Item = Record<string, AttributeValue>;

/** What values an attribute was seen to have. `mixed`: of kinds that share no column type. */
export type Observed =
  | { kind: 'nothing' | 'boolean' | 'text' | 'mixed' }
  /** The most digits before and after the point, and whether each is an integer of 64 bits. */
  | { kind: 'number'; integerDigits: number; scale: number; long: boolean }
  | { kind: 'list'; element: Observed }
  | { kind: 'map'; fields: Map<string, Observed> };

export type ColumnType =
  | { kind: 'boolean' | 'text' | 'mixed' | 'long' }
  | { kind: 'decimal'; scale: number }
  | { kind: 'list'; element: ColumnType }
  | { kind: 'struct'; fields: Column[] };

export interface Column {
  /** The attribute's name in DynamoDB. */
  attribute: string;
  name: string;
  type: ColumnType;
}

/** The most digits of a decimal column in Parquet, Athena and Spark; a DynamoDB number has as many. */
const DECIMAL_DIGITS = 38;
const LONGEST = 2n ** 63n;

type Tagged =
  | { kind: 'nothing' }
  | { kind: 'boolean'; value: boolean }
  | { kind: 'text' | 'number'; value: string }
  | { kind: 'list'; value: AttributeValue[] }
  | { kind: 'map'; value: Item };

/** Type letters: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html, in any case. */
function read(value: AttributeValue): Tagged {
  const [tag = '', content] = Object.entries(value ?? {})[0] ?? [];
  const set = (letter: string) => (content as string[]).map((element) => ({ [letter]: element }));
  switch (tag.toUpperCase()) {
    case 'S':
    case 'B':
      return { kind: 'text', value: content as string };
    case 'N':
      return { kind: 'number', value: content as string };
    case 'BOOL':
      return { kind: 'boolean', value: content as boolean };
    case 'NULL':
    case 'NULLVALUE':
      return { kind: 'nothing' };
    case 'SS':
    case 'BS':
      return { kind: 'list', value: set('S') };
    case 'NS':
      return { kind: 'list', value: set('N') };
    case 'L':
      return { kind: 'list', value: content as AttributeValue[] };
    case 'M':
      return { kind: 'map', value: content as Item };
    default:
      throw new SluiceError('BadData', `${JSON.stringify(value).slice(0, 80)} is no DynamoDB value`);
  }
}

export const NOTHING: Observed = { kind: 'nothing' };
const MIXED: Observed = { kind: 'mixed' };

/** What was seen, and this value beside. What was seen before may be changed in place. */
export function observe(seen: Observed, value: AttributeValue): Observed {
  const tagged = read(value);
  if (tagged.kind === 'nothing' || seen.kind === 'mixed') return seen;
  if (seen.kind !== 'nothing' && seen.kind !== tagged.kind) return MIXED;
  switch (tagged.kind) {
    case 'boolean':
    case 'text':
      return seen.kind === tagged.kind ? seen : { kind: tagged.kind };
    case 'number':
      return observeNumber(seen.kind === 'number' ? seen : null, tagged.value);
    case 'list': {
      const list = seen.kind === 'list' ? seen : { kind: 'list' as const, element: NOTHING };
      for (const element of tagged.value) list.element = observe(list.element, element);
      return list;
    }
    case 'map': {
      const map = seen.kind === 'map' ? seen : { kind: 'map' as const, fields: new Map<string, Observed>() };
      observeItem(map.fields, tagged.value);
      return map;
    }
  }
}

export function observeItem(fields: Map<string, Observed>, item: Item): void {
  for (const [attribute, value] of Object.entries(item))
    fields.set(attribute, observe(fields.get(attribute) ?? NOTHING, value));
}

function observeNumber(seen: (Observed & { kind: 'number' }) | null, text: string): Observed {
  const { integer, fraction, negative } = parseNumber(text);
  const long =
    fraction === '' &&
    (integer.length < 19 || (integer.length === 19 && BigInt(integer) < LONGEST + (negative ? 1n : 0n)));
  if (seen === null) return { kind: 'number', integerDigits: integer.length, scale: fraction.length, long };
  seen.integerDigits = Math.max(seen.integerDigits, integer.length);
  seen.scale = Math.max(seen.scale, fraction.length);
  seen.long &&= long;
  return seen;
}

interface Digits {
  negative: boolean;
  /** Without zeros in front; `0` is empty. */
  integer: string;
  /** Without zeros at its end. */
  fraction: string;
}

function parseNumber(text: string): Digits {
  const match = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,3}))?$/.exec(text);
  if (match === null || match[2]! + match[3]! === '')
    throw new SluiceError('BadData', `${JSON.stringify(text).slice(0, 80)} is no DynamoDB number`);
  const [, sign, whole, part, exponent = '0'] = match;
  const digits = whole! + part!;
  const point = whole!.length + Number(exponent);
  const integer = digits.slice(0, Math.max(0, point)).padEnd(point, '0').replace(/^0+/, '');
  const fraction = ('0'.repeat(Math.max(0, -point)) + digits.slice(Math.max(0, point))).replace(/0+$/, '');
  return { negative: sign === '-' && integer + fraction !== '', integer, fraction };
}

function formatNumber({ negative, integer, fraction }: Digits): string {
  return `${negative ? '-' : ''}${integer || '0'}${fraction && '.'}${fraction}`;
}

/** An integer column of 64 bits where that is enough, else an exact decimal, else (of more than 38 digits) a text. */
export function resolve(seen: Observed): ColumnType {
  switch (seen.kind) {
    case 'nothing':
      return { kind: 'text' };
    case 'number':
      if (seen.long) return { kind: 'long' };
      return seen.integerDigits + seen.scale <= DECIMAL_DIGITS
        ? { kind: 'decimal', scale: seen.scale }
        : { kind: 'text' };
    case 'list':
      return { kind: 'list', element: resolve(seen.element) };
    case 'map':
      // Parquet has no struct without fields.
      return seen.fields.size === 0
        ? { kind: 'mixed' }
        : { kind: 'struct', fields: nameColumns(seen.fields) };
    default:
      return { kind: seen.kind };
  }
}

/**
 * The columns in the order of their names. Of attributes whose names become the same, the first by code points keeps it
 * and the others get `_2`, `_3`. `reserved` are names that no attribute gets.
 */
export function nameColumns(fields: Map<string, Observed>, reserved: string[] = []): Column[] {
  const taken = new Set(reserved);
  const attributes = [...fields.keys()].sort(byCodePoints);
  return attributes
    .map((attribute) => {
      const wanted = toSnakeCase(attribute);
      let name = wanted;
      for (let number = 2; taken.has(name); number++) name = `${wanted}_${number}`;
      taken.add(name);
      return { attribute, name, type: resolve(fields.get(attribute)!) };
    })
    .sort((a, b) => byCodePoints(a.name, b.name));
}

const byCodePoints = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** `HelpfulVotes` is `helpful_votes`, `ISBNCode` is `isbn_code`; what is neither ASCII letter nor digit is `_`. */
export function toSnakeCase(attribute: string): string {
  const name = attribute
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]/gu, '_')
    .toLowerCase();
  return name === '' ? '_' : name;
}

/** The item as one JSON object by column names; null columns are left out. */
export function writeItem(item: Item, columns: Column[], extra: Record<string, string> = {}): string {
  const fields = Object.entries(extra).map(
    ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
  );
  for (const { attribute, name, type } of columns) {
    if (!Object.hasOwn(item, attribute)) continue;
    const json = write(item[attribute]!, type);
    if (json !== 'null') fields.push(`${JSON.stringify(name)}:${json}`);
  }
  return `{${fields.join(',')}}`;
}

function write(value: AttributeValue, type: ColumnType): string {
  const tagged = read(value);
  if (tagged.kind === 'nothing') return 'null';
  if (type.kind === 'mixed') return JSON.stringify(tagged.kind === 'text' ? tagged.value : toJson(value));
  switch (tagged.kind) {
    case 'number':
      // A text: a JSON reader may take a number for a double.
      return `"${formatNumber(parseNumber(tagged.value))}"`;
    case 'list':
      return `[${tagged.value.map((element) => write(element, (type as { element: ColumnType }).element)).join(',')}]`;
    case 'map':
      return writeItem(tagged.value, (type as { fields: Column[] }).fields);
    default:
      return JSON.stringify(tagged.value);
  }
}

/** The value as JSON without DynamoDB's types, keys by code points: what a column of mixed values holds. */
function toJson(value: AttributeValue): string {
  const tagged = read(value);
  switch (tagged.kind) {
    case 'nothing':
      return 'null';
    case 'number':
      return formatNumber(parseNumber(tagged.value));
    case 'list':
      return `[${tagged.value.map(toJson).join(',')}]`;
    case 'map':
      return `{${Object.keys(tagged.value)
        .sort(byCodePoints)
        .map((key) => `${JSON.stringify(key)}:${toJson(tagged.value[key]!)}`)
        .join(',')}}`;
    default:
      return JSON.stringify(tagged.value);
  }
}

/** The column type as DuckDB writes it. */
export function toSqlType(type: ColumnType): string {
  switch (type.kind) {
    case 'long':
      return 'BIGINT';
    case 'boolean':
      return 'BOOLEAN';
    case 'decimal':
      return `DECIMAL(${DECIMAL_DIGITS},${type.scale})`;
    case 'list':
      return `${toSqlType(type.element)}[]`;
    case 'struct':
      return `STRUCT(${type.fields.map(({ name, type: field }) => `"${name}" ${toSqlType(field)}`).join(', ')})`;
    default:
      return 'VARCHAR';
  }
}
