import { SluiceError } from '../errors';
import { RESOURCES } from '../jobs';
import { parseDuration } from './duration';
import { parseS3Uri } from './location';

/** What a field of a pipeline's input may hold. Each kind has a check below. */
export type FieldKind =
  'text' | 's3' | 'location' | 's3 pattern' | 'path' | 'duration' | 'choice' | 'job' | 'jobs';

export interface Field {
  kind: FieldKind;
  /** One line, for `sluice pipelines` and error messages. */
  about: string;
  /** Taken when the field is not given; a field without default is required unless `optional`. */
  default?: unknown;
  optional?: boolean;
  /** For `choice`. */
  choices?: readonly string[];
}

export type Fields = Record<string, Field>;

const RULES: Record<FieldKind, { needs: string; fits: (value: unknown, field: Field) => boolean }> = {
  text: { needs: 'a text that is not empty', fits: (value) => typeof value === 'string' && value !== '' },
  s3: {
    needs: 'an S3 bucket such as s3://lake',
    fits: (value) => typeof value === 'string' && parseS3Uri(value) !== null && !value.includes('*'),
  },
  location: {
    needs: 'a URI such as s3://lake/taxi, hdfs:///taxi or file:///data/taxi',
    fits: (value) =>
      typeof value === 'string' &&
      (value.startsWith('s3:')
        ? parseS3Uri(value) !== null
        : /^(hdfs|file|s3a|wasbs|abfss|gs):\/\/\S+$/.test(value)),
  },
  's3 pattern': {
    needs: 'an S3 URI with or without wildcards, such as s3://lake/sales/*.csv',
    fits: (value) => typeof value === 'string' && (parseS3Uri(value)?.key ?? '') !== '',
  },
  path: {
    needs: 'a prefix such as marketing-and-sales or a/b, with no slash at its ends',
    fits: (value) =>
      typeof value === 'string' && /^[\w.=-]+(\/[\w.=-]+)*$/.test(value) && !/(^|\/)\.\.?(\/|$)/.test(value),
  },
  duration: {
    needs: 'a duration above zero such as "7 days", "90 s" or "1h"',
    fits: (value) => typeof value === 'string' && (parseDuration(value) ?? 0) > 0,
  },
  choice: { needs: '', fits: (value, field) => field.choices?.includes(value as string) ?? false },
  job: { needs: '', fits: () => true },
  jobs: { needs: 'a list of jobs [{ "name", "resource", "parameters", "arrival"? }]', fits: Array.isArray },
};

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** The problems of a job that comes from outside: `{ resource, parameters, options? }`. */
export function findJobProblems(value: unknown, path: string): string[] {
  if (!isObject(value)) return [`${path}: ${show(value)} is no job; give { "resource", "parameters" }`];
  const problems: string[] = [];
  if (!RESOURCES.includes(value['resource'] as never)) {
    problems.push(
      `${path}resource: ${show(value['resource'])} is no resource; give one of ${RESOURCES.join(', ')}`,
    );
  }
  if (!isObject(value['parameters'])) {
    problems.push(
      `${path}parameters: ${show(value['parameters'])} is no object; give the resource's own parameters`,
    );
    return problems;
  }
  const options = value['options'];
  if (options !== undefined) {
    if (!isObject(options)) problems.push(`${path}options: ${show(options)} is no object`);
    else {
      for (const [name, option] of Object.entries(options)) {
        if (name === 'timeout') {
          if (!RULES.duration.fits(option, {} as Field))
            problems.push(
              `${path}options.timeout: ${show(option)} is no duration; give ${RULES.duration.needs}`,
            );
        } else if (name === 'onCancel') {
          if (option !== 'stop' && option !== 'leave')
            problems.push(`${path}options.onCancel: ${show(option)} is unknown; give "stop" or "leave"`);
        } else problems.push(`${path}options.${name}: unknown; known are timeout, onCancel`);
      }
    }
  }
  const required = {
    'duckdb:query': null,
    'livy:createBatch': 'file',
    'glue:startJobRun': 'JobName',
  }[value['resource'] as string];
  const parameters = value['parameters'];
  if (required && (typeof parameters[required] !== 'string' || parameters[required] === '')) {
    problems.push(`${path}parameters.${required}: missing; ${String(value['resource'])} needs it`);
  }
  if (
    value['resource'] === 'duckdb:query' &&
    (typeof parameters['sql'] === 'string') === (typeof parameters['script'] === 'string')
  ) {
    problems.push(`${path}parameters: duckdb:query needs either sql or script`);
  }
  return problems;
}

function findExtraJobProblems(jobs: unknown[], path: string): string[] {
  const names = new Set<unknown>();
  return jobs.flatMap((job, i) => {
    const problems = findJobProblems(job, `${path}[${i}].`);
    if (!isObject(job)) return problems;
    const { name, arrival } = job;
    if (typeof name !== 'string' || name === '')
      problems.push(`${path}[${i}].name: ${show(name)}; give each job a name of its own`);
    else if (names.has(name))
      problems.push(`${path}[${i}].name: ${show(name)} is there twice; give each job a name of its own`);
    names.add(name);
    if (arrival !== undefined && !RULES['s3 pattern'].fits(arrival, {} as Field)) {
      problems.push(`${path}[${i}].arrival: ${show(arrival)}; give ${RULES['s3 pattern'].needs}`);
    }
    return problems;
  });
}

/**
 * Checks a pipeline's input and fills in defaults. Pure: the command line, schedules and the workflow itself share it.
 * @throws SluiceError InvalidInput that lists every problem, each with field, value and remedy
 */
export function parseInput<T>(pipeline: { name: string; input: Fields }, given: unknown): T {
  if (given !== undefined && given !== null && !isObject(given)) {
    throw new SluiceError(
      'InvalidInput',
      `${pipeline.name}: the input is ${show(given)}; give a JSON object`,
    );
  }
  const raw = given ?? {};
  const input: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const name of Object.keys(raw)) {
    if (!(name in pipeline.input)) {
      problems.push(`${name}: unknown field; known are ${Object.keys(pipeline.input).join(', ') || 'none'}`);
    }
  }
  for (const [name, field] of Object.entries(pipeline.input)) {
    const value = raw[name] ?? field.default;
    if (value === undefined) {
      if (!field.optional) problems.push(`${name}: missing; give ${RULES[field.kind].needs || field.about}`);
      continue;
    }
    if (field.kind === 'job') problems.push(...findJobProblems(value, ''));
    else if (!RULES[field.kind].fits(value, field)) {
      const needs = field.kind === 'choice' ? `one of ${field.choices!.join(', ')}` : RULES[field.kind].needs;
      problems.push(`${name}: ${show(value)}; give ${needs}`);
    } else if (field.kind === 'jobs') problems.push(...findExtraJobProblems(value as unknown[], name));
    input[name] = value;
  }
  if (problems.length > 0) {
    throw new SluiceError(
      'InvalidInput',
      [`The input of ${pipeline.name} is wrong:`, ...problems.map((p) => `  ${p}`)].join('\n'),
    );
  }
  return input as T;
}
