import {
  type Job,
  field,
  type InputOf,
  joinFolder,
  joinLocation,
  askAthena,
  athenaQuery,
  definePipeline,
  type Run,
  task,
} from 'sluice/workflow';
import { COLUMNS, createTable, LOGINS, REPAIR_PARTITIONS, SESSIONS, unloadLogins } from '../queries';

export interface AgentEventsResult {
  /** The table's folder. */
  events: string;
  logins: string;
  sessions: string;
  spectrum: string;
}

const INPUT = {
  lake: field.s3({ about: 'the bucket that the pipeline reads and writes', default: 's3://lake' }),
  prefix: field.prefix({
    about:
      'raw objects to convert, such as agent-events/raw/; without it Firehose converts, and the run waits',
    optional: true,
  }),
  quiet: field.duration({
    about: 'the hour is complete when nothing has come for so long',
    default: '15 minutes',
  }),
  within: field.duration({ about: "how long to wait for the hour's objects", default: '2 hours' }),
  database: field.text({
    about: 'of the table, in Athena and as schema in Redshift',
    default: 'agent_events',
  }),
  maxBadShare: field.share({
    about: "of an object's records that cannot be read, above which the run fails",
    default: 1,
  }),
  workGroup: field.text({ about: "Athena's work group", default: 'primary' }),
  redshiftWorkgroup: field.text({ about: "Redshift Serverless's workgroup", default: 'sluice' }),
  redshiftDatabase: field.text({ about: "Redshift's database", default: 'dev' }),
};
type AgentEventsInput = InputOf<typeof INPUT>;

/**
 * Wait until the hour's objects are there, or convert raw ones; add their partitions; ask Athena for logins and sessions,
 * and Redshift Spectrum for the logins.
 */
export const agentEvents = definePipeline(
  {
    name: 'agent-events',
    about: "Waits for the hour's agent events, adds their partition, and asks Athena and Redshift Spectrum.",
    input: INPUT,
    sources: ({ lake, prefix }) =>
      prefix === undefined ? [joinLocation(lake, 'agent-events/kfhconnectblog/**')] : [],
    resources: ['athena:startQueryExecution', 'redshiftdata:executeStatement'],
    schedule: { cron: '0 * * * *', about: 'hourly' },
  },
  async (run, input): Promise<AgentEventsResult> => {
    const { prefix, within, quiet, database, workGroup } = input;
    const jobs = jobsOf(input);
    if (prefix === undefined) {
      await run.waitForArrivals("wait for the hour's objects", `${jobs.events}**`, {
        within,
        complete: { quiet },
      });
    } else {
      await run.job('flatten events', jobs.flatten(joinFolder(input.lake, prefix)));
      await run.job('convert to Parquet', jobs.convert);
    }
    await run.job('create table', jobs.statement(createTable(jobs.events)));
    await run.job('repair partitions', jobs.statement(REPAIR_PARTITIONS));
    const ask = (branch: Run, name: string, sql: string) =>
      askAthena(branch, name, { sql, database, workGroup, to: jobs.at('queries', `${name}.csv`) });
    const answers = await run.parallel({
      logins: (branch) => ask(branch, 'logins', LOGINS),
      sessions: (branch) => ask(branch, 'sessions', SESSIONS),
      spectrum: async (branch) => {
        const to = jobs.at('queries', 'spectrum.csv');
        await branch.job('spectrum', jobs.unload(jobs.at('queries', 'spectrum-')));
        await branch.job(
          'copy spectrum',
          task('copy-object', { from: jobs.at('queries', 'spectrum-000'), to }),
        );
        return to;
      },
    });
    return { events: jobs.events, ...answers };
  },
);

function jobsOf(input: AgentEventsInput) {
  const { lake, database, maxBadShare, workGroup, redshiftDatabase, redshiftWorkgroup } = input;
  const at = (...parts: string[]) => joinLocation(lake, 'agent-events', ...parts);
  const events = joinFolder(at('kfhconnectblog'));
  const flatFiles = joinFolder(at('flatfiles'));
  return {
    at,
    events,
    flatten: (from: string) =>
      task('flatten-records', {
        from,
        to: flatFiles,
        rejected: joinFolder(at('rejected')),
        keepOriginals: true,
        maxBadShare,
      }),
    convert: task('convert-records', {
      from: flatFiles,
      to: events,
      columns: COLUMNS,
      only: true,
      byHour: 'dt',
    }),
    statement: (sql: string): Job => ({
      resource: 'athena:startQueryExecution',
      parameters: athenaQuery({ sql, database, workGroup }, at('queries')),
    }),
    unload: (prefix: string): Job => ({
      resource: 'redshiftdata:executeStatement',
      parameters: {
        Sql: unloadLogins(database, prefix),
        Database: redshiftDatabase,
        WorkgroupName: redshiftWorkgroup,
      },
    }),
  };
}
