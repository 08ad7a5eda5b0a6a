import {
  type Job,
  field,
  type InputOf,
  joinFolder,
  joinLocation,
  askAthena,
  definePipeline,
  type Run,
  task,
} from 'sluice/workflow';
import { CALLS_PER_AGENT, CALLS_PER_AGENT_QUEUE } from '../queries';

export interface ContactTraceRecordsResult {
  flatFiles: string;
  /** Parquet, one object for each flat one; null for a run that an arrival started. */
  parquet: string | null;
  callsPerAgent: string | null;
  callsPerAgentQueue: string | null;
  /** SVG; a page with the table is beside it. */
  chart: string | null;
}

const INPUT = {
  lake: field.s3({ about: 'the bucket that the pipeline reads and writes', default: 's3://lake' }),
  prefix: field.prefix({ about: 'where the raw objects are, at any depth', default: 'ctr/raw/' }),
  engine: field.choice(['duckdb', 'glue'], { about: 'where the records are converted', default: 'duckdb' }),
  keepFlatFiles: field.duration({
    about: 'how long flattened objects stay after they were converted',
    default: '24 hours',
  }),
  database: field.text({ about: "the crawlers' database", default: 'ctr' }),
  maxBadShare: field.share({
    about: "of an object's records that cannot be read, above which the run fails",
    default: 1,
  }),
  workGroup: field.text({ about: "Athena's work group", default: 'primary' }),
};
type ContactTraceRecordsInput = InputOf<typeof INPUT>;

/**
 * Flatten what has come, and crawl. A run that the arrival of an object started ends there, with that object; any other
 * goes on: convert what was not converted yet, remove old flat files, crawl, ask by agent and by agent and queue, draw.
 */
export const contactTraceRecords = definePipeline(
  {
    name: 'contact-trace-records',
    about:
      'Flattens the records that Firehose has stored, converts them to Parquet, counts calls by agent and queue, draws a chart.',
    input: INPUT,
    startedBy: ({ lake, prefix }) => [`${joinFolder(lake, prefix)}**`],
    resources: ['glue:startCrawler', 'athena:startQueryExecution'],
    schedule: { cron: '0 * * * *', about: 'hourly' },
  },
  async (run, input): Promise<ContactTraceRecordsResult> => {
    const { lake, database, workGroup } = input;
    const jobs = jobsOf(input);
    const [arrived] = run.startedBy;
    await run.job('flatten records', jobs.flatten(arrived ?? joinFolder(lake, input.prefix)));
    await run.job('crawl flat files', jobs.crawl('sluice-ctr-flatfiles'));
    const { flatFiles, parquet } = jobs;
    if (arrived)
      return { flatFiles, parquet: null, callsPerAgent: null, callsPerAgentQueue: null, chart: null };
    await run.job('convert to Parquet', jobs.convert);
    await run.job('remove old flat files', jobs.removeOld);
    await run.job('crawl Parquet', jobs.crawl('sluice-ctr-parquet'));
    const ask = (branch: Run, name: string, sql: string) =>
      askAthena(branch, name, { sql, database, workGroup, to: jobs.at('queries', `${name}.csv`) });
    const { callsPerAgent, callsPerAgentQueue } = await run.parallel({
      callsPerAgent: (branch) => ask(branch, 'calls_per_agent', CALLS_PER_AGENT),
      callsPerAgentQueue: (branch) => ask(branch, 'calls_per_agent_queue', CALLS_PER_AGENT_QUEUE),
    });
    const chart = jobs.at('queries', 'calls_per_agent.svg');
    await run.job('draw chart', jobs.draw(callsPerAgentQueue, chart));
    return { flatFiles, parquet, callsPerAgent, callsPerAgentQueue, chart };
  },
);

function jobsOf({ lake, engine, keepFlatFiles, maxBadShare }: ContactTraceRecordsInput) {
  const at = (...parts: string[]) => joinLocation(lake, 'ctr', ...parts);
  const flatFiles = joinFolder(at('flatfiles'));
  const parquet = joinFolder(at('parquet', 'ctr'));
  // What the queries name is a column even where no record has it.
  const columns = ['agent.username', 'queue.arn'];
  return {
    at,
    flatFiles,
    parquet,
    flatten: (from: unknown) =>
      task('flatten-records', { from, to: flatFiles, rejected: joinFolder(at('rejected')), maxBadShare }),
    crawl: (Name: string): Job => ({ resource: 'glue:startCrawler', parameters: { Name } }),
    convert:
      engine === 'duckdb'
        ? task('convert-records', { from: flatFiles, to: parquet, columns })
        : ({
            resource: 'glue:startJobRun',
            parameters: {
              JobName: 'sluice-ctr-to-parquet',
              Arguments: {
                ...{ '--from': flatFiles, '--to': parquet, '--columns': columns.join(',') },
                '--rows-to': at('rejected', '_rows.json'),
              },
            },
          } satisfies Job),
    removeOld: task('remove-converted', {
      from: flatFiles,
      converted: parquet,
      olderThan: keepFlatFiles,
    }),
    draw: (table: string, chart: string) =>
      task('draw-chart', {
        table,
        title: 'Calls by agent and queue',
        bars: 'username',
        length: 'calls',
        stack: 'queue_arn',
        to: chart,
        page: chart.replace(/svg$/, 'html'),
        maxBadShare,
      }),
  };
}
