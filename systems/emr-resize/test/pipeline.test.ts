import { createTestStack, type TestStack } from 'sluice/testing';
import { FAST_SETTINGS, toProperties } from '../src/advice/hdfsSettings';
import type { Look } from '../src/aws/lookAtCluster';
import { emrResize } from '../src/pipelines/emrResize';
import { compact, s3DistCp } from '../src/pipelines/s3DistCp';
import { adviseResize } from '../src/tasks/adviseResize';
import { reportResize } from '../src/tasks/reportResize';
import { clusterFacts, group } from './facts';

let stack: TestStack;
beforeAll(async () => {
  stack = await createTestStack({
    pipelines: [emrResize, s3DistCp, compact],
    tasks: [adviseResize, reportResize],
  });
}, 120_000);
afterAll(() => stack?.stop());

const CLASSIFICATIONS = [{ Classification: 'core-site', Properties: { 'fs.trash.interval': '60' } }];
const lookOf = (facts = clusterFacts()): Look => ({
  ...{ facts, masterName: 'master', configurations: CLASSIFICATIONS, types: [] },
});

/** What the steps of a run answer; the newest script of a step counts. */
function script(look: Look, { nodes = 5, resize = {} }: { nodes?: number; resize?: object } = {}) {
  stack.script('look*', { succeeds: { payload: look } });
  stack.script('progress*', {
    succeeds: { payload: { samples: [{ seconds: 0, nodes, blocksLeft: 0 }] } },
  });
  for (const step of ['tune HDFS', 'set HDFS back', 'tune HDFS: in force', 'set HDFS back: in force'])
    stack.script(step, {});
  stack.script('resize*', resize);
}

let runs = 0;
const start = (input: Parameters<typeof stack.start<(typeof emrResize)['fields'], unknown>>[1]) =>
  stack.start(emrResize, { clusterId: 'j-1', target: 5, ...input }, { id: `resize-${++runs}` });
/** Without those that follow a resize, which go beside it. */
const stepsOf = (id: string) =>
  stack.submitted
    .filter(({ run, step }) => run === id && !step.startsWith('progress'))
    .map(({ step }) => step);
const parametersOf = (id: string, step: string) =>
  stack.submitted.find((job) => job.run === id && job.step === step)!.job.parameters;

test('a plan ends after its advice, and changes nothing', async () => {
  script(lookOf());
  const run = await start({ group: 'core', plan: true });
  expect(await run.result()).toMatchObject({ advice: 's3://lake/emr-resize/advice.json', report: null });
  expect(stepsOf(run.id)).toEqual(['look', 'advise']);
  const advice = JSON.parse(stack.read('s3://lake/emr-resize/advice.json')!) as { verdicts: object[] };
  expect(advice.verdicts).toContainEqual(
    expect.objectContaining({ rule: 'core-above-replication', verdict: 'pass', value: 5, limit: 2 }),
  );
  expect(stack.read('s3://lake/emr-resize/plan.svg')).toMatch(/^<svg /);
  expect(stack.read('s3://lake/emr-resize/advice.html')).toContain('<td>core-above-replication</td>');
});

test('a resize is made with fast settings, which are set back, and its report has estimate and truth', async () => {
  script(lookOf(), { resize: { takes: '4 minutes' } });
  const run = await start({ group: 'core', decommissionTimeout: 900 });
  expect(await run.result()).toMatchObject({ report: 's3://lake/emr-resize/report.json', from: 6, to: 5 });
  expect(stepsOf(run.id)).toEqual([
    ...['look', 'advise', 'tune HDFS', 'tune HDFS: in force', 'resize to 5'],
    ...['set HDFS back', 'set HDFS back: in force', 'report'],
  ]);
  expect(parametersOf(run.id, 'tune HDFS')).toEqual({
    ...{ ClusterId: 'j-1', InstanceGroupName: 'master' },
    InstanceGroup: {
      Configurations: [
        ...CLASSIFICATIONS,
        { Classification: 'hdfs-site', Properties: toProperties(FAST_SETTINGS) },
      ],
    },
  });
  expect(parametersOf(run.id, 'set HDFS back')).toMatchObject({
    InstanceGroup: { Configurations: CLASSIFICATIONS },
  });
  expect(parametersOf(run.id, 'resize to 5')).toEqual({
    ...{ ClusterId: 'j-1', InstanceGroupName: 'core' },
    InstanceGroup: { InstanceCount: 5, ShrinkPolicy: { DecommissionTimeout: 900 } },
  });
  const report = JSON.parse(stack.read('s3://lake/emr-resize/report.json')!) as object;
  expect(report).toMatchObject({ tuned: true, rounds: 1, estimatedSeconds: { least: expect.any(Number) } });
  expect(stack.read('s3://lake/emr-resize/report.html')).toContain('<svg');
});

test('a refused resize says which rules are in the way and touches nothing', async () => {
  script(lookOf(clusterFacts({ managedScaling: true })));
  const run = await start({ group: 'core', target: 1 });
  const { code, message } = await run.failure();
  expect(code).toBe('InvalidInput');
  expect(message).toMatch(/core-above-replication: 1 \(limit 2\)[^]*no-policy: managed scaling/);
  expect(stepsOf(run.id)).toEqual(['look', 'advise']);
});

test('a size that is there already is left as it is', async () => {
  script(lookOf());
  const run = await start({ group: 'core', target: 6, fast: 'true' });
  expect(await run.result()).toMatchObject({ report: null, from: 6, to: 6 });
  expect(stepsOf(run.id)).toEqual(['look', 'advise']);
});

test.each([
  ['the resize fails', { resize: { fails: 'ARRESTED' } }, 'ARRESTED'],
  ['the progress fails', { progress: { fails: 'gone' } }, 'gone'],
  ['the settings were half set', { tuned: { fails: 'no such group' } }, 'no such group'],
])('HDFS is set back where %s', async (_, { resize, progress, tuned }: Record<string, object>, message) => {
  script(lookOf(), resize ? { resize } : {});
  if (progress) stack.script('progress*', progress);
  if (tuned) stack.script('tune HDFS: in force', tuned);
  const run = await start({ group: 'core' });
  expect((await run.failure()).message).toContain(message);
  expect(stepsOf(run.id).slice(-2)).toEqual(['set HDFS back', 'set HDFS back: in force']);
});

test('HDFS is set back where the run is cancelled in the middle of its resize', async () => {
  script(lookOf(), { resize: { takes: '3 hours' } });
  const run = await start({ group: 'core' });
  await run.waitUntil('resize to 5', 'running');
  await run.cancel();
  expect((await run.failure()).code).toBe('Cancelled');
  expect(stepsOf(run.id).slice(-2)).toEqual(['set HDFS back', 'set HDFS back: in force']);
});

test('settings that cannot be set back are what the run fails of', async () => {
  script(lookOf());
  stack.script('set HDFS back', { fails: 'the group is ARRESTED' });
  const run = await start({ group: 'core' });
  expect(await run.failure()).toMatchObject({
    step: 'set HDFS back',
    message: expect.stringMatching('ARRESTED'),
  });
});

test('many nodes go in rounds, and none begins while another drain is on', async () => {
  script(lookOf());
  stack.script('progress to 4', {
    succeeds: { payload: { samples: [{ seconds: 0, nodes: 4, blocksLeft: 0 }] } },
  });
  const run = await start({ group: 'core', target: 4, fast: 'false' });
  await run.result();
  expect(stepsOf(run.id)).toEqual([
    ...['look', 'advise', 'resize to 5', 'look before 4', 'advise 4'],
    ...['resize to 4', 'report'],
  ]);
  script(lookOf());
  stack.script('look before 4', {
    succeeds: { payload: lookOf(clusterFacts({ hdfs: { underReplicated: 7 } })) },
  });
  const second = await start({ group: 'core', target: 4, fast: 'true' });
  expect((await second.failure()).message).toContain('one-drain');
  expect(stepsOf(second.id)).not.toContain('resize to 4');
  expect(stepsOf(second.id).at(-1)).toBe('set HDFS back: in force');
});

test('a fleet that stops short after a day is a failure that says what runs', async () => {
  const fleet = group({
    ...{ id: 'if-1', name: 'workers', kind: 'fleet', running: 12, instances: 6 },
    capacity: { onDemand: 8, spot: 4 },
  });
  script(lookOf(clusterFacts({ parts: [fleet] })), { nodes: 12, resize: { takes: '24 hours' } });
  const run = await start({ fleet: 'workers', target: 10, fast: 'true' });
  const before = await stack.now();
  const { code, message } = await run.failure();
  expect(code).toBe('JobFailed');
  expect(message).toContain('workers of cluster j-1 stopped short: 10 were asked for, and 12 run');
  expect((await stack.now()).getTime() - before.getTime()).toBeGreaterThan(86_399_000);
  // Four of the ten are on Spot.
  expect(parametersOf(run.id, 'resize to 10')).toMatchObject({
    InstanceFleet: { TargetOnDemandCapacity: 6 },
  });
});

test('a primary fleet gets the settings for all of its instance types, and all are set back', async () => {
  const fleet = group({ kind: 'fleet' });
  const types = ['m5.xlarge', 'm5a.xlarge'].map((InstanceType) => ({
    ...{ InstanceType, WeightedCapacity: 1, Configurations: CLASSIFICATIONS },
  }));
  script({ ...lookOf(clusterFacts({ parts: [fleet] })), types });
  const run = await start({ fleet: 'core', fast: 'true' });
  await run.result();
  const fast = { Classification: 'hdfs-site', Properties: toProperties(FAST_SETTINGS) };
  expect(parametersOf(run.id, 'tune HDFS')).toEqual({
    ...{ ClusterId: 'j-1', InstanceFleetName: 'master' },
    InstanceFleet: {
      InstanceTypeConfigs: types.map((type) => ({ ...type, Configurations: [...CLASSIFICATIONS, fast] })),
    },
  });
  expect(parametersOf(run.id, 'set HDFS back')).toMatchObject({
    InstanceFleet: { InstanceTypeConfigs: types },
  });
  expect(stepsOf(run.id).slice(-3)).toEqual(['set HDFS back', 'set HDFS back: in force', 'report']);
});

test('a group and a fleet at once, or none, are told before anything starts', async () => {
  await expect(start({})).rejects.toThrow('give the name of one of them');
  await expect(start({ group: 'a', fleet: 'b' })).rejects.toThrow('give the name of one of them');
});

test('s3-dist-cp is a step where a cluster is given, and a task of the worker elsewhere', async () => {
  stack.script('copy', {});
  const input = { src: 's3://lake/in/', dest: 's3://lake/out/', groupBy: '.*(x).*' };
  const onCluster = await stack.start(s3DistCp, { ...input, clusterId: 'j-1' });
  await onCluster.result();
  const inWorker = await stack.start(s3DistCp, input);
  expect(await inWorker.result()).toEqual({ dest: 's3://lake/out/' });
  const jobs = stack.submitted.filter(({ step }) => step === 'copy').map(({ job }) => job);
  expect(jobs.map(({ resource }) => resource)).toEqual(['elasticmapreduce:addStep', 'worker:task']);
  expect(jobs[0]!.parameters).toMatchObject({
    Step: {
      HadoopJarStep: {
        Jar: 'command-runner.jar',
        Args: ['s3-dist-cp', '--src=s3://lake/in/', '--dest=s3://lake/out/', '--groupBy=.*(x).*'],
      },
    },
  });
});
