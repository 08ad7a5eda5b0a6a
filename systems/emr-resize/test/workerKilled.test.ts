/** A whole worker that is killed in every step of a resize, on a real HDFS. `SLUICE_LONG=1`: it takes minutes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { DEFAULT_SETTINGS, toProperties } from '../src/advice/hdfsSettings';
import { STANDING } from '../src/cluster/localEmr';
import { emrCluster } from '../src/services';
import { startStack, type Stack } from '../../../src/local';
import { sluice } from '../../../test/support/cli';
import { projectFile, projectOf } from '../../../test/support/project';
import { killWorker, STARTED, WorkerProcesses } from '../../../test/support/workerProcesses';
import { isLong, testLong } from '../../../test/support/long';
import { portOffset } from '../../../test/support/portOffset';

const FILES = 300;
const PORT_OFFSET = portOffset();
const LOOK_EVERY_MS = 20;
const MOST_ROUNDS = 6;
/** Every step of a resize with fast settings. */
const STEPS = [
  ...['look', 'advise', 'tune HDFS', 'tune HDFS: in force', 'resize to 5', 'progress to 5'],
  ...['set HDFS back', 'set HDFS back: in force', 'report'],
];

let folder: string;
let stack: Stack;
let client: Client;
const workers = new WorkerProcesses(projectFile('emr-resize'));

beforeAll(async () => {
  if (!isLong) return;
  folder = await mkdtemp(join(tmpdir(), 'sluice-resize-killed-'));
  stack = await startStack({
    ...{ dir: folder, portOffset: PORT_OFFSET, spark: false, worker: false, report: () => {} },
    ...projectOf('emr-resize', [emrCluster]),
  });
  const { address, namespace } = stack.info.temporal;
  client = new Client({ connection: await Connection.connect({ address }), namespace });
}, 300_000);
afterAll(async () => {
  workers.killAll();
  await client?.connection.close();
  await stack?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
}, 60_000);

async function hdfs(verb: string): Promise<Record<string, unknown>> {
  const endpoint = stack.info.env['AWS_ENDPOINT_URL_EMR'];
  return (await (await fetch(`${endpoint}/hdfs/${STANDING}/${verb}`)).json()) as Record<string, unknown>;
}

/** Starts a run that resizes core. */
async function startResize(id: string, target: number): Promise<void> {
  const given = { clusterId: STANDING, group: 'core', target: String(target), fast: 'true' };
  const input = Object.entries(given).flatMap(([name, value]) => ['-p', `${name}=${value}`]);
  const started = await sluice(['start', 'emr-resize', '--id', id, ...input], { env: stack.info.env });
  expect(started).toMatchObject({ code: 0 });
}

/** What a worker is at now, by the names of the steps. */
async function findStartedSteps(workflowId: string): Promise<string[]> {
  const { namespace } = client.options;
  const { pendingActivities } = await client.workflowService.describeWorkflowExecution({
    ...{ namespace, execution: { workflowId } },
  });
  const started = pendingActivities.filter(({ state }) => Number(state) === STARTED);
  if (started.length === 0) return [];
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: of, userMetadata }) => {
    if (!of || !started.some(({ activityId }) => activityId === of.activityId)) return [];
    const summary = JSON.parse(Buffer.from(userMetadata!.summary!.data!).toString()) as string;
    return [summary.replace(/^(submit|await) /, '')];
  });
}

/** Follows a run, and kills the worker in each step that it was not killed in before. */
async function finishUnderKills(id: string, killedIn: Set<string>): Promise<void> {
  const handle = client.workflow.getHandle(id);
  let worker = await workers.start(stack.info.env);
  let ended = false;
  const over = handle.result().finally(() => (ended = true));
  over.catch(() => {});
  while (!ended) {
    const step = (await findStartedSteps(id)).find((one) => !killedIn.has(one));
    if (step !== undefined) {
      killedIn.add(step);
      await killWorker(worker, [handle]);
      worker = await workers.start(stack.info.env);
    }
    await sleep(LOOK_EVERY_MS);
  }
  worker.kill('SIGKILL');
  await over;
}

testLong(
  'no block is lost, and the settings are back, where the worker is killed in every step of a resize',
  async () => {
    await hdfs(`write?files=${FILES}&bytes=2048`);
    const killedIn = new Set<string>();
    // A step may be over before it is seen; the next resize has it again.
    for (let round = 1; round <= MOST_ROUNDS && STEPS.some((step) => !killedIn.has(step)); round++) {
      await startResize(`shrink-${round}`, 5);
      await finishUnderKills(`shrink-${round}`, killedIn);
      expect(await hdfs('check')).toMatchObject({ files: FILES, readable: FILES });
      const { nodes, properties, missing } = await hdfs('status');
      expect(nodes).toHaveLength(5);
      expect({ properties, missing }).toEqual({ properties: toProperties(DEFAULT_SETTINGS), missing: 0 });
      await startResize(`grow-${round}`, 6);
      await finishUnderKills(`grow-${round}`, new Set([...STEPS, 'resize to 6', 'progress to 6']));
    }
    expect([...killedIn]).toEqual(expect.arrayContaining(STEPS));
  },
  900_000,
);
