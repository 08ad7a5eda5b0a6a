import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** A service as botocore's model describes it: https://github.com/boto/botocore/tree/develop/botocore/data */
export interface ServiceModel {
  metadata: { protocol: string; targetPrefix?: string; jsonVersion?: string; errorPrefix?: string };
  operations: Record<string, Operation>;
  shapes: Record<string, Shape>;
}

export interface Operation {
  name: string;
  http: { method: string; requestUri: string; responseCode?: number };
  input?: { shape: string };
  output?: { shape: string };
  errors?: { shape: string }[];
}

export interface Shape {
  type: string;
  members?: Record<string, Member>;
  required?: string[];
  member?: Member;
  key?: Member;
  value?: Member;
  enum?: string[];
  min?: number;
  max?: number;
  pattern?: string;
  payload?: string;
  document?: boolean;
  /** Of an error: the name that goes over the wire, where it is another than the shape's. */
  error?: { code?: string };
}

interface Member {
  shape: string;
  location?: 'uri' | 'querystring' | 'header' | 'headers' | 'statusCode';
  locationName?: string;
}

/** Reads the newest model of a service from the folder `botocore/data`. */
export function readModel(dataFolder: string, service: string): ServiceModel {
  const folder = join(dataFolder, service);
  const version = readdirSync(folder).sort().at(-1)!;
  return JSON.parse(
    gunzipSync(readFileSync(join(folder, version, 'service-2.json.gz'))).toString(),
  ) as ServiceModel;
}

/** What is wrong with a value, one line a problem, each with its path; empty when it fits the shape. */
export function findProblems(model: ServiceModel, shapeName: string, value: unknown, path = ''): string[] {
  const shape = model.shapes[shapeName]!;
  const at = path || 'input';
  const wrong = (needs: string) => [`${at}: ${JSON.stringify(value)?.slice(0, 80)} is no ${needs}`];
  switch (shape.type) {
    case 'structure': {
      if (shape.document) return [];
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong('structure');
      const given = value as Record<string, unknown>;
      return [
        ...(shape.required ?? [])
          .filter((name) => given[name] === undefined || given[name] === null)
          .map((name) => `${at}.${name}: missing`),
        ...Object.entries(given).flatMap(([name, inner]) => {
          const member = shape.members?.[name];
          if (!member) return [`${at}.${name}: unknown`];
          return inner === undefined ? [] : findProblems(model, member.shape, inner, `${at}.${name}`);
        }),
      ];
    }
    case 'list':
      if (!Array.isArray(value)) return wrong('list');
      return [
        ...findLengthProblems(shape, value.length, at),
        ...value.flatMap((inner, i) => findProblems(model, shape.member!.shape, inner, `${at}[${i}]`)),
      ];
    case 'map':
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong('map');
      return Object.entries(value).flatMap(([key, inner]) => [
        ...findProblems(model, shape.key!.shape, key, `${at}{${key}}`),
        ...findProblems(model, shape.value!.shape, inner, `${at}.${key}`),
      ]);
    case 'string':
      if (typeof value !== 'string') return wrong('string');
      if (shape.enum && !shape.enum.includes(value)) return wrong(`one of ${shape.enum.join(', ')}`);
      return [...findLengthProblems(shape, value.length, at), ...findPatternProblems(shape, value, at)];
    case 'integer':
    case 'long':
      return Number.isInteger(value) ? findLengthProblems(shape, value as number, at) : wrong('integer');
    case 'double':
    case 'float':
      return typeof value === 'number' ? [] : wrong('number');
    case 'boolean':
      return typeof value === 'boolean' ? [] : wrong('boolean');
    case 'timestamp':
      return typeof value === 'number' || value instanceof Date || !Number.isNaN(Date.parse(String(value)))
        ? []
        : wrong('timestamp');
    default:
      return [];
  }
}

function findLengthProblems({ min, max }: Shape, length: number, at: string): string[] {
  return [
    ...(min !== undefined && length < min ? [`${at}: ${length} is below ${min}`] : []),
    ...(max !== undefined && length > max ? [`${at}: ${length} is above ${max}`] : []),
  ];
}

function findPatternProblems({ pattern }: Shape, value: string, at: string): string[] {
  if (pattern === undefined) return [];
  let expression: RegExp;
  try {
    expression = new RegExp(`^(?:${pattern})$`, 'su');
  } catch {
    // Some patterns are Java's and no JavaScript.
    return [];
  }
  return expression.test(value) ? [] : [`${at}: ${value.slice(0, 80)} does not fit ${pattern}`];
}
