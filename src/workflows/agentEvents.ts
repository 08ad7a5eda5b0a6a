import type { Job } from '../jobs';
import { agentEventsPipeline, type AgentEventsInput } from '../pipelines';
import { joinFolder, joinLocation } from '../pipelines/location';
import {
  COLUMNS,
  createTable,
  LOGINS,
  REPAIR_PARTITIONS,
  SESSIONS,
  unloadLogins,
} from './queries/agentEvents';
import { askAthena, athenaQuery, runPipeline, type Run, type RunOptions } from './steps';
import { workerTask } from './workerTask';

export interface AgentEventsResult {
  /** The table's folder. */
  events: string;
  logins: string;
  sessions: string;
  spectrum: string;
}

/**
 * Wait until the hour's objects are there, or convert raw ones; add their partitions; ask Athena for logins and sessions,
 * and Redshift Spectrum for the logins.
 */
export function agentEvents(
  given?: Partial<AgentEventsInput>,
  options?: RunOptions,
): Promise<AgentEventsResult | null> {
  return runPipeline<AgentEventsInput, AgentEventsResult>(
    agentEventsPipeline,
    given,
    options,
    async (run, input) => {
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
            workerTask('copy-object', { from: jobs.at('queries', 'spectrum-000'), to }),
          );
          return to;
        },
      });
      return { events: jobs.events, ...answers };
    },
  );
}

function jobsOf(input: AgentEventsInput) {
  const { lake, database, workGroup, redshiftDatabase, redshiftWorkgroup } = input;
  const at = (...parts: string[]) => joinLocation(lake, 'agent-events', ...parts);
  const events = joinFolder(at('kfhconnectblog'));
  const flatFiles = joinFolder(at('flatfiles'));
  return {
    at,
    events,
    flatten: (from: string) =>
      workerTask('flatten-records', {
        from,
        to: flatFiles,
        rejected: joinFolder(at('rejected')),
        keepOriginals: true,
      }),
    convert: workerTask('convert-records', {
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
