/** The local EMR by the real SDK clients, with botocore's models over what both sides say: it is the tests' strict double. */
import {
  AddInstanceGroupsCommand,
  GetAutoTerminationPolicyCommand,
  GetManagedScalingPolicyCommand,
  ListInstanceGroupsCommand,
  ModifyInstanceFleetCommand,
  ModifyInstanceGroupsCommand,
  PutAutoScalingPolicyCommand,
  PutAutoTerminationPolicyCommand,
  PutManagedScalingPolicyCommand,
  RemoveAutoScalingPolicyCommand,
  RemoveAutoTerminationPolicyCommand,
  RemoveManagedScalingPolicyCommand,
  RunJobFlowCommand,
  TerminateJobFlowsCommand,
} from '@aws-sdk/client-emr';
import { DEFAULT_SETTINGS, FAST_SETTINGS, toProperties, type HdfsSettings } from '../src/advice/hdfsSettings';
import { withClients, type Clients } from '../src/aws/clients';
import { lookAtCluster } from '../src/aws/lookAtCluster';
import { simulateStorage } from '../src/cluster/simulatedStorage';
import { awaitSettings } from '../src/tasks/awaitSettings';
import { runTask } from '../../../test/support/tasks';
import { startDouble, type Double } from './double';

let double: Double;
afterEach(async () => {
  await double.stop();
  expect(double.aws.violations).toEqual([]);
});

const ClusterId = 'j-1';
const use = <T>(body: (clients: Clients) => Promise<T>) => withClients(body, double.settings);
const look = () => use((clients) => lookAtCluster(clients, { clusterId: ClusterId }));
const coreOf = async () => (await look()).facts.parts.find(({ name }) => name === 'core')!;

const rule = (Name: string, change: number) => ({
  Name,
  Action: { SimpleScalingPolicyConfiguration: { ScalingAdjustment: change, CoolDown: 300 } },
  Trigger: {
    CloudWatchAlarmDefinition: {
      ...{ MetricName: 'YARNMemoryAvailablePercentage', ComparisonOperator: 'LESS_THAN' as const },
      ...{ Period: 300, Threshold: 15 },
    },
  },
});
const policy = { Constraints: { MinCapacity: 1, MaxCapacity: 5 }, Rules: [rule('out', 1)] };
const managed = {
  ComputeLimits: { UnitType: 'Instances' as const, MinimumCapacityUnits: 2, MaximumCapacityUnits: 9 },
};

test('all that advice is made of is read from EMR and CloudWatch', async () => {
  double = await startDouble({ blocks: 300 });
  expect(await look()).toEqual({
    masterName: 'master',
    configurations: [],
    types: [],
    facts: {
      ...{ clusterId: 'j-1', name: 'test', release: 'emr-7.5.0', managedScaling: false, stepsRunning: 0 },
      parts: [
        expect.objectContaining({ name: 'master', role: 'master', kind: 'group', running: 1 }),
        expect.objectContaining({ name: 'core', role: 'core', running: 6, instances: 6, spot: false }),
        expect.objectContaining({ name: 'task', role: 'task', running: 2, spot: true, hasPolicy: false }),
      ],
      hdfs: {
        ...{ replication: 2, blocks: 300, bytesUsed: 600 * 2048, underReplicated: 0, missing: 0 },
        utilization: expect.closeTo((100 * 600 * 2048) / 3e12, 6),
        writtenBytesPerSecond: expect.any(Number),
        settings: { workMultiplier: 2, maxStreams: 2, maxStreamsHardLimit: 4 },
        checkSeconds: 1,
      },
      yarn: {
        ...{ applications: 0, masterLabels: [], memoryAvailable: 100, pendingContainers: 0 },
        decommissionTimeoutSeconds: 3600,
      },
    },
  });
});

test('a group shrinks as HDFS copies, by the rule that the estimate is made of, and grows at once', async () => {
  double = await startDouble({ blocks: 300 });
  await resizeTo(5);
  expect(await coreOf()).toMatchObject({ requested: 5, running: 6, state: 'RESIZING' });
  expect((await look()).facts.hdfs.underReplicated).toBe(100);
  await expect(resizeTo(4)).rejects.toThrow('RESIZING');
  // 100 replicas, 12 in a round of 3 s.
  double.pass(24_000);
  expect((await look()).facts.hdfs.underReplicated).toBe(4);
  expect(await coreOf()).toMatchObject({ running: 6, state: 'RESIZING' });
  double.pass(3000);
  await look();
  expect(await coreOf()).toMatchObject({ requested: 5, running: 5, state: 'RUNNING' });
  await resizeTo(7);
  await look();
  expect(await coreOf()).toMatchObject({ requested: 7, running: 7, state: 'RUNNING' });
});

const resizeTo = (InstanceCount: number) =>
  use(({ emr }) =>
    emr.send(
      new ModifyInstanceGroupsCommand({
        ClusterId,
        InstanceGroups: [{ InstanceGroupId: 'ig-CORE', InstanceCount }],
      }),
    ),
  );

test('a resize that is stuck stays RESIZING', async () => {
  double = await startDouble({ blocks: 300, stuck: true });
  await resizeTo(3);
  await look();
  double.pass(7 * 86_400_000);
  expect(await coreOf()).toMatchObject({ requested: 3, running: 6, state: 'RESIZING' });
});

test('a resize that is half done shows what runs and what is left', async () => {
  double = await startDouble({ blocks: 300 });
  await resizeTo(3);
  await look();
  // 300 replicas leave three nodes, 12 in a round of 3 s: after 13 rounds one node has none left.
  double.pass(13 * 3000);
  await look();
  expect(await coreOf()).toMatchObject({ requested: 3, running: 5, state: 'RESIZING' });
  expect((await look()).facts.hdfs.underReplicated).toBe(144);
});

test('a fleet that has not shrunk in a day stays at what runs', async () => {
  double = await startDouble({ blocks: 300, collection: 'fleets', stuck: true });
  await use(({ emr }) =>
    emr.send(
      new ModifyInstanceFleetCommand({
        ClusterId,
        InstanceFleet: { InstanceFleetId: 'if-CORE', TargetOnDemandCapacity: 3 },
      }),
    ),
  );
  double.pass(86_400_000);
  await look();
  expect(await coreOf()).toMatchObject({ kind: 'fleet', requested: 3, running: 6, state: 'RESIZING' });
  double.pass(1000);
  await look();
  expect(await coreOf()).toMatchObject({ requested: 3, running: 6, state: 'RUNNING' });
});

test('configurations of the primary group are in force in HDFS, and those that go are set back to its defaults', async () => {
  double = await startDouble({ blocks: 0 });
  const configure = (Properties: Record<string, string> | null) =>
    use(({ emr }) =>
      emr.send(
        new ModifyInstanceGroupsCommand({
          ClusterId,
          InstanceGroups: [
            {
              InstanceGroupId: 'ig-MASTER',
              Configurations: Properties === null ? [] : [{ Classification: 'hdfs-site', Properties }],
            },
          ],
        }),
      ),
    );
  const group = () =>
    use(async ({ emr }) => {
      const { InstanceGroups } = await emr.send(new ListInstanceGroupsCommand({ ClusterId }));
      return InstanceGroups![0]!;
    });
  await configure(toProperties(FAST_SETTINGS));
  expect(await group()).toMatchObject({
    ConfigurationsVersion: 1,
    LastSuccessfullyAppliedConfigurationsVersion: 1,
  });
  expect((await look()).facts.hdfs.settings).toEqual(FAST_SETTINGS);
  expect((await double.storage.status()).properties).toEqual(toProperties(FAST_SETTINGS));
  await configure(null);
  await look();
  expect((await double.storage.status()).properties['dfs.namenode.replication.max-streams']).toBe('2');
});

test('a primary fleet is given configurations by its instance types, and they are in force in HDFS', async () => {
  double = await startDouble({ blocks: 0, collection: 'fleets' });
  const { types, masterName } = await look();
  expect(types).toEqual([{ InstanceType: 'local', WeightedCapacity: 1, Configurations: [] }]);
  const Configurations = [{ Classification: 'hdfs-site', Properties: toProperties(FAST_SETTINGS) }];
  await use(({ emr }) =>
    emr.send(
      new ModifyInstanceFleetCommand({
        ClusterId,
        InstanceFleet: {
          InstanceFleetId: `if-${masterName.toUpperCase()}`,
          InstanceTypeConfigs: types.map((type) => ({ ...type, Configurations })),
        },
      }),
    ),
  );
  expect((await look()).facts.hdfs.settings).toEqual(FAST_SETTINGS);
  expect((await double.storage.status()).properties).toEqual(toProperties(FAST_SETTINGS));
});

test('a cluster has policies of groups or managed scaling, and the other is refused', async () => {
  double = await startDouble({ blocks: 0 });
  const target = { ClusterId, InstanceGroupId: 'ig-TASK' };
  await use(async ({ emr }) => {
    await emr.send(new PutAutoScalingPolicyCommand({ ...target, AutoScalingPolicy: policy }));
    expect((await look()).facts.parts[2]!.hasPolicy).toBe(true);
    const put = new PutManagedScalingPolicyCommand({ ClusterId, ManagedScalingPolicy: managed });
    await expect(emr.send(put)).rejects.toMatchObject({ name: 'ValidationException' });
    await emr.send(new RemoveAutoScalingPolicyCommand(target));
    await emr.send(put);
    expect((await look()).facts.managedScaling).toBe(true);
    await expect(
      emr.send(new PutAutoScalingPolicyCommand({ ...target, AutoScalingPolicy: policy })),
    ).rejects.toMatchObject({ name: 'ValidationException' });
    await emr.send(new RemoveManagedScalingPolicyCommand({ ClusterId }));
    const { ManagedScalingPolicy } = await emr.send(new GetManagedScalingPolicyCommand({ ClusterId }));
    expect(ManagedScalingPolicy).toBeUndefined();
  });
});

test('a cluster ends itself after its idle time where it is told to, until it is told not to', async () => {
  double = await startDouble({ blocks: 0 });
  await use(async ({ emr }) => {
    const put = { ClusterId, AutoTerminationPolicy: { IdleTimeout: 600 } };
    await emr.send(new PutAutoTerminationPolicyCommand(put));
    const get = () => emr.send(new GetAutoTerminationPolicyCommand({ ClusterId }));
    expect(await get()).toMatchObject({ AutoTerminationPolicy: { IdleTimeout: 600 } });
    await emr.send(new RemoveAutoTerminationPolicyCommand({ ClusterId }));
    expect((await get()).AutoTerminationPolicy).toBeUndefined();
  });
});

test('clusters are created, get task groups, and end', async () => {
  double = await startDouble({ blocks: 0 });
  await use(async ({ emr }) => {
    const { JobFlowId } = await emr.send(
      new RunJobFlowCommand({
        Name: 'second',
        Instances: {
          InstanceGroups: [
            { InstanceRole: 'MASTER', InstanceType: 'm5.xlarge', InstanceCount: 1 },
            { InstanceRole: 'CORE', InstanceType: 'm5.xlarge', InstanceCount: 4 },
          ],
        },
      }),
    );
    await emr.send(
      new AddInstanceGroupsCommand({
        JobFlowId,
        InstanceGroups: [
          { Name: 'more', InstanceRole: 'TASK', InstanceType: 'm5.xlarge', InstanceCount: 3, Market: 'SPOT' },
        ],
      }),
    );
    const second = () => lookAtCluster({ ...clients }, { clusterId: JobFlowId! });
    const clients = { emr, cloudWatch: double.cloudWatch };
    await second();
    const { facts } = await second();
    expect(facts.parts.map(({ name, running }) => [name, running])).toEqual([
      ['master', 1],
      ['core', 4],
      ['task', 0],
      ['more', 3],
    ]);
    expect(facts.hdfs.replication).toBe(2);
    await emr.send(new TerminateJobFlowsCommand({ JobFlowIds: [JobFlowId!] }));
    expect(double.emr.clusters.get(JobFlowId!)!.state).toBe('TERMINATED');
  });
});

test('the simulated HDFS keeps every replica while nodes come and go', async () => {
  let now = 0;
  const storage = simulateStorage({ nodes: 6, replication: 2 }, () => now);
  await storage.write(300, 10);
  await storage.drain(['node-1', 'node-2']);
  for (let i = 0; i < 30; i++) {
    now += 3000;
    const { nodes } = await storage.status();
    expect(nodes.reduce((sum, { blocks }) => sum + blocks, 0)).toBe(600);
  }
  const { nodes, underReplicated } = await storage.status();
  expect(nodes.filter(({ state }) => state === 'decommissioned').map(({ name }) => name)).toEqual([
    'node-1',
    'node-2',
  ]);
  expect(underReplicated).toBe(0);
  double = await startDouble({ blocks: 0 });
});

test('configurations that EMR went back from are a failure that says what is in force', async () => {
  double = await startDouble({ blocks: 0 });
  const { endpoint } = double.settings;
  const environment = { ...process.env };
  Object.assign(process.env, {
    ...{ AWS_ENDPOINT_URL_EMR: endpoint, AWS_ENDPOINT_URL_CLOUDWATCH: endpoint, AWS_REGION: 'eu-west-1' },
    ...{ AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
  });
  try {
    const given = { clusterId: ClusterId, part: 'master' };
    const run = (settings: HdfsSettings) =>
      runTask(awaitSettings, { ...given, settings }, { s3: null as never });
    await run(DEFAULT_SETTINGS);
    await expect(run(FAST_SETTINGS)).rejects.toMatchObject({
      code: 'InvalidJob',
      message: expect.stringMatching('"workMultiplier":2[^]* where [^]*"workMultiplier":30'),
    });
  } finally {
    process.env = environment;
  }
});
