import type { ExtraJob, JobOptions } from './jobOptions';
import type { Job } from '../jobs';
import type { Field, FieldKind } from './input';

declare const VALUE: unique symbol;
declare const OMITTED: unique symbol;

/**
 * A field that says to the compiler which values it holds. `Value` includes `undefined` for an optional field; `Omitted` is
 * true for one that may be left out.
 */
export interface TypedField<Value, Omitted extends boolean = boolean> extends Field {
  readonly [VALUE]?: Value;
  readonly [OMITTED]?: Omitted;
}

/** The fields of a pipeline's input by name. */
export type TypedFields = Record<string, TypedField<unknown>>;

/** The checked input that the body of a pipeline with these fields is given. */
export type InputOf<F extends TypedFields> = {
  [K in keyof F]: F[K] extends TypedField<infer Value> ? Value : never;
};

/** The input as a caller gives it: fields with a default, and optional ones, may be left out. */
export type GivenInputOf<F extends TypedFields> = Partial<InputOf<F>>;

type OmittedIn<F extends TypedFields> = {
  [K in keyof F]: F[K] extends TypedField<unknown, false> ? never : K;
}[keyof F];

/** The input as a job of a task states it: what has no default is there. */
export type TaskInputOf<F extends TypedFields> = Omit<InputOf<F>, OmittedIn<F>> &
  Partial<Pick<InputOf<F>, OmittedIn<F>>>;

/** What every field may say. */
export interface FieldOptions<Value> {
  /** One line, for `sluice pipelines` and error messages. */
  about?: string;
  /** Taken when the field is not given; a field without default is required unless `optional`. */
  default?: Value;
  optional?: boolean;
  /** The field must be given when another one has this value. */
  neededWith?: { field: string; value: string };
}

type ValueFor<Options, Value> = Options extends { optional: true } ? Value | undefined : Value;
type OmittedFor<Options> = Options extends { optional: true } | { default: unknown } ? true : false;
type FieldFor<Options, Value> = TypedField<ValueFor<Options, Value>, OmittedFor<Options>>;

function kind<Value>(name: FieldKind, what: string) {
  return <const O extends FieldOptions<Value>>(options?: O): FieldFor<O, Value> => ({
    about: what,
    ...options,
    kind: name,
  });
}

/**
 * The kinds of field that a pipeline's input may have. Each takes `about`, `default` and `optional`, and is checked before
 * a run starts; durations and times stay the text that was given.
 */
export const field = {
  /** Any text that is not empty. */
  text: kind<string>('text', 'a text'),
  /** An S3 bucket, or a folder in one, such as `s3://lake`. */
  s3: kind<string>('s3', 'an S3 location'),
  /** A folder in S3, such as `s3://lake/sales/`. */
  folder: kind<string>('folder', 'a folder in S3'),
  /** An object in S3, such as `s3://lake/sales/a.csv`. */
  object: kind<string>('object', 'an object in S3'),
  /** A URI of any file system that Spark reads. */
  location: kind<string>('location', 'a location'),
  /** An S3 URI with or without wildcards, such as `s3://lake/sales/*.csv`. */
  s3Pattern: kind<string>('s3 pattern', 'a pattern of S3 objects'),
  /** A prefix with no slash at its ends, such as `a/b`. */
  path: kind<string>('path', 'a prefix'),
  /** A prefix that ends in a slash, such as `ctr/raw/`. */
  prefix: kind<string>('prefix', 'a prefix that ends in a slash'),
  /** How long, such as `7 days`. */
  duration: kind<string>('duration', 'a duration'),
  /** A point in time, ISO 8601 with its zone. */
  time: kind<string>('time', 'a time'),
  /** A name of the time zone database, such as `Europe/Berlin`. */
  timeZone: kind<string>('time zone', 'a time zone'),
  /** True or false. */
  flag: kind<boolean>('flag', 'true or false'),
  /** Where something is told: the ARN of an SNS topic, or a URL without a secret. */
  notification: kind<string>('notification', 'an SNS topic or a URL'),
  /** A list of texts. */
  texts: kind<string[]>('texts', 'a list of texts'),
  /** A job `{ resource, parameters, options? }`. */
  job: kind<Job & { options?: JobOptions }>('job', 'a job'),
  /** A list of jobs, each with a name of its own and perhaps an object to wait for. */
  jobs: kind<ExtraJob[]>('jobs', 'a list of jobs'),

  /** One of these texts. */
  choice<const C extends readonly string[], const O extends FieldOptions<C[number]>>(
    choices: C,
    options?: O,
  ): FieldFor<O, C[number]> {
    return { about: `one of ${choices.join(', ')}`, ...options, kind: 'choice', choices };
  },
  /** A number above `above` (default 0) and up to `most`. */
  number<const O extends FieldOptions<number> & { above?: number; most?: number }>(
    options?: O,
  ): FieldFor<O, number> {
    return { about: 'a number', ...options, kind: 'number' };
  },
  /** A whole number from `least` (default 0) to `most`. */
  integer<const O extends FieldOptions<number> & { least?: number; most?: number }>(
    options?: O,
  ): FieldFor<O, number> {
    return { about: 'a whole number', ...options, kind: 'integer' };
  },
  /** A share, from 0 to 1. */
  share<const O extends FieldOptions<number>>(options?: O): FieldFor<O, number> {
    return { about: 'a share from 0 to 1', ...options, kind: 'share' };
  },
  /** A value of a kind of one's own: `fits` tells whether it is one, and `needs` follows "give" in messages. */
  value<Value, const O extends FieldOptions<Value> & { needs: string }>(
    fits: (value: unknown) => value is Value,
    options: O,
  ): FieldFor<O, Value> {
    return { about: options.needs, ...options, kind: 'value', fits };
  },
};
