import { useRecordedJobs } from '../../../test/support/recordedJobs';
import { contactTraceRecords } from '../src/pipelines/contactTraceRecords';

const { jobs, run } = useRecordedJobs(contactTraceRecords, {
  calls_per_agent: { output: 's3://my-lake/ctr/queries/athena/1.csv' },
  calls_per_agent_queue: { output: 's3://my-lake/ctr/queries/athena/2.csv' },
});

test('on Glue, records are converted by a job that is told what the task is told', async () => {
  const runOn = (engine: string) => run(engine, { lake: 's3://my-lake', engine });
  const result = {
    flatFiles: 's3://my-lake/ctr/flatfiles/',
    parquet: 's3://my-lake/ctr/parquet/ctr/',
    callsPerAgent: 's3://my-lake/ctr/queries/calls_per_agent.csv',
    callsPerAgentQueue: 's3://my-lake/ctr/queries/calls_per_agent_queue.csv',
    chart: 's3://my-lake/ctr/queries/calls_per_agent.svg',
  };
  expect(await runOn('duckdb')).toEqual(result);
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
  expect(await runOn('glue')).toEqual(result);
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
