/** What is EMR's own, beside what every runner does (`runners.test.ts`). */
import { EMRClient } from '@aws-sdk/client-emr';
import { createEmrPort, createEmrRunners } from '../../src/runners/emr/runners';
import { markerOf } from '../../src/runners/references';
import type { JobState, Runner, SubmissionOf } from '../../src/runners/runner';
import type { Job, JobReference } from '../../src/jobs';
import { RunnerRegistry } from '../../src/runners';
import type { AwsDouble } from '../support/aws/double';
import { EmrDouble } from '../support/aws/emr';
import { startAwsDouble } from '../support/aws/start';
import type { RunnersByResource } from '../support/runners';

let aws: AwsDouble;
let emr: EmrDouble;
let runners: RunnersByResource;

beforeEach(async () => {
  emr = new EmrDouble();
  emr.addCluster('j-standing');
  const started = await startAwsDouble(emr);
  aws = started.aws;
  runners = createEmrRunners(createEmrPort(new EMRClient(started.settings)), 5);
}, 300_000);

afterEach(async () => {
  await aws.stop();
  expect(aws.violations).toEqual([]);
});

const ClusterId = 'j-standing';
const runnerOf = (job: Job) => runners[job.resource] as Runner;
const submissionOf = (job: Job, key = 'a') => ({ job, key, run: 'nightly', step: 'load <1>' });
const submit = (job: Job, key?: string) => runnerOf(job).submit(submissionOf(job, key));
const poll = (job: Job, reference: JobReference) =>
  runnerOf(job).poll(submissionOf(job, reference.key), reference, new AbortController().signal, {
    resumed: undefined,
    keep: () => {},
  });
const stop = (job: Job, reference: JobReference) => runnerOf(job).stop(submissionOf(job), reference);
async function pollToEnd(job: Job, reference: JobReference): Promise<JobState> {
  for (;;) {
    const state = await poll(job, reference);
    if (state.state !== 'running') return state;
  }
}

const cluster = (
  parameters: Partial<SubmissionOf<'elasticmapreduce:createCluster'>['job']['parameters']> = {},
) =>
  ({
    resource: 'elasticmapreduce:createCluster',
    parameters: { Name: 'nightly', Instances: {}, ...parameters },
  }) satisfies Job;
const step: Job = {
  resource: 'elasticmapreduce:addStep',
  parameters: { ClusterId, Step: { Name: 'load', HadoopJarStep: { Jar: 'command-runner.jar' } } },
};

describe('clusters', () => {
  test('the key travels in the name, and tags say run and step', async () => {
    const { externalId } = await submit(cluster({ Tags: [{ Key: 'team', Value: 'data' }] }));
    const made = emr.clusters.get(externalId)!;
    expect(made.Name).toBe(`nightly ${markerOf('a')}`);
    expect(made.Tags).toEqual([
      { Key: 'team', Value: 'data' },
      { Key: 'sluice:run', Value: 'nightly' },
      { Key: 'sluice:step', Value: 'load _1_' },
      { Key: 'sluice-key', Value: markerOf('a') },
    ]);
  });

  test('a name keeps within the limit of 256 characters, and its key', async () => {
    const { externalId } = await submit(cluster({ Name: 'n'.repeat(300) }));
    const { Name } = emr.clusters.get(externalId)!;
    expect(Name).toHaveLength(256);
    expect(Name.endsWith(markerOf('a'))).toBe(true);
  });

  test('a cluster is found past the first page, and not where it cannot be', async () => {
    const { externalId } = await submit(cluster());
    for (const key of ['b', 'c', 'd']) await submit(cluster(), key);
    const find = (since: Date) => runnerOf(cluster()).find(submissionOf(cluster()), since);
    expect((await find(new Date()))!.externalId).toBe(externalId);
    expect(await find(new Date(Date.now() + 3_600_000))).toBeNull();
  });

  test('a cluster that waits has been made and still runs; one that did its steps has ended', async () => {
    const reference = await submit(cluster());
    emr.clusterControl.move('WAITING');
    expect(await poll(cluster(), reference)).toMatchObject({
      state: 'succeeded',
      stillRuns: true,
      result: {
        payload: { ClusterId: reference.externalId },
        measures: { NormalizedInstanceHours: 16 },
        logUrl: `s3://logs/emr/${reference.externalId}/`,
      },
    });
    emr.clusterControl.move('TERMINATED:ALL_STEPS_COMPLETED');
    expect(await poll(cluster(), reference)).toMatchObject({ state: 'succeeded', stillRuns: false });
  });

  test('a cluster that is protected from termination leaks, and says what to do', async () => {
    const job = cluster({ Instances: { TerminationProtected: true } });
    const reference = await submit(job);
    await expect(stop(job, reference)).rejects.toMatchObject({
      code: 'JobLeaked',
      message: expect.stringContaining('turn its termination protection off'),
    });
  });

  test('terminateCluster waits for the end, and takes one that has ended as done', async () => {
    const job: Job = { resource: 'elasticmapreduce:terminateCluster', parameters: { ClusterId } };
    const reference = await submit(job);
    expect(await poll(job, reference)).toMatchObject({ state: 'running', nativeState: 'TERMINATING' });
    expect(await pollToEnd(job, reference)).toMatchObject({
      state: 'succeeded',
      result: { payload: { State: 'TERMINATED' } },
    });
    expect((await pollToEnd(job, await submit(job))).state).toBe('succeeded');
    expect(aws.calls['TerminateJobFlows']).toBe(1);
  });

  test('waiting for the end of a cluster that EMR no longer knows is lost', async () => {
    const job: Job = { resource: 'elasticmapreduce:terminateCluster', parameters: { ClusterId } };
    const reference = await submit(job);
    emr.clusterControl.forget();
    expect((await poll(job, reference)).state).toBe('lost');
  });

  test('a cluster that EMR does not know is a mistake', async () => {
    const job: Job = { resource: 'elasticmapreduce:terminateCluster', parameters: { ClusterId: 'j-none' } };
    await expect(submit(job)).rejects.toThrow("Cluster id 'j-none' is not valid.");
  });
});

describe('steps', () => {
  test('steps of one cluster share their polls, ten at a time', async () => {
    const references = [];
    for (let i = 0; i < 12; i++) references.push(await submit(step, `key ${i}`));
    await Promise.all(references.map((reference) => poll(step, reference)));
    expect(aws.calls['ListSteps']).toBe(2);
  });

  test('a step that EMR does not know does not hide the others', async () => {
    const references = [];
    for (const key of ['a', 'b', 'c']) references.push(await submit(step, key));
    emr.steps.delete(references[1]!.externalId);
    const states = await Promise.all(references.map((reference) => poll(step, reference)));
    expect(states.map(({ state }) => state)).toEqual(['running', 'lost', 'running']);
  });

  test('a step is found past the first page', async () => {
    const { externalId } = await submit(step);
    for (const key of ['b', 'c', 'd']) await submit(step, key);
    const find = (key: string) => runnerOf(step).find(submissionOf(step, key), new Date(0));
    expect((await find('a'))!.externalId).toBe(externalId);
    expect(await find('e')).toBeNull();
  });

  test('a failure carries reason, message and the place of the log', async () => {
    const reference = await submit(step);
    emr.stepControl.move('FAILED');
    expect(await poll(step, reference)).toMatchObject({
      state: 'failed',
      message: expect.stringMatching(/Unknown Error: the service says.*\nLog: s3:\/\/logs\/s-0\/stderr\.gz/),
    });
  });

  test('a step that was asked to end and goes on is killed', async () => {
    const reference = await submit(step);
    emr.stepControl.move('RUNNING');
    await stop(step, reference);
    emr.stepControl.move('CANCEL_PENDING');
    await stop(step, reference);
    expect(emr.cancelOptions).toEqual(['SEND_INTERRUPT', 'TERMINATE_PROCESS']);
  });

  test('a release that cannot cancel running steps leaks them, and says so', async () => {
    emr.cancelsRunningSteps = false;
    const reference = await submit(step);
    emr.stepControl.move('RUNNING');
    await expect(stop(step, reference)).rejects.toMatchObject({
      code: 'JobLeaked',
      message: expect.stringContaining('EMR 5.28'),
    });
  });

  test.each(['PENDING', 'RUNNING'])('cancelStep waits until a step that is %s has ended', async (state) => {
    const { externalId: StepId } = await submit(step);
    emr.stepControl.move(state);
    const job: Job = { resource: 'elasticmapreduce:cancelStep', parameters: { ClusterId, StepId } };
    const reference = await submit(job);
    expect(await poll(job, reference)).toMatchObject({ state: 'running', nativeState: 'CANCEL_PENDING' });
    expect(await pollToEnd(job, reference)).toMatchObject({
      state: 'succeeded',
      result: { payload: { StepId, State: 'CANCELLED' } },
    });
  });

  test('cancelStep of a step that has ended is done', async () => {
    const { externalId: StepId } = await submit(step);
    emr.stepControl.move('COMPLETED');
    const job: Job = { resource: 'elasticmapreduce:cancelStep', parameters: { ClusterId, StepId } };
    expect(await pollToEnd(job, await submit(job))).toMatchObject({
      result: { payload: { State: 'COMPLETED' } },
    });
  });

  test('a cancelStep that EMR refuses says why', async () => {
    emr.cancelsRunningSteps = false;
    const { externalId: StepId } = await submit(step);
    emr.stepControl.move('RUNNING');
    const job: Job = { resource: 'elasticmapreduce:cancelStep', parameters: { ClusterId, StepId } };
    await expect(submit(job)).rejects.toMatchObject({
      code: 'InvalidJob',
      message: expect.stringContaining('The step is running'),
    });
  });
});

describe('sizes', () => {
  const resizeGroup = (InstanceGroupName: string, InstanceCount: number): Job => ({
    resource: 'elasticmapreduce:modifyInstanceGroupByName',
    parameters: { ClusterId, InstanceGroupName, InstanceGroup: { InstanceCount } },
  });
  const resizeFleet = (TargetOnDemandCapacity: number): Job => ({
    resource: 'elasticmapreduce:modifyInstanceFleetByName',
    parameters: { ClusterId, InstanceFleetName: 'task', InstanceFleet: { TargetOnDemandCapacity } },
  });

  test('a group is found by name past the first page, and waited for', async () => {
    const job = resizeGroup('spare', 3);
    const reference = await submit(job);
    expect(reference.externalId).toBe('ig-2');
    expect(await poll(job, reference)).toMatchObject({ state: 'running', nativeState: 'RESIZING' });
    expect(await pollToEnd(job, reference)).toMatchObject({
      state: 'succeeded',
      result: { payload: { RequestedInstanceCount: 3, RunningInstanceCount: 3 } },
    });
  });

  test('a fleet is found by name, and waited for', async () => {
    const job = resizeFleet(8);
    const reference = await submit(job);
    expect(await poll(job, reference)).toMatchObject({ state: 'running', nativeState: 'RESIZING' });
    expect(await pollToEnd(job, reference)).toMatchObject({
      state: 'succeeded',
      result: { payload: { ProvisionedOnDemandCapacity: 8 } },
    });
  });

  test.each([
    ['ModifyInstanceGroups', resizeGroup('task', 2)],
    ['ModifyInstanceFleet', resizeFleet(8)],
  ])('a repeated %s modifies nothing again', async (operation, job) => {
    await submit(job);
    await submit(job);
    expect(aws.calls[operation]).toBe(1);
  });

  test.each(['ARRESTED', 'SUSPENDED', 'TERMINATED'])('a group that is %s fails the job', async (State) => {
    const job = resizeGroup('core', 5);
    const reference = await submit(job);
    emr.groups[0]!.Status = { State, StateChangeReason: { Message: 'no instances left' } };
    expect(await poll(job, reference)).toMatchObject({
      state: 'failed',
      message: expect.stringContaining(`${State}: no instances left`),
    });
  });

  test('a name that is not there is a mistake that lists those that are', async () => {
    await expect(submit(resizeGroup('cores', 1))).rejects.toMatchObject({
      code: 'InvalidJob',
      message: expect.stringContaining('it has: core, task, spare'),
    });
  });

  test.each([
    ['group', resizeGroup('task', 2)],
    ['fleet', resizeFleet(8)],
  ])('a %s of a cluster that EMR does not know is lost', async (_, job) => {
    const reference = await submit(job);
    emr.clusterControl.forget();
    expect((await poll(job, reference)).state).toBe('lost');
  });

  test('a resize cannot be stopped', async () => {
    const job = resizeGroup('task', 2);
    const reference = await submit(job);
    await expect(stop(job, reference)).rejects.toMatchObject({ code: 'JobLeaked' });
  });
});

test('every resource of EMR has a runner', () => {
  const resources = new RunnerRegistry().resources.filter((resource) =>
    resource.startsWith('elasticmapreduce:'),
  );
  expect(Object.keys(runners).sort()).toEqual([...resources].sort());
});
