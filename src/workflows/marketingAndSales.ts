import type { Job, JobResult } from '../jobs';
import { field, type Arrival } from '../pipelines';
import { csvArguments, csvFields, csvOptions, rowsTo, type CsvInput } from '../pipelines/csv';
import { joinFolder, joinLocation } from '../pipelines/location';
import { definePipeline, type Run } from './steps';

/** Where the pipeline writes, by what is there. */
export function outputsOf({ lake, output }: { lake: string; output: string }) {
  const at = (...parts: string[]) => joinFolder(lake, output, ...parts);
  return { sales: at('tmp/sales'), marketing: at('tmp/marketing'), report: at('sales-leads-influenced') };
}

/** Waits for sales data and processes it (PSD), beside for marketing data (PMD); then joins both (JMSD). */
export const marketingAndSales = definePipeline(
  {
    name: 'marketing-and-sales',
    about: 'Waits for the sales and the marketing file, processes each, joins both into one report by day.',
    input: {
      lake: field.s3({ about: 'the bucket that the pipeline reads and writes', default: 's3://lake' }),
      output: field.path({ about: 'the prefix of all outputs in the lake', default: 'marketing-and-sales' }),
      engine: field.choice(['duckdb', 'glue'], { about: 'where the jobs run', default: 'duckdb' }),
      within: field.duration({ about: 'how long to wait for each file', default: '7 days' }),
      ...csvFields,
      extraJobs: field.jobs({ about: 'further jobs beside the two; the join waits for them', default: [] }),
    },
    sources: ({ lake }) => [joinLocation(lake, 'sales/*.csv'), joinLocation(lake, 'marketing/*.csv')],
    schedule: { cron: '0 0 * * 1', about: 'weekly, Monday 00:00' },
  },
  async (run, { lake, output, engine, within, extraJobs, ...csv }) => {
    const { sales, marketing, report } = outputsOf({ lake, output });
    const jobs = engine === 'glue' ? glueJobs : duckdbJobs;
    const process = (what: 'sales' | 'marketing', to: string) => async (branch: Run) => {
      const [object] = await branch.waitForArrivals(
        `wait for ${what} data`,
        joinLocation(lake, what, '*.csv'),
        { within },
      );
      await branch.keepOutput(`${what} data`, to);
      await branch.job(`process ${what} data`, jobs.process(what, object, { to, csv }));
    };
    const results: Record<string, JobResult> = {};
    const extraBranches = extraJobs.map(({ name, arrival, options, ...job }) => {
      const branch = async (extra: Run) => {
        if (arrival !== undefined) await extra.waitForArrivals(`wait for ${name}`, arrival, { within });
        results[name] = await extra.job(`run ${name}`, job, options);
      };
      return [name, branch] as const;
    });
    await run.parallel({
      sales: process('sales', sales),
      marketing: process('marketing', marketing),
      ...Object.fromEntries(extraBranches),
    });
    await run.keepOutput('report', report);
    const join = await run.job('join marketing and sales data', jobs.join(sales, marketing, report));
    return { output: report, join, extraJobs: results };
  },
);

interface Processing {
  to: string;
  csv: CsvInput;
}

const glue = (JobName: string, Arguments: Record<string, string>): Job => ({
  resource: 'glue:startJobRun',
  parameters: { JobName, Arguments },
});
const glueJobs = {
  process: (what: string, { bucket, key }: Arrival, { to, csv }: Processing) =>
    glue(`sluice-process-${what}`, {
      [`--${what}`]: `s3://${bucket}/${key}`,
      '--output': to,
      ...csvOptions(csv, to),
    }),
  join: (sales: string, marketing: string, to: string) =>
    glue('sluice-join', {
      '--sales-leads': sales,
      '--marketing': marketing,
      '--output': to,
      ...rowsTo(to),
    }),
};

const duckdb = (
  name: string,
  inputs: object,
  { to, format, ...rest }: { to: string; format: 'parquet' | 'csv'; arguments?: Record<string, string> },
): Job => ({
  resource: 'duckdb:query',
  parameters: {
    script: `marketing-and-sales/${name}.sql`,
    inputs: { ...inputs },
    ...rest,
    output: { location: to, format },
  },
});
const duckdbJobs = {
  process: (what: string, { bucket, key, versionId, etag }: Arrival, { to, csv }: Processing) =>
    duckdb(
      `process-${what}`,
      { [what]: { bucket, key, versionId, etag } },
      { to, format: 'parquet', arguments: csvArguments(csv) },
    ),
  join: (sales_leads: string, marketing: string, to: string) =>
    duckdb('join', { sales_leads, marketing }, { to, format: 'csv' }),
};
