import { createRequire } from 'node:module';
import type { ObjectVersion } from '../jobs';
import { defineRunner } from '../runners/defineRunner';
import { LimitedRunner } from '../runners/limited';
import { sdkSchema } from '../runners/sdkSchema';
import { ANYTHING, NUMBER, structure, TEXT, TEXT_MAP } from '../services/schema';
import { findInputProblems } from './inputs';
import { createQueryProcesses } from './queryProcesses';
import type * as Implementation from './runner';

/** `duckdb:query`: one SQL script, run beside the worker on objects of the lake. */
export interface DuckdbQueryParameters {
  /** A SQL file below `jobs/`, e.g. `marketing-and-sales/process-sales.sql`. Exactly one of `script` and `sql`. */
  script?: string;
  /** The SQL text itself: one SELECT over the names in `inputs` and the variables in `arguments`. */
  sql?: string;
  /**
   * Name -> what the SQL reads as `getvariable('<name>')`, a list of local file names: an object, a pinned object version,
   * or (location ending in `/`) all objects below a prefix but markers. A prefix must hold `_SUCCESS`.
   */
  inputs?: Record<string, string | ObjectVersion>;
  /** Name -> text, read in SQL as `getvariable('<name>')`. */
  arguments?: Record<string, string>;
  /** The folder that the SELECT's rows replace. Without it, the result has up to `maxRows` rows. */
  output?: { location: string; format: 'parquet' | 'csv' };
  /** How many rows the job result carries when there is no output; default 100, at most 1000. */
  maxRows?: number;
}

declare module '../jobs' {
  interface JobParameters {
    'duckdb:query': DuckdbQueryParameters;
  }
}

const load = createRequire(__filename);

export const duckdbQuery = defineRunner({
  resource: 'duckdb:query',
  parameters: sdkSchema(
    () =>
      structure(
        {
          script: TEXT,
          sql: TEXT,
          inputs: ANYTHING,
          arguments: TEXT_MAP,
          output: structure({ location: TEXT, format: TEXT }, 2),
          maxRows: NUMBER,
        },
        0,
      ),
    ({ sql, script, inputs }) => [
      ...((typeof sql === 'string') === (typeof script === 'string')
        ? [{ message: 'duckdb:query needs either sql or script' }]
        : []),
      ...findInputProblems(inputs),
    ],
  ),
  runsInWorker: true,
  policy: 'docs/iam/duckdb-query.json',
  create(context) {
    const { s3, jobsFolders, work } = context;
    const { DuckdbRunner } = load('./runner') as typeof Implementation;
    return new LimitedRunner(new DuckdbRunner(s3, jobsFolders, createQueryProcesses(context)), work);
  },
});
