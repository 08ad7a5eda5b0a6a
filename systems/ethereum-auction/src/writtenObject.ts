/** A JSON object in a text, and its values as they are written there. */
export interface WrittenObject {
  /** The position after it. */
  end: number;
  /** By key, those of the object itself; of a key that comes again the last, as `JSON.parse` has it. */
  values: Map<string, string>;
}

type Expected = 'first key' | 'key' | 'colon' | 'first item' | 'value' | 'comma or end';

const SPACE = /[ \t\r\n]*/y;
const SCALAR = /true|false|null|-?\d[\d.eE+-]*/y;

/** Reads the JSON object that begins at a position; null where none does. Whether a key or number is right, `JSON.parse` tells. */
export function readObject(text: string, start: number): WrittenObject | null {
  if (text[start] !== '{') return null;
  const values = new Map<string, string>();
  const closers: ('}' | ']')[] = [];
  let expected: Expected = 'value';
  let [key, valueAt] = ['', start];
  for (let at: number | null = start; at !== null;) {
    const char = text[at];
    const isValue = expected === 'value' || expected === 'first item';
    const closer = closers.at(-1);
    if (isValue && closers.length === 1) valueAt = at;
    let ends = false;
    if (expected === 'colon') {
      if (char !== ':') return null;
      [at, expected] = [at + 1, 'value'];
    } else if (expected === 'comma or end' && char === ',') {
      [at, expected] = [at + 1, closer === '}' ? 'key' : 'value'];
    } else if (char === closer && (expected === 'comma or end' || expected.startsWith('first'))) {
      closers.pop();
      [at, ends] = [at + 1, true];
    } else if (expected === 'key' || expected === 'first key') {
      const end = endOfText(text, at);
      if (end === null) return null;
      if (closers.length === 1) key = text.slice(at, end);
      [at, expected] = [end, 'colon'];
    } else if (isValue && (char === '{' || char === '[')) {
      closers.push(char === '{' ? '}' : ']');
      [at, expected] = [at + 1, char === '{' ? 'first key' : 'first item'];
    } else if (isValue) {
      at = char === '"' ? endOfText(text, at) : endOf(SCALAR, text, at);
      ends = true;
    } else return null;
    if (at === null) return null;
    if (ends) {
      if (closers.length === 0) return { end: at, values };
      if (closers.length === 1) values.set(nameOf(key), text.slice(valueAt, at));
      expected = 'comma or end';
    }
    at = endOf(SPACE, text, at);
  }
  return null;
}

function endOf(pattern: RegExp, text: string, at: number): number | null {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : null;
}

/** The position after the quoted text that begins here. */
function endOfText(text: string, start: number): number | null {
  if (text[start] !== '"') return null;
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  return null;
}

function nameOf(key: string): string {
  try {
    return JSON.parse(key) as string;
  } catch {
    return key;
  }
}
