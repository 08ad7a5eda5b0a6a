import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { RunnerRegistry } from '../../../src/runners';
import { dynamodbExportTableToPointInTime } from '../src/runners/dynamodbExport';
import { createDynamodbExportPort, DynamodbExportRunner } from '../src/runners/dynamodbExport/runner';
import { markerOf, type SubmissionOf } from 'sluice';
import { DynamodbExportDouble } from './support/exportDouble';
import { createWorker, SIGNAL, useDouble } from '../../../test/contract/useDouble';

const made = useDouble(() => new DynamodbExportDouble());
const createRunner = () =>
  new DynamodbExportRunner(createDynamodbExportPort(new DynamoDBClient(made.settings)), 5);

const TABLE = 'arn:aws:dynamodb:eu-west-1:123456789012:table/leads';
const submission = (key: string, more: object = {}): SubmissionOf<'dynamodb:exportTableToPointInTime'> => ({
  job: {
    resource: 'dynamodb:exportTableToPointInTime',
    parameters: { TableArn: TABLE, S3Bucket: 'lake', ClientToken: 'own', ...more },
  },
  key,
  run: 'run',
  step: 'step',
});

test("the key is the token in place of the user's own, and times may be text", async () => {
  const time = '2025-03-01T12:00:00.000Z';
  const { externalId } = await createRunner().submit(submission('a', { ExportTime: time }));
  const started = made.double.exports.get(externalId)!;
  expect(started.token).toBe(markerOf('a'));
  expect(started.input['ExportTime']).toBe(Date.parse(time) / 1000);
});

test('a result has the folder of the manifest and what was billed', async () => {
  const runner = createRunner();
  const reference = await runner.submit(submission('a'));
  made.double.control.move('COMPLETED');
  expect(await runner.poll(submission('a'), reference, SIGNAL)).toMatchObject({
    state: 'succeeded',
    result: {
      output: 's3://lake/exports/AWSDynamoDB/00000000000000-a1b2c3d4/',
      measures: { BilledSizeBytes: 2048, ItemCount: 7 },
    },
  });
});

test('an export is found by its token, also past the first page, and none is started for it', async () => {
  const runner = createRunner();
  const submitted = await runner.submit(submission('a'));
  for (const key of ['b', 'c', 'd', 'e']) await runner.submit(submission(key));
  expect((await runner.find(submission('a'), new Date(0)))!.externalId).toBe(submitted.externalId);
  expect(await runner.find(submission('z'), new Date(0))).toBeNull();
  expect(made.double.control.started()).toBe(5);
});

test('a look-up ends at the first export that is older than the job', async () => {
  const runner = createRunner();
  for (const key of ['a', 'b', 'c']) await runner.submit(submission(key));
  for (const known of made.double.exports.values()) known.started = new Date('2025-01-01');
  expect(await runner.find(submission('z'), new Date())).toBeNull();
  expect(made.aws.calls['DescribeExport']).toBe(1);
});

test('a run that is cancelled before its export was accepted starts none', async () => {
  const worker = createWorker(dynamodbExportTableToPointInTime, createRunner());
  expect((await worker.stopJob(submission('a'), null)).outcome).toBe('not submitted');
  expect(made.double.control.started()).toBe(0);
});

test('an export that goes on is told as leaked, and why', async () => {
  const worker = createWorker(dynamodbExportTableToPointInTime, createRunner());
  const reference = await worker.submitJob(submission('a'));
  const { outcome, message } = await worker.stopJob(submission('a'), null);
  expect(outcome).toBe('leaked');
  expect(message).toContain(`no way to stop an export; ${reference.externalId} goes on`);
});

test('an export that DynamoDB does not know is lost', async () => {
  const runner = createRunner();
  const reference = await runner.submit(submission('a'));
  made.double.exports.clear();
  expect((await runner.poll(submission('a'), reference, SIGNAL)).state).toBe('lost');
});

test('what the runner calls is allowed by its policy', () => {
  const root = join(__dirname, '..');
  const source = readFileSync(join(root, 'src', 'runners', 'dynamodbExport', 'runner.ts'), 'utf8');
  const called = [...source.matchAll(/new (\w+)Command\(/g)].map(([, name]) => `dynamodb:${name}`);
  const policy = JSON.parse(
    readFileSync(join(root, '..', '..', dynamodbExportTableToPointInTime.policy!), 'utf8'),
  ) as {
    Statement: { Action: string[] }[];
  };
  const allowed = policy.Statement.flatMap(({ Action }) => Action);
  expect(called).not.toHaveLength(0);
  expect(called.filter((action) => !allowed.includes(action))).toEqual([]);
});

test('a time that is none is told before the export is asked for', () => {
  const registry = new RunnerRegistry([dynamodbExportTableToPointInTime]);
  const parameters = { TableArn: TABLE, S3Bucket: 'lake', ExportTime: 'soon' };
  expect(registry.findParameterProblems('dynamodb:exportTableToPointInTime', parameters)).toEqual([
    'parameters.ExportTime: "soon"; give a time such as "2025-03-01T12:00:00Z"',
  ]);
});
