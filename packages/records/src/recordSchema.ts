/** What a JSON value is to a table. `null` says nothing yet; `wide` is an integer of more than a double holds exactly. */
export type Kind =
  | { is: 'null' | 'boolean' | 'long' | 'wide' | 'double' | 'text' }
  | { is: 'list'; of: Kind }
  | { is: 'struct'; fields: Map<string, Kind> };

const NULL: Kind = { is: 'null' };
const BOOLEAN: Kind = { is: 'boolean' };
const LONG: Kind = { is: 'long' };
const WIDE: Kind = { is: 'wide' };
const DOUBLE: Kind = { is: 'double' };
export const TEXT: Kind = { is: 'text' };
/** A text for what stands as a number in the JSON. */
const INEXACT: Kind = { is: 'text' };
/** What any decimal number of so few digits and a point has, a double holds. */
const MAX_DIGITS = 16;
const BACKSLASH = 92;
const MAX_EXACT = 2n ** 53n;
const MIN_LONG = -(2n ** 63n);
const MAX_LONG = 2n ** 63n - 1n;

interface KindOptions {
  /** What values before this one were; a struct is merged in place. */
  known?: Kind;
  /** Told where a fraction stands whose digits a reader of JSON would lose. */
  onInexact?: (start: number, end: number) => void;
}

/**
 * The kind of one JSON value without white space, as `flatten-records` writes it, and of those before it. A number is a 64-bit
 * integer, or a double where that has all its digits; any other is a text, so that no digit is lost.
 * @throws SyntaxError for what is no such JSON
 */
export function kindOf(json: string, { known = NULL, onInexact = () => {} }: KindOptions = {}): Kind {
  let at = 0;
  const skipText = () => {
    for (;;) {
      at = json.indexOf('"', at + 1);
      if (at === -1) throw new SyntaxError('a text has no end');
      let escapes = at;
      while (json.charCodeAt(escapes - 1) === BACKSLASH) escapes--;
      // Two by two they are themselves; one that is over is the quote's.
      if ((at - escapes) % 2 === 0) break;
    }
    at++;
  };
  const value = (before: Kind): Kind => {
    switch (json[at]) {
      case '"':
        skipText();
        return mergeKinds(before, TEXT);
      case '{': {
        const isStruct = before.is === 'struct';
        const fields = isStruct ? before.fields : new Map<string, Kind>();
        for (at++; json[at] !== '}';) {
          const start = at + 1;
          if (json[at] !== '"') throw new SyntaxError(`no key at ${at}`);
          skipText();
          const name = json.slice(start, at - 1);
          at++;
          const field = fields.get(name);
          const merged = value(field ?? NULL);
          if (merged !== field) fields.set(name, merged);
          if (json[at] === ',') at++;
        }
        at++;
        return isStruct ? before : mergeKinds(before, { is: 'struct', fields });
      }
      case '[': {
        const isList = before.is === 'list';
        let of = isList ? before.of : NULL;
        for (at++; json[at] !== ']';) {
          of = value(of);
          if (json[at] === ',') at++;
        }
        at++;
        return isList && of === before.of ? before : mergeKinds(before, { is: 'list', of });
      }
      case 't':
        at += 4;
        return mergeKinds(before, BOOLEAN);
      case 'f':
        at += 5;
        return mergeKinds(before, BOOLEAN);
      case 'n':
        at += 4;
        return before;
      default: {
        const start = at;
        while (isNumeral(json.charCodeAt(at))) at++;
        const kind = kindOfNumber(json.slice(start, at));
        if (kind === INEXACT) onInexact(start, at);
        return mergeKinds(before, kind);
      }
    }
  };
  return value(known);
}

/** Whether a character belongs to a number: `0` to `9`, `+`, `-`, `.`, `E`, `e`. Past the end, the code is NaN. */
function isNumeral(code: number): boolean {
  return (
    (code >= 48 && code <= 57) || code === 43 || code === 45 || code === 46 || code === 69 || code === 101
  );
}

function kindOfNumber(text: string): Kind {
  if (text === '') throw new SyntaxError('no JSON value');
  if (!/^-?\d+$/.test(text)) return isExact(text) ? DOUBLE : INEXACT;
  if (text.length < 16) return LONG;
  const number = BigInt(text);
  if (number >= -MAX_EXACT && number <= MAX_EXACT) return LONG;
  return number >= MIN_LONG && number <= MAX_LONG ? WIDE : TEXT;
}

/** Whether a double has all digits of a fraction. */
function isExact(text: string): boolean {
  if (text.length <= MAX_DIGITS && !/[eE]/.test(text)) return true;
  const number = Number(text);
  const shortest = String(number);
  return shortest === text || (Number.isFinite(number) && digitsOf(shortest) === digitsOf(text));
}

/** Sign, digits without zeros at their ends, and the place of the point: the same for the same number. */
function digitsOf(number: string): string {
  const [, sign, whole, part = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(
    number,
  )!;
  const leading = `${whole}${part}`.replace(/^0+/, '');
  if (leading === '') return '0';
  const digits = leading.replace(/0+$/, '');
  return `${sign}${digits}e${Number(exponent) - part.length + leading.length}`;
}

function addField(fields: Map<string, Kind>, name: string, kind: Kind): void {
  const known = fields.get(name);
  fields.set(name, known ? mergeKinds(known, kind) : kind);
}

/**
 * The kind that holds the values of both: integers go into doubles that hold them exactly, and what else does not fit
 * together becomes text.
 * Structs are merged into `a`.
 */
export function mergeKinds(a: Kind, b: Kind): Kind {
  if (a.is === 'struct' && b.is === 'struct') {
    for (const [name, kind] of b.fields) addField(a.fields, name, kind);
    return a;
  }
  if (a.is === 'list' && b.is === 'list') return { is: 'list', of: mergeKinds(a.of, b.of) };
  if (a.is === b.is || b.is === 'null') return a;
  if (a.is === 'null') return b;
  const pair = [a.is, b.is].sort().join(' ');
  return pair === 'long wide' ? WIDE : pair === 'double long' ? DOUBLE : TEXT;
}

/**
 * Without what says nothing: fields that are always null, lists without items, structs without fields. A column whose
 * type is not known yet is left out, since a type made up for it would not fit the later ones. Null when nothing is left.
 */
export function withoutUnknown(kind: Kind): Kind | null {
  if (kind.is === 'null') return null;
  if (kind.is === 'list') {
    const of = withoutUnknown(kind.of);
    return of && { is: 'list', of };
  }
  if (kind.is !== 'struct') return kind;
  const fields = new Map<string, Kind>();
  for (const name of [...kind.fields.keys()].sort()) {
    const field = withoutUnknown(kind.fields.get(name)!);
    if (field) fields.set(name, field);
  }
  return fields.size === 0 ? null : { is: 'struct', fields };
}

/** A struct of texts from dotted names: `agent.username` is `{ agent: { username: text } }`. */
export function structOf(columns: readonly string[]): Kind {
  let kind: Kind = { is: 'struct', fields: new Map() };
  for (const column of columns) {
    const one = column
      .split('.')
      .reduceRight<Kind>((inner, name) => ({ is: 'struct', fields: new Map([[name, inner]]) }), TEXT);
    kind = mergeKinds(kind, one);
  }
  return kind;
}

const DUCKDB_TYPES = {
  null: 'VARCHAR',
  boolean: 'BOOLEAN',
  long: 'BIGINT',
  wide: 'BIGINT',
  double: 'DOUBLE',
  text: 'VARCHAR',
};

/** The type as DuckDB writes it, e.g. `STRUCT("arn" VARCHAR, "duration" BIGINT)`. */
export function duckdbType(kind: Kind): string {
  if (kind.is === 'list') return `${duckdbType(kind.of)}[]`;
  if (kind.is !== 'struct') return DUCKDB_TYPES[kind.is];
  const fields = [...kind.fields].map(([name, field]) => `"${name}" ${duckdbType(field)}`);
  return `STRUCT(${fields.join(', ')})`;
}
