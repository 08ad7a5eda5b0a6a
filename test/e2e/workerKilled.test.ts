import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack, type Stack } from '../../src/local';
import { sluice } from '../support/cli';
import { WorkerProcesses } from '../support/workerProcesses';

const PORT_OFFSET = 21_200;

let folder: string;
let stack: Stack;
let env: NodeJS.ProcessEnv;
const workers = new WorkerProcesses();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-e2e-'));
  stack = await startStack({
    dir: folder,
    portOffset: PORT_OFFSET,
    spark: true,
    report: () => {},
    worker: false,
  });
  env = { ...stack.info.env };
  // Long enough to be killed in, and short enough to wait for.
  await writeFile(join(folder, 's3', 'lake', 'jobs', 'sleep.py'), 'import time\ntime.sleep(6)\n');
}, 300_000);

afterAll(async () => {
  workers.killAll();
  await stack?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

interface Batch {
  id: number;
  name: string;
  state: string;
}

async function batches(): Promise<Batch[]> {
  const answer = await fetch(`${stack.info.livy!.url}/batches?size=100`);
  return ((await answer.json()) as { sessions: Batch[] }).sessions;
}

async function startSleep(id: string): Promise<void> {
  const job = { resource: 'livy:createBatch', parameters: { file: 's3://lake/jobs/sleep.py' } };
  const started = await sluice(['start', 'job', '--id', id, '--input', '-'], {
    env,
    input: JSON.stringify(job),
  });
  expect(started).toMatchObject({ code: 0, stderr: '' });
}

async function batchesWhen(reached: (now: Batch[]) => boolean): Promise<Batch[]> {
  for (;;) {
    const now = await batches();
    if (reached(now)) return now;
  }
}

test.each([
  ['as soon as Livy has the batch, before its answer is recorded', () => true],
  ['while the job is awaited', (batch: Batch) => batch.state === 'running'],
])(
  'a worker killed %s: another finishes the run, and Livy saw one batch',
  async (moment, reached) => {
    const before = new Set((await batches()).map(({ id }) => id));
    const first = await workers.start(env);
    const id = `killed-${moment.length}`;
    await startSleep(id);
    await batchesWhen((now) => now.some((batch) => !before.has(batch.id) && reached(batch)));
    first.kill('SIGKILL');
    const second = await workers.start(env);
    const watched = await sluice(['watch', id], { env });
    expect(watched.code).toBe(0);
    expect((await batches()).filter((batch) => !before.has(batch.id))).toHaveLength(1);
    second.kill('SIGKILL');
  },
  120_000,
);
