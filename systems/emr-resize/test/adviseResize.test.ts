import { oneOf, seeded, whole, type Random } from 'sluice/testing';
import { adviseResize, type ResizeRequest } from '../src/advice/adviseResize';
import type { ClusterFacts } from '../src/advice/clusterFacts';
import { estimateDrain } from '../src/advice/estimateDrain';
import { DEFAULT_SETTINGS, FAST_SETTINGS } from '../src/advice/hdfsSettings';
import { areOnCore, LIMITS, mostAtOnce, RESIZE_RULES } from '../src/advice/resizeRules';
import { clusterFacts, group } from './facts';
import { seedOf } from '../../../test/support/long';

const MEGABYTE = 1024 * 1024;
const task = group({ id: 'ig-task', name: 'task', role: 'task', running: 4 });
const fleet = group({ id: 'if-core', kind: 'fleet' });

type Given = NonNullable<Parameters<typeof clusterFacts>[0]>;
/** A case just inside of a rule and one just outside: facts and request of each, and what the rule says of the second. */
const CASES: Record<
  string,
  [inside: [Given, number], outside: [Given, number], says: 'warn' | 'refuse', Partial<ResizeRequest>?]
> = {
  'one-core-node': [[{ hdfs: { replication: 1 } }, 1], [{ hdfs: { replication: 1 } }, 0], 'refuse'],
  'core-above-replication': [[{}, 2], [{}, 1], 'refuse'],
  'core-above-masters': [[{ yarn: { applications: 5 } }, 5], [{ yarn: { applications: 6 } }, 5], 'refuse'],
  'master-label-without-spot': [
    [{ parts: [group({}), { ...task, spot: true }] }, 5],
    [{ parts: [group({}), { ...task, spot: true }], yarn: { masterLabels: ['CORE', 'TASK'] } }, 5],
    'refuse',
  ],
  'calm-writes': [
    [{ hdfs: { writtenBytesPerSecond: 6 * LIMITS.heavyWritesPerNode } }, 5],
    [{ hdfs: { writtenBytesPerSecond: 6 * LIMITS.heavyWritesPerNode + 6 } }, 5],
    'refuse',
  ],
  'one-drain': [
    [{ parts: [group({}), task] }, 5],
    [{ parts: [group({}), { ...task, state: 'RESIZING' }] }, 5],
    'refuse',
  ],
  'no-policy': [[{}, 5], [{ managedScaling: true }, 5], 'refuse'],
  'no-block-missing': [[{ hdfs: { missing: 0 } }, 5], [{ hdfs: { missing: 1 } }, 5], 'refuse'],
  'room-in-hdfs': [[{ hdfs: { utilization: 70.8 } }, 5], [{ hdfs: { utilization: 70.9 } }, 5], 'refuse'],
  'few-at-a-time': [[{}, 5], [{}, 4], 'warn'],
  'busy-and-fast': [
    [{ yarn: { memoryAvailable: 25 } }, 5],
    [{ yarn: { memoryAvailable: 24.9 } }, 5],
    'warn',
    { fast: 'true' },
  ],
  'settings-can-change': [[{ release: 'emr-5.21.0' }, 5], [{ release: 'emr-5.20.1' }, 5], 'warn'],
  'tasks-end-in-time': [[{}, 5], [{ stepsRunning: 1 }, 5], 'warn'],
  'fleet-within-a-day': [
    [{ parts: [fleet] }, 5],
    [{ parts: [fleet], hdfs: { blocks: 1_030_000 } }, 5],
    'warn',
  ],
  'large-files': [
    [{ hdfs: { blocks: 2000, bytesUsed: 2000 * 2 * 32 * MEGABYTE } }, 5],
    [{ hdfs: { blocks: 2001, bytesUsed: 2000 * 2 * 32 * MEGABYTE } }, 5],
    'warn',
  ],
  'core-on-demand': [[{}, 5], [{ parts: [group({ spot: true })] }, 5], 'warn'],
};

const verdictOf = (rule: string, [given, target]: [Given, number], request: Partial<ResizeRequest> = {}) =>
  adviseResize(clusterFacts(given), { part: 'core', target, fast: 'auto', ...request }).verdicts.find(
    (verdict) => verdict.rule === rule,
  )?.verdict;

test.each(Object.entries(CASES))(
  '%s passes just inside and speaks up just outside',
  (rule, [inside, outside, says, request]) => {
    expect(verdictOf(rule, inside, request)).toBe('pass');
    expect(verdictOf(rule, outside, request)).toBe(says);
  },
);

test('a primary node and a group with a policy are told of', () => {
  const advised = adviseResize(clusterFacts(), { part: 'master', target: 2, fast: 'auto' });
  expect(advised).toMatchObject({ refused: true, rounds: [] });
  expect(verdictOf('no-policy', [{ parts: [group({ hasPolicy: true })] }, 5])).toBe('refuse');
  const spotTasks = { parts: [group({}), { ...task, spot: true }], yarn: { masterLabels: [] } };
  expect(verdictOf('master-label-without-spot', [spotTasks, 5])).toBe('warn');
  expect(verdictOf('one-drain', [{ hdfs: { underReplicated: 1 } }, 5])).toBe('refuse');
});

test('every rule has its cases', () => {
  const elsewhere = ['master-stays'];
  expect([...Object.keys(CASES), ...elsewhere].sort()).toEqual(RESIZE_RULES.map(({ id }) => id).sort());
});

test('a metric that nobody knows is a warning and no refusal', () => {
  const advice = adviseResize(
    clusterFacts({
      hdfs: { writtenBytesPerSecond: null, missing: null, utilization: null, blocks: null, bytesUsed: null },
      yarn: { applications: null, memoryAvailable: null },
    }),
    { part: 'core', target: 5, fast: 'auto' },
  );
  expect(advice).toMatchObject({ refused: false, estimates: null, tune: null });
  const warned = advice.verdicts.filter(({ verdict }) => verdict === 'warn').map(({ rule }) => rule);
  expect(warned).toEqual([
    'core-above-masters',
    'calm-writes',
    'no-block-missing',
    'room-in-hdfs',
    'large-files',
  ]);
});

test('a name that the cluster does not have is told with those that it has', () => {
  expect(() => adviseResize(clusterFacts(), { part: 'cores', target: 5, fast: 'auto' })).toThrow(
    'cluster j-1 has no cores; it has master, core',
  );
});

test('the published exercise takes 36 to 43 minutes by default and 3 with its settings, but for the looks', () => {
  const { estimates, tune, rounds } = adviseResize(clusterFacts(), { part: 'core', target: 5, fast: 'auto' });
  expect(estimates!.usual).toEqual({ leastSeconds: 2148, mostSeconds: 2577 + 30 });
  expect(estimates!.fast.leastSeconds).toBeLessThan(180);
  expect(tune).toEqual(FAST_SETTINGS);
  expect(rounds).toEqual([{ from: 6, to: 5, estimate: estimates!.fast }]);
});

test('a block without another copy leaves by the hard limit of its one node', () => {
  const drain = { blocks: 600, bytes: 0, nodes: 6, leaving: 1, settings: DEFAULT_SETTINGS, checkSeconds: 30 };
  expect(estimateDrain({ ...drain, replication: 2 }).leastSeconds).toBe(51);
  expect(estimateDrain({ ...drain, replication: 1 }).leastSeconds).toBe(75);
});

test('a NameNode that looks more often lets nodes go sooner', () => {
  const mostOf = (checkSeconds: number) => {
    const { estimates } = adviseResize(clusterFacts({ hdfs: { checkSeconds } }), {
      ...{ part: 'core', target: 5, fast: 'auto' },
    });
    return estimates!.usual.mostSeconds;
  };
  expect(mostOf(30) - mostOf(1)).toBe(29);
});

test('large blocks take as long as their bytes', () => {
  const drain = {
    blocks: 60,
    nodes: 6,
    leaving: 1,
    replication: 2,
    settings: FAST_SETTINGS,
    checkSeconds: 30,
  };
  const gigabyte = 1024 * MEGABYTE;
  expect(estimateDrain({ ...drain, bytes: 1800 * gigabyte }).leastSeconds).toBe(1024);
});

test('fast settings are taken where the drain is long and the cluster calm, or where they are asked for', () => {
  const tuneOf = (given: Given, fast: ResizeRequest['fast'] = 'auto', target = 5) =>
    adviseResize(clusterFacts(given), { part: 'core', target, fast }).tune !== null;
  expect(tuneOf({})).toBe(true);
  expect(tuneOf({}, 'false')).toBe(false);
  expect(tuneOf({}, 'auto', 7)).toBe(false);
  expect(tuneOf({ hdfs: { blocks: 300 } })).toBe(false);
  expect(tuneOf({ hdfs: { blocks: 300 } }, 'true')).toBe(true);
  expect(tuneOf({ yarn: { memoryAvailable: 10 } })).toBe(false);
  expect(tuneOf({ hdfs: { settings: FAST_SETTINGS } }, 'true')).toBe(false);
  expect(tuneOf({ parts: [fleet] }, 'true')).toBe(true);
  expect(tuneOf({ release: 'emr-5.20.0' }, 'true')).toBe(false);
});

test('units of a fleet are counted as the instances that they come to', () => {
  const units = group({ kind: 'fleet', running: 24, instances: 6 });
  expect(verdictOf('core-above-replication', [{ parts: [units] }, 8])).toBe('pass');
  expect(verdictOf('core-above-replication', [{ parts: [units] }, 7])).toBe('refuse');
});

/** Any cluster at all, likely or not. */
function anyFacts(random: Random): ClusterFacts {
  const maybe = <T>(value: T) => (random() < 0.1 ? null : value);
  const running = whole(random, 1, random() < 0.1 ? 400 : 12);
  const kind = oneOf(random, ['group', 'group', 'fleet'] as const);
  const parts = [
    group({ id: 'm', name: 'master', role: 'master', running: 1, kind }),
    group({
      ...{ running, instances: running, kind, spot: random() < 0.1, hasPolicy: random() < 0.1 },
      state: oneOf(random, ['RUNNING', 'RUNNING', 'RUNNING', 'RESIZING']),
    }),
    group({
      ...{ id: 't', name: 'task', role: 'task', running: whole(random, 0, 20), kind },
      ...{ spot: random() < 0.5, state: oneOf(random, ['RUNNING', 'RUNNING', 'RUNNING', 'RESIZING']) },
    }),
  ];
  return clusterFacts({
    parts,
    managedScaling: random() < 0.1,
    stepsRunning: whole(random, 0, 2),
    hdfs: {
      replication: whole(random, 1, 3),
      blocks: maybe(whole(random, 0, 100_000)),
      bytesUsed: maybe(random() * 1e12),
      utilization: maybe(random() * 100),
      writtenBytesPerSecond: maybe(random() * 300e6),
      underReplicated: maybe(random() < 0.9 ? 0 : 3),
      missing: maybe(random() < 0.9 ? 0 : 1),
      settings: oneOf(random, [DEFAULT_SETTINGS, FAST_SETTINGS]),
    },
    yarn: {
      applications: maybe(whole(random, 0, 8)),
      masterLabels: oneOf(random, [['CORE'], ['CORE', 'TASK'], []]),
      memoryAvailable: maybe(random() * 100),
    },
  });
}

test('of 10,000 clusters none is advised below replication, below its masters, or into two drains', () => {
  const random = seeded(seedOf(18));
  let allowed = 0;
  for (let i = 0; i < 10_000; i++) {
    const facts = anyFacts(random);
    const request: ResizeRequest = {
      part: oneOf(random, ['core', 'core', 'task']),
      target: whole(random, 0, 14),
      fast: oneOf(random, ['auto', 'true', 'false']),
    };
    const advice = adviseResize(facts, request);
    if (i % 100 === 0) expect(adviseResize(structuredClone(facts), request)).toEqual(advice);
    expect(advice.refused).toBe(advice.verdicts.some(({ verdict }) => verdict === 'refuse'));
    if (advice.refused) {
      expect(advice).toMatchObject({ rounds: [], tune: null });
      continue;
    }
    allowed++;
    const { rounds, from } = advice;
    expect(facts.managedScaling).toBe(false);
    expect(facts.parts.every(({ state }) => state === 'RUNNING')).toBe(true);
    rounds.forEach((round, at) => {
      expect(round.from).toBe(at === 0 ? from : rounds[at - 1]!.to);
      if (request.part === 'core' && round.to < round.from)
        expect(round.from - round.to).toBeLessThanOrEqual(mostAtOnce(round.from));
    });
    expect(rounds.at(-1)?.to ?? from).toBe(request.target);
    if (request.part !== 'core') continue;
    expect(request.target).toBeGreaterThanOrEqual(facts.hdfs.replication);
    if (request.target < from) {
      expect(facts.hdfs.underReplicated ?? 0).toBe(0);
      if (areOnCore(facts)) expect(request.target).toBeGreaterThanOrEqual(facts.yarn.applications ?? 0);
    }
  }
  // A property of nothing would hold as well.
  expect(allowed).toBeGreaterThan(1000);
});
