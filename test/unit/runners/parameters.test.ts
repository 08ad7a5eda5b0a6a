import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { RunnerRegistry, type ShippedResource } from '../../../src/runners';
import { changeMembers, findSchemaProblems, fitToSchema, structure } from '../../../src/services/schema';
import type { JobParameters } from '../../../src/jobs';

const { resources, findParameterProblems } = new RunnerRegistry();
const RESOURCES = resources as ShippedResource[];
const DIST = join(__dirname, '..', '..', '..', 'dist', 'src');

const step = {
  Name: 'load',
  HadoopJarStep: { Jar: 'command-runner.jar', Args: ['spark-submit', 'load.py'] },
};

/** For each resource, parameters as the types have them, with something nested where there is something. */
const RIGHT: { [R in ShippedResource]: JobParameters[R] } = {
  'duckdb:query': {
    script: 'a.sql',
    inputs: { sales: { bucket: 'lake', key: 'sales.csv', versionId: null }, all: 's3://lake/all/' },
    arguments: { day: 'monday' },
    output: { location: 's3://lake/out/', format: 'csv' },
    maxRows: 5,
  },
  'livy:createBatch': { file: 's3://lake/a.py', args: ['a'], numExecutors: 2, conf: { 'spark.x': '1' } },
  'worker:task': { task: 'copy-object', input: { from: 's3://lake/a', deep: { list: [1, null] } } },
  'glue:startJobRun': {
    JobName: 'load',
    Arguments: { '--day': 'monday' },
    NumberOfWorkers: 2,
    NotificationProperty: { NotifyDelayAfter: 5 },
  },
  'glue:startCrawler': { Name: 'leads' },
  'athena:startQueryExecution': {
    QueryString: 'SELECT 1',
    ExecutionParameters: ['1'],
    ResultReuseConfiguration: { ResultReuseByAgeConfiguration: { Enabled: true, MaxAgeInMinutes: 5 } },
  },
  'elasticmapreduce:createCluster': {
    Name: 'etl',
    Instances: { InstanceGroups: [{ InstanceRole: 'MASTER', InstanceType: 'm5.xlarge', InstanceCount: 1 }] },
    Steps: [step],
    Tags: [{ Key: 'team', Value: 'etl' }],
  },
  'elasticmapreduce:addStep': { ClusterId: 'j-1', Step: step },
  'elasticmapreduce:cancelStep': {
    ClusterId: 'j-1',
    StepId: 's-1',
    StepCancellationOption: 'SEND_INTERRUPT',
  },
  'elasticmapreduce:terminateCluster': { ClusterId: 'j-1' },
  'elasticmapreduce:modifyInstanceGroupByName': {
    ClusterId: 'j-1',
    InstanceGroupName: 'core',
    InstanceGroup: { InstanceCount: 5, ShrinkPolicy: { DecommissionTimeout: 60 } },
  },
  'elasticmapreduce:modifyInstanceFleetByName': {
    ClusterId: 'j-1',
    InstanceFleetName: 'task',
    InstanceFleet: { TargetSpotCapacity: 5 },
  },
  'emr-serverless:startJobRun': {
    applicationId: '00f5trm1fv0d3p09',
    executionRoleArn: 'arn:aws:iam::123456789012:role/etl',
    jobDriver: { sparkSubmit: { entryPoint: 's3://lake/a.py', entryPointArguments: ['a'] } },
    tags: { Team: 'etl' },
  },
  'redshiftdata:executeStatement': {
    Sql: 'SELECT :d',
    Parameters: [{ name: 'd', value: '1' }],
    WithEvent: true,
  },
  'redshiftdata:batchExecuteStatement': { Sqls: ['SELECT 1', 'SELECT 2'], Database: 'dev' },
  'lambda:invoke': { FunctionName: 'load', Payload: { any: ['thing', null] }, InvocationType: 'Event' },
};

test.each(RESOURCES)('%s: what the types allow is right, as it is and after JSON', (resource) => {
  expect(findParameterProblems(resource, RIGHT[resource])).toEqual([]);
  expect(findParameterProblems(resource, JSON.parse(JSON.stringify(RIGHT[resource])))).toEqual([]);
});

test.each(RESOURCES)(
  '%s: a member that is misspelt is unknown, and the right one is suggested',
  (resource) => {
    const [[name, value]] = Object.entries(RIGHT[resource]) as [[string, unknown], ...unknown[]];
    const problems = findParameterProblems(resource, { [`${name}x`]: value });
    expect(problems).toContain(`parameters.${name}x: unknown; did you mean "${name}"?`);
  },
);

test.each<[ShippedResource, object, string[]]>([
  ['glue:startJobRun', { NumberOfWorkers: 2 }, ['parameters.JobName: missing; glue:startJobRun needs it']],
  ['glue:startJobRun', { JobName: '' }, ['parameters.JobName: missing; glue:startJobRun needs it']],
  ['glue:startJobRun', { JobName: null }, ['parameters.JobName: missing; glue:startJobRun needs it']],
  [
    'glue:startJobRun',
    { JobName: 'load', NumberOfWorkers: '2', Arguments: { '--n': 5 } },
    ['parameters.NumberOfWorkers: "2"; give a number', 'parameters.Arguments.--n: 5; give a text'],
  ],
  [
    'elasticmapreduce:addStep',
    { ClusterId: 'j-1', Step: { Name: 'a', HadoopJarStep: { jars: 'a', Args: 'x' } } },
    [
      'parameters.Step.HadoopJarStep.Jar: missing; elasticmapreduce:addStep needs it',
      'parameters.Step.HadoopJarStep.jars: unknown; did you mean "Jar"?',
      'parameters.Step.HadoopJarStep.Args: "x"; give a list',
    ],
  ],
  [
    'elasticmapreduce:createCluster',
    {
      Name: 'a',
      Instances: { InstanceGroups: [{ InstanceRole: 'MASTER', InstanceType: 'a', InstanceCount: '1' }] },
    },
    ['parameters.Instances.InstanceGroups[0].InstanceCount: "1"; give a number'],
  ],
  [
    'elasticmapreduce:modifyInstanceGroupByName',
    { ClusterId: 'j-1', InstanceGroupName: 'core', InstanceGroup: { InstanceGroupId: 'ig-1' } },
    ['parameters.InstanceGroup.InstanceGroupId: unknown; did you mean "InstanceCount"?'],
  ],
  [
    'emr-serverless:startJobRun',
    {
      applicationId: 'a',
      executionRoleArn: 'b',
      jobDriver: { sparkSubmit: { entryPoint: 'a' }, hive: { query: 'b' } },
    },
    ['parameters.jobDriver: give exactly one of sparkSubmit, hive'],
  ],
  [
    'elasticmapreduce:createCluster',
    { Name: 'a', Instances: { TerminationProtected: 'no' } },
    ['parameters.Instances.TerminationProtected: "no"; give true or false'],
  ],
  [
    'redshiftdata:executeStatement',
    { Sql: 'a', WithEvent: 'yes' },
    ['parameters.WithEvent: "yes"; give true or false'],
  ],
  ['worker:task', { task: 'a' }, ['parameters.input: missing; worker:task needs it']],
])('%s: %j', (resource, parameters, problems) => {
  expect(findParameterProblems(resource, parameters)).toEqual(problems);
});

test('parameters that are no object are told', () => {
  expect(findParameterProblems('glue:startCrawler', 'leads')).toEqual([
    'parameters: "leads"; give an object',
  ]);
});

test("a Step Functions task's names are right for EMR Serverless and Redshift, at every depth", () => {
  const spark = {
    ApplicationId: 'a',
    ExecutionRoleArn: 'b',
    JobDriver: { SparkSubmit: { EntryPoint: 'c', EntryPointArguments: ['d'] } },
    ConfigurationOverrides: { MonitoringConfiguration: { S3MonitoringConfiguration: { LogUri: 'e' } } },
  };
  expect(findParameterProblems('emr-serverless:startJobRun', spark)).toEqual([]);
  expect(findParameterProblems('emr-serverless:startJobRun', { ...spark, ApplicationId: undefined })).toEqual(
    ['parameters.applicationId: missing; emr-serverless:startJobRun needs it'],
  );
  const sql = { Sql: 'SELECT :d', Parameters: [{ Name: 'd', Value: '1' }] };
  expect(findParameterProblems('redshiftdata:executeStatement', sql)).toEqual([]);
});

test('a value is made to fit: times, bytes and names, but no key of a map', () => {
  const schema = structure(
    { at: 4, body: 21, tags: 128, times: [1, '', '', 0, 4], inner: structure({ size: 1 }, 0) },
    0,
  );
  const at = '2025-03-01T12:00:00.000Z';
  const given = { At: at, body: 'aGk=', tags: { At: '1' }, times: [0], Inner: { Size: 2 }, Other: null };
  expect(fitToSchema(schema, given)).toEqual({
    at: new Date(at),
    body: Buffer.from('hi'),
    tags: { At: '1' },
    times: [new Date(0)],
    inner: { size: 2 },
    Other: null,
  });
});

test('members can be left out and replaced, and the required ones stay required', () => {
  const schema = changeMembers(structure({ a: 0, b: 0, c: 1 }, 2), ['a'], { c: 0 });
  expect(findSchemaProblems(schema, { a: 'x', c: 'y' })).toEqual([
    { path: ['b'], message: 'missing' },
    { path: ['a'], message: 'unknown; did you mean "b"?' },
  ]);
});

test('a client of the SDK is loaded only when a job of its service is checked', () => {
  const program = `
    const { RunnerRegistry } = require(${JSON.stringify(join(DIST, 'runners'))});
    const loaded = () => [
      ...new Set(Object.keys(require.cache).flatMap((file) => /client-(athena|emr|glue|lambda|redshift)/.exec(file)?.[1] ?? [])),
    ];
    const { findParameterProblems } = new RunnerRegistry();
    const seen = ['worker:task', 'glue:startCrawler'].map((resource) => (findParameterProblems(resource, {}), loaded()));
    console.log(JSON.stringify(seen));
  `;
  expect(JSON.parse(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' }))).toEqual([
    [],
    ['glue'],
  ]);
});
