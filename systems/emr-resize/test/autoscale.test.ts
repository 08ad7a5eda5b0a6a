import { createTestStack, type TestStack } from 'sluice/testing';
import { readCurves, readSeen } from '../src/aws/readCurves';
import { withClients } from '../src/aws/clients';
import { emrAutoscale } from '../src/pipelines/emrAutoscale';
import { forgiving, type ScalingPolicy } from '../src/scaling/scalingPolicy';
import { reviewScaling, type Seen } from '../src/scaling/reviewScaling';
import { toAutoScalingPolicy } from '../src/scaling/toEmr';
import { adviseScaling } from '../src/tasks/adviseScaling';
import { putScaling } from '../src/tasks/putScaling';
import { runTask } from '../../../test/support/tasks';
import { startDouble, type Double } from './double';
import { clusterFacts, group } from './facts';

const task = group({ id: 'ig-task', name: 'task', role: 'task', running: 2, spot: true });
const facts = clusterFacts({
  parts: [group({ id: 'm', name: 'master', role: 'master', running: 1 }), group({}), task],
});
const policy = forgiving({ least: 0, most: 4 }, { step: 2, cooldownSeconds: 900 });
const PERIOD_MS = 300_000;

const seenOf = (nodes: number[], pending = 0): Seen[] =>
  nodes.map((count, i) => ({ at: i * PERIOD_MS, nodes: count, pending }));

test('a review counts what was taken back, and what waited at the most', () => {
  expect(reviewScaling(seenOf([2, 4, 2, 4, 4]), policy)).toMatchObject({ actions: 3, flaps: 2, capped: 0 });
  expect(reviewScaling([], policy)).toEqual({
    actions: 0,
    flaps: 0,
    capped: 0,
    hoursAtMost: 0,
    proposal: null,
  });
});

test.each([
  ['at a tenth of the periods', seenOf([...Array<number>(9).fill(2), 4], 1), false],
  ['at more than that', seenOf([...Array<number>(8).fill(2), 4, 4], 1), true],
])('work that waits at the most %s', (_, seen, proposes) => {
  const { proposal } = reviewScaling(seen, policy);
  if (proposes)
    expect(proposal).toMatchObject({ policy: { most: 6 }, reason: expect.stringMatching('2 of 10') });
  else expect(proposal).toBeNull();
});

test('more than two flaps a day make shrinking wait twice as long', () => {
  expect(reviewScaling(seenOf([2, 4, 2, 4]), policy).proposal).toBeNull();
  const { proposal } = reviewScaling(seenOf([2, 4, 2, 4, 2]), { ...policy, most: 9 });
  expect(proposal!.policy.rules.map(({ cooldownSeconds }) => cooldownSeconds)).toEqual([300, 1800]);
});

let stack: TestStack;
beforeAll(async () => {
  stack = await createTestStack({ pipelines: [emrAutoscale], tasks: [adviseScaling] });
}, 120_000);
afterAll(() => stack?.stop());

const burst = Array.from({ length: 576 }, (_, at) => (at % 288 > 140 && at % 288 < 180 ? 80 : 4));
const CURVES = {
  task: { demand: burst, nodeCapacity: 10, waits: true },
  core: { demand: burst.map(() => 240), nodeCapacity: 100, waits: false },
};
const stepsOf = (id: string) => stack.submitted.filter(({ run }) => run === id).map(({ step }) => step);

async function start(id: string, input: object, given: unknown = CURVES, of = facts) {
  stack.script('look', {
    succeeds: { payload: { facts: of, masterName: 'master', configurations: [], types: [] } },
  });
  await stack.put('s3://lake/curves.json', { body: JSON.stringify(given) });
  return stack.start(emrAutoscale, { clusterId: 'j-1', curves: 's3://lake/curves.json', ...input }, { id });
}

test('policies are advised from what the cluster had to do, and nothing is put that was not asked for', async () => {
  const run = await start('advise', { looks: 0, taskMost: 10 });
  const result = (await run.result())!;
  expect(result).toMatchObject({ applied: false, advice: 's3://lake/emr-resize/scaling.json', reviews: [] });
  expect(stepsOf('advise')).toEqual(['look', 'advise']);
  const rules = result.policies.find(({ part }) => part === 'task')!.policy.rules;
  expect(rules.map(({ metric }) => metric)).toEqual([
    'YARNMemoryAvailablePercentage',
    'YARNMemoryAvailablePercentage',
  ]);
  const advice = stack.read('s3://lake/emr-resize/scaling.json')!;
  const { advices } = JSON.parse(advice) as { advices: { outcomes: { policy: string }[] }[] };
  for (const { outcomes } of advices)
    expect(outcomes.map(({ policy: name }) => name)).toEqual(
      expect.arrayContaining(['mirrored', 'defaults of EMR', expect.stringMatching('^none, ')]),
    );
  expect(stack.read('s3://lake/emr-resize/scaling.html')!.match(/<svg /g)).toHaveLength(2);
});

test('the watch looks again and again while nothing is held, and proposes without touching', async () => {
  const proposal = { policy: { ...policy, most: 6 }, reason: 'work waited' };
  stack.script('review*', {
    succeeds: { payload: { part: 'task', ...reviewScaling([], policy), proposal } },
  });
  const run = await start('watched', { looks: 8, every: '6 hours', taskMost: 10 });
  const before = await stack.now();
  const { reviews, policies } = (await run.result())!;
  expect((await stack.now()).getTime() - before.getTime()).toBeGreaterThan(47 * 3_600_000);
  expect(reviews).toMatchObject([{ part: 'task', proposal: { reason: 'work waited' } }]);
  expect(policies.find(({ part }) => part === 'task')!.policy.most).toBe(10);
  expect(stepsOf('watched').filter((step) => step.startsWith('review'))).toHaveLength(8);
  expect(stepsOf('watched').some((step) => step.startsWith('put'))).toBe(false);
});

test('with apply the policies are put, and what is proposed as well', async () => {
  const proposal = { policy: { ...policy, most: 6 }, reason: 'work waited' };
  const well = { part: 'task', ...reviewScaling([], policy) };
  stack.script('put*', {});
  stack.script('review*', [{ succeeds: { payload: { ...well, proposal } } }]);
  stack.script('review task 2', { succeeds: { payload: well } });
  const run = await start('applied', { looks: 2, every: '1 hour', taskMost: 10, apply: true });
  const { policies } = (await run.result())!;
  expect(policies.find(({ part }) => part === 'task')!.policy.most).toBe(6);
  expect(stepsOf('applied').filter((step) => step.startsWith('put'))).toEqual([
    'put policies',
    'put policies 1',
  ]);
});

test('less than a day of metrics is no ground for a policy', async () => {
  const run = await start('short', {}, { ...CURVES, core: { ...CURVES.core, demand: [1, 2] } });
  expect(await run.failure()).toMatchObject({ code: 'BadData', message: expect.stringMatching('2 periods') });
});

test('automatic scaling of a cluster of fleets is refused before anything is put', async () => {
  const fleets = { ...facts, parts: [group({ kind: 'fleet' })] };
  const run = await start('fleets', { means: 'automatic', apply: true }, CURVES, fleets);
  expect(await run.failure()).toMatchObject({ code: 'InvalidJob', message: expect.stringMatching('fleets') });
  expect(stepsOf('fleets')).toEqual(['look', 'advise']);
});

describe('on EMR', () => {
  let double: Double;
  const environment = { ...process.env };
  beforeEach(async () => {
    double = await startDouble({ blocks: 0 });
    Object.assign(process.env, {
      AWS_ENDPOINT_URL_EMR: double.settings.endpoint,
      AWS_ENDPOINT_URL_CLOUDWATCH: double.settings.endpoint,
      ...{ AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
    });
  });
  afterEach(async () => {
    process.env = { ...environment };
    await double.stop();
    expect(double.aws.violations).toEqual([]);
  });

  const run = (advised: object) => runTask(putScaling, { clusterId: 'j-1', advised }, { s3: null as never });
  const policies: { part: string; role: 'task' | 'core'; policy: ScalingPolicy }[] = [
    { part: 'task', role: 'task', policy },
    { part: 'core', role: 'core', policy: { name: 'none', least: 6, most: 6, rules: [] } },
  ];

  test('a policy is put once however often its job begins anew, and one without rules is none', async () => {
    for (let attempt = 0; attempt < 2; attempt++)
      expect(await run({ means: 'automatic', policies })).toEqual({ payload: { put: ['task'] } });
    const [, core, taskPart] = double.emr.clusters.get('j-1')!.parts;
    expect(taskPart!.policy).toMatchObject(toAutoScalingPolicy(policy));
    expect(core!.policy).toBeUndefined();
  });

  test('managed scaling has the limits of all groups together, and is refused beside a policy of a group', async () => {
    await run({ means: 'managed', policies });
    expect(double.emr.clusters.get('j-1')!.managed).toEqual({
      ComputeLimits: {
        ...{ UnitType: 'Instances', MinimumCapacityUnits: 6, MaximumCapacityUnits: 10 },
        MaximumCoreCapacityUnits: 6,
      },
    });
    await expect(run({ means: 'automatic', policies })).rejects.toMatchObject({ code: 'InvalidJob' });
  });

  test('a policy that is as eager to shrink as to grow is not put', async () => {
    const rules = policy.rules.map((rule) => ({ ...rule, cooldownSeconds: 300, periods: 1 }));
    const eager = [{ part: 'task', role: 'task', policy: { ...policy, rules } }];
    await expect(run({ means: 'automatic', policies: eager })).rejects.toThrow('cooldown is not longer');
    expect(double.aws.calls['PutAutoScalingPolicy']).toBeUndefined();
  });

  test('a policy that EMR cannot attach says so with its cure', async () => {
    const part = double.emr.clusters.get('j-1')!.parts[2]!;
    Object.defineProperty(part, 'policy', {
      get: () => ({
        ...toAutoScalingPolicy(policy),
        Status: { State: 'FAILED', StateChangeReason: { Message: 'no role' } },
      }),
      set: () => {},
    });
    await expect(run({ means: 'automatic', policies: [policies[0]!] })).rejects.toThrow('AutoScalingRole');
  });

  test('curves are read from the metrics, with what waits counted once', async () => {
    const values: Record<string, number[]> = {
      ContainerAllocated: [10, 16, 16, 4],
      ContainerPending: [0, 8, 8, 0],
      MemoryTotalMB: [16_384, 16_384, 16_384, 16_384],
      MemoryAvailableMB: [6144, 0, 0, 12_288],
      HDFSUtilization: [40, 41, 42, 43],
      TaskNodesRunning: [2, 2, 4, 4],
    };
    double.emr.handlers['GetMetricData'] = ({ MetricDataQueries }: never) =>
      Promise.resolve({
        MetricDataResults: (
          MetricDataQueries as { Id: string; MetricStat: { Metric: { MetricName: string } } }[]
        ).map(({ Id, MetricStat: { Metric } }) => ({
          Id,
          Values: values[Metric.MetricName],
          Timestamps: values[Metric.MetricName]!.map((_, i) => 1_700_000_000 + 300 * i),
        })),
      });
    const span = { from: new Date(0), to: new Date() };
    const two = clusterFacts({ parts: [group({ running: 1 }), { ...task, running: 1, instances: 1 }] });
    await withClients(async (clients) => {
      expect(await readCurves(clients, two, span)).toEqual({
        task: { demand: [10, 24, 16, 4], nodeCapacity: 8, waits: true },
        core: { demand: [40, 41, 42, 43], nodeCapacity: 100, waits: false },
      });
      expect(await readSeen(clients, 'j-1', 'task', span)).toMatchObject([
        { nodes: 2, pending: 0 },
        { nodes: 2, pending: 8 },
        { nodes: 4, pending: 8 },
        { nodes: 4, pending: 0 },
      ]);
    }, double.settings);
  });
});
