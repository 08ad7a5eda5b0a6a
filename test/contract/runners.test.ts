/** What every runner that submits its jobs elsewhere must do, over the real SDK client and a strict double. */
import type { JobReference } from '../../src/jobs';
import { ensureAwsTestTools } from '../../src/local';
import { AwsDouble } from '../support/aws/double';
import { quietRuntime } from '../support/environment';
import { Attempts, failureOf } from './attempts';
import { CASES } from './cases';
import type { Control } from './contractCase';
import { testEverywhere } from './everywhere';

const GAP_MS = 5;
let serviceModels: string;

beforeAll(async () => {
  quietRuntime();
  ({ serviceModels } = await ensureAwsTestTools({ env: process.env, report: () => {} }));
}, 300_000);

describe.each(CASES.map((given) => [given.job.resource, given] as const))('%s', (resource, given) => {
  let aws: AwsDouble;
  let control: Control;
  let attempts: Attempts;

  beforeEach(async () => {
    const made = given.createDouble();
    control = made.control;
    aws = new AwsDouble(serviceModels, [made.double]);
    const endpoint = await aws.start();
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const settings = { endpoint, region: 'eu-west-1', credentials, maxAttempts: 1 };
    attempts = new Attempts(given.job, () => given.createRunner(settings, GAP_MS));
  });

  afterEach(async () => {
    await aws.stop();
    expect(aws.violations).toEqual([]);
  });

  const submit = (attempt?: number) => attempts.submit(attempt);
  const awaitEnd = (reference: JobReference) => attempts.awaitEnd(reference);
  const stop = (reference: JobReference | null) => attempts.stop(reference);
  const counted = (operation: string) => aws.calls[operation] ?? 0;
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
  };

  describe('as everywhere', () => {
    testEverywhere(() => ({ attempts, finish: () => control.move(given.states.succeeded) }));

    afterEach(() => expect(control.started()).toBe(1));
  });

  test('a submit whose answer was lost is not done again', async () => {
    aws.faults.push({ operation: given.submit, status: 0, type: '', message: '', accepted: true });
    await failureOf(submit(1));
    expect(control.started()).toBe(1);
    const reference = await submit(2);
    expect(control.started()).toBe(1);
    control.move(given.states.succeeded);
    expect((await awaitEnd(reference)).externalId).toBe(reference.externalId);
  });

  test('a submit that was throttled is retried, and starts one job', async () => {
    aws.faults.push({
      operation: given.submit,
      status: 400,
      type: 'ThrottlingException',
      message: 'Rate exceeded',
    });
    const failure = await failureOf(submit(1));
    expect(failure).toMatchObject({ type: 'Throttled', nonRetryable: false });
    expect(failure.message).toContain('Rate exceeded');
    await submit(2);
    expect(control.started()).toBe(1);
  });

  test('polls that are throttled or refused only slow the await', async () => {
    const reference = await submit();
    const fault = { operation: given.poll, type: 'ThrottlingException', message: 'Rate exceeded' };
    aws.faults.push(
      { ...fault, status: 400, times: 2 },
      { ...fault, status: 500, type: 'InternalServerException', message: 'oops' },
    );
    const end = awaitEnd(reference);
    await until(() => aws.faults.length === 0);
    control.move(given.states.succeeded);
    await end;
  });

  if (given.unknown !== undefined) {
    test('a state of tomorrow is still running', async () => {
      const reference = await submit();
      control.move(given.unknown!);
      // Whatever the double shows now fits no model, by design.
      const end = awaitEnd(reference);
      const before = counted(given.poll);
      await until(() => counted(given.poll) > before + 2);
      control.move(given.states.succeeded);
      await end;
      aws.violations.splice(0);
    });
  }

  test.each(given.states.running)('%s is running', async (state) => {
    const reference = await submit();
    control.move(state);
    const polled = await attempts
      .createRunner()
      .poll(attempts.submission, reference, new AbortController().signal, {
        resumed: undefined,
        keep: () => {},
      });
    expect(polled).toMatchObject({ state: 'running', nativeState: state });
  });

  test.each(given.states.failed)("%s fails the job with the service's own message", async (state) => {
    const reference = await submit();
    control.move(state);
    const failure = await failureOf(awaitEnd(reference));
    expect(failure).toMatchObject({ type: 'JobFailed', nonRetryable: true });
    expect(failure.message).not.toBe('');
    if (state === given.states.failed[0])
      expect(failure.message).toContain('the service says: no such column');
  });

  test('a job that the service no longer knows is lost, and is not asked to stop', async () => {
    const reference = await submit();
    control.forget();
    const failure = await failureOf(awaitEnd(reference));
    expect(failure).toMatchObject({ type: 'JobLost', nonRetryable: true });
    // Of a crawl, the crawler's name.
    expect(failure.message).toContain(reference.externalId.split(' ')[0]);
    expect(await stop(reference)).toMatchObject({ outcome: 'already ended' });
  });

  test('an await that is cancelled leaves the job running', async () => {
    const reference = await submit();
    const worker = attempts.createWorker();
    const { environment, outcome } = attempts.run(1, () => worker.awaitJob(attempts.submission, reference));
    await until(() => counted(given.poll) > 0);
    environment.cancel();
    await failureOf(outcome);
    expect(control.running()).toBe(1);
  });

  test('stopping a job that has ended stops nothing', async () => {
    const reference = await submit();
    control.move(given.states.failed[0]!);
    expect(await stop(reference)).toMatchObject({
      outcome: 'already ended',
      externalId: reference.externalId,
    });
  });

  if (given.stoppable) {
    test.each(given.states.running.slice(0, 2))('a job that is %s is stopped to its end', async (state) => {
      const reference = await submit();
      control.move(state);
      expect(await stop(reference)).toMatchObject({ outcome: 'stopped', externalId: reference.externalId });
      expect(control.running()).toBe(0);
    });

    test('a job whose submit was never answered is found and stopped', async () => {
      aws.faults.push({ operation: given.submit, status: 0, type: '', message: '', accepted: true });
      await failureOf(submit(1));
      expect(control.running()).toBe(1);
      expect((await stop(null)).outcome).toBe('stopped');
      expect([control.started(), control.running()]).toEqual([1, 0]);
    });

    if (given.states.stopped !== undefined) {
      test('a job that somebody else stopped ends as stopped', async () => {
        const reference = await submit();
        control.move(given.states.stopped!);
        expect(await failureOf(awaitEnd(reference))).toMatchObject({ type: 'JobStopped' });
      });
    }
  } else {
    test('a job that cannot be stopped is reported as leaked, with its id', async () => {
      const reference = await submit();
      expect(await stop(reference)).toMatchObject({ outcome: 'leaked', externalId: reference.externalId });
    });
  }

  if (given.full) {
    const { type, message, status = 400, content = {} } = given.full;
    test('a full service is told at once, and waited for in line when asked to', async () => {
      aws.faults.push({ operation: given.submit, status, type, message, content });
      const failure = await failureOf(submit(1));
      expect(failure).toMatchObject({ type: 'NoCapacity', nonRetryable: true });
      expect(failure.message).toContain(message);
      aws.faults.push({ operation: given.submit, status, type, message, content });
      const worker = attempts.createWorker();
      await attempts.run(1, () => worker.submitJob({ ...attempts.submission, inLineForMs: 60_000 })).outcome;
      expect(control.started()).toBe(1);
    });
  }

  test('a wrong parameter fails for good, with what the service says', async () => {
    aws.faults.push({
      operation: given.submit,
      status: 400,
      type: 'ValidationException',
      message: 'the service says: no such thing',
    });
    const failure = await failureOf(submit(1));
    expect(failure).toMatchObject({ type: 'InvalidJob', nonRetryable: true });
    expect(failure.message).toContain('no such thing');
  });
});
