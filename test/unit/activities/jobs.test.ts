import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { ApplicationFailure } from '@temporalio/common';
import { createJobActivities, type JobDependencies } from '../../../src/activities/jobs';
import { MAX_HISTORY_BYTES } from '../../../src/contracts/historyRoom';
import type { AwaitDetails, Submission } from '../../../src/contracts/activities';
import type { RetryReport } from '../../../src/contracts/messages';
import type { JobReference } from '../../../src/jobs';
import { LimitedRunner } from '../../../src/runners/limited';
import type { Runner } from '../../../src/runners/runner';
import { Limiter } from '../../../src/services/limiter';
import { runnersOf } from '../../support/runners';
import { quietRuntime } from '../../support/environment';
import { RUNNING, ScriptedRunner, succeeded, type Script } from '../../support/scriptedRunner';

beforeAll(quietRuntime);

const HOUR_MS = 3_600_000;
const submission: Submission = {
  job: { resource: 'livy:createBatch', parameters: { file: 'a.py' } },
  key: 'flow/run/load/1',
  run: 'flow',
  step: 'load',
};

/** One step whose attempts know of each other by their heartbeats, as on a server. */
class Step {
  readonly script: Partial<Script> = {};
  readonly double = new ScriptedRunner(() => this.script);
  beats: AwaitDetails[] = [];
  /** What the run was told. */
  readonly told: RetryReport[] = [];
  private attempt = 0;

  constructor(
    private readonly options: Partial<JobDependencies> & { worksInPoll?: boolean } = {},
    private readonly wrap: (runner: Runner) => Runner = (runner) => runner,
  ) {
    this.double.worksInPoll = options.worksInPoll ?? false;
  }

  private get activities() {
    return createJobActivities({
      runners: runnersOf({ 'livy:createBatch': this.wrap(this.double) }),
      pollMinMs: 1,
      pollMaxMs: 4,
      retryForMs: HOUR_MS,
      credentialsForMs: HOUR_MS,
      stuckAfterMs: HOUR_MS,
      readHistoryBytes: () => Promise.resolve(0),
      tellRun: (report) => {
        this.told.push(report);
        return Promise.resolve();
      },
      ...this.options,
    });
  }

  private run<T>(act: () => Promise<T>, more: object = {}): { outcome: Promise<T>; cancel: () => void } {
    const info = {
      attempt: ++this.attempt,
      heartbeatTimeoutMs: 15_000,
      scheduledTimestampMs: Date.now(),
      ...(this.beats.length > 0 ? { heartbeatDetails: this.beats.at(-1) } : {}),
      ...more,
    };
    const environment = new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });
    environment.on('heartbeat', (details: AwaitDetails) => this.beats.push(details));
    return { outcome: environment.run(act), cancel: () => environment.cancel() };
  }

  submit(more: object = {}): Promise<JobReference> {
    return this.run(() => this.activities.submitJob(submission), more).outcome;
  }

  async stop(more: object = {}) {
    const reference = await this.double.submit(submission);
    return this.run(() => this.activities.stopJob(submission, reference), more).outcome;
  }

  /** `submit` of a runner that works inside the worker remembers nothing to look at. */
  async awaitEnd(more: object = {}) {
    const reference = await this.double.submit(submission);
    return this.run(() => this.activities.awaitJob(submission, reference), more).outcome;
  }

  /** Of a job that is begun by its await. */
  begin(given: Submission = submission): Promise<unknown> {
    return this.run(() => this.activities.awaitJob(given, null)).outcome;
  }

  async startAwait() {
    const reference = await this.double.submit(submission);
    return this.run(() => this.activities.awaitJob(submission, reference));
  }
}

const failureOf = (outcome: Promise<unknown>): Promise<ApplicationFailure> =>
  outcome.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: ApplicationFailure) => error,
  );
const refusal = (name: string, status: number) =>
  Object.assign(new Error('the words of the service'), { name, $metadata: { httpStatusCode: status } });
const forEver = (error: Error) => Array.from({ length: 1000 }, () => error);

test('a result for which the history has no room left is refused with its cure', async () => {
  const readHistoryBytes = () => Promise.resolve(MAX_HISTORY_BYTES - 100_000);
  const step = new Step({ readHistoryBytes });
  const answerOf = (bytes: number) => {
    const end = succeeded({ resource: 'livy:createBatch', externalId: '0' });
    step.script.states = [{ ...end, result: { ...end.result, payload: 'x'.repeat(bytes) } }];
    return step.awaitEnd();
  };
  await expect(answerOf(90_000)).resolves.toMatchObject({ payload: expect.any(String) });
  expect(await failureOf(answerOf(110_000))).toMatchObject({
    ...{ type: 'TooLarge', nonRetryable: true, details: [{ ended: true }] },
    message: expect.stringMatching(/The result of load has 11\d{4} bytes, .* no room .* lake/),
  });
});

describe('work inside the worker', () => {
  test.each([
    new TypeError('x is undefined'),
    new RangeError('Invalid array length'),
    Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }),
    Object.assign(new Error('file already exists'), { code: 'EEXIST' }),
  ])('that fails by a fault of our own (%s) is begun three times, and says why', async (error) => {
    const step = new Step({ worksInPoll: true });
    step.script.states = forEver(error);
    expect(await failureOf(step.awaitEnd())).toMatchObject({
      type: 'Unexpected',
      nonRetryable: true,
      message: expect.stringContaining(error.message),
    });
    expect(step.double.calls.poll).toBe(3);
  });

  test('that was not submitted is begun by its await, once', async () => {
    const step = new Step({ worksInPoll: true });
    const error = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    step.script.states = [error, succeeded({ resource: 'livy:createBatch', externalId: '0' })];
    await expect(step.begin()).resolves.toMatchObject({ externalId: '0' });
    expect(step.double.calls).toMatchObject({ submit: 1, poll: 2 });
  });

  test('that cannot be begun for a passing reason is begun again', async () => {
    const step = new Step({ worksInPoll: true });
    const error = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    step.script.submitFaults = [{ error, accepted: false }];
    await step.begin();
    expect(step.double.calls).toMatchObject({ submit: 2, poll: 1 });
  });

  test('that was not submitted has its parameters looked at before anything begins', async () => {
    const step = new Step({ worksInPoll: true });
    const job = { resource: 'livy:createBatch', parameters: {} } as never;
    expect(await failureOf(step.begin({ ...submission, job }))).toMatchObject({
      ...{ type: 'InvalidJob', nonRetryable: true },
      message: expect.stringContaining('file'),
    });
    expect(step.double.calls).toMatchObject({ submit: 0, poll: 0 });
  });

  test('that never reaches its server is given up when the budget is spent, and not in a day', async () => {
    const step = new Step({ worksInPoll: true, retryForMs: 50 });
    step.script.states = forEver(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
    expect(await failureOf(step.awaitEnd())).toMatchObject({ type: 'Transient', nonRetryable: true });
    expect(step.double.calls.poll).toBeGreaterThanOrEqual(3);
  });

  test('that fails late is begun at least three times, however short the budget', async () => {
    const step = new Step({ worksInPoll: true, retryForMs: 0 });
    const error = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    step.script.states = [error, error, succeeded({ resource: 'livy:createBatch', externalId: '0' })];
    await step.awaitEnd();
  });

  test('goes on with the count of an attempt whose worker was shut down', async () => {
    const step = new Step({ worksInPoll: true });
    step.beats = [{ failures: 2, failingSinceMs: Date.now(), isAtWork: false }];
    step.script.states = forEver(new TypeError('x is undefined'));
    await failureOf(step.awaitEnd());
    expect(step.double.calls.poll).toBe(1);
  });

  const limited = (runner: Runner) => new LimitedRunner(runner, new Limiter(1));

  test('that has taken its worker with it again and again is not begun once more', async () => {
    const first = new Step({ worksInPoll: true }, limited);
    await first.awaitEnd();
    // The first heartbeat is the one that is sent at once: it says already that the work has begun.
    expect(first.beats[0]).toMatchObject({ isAtWork: true });
    const second = new Step({ worksInPoll: true }, limited);
    second.beats = [{ isAtWork: true }];
    await second.awaitEnd();
    expect(second.double.calls.poll).toBe(1);
    const third = new Step({ worksInPoll: true }, limited);
    third.beats = [{ isAtWork: true, deaths: 5, lastFailure: { code: 'Transient', message: 'a reset' } }];
    expect(await failureOf(third.awaitEnd())).toMatchObject({
      type: 'Unexpected',
      nonRetryable: true,
      message: expect.stringMatching(/worker died.*a reset/),
    });
    expect(third.double.calls.poll).toBe(0);
  });

  test('that only waits for its turn is not blamed for the death of its worker', async () => {
    const limiter = new Limiter(1);
    let release: () => void = () => {};
    const busy = limiter.run(new AbortController().signal, () => new Promise<void>((end) => (release = end)));
    const step = new Step({ worksInPoll: true }, (runner) => new LimitedRunner(runner, limiter));
    const { outcome } = await step.startAwait();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(step.beats.length).toBeGreaterThan(0);
    expect(step.beats.filter((beat) => beat?.isAtWork)).toEqual([]);
    release();
    await Promise.all([busy, outcome]);
  });

  test('that is let go by a worker that shuts down is not held against it', async () => {
    const step = new Step({ worksInPoll: true }, (runner) => ({
      ...limited(runner),
      worksInPoll: true,
      submit: (given) => runner.submit(given),
      find: () => Promise.resolve(null),
      stop: () => Promise.resolve(),
      poll: (_given, _reference, signal, progress) => {
        progress.begin?.();
        return new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        );
      },
    }));
    const { outcome, cancel } = await step.startAwait();
    await new Promise((resolve) => setTimeout(resolve, 5));
    cancel();
    await failureOf(outcome);
    expect(step.beats.at(-1)).toMatchObject({ isAtWork: false });
  });

  test('that keeps how far it is has its deaths forgiven', async () => {
    const step = new Step({ worksInPoll: true }, (runner) => ({
      worksInPoll: true,
      submit: (given) => runner.submit(given),
      find: () => Promise.resolve(null),
      stop: () => Promise.resolve(),
      poll: (given, reference, signal, progress) => {
        expect(progress.resumed).toEqual({ at: 1 });
        progress.keep({ at: 2 });
        return runner.poll(given, reference, signal, progress);
      },
    }));
    step.beats = [{ isAtWork: true, deaths: 0, work: { at: 1 } }];
    await step.awaitEnd();
    expect(step.beats.at(-1)).toMatchObject({ deaths: 0, work: { at: 2 } });
  });
});

describe('work on an object that is archived', () => {
  const archived = refusal('InvalidObjectState', 403);

  test('fails at once, and says what to do', async () => {
    const step = new Step({ worksInPoll: true });
    step.script.states = forEver(archived);
    expect(await failureOf(step.awaitEnd())).toMatchObject({
      type: 'Archived',
      nonRetryable: true,
      message: expect.stringMatching(/restore it first.*archivedFor/),
    });
    expect(step.double.calls.poll).toBe(1);
  });

  test('waits until it is restored, when it is asked to', async () => {
    const step = new Step({ worksInPoll: true, archivedForMs: HOUR_MS });
    const end = succeeded({ resource: 'livy:createBatch', externalId: '0' });
    step.script.states = [archived, archived, archived, archived, end];
    await step.awaitEnd();
    expect(step.beats.find((beat) => beat?.lastFailure)?.lastFailure?.code).toBe('Archived');
  });
});

describe('an await of a job elsewhere', () => {
  test('keeps how far the service says that the job is, with its step', async () => {
    const step = new Step();
    const running = { ...RUNNING, progress: { tasks: 3, of: 8 } };
    step.script.states = [running, running, succeeded({ resource: 'livy:createBatch', externalId: '0' })];
    await step.awaitEnd();
    expect(step.beats.at(-1)).toMatchObject({ step: 'load', progress: { tasks: 3, of: 8 } });
  });

  test('goes on while the service cannot be reached, and keeps the last failure for a time-out', async () => {
    const step = new Step({ retryForMs: 0 });
    const error = Object.assign(new Error('reset by peer'), { code: 'ECONNRESET' });
    step.script.states = [
      error,
      error,
      error,
      error,
      succeeded({ resource: 'livy:createBatch', externalId: '0' }),
    ];
    await step.awaitEnd();
    expect(step.beats.find((beat) => beat?.lastFailure)?.lastFailure).toEqual({
      code: 'Transient',
      message: 'reset by peer',
    });
  });

  test('tells its run of a row of failures that lasts, and of its end', async () => {
    const step = new Step();
    const error = Object.assign(new Error('reset by peer'), { code: 'ECONNRESET' });
    step.script.states = [error, error, error, succeeded({ resource: 'livy:createBatch', externalId: '0' })];
    const failingForMs = 10_000;
    const since = { failures: 8, failingSinceMs: Date.now() - failingForMs, lookedToMs: failingForMs - 1 };
    step.beats = [since];
    await step.awaitEnd();
    expect(step.told).toEqual([
      {
        step: 'load',
        retry: expect.objectContaining({
          doing: 'await',
          attempt: 9,
          failure: { code: 'Transient', message: 'reset by peer' },
        }),
      },
    ]);
    // The job has ended with the poll that went well, so there is nothing more to say.
    expect(step.beats.at(-1)).toMatchObject({ told: 1 });
  });

  test('tells its run of a job that goes on again, and of the next row only when that lasts longer', async () => {
    const step = new Step();
    const error = Object.assign(new Error('reset by peer'), { code: 'ECONNRESET' });
    step.script.states = [
      error,
      RUNNING,
      error,
      succeeded({ resource: 'livy:createBatch', externalId: '0' }),
    ];
    step.beats = [{ failures: 8, failingSinceMs: Date.now() - 10_000, lookedToMs: 9_999 }];
    await step.awaitEnd();
    expect(step.told.map(({ retry }) => retry?.attempt ?? null)).toEqual([9, null]);
    expect(step.beats.at(-1)).toMatchObject({ told: 1, isTold: false });
  });

  test('with wrong credentials goes on for their own budget', async () => {
    const expired = refusal('ExpiredTokenException', 400);
    const patient = new Step({ retryForMs: 0 });
    patient.script.states = [expired, expired, succeeded({ resource: 'livy:createBatch', externalId: '0' })];
    await patient.awaitEnd();
    const strict = new Step({ credentialsForMs: 20 });
    strict.script.states = forEver(expired);
    expect(await failureOf(strict.awaitEnd())).toMatchObject({ type: 'Credentials', nonRetryable: true });
  });
});

test('a stop that does not reach its service tells its run', async () => {
  const step = new Step();
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  step.script.states = [refused];
  const now = Date.now();
  const retryPolicy = { initialInterval: '30 s', maximumInterval: '30 s' };
  const times = { scheduledTimestampMs: now, currentAttemptScheduledTimestampMs: now, retryPolicy };
  await failureOf(step.stop(times));
  expect(step.told).toEqual([
    { step: 'load', retry: expect.objectContaining({ doing: 'stop', attempt: 1, nextInMs: 30_000 }) },
  ]);
});

describe('a submit', () => {
  const fails = (error: Error) => [{ error, accepted: false }];

  test.each([
    [7, 15, true],
    [3, 7, false],
  ])('that fails %i s after the first time tells its run, when that lasts', async (fromS, atS, tells) => {
    const step = new Step();
    step.script.submitFaults = fails(refusal('ThrottlingException', 400));
    const now = Date.now();
    const attempt = 4;
    const times = {
      attempt,
      scheduledTimestampMs: now - fromS * 1_000,
      currentAttemptScheduledTimestampMs: now,
      retryPolicy: { initialInterval: `${(atS - fromS) / 2 ** (attempt - 1)} s`, maximumInterval: '30 s' },
    };
    await failureOf(step.submit(times));
    expect(step.told.map(({ retry }) => [retry?.doing, retry?.attempt, retry?.nextInMs])).toEqual(
      tells ? [['submit', attempt, (atS - fromS) * 1_000]] : [],
    );
  });

  test('with wrong credentials is retried for their own budget', async () => {
    const step = new Step({ retryForMs: 0 });
    step.script.submitFaults = fails(refusal('ExpiredToken', 400));
    expect(await failureOf(step.submit())).toMatchObject({ type: 'Credentials', nonRetryable: false });
    step.script.submitFaults = fails(refusal('ExpiredToken', 400));
    const scheduledTimestampMs = Date.now() - 2 * HOUR_MS;
    expect(await failureOf(step.submit({ scheduledTimestampMs }))).toMatchObject({ nonRetryable: true });
  });

  test('that fails by a fault of our own is attempted three times', async () => {
    const step = new Step();
    for (const nonRetryable of [false, false, true]) {
      step.script.submitFaults = fails(new TypeError('x is undefined'));
      expect(await failureOf(step.submit())).toMatchObject({ type: 'Unexpected', nonRetryable });
    }
  });

  test('of a process that stood still before it is not made: another may have made it', async () => {
    const step = new Step({}, (runner) => runner);
    const now = vi.spyOn(Date, 'now');
    const real = Date.now();
    // The process is frozen in its look-up, after the first heartbeat and before the call.
    vi.spyOn(step.double, 'find').mockImplementation(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      now.mockReturnValue(real + 20_000);
      return null;
    });
    try {
      const failure = await failureOf(step.submit({ attempt: 2, scheduledTimestampMs: real }));
      expect(failure).toMatchObject({
        type: 'Transient',
        message: expect.stringContaining('stood still for 20 s'),
      });
      expect(step.double.calls.submit).toBe(0);
    } finally {
      vi.restoreAllMocks();
    }
  });
});

test('a job that its service does not know yet is looked for again, unless the service knows its jobs at once', async () => {
  const lost = { state: 'lost', message: 'no such job' } as const;
  const polls = async (knowsAtOnce: boolean) => {
    const step = new Step({ pollMaxMs: HOUR_MS }, (runner) => Object.assign(runner, { knowsAtOnce }));
    step.script.states = [lost, succeeded({ resource: 'livy:createBatch', externalId: '0' })];
    const end = await step.awaitEnd().then(
      () => 'succeeded',
      (error: ApplicationFailure) => error.type,
    );
    return [end, step.double.calls.poll];
  };
  expect(await polls(false)).toEqual(['succeeded', 2]);
  expect(await polls(true)).toEqual(['JobLost', 1]);
});
