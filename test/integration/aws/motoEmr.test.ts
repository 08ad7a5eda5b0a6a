/**
 * Glue and EMR as moto has them, which nobody here wrote: the runners over the real SDK clients. What moto lacks
 * (CancelSteps, BatchStopJobRun, steps that end) is left to the strict doubles.
 */
import { EMRClient } from '@aws-sdk/client-emr';
import { CreateCrawlerCommand, CreateJobCommand, GlueClient } from '@aws-sdk/client-glue';
import { createEmrPort, createEmrRunners } from '../../../src/runners/emr/runners';
import { createGluePort, GlueRunner } from '../../../src/runners/glueJobs/runner';
import { createCrawlerPort, GlueCrawlerRunner } from '../../../src/runners/glueCrawler/runner';
import type { JobState, Runner } from '../../../src/runners/runner';
import type { Submission } from '../../../src/contracts/activities';
import type { Job, JobReference } from '../../../src/jobs';
import type { RunnersByResource } from '../../support/runners';
import { startMoto, type Moto } from '../../support/moto';

const GAP_MS = 10;
let moto: Moto;
let runners: RunnersByResource;

beforeAll(async () => {
  moto = await startMoto();
  const { endpoint, region, credentials } = moto;
  const settings = { endpoint, region, credentials, maxAttempts: 1 };
  const glue = new GlueClient(settings);
  const Role = 'arn:aws:iam::123456789012:role/glue';
  await glue.send(
    new CreateJobCommand({
      Name: 'load',
      Role,
      Command: { Name: 'glueetl', ScriptLocation: 's3://lake/a.py' },
    }),
  );
  const Targets = { S3Targets: [{ Path: 's3://lake/sales' }] };
  await glue.send(new CreateCrawlerCommand({ Name: 'lake', Role, DatabaseName: 'lake', Targets }));
  runners = {
    'glue:startJobRun': new GlueRunner(createGluePort(glue), GAP_MS),
    'glue:startCrawler': new GlueCrawlerRunner(createCrawlerPort(glue), GAP_MS),
    ...createEmrRunners(createEmrPort(new EMRClient(settings)), GAP_MS),
  };
}, 300_000);

const submissionOf = (job: Job, key: string): Submission => ({ job, key, run: 'nightly', step: 'load' });
const runnerOf = (job: Job) => runners[job.resource] as Runner;
const submit = (job: Job, key = 'a') => runnerOf(job).submit(submissionOf(job, key));
const find = (job: Job, since: Date, key = 'a') => runnerOf(job).find(submissionOf(job, key), since);
const poll = (job: Job, reference: JobReference) =>
  runnerOf(job).poll(submissionOf(job, reference.key), reference, new AbortController().signal, {
    resumed: undefined,
    keep: () => {},
  });
async function pollToEnd(job: Job, reference: JobReference): Promise<JobState> {
  for (;;) {
    const state = await poll(job, reference);
    if (state.state !== 'running') return state;
  }
}

const createCluster: Job = {
  resource: 'elasticmapreduce:createCluster',
  parameters: {
    Name: 'nightly',
    ReleaseLabel: 'emr-7.1.0',
    JobFlowRole: 'EMR_EC2_DefaultRole',
    ServiceRole: 'EMR_DefaultRole',
    Instances: {
      InstanceGroups: [
        { Name: 'main', InstanceRole: 'MASTER', InstanceType: 'm5.xlarge', InstanceCount: 1 },
        { Name: 'core', InstanceRole: 'CORE', InstanceType: 'm5.xlarge', InstanceCount: 2 },
      ],
      KeepJobFlowAliveWhenNoSteps: true,
    },
  },
};

test('a Glue job run is started, found by its key, and awaited', async () => {
  const job: Job = { resource: 'glue:startJobRun', parameters: { JobName: 'load' } };
  const reference = await submit(job);
  expect(await find(job, new Date(0))).toMatchObject({ externalId: reference.externalId });
  expect(await find(job, new Date(0), 'b')).toBeNull();
  expect((await pollToEnd(job, reference)).state).toBe('succeeded');
});

test('a crawl is started, found by its time, and awaited', async () => {
  const job: Job = { resource: 'glue:startCrawler', parameters: { Name: 'lake' } };
  const since = new Date();
  const reference = await submit(job);
  expect(await find(job, since)).not.toBeNull();
  expect(await find(job, new Date(Date.now() + 60_000))).toBeNull();
  expect((await pollToEnd(job, reference)).state).toBe('succeeded');
});

test('a cluster is created, found, takes a step, and is terminated', async () => {
  const cluster = await submit(createCluster);
  const ClusterId = cluster.externalId;
  expect(await find(createCluster, new Date())).toMatchObject({ externalId: ClusterId });
  expect(await pollToEnd(createCluster, cluster)).toMatchObject({ state: 'succeeded', stillRuns: true });

  const addStep: Job = {
    resource: 'elasticmapreduce:addStep',
    parameters: { ClusterId, Step: { Name: 'load', HadoopJarStep: { Jar: 'command-runner.jar' } } },
  };
  const step = await submit(addStep);
  expect(await find(addStep, new Date())).toMatchObject({ externalId: step.externalId });
  expect(await poll(addStep, step)).toMatchObject({ state: 'running', nativeState: 'RUNNING' });

  const terminate: Job = { resource: 'elasticmapreduce:terminateCluster', parameters: { ClusterId } };
  expect((await pollToEnd(terminate, await submit(terminate))).state).toBe('succeeded');
  expect((await pollToEnd(createCluster, cluster)).state).toBe('stopped');
});

test('an instance group is found by its name and resized', async () => {
  const { externalId: ClusterId } = await submit(createCluster, 'resized');
  const resize: Job = {
    resource: 'elasticmapreduce:modifyInstanceGroupByName',
    parameters: { ClusterId, InstanceGroupName: 'core', InstanceGroup: { InstanceCount: 3 } },
  };
  expect(await pollToEnd(resize, await submit(resize))).toMatchObject({
    state: 'succeeded',
    result: { payload: { RequestedInstanceCount: 3 } },
  });
});
