import { EMRServerlessClient } from '@aws-sdk/client-emr-serverless';
import { createEmrServerlessPort, EmrServerlessRunner } from '../../src/runners/emrServerless/runner';
import { markerOf } from '../../src/runners/references';
import type { SubmissionOf } from '../../src/runners/runner';
import { EmrServerlessDouble } from '../support/aws/emrServerless';
import { SIGNAL, useDouble } from './useDouble';

const made = useDouble(() => new EmrServerlessDouble());
const createRunner = () =>
  new EmrServerlessRunner(createEmrServerlessPort(new EMRServerlessClient(made.settings)), 5);

type Submission = SubmissionOf<'emr-serverless:startJobRun'>;
const parameters: Submission['job']['parameters'] = {
  applicationId: '00f5trm1fv0d3p09',
  executionRoleArn: 'arn:aws:iam::123456789012:role/etl',
  jobDriver: { sparkSubmit: { entryPoint: 's3://lake/jobs/load.py' } },
  tags: { Team: 'etl' },
};
const submission = (more: object = {}, instead?: object): Submission => ({
  job: {
    resource: 'emr-serverless:startJobRun',
    parameters: (instead ?? { ...parameters, ...more }) as typeof parameters,
  },
  key: 'a',
  run: 'weekly{3}',
  step: 'process “sales” data',
});

async function succeed(given: Submission) {
  const runner = createRunner();
  const reference = await runner.submit(given);
  made.double.control.move('SUCCESS');
  const polled = await runner.poll(given, reference, SIGNAL);
  if (polled.state !== 'succeeded') throw new Error(polled.state);
  return polled.result;
}

test('the key is the token, and run and step are tags beside the own ones', async () => {
  const { externalId } = await createRunner().submit(submission({ clientToken: 'own' }));
  expect(made.double.runs.get(externalId)).toMatchObject({
    clientToken: markerOf('a'),
    tags: { Team: 'etl', 'sluice:run': 'weekly_3_', 'sluice:step': 'process _sales_ data' },
  });
});

test('a job run whose answer nobody had is found among others, by the mark in its name', async () => {
  made.double.pageSize = 1;
  const runner = createRunner();
  const since = new Date();
  const of = (key: string) => ({ ...submission({ name: 'load' }), key });
  expect(await runner.find(of('b'), since)).toBeNull();
  await runner.submit(of('a'));
  const submitted = await runner.submit(of('b'));
  expect(await runner.find(of('b'), since)).toMatchObject({ externalId: submitted.externalId, key: 'b' });
  expect(await runner.find(of('b'), new Date(Date.now() + 3_600_000))).toBeNull();
  expect(made.double.control.started()).toBe(2);
});

test('a result says what was billed', async () => {
  expect((await succeed(submission())).measures).toEqual({
    vCPUHour: 0.5,
    memoryGBHour: 2.25,
    storageGBHour: 0,
  });
});

test("a Step Functions task's parameters carry over, and the keys of its maps stay as they are", async () => {
  const given = submission(
    {},
    {
      ApplicationId: parameters.applicationId,
      ExecutionRoleArn: parameters.executionRoleArn,
      JobDriver: {
        SparkSubmit: {
          EntryPoint: 's3://lake/jobs/load.py',
          EntryPointArguments: ['A'],
          SparkSubmitParameters: '--x',
        },
      },
      ConfigurationOverrides: {
        ApplicationConfiguration: [{ Classification: 'spark-defaults', Properties: { 'Spark.X': '1' } }],
        MonitoringConfiguration: { S3MonitoringConfiguration: { LogUri: 's3://lake/logs/' } },
      },
      Tags: { Team: 'etl' },
    },
  );
  const { externalId, logUrl } = await succeed(given);
  expect(made.double.runs.get(externalId)!.input).toMatchObject({
    jobDriver: {
      sparkSubmit: {
        entryPoint: 's3://lake/jobs/load.py',
        entryPointArguments: ['A'],
        sparkSubmitParameters: '--x',
      },
    },
    configurationOverrides: {
      applicationConfiguration: [{ classification: 'spark-defaults', properties: { 'Spark.X': '1' } }],
    },
    tags: { Team: 'etl' },
  });
  expect(logUrl).toBe(`s3://lake/logs/applications/00f5trm1fv0d3p09/jobs/${externalId}/`);
});

test('a log in CloudWatch has its link, and one that goes nowhere has none', async () => {
  const cloudWatchLoggingConfiguration = { enabled: true, logGroupName: '/etl/spark' };
  const configurationOverrides = { monitoringConfiguration: { cloudWatchLoggingConfiguration } };
  expect((await succeed(submission({ configurationOverrides }))).logUrl).toBe(
    'https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/%2Fetl%2Fspark',
  );
  made.double.runs.clear();
  expect((await succeed(submission())).logUrl).toBeNull();
});

test('a job run that the service does not know is lost', async () => {
  const runner = createRunner();
  const reference = await runner.submit(submission());
  made.double.runs.clear();
  expect((await runner.poll(submission(), reference, SIGNAL)).state).toBe('lost');
});
