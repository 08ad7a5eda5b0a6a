import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  loginsOf,
  parseConcatenated,
  parseCsv,
  plainKeys,
  sessionsOf,
  type AgentEvent,
} from '../../../packages/records/test/support/connect';
import { sluice } from '../../../test/support/cli';
import { describeWithRealData, realData } from '../../../test/support/data';
import { useLakeStack } from '../../../test/support/lakeStack';
import { portOffset } from '../../../test/support/portOffset';

const { env, upload, readLake, filesIn, run, rowsOf } = useLakeStack('agent-events', {
  spark: false,
  webhook: false,
  portOffset: portOffset(),
});

describeWithRealData('on the shared data', () => {
  test('logins and sessions are those of the agent events, asked twice with the same answer', async () => {
    const text = await readFile(join(realData, 'connect-agent-events/agent-events.json'), 'utf8');
    await upload('agent-events/raw/2018/05/14/15/events', text);
    const events = parseConcatenated<AgentEvent>(text);
    expect(events).toHaveLength(1027);
    await run('agent-events', 'events-1', 'prefix=agent-events/raw/');
    await checkEvents(events);
    const files = await filesIn('agent-events/kfhconnectblog');
    await run('agent-events', 'events-2', 'prefix=agent-events/raw/');
    await checkEvents(events);
    expect(await filesIn('agent-events/kfhconnectblog')).toEqual(files);

    const rows = await rowsOf(
      `SELECT * FROM read_parquet('${files[0]}', hive_partitioning = false) ORDER BY eventid`,
    );
    const byId = [...events].sort((a, b) => (a.EventId < b.EventId ? -1 : 1));
    expect(
      rows.map(({ currentagentsnapshot, previousagentsnapshot, ...others }) => ({
        ...others,
        currentagentsnapshot: JSON.parse(currentagentsnapshot as string) as unknown,
        previousagentsnapshot:
          previousagentsnapshot === null ? null : (JSON.parse(previousagentsnapshot as string) as unknown),
      })),
    ).toEqual(byId.map(plainKeys));
  }, 120_000);

  test('without a prefix it waits until the objects that Firehose writes have stopped coming', async () => {
    const events = parseConcatenated<AgentEvent>(
      await readFile(join(realData, 'connect-agent-events/agent-events.json'), 'utf8'),
    );
    const options = ['--since', '1 hour', '-p', 'quiet=2 s', '-p', 'lake=s3://lake', '--wait', '--json'];

    const { stdout } = await sluice(['start', 'agent-events', '--id', 'events-3', ...options], {
      env: env(),
    });
    expect(JSON.parse(stdout)).toMatchObject({ state: 'completed' });
    await checkEvents(events);
  }, 120_000);
});

async function checkEvents(events: AgentEvent[]): Promise<void> {
  const logins = loginsOf(events);
  expect(parseCsv(await readLake('agent-events/queries/logins.csv'))).toEqual(logins);
  expect(parseCsv(await readLake('agent-events/queries/spectrum.csv'))).toEqual(logins);
  expect(parseCsv(await readLake('agent-events/queries/sessions.csv'))).toEqual(sessionsOf(events));
}
