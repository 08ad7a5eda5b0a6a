import { RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import { classifyError } from '../../src/services/failures';
import { createRedshiftDataPort, RedshiftDataRunner } from '../../src/runners/redshiftData/runner';
import { markerOf } from '../../src/runners/references';
import type { SubmissionOf } from '../../src/runners/runner';
import { RedshiftDataDouble } from '../support/aws/redshiftData';
import { createWorker, SIGNAL, useDouble } from './useDouble';

const made = useDouble(() => new RedshiftDataDouble());
const createRunner = () =>
  new RedshiftDataRunner(createRedshiftDataPort(new RedshiftDataClient(made.settings)), 5);

type Statement = SubmissionOf<'redshiftdata:executeStatement'>;
const common = { key: 'a', run: 'run', step: 'step' };
const statement = (parameters: Partial<Statement['job']['parameters']> = {}, maxRows = 0): Statement => ({
  ...common,
  job: {
    resource: 'redshiftdata:executeStatement',
    parameters: { Sql: 'SELECT 1', WorkgroupName: 'etl', ...parameters },
  },
  maxRows,
});

async function succeed(
  submission: SubmissionOf<'redshiftdata:executeStatement' | 'redshiftdata:batchExecuteStatement'>,
) {
  const runner = createRunner();
  const reference = await runner.submit(submission);
  made.double.control.move('FINISHED');
  const polled = await runner.poll(submission, reference, SIGNAL);
  if (polled.state !== 'succeeded') throw new Error(polled.state);
  return polled.result;
}

test("the key is the token in place of the user's own", async () => {
  const { externalId } = await createRunner().submit(statement({ ClientToken: 'own' }));
  expect(made.double.statements.get(externalId)!.token).toBe(markerOf('a'));
});

test('a statement whose answer nobody had is found among others, by the mark in its name', async () => {
  made.double.pageSize = 1;
  const runner = createRunner();
  const of = (key: string): Statement => ({ ...statement({ StatementName: 'load' }), key });
  expect(await runner.find(of('b'))).toBeNull();
  await runner.submit(of('a'));
  const submitted = await runner.submit(of('b'));
  expect(await runner.find(of('b'))).toMatchObject({ externalId: submitted.externalId, key: 'b' });
  expect(await runner.find({ ...statement(), key: 'b' })).toBeNull();
  expect(made.double.control.started()).toBe(2);
});

test('measures are in milliseconds, rows and bytes, and what is not known is left out', async () => {
  const result = await succeed(statement());
  expect(result.measures).toEqual({ DurationInMillis: 250, ResultRows: 2, ResultSize: 64, rowsWritten: 2 });
  expect(result).not.toHaveProperty('rows');
});

test('rows have the types of their fields, over several pages and as many as asked for', async () => {
  made.double.columns = ['text', 'whole', 'real', 'truth', 'nothing'];
  const row = (n: number) => [
    { stringValue: 'monday' },
    { longValue: n },
    { doubleValue: 0.5 },
    { booleanValue: false },
    { isNull: true },
  ];
  made.double.pages = [[row(1), row(2)], [row(3), row(4)], [row(5)]];
  const { rows } = await succeed(statement({}, 3));
  expect(rows).toEqual(
    [1, 2, 3].map((whole) => ({ text: 'monday', whole, real: 0.5, truth: false, nothing: null })),
  );
  expect(made.aws.calls['GetStatementResult']).toBe(2);
});

test('a statement without a result has no rows, whatever was asked for, and those that it deleted are not written', async () => {
  const { rows, measures } = await succeed(statement({ Sql: 'DELETE FROM report' }, 10));
  expect(rows).toEqual([]);
  expect(measures).toEqual({ DurationInMillis: 250, ResultRows: 2, ResultSize: 64 });
  expect(made.aws.calls['GetStatementResult']).toBeUndefined();
});

test('of a batch, the rows are those of the last statement that has some', async () => {
  const result = await succeed({
    ...common,
    job: {
      resource: 'redshiftdata:batchExecuteStatement',
      parameters: { Sqls: ['SELECT 1', 'SELECT 2', 'DROP TABLE t'], WorkgroupName: 'etl' },
    },
    maxRows: 10,
  });
  expect(result.rows).toEqual([{ day: 'monday', leads: 3 }]);
  expect(made.double.asked).toEqual([`${result.externalId}:2`]);
  expect(result.measures).toEqual({ DurationInMillis: 250, ResultSize: 64, rowsWritten: 4 });
});

test('rows of a CSV result are refused before anything starts', async () => {
  const refused = await createRunner()
    .submit(statement({ ResultFormat: 'CSV' }, 10))
    .catch((error: unknown) => error);
  expect(classifyError(refused)).toMatchObject({
    code: 'InvalidJob',
    message: expect.stringContaining('maxRows'),
  });
  expect(made.double.control.started()).toBe(0);
});

test('parameters may be written as Step Functions writes them', async () => {
  const Parameters = [{ Name: 'day', Value: 'monday' }] as never;
  await createRunner().submit(statement({ Sql: 'SELECT :day', Parameters }));
  expect(made.double.control.started()).toBe(1);
});

test('a statement that Redshift has forgotten is lost', async () => {
  const runner = createRunner();
  const reference = await runner.submit(statement());
  made.double.statements.clear();
  expect((await runner.poll(statement(), reference, SIGNAL)).state).toBe('lost');
});

test('a statement that ends between the look and the stop had ended already', async () => {
  const runner = createRunner();
  const reference = await runner.submit(statement());
  made.double.handlers.CancelStatement = ((cancel) => (input) => {
    made.double.control.move('FINISHED');
    return cancel(input);
  })(made.double.handlers.CancelStatement);
  const worker = createWorker('redshiftdata:executeStatement', runner);
  expect((await worker.stopJob(statement(), reference)).outcome).toBe('already ended');
});
