import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { ApplicationFailure } from '@temporalio/common';
import { createJobActivities } from '../../activities/jobs';
import type { Submission } from '../../contracts/activities';
import type { Job, JobReference, JobResult, StopResult } from '../../jobs';
import { RunnerRegistry, Runners, type AnyRunnerDefinition } from '../../runners';
import type { RunnerContext } from '../../runners/defineRunner';
import type { Runner } from '../../runners/runner';

let steps = 0;

/** One step whose activities are attempted by workers that have a runner of their own each. */
export class Attempts {
  readonly submission: Submission;
  // The time of the first attempt stays the same: a look-up must not find what was there before it.
  private readonly scheduledTimestampMs = Date.now();

  constructor(
    private readonly definition: AnyRunnerDefinition,
    job: Job,
    readonly createRunner: () => Runner,
  ) {
    this.submission = { job, key: `flow/run/step-${++steps}/1`, run: 'flow', step: 'load data' };
  }

  createWorker() {
    const { resource, parameters, runsInWorker = false } = this.definition;
    const definition = { resource, parameters, runsInWorker, create: this.createRunner };
    return createJobActivities({
      runners: new Runners(new RunnerRegistry([definition]), {} as RunnerContext),
      pollMinMs: 5,
      pollMaxMs: 20,
      retryForMs: 60_000,
      credentialsForMs: 3_600_000,
      stuckAfterMs: Infinity,
      tellRun: () => Promise.resolve(),
      readHistoryBytes: () => Promise.resolve(0),
    });
  }

  run<T>(attempt: number, act: () => Promise<T>) {
    const { scheduledTimestampMs } = this;
    const info = { attempt, scheduledTimestampMs, heartbeatTimeoutMs: 1000 };
    const environment = new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });
    const outcome: Promise<T> = environment.run(act);
    return { environment, outcome };
  }

  submit(attempt = 1, worker = this.createWorker()): Promise<JobReference> {
    return this.run(attempt, () => worker.submitJob(this.submission)).outcome;
  }

  /** @param reference null for work inside the worker, which its await begins */
  awaitEnd(reference: JobReference | null, worker = this.createWorker()): Promise<JobResult> {
    return this.run(1, () => worker.awaitJob(this.submission, reference)).outcome;
  }

  stop(reference: JobReference | null): Promise<StopResult> {
    return this.run(1, () => this.createWorker().stopJob(this.submission, reference)).outcome;
  }
}

export function failureOf(outcome: Promise<unknown>): Promise<ApplicationFailure> {
  return outcome.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: ApplicationFailure) => error,
  );
}
