import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Resource } from '../jobs';
import type { Limiter } from '../services/limiter';
import type { Config } from '../setup/config';
import type { AnyTask } from '../tasks/defineTask';
import type { Runner } from './runner';

/** What each client of the AWS SDK takes; by default the SDK's own rules for credentials, region and endpoint. */
export interface ClientSettings {
  endpoint?: string;
  region?: string;
  credentials?: { accessKeyId: string; secretAccessKey: string };
  maxAttempts?: number;
}

/** The local scripts of Glue jobs: the job's name -> a path below a folder of jobs. */
export type GlueJobs = Record<string, { script: string }>;

/** A Glue crawler as the local engine does its work. */
export interface Crawler {
  database: string;
  /** Each a folder below the lake, or one with the name of its table; by default the folder's own. */
  targets: (string | CrawlerTarget)[];
  tablePrefix?: string;
  classifiers?: { csv?: CsvClassifier };
}

export interface CrawlerTarget {
  path: string;
  table?: string;
  /** Glue's exclude patterns, relative to the path, e.g. `tmp/**`. */
  exclusions?: string[];
}

/** https://docs.aws.amazon.com/glue/latest/dg/custom-classifier.html#classifier-values-csv */
export interface CsvClassifier {
  Delimiter?: string;
  /** With it, the table is read by OpenCSVSerde. */
  QuoteSymbol?: string;
  ContainsHeader?: 'UNKNOWN' | 'PRESENT' | 'ABSENT';
}

/** The local crawlers by name. */
export type Crawlers = Record<string, Crawler>;

/** What a runner is made with: the same for all runners of one worker. */
export interface RunnerContext {
  config: Config;
  s3: S3Client;
  /** Folders with SQL and scripts; the first that has a file wins. */
  jobsFolders: readonly string[];
  tasks: readonly AnyTask[];
  glueJobs: GlueJobs;
  crawlers: Crawlers;
  /** Where work inside the worker takes turns: as much at a time as there are cores. */
  work: Limiter;
}

/** One resource: what its jobs take, where they run, and the code that runs them. */
export interface RunnerDefinition<R extends Resource = Resource> {
  /** `service:verb`. */
  readonly resource: R;
  /**
   * Checks a job's parameters before a run starts (`start`, schedules) and again in the worker. Any Standard Schema
   * (https://standardschema.dev) that checks at once, such as zod's; `sdkSchema` for an input of the AWS SDK.
   */
  readonly parameters: StandardSchemaV1;
  /** The engines (`SLUICE_ENGINES`) on which the resource runs; default both. */
  readonly engines?: readonly Config['engines'][];
  /**
   * The job runs inside the worker: each attempt of its await begins with `submit`, it ends with its await, and another worker
   * starts it anew.
   */
  readonly runsInWorker?: boolean;
  /** The file with the policy that the worker's role needs, as `sluice doctor` names it. */
  readonly policy?: string;
  /**
   * Asks the service for something that is not there, for `sluice doctor`: a call that changes nothing and needs the
   * permissions of the policy.
   */
  readonly probe?: (settings: ClientSettings) => Promise<unknown>;
  /**
   * Makes the runner when the first job of the resource comes, once a worker.
   * @throws SluiceError NoEngine that says what the engine needs
   */
  create(context: RunnerContext): Runner<R> | Promise<Runner<R>>;
}

const RESOURCE = /^[A-Za-z][\w-]*:[A-Za-z][\w-]*$/;

/**
 * Defines the runner of a resource.
 * @throws TypeError for a resource that is no `service:verb`, or parameters that are no Standard Schema
 */
export function defineRunner<R extends Resource>(definition: RunnerDefinition<R>): RunnerDefinition<R> {
  const { resource, parameters } = definition;
  if (!RESOURCE.test(resource))
    throw new TypeError(
      `defineRunner: "${resource}" is no resource; give service:verb, such as acme:refresh`,
    );
  if (typeof parameters?.['~standard']?.validate !== 'function')
    throw new TypeError(
      `${resource}: parameters is no Standard Schema; give one such as zod's z.strictObject`,
    );
  return definition;
}

/** What runners of one worker share, such as a client or a poller: made for the first of them that asks. */
export function sharedBy<T>(create: (context: RunnerContext) => T): (context: RunnerContext) => T {
  const made = new WeakMap<RunnerContext, { value: T }>();
  return (context) => {
    const known = made.get(context) ?? { value: create(context) };
    made.set(context, known);
    return known.value;
  };
}
