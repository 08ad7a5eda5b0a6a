import { SluiceError } from '../errors';
import type { Job, Resource } from '../jobs';
import type { Fields } from './input';
import { findNearest } from './nearest';

export type { Arrival } from './arrival';
export { parseInput } from './input';

/** One pipeline, described for people and for the parts that start it. */
export interface Pipeline {
  /** The name people use, and the workflow type. */
  name: string;
  about: string;
  input: Fields;
  /** What is wrong between fields that are right each by itself. */
  findProblems?: (input: Record<string, unknown>) => string[];
  /** The patterns on which it waits, for a checked input. */
  sources: (input: Record<string, unknown>) => string[];
  /** The patterns whose objects start a run each, for a checked input, where somebody asks for it (`start --on-arrival`). */
  startedBy?: (input: Record<string, unknown>) => string[];
  /** The AWS resources that its jobs use, for `sluice doctor`; with its default input unless it says otherwise. */
  resources?: readonly Resource[];
  /** The usual schedule, as a Temporal cron string, or null. */
  schedule: { cron: string; about: string } | null;
}

export type OnFailure = 'fail' | 'fallback';

const LAKE = {
  kind: 's3',
  about: 'the bucket that the pipeline reads and writes',
  default: 's3://lake',
} as const;
const WITHIN = { kind: 'duration', about: 'how long to wait for each file', default: '7 days' } as const;
const ON_FAILURE = {
  kind: 'choice',
  choices: ['fail', 'fallback'],
  about: 'what a failed step leads to: a failed run, or the state `completed with fallback`',
  default: 'fail',
} as const;

const NOTIFY = {
  kind: 'notification',
  about: 'where the end of the run is told: an SNS topic or a URL; SLUICE_NOTIFY of the worker unless given',
  optional: true,
} as const;

/** How a job of a pipeline's input looks, with its own name and perhaps an object to wait for. */
export type ExtraJob = Job & { name: string; arrival?: string; options?: JobOptions };

export interface JobOptions {
  /** How long the job may take in all, waiting in line included; default 1 day. A duration such as `2 hours`. */
  timeout?: string;
  /** What a cancelled run does with its job: stop it (the default) or leave it running. */
  onCancel?: 'stop' | 'leave';
  /**
   * `attempts`: how often the job is submitted in all, the first time included, while the service sees it fail. Without it,
   * 3 for a failure that the service itself calls retryable (Athena does), and 1 for any other. `interval`: the first pause,
   * which doubles up to 5 minutes; default 10 s.
   */
  retry?: { attempts: number; interval?: string };
  /** How long to wait in line while the service has no room for the job; default as long as `timeout`. */
  capacityTimeout?: string;
  /** How many rows of a query the result carries, where the service returns rows (Athena, Redshift); default none. */
  maxRows?: number;
  /** Leave a cluster that the job creates running after the run has ended. */
  keep?: boolean;
}

export interface MarketingAndSalesInput {
  lake: string;
  output: string;
  engine: 'duckdb' | 'glue';
  within: string;
  onFailure: OnFailure;
  extraJobs: ExtraJob[];
}

export const marketingAndSalesPipeline: Pipeline = {
  name: 'marketing-and-sales',
  about: 'Waits for the sales and the marketing file, processes each, joins both into one report by day.',
  input: {
    lake: LAKE,
    output: { kind: 'path', about: 'the prefix of all outputs in the lake', default: 'marketing-and-sales' },
    engine: { kind: 'choice', choices: ['duckdb', 'glue'], about: 'where the jobs run', default: 'duckdb' },
    within: WITHIN,
    onFailure: ON_FAILURE,
    extraJobs: { kind: 'jobs', about: 'further jobs beside the two; the join waits for them', default: [] },
    notify: NOTIFY,
  },
  sources: (input) => [`${lakeOf(input)}/sales/*.csv`, `${lakeOf(input)}/marketing/*.csv`],
  schedule: { cron: '0 0 * * 1', about: 'weekly, Monday 00:00' },
};

export interface RateCodesInput {
  rootPath: string;
  engine: 'livy' | 'elasticmapreduce';
  /** Given when the engine is `elasticmapreduce`. */
  clusterId?: string;
  ifExists: 'overwrite' | 'error';
  scripts: string;
  onFailure: OnFailure;
}

export const rateCodesPipeline: Pipeline = {
  name: 'rate-codes',
  about: 'Sums taxi miles per rate code on Spark, then joins them with the fares.',
  input: {
    rootPath: {
      kind: 'location',
      about: 'reads <rootPath>/emr-step-functions/input/tripdata.csv',
      default: 's3://lake',
    },
    engine: {
      kind: 'choice',
      choices: ['livy', 'elasticmapreduce'],
      about: 'where Spark runs',
      default: 'livy',
    },
    clusterId: {
      kind: 'text',
      about: 'the id of the EMR cluster that runs the steps, such as j-1ABCDEFGHIJKL',
      optional: true,
      neededWith: { field: 'engine', value: 'elasticmapreduce' },
    },
    ifExists: {
      kind: 'choice',
      choices: ['overwrite', 'error'],
      about: 'what an output that is there already leads to',
      default: 'overwrite',
    },
    scripts: {
      kind: 'location',
      about: 'where the folder jobs/ of this package was uploaded to',
      default: 's3://lake/jobs',
    },
    onFailure: ON_FAILURE,
    notify: NOTIFY,
  },
  sources: () => [],
  schedule: null,
};

export interface MainInput extends Omit<MarketingAndSalesInput, 'engine'> {
  engine: 'duckdb' | 'glue';
  rootPath?: string;
  ifExists: 'overwrite' | 'error';
  scripts?: string;
}

export const mainPipeline: Pipeline = {
  name: 'main',
  about: 'marketing-and-sales, then rate-codes, as child runs.',
  input: {
    ...marketingAndSalesPipeline.input,
    rootPath: {
      ...rateCodesPipeline.input['rootPath']!,
      about: 'of rate-codes; the lake unless given',
      default: undefined,
      optional: true,
    },
    ifExists: rateCodesPipeline.input['ifExists']!,
    scripts: {
      ...rateCodesPipeline.input['scripts']!,
      about: 'of rate-codes; <lake>/jobs unless given',
      default: undefined,
      optional: true,
    },
  },
  sources: marketingAndSalesPipeline.sources,
  schedule: null,
};

export interface ReviewsExportInput {
  lake: string;
  tableName: string;
  tableArn?: string;
  mode: 'point-in-time' | 'scan';
  exportType: 'FULL_EXPORT' | 'INCREMENTAL_EXPORT';
  exportFrom?: string;
  exportTo?: string;
  /** Hours. */
  exportTimeout: number;
  maxConsumedReadThroughput: number;
  readCapacityUnits?: number;
  exportLocation?: string;
  engine: 'duckdb' | 'glue';
  crawler: string;
  database: string;
  table: string;
  timeZone: string;
  notify?: string;
  onFailure: OnFailure;
}

export const reviewsExportPipeline: Pipeline = {
  name: 'reviews-export',
  about:
    'Exports a DynamoDB table, converts it to Parquet, adds it to the catalog and asks two questions of it.',
  input: {
    lake: LAKE,
    tableName: { kind: 'text', about: 'the DynamoDB table', default: 'Reviews' },
    tableArn: {
      kind: 'text',
      about: 'its ARN, where the table is not to be looked up by name',
      optional: true,
    },
    mode: {
      kind: 'choice',
      choices: ['point-in-time', 'scan'],
      about: 'how it is exported: by DynamoDB, which needs point-in-time recovery, or by a scan',
      default: 'point-in-time',
    },
    exportType: {
      kind: 'choice',
      choices: ['FULL_EXPORT', 'INCREMENTAL_EXPORT'],
      about: 'of point-in-time: the whole table, or what has changed from exportFrom to exportTo',
      default: 'FULL_EXPORT',
    },
    exportFrom: { kind: 'time', about: 'default a day before exportTo', optional: true },
    exportTo: { kind: 'time', about: "default the run's scheduled or start time", optional: true },
    exportTimeout: { kind: 'number', most: 24 * 30, about: 'hours that the export may take', default: 1 },
    maxConsumedReadThroughput: {
      kind: 'number',
      most: 1,
      about: "the share of the table's read capacity that a scan takes",
      default: 0.5,
    },
    readCapacityUnits: {
      kind: 'number',
      about: 'of which it is the share, for an on-demand table that has no limit of its own; default 12000',
      optional: true,
    },
    exportLocation: {
      kind: 's3 pattern',
      about: "an export that is there already, instead of making one: today's format or that of 2018",
      optional: true,
    },
    engine: {
      kind: 'choice',
      choices: ['duckdb', 'glue'],
      about: 'where it is converted',
      default: 'duckdb',
    },
    crawler: { kind: 'text', about: 'the Glue crawler', default: 'sluice-reviews' },
    database: { kind: 'text', about: "the crawler's database", default: 'reviews' },
    table: { kind: 'text', about: 'the table that the crawler makes', default: 'reviews_parquet' },
    timeZone: { kind: 'time zone', about: 'of the schedule', default: 'UTC' },
    notify: NOTIFY,
    onFailure: ON_FAILURE,
  },
  findProblems: ({ mode, exportType, exportFrom, exportTo }) => [
    ...(mode === 'scan' && exportType === 'INCREMENTAL_EXPORT'
      ? ['exportType: a scan reads the whole table; give FULL_EXPORT, or mode point-in-time']
      : []),
    ...(exportType === 'FULL_EXPORT' && (exportFrom ?? exportTo) !== undefined
      ? ['exportFrom, exportTo: only of an incremental export; give exportType INCREMENTAL_EXPORT']
      : []),
  ],
  sources: () => [],
  resources: ['dynamodb:exportTableToPointInTime', 'glue:startCrawler', 'athena:startQueryExecution'],
  schedule: { cron: '0 0 * * *', about: 'nightly, 00:00 of timeZone' },
};

export interface JobInput {
  job: Job & { options?: JobOptions };
}

export const jobPipeline: Pipeline = {
  name: 'job',
  about: 'Runs a single job: --input FILE holds { "resource", "parameters", "options"? }.',
  input: { job: { kind: 'job', about: 'the job { "resource", "parameters", "options"? }' } },
  sources: () => [],
  schedule: null,
};

const WORK_GROUP = { kind: 'text', about: "Athena's work group", default: 'primary' } as const;

export interface ContactTraceRecordsInput {
  lake: string;
  prefix: string;
  engine: 'duckdb' | 'glue';
  keepFlatFiles: string;
  database: string;
  workGroup: string;
  notify?: string;
  onFailure: OnFailure;
}

export const contactTraceRecordsPipeline: Pipeline = {
  name: 'contact-trace-records',
  about:
    'Flattens the records that Firehose has stored, converts them to Parquet, counts calls by agent and queue, draws a chart.',
  input: {
    lake: LAKE,
    prefix: { kind: 'prefix', about: 'where the raw objects are, at any depth', default: 'ctr/raw/' },
    engine: {
      kind: 'choice',
      choices: ['duckdb', 'glue'],
      about: 'where the records are converted',
      default: 'duckdb',
    },
    keepFlatFiles: {
      kind: 'duration',
      about: 'how long flattened objects stay after they were converted',
      default: '24 hours',
    },
    database: { kind: 'text', about: "the crawlers' database", default: 'ctr' },
    workGroup: WORK_GROUP,
    notify: NOTIFY,
    onFailure: ON_FAILURE,
  },
  sources: () => [],
  startedBy: (input) => [`${lakeOf(input)}/${String(input['prefix'])}**`],
  resources: ['glue:startCrawler', 'athena:startQueryExecution'],
  schedule: { cron: '0 * * * *', about: 'hourly' },
};

export interface AgentEventsInput {
  lake: string;
  prefix?: string;
  quiet: string;
  within: string;
  database: string;
  workGroup: string;
  redshiftWorkgroup: string;
  redshiftDatabase: string;
  notify?: string;
  onFailure: OnFailure;
}

export const agentEventsPipeline: Pipeline = {
  name: 'agent-events',
  about: "Waits for the hour's agent events, adds their partition, and asks Athena and Redshift Spectrum.",
  input: {
    lake: LAKE,
    prefix: {
      kind: 'prefix',
      about:
        'raw objects to convert, such as agent-events/raw/; without it Firehose converts, and the run waits',
      optional: true,
    },
    quiet: {
      kind: 'duration',
      about: 'the hour is complete when nothing has come for so long',
      default: '15 minutes',
    },
    within: { ...WITHIN, about: "how long to wait for the hour's objects", default: '2 hours' },
    database: {
      kind: 'text',
      about: 'of the table, in Athena and as schema in Redshift',
      default: 'agent_events',
    },
    workGroup: WORK_GROUP,
    redshiftWorkgroup: { kind: 'text', about: "Redshift Serverless's workgroup", default: 'sluice' },
    redshiftDatabase: { kind: 'text', about: "Redshift's database", default: 'dev' },
    notify: NOTIFY,
    onFailure: ON_FAILURE,
  },
  sources: (input) =>
    input['prefix'] === undefined ? [`${lakeOf(input)}/agent-events/kfhconnectblog/**`] : [],
  resources: ['athena:startQueryExecution', 'redshiftdata:executeStatement'],
  schedule: { cron: '0 * * * *', about: 'hourly' },
};

/** The pipelines that ship with Sluice. */
export const PIPELINES: readonly Pipeline[] = [
  mainPipeline,
  marketingAndSalesPipeline,
  rateCodesPipeline,
  reviewsExportPipeline,
  contactTraceRecordsPipeline,
  agentEventsPipeline,
  jobPipeline,
];

/** @throws SluiceError UnknownPipeline with the nearest name */
export function findPipeline(name: string, pipelines: readonly Pipeline[] = PIPELINES): Pipeline {
  const found = pipelines.find((pipeline) => pipeline.name === name);
  if (found) return found;
  const names = pipelines.map((pipeline) => pipeline.name);
  const nearest = findNearest(name, names);
  const hint = nearest === undefined ? '' : ` Did you mean "${nearest}"?`;
  throw new SluiceError(
    'UnknownPipeline',
    `No pipeline is called "${name}".${hint} There are: ${names.join(', ')}.`,
  );
}

function lakeOf(input: Record<string, unknown>): string {
  return String(input['lake']).replace(/\/+$/, '');
}
