import { isArrivalKey } from './arrivalRule';
import { parseS3Uri } from './location';

interface ObjectName {
  bucket: string;
  key: string;
}

/**
 * What a pattern's key is made of: texts, `?` (one character within a folder), `*` (any text within a folder) and `**` (any
 * text).
 */
type Wildcard = 'one' | 'within' | 'any';
type Part = { text: string } | Wildcard;

interface Pattern {
  bucket: string;
  /** The pattern's own key. */
  patternKey: string;
  /** The text before the first wildcard, and that after the last one. */
  prefix: string;
  suffix: string;
  /** The texts after the first wildcard. */
  texts: string[];
  /** Null for a pattern without wildcards, which is its prefix. */
  matches: ((key: string) => boolean) | null;
}

/** Compiled patterns that are kept; the one that was asked for the longest ago goes first. */
const MAX_COMPILED = 50_000;
const compiledPatterns = new Map<string, Pattern | null>();
/** Goes on from the oldest: to look for it from the beginning would pass all places that are empty by now. */
const oldestPatterns = compiledPatterns.keys();

/**
 * Whether an object's URI fits a pattern, and is one that counts (`arrivalRule.ts`). `*` and `?` stand for any text and one
 * character within a folder, `**` for any text; everything else stands for itself.
 */
export function matchesPattern(pattern: string, object: ObjectName): boolean {
  const compiled = compileOnce(pattern);
  return compiled !== null && fits(compiled, object);
}

function fits({ bucket, patternKey, prefix, suffix, matches }: Pattern, object: ObjectName): boolean {
  const { key } = object;
  if (bucket !== object.bucket || !key.startsWith(prefix)) return false;
  if (matches === null) return key.length === prefix.length;
  const canMatch = key.length >= prefix.length + suffix.length && key.endsWith(suffix);
  return canMatch && matches(key) && isArrivalKey(key, patternKey);
}

/**
 * Many patterns at once, each with what it is for. They lie by their literal beginning, and below it by the rarest of their
 * other texts, so what an object costs hardly depends on how many patterns there are, but on how many could fit.
 */
export class PatternIndex<T> {
  /** Bucket -> literal beginning -> patterns. */
  private readonly buckets = new Map<string, Map<string, Group<T>>>();
  /** Bucket -> the lengths of its beginnings. */
  private readonly lengths = new Map<string, number[]>();

  constructor(entries: Iterable<readonly [pattern: string, value: T]> = []) {
    for (const [pattern, value] of entries) this.add(pattern, value);
  }

  /** @returns takes the pattern out again; a text that is no pattern fits nothing */
  add(pattern: string, value: T): () => void {
    const compiled = compileOnce(pattern);
    if (compiled === null) return () => {};
    const { bucket, prefix } = compiled;
    const groups = getOrAdd(this.buckets, bucket, () => new Map<string, Group<T>>());
    if (!groups.has(prefix)) this.lengths.delete(bucket);
    const group = getOrAdd(groups, prefix, () => new Group<T>());
    const remove = group.add({ compiled, value });
    return () => {
      remove();
      if (group.size === 0) groups.delete(prefix);
      if (groups.size === 0) this.buckets.delete(bucket);
    };
  }

  /** The values of all patterns that the object fits. */
  find(object: ObjectName): T[] {
    const groups = this.buckets.get(object.bucket);
    if (groups === undefined) return [];
    const lengths = getOrAdd(this.lengths, object.bucket, () =>
      [...new Set([...groups.keys()].map((prefix) => prefix.length))].sort((a, b) => a - b),
    );
    const found: T[] = [];
    for (const length of lengths) {
      if (length > object.key.length) break;
      const group = groups.get(object.key.slice(0, length));
      for (const { compiled, value } of group?.candidates(object.key.slice(length)) ?? [])
        if (fits(compiled, object)) found.push(value);
    }
    return found;
  }
}

interface Entry<T> {
  compiled: Pattern;
  value: T;
}

/** A group so small is gone through as it is. */
const SMALL_GROUP = 8;

/** The patterns of one beginning, by one of their other texts each. */
class Group<T> {
  private readonly entries = new Set<Entry<T>>();
  /** Text -> the patterns that lie under it; the empty text for those that have no other. */
  private readonly byText = new Map<string, Set<Entry<T>>>();
  private lengths: number[] | undefined;

  get size(): number {
    return this.entries.size;
  }

  add(entry: Entry<T>): () => void {
    const countOf = (text: string) => this.byText.get(text)?.size ?? 0;
    const [text = ''] = [...entry.compiled.texts].sort(
      (a, b) => countOf(a) - countOf(b) || b.length - a.length,
    );
    const sameText = getOrAdd(this.byText, text, () => new Set<Entry<T>>());
    this.entries.add(entry);
    sameText.add(entry);
    this.lengths = undefined;
    return () => {
      this.entries.delete(entry);
      sameText.delete(entry);
      if (sameText.size === 0) this.byText.delete(text);
      this.lengths = undefined;
    };
  }

  /** Every pattern that a key of this rest could fit, each once. */
  candidates(rest: string): Iterable<Entry<T>> {
    if (this.entries.size <= SMALL_GROUP) return this.entries;
    this.lengths ??= [...new Set([...this.byText.keys()].map((text) => text.length))];
    const found = new Set<Set<Entry<T>>>();
    for (const length of this.lengths) {
      // Of the empty text, one place is enough.
      const last = length === 0 ? 0 : rest.length - length;
      for (let at = 0; at <= last; at++) {
        const entries = this.byText.get(rest.substring(at, at + length));
        if (entries !== undefined) found.add(entries);
      }
    }
    return [...found].flatMap((entries) => [...entries]);
  }
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = create()));
  return value;
}

function compileOnce(pattern: string): Pattern | null {
  let compiled = compiledPatterns.get(pattern);
  if (compiled === undefined) compiled = compile(pattern);
  else if (compiledPatterns.size < MAX_COMPILED / 2) return compiled;
  // The order of a map is that of its insertions: what is asked for goes to the end.
  compiledPatterns.delete(pattern);
  compiledPatterns.set(pattern, compiled);
  if (compiledPatterns.size > MAX_COMPILED) compiledPatterns.delete(oldestPatterns.next().value!);
  return compiled;
}

function compile(pattern: string): Pattern | null {
  const uri = parseS3Uri(pattern);
  if (uri === null) return null;
  const parts = partsOf(uri.key);
  const [first, last] = [parts[0], parts.at(-1)];
  const isLiteral = parts.length === 0 || (parts.length === 1 && typeof first === 'object');
  return {
    bucket: uri.bucket,
    patternKey: uri.key,
    prefix: typeof first === 'object' ? first.text : '',
    texts: parts.slice(1).flatMap((part) => (typeof part === 'object' ? [part.text] : [])),
    suffix: !isLiteral && typeof last === 'object' ? last.text : '',
    matches: isLiteral ? null : createLazily(parts),
  };
}

/** Several wildcards of any length in a row are one. */
function partsOf(key: string): Part[] {
  const texts = key.match(/\*+|\?|[^*?]+/gs) ?? [];
  return texts.map((text) =>
    text === '*' ? 'within' : text.startsWith('*') ? 'any' : text === '?' ? 'one' : { text },
  );
}

/** Most keys differ from a pattern in its beginning or end: only the others need more of it. */
function createLazily(parts: Part[]): (key: string) => boolean {
  let matcher: ((key: string) => boolean) | undefined;
  return (key) => (matcher ??= createMatcher(parts))(key);
}

/**
 * The places in the pattern at which a match may be, one bit each, are moved on with each character of the key: the time is
 * the length of the key times that of the pattern over 31, whatever they hold. Nothing is tried and taken back.
 */
function createMatcher(parts: Part[]): (key: string) => boolean {
  const states = parts.flatMap<string>((part) => (typeof part === 'object' ? part.text.split('') : [part]));
  const words = Math.ceil((states.length + 1) / BITS);
  const createPlaces = () => new Int32Array(words);
  /** The places that a character moves on from, and those that any character but a slash does. */
  const steps = new Map<string, Int32Array>();
  const none = createPlaces();
  const one = createPlaces();
  /** The places at which any character but a slash stays, those at which any does, and both. */
  const within = createPlaces();
  const any = createPlaces();
  const open = createPlaces();
  states.forEach((state, at) => {
    if (state === 'one') setBit(one, at);
    else if (state === 'within' || state === 'any') {
      setBit(state === 'within' ? within : any, at);
      setBit(open, at);
    } else setBit(getOrAdd(steps, state, createPlaces), at);
  });
  return (key) => {
    let current = createPlaces();
    let next = createPlaces();
    setBit(current, 0);
    leave(current, open);
    for (let i = 0; i < key.length; i++) {
      const isSlash = key.charCodeAt(i) === SLASH;
      const step = steps.get(key[i]!) ?? none;
      let carry = 0;
      let alive = 0;
      for (let word = 0; word < words; word++) {
        const at = current[word]!;
        const moved = at & (isSlash ? step[word]! : step[word]! | one[word]!);
        const stayed = at & (isSlash ? any[word]! : any[word]! | within[word]!);
        const reached = ((moved << 1) & MASK) | carry | stayed;
        next[word] = reached;
        carry = moved >>> (BITS - 1);
        alive |= reached;
      }
      if (alive === 0) return false;
      leave(next, open);
      [current, next] = [next, current];
    }
    const end = states.length;
    return (current[Math.floor(end / BITS)]! & (1 << (end % BITS))) !== 0;
  };
}

const SLASH = 47;
/** The bits of a word in use: with the sign left out, a shift never turns a number negative. */
const BITS = 31;
const MASK = 0x7fffffff;

function setBit(places: Int32Array, at: number): void {
  const word = Math.floor(at / BITS);
  places[word] = places[word]! | (1 << (at % BITS));
}

/** A wildcard of any length may stand for nothing, so whoever is at one is past it, too. No two of them follow each other. */
function leave(places: Int32Array, open: Int32Array): void {
  let carry = 0;
  for (let word = 0; word < places.length; word++) {
    const leaving = places[word]! & open[word]!;
    places[word] = places[word]! | ((leaving << 1) & MASK) | carry;
    carry = leaving >>> (BITS - 1);
  }
}
