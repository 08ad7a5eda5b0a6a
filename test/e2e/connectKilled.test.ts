/**
 * Workers that are killed at every write of a run. `SLUICE_LONG=1`: it takes minutes, and in the suite a run of reviews-export
 * has its workers killed at steps of the same kinds.
 */
import { mkdtemp, readdir, readFile, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Client, Connection } from '@temporalio/client';
import { agentEvents, contacts } from 'sluice-records/samples';
import { seeded } from '../../src/testing/random';
import { startStack, type Stack } from '../../src/local';
import { sluice } from '../support/cli';
import {
  countCalls,
  loginsOf,
  parseConcatenated,
  parseCsv,
  plainKeys,
  sessionsOf,
  type AgentEvent,
  type ContactRecord,
} from '../../packages/records/test/support/connect';
import { isLong, testLong } from '../support/long';
import { projectFile, projectOf } from '../support/project';
import { finishUnderKills, WorkerProcesses } from '../support/workerProcesses';
import { connectToS3Of } from '../support/s3';
import { portOffset } from '../support/portOffset';

const PORT_OFFSET = portOffset();

let folder: string;
let stack: Stack;
let lake: string;
let s3: S3Client;
let connection: Connection;
const workers: WorkerProcesses[] = [];

beforeAll(async () => {
  if (!isLong) return;
  folder = await mkdtemp(join(tmpdir(), 'sluice-e2e-'));
  stack = await startStack({
    ...{ dir: folder, portOffset: PORT_OFFSET, report: () => {} },
    ...{ ...projectOf('contact-trace-records'), spark: false, worker: false, webhook: false },
  });
  lake = join(folder, 's3', 'lake');
  s3 = connectToS3Of(stack);
  connection = await Connection.connect({ address: stack.info.temporal.address });
}, 120_000);

afterAll(async () => {
  for (const each of workers) each.killAll();
  await connection?.close();
  s3?.destroy();
  await stack?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
}, 60_000);

const upload = (Key: string, Body: string) => s3.send(new PutObjectCommand({ Bucket: 'lake', Key, Body }));
const readLake = (path: string) => readFile(join(lake, path), 'utf8');
const table = async (path: string) => parseCsv(await readLake(path));
const sortedRows = async (path: string) => (await table(path)).rows.map((row) => row.join(',')).sort();
const joined = (records: unknown[]) => records.map((record) => JSON.stringify(record)).join('');

/** @returns how often the await of each step was started, and a look at what was written or deleted below a folder */
async function runUnderKills(pipeline: string, prefix: string) {
  const handle = new Client({ connection }).workflow.getHandle(pipeline);
  // A worker for each: a kill is one run's alone.
  const env = { ...stack.info.env, SLUICE_TASK_QUEUE: pipeline };
  const start = async () => {
    const given = ['-p', 'lake=s3://lake', '-p', `prefix=${prefix}`];
    const started = await sluice(['start', pipeline, '--id', pipeline, ...given], {
      env,
      cwd: dirname(projectFile(pipeline)),
    });
    expect(started).toMatchObject({ code: 0, stderr: '' });
  };
  const own = new WorkerProcesses(projectFile(pipeline));
  workers.push(own);
  const { writes, awaits } = await finishUnderKills(own, handle, { env, start });
  // Names without the digest of what they were made from.
  const changes = (method: string, folder: string) =>
    writes
      .filter((write) => write.method === method && write.path.startsWith(`/lake/${folder}`))
      .map(({ path }) => path.slice(`/lake/${folder}`.length).replace(/-[0-9a-f]{16}(?=\.)/, ''))
      .sort();
  return { awaits, changes };
}

const records = parseConcatenated<ContactRecord>(contacts(seeded(6)));
const eventsText = agentEvents(seeded(7));
const events = parseConcatenated<AgentEvent>(eventsText);
let contactRun: Awaited<ReturnType<typeof runUnderKills>>;
let eventsRun: typeof contactRun;

beforeAll(async () => {
  if (!isLong) return;
  await upload('ctr/raw/2018/06/04/13/one', joined(records.slice(0, 200)));
  await upload('ctr/raw/2018/06/04/13/two', joined(records.slice(200)));
  await upload('ctr/flatfiles/early.json', '{"agent":{"username":"early"}}\n');
  const yesterday = new Date(Date.now() - 25 * 3_600_000);
  await utimes(join(lake, 'ctr/flatfiles/early.json'), yesterday, yesterday);
  await upload('agent-events/raw/2018/05/14/15/events', eventsText);
  [contactRun, eventsRun] = await Promise.all([
    runUnderKills('contact-trace-records', 'ctr/raw/'),
    runUnderKills('agent-events', 'agent-events/raw/'),
  ]);
}, 400_000);

/** Each step of these, started at least twice, since a worker was killed at every write. */
function expectKilledAt(awaits: Record<string, number>, steps: string[]): void {
  const names = Object.keys(awaits).map((name) => name.replace(/ \(\d+\)$/, ''));
  expect(names.sort()).toEqual(steps.sort());
  expect(Object.values(awaits).filter((attempts) => attempts >= 2).length).toBeGreaterThanOrEqual(
    steps.length,
  );
}

testLong(
  'contact trace records: a worker is killed at write after write, and nothing is done twice',
  async () => {
    const { awaits, changes } = contactRun;
    expectKilledAt(awaits, [
      ...[
        'flatten records',
        'crawl flat files',
        'convert to Parquet',
        'remove old flat files',
        'crawl Parquet',
      ],
      ...['calls_per_agent', 'copy calls_per_agent', 'calls_per_agent_queue', 'copy calls_per_agent_queue'],
      'draw chart',
    ]);
    expect(changes('PUT', 'ctr/flatfiles/')).toEqual(['one.json', 'two.json']);
    expect(changes('DELETE', 'ctr/raw/')).toEqual(['2018/06/04/13/one', '2018/06/04/13/two']);
    expect(changes('PUT', 'ctr/parquet/ctr/')).toEqual(
      ['early', 'one', 'two'].map((name) => `${name}.snappy.parquet`),
    );
    expect(changes('DELETE', 'ctr/flatfiles/')).toEqual(['early.json']);
    const flatFiles = await readdir(join(lake, 'ctr/flatfiles'));
    const lines = await Promise.all(flatFiles.sort().map((name) => readLake(`ctr/flatfiles/${name}`)));
    expect(
      lines
        .map((text) => text.trimEnd().split('\n'))
        .flat()
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(records.map(plainKeys));
    const calls = countCalls([...records, { Agent: { Username: 'early' } }]);
    expect(await sortedRows('ctr/queries/calls_per_agent.csv')).toEqual(calls.byAgent);
    expect(await sortedRows('ctr/queries/calls_per_agent_queue.csv')).toEqual(calls.byAgentAndQueue);
    expect(await readLake('ctr/queries/calls_per_agent.svg')).toContain('>early</text>');
    expect(await readLake('ctr/queries/calls_per_agent.html')).toContain('<td>early</td>');
  },
);

testLong('agent events: a worker is killed at write after write, and nothing is done twice', async () => {
  const { awaits, changes } = eventsRun;
  expectKilledAt(awaits, [
    ...['flatten events', 'convert to Parquet', 'create table', 'repair partitions'],
    ...['logins', 'copy logins', 'sessions', 'copy sessions', 'spectrum', 'copy spectrum'],
  ]);
  expect(changes('PUT', 'agent-events/flatfiles/')).toEqual(['events.json']);
  expect(changes('PUT', 'agent-events/kfhconnectblog/')).toEqual([
    expect.stringMatching(/^dt=\d{4}(-\d\d){3}\/events\.snappy\.parquet$/),
  ]);
  // Its originals stay.
  expect(changes('DELETE', 'agent-events/')).toEqual([]);
  expect(await readLake('agent-events/raw/2018/05/14/15/events')).toBe(eventsText);
  expect(await table('agent-events/queries/logins.csv')).toEqual(loginsOf(events));
  expect(await table('agent-events/queries/spectrum.csv')).toEqual(loginsOf(events));
  expect(await table('agent-events/queries/sessions.csv')).toEqual(sessionsOf(events));
});
