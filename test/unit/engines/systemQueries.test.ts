/** The SQL that ships, in Trino's dialect: its answers on the local engine, and those of sqlglot's translation of it. */
import { execFileSync } from 'node:child_process';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { REDSHIFT_SESSION } from '../../../src/engines/redshiftFunctions';
import { rewriteRedshift } from '../../../src/engines/redshiftSql';
import { TRINO_SESSION } from '../../../src/engines/trino';
import { parseUnload, plainQuotes } from '../../../src/engines/unload';
import { runTrino } from '../../support/trino';
import { ensureAwsTestTools } from '../../../src/local';
import { COLUMNS, LOGINS, SESSIONS, unloadLogins } from '../../../systems/agent-events/src/queries';
import { CALLS_PER_AGENT, CALLS_PER_AGENT_QUEUE } from '../../../systems/contact-trace-records/src/queries';

interface Event {
  id: string;
  type: string;
  time: string;
  current: object | null;
  previous: object | null;
}

const contact = (contactid: string, state: string, statestarttimestamp: string) => ({
  ...{ contactid, state, statestarttimestamp },
  ...{ channel: 'VOICE', initiationmethod: 'INBOUND' },
});
const snapshot = (name: string, configuration: object | null, contacts: object[] | null = []) => ({
  ...{ agentstatus: { name }, configuration, contacts },
});
const ann = { username: 'ann' };
const EVENTS: Event[] = [
  { id: '1', type: 'LOGIN', time: 't1', current: snapshot('Available', ann), previous: null },
  {
    id: '2',
    type: 'LOGIN',
    time: 't3',
    current: snapshot('Busy', { username: "b'o" }, null),
    previous: null,
  },
  { id: '3', type: 'LOGIN', time: 't2', current: snapshot('Busy', { username: '' }), previous: null },
  { id: '4', type: 'LOGIN', time: 't2', current: snapshot('Busy', null), previous: null },
  { id: '5', type: 'LOGOUT', time: 't4', current: snapshot('Offline', ann), previous: snapshot('Busy', ann) },
  {
    ...{ id: '6', type: 'STATE_CHANGE', time: 't5' },
    current: snapshot('Available', ann, [
      contact('c1', 'CONNECTED', 's2'),
      contact('c2', 'CONNECTING', 's3'),
    ]),
    previous: snapshot('Available', ann, [contact('c1', 'CONNECTING', 's1')]),
  },
  {
    ...{ id: '7', type: 'HEART_BEAT', time: 't6' },
    current: snapshot('Available', null, [contact('c1', 'CONNECTED', 's2'), contact('c3', 'ENDED', 's4')]),
    previous: snapshot('Available', ann, [
      contact('c1', 'CONNECTED', 's2'),
      contact('c2', 'CONNECTED', 's3'),
    ]),
  },
  {
    ...{ id: '8', type: 'STATE_CHANGE', time: 't7' },
    current: snapshot('Available', ann, [contact('c9', 'ENDED', 's9')]),
    previous: snapshot('Available', ann, [contact('c9', 'CONNECTED', 's8'), contact('c1', 'ENDED', 's5')]),
  },
];

/** By hand, from the rules. */
const ANSWERS: [name: string, sql: string, header: string[], rows: unknown[][]][] = [
  [
    'logins',
    LOGINS,
    ['status', 'username', 'event_ts'],
    [
      ['Busy', "b'o", 't3'],
      ['Available', 'ann', 't1'],
    ],
  ],
  [
    'sessions',
    SESSIONS,
    ['username', 'channel', 'direction', 'prev_state', 'current_state', 'current_ts', 'id'],
    [
      ['ann', 'VOICE', 'INBOUND', 'CONNECTED', 'ENDED', 's9', 'c9'],
      ['ann', 'VOICE', 'INBOUND', 'CONNECTING', 'CONNECTED', 's2', 'c1'],
      [null, 'VOICE', 'INBOUND', 'CONNECTED', 'CONNECTED', 's2', 'c1'],
    ],
  ],
  [
    'calls_per_agent',
    CALLS_PER_AGENT,
    ['username', 'calls'],
    [
      ['ann', '3'],
      ['bob', '1'],
    ],
  ],
  [
    'calls_per_agent_queue',
    CALLS_PER_AGENT_QUEUE,
    ['username', 'queue_arn', 'calls'],
    [
      ['ann', 'q1', '2'],
      ['ann', null, '1'],
      ['bob', 'q1', '1'],
    ],
  ],
];

let instance: DuckDBInstance;
let connection: DuckDBConnection;
let python: string;

beforeAll(async () => {
  ({ python } = await ensureAwsTestTools({ env: process.env, report: () => {} }));
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
  for (const statement of TRINO_SESSION) await connection.run(statement);
  await connection.run(
    `CREATE TABLE kfhconnectblog (${COLUMNS.map((name) => `${name} VARCHAR`).join(', ')})`,
  );
  for (const { id, type, time, current, previous } of EVENTS) {
    await connection.run(
      'INSERT INTO kfhconnectblog (eventid, eventtype, eventtimestamp, currentagentsnapshot, previousagentsnapshot) VALUES ($1, $2, $3, $4, $5)',
      [id, type, time, current && JSON.stringify(current), previous && JSON.stringify(previous)],
    );
  }
  await connection.run(
    `CREATE TABLE ctr AS SELECT {'username': username} AS agent, {'arn': arn} AS queue
     FROM (VALUES ('ann', 'q1'), ('ann', 'q1'), ('bob', 'q1'), ('ann', NULL), (NULL, 'q1')) AS t(username, arn)
     UNION ALL SELECT NULL, NULL`,
  );
}, 300_000);
afterAll(() => {
  connection?.closeSync();
  instance?.closeSync();
});

test.each(ANSWERS)('%s gives the answer of the rules on the local engine', async (_, sql, header, rows) => {
  expect(await runTrino(connection, sql)).toEqual({ header, rows });
});

test.each(ANSWERS)('%s gives the same answer through sqlglot', async (_, sql, header, rows) => {
  const script =
    'import sys, sqlglot; print(sqlglot.transpile(sys.stdin.read(), read="trino", write="duckdb")[0])';
  // sqlglot leaves UNNEST of two lists as it is; DuckDB goes through two lists at once in a SELECT list only.
  const translated = execFileSync(python, ['-c', script], { input: sql })
    .toString()
    .replace(/UNNEST\((CAST.*JSON\[\]\)), (CAST.*JSON\[\]\))\)/, 'LATERAL (SELECT UNNEST($1), UNNEST($2))');
  const reader = await connection.runAndReadAll(translated);
  // The order of a sort that sqlglot writes may put nulls elsewhere.
  const sorted = (some: unknown[][]) => some.map((row) => JSON.stringify(row)).sort();
  expect({ header: reader.columnNames(), rows: sorted(reader.getRowsJson()) }).toEqual({
    header,
    rows: sorted(rows),
  });
});

test('the logins asked of Redshift are those of the rules on the local engine', async () => {
  const { select } = parseUnload(plainQuotes(unloadLogins('main', 's3://lake/x-')))!;
  const redshift = await (await DuckDBInstance.create(':memory:')).connect();
  for (const statement of REDSHIFT_SESSION) await redshift.run(statement);
  await redshift.run(
    'CREATE TABLE kfhconnectblog (eventtype VARCHAR, eventtimestamp VARCHAR, currentagentsnapshot VARCHAR)',
  );
  for (const { type, time, current } of EVENTS)
    await redshift.run('INSERT INTO kfhconnectblog VALUES ($1, $2, $3)', [
      type,
      time,
      current && JSON.stringify(current),
    ]);
  const reader = await redshift.runAndReadAll(rewriteRedshift(select));
  const [[, , header, rows]] = ANSWERS as [(typeof ANSWERS)[number]];
  expect({ header: reader.columnNames(), rows: reader.getRowsJson() }).toEqual({ header, rows });
  redshift.closeSync();
});

test('the text of UNLOAD has the quotes of its SELECT doubled', () => {
  expect(unloadLogins('agent_events', 's3://lake/x-')).toMatch(
    /^UNLOAD \('SELECT [^]*eventtype = ''LOGIN''[^]*'\) TO 's3:\/\/lake\/x-' IAM_ROLE default FORMAT AS CSV HEADER PARALLEL OFF ALLOWOVERWRITE$/,
  );
});
