import type { Job, JobResult } from '../jobs';
import { marketingAndSalesPipeline, type Arrival, type MarketingAndSalesInput } from '../pipelines';
import { joinFolder, joinLocation } from '../pipelines/location';
import { runPipeline, type Run, type RunOptions } from './steps';

export interface MarketingAndSalesResult {
  /** The folder with the joined report: CSV with header. */
  output: string;
  join: JobResult;
  extraJobs: Record<string, JobResult>;
}

/**
 * Wait for sales data, process it (PSD); beside, wait for marketing data, process it (PMD); then join both (JMSD).
 * `extraJobs` run beside the two, and the join waits for them as well.
 */
export function marketingAndSales(
  given?: Partial<MarketingAndSalesInput>,
  options?: RunOptions,
): Promise<MarketingAndSalesResult | null> {
  return runPipeline<MarketingAndSalesInput, MarketingAndSalesResult>(
    marketingAndSalesPipeline,
    given,
    options,
    async (run, input) => {
      const { within } = input;
      const jobs = jobsOf(input);
      const extraJobs: Record<string, JobResult> = {};
      const extraBranches = input.extraJobs.map(({ name, arrival, options: jobOptions, ...job }) => [
        name,
        async (branch: Run) => {
          if (arrival !== undefined) await branch.waitForArrivals(`wait for ${name}`, arrival, { within });
          extraJobs[name] = await branch.job(`run ${name}`, job, jobOptions);
        },
      ]);
      await run.parallel({
        sales: async (branch: Run) => {
          const [object] = await branch.waitForArrivals(
            'wait for sales data',
            joinLocation(input.lake, 'sales', '*.csv'),
            { within },
          );
          await branch.job('process sales data', jobs.processSales(object));
        },
        marketing: async (branch: Run) => {
          const [object] = await branch.waitForArrivals(
            'wait for marketing data',
            joinLocation(input.lake, 'marketing', '*.csv'),
            { within },
          );
          await branch.job('process marketing data', jobs.processMarketing(object));
        },
        ...(Object.fromEntries(extraBranches) as Record<string, (branch: Run) => Promise<void>>),
      });
      const join = await run.job('join marketing and sales data', jobs.join());
      return { output: jobs.report, join, extraJobs };
    },
  );
}

/** The three jobs on the engine of the input. Glue job names are those that `docs/` has one create. */
function jobsOf(input: MarketingAndSalesInput) {
  const at = (...parts: string[]) => joinFolder(input.lake, input.output, ...parts);
  const sales = at('tmp', 'sales');
  const marketing = at('tmp', 'marketing');
  const report = at('sales-leads-influenced');
  const onGlue = input.engine === 'glue';
  const glue = (JobName: string, Arguments: Record<string, string>): Job => ({
    resource: 'glue:startJobRun',
    parameters: { JobName, Arguments },
  });
  const uri = ({ bucket, key }: Arrival) => `s3://${bucket}/${key}`;
  const pinned = ({ bucket, key, versionId, etag }: Arrival) => ({ bucket, key, versionId, etag });
  const processing =
    (what: 'sales' | 'marketing', output: string) =>
    (object: Arrival): Job =>
      onGlue
        ? glue(`sluice-process-${what}`, { [`--${what}`]: uri(object), '--output': output })
        : {
            resource: 'duckdb:query',
            parameters: {
              script: `marketing-and-sales/process-${what}.sql`,
              inputs: { [what]: pinned(object) },
              output: { location: output, format: 'parquet' },
            },
          };
  return {
    report,
    processSales: processing('sales', sales),
    processMarketing: processing('marketing', marketing),
    join: (): Job =>
      onGlue
        ? glue('sluice-join', { '--sales-leads': sales, '--marketing': marketing, '--output': report })
        : {
            resource: 'duckdb:query',
            parameters: {
              script: 'marketing-and-sales/join.sql',
              inputs: { sales_leads: sales, marketing },
              output: { location: report, format: 'csv' },
            },
          },
  };
}
