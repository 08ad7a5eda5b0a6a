import { findNearest } from '../pipelines/nearest';

/**
 * A schema as the AWS SDK's clients export one for each input (`StartQueryExecutionInput$`), or a table of our own in
 * the same form. Encoding: https://github.com/smithy-lang/smithy-typescript/tree/main/packages/types/src/schema
 */
export type Schema = unknown;

type Shape =
  | { kind: 'structure'; members: Record<string, Schema>; required: readonly string[]; isUnion: boolean }
  | { kind: 'list' | 'map'; value: Schema }
  | { kind: 'text' | 'number' | 'boolean' | 'time' | 'blob' | 'anything' };

// The numbers of the encoding: of the simple shapes, and of those that are arrays.
export const TEXT = 0;
export const NUMBER = 1;
const BOOLEAN = 2;
const TIMES = [4, 5, 6, 7];
const BIG_NUMBERS = [17, 19];
const BLOBS = [21, 42];
const LIST_OF = 64;
const MAP_OF = 128;
export const TEXTS = LIST_OF + TEXT;
export const TEXT_MAP = MAP_OF + TEXT;
const [SIMPLE, LIST, MAP, STRUCTURE, UNION] = [0, 1, 2, 3, 4];
/** The bit of the trait `idempotencyToken`: Sluice sets such a member itself. */
const TOKEN_TRAIT = 4;
/** A value that any JSON fits: the encoding's "document". */
export const ANYTHING = 15;

/** A structure of our own: members by name, the required ones first. */
export function structure(members: Record<string, Schema>, requiredCount: number): Schema {
  return [STRUCTURE, 'sluice', '', 0, Object.keys(members), Object.values(members), requiredCount];
}

/** The members of a structure, without some and with others in place of them. */
export function changeMembers(
  schema: Schema,
  without: readonly string[],
  others: Record<string, Schema> = {},
): Schema {
  const { members, required } = readShape(schema) as Extract<Shape, { kind: 'structure' }>;
  const kept = Object.entries({ ...members, ...others }).filter(([name]) => !without.includes(name));
  const isRequired = (name: string) => required.includes(name);
  const ordered = [
    ...kept.filter(([name]) => isRequired(name)),
    ...kept.filter(([name]) => !isRequired(name)),
  ];
  return structure(Object.fromEntries(ordered), kept.filter(([name]) => isRequired(name)).length);
}

function readShape(schema: Schema): Shape {
  if (typeof schema === 'function') return readShape((schema as () => Schema)());
  if (typeof schema === 'number') return readSimple(schema);
  const parts = schema as unknown[];
  // A member with traits is a pair.
  if (parts.length === 2) return readShape(parts[0]);
  const [kind, , , , fourth, fifth, requiredCount] = parts;
  switch (kind) {
    case SIMPLE:
      return readShape(fourth);
    case LIST:
      return { kind: 'list', value: fourth };
    case MAP:
      return { kind: 'map', value: fifth };
    case STRUCTURE:
    case UNION: {
      const names = fourth as string[];
      const schemas = fifth as Schema[];
      return {
        kind: 'structure',
        members: Object.fromEntries(names.map((name, i) => [name, schemas[i]])),
        required: names
          .slice(0, (requiredCount as number | undefined) ?? 0)
          .filter((_, i) => !isToken(schemas[i])),
        isUnion: kind === UNION,
      };
    }
    default:
      return { kind: 'anything' };
  }
}

function readSimple(schema: number): Shape {
  if (schema >= MAP_OF) return { kind: 'map', value: schema - MAP_OF };
  if (schema >= LIST_OF) return { kind: 'list', value: schema - LIST_OF };
  if (schema === TEXT) return { kind: 'text' };
  if (schema === NUMBER || BIG_NUMBERS.includes(schema)) return { kind: 'number' };
  if (schema === BOOLEAN) return { kind: 'boolean' };
  if (TIMES.includes(schema)) return { kind: 'time' };
  return { kind: BLOBS.includes(schema) ? 'blob' : 'anything' };
}

function isToken(member: Schema): boolean {
  if (!Array.isArray(member) || member.length !== 2) return false;
  const traits: unknown = member[1];
  return typeof traits === 'number'
    ? (traits & TOKEN_TRAIT) !== 0
    : (traits as Record<string, unknown>)['idempotencyToken'] !== undefined;
}

/** The member that a name means: Step Functions writes every name with a capital, whatever the API does. */
function findMember(members: Record<string, Schema>, name: string): string | undefined {
  const lowered = name.slice(0, 1).toLowerCase() + name.slice(1);
  return [name, lowered].find((candidate) => Object.hasOwn(members, candidate));
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
const isGiven = (value: unknown) => value !== undefined && value !== null;

/** What is wrong with a value, and where in it. */
export interface SchemaProblem {
  path: (string | number)[];
  /** With the cure. */
  message: string;
}

export function findSchemaProblems(
  schema: Schema,
  value: unknown,
  path: SchemaProblem['path'] = [],
): SchemaProblem[] {
  const shape = readShape(schema);
  const unless = (fits: boolean, needs: string) => {
    const text = JSON.stringify(value) ?? String(value);
    const message = `${text.length > 80 ? `${text.slice(0, 77)}…` : text}; give ${needs}`;
    return fits ? [] : [{ path, message }];
  };
  switch (shape.kind) {
    case 'structure':
      return isObject(value) ? findMemberProblems(shape, value, path) : unless(false, 'an object');
    case 'list':
      return Array.isArray(value)
        ? value.flatMap((item, i) => findSchemaProblems(shape.value, item, [...path, i]))
        : unless(false, 'a list');
    case 'map':
      return isObject(value)
        ? Object.entries(value).flatMap(([key, item]) =>
            findSchemaProblems(shape.value, item, [...path, key]),
          )
        : unless(false, 'an object');
    case 'text':
      return unless(typeof value === 'string', 'a text');
    case 'number':
      return unless(typeof value === 'number' || typeof value === 'bigint', 'a number');
    case 'boolean':
      return unless(typeof value === 'boolean', 'true or false');
    case 'time':
      return unless(readTime(value) !== undefined, 'a time such as "2025-03-01T12:00:00Z"');
    case 'blob':
      return unless(typeof value === 'string' || value instanceof Uint8Array, 'bytes as base64 text');
    case 'anything':
      return [];
  }
}

function findMemberProblems(
  { members, required, isUnion }: Extract<Shape, { kind: 'structure' }>,
  value: Record<string, unknown>,
  path: SchemaProblem['path'],
): SchemaProblem[] {
  const given = Object.entries(value).filter(([, inner]) => isGiven(inner));
  const named = given.map(([name, inner]) => ({ name, inner, member: findMember(members, name) }));
  const problems = named.flatMap(({ name, inner, member }) => {
    if (member !== undefined) return findSchemaProblems(members[member], inner, [...path, name]);
    const nearest = findNearest(name, Object.keys(members));
    const cure =
      nearest === undefined
        ? `known are ${Object.keys(members).join(', ') || 'none'}`
        : `did you mean "${nearest}"?`;
    return [{ path: [...path, name], message: `unknown; ${cure}` }];
  });
  const present = new Set(named.filter(({ inner }) => inner !== '').map(({ member }) => member));
  const missing = required.filter((name) => !present.has(name));
  return [
    ...missing.map((name) => ({ path: [...path, name], message: 'missing' })),
    ...problems,
    ...(isUnion && given.length !== 1
      ? [{ path, message: `give exactly one of ${Object.keys(members).join(', ')}` }]
      : []),
  ];
}

/**
 * A value that came through JSON, as the SDK wants it: times as Date, bytes decoded, members named as the API names
 * them. The keys of maps stay as they are, and so does all that does not fit.
 */
export function fitToSchema(schema: Schema, value: unknown): unknown {
  if (!isGiven(value)) return value;
  const shape = readShape(schema);
  switch (shape.kind) {
    case 'structure': {
      if (!isObject(value)) return value;
      const entries = Object.entries(value).map(([name, inner]) => {
        const member = findMember(shape.members, name);
        return member === undefined ? [name, inner] : [member, fitToSchema(shape.members[member], inner)];
      });
      return Object.fromEntries(entries) as unknown;
    }
    case 'list':
      return Array.isArray(value) ? value.map((item) => fitToSchema(shape.value, item)) : value;
    case 'map':
      return isObject(value)
        ? Object.fromEntries(
            Object.entries(value).map(([key, item]) => [key, fitToSchema(shape.value, item)]),
          )
        : value;
    case 'time':
      return readTime(value) ?? value;
    case 'blob':
      return typeof value === 'string' ? Buffer.from(value, 'base64') : value;
    default:
      return value;
  }
}

/** ISO 8601, or seconds since 1970 as in the services' own JSON. */
function readTime(value: unknown): Date | undefined {
  const time =
    value instanceof Date
      ? value
      : new Date(
          typeof value === 'number' ? value * 1000 : typeof value === 'string' ? Date.parse(value) : NaN,
        );
  return Number.isNaN(time.getTime()) ? undefined : time;
}
