import { oneOf, seeded, whole, type Random } from 'sluice/testing';
import { adviseScaling, chooseMeans, leastCore } from '../src/scaling/adviseScaling';
import {
  coreByHdfs,
  emrDefaults,
  findPolicyProblems,
  fixedSize,
  forgiving,
  mirrored,
} from '../src/scaling/scalingPolicy';
import { simulateScaling, type Outcome } from '../src/scaling/simulateScaling';
import { clusterFacts, group } from './facts';
import { seedOf } from '../../../test/support/long';

const task = { name: 'task', role: 'task', spot: true } as const;
const bounds = { least: 2, most: 10 };
const containers = { nodeCapacity: 10, waits: true };

/** Work that comes in bursts, or in waves, or not at all, for five hours. */
function anyCurve(random: Random): number[] {
  const [high, period] = [whole(random, 0, 120), whole(random, 3, 40)];
  const kind = oneOf(random, ['burst', 'wave', 'noise', 'step'] as const);
  return Array.from({ length: 60 }, (_, at) => {
    if (kind === 'burst') return at % period < period / 3 ? high : 5;
    if (kind === 'wave') return Math.max(0, Math.round((high / 2) * (1 + Math.sin((6.28 * at) / period))));
    if (kind === 'noise') return whole(random, 0, high);
    return at > period ? high : 0;
  });
}

test('a policy grows after its periods, waits its cooldown, and the node works a period later', () => {
  const policy = emrDefaults(bounds);
  const { nodes, actions } = simulateScaling({
    ...{ policy, start: 2, ...containers },
    demand: [0, 30, 30, 30, 30, 30, 30],
  });
  expect(nodes).toEqual([2, 2, 2, 3, 4, 5, 6]);
  expect(actions).toBe(4);
});

test('shrinking waits for three periods in a row, and a change back within the hour is a flap', () => {
  const policy = forgiving(bounds, { step: 2, cooldownSeconds: 900 });
  const busy = [20, 20, 20, 0, 0, 20, 0, 0, 0, 0];
  const outcome = simulateScaling({ policy, start: 4, ...containers, demand: busy });
  expect(outcome.nodes).toEqual([4, 4, 4, 4, 4, 4, 4, 4, 4, 3]);
  expect(outcome).toMatchObject({ actions: 1, flaps: 0 });
  const eager = simulateScaling({ policy: mirrored(bounds), start: 2, ...containers, demand: [20, 0, 0, 0] });
  expect(eager).toMatchObject({ flaps: 1 });
});

test('a rule at its limit is counted as capped, and work that finds no room waits', () => {
  const outcome = simulateScaling({
    ...{ policy: emrDefaults({ least: 1, most: 1 }), start: 1, ...containers },
    demand: [15, 15, 0],
  });
  expect(outcome).toMatchObject({ actions: 0, capped: 3, queue: [5, 10, 0], meanQueue: 5 });
});

test('a curve of nothing, and one of one period, are played as well', () => {
  for (const demand of [[], [7]])
    expect(adviseScaling(task, { demand, ...containers }, { ...bounds, start: 2 }).policy).toEqual(
      fixedSize(2),
    );
});

const CURVES = 10_000;

test(`of 10,000 curves the advised policy never flaps more than the mirrored one at no more than 1.1 times its queue`, () => {
  const random = seeded(seedOf(7));
  let policies = 0;
  for (let i = 0; i < CURVES; i++) {
    const least = whole(random, 1, 4);
    const limits = { least, most: least + whole(random, 0, 12), start: whole(random, 1, 16) };
    const curve = { demand: anyCurve(random), ...containers };
    const { policy, outcomes } = adviseScaling(task, curve, limits);
    const [advised, eager] = outcomes as [Outcome, Outcome];
    // Each `expect` takes as long as a curve.
    const wrong = [
      ...(eager.policy === 'mirrored' ? [] : ['the second is the mirrored one']),
      ...(advised.flaps <= eager.flaps ? [] : ['more flaps']),
      ...(advised.meanQueue <= 1.1 * eager.meanQueue + 1e-9 ? [] : ['a longer queue']),
      ...findPolicyProblems(policy, 'task'),
      ...(Math.min(...advised.nodes) >= limits.least ? [] : ['below the least']),
      ...(Math.max(...advised.nodes) <= limits.most ? [] : ['above the most']),
    ];
    if (wrong.length > 0)
      throw new Error(`curve ${i}: ${wrong.join(', ')}: ${JSON.stringify({ limits, curve })}`);
    if (policy.rules.length > 0) policies++;
  }
  expect(policies).toBeGreaterThan(CURVES / 20);
  expect(policies).toBeLessThan(CURVES);
}, 120_000);

test('a forgiving policy beats no policy where work comes in one long burst', () => {
  const demand = Array.from({ length: 288 }, (_, at) => (at > 140 && at < 180 ? 80 : 4));
  const { policy, outcomes } = adviseScaling(task, { demand, ...containers }, { ...bounds, start: 2 });
  expect(policy.name).toMatch(/^forgiving/);
  expect(outcomes[0]!.nodeHours).toBeLessThan(
    outcomes.find(({ policy: name }) => name === 'none, 10 nodes')!.nodeHours,
  );
});

test('policies that are advised are right for their role, and the mirrored one is not', () => {
  expect(findPolicyProblems(coreByHdfs({ least: 2, most: 6 }), 'core', 2)).toEqual([]);
  expect(findPolicyProblems(coreByHdfs({ least: 1, most: 6 }), 'core', 2)).toEqual([
    'least 1 is below 2, which core needs',
  ]);
  expect(findPolicyProblems(mirrored(bounds), 'task')).toEqual([
    'in: its cooldown is not longer than that of out',
    'in: it waits no more periods than out',
  ]);
  expect(findPolicyProblems(forgiving(bounds, { step: 2, cooldownSeconds: 900 }), 'core', 2)).toHaveLength(2);
  expect(findPolicyProblems(coreByHdfs(bounds), 'task')).toHaveLength(2);
});

test('core is advised by what HDFS holds, and never below its least', () => {
  const demand = Array.from({ length: 288 }, (_, at) => 200 + at);
  const { policy, outcomes } = adviseScaling(
    { name: 'core', role: 'core', spot: true },
    { demand, nodeCapacity: 100, waits: false },
    { least: leastCore(clusterFacts({ yarn: { applications: 3 } })), most: 8, start: 3 },
  );
  expect(policy.least).toBeGreaterThanOrEqual(3);
  expect(Math.min(...outcomes[0]!.nodes)).toBeGreaterThanOrEqual(3);
});

test('a cluster is scaled by policies of groups or by managed scaling, never by both', () => {
  const fleets = { parts: [group({ kind: 'fleet' as const })] };
  expect(chooseMeans(clusterFacts(), 'auto')).toBe('automatic');
  expect(chooseMeans(clusterFacts(fleets), 'auto')).toBe('managed');
  expect(chooseMeans(clusterFacts({ managedScaling: true }), 'auto')).toBe('managed');
  expect(() => chooseMeans(clusterFacts(fleets), 'automatic')).toThrow('instance groups');
  expect(() => chooseMeans(clusterFacts({ managedScaling: true }), 'automatic')).toThrow(
    'managed scaling is on',
  );
  expect(() => chooseMeans(clusterFacts({ parts: [group({ hasPolicy: true })] }), 'managed')).toThrow(
    'core have policies',
  );
});
