import { AthenaClient } from '@aws-sdk/client-athena';
import { DefaultLogger } from '@temporalio/worker';
import { classifyError } from '../../src/services/failures';
import { AthenaRunner, createAthenaPort } from '../../src/runners/athena/runner';
import { MAX_ROW_BYTES } from '../../src/runners/awsService';
import { markerOf } from '../../src/runners/references';
import type { Runner, SubmissionOf } from '../../src/runners/runner';
import type { JobReference } from '../../src/jobs';
import { AthenaDouble } from '../support/aws/athena';
import { isLong } from '../support/long';
import { createWorker, SIGNAL, useDouble } from './useDouble';

const made = useDouble(() => new AthenaDouble());
const createRunner = (gapMs = 5) =>
  new AthenaRunner(createAthenaPort(new AthenaClient(made.settings)), gapMs);
const submission = (key: string, maxRows = 0): SubmissionOf<'athena:startQueryExecution'> => ({
  job: {
    resource: 'athena:startQueryExecution',
    parameters: {
      QueryString: 'SELECT 1',
      ClientRequestToken: 'somebody else’s token, long enough for Athena',
    },
  },
  key,
  run: 'run',
  step: 'step',
  maxRows,
});
const sleep = (durationMs: number) => new Promise((resolve) => setTimeout(resolve, durationMs));

async function succeed(key: string, maxRows = 0) {
  const runner = createRunner();
  const reference = await runner.submit(submission(key, maxRows));
  made.double.control.move('SUCCEEDED');
  const polled = await runner.poll(submission(key, maxRows), reference, SIGNAL);
  if (polled.state !== 'succeeded') throw new Error(polled.state);
  return polled.result;
}

test("the key is the token in place of the user's own, and the link leads to the query", async () => {
  const { externalId, url } = await createRunner().submit(submission('a'));
  expect(made.double.queries.get(externalId)!.token).toBe(markerOf('a'));
  expect(url).toBe(
    `https://eu-west-1.console.aws.amazon.com/athena/home?region=eu-west-1#/query-editor/history/${externalId}`,
  );
});

test('a result has its location and all measures, and no rows unless asked', async () => {
  const result = await succeed('a');
  expect(result.output).toBe(`s3://lake/athena/${result.externalId}.csv`);
  expect(result.measures).toEqual({
    DataScannedInBytes: 4096,
    EngineExecutionTimeInMillis: 120,
    QueryQueueTimeInMillis: 30,
  });
  expect(result).not.toHaveProperty('rows');
  expect(made.aws.calls['GetQueryResults']).toBeUndefined();
});

test('rows come as text without the line of column names', async () => {
  made.double.results.lines.push(['tuesday', null]);
  expect((await succeed('a', 10)).rows).toEqual([
    { day: 'monday', leads: '3' },
    { day: 'tuesday', leads: null },
  ]);
});

test('rows are as many as asked for, over several pages and no page more', async () => {
  made.double.pageSize = 4;
  made.double.results.lines = [['day', 'leads'], ...Array.from({ length: 30 }, (_, i) => [String(i), '1'])];
  const { rows } = await succeed('a', 7);
  expect(rows!.map(({ day }) => day)).toEqual(['0', '1', '2', '3', '4', '5', '6']);
  expect(made.aws.calls['GetQueryResults']).toBe(2);
});

test('rows stay below the bytes that a result may carry', async () => {
  const wide = 'x'.repeat(10_000);
  made.double.results.lines = [['day', 'leads'], ...Array.from({ length: 100 }, (_, i) => [String(i), wide])];
  const { rows } = await succeed('a', 1000);
  expect(rows!.length).toBe(Math.floor(MAX_ROW_BYTES / JSON.stringify({ day: '00', leads: wide }).length));
});

test('the first line of a SHOW is a row, even one that is called as its column', async () => {
  made.double.results = { names: ['tab_name'], lines: [['tab_name'], ['leads']], statementType: 'DDL' };
  expect((await succeed('a', 10)).rows).toEqual([{ tab_name: 'tab_name' }, { tab_name: 'leads' }]);
});

test('of two columns with one name, none is lost', async () => {
  made.double.results = {
    names: ['n', 'n'],
    lines: [
      ['n', 'n'],
      ['1', '2'],
    ],
    statementType: 'DML',
  };
  expect((await succeed('a', 10)).rows).toEqual([{ n: '1', n_2: '2' }]);
});

/** The measures of a query of the double, by the whole of an await. */
async function countsOf() {
  const runner = createRunner();
  const worker = createWorker('athena:startQueryExecution', runner);
  const reference = await runner.submit(submission('a'));
  made.double.control.move('SUCCEEDED');
  const { rowsRead, rowsWritten } = (await worker.awaitJob(submission('a'), reference)).measures;
  return { rowsRead, rowsWritten };
}
const NONE = { rowsRead: undefined, rowsWritten: undefined };
const asks = () => made.aws.calls['GetQueryRuntimeStatistics'] ?? 0;

test('a query counts the rows that it read and gave back, also when Athena tells them a moment late', async () => {
  const rows = { InputRows: 20, OutputRows: 3 };
  made.double.rows = [undefined, undefined, rows];
  made.aws.faults.push({
    ...{ operation: 'GetQueryRuntimeStatistics', status: 400, type: 'ThrottlingException' },
    message: 'Rate exceeded',
  });
  expect(await countsOf()).toEqual({ rowsRead: 20, rowsWritten: 3 });
  expect(asks()).toBe(4);
  expect(made.aws.calls['GetQueryResults']).toBeUndefined();
});

test.each([
  ['INSERT', 'DML', 500],
  ['CREATE_TABLE_AS_SELECT', 'DDL', 500],
  ['UPDATE', 'DML', 500],
  ['UNLOAD', 'DML', undefined],
  ['DELETE', 'DML', undefined],
] as const)(
  '%s counts the rows that it wrote only where Athena tells them',
  async (kind, type, rowsWritten) => {
    made.double.substatementType = kind;
    made.double.results.statementType = type;
    made.double.updateCount = 500;
    expect(await countsOf()).toEqual({ rowsRead: 20, rowsWritten });
  },
);

test('a query whose counts Athena never tells ends well without them, after few asks; others are not asked about', async () => {
  made.double.rows = [undefined];
  expect(await countsOf()).toEqual(NONE);
  expect(asks()).toBe(4);
  made.double.isReused = true;
  expect(await countsOf()).toEqual(NONE);
  made.double.isReused = false;
  made.double.results.statementType = 'DDL';
  expect(await countsOf()).toEqual(NONE);
  expect(asks()).toBe(4);
});

test('a worker that may not read counts says so once, with the permission, and its queries end well', async () => {
  const warnings: string[] = [];
  const logger = new DefaultLogger('WARN', ({ meta }) => warnings.push(String(meta?.['error'])));
  const runner = createRunner();
  const worker = createWorker('athena:startQueryExecution', runner, { min: 5, max: 20, logger });
  const permission = 'athena:GetQueryRuntimeStatistics';
  made.aws.faults.push({
    ...{ operation: 'GetQueryRuntimeStatistics', status: 400, type: 'AccessDeniedException', times: 2 },
    message: `User: arn:aws:iam::1:user/me is not authorized to perform: ${permission}`,
  });
  for (const key of ['a', 'b']) {
    const reference = await runner.submit(submission(key));
    made.double.control.move('SUCCEEDED');
    const { measures } = await worker.awaitJob(submission(key), reference);
    expect(measures).toMatchObject({ DataScannedInBytes: 4096 });
    expect(measures).not.toHaveProperty('rowsRead');
  }
  expect(warnings).toEqual([expect.stringContaining(permission)]);
  expect(made.aws.faults).toEqual([]);
});

test('a query that goes back from RUNNING to QUEUED is still running', async () => {
  const runner = createRunner();
  const reference = await runner.submit(submission('a'));
  for (const nativeState of ['RUNNING', 'QUEUED', 'RUNNING']) {
    made.double.control.move(nativeState);
    expect(await runner.poll(submission('a'), reference, SIGNAL)).toEqual({ state: 'running', nativeState });
  }
});

test.each([true, false])('a failure says whether a retry may help: %s', async (Retryable) => {
  const runner = createRunner();
  const reference = await runner.submit(submission('a'));
  const query = made.double.queries.get(reference.externalId)!;
  Object.assign(query, {
    state: 'FAILED',
    error: { Retryable, ErrorMessage: 'no bytes left', ErrorCategory: 1 },
  });
  expect(await runner.poll(submission('a'), reference, SIGNAL)).toEqual({
    state: 'failed',
    message: `Athena query ${reference.externalId} is FAILED: no bytes left\nQuery: ${reference.url}`,
    retryable: Retryable,
  });
});

test('a query that Athena leaves out of a batch for the moment goes on; one that it does not know is lost', async () => {
  const runner = createRunner();
  const reference = await runner.submit(submission('a'));
  made.double.unprocessed.set(reference.externalId, 'ThrottlingException');
  const refused = await runner.poll(submission('a'), reference, SIGNAL).catch((error: unknown) => error);
  expect(classifyError(refused).code).toBe('Throttled');
  made.double.unprocessed.set(reference.externalId, 'InternalServerException');
  const broken = await runner.poll(submission('a'), reference, SIGNAL).catch((error: unknown) => error);
  expect(classifyError(broken).code).toBe('Transient');
  made.double.unprocessed.delete(reference.externalId);
  made.double.queries.clear();
  expect((await runner.poll(submission('a'), reference, SIGNAL)).state).toBe('lost');
});

test('too many calls are throttled, too many queries are no capacity', async () => {
  const refuse = async (content: object) => {
    const fault = { status: 400, type: 'TooManyRequestsException', message: 'Rate exceeded' };
    made.aws.faults.push({ operation: 'StartQueryExecution', ...fault, content: { ...content } });
    return classifyError(
      await createRunner()
        .submit(submission('a'))
        .catch((error: unknown) => error),
    ).code;
  };
  expect(await refuse({})).toBe('Throttled');
  expect(await refuse({ Reason: 'CONCURRENT_QUERY_LIMIT_EXCEEDED' })).toBe('NoCapacity');
});

test('all queries of a worker share calls of 50', async () => {
  const runner = createRunner();
  const references = await Promise.all(
    Array.from({ length: 120 }, (_, i) => runner.submit(submission(String(i)))),
  );
  await Promise.all(
    references.map((reference) => runner.poll(submission('a'), reference, new AbortController().signal)),
  );
  expect(made.double.batches).toEqual([50, 50, 20]);
});

/**
 * Times are a twentieth of what ships: polls from 50 ms to 1.5 s for 1 s to 30 s, 200 calls a second for 10. The short form
 * has a third of the queries, polled three times as often.
 */
test('queries by the hundred are submitted and awaited below a limit of calls; none fails, and 25 polls share a call', async () => {
  const [QUERIES, max] = isLong ? [1000, 1500] : [330, 500];
  const { aws, double } = made;
  aws.maxCallsPerSecond = 200;
  // A slow machine may stay below the limit by itself.
  const fault = { status: 400, type: 'ThrottlingException', message: 'Rate exceeded' };
  aws.faults.push(
    { ...fault, operation: 'StartQueryExecution', times: 50 },
    { ...fault, operation: 'BatchGetQueryExecution', times: 5 },
  );
  const runner = createRunner(50);
  let polls = 0;
  const counting: Runner<'athena:startQueryExecution'> = {
    takesToken: true,
    submit: (given) => runner.submit(given),
    find: () => runner.find(),
    stop: (given, reference) => runner.stop(given, reference),
    poll(given, reference, signal) {
      polls++;
      return runner.poll(given, reference, signal);
    },
  };
  const worker = createWorker('athena:startQueryExecution', counting, { min: 50, max });
  /** As Temporal retries an activity: a throttled submit comes again a little later. */
  const submit = async (key: string): Promise<JobReference> => {
    for (let pauseMs = 50; ; pauseMs = Math.min(1500, pauseMs * 2)) {
      try {
        return await worker.submitJob(submission(key));
      } catch (error) {
        expect(error).toMatchObject({ type: 'Throttled', nonRetryable: false });
      }
      await sleep(pauseMs * (0.5 + Math.random()));
    }
  };
  const ends: Promise<unknown>[] = [];
  const keys = Array.from({ length: QUERIES }, (_, i) => String(i));
  const submitAll = async () => {
    for (let key = keys.pop(); key !== undefined; key = keys.pop()) {
      ends.push(worker.awaitJob(submission(key), await submit(key)));
    }
  };
  await Promise.all(Array.from({ length: 40 }, submitAll));
  const all = Promise.allSettled(ends);
  // For 40 calls all of them are awaited; then they end one after the other.
  const calls = () => aws.calls['BatchGetQueryExecution'] ?? 0;
  const before = { polls, calls: calls() };
  while (calls() < before.calls + 40) await sleep(50);
  const pollsACall = (polls - before.polls) / (calls() - before.calls);
  for (const query of double.queries.values())
    setTimeout(() => double.end(query, 'SUCCEEDED'), Math.random() * 2000);
  const failed = (await all).filter(({ status }) => status === 'rejected');
  expect(failed).toEqual([]);
  expect(double.queries.size).toBe(QUERIES);
  expect(aws.faults).toEqual([]);
  expect(pollsACall).toBeGreaterThan(25);
}, 120_000);
