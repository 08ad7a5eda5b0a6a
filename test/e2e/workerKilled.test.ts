import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { startStack, type Stack } from '../../src/local';
import { markerOf } from '../../src/runners/references';
import { sluice } from '../support/cli';
import { until } from '../support/eventually';
import { isLong } from '../support/long';
import { EMPTY_PROJECT } from '../support/project';
import { startWatchedHttp } from '../support/watchedHttp';
import { killWorker, WorkerProcesses } from '../support/workerProcesses';
import { portOffset } from '../support/portOffset';

const PORT_OFFSET = portOffset();

let folder: string;
let stack: Stack;
let env: NodeJS.ProcessEnv;
let connection: Connection;
const workers = new WorkerProcesses(EMPTY_PROJECT);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-e2e-'));
  stack = await startStack({
    dir: folder,
    portOffset: PORT_OFFSET,
    spark: true,
    report: () => {},
    worker: false,
    webhook: false,
  });
  env = { ...stack.info.env };
  connection = await Connection.connect({ address: stack.info.temporal.address });
  // Long enough to be killed in, and short enough to wait for.
  await writeFile(join(folder, 's3', 'lake', 'jobs', 'sleep.py'), 'import time\ntime.sleep(6)\n');
}, 300_000);

afterAll(async () => {
  workers.killAll();
  await connection?.close();
  await stack?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

interface Batch {
  name: string;
  state: string;
}

/** The run, as its job's batch is called. */
async function startSleep(id: string, env: NodeJS.ProcessEnv): Promise<string> {
  const job = { resource: 'livy:createBatch', parameters: { file: 's3://lake/jobs/sleep.py' } };
  const started = await sluice(['start', 'job', '--id', id, '--input', '-', '--json'], {
    env,
    input: JSON.stringify(job),
  });
  expect(started).toMatchObject({ code: 0, stderr: '' });
  const { runId } = JSON.parse(started.stdout) as { runId: string };
  return markerOf([id, runId, job.resource, 1].join('/'));
}

async function batchesOf(name: string): Promise<Batch[]> {
  const answer = await fetch(`${stack.info.livy!.url}/batches?size=100`);
  const { sessions } = (await answer.json()) as { sessions: Batch[] };
  return sessions.filter((batch) => batch.name === name);
}

interface Outcome {
  code: number | null;
  batches: Batch[];
}

/**
 * Kills the worker when Livy has the batch and before its answer is there, which the server finds out by a time-out of 15 s.
 * @returns the batch's name
 */
async function killAtSubmit(id: string, own: NodeJS.ProcessEnv): Promise<string> {
  const livy = await startWatchedHttp(stack.info.livy!.url, () => killWorker(first, []));
  const first = await workers.start({ ...own, SLUICE_LIVY_URL: livy.endpoint });
  const gone = once(first, 'exit');
  const batch = await startSleep(id, own);
  await gone;
  await livy.stop();
  return batch;
}

/** Kills the worker while the batch runs, which the server is told; in the long form it finds out by a time-out of 75 s. */
async function killInAwait(id: string, own: NodeJS.ProcessEnv): Promise<string> {
  const first = await workers.start(own);
  const batch = await startSleep(id, own);
  await until(async () => (await batchesOf(batch)).some(({ state }) => state === 'running'));
  if (isLong) first.kill('SIGKILL');
  else await killWorker(first, [new Client({ connection }).workflow.getHandle(id)]);
  return batch;
}

const MOMENTS = [
  ['as soon as Livy has the batch, before its answer is recorded', killAtSubmit],
  ['while the job is awaited', killInAwait],
] as const;
const outcomes = new Map<string, Outcome>();

// Side by side, since each waits for the time-out of a worker that is no more.
beforeAll(async () => {
  const finish = async ([moment, kill]: (typeof MOMENTS)[number]) => {
    const id = kill.name;
    const own = { ...env, SLUICE_TASK_QUEUE: id };
    const batch = await kill(id, own);
    const second = await workers.start(own);
    const { code } = await sluice(['watch', id], { env: own });
    outcomes.set(moment, { code, batches: await batchesOf(batch) });
    second.kill('SIGKILL');
  };
  await Promise.all(MOMENTS.map(finish));
}, 300_000);

test.each(MOMENTS)('a worker killed %s: another finishes the run, and Livy saw one batch', (moment) => {
  expect(outcomes.get(moment)).toMatchObject({ code: 0, batches: [{ state: 'success' }] });
});
