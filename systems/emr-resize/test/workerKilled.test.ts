/** A whole worker that is killed again and again while a real HDFS is resized. `SLUICE_LONG=1`: it takes minutes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { oneOf, seeded } from 'sluice/testing';
import { DEFAULT_SETTINGS, toProperties } from '../src/advice/hdfsSettings';
import { STANDING } from '../src/cluster/localEmr';
import { emrCluster } from '../src/services';
import { startStack, type Stack } from '../../../src/local';
import { sluice } from '../../../test/support/cli';
import { WITH_SYSTEMS } from '../../../test/support/project';
import { WorkerProcesses } from '../../../test/support/workerProcesses';
import { isLong, seedOf, testLong } from '../../../test/support/long';

const KILLS = 6;
const FILES = 300;
const PORT_OFFSET = 18_200;

let folder: string;
let stack: Stack;
const workers = new WorkerProcesses();

beforeAll(async () => {
  if (!isLong) return;
  folder = await mkdtemp(join(tmpdir(), 'sluice-resize-killed-'));
  stack = await startStack({
    ...{ dir: folder, portOffset: PORT_OFFSET, spark: false, worker: false, report: () => {} },
    ...WITH_SYSTEMS,
    project: { ...WITH_SYSTEMS.project!, services: [emrCluster] },
  });
}, 300_000);
afterAll(async () => {
  workers.killAll();
  await stack?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
}, 60_000);

testLong(
  'no block is lost, and the settings are back, however often the worker is killed in a resize',
  async () => {
    const { env } = stack.info;
    const hdfs = async (verb: string) =>
      (await (await fetch(`${env['AWS_ENDPOINT_URL_EMR']}/hdfs/${STANDING}/${verb}`)).json()) as Record<
        string,
        unknown
      >;
    await hdfs(`write?files=${FILES}&bytes=2048`);
    let worker = await workers.start(env);
    const given = { clusterId: STANDING, group: 'core', target: '4', fast: 'true' };
    const input = Object.entries(given).flatMap(([name, value]) => ['-p', `${name}=${value}`]);
    const started = await sluice(['start', 'emr-resize', '--id', 'killed', ...input], { env });
    expect(started).toMatchObject({ code: 0 });
    let ended = false;
    const run = sluice(['watch', 'killed'], { env }).finally(() => (ended = true));
    const random = seeded(seedOf(3));
    for (let kills = 0; kills < KILLS && !ended; kills++) {
      await sleep(oneOf(random, [300, 1500, 4000]));
      worker.kill('SIGKILL');
      worker = await workers.start(env);
    }
    expect((await run).code).toBe(0);
    expect(await hdfs('check')).toMatchObject({ files: FILES, readable: FILES });
    const { nodes, properties, missing } = await hdfs('status');
    expect(nodes).toHaveLength(4);
    expect({ properties, missing }).toEqual({ properties: toProperties(DEFAULT_SETTINGS), missing: 0 });
  },
  900_000,
);
