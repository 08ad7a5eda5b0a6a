import { listProblems, SluiceError } from '../errors';
import { DURATION_NEEDS, isCalendarDay, parseBoundedDuration } from './duration';
import {
  isFolderLength,
  isKeyLength,
  isObjectPattern,
  OBJECT_PATTERN_NEEDS,
  parseS3Uri,
  TOPIC_ARN,
} from './location';

/** What a field of a pipeline's input may hold. Each kind has a check below. */
export type FieldKind =
  | 'text'
  | 's3'
  | 'location'
  | 's3 pattern'
  | 'folder'
  | 'object'
  | 'path'
  | 'prefix'
  | 'duration'
  | 'number'
  | 'integer'
  | 'share'
  | 'flag'
  | 'time'
  | 'time zone'
  | 'choice'
  | 'notification'
  | 'texts'
  | 'value'
  | 'job'
  | 'jobs';

export interface Field {
  kind: FieldKind;
  /** One line, for `sluice pipelines` and error messages. */
  about: string;
  /** Taken when the field is not given; a field without default is required unless `optional`. */
  default?: unknown;
  optional?: boolean;
  /** The field must be given when another one has this value. */
  neededWith?: { field: string; value: string };
  /** For `choice`. */
  choices?: readonly string[];
  /** For `number`: it is above `above` (default 0). */
  above?: number;
  /** For `integer`: it is `least` (default 0) or more. */
  least?: number;
  /** For `number` and `integer`: it is at most so much (default without a limit). */
  most?: number;
  /** For `value`: what it needs, as messages put it after "give", and whether a value is that. */
  needs?: string;
  fits?: (value: unknown) => boolean;
}

export type Fields = Record<string, Field>;

const RULES: Record<FieldKind, { needs: string; fits: (value: unknown, field: Field) => boolean }> = {
  text: { needs: 'a text that is not empty', fits: (value) => typeof value === 'string' && value !== '' },
  s3: {
    needs: 'an S3 bucket such as s3://lake',
    fits: (value) => typeof value === 'string' && parseS3Uri(value) !== null && !/[*?]/.test(value),
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
    needs: OBJECT_PATTERN_NEEDS,
    fits: (value) => typeof value === 'string' && isObjectPattern(value),
  },
  folder: {
    needs: 'a folder in S3, such as s3://lake/sales/',
    fits: (value) => /^[^*?]+$/.test(keyOf(value)) && isFolderLength(keyOf(value)),
  },
  object: {
    needs: 'an object in S3, such as s3://lake/sales/a.csv',
    fits: (value) => /[^/]$/.test(keyOf(value)) && isKeyLength(keyOf(value)),
  },
  path: {
    needs: 'a prefix such as marketing-and-sales or a/b, with no slash at its ends',
    fits: (value) =>
      typeof value === 'string' && /^[\w.=-]+(\/[\w.=-]+)*$/.test(value) && !/(^|\/)\.\.?(\/|$)/.test(value),
  },
  prefix: {
    needs: 'a prefix that ends in a slash, such as ctr/raw/',
    fits: (value) =>
      typeof value === 'string' && /^([^/*?]+\/)+$/.test(value) && !/(^|\/)\.\.?\//.test(value),
  },
  duration: {
    needs: DURATION_NEEDS,
    fits: (value) => parseBoundedDuration(value) !== null,
  },
  notification: {
    needs: 'the ARN of an SNS topic, or an https URL that holds no secret: the input stays in the history',
    fits: (value) =>
      typeof value === 'string' && isNotificationTarget(value) && !/^https?:\/\/[^/]*@/.test(value),
  },
  number: {
    needs: '',
    fits: (value, { above = 0, most = Infinity }) =>
      typeof value === 'number' && value > above && value <= most && value < Infinity,
  },
  integer: {
    needs: '',
    fits: (value, { least = 0, most = Number.MAX_SAFE_INTEGER }) =>
      Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
  },
  share: {
    needs: 'a share from 0 to 1',
    fits: (value) => typeof value === 'number' && value >= 0 && value <= 1,
  },
  flag: { needs: 'true or false', fits: (value) => typeof value === 'boolean' },
  time: {
    needs: 'a time in ISO 8601 with its zone, such as 2025-03-01T12:00:00Z',
    fits: (value) =>
      typeof value === 'string' &&
      /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(value) &&
      !Number.isNaN(Date.parse(value)) &&
      isCalendarDay(value.slice(0, 10)),
  },
  'time zone': { needs: 'a name of the time zone database, such as Europe/Berlin', fits: isTimeZone },
  choice: { needs: '', fits: (value, field) => field.choices?.includes(value as string) ?? false },
  texts: {
    needs: 'a list of texts, such as ["a", "b"]',
    fits: (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
  },
  value: { needs: '', fits: (value, field) => field.fits?.(value) ?? false },
  job: { needs: '', fits: () => true },
  jobs: { needs: 'a list of jobs [{ "name", "resource", "parameters", "arrival"? }]', fits: Array.isArray },
};

/** The key of an S3 URI; empty for what is none. */
function keyOf(value: unknown): string {
  return (typeof value === 'string' ? parseS3Uri(value)?.key : undefined) ?? '';
}

/** Whether the text is the ARN of an SNS topic or a URL. */
export function isNotificationTarget(text: string): boolean {
  return TOPIC_ARN.test(text) || /^https?:\/\/[^/\s]+\S*$/.test(text);
}

/** Whether the platform's own time zone database has a zone of this name. */
export function isTimeZone(value: unknown): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: value as string });
    return typeof value === 'string';
  } catch {
    return false;
  }
}

/** What a field takes, as messages put it after "give". */
function needsOf(field: Field): string {
  if (field.kind === 'choice') return `one of ${field.choices!.join(', ')}`;
  if (field.kind === 'value') return field.needs ?? field.about;
  if (field.kind === 'integer') {
    const { least = 0, most } = field;
    return `a whole number ${most === undefined ? `from ${least}` : `from ${least} to ${most}`}`;
  }
  if (field.kind !== 'number') return RULES[field.kind].needs || field.about;
  const { above = 0, most } = field;
  return `a number above ${above}${most === undefined ? '' : ` and up to ${most}`}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** `service:verb`. */
const RESOURCE = /^[A-Za-z][\w-]*:[A-Za-z][\w-]*$/;

/** The problems of a job's resource and parameters, one line each that begins with `resource` or `parameters`. */
export type ParameterCheck = (resource: string, parameters: unknown) => string[];

/**
 * The problems of a job that comes from outside: `{ resource, parameters, options? }`.
 * @param check knows the resources and what each takes; without it, as in the workflow sandbox, the job's shape is checked
 */
export function findJobProblems(value: unknown, path: string, check?: ParameterCheck): string[] {
  if (!isObject(value)) {
    const field = path.replace(/\.$/, '') || 'job';
    return [`${field}: ${show(value)} is no job; give { "resource", "parameters" }`];
  }
  const { resource, parameters, options } = value;
  const isResource = typeof resource === 'string' && RESOURCE.test(resource);
  const problems: string[] = [];
  if (!isResource)
    problems.push(`${path}resource: ${show(resource)} is no resource; give one such as duckdb:query`);
  if (!isObject(parameters))
    problems.push(`${path}parameters: ${show(parameters)} is no object; give the resource's own parameters`);
  else if (isResource && check)
    problems.push(...check(resource, parameters).map((problem) => path + problem));
  return [...problems, ...findOptionProblems(options, `${path}options`)];
}

const isAttempts = (value: unknown) =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 100;

interface OptionRule {
  needs: string;
  fits: (value: unknown) => boolean;
}

const DURATION_OPTION: OptionRule = {
  needs: RULES.duration.needs,
  fits: (value) => RULES.duration.fits(value, {} as Field),
};

/** What each of `JobOptions` needs. */
export const OPTIONS: Record<string, OptionRule> = {
  timeout: DURATION_OPTION,
  capacityTimeout: DURATION_OPTION,
  expectedBy: DURATION_OPTION,
  retryFor: DURATION_OPTION,
  credentialsFor: DURATION_OPTION,
  archivedFor: DURATION_OPTION,
  onExhausted: { needs: '"fail" or "park"', fits: (value) => value === 'fail' || value === 'park' },
  onCancel: { needs: '"stop" or "leave"', fits: (value) => value === 'stop' || value === 'leave' },
  maxRows: {
    needs: 'a number of rows from 0 to 1000',
    fits: (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 1000,
  },
  pool: {
    needs: "the name of one of the project's limits",
    fits: (value) => typeof value === 'string' && value !== '',
  },
  priority: {
    needs: 'a whole number from 1 (first) to 5 (last)',
    fits: (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 5,
  },
  keep: { needs: 'true or false', fits: (value) => typeof value === 'boolean' },
  retry: {
    needs: '{ "attempts": 1 to 100, "interval"?: a duration }',
    fits: (value) =>
      isObject(value) &&
      isAttempts(value['attempts']) &&
      (value['interval'] === undefined || RULES.duration.fits(value['interval'], {} as Field)),
  },
};

function findOptionProblems(options: unknown, path: string): string[] {
  if (options === undefined) return [];
  if (!isObject(options)) return [`${path}: ${show(options)} is no object`];
  return Object.entries(options).flatMap(([name, value]) => {
    const option = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
    if (!option) return [`${path}.${name}: unknown; known are ${Object.keys(OPTIONS).join(', ')}`];
    return option.fits(value) ? [] : [`${path}.${name}: ${show(value)}; give ${option.needs}`];
  });
}

function findExtraJobProblems(jobs: unknown[], path: string, check?: ParameterCheck): string[] {
  const names = new Set<unknown>();
  return jobs.flatMap((job, i) => {
    const problems = findJobProblems(job, `${path}[${i}].`, check);
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

/** The fields whose default is none that they take, one line each. */
export function findDefaultProblems(fields: Fields): string[] {
  return Object.entries(fields).flatMap(([name, field]) =>
    field.default === undefined || RULES[field.kind].fits(field.default, field)
      ? []
      : [`${name}: the default is ${show(field.default)}; give ${needsOf(field)}`],
  );
}

/**
 * Checks a pipeline's input and fills in defaults. Pure: the command line, schedules and the workflow itself share it.
 * @param check see `findJobProblems`
 * @throws SluiceError InvalidInput that lists every problem, each with field, value and remedy
 */
export function parseInput<T>(
  pipeline: { name: string; input: Fields; findProblems?: (input: Record<string, unknown>) => string[] },
  given: unknown,
  check?: ParameterCheck,
): T {
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
    if (!Object.hasOwn(pipeline.input, name)) {
      problems.push(`${name}: unknown field; known are ${Object.keys(pipeline.input).join(', ') || 'none'}`);
    }
  }
  for (const [name, field] of Object.entries(pipeline.input)) {
    const value = raw[name] ?? field.default;
    if (value === undefined) {
      const { field: other = '', value: needing } = field.neededWith ?? {};
      if (field.neededWith && (raw[other] ?? pipeline.input[other]?.default) === needing)
        problems.push(`${name}: missing; ${other} "${needing}" needs ${field.about}`);
      else if (!field.optional) problems.push(`${name}: missing; give ${needsOf(field)}`);
      continue;
    }
    if (field.kind === 'job') problems.push(...findJobProblems(value, '', check));
    else if (!RULES[field.kind].fits(value, field)) {
      problems.push(`${name}: ${show(value)}; give ${needsOf(field)}`);
    } else if (field.kind === 'jobs') problems.push(...findExtraJobProblems(value as unknown[], name, check));
    input[name] = value;
  }
  if (problems.length === 0) problems.push(...(pipeline.findProblems?.(input) ?? []));
  if (problems.length > 0) {
    throw new SluiceError('InvalidInput', listProblems(`The input of ${pipeline.name} is wrong:`, problems));
  }
  return input as T;
}
