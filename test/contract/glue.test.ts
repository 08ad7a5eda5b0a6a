/** What is Glue's own, beside what every runner does (`runners.test.ts`). */
import { GlueClient } from '@aws-sdk/client-glue';
import { classifyError } from '../../src/services/failures';
import { createGluePort, GLUE_KEY_ARGUMENT, GlueRunner } from '../../src/runners/glueJobs/runner';
import { createCrawlerPort, GlueCrawlerRunner } from '../../src/runners/glueCrawler/runner';
import { markerOf } from '../../src/runners/references';
import type { SubmissionOf } from '../../src/runners/runner';
import type { AwsDouble } from '../support/aws/double';
import { GlueJobsDouble } from '../support/aws/glue';
import { GlueCrawlersDouble } from '../support/aws/glueCrawler';
import { startAwsDouble } from '../support/aws/start';

const { signal } = new AbortController();
let aws: AwsDouble;

afterEach(async () => {
  await aws.stop();
  expect(aws.violations).toEqual([]);
});

describe('glue:startJobRun', () => {
  let glue: GlueJobsDouble;
  let runner: GlueRunner;

  beforeEach(async () => {
    glue = new GlueJobsDouble(['load']);
    const started = await startAwsDouble(glue);
    aws = started.aws;
    runner = new GlueRunner(createGluePort(new GlueClient(started.settings)), 20);
  }, 300_000);

  const submission = (key: string, JobName = 'load'): SubmissionOf<'glue:startJobRun'> => ({
    job: { resource: 'glue:startJobRun', parameters: { JobName, Arguments: { '--day': 'monday' } } },
    key,
    run: 'run',
    step: 'step',
  });

  test('the key travels as an argument beside the own ones, and the link leads to the run', async () => {
    const reference = await runner.submit(submission('a'));
    expect(glue.runs.get(reference.externalId)!.Arguments).toEqual({
      '--day': 'monday',
      [GLUE_KEY_ARGUMENT]: markerOf('a'),
    });
    expect(reference.url).toContain('eu-west-1.console.aws.amazon.com/gluestudio');
  });

  test('a run is found by its key, also past the first page', async () => {
    for (const key of ['a', 'b', 'c']) await runner.submit(submission(key));
    expect((await runner.find(submission('a')))!.externalId).toBe('jr_0');
    expect(await runner.find(submission('d'))).toBeNull();
  });

  test('a result carries what the run cost, a failure the place of its log', async () => {
    const reference = await runner.submit(submission('a'));
    glue.control.move('SUCCEEDED');
    expect(await runner.poll(submission('a'), reference, signal)).toMatchObject({
      result: { measures: { DPUSeconds: 24.5, ExecutionTime: 12 } },
    });
    const failed = await runner.submit(submission('b'));
    glue.control.move('FAILED');
    expect(await runner.poll(submission('b'), failed, signal)).toMatchObject({
      message: expect.stringMatching(/no such column\nLog: https:.*stream=jr_1/),
    });
  });

  test('runs of one job share a poll, and those that are no longer on its page are asked for', async () => {
    const references = [];
    for (const key of ['a', 'b', 'c']) references.push(await runner.submit(submission(key)));
    const states = await Promise.all(
      references.map((reference) => runner.poll(submission(reference.key), reference, signal)),
    );
    expect(states.map(({ state }) => state)).toEqual(['running', 'running', 'running']);
    // The double shows two runs a page.
    expect(aws.calls).toMatchObject({ GetJobRuns: 1, GetJobRun: 1 });
  });

  test('a run that Glue does not know does not hide the others', async () => {
    const known = await runner.submit(submission('a'));
    const unknown = { ...known, externalId: 'jr_gone' };
    const [first, second] = await Promise.allSettled([
      runner.poll(submission('a'), unknown, signal),
      runner.poll(submission('a'), known, signal),
    ]);
    expect(first).toMatchObject({ value: { state: 'lost' } });
    expect(second).toMatchObject({ value: { state: 'running' } });
  });

  test('runs beyond the newest page are found on the next ones', async () => {
    const references = [];
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) references.push(await runner.submit(submission(key)));
    const old = references.slice(0, 4);
    await Promise.all(old.map((reference) => runner.poll(submission(reference.key), reference, signal)));
    expect(aws.calls).toMatchObject({ GetJobRuns: 3 });
    expect(aws.calls['GetJobRun']).toBeUndefined();
  });

  test('one call that is throttled does not discard the answers of the others', async () => {
    const references = [];
    for (const key of ['a', 'b', 'c']) references.push(await runner.submit(submission(key)));
    aws.faults.push({ operation: 'GetJobRun', status: 400, type: 'ThrottlingException', message: 'Rate exceeded' });
    const polled = references.map((reference) => runner.poll(submission(reference.key), reference, signal));
    await Promise.all(polled.slice(1));
    expect(aws.calls).toMatchObject({ GetJobRuns: 1, GetJobRun: 1 });
    expect((await polled[0]!).state).toBe('running');
  });

  test('all runs of a job that was deleted are lost', async () => {
    const references = [await runner.submit(submission('a')), await runner.submit(submission('b'))];
    const gone = { status: 400, type: 'EntityNotFoundException', message: 'Job load is not there' };
    aws.faults.push({ operation: 'GetJobRuns', ...gone }, { operation: 'GetJobRun', ...gone, times: 2 });
    const states = await Promise.all(
      references.map((reference) => runner.poll(submission(reference.key), reference, signal)),
    );
    expect(states.map(({ state }) => state)).toEqual(['lost', 'lost']);
    expect(aws.faults).toEqual([]);
  });

  test.each([
    ['ConcurrentRunsExceededException', 400, 'NoCapacity'],
    ['ThrottlingException', 400, 'Throttled'],
    ['InternalServiceException', 500, 'Transient'],
    ['AccessDeniedException', 400, 'AccessDenied'],
    ['InvalidInputException', 400, 'InvalidJob'],
  ])('%s is told apart', async (type, status, code) => {
    aws.faults.push({ operation: 'StartJobRun', status, type, message: 'the words of the service' });
    const error = await runner.submit(submission('a')).catch((caught: unknown) => caught);
    expect(classifyError(error)).toMatchObject({
      code,
      message: expect.stringContaining('the words of the service'),
    });
  });

  test('a job that does not exist is a mistake, a server that does not answer is not', async () => {
    const missing = await runner.submit(submission('a', 'nothing')).catch((caught: unknown) => caught);
    expect(classifyError(missing).code).toBe('InvalidJob');
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
    expect(classifyError(refused).code).toBe('ServerUnreachable');
    expect(classifyError(new Error('fetch failed', { cause: refused })).code).toBe('ServerUnreachable');
  });
});

describe('glue:startCrawler', () => {
  const HOUR_MS = 3_600_000;
  let crawlers: GlueCrawlersDouble;
  let runner: GlueCrawlerRunner;

  beforeEach(async () => {
    crawlers = new GlueCrawlersDouble(['lake', 'other']);
    const started = await startAwsDouble(crawlers);
    aws = started.aws;
    runner = new GlueCrawlerRunner(createCrawlerPort(new GlueClient(started.settings)), 20);
  }, 300_000);

  const submission = (Name = 'lake'): SubmissionOf<'glue:startCrawler'> => ({
    job: { resource: 'glue:startCrawler', parameters: { Name } },
    key: 'a',
    run: 'run',
    step: 'step',
  });
  const poll = (reference: Awaited<ReturnType<typeof runner.submit>>) =>
    runner.poll(submission(), reference, signal);

  test('a crawl that ended before the first poll is told from the one before it', async () => {
    crawlers.begin('lake', new Date(Date.now() - HOUR_MS));
    crawlers.end('lake', 'FAILED');
    const reference = await runner.submit(submission());
    expect(await poll(reference)).toMatchObject({ state: 'running', nativeState: 'RUNNING' });
    crawlers.end('lake', 'SUCCEEDED');
    expect(await poll(reference)).toMatchObject({
      state: 'succeeded',
      result: { measures: { DPUHour: 0.25 } },
    });
  });

  test('a later crawl of somebody else is not taken for this one', async () => {
    const reference = await runner.submit(submission());
    crawlers.end('lake', 'FAILED');
    crawlers.begin('lake', new Date(Date.now() + 1000));
    expect((await poll(reference)).state).toBe('failed');
    crawlers.end('lake', 'SUCCEEDED');
    expect((await poll(reference)).state).toBe('failed');
  });

  test('a crawl that began before the first attempt is never adopted', async () => {
    const since = new Date();
    crawlers.begin('lake', new Date(since.getTime() - 5000));
    expect(await runner.find(submission(), since)).toBeNull();
    crawlers.end('lake', 'SUCCEEDED');
    expect(await runner.find(submission(), since)).toBeNull();
    const reference = await runner.submit(submission());
    expect(await runner.find(submission(), since)).toMatchObject({ externalId: reference.externalId });
  });

  test.each([
    ['runs', () => {}],
    ['has ended', () => crawlers.end('lake', 'SUCCEEDED')],
  ])('without the history of crawls, one that %s is still found', async (_, move) => {
    const since = new Date();
    crawlers.begin('lake', new Date());
    move();
    const denied = { operation: 'ListCrawls', status: 400, type: 'AccessDeniedException', message: 'no' };
    aws.faults.push({ ...denied, times: 2 });
    expect(await runner.find(submission(), since)).not.toBeNull();
  });

  test("somebody else's crawl is waited for, not joined", async () => {
    crawlers.begin('lake', new Date());
    await expect(runner.submit(submission())).rejects.toMatchObject({ code: 'NoCapacity' });
    expect(aws.calls['StartCrawler']).toBeUndefined();
  });

  test('a crawler that stops on its own leaves nothing to stop', async () => {
    const reference = await runner.submit(submission());
    crawlers.end('lake', 'SUCCEEDED');
    await runner.stop(submission());
    expect((await poll(reference)).state).toBe('succeeded');
  });

  test('crawlers share their polls', async () => {
    const references = [await runner.submit(submission()), await runner.submit(submission('other'))];
    const before = aws.calls['BatchGetCrawlers']!;
    await Promise.all(
      references.map((reference, i) =>
        runner.poll(submission(i === 0 ? 'lake' : 'other'), reference, signal),
      ),
    );
    expect(aws.calls['BatchGetCrawlers']).toBe(before + 1);
  });

  test('a crawler that does not exist is a mistake that is named', async () => {
    await expect(runner.submit(submission('nothing'))).rejects.toThrow('Glue has no crawler nothing');
  });
});
