import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { quietRuntime, startServer, startTestWorker } from '../../../test/support/environment';
import { recordJobs } from '../../../test/support/recordedJobs';
import { contactTraceRecords } from '../src/pipelines/contactTraceRecords';

const { service, jobs } = recordJobs({
  calls_per_agent: { output: 's3://my-lake/ctr/queries/athena/1.csv' },
  calls_per_agent_queue: { output: 's3://my-lake/ctr/queries/athena/2.csv' },
});

let environment: TestWorkflowEnvironment;
let worker: Awaited<ReturnType<typeof startTestWorker>>;

beforeAll(async () => {
  quietRuntime();
  environment = await startServer();
  const resources = [
    'worker:task',
    'glue:startJobRun',
    'glue:startCrawler',
    'athena:startQueryExecution',
  ] as const;
  worker = await startTestWorker(environment, {
    runners: Object.fromEntries(resources.map((resource) => [resource, service])),
    files: [contactTraceRecords.file!],
  });
}, 120_000);

afterAll(async () => {
  await worker?.stop();
  await environment?.teardown();
}, 60_000);

test('on Glue, records are converted by a job that is told what the task is told', async () => {
  const run = (engine: string) =>
    environment.client.workflow.execute('contact-trace-records', {
      ...{ taskQueue: 'test', workflowId: engine },
      args: [{ lake: 's3://my-lake', engine }],
    });
  const result = {
    flatFiles: 's3://my-lake/ctr/flatfiles/',
    parquet: 's3://my-lake/ctr/parquet/ctr/',
    callsPerAgent: 's3://my-lake/ctr/queries/calls_per_agent.csv',
    callsPerAgentQueue: 's3://my-lake/ctr/queries/calls_per_agent_queue.csv',
    chart: 's3://my-lake/ctr/queries/calls_per_agent.svg',
  };
  expect(await run('duckdb')).toEqual(result);
  expect(jobs['convert to Parquet']).toEqual({
    resource: 'worker:task',
    parameters: {
      task: 'convert-records',
      input: {
        from: 's3://my-lake/ctr/flatfiles/',
        to: 's3://my-lake/ctr/parquet/ctr/',
        columns: ['agent.username', 'queue.arn'],
      },
    },
  });
  expect(await run('glue')).toEqual(result);
  expect(jobs['convert to Parquet']).toEqual({
    resource: 'glue:startJobRun',
    parameters: {
      JobName: 'sluice-ctr-to-parquet',
      Arguments: {
        '--from': 's3://my-lake/ctr/flatfiles/',
        '--to': 's3://my-lake/ctr/parquet/ctr/',
        '--columns': 'agent.username,queue.arn',
        '--rows-to': 's3://my-lake/ctr/rejected/_rows.json',
      },
    },
  });
}, 60_000);
