/** A real HDFS behind the local EMR: what the advice promises, and what is left when a worker dies. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EMRClient, type Configuration } from '@aws-sdk/client-emr';
import type { JobParameters } from 'sluice';
import { seeded } from 'sluice/testing';
import { adviseResize as advise } from '../src/advice/adviseResize';
import { DEFAULT_SETTINGS, FAST_SETTINGS, toProperties, type HdfsSettings } from '../src/advice/hdfsSettings';
import { withClients } from '../src/aws/clients';
import { lookAtCluster as look } from '../src/aws/lookAtCluster';
import { ensureHadoop, startHadoop } from '../src/cluster/hadoopStorage';
import { LocalCluster } from '../src/cluster/localCluster';
import { LocalEmr } from '../src/cluster/localEmr';
import { serveEmr } from '../src/cluster/serveEmr';
import type { Storage } from '../src/cluster/storage';
import { awaitSettings } from '../src/tasks/awaitSettings';
import { watchResize, type Sample } from '../src/tasks/watchResize';
import { createEmrPort, createEmrRunners } from '../../../src/runners/emr/runners';
import type { Submission } from '../../../src/contracts/activities';
import type { JobReference } from '../../../src/jobs';
import { quietRuntime } from '../../../test/support/environment';
import { runTask } from '../../../test/support/tasks';
import { isLong, seedOf } from '../../../test/support/long';

/** `SLUICE_LONG=1` has the numbers of the demo, and kills more often. */
const FILES = isLong ? 300 : 180;
const KILLS = isLong ? 4 : 1;
const NODES = 6;
const ClusterId = 'j-1';

let folder: string;
let storage: Storage;
let served: Awaited<ReturnType<typeof serveEmr>>;
let client: EMRClient;
let runners: ReturnType<typeof createEmrRunners>;

beforeAll(async () => {
  quietRuntime();
  folder = await mkdtemp(join(tmpdir(), 'sluice-hdfs-'));
  const hadoop = await ensureHadoop(() => {});
  storage = await startHadoop(hadoop, { nodes: NODES, replication: 2, dir: join(folder, 'hdfs') });
  const emr = new LocalEmr(() => Promise.reject(new Error('one cluster is enough')));
  emr.add(
    new LocalCluster({ id: ClusterId, name: 'real', collection: 'groups', core: NODES, task: 0, storage }),
  );
  served = await serveEmr(emr, 0);
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_EMR: served.url,
    AWS_ENDPOINT_URL_CLOUDWATCH: served.url,
    ...{ AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' },
  });
  client = new EMRClient({ maxAttempts: 1 });
  runners = createEmrRunners(createEmrPort(client), 20);
  await storage.write(FILES, 2048);
}, 300_000);
afterAll(async () => {
  client?.destroy();
  await served?.stop();
  await rm(folder, { recursive: true, force: true });
});

const random = seeded(seedOf(11));

/** A step that is begun anew after each death of its worker, with what it had kept; the last attempt may end. */
async function step<T>(
  body: (life: { signal: AbortSignal; resumed: unknown; keep: (value: unknown) => void }) => Promise<T>,
): Promise<T> {
  let resumed: unknown;
  const keep = (value: unknown) => (resumed = value);
  for (let kills = 0; kills < KILLS; kills++) {
    const signal = AbortSignal.timeout(Math.floor(random() * 1500));
    try {
      return await body({ signal, resumed, keep });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
  return body({ signal: new AbortController().signal, resumed, keep });
}

/** Submits and awaits a modification of a group; a worker that dies submits it anew. */
async function modify(
  name: string,
  InstanceGroup: JobParameters['elasticmapreduce:modifyInstanceGroupByName']['InstanceGroup'],
) {
  const runner = runners['elasticmapreduce:modifyInstanceGroupByName'];
  const parameters = { ClusterId, InstanceGroupName: name, InstanceGroup };
  const submission = {
    job: { resource: 'elasticmapreduce:modifyInstanceGroupByName' as const, parameters },
    ...{ key: `key/${name}`, run: 'run', step: name, since: new Date().toISOString() },
  } satisfies Submission;
  await step(async ({ signal }) => {
    const reference: JobReference = await runner.submit(submission);
    for (;;) {
      signal.throwIfAborted();
      const { state } = await runner.poll(submission, reference, signal);
      if (state === 'succeeded') return;
      expect(state).toBe('running');
      await sleep(100, undefined, { signal });
    }
  });
}

const configure = async (Configurations: Configuration[], settings: HdfsSettings) => {
  await modify('master', { Configurations });
  await step(({ signal }) =>
    runTask(awaitSettings, { clusterId: ClusterId, part: 'master', settings }, { s3: null as never, signal }),
  );
};

/** Where the tests begin, whatever one that failed has left: a group that changes is not asked to change again. */
const restore = async () => {
  const isSteady = async () =>
    (await withClients((clients) => look(clients, { clusterId: ClusterId }))).facts.parts.every(
      ({ state }) => state === 'RUNNING',
    );
  while (!(await isSteady())) await sleep(100);
  await configure([], DEFAULT_SETTINGS);
  await modify('core', { InstanceCount: NODES });
};

/**
 * What the NameNode did while `resizing` went on: how many replicas left a node, and in how many of its rounds of 3 s, by the
 * largest of them. A round is counted by what is handed out in it, which no load of the machine changes.
 */
async function followRounds<T>(resizing: Promise<T>): Promise<{ result: T; rounds: number }> {
  let [replicas, largest, isOver] = [0, 0, false];
  const following = (async () => {
    while (!isOver) {
      const { nodes, handedOut } = await storage.status();
      const leaving = nodes.filter(({ state }) => state === 'decommissioning');
      replicas = Math.max(replicas, ...leaving.map(({ blocks }) => blocks));
      if (leaving.length > 0) largest = Math.max(largest, handedOut);
      await sleep(100);
    }
  })();
  const result = await resizing.finally(() => (isOver = true));
  await following;
  return { result, rounds: Math.ceil(replicas / largest) };
}

async function shrink(target: number, fast: 'true' | 'false') {
  const { facts } = await withClients((clients) => look(clients, { clusterId: ClusterId }));
  const advice = advise(facts, { part: 'core', target, fast });
  expect(advice).toMatchObject({ refused: false, tune: fast === 'true' ? FAST_SETTINGS : null });
  if (advice.tune)
    await configure([{ Classification: 'hdfs-site', Properties: toProperties(advice.tune) }], advice.tune);
  const startedAt = Date.now();
  const { rounds, result } = await followRounds(
    Promise.all([
      modify('core', { InstanceCount: target }),
      step(({ signal, resumed, keep }) =>
        runTask(
          watchResize,
          { clusterId: ClusterId, part: 'core', target },
          { s3: null as never, signal, resumed, onKeep: keep },
        ),
      ),
    ]),
  );
  const seconds = (Date.now() - startedAt) / 1000;
  if (advice.tune) await configure([], DEFAULT_SETTINGS);
  return {
    ...{ rounds, seconds },
    estimate: advice.rounds[0]!.estimate!,
    samples: (result[1].payload as { samples: Sample[] }).samples,
  };
}

test('a node leaves as the estimate says, faster with the settings, and no block is lost by workers that die', async () => {
  await restore();
  const usual = await shrink(5, 'false');
  const fast = await shrink(4, 'true');
  expect(usual.rounds).toBeGreaterThanOrEqual(2 * fast.rounds);
  // Its rounds are waited for however fast the machine is. The one of the fast drain may be about to come, or late on a
  // machine that is busy: it is counted above.
  const { leastSeconds, mostSeconds } = usual.estimate;
  expect(mostSeconds - leastSeconds).toBeLessThan(leastSeconds / 2);
  expect(usual.seconds).toBeGreaterThan(leastSeconds / 2);
  expect(usual.seconds).toBeLessThan(2 * mostSeconds);
  expect(usual.samples.at(-1)).toMatchObject({ nodes: 5, blocksLeft: 0 });
  expect(Math.max(...usual.samples.map(({ blocksLeft }) => blocksLeft!))).toBeGreaterThan(FILES / 10);
  expect(await storage.check()).toEqual({ files: FILES, readable: FILES });
  const { nodes, properties, missing } = await storage.status();
  expect([nodes.length, missing]).toEqual([4, 0]);
  expect(properties).toEqual(toProperties(DEFAULT_SETTINGS));
}, 180_000);

test('a node that is added serves, and the settings of HDFS are what its NameNode says', async () => {
  const { nodes } = await storage.status();
  await modify('core', { InstanceCount: nodes.length + 1 });
  expect((await storage.status()).nodes).toHaveLength(nodes.length + 1);
  await expect(storage.configure({ 'dfs.no.such.property': '1' })).rejects.toThrow('dfs.no.such.property');
}, 60_000);
