import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, Resource } from '../../jobs';
import type { AnyRunnerDefinition } from '../../runners';
import type { Runner } from '../../runners/runner';
import { Attempts, failureOf } from './attempts';
import { EVERYWHERE } from './everywhere';

/** What a call of the service meets. */
export type ContractFault =
  /** The service does its work, and its answer is lost. */
  | 'answer lost'
  /** The service asks to slow down. */
  | 'throttled'
  /** The service cannot answer this time. */
  | 'unavailable'
  /** The service has no room for the job now. */
  | 'full'
  /** The service refuses what it was given, for good. */
  | 'refused';

/** A service of a test, real or a double, with nothing in it but what the job needs. */
export interface ContractService {
  /** The runner under test over this service; each is of a worker of its own. */
  createRunner(): Runner;
  /** How many jobs were started since the service was made. */
  started(): number;
  /** How many of them have not ended. */
  running(): number;
  /** Moves the newest job to a state of the service's own. */
  move(state: string): void;
  /** All jobs are gone, and the service answers so. */
  forget(): void;
  /** How often the service was asked for the state of a job. */
  polls(): number;
  /** The next call meets a fault, in the words of `message` where the service says any. */
  fail(call: 'submit' | 'poll', fault: ContractFault, message: string): void;
  /** How many faults no call has met yet. */
  faultsLeft(): number;
  /** Called after each test; it may throw for calls that were not right. */
  close(): Promise<void>;
}

/** A runner, as the contract suite sees it. */
export interface RunnerContract<R extends Resource = Resource> {
  definition: AnyRunnerDefinition & { resource: R };
  /** A job that its service takes. */
  job: Job<R>;
  /** A new service for each test. */
  open(): Promise<ContractService>;
  /** States of the service's own. Unset where the service has none of the kind. */
  states: {
    running: readonly string[];
    succeeded: string;
    failed: readonly string[];
    stopped?: string;
    /** One that no documentation names; unset where the state is none of a list. */
    unknown?: string;
  };
  /** What the service says of a job that is in the first state of `failed`. */
  failure: string;
  /** The job can be stopped; the service ends it some polls after it was asked to. */
  stoppable: boolean;
  /** The service can be full. */
  canBeFull: boolean;
}

/** How long a runner may take to do what it is about to do. */
const PATIENCE_MS = 30_000;

/**
 * What every runner must do (docs/tasks-and-runners.md): one job for a submission whatever happens, polls that may fail, a
 * stop that is seen to its end, failures told apart. Of a runner that works in the worker (`runsInWorker`) there is no job at
 * its service: what is left is that it is accepted and ends, that a service that throttles or fails only slows it, and that a
 * refusal is final; `states` is not looked at. For any test runner.
 * @param test what the test runner defines a test with: `test` of Jest and Vitest (with globals), `test` of `node:test`
 */
export function testRunnerContract<R extends Resource>(
  contract: RunnerContract<R>,
  test: (title: string, body: () => Promise<void>) => unknown,
): void {
  const { definition, job, states, failure } = contract;
  const { resource } = definition;

  function testPlace(
    title: string,
    body: (attempts: Attempts, service: ContractService) => Promise<void>,
  ): void {
    test(`${resource}: ${title}`, async () => {
      const service = await contract.open();
      const attempts = new Attempts(definition, job as Job, () => service.createRunner());
      let failed = true;
      try {
        await body(attempts, service);
        failed = false;
      } finally {
        // What the service has to say matters less than why the test failed.
        await service.close().catch((error: unknown) => {
          if (!failed) throw error;
        });
      }
    });
  }

  const { runsInWorker = false } = definition;
  for (const [title, body] of Object.entries(EVERYWHERE)) {
    testPlace(title, async (attempts, service) => {
      await body({ attempts, finish: () => service.move(states.succeeded) });
      if (!runsInWorker) assert.equal(service.started(), 1, 'jobs started');
    });
  }

  testPlace('polls that are throttled or fail only slow the await', async (attempts, service) => {
    const reference = await attempts.submit();
    for (const fault of ['throttled', 'throttled', 'unavailable'] as const)
      service.fail('poll', fault, 'not now');
    const end = attempts.awaitEnd(reference);
    await until(() => service.faultsLeft() === 0, 'the polls met their faults', end);
    service.move(states.succeeded);
    await end;
  });

  if (runsInWorker) {
    testPlace('it is begun by its await, and ends with it', async (attempts, service) => {
      const end = attempts.awaitEnd(null);
      service.move(states.succeeded);
      await end;
    });

    testPlace('what the service refuses fails for good, with what it says', async (attempts, service) => {
      const reference = await attempts.submit();
      service.fail('poll', 'refused', 'the service says: no such thing');
      const refused = await failureOf(attempts.awaitEnd(reference));
      assert.equal(refused.nonRetryable, true);
      assertIncludes(refused.message, 'no such thing');
    });
    return;
  }

  testPlace('a submit whose answer was lost is not done again', async (attempts, service) => {
    service.fail('submit', 'answer lost', '');
    await failureOf(attempts.submit(1));
    assert.equal(service.started(), 1, 'jobs started');
    const reference = await attempts.submit(2);
    assert.equal(service.started(), 1, 'jobs started');
    service.move(states.succeeded);
    assert.equal((await attempts.awaitEnd(reference)).externalId, reference.externalId);
  });

  testPlace('a submit that was throttled is retried, and starts one job', async (attempts, service) => {
    service.fail('submit', 'throttled', 'Rate exceeded');
    const throttled = await failureOf(attempts.submit(1));
    assert.equal(throttled.type, 'Throttled');
    assert.equal(throttled.nonRetryable, false);
    assert.match(throttled.message, /Rate exceeded/);
    await attempts.submit(2);
    assert.equal(service.started(), 1, 'jobs started');
  });

  if (states.unknown !== undefined) {
    const unknown = states.unknown;
    testPlace('a state of tomorrow is still running', async (attempts, service) => {
      const reference = await attempts.submit();
      service.move(unknown);
      const end = attempts.awaitEnd(reference);
      const before = service.polls();
      await until(() => service.polls() > before + 2, 'it was polled on', end);
      service.move(states.succeeded);
      await end;
    });
  }

  for (const state of states.running) {
    testPlace(`${state} is running`, async (attempts, service) => {
      const reference = await attempts.submit();
      service.move(state);
      const polled = await attempts
        .createRunner()
        .poll(attempts.submission, reference, new AbortController().signal, {
          resumed: undefined,
          keep: () => {},
        });
      assert.deepEqual(polled, { state: 'running', nativeState: state });
    });
  }

  for (const state of states.failed) {
    testPlace(`${state} fails the job with the service's own message`, async (attempts, service) => {
      const reference = await attempts.submit();
      service.move(state);
      const failed = await failureOf(attempts.awaitEnd(reference));
      assert.equal(failed.type, 'JobFailed');
      assert.equal(failed.nonRetryable, true);
      assert.notEqual(failed.message, '');
      if (state === states.failed[0]) assertIncludes(failed.message, failure);
    });
  }

  testPlace(
    'a job that the service no longer knows is lost, and is not asked to stop',
    async (attempts, service) => {
      const reference = await attempts.submit();
      service.forget();
      const lost = await failureOf(attempts.awaitEnd(reference));
      assert.equal(lost.type, 'JobLost');
      assert.equal(lost.nonRetryable, true);
      // An id may say more after a space, as that of a crawl says when it began.
      assertIncludes(lost.message, reference.externalId.split(' ')[0]!);
      assert.equal((await attempts.stop(reference)).outcome, 'already ended');
    },
  );

  testPlace('an await that is cancelled leaves the job running', async (attempts, service) => {
    const reference = await attempts.submit();
    const worker = attempts.createWorker();
    const { environment, outcome } = attempts.run(1, () => worker.awaitJob(attempts.submission, reference));
    await until(() => service.polls() > 0, 'it was polled', outcome);
    environment.cancel();
    await failureOf(outcome);
    assert.equal(service.running(), 1, 'jobs that run');
  });

  testPlace('stopping a job that has ended stops nothing', async (attempts, service) => {
    const reference = await attempts.submit();
    service.move(states.failed[0]!);
    const stopped = await attempts.stop(reference);
    assert.equal(stopped.outcome, 'already ended');
    assert.equal(stopped.externalId, reference.externalId);
  });

  if (contract.stoppable) {
    for (const state of states.running.slice(0, 2)) {
      testPlace(`a job that is ${state} is stopped to its end`, async (attempts, service) => {
        const reference = await attempts.submit();
        service.move(state);
        const stopped = await attempts.stop(reference);
        assert.equal(stopped.outcome, 'stopped');
        assert.equal(stopped.externalId, reference.externalId);
        assert.equal(service.running(), 0, 'jobs that run');
      });
    }

    testPlace('a job whose submit was never answered is found and stopped', async (attempts, service) => {
      service.fail('submit', 'answer lost', '');
      await failureOf(attempts.submit(1));
      assert.equal(service.running(), 1, 'jobs that run');
      assert.equal((await attempts.stop(null)).outcome, 'stopped');
      assert.deepEqual([service.started(), service.running()], [1, 0]);
    });

    if (states.stopped !== undefined) {
      const state = states.stopped;
      testPlace('a job that somebody else stopped ends as stopped', async (attempts, service) => {
        const reference = await attempts.submit();
        service.move(state);
        assert.equal((await failureOf(attempts.awaitEnd(reference))).type, 'JobStopped');
      });
    }
  } else {
    testPlace('a job that cannot be stopped is reported as leaked, with its id', async (attempts) => {
      const reference = await attempts.submit();
      const stopped = await attempts.stop(reference);
      assert.equal(stopped.outcome, 'leaked');
      assert.equal(stopped.externalId, reference.externalId);
    });
  }

  if (contract.canBeFull) {
    testPlace(
      'a full service is told at once, and waited for in line when asked to',
      async (attempts, service) => {
        service.fail('submit', 'full', 'there is no room');
        const full = await failureOf(attempts.submit(1));
        assert.equal(full.type, 'NoCapacity');
        assert.equal(full.nonRetryable, true);
        service.fail('submit', 'full', 'there is no room');
        const worker = attempts.createWorker();
        await attempts.run(1, () => worker.submitJob({ ...attempts.submission, inLineForMs: 60_000 }))
          .outcome;
        assert.equal(service.started(), 1, 'jobs started');
      },
    );
  }

  testPlace('what the service refuses fails for good, with what it says', async (attempts, service) => {
    service.fail('submit', 'refused', 'the service says: no such thing');
    const refused = await failureOf(attempts.submit(1));
    assert.equal(refused.type, 'InvalidJob');
    assert.equal(refused.nonRetryable, true);
    assertIncludes(refused.message, 'no such thing');
  });
}

function assertIncludes(text: string, part: string): void {
  assert.ok(text.includes(part), `"${text}" does not include "${part}"`);
}

/** Waits until the condition holds. @throws what `end` came to, when it comes before */
async function until(holds: () => boolean, what: string, end?: Promise<unknown>): Promise<void> {
  let over: { error: unknown } | undefined;
  end?.then(
    () => (over = { error: new Error(`the job ended before ${what}`) }),
    (error: unknown) => (over = { error }),
  );
  for (const deadlineMs = Date.now() + PATIENCE_MS; !holds();) {
    if (over) throw over.error;
    assert.ok(Date.now() < deadlineMs, `not within ${PATIENCE_MS / 1000} s: ${what}`);
    await sleep(2);
  }
}
