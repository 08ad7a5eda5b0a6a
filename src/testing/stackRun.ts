import { ApplicationFailure, CancelledFailure, TerminatedFailure } from '@temporalio/common';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import {
  arrivedSignal,
  resumeSignal,
  statusQuery,
  type Failure,
  type RunStatus,
  type StepState,
  type StepStatus,
} from '../contracts/messages';
import { ERROR_CODES, SluiceError, type ErrorCode } from '../errors';
import { parseS3Uri } from '../pipelines/location';
import type { TestRun } from './testStack';

/** The time of a stack, and what goes on in it. */
export interface StackTime {
  /** Until everything has happened that takes no time. @throws Error when workflow code is broken */
  settle(): Promise<void>;
  /**
   * Lets timers fire that are due within a second, before a workflow is told anything: one that fires while a workflow task
   * cancels it leaves its workflow standing for good (https://github.com/temporalio/sdk-java/issues/3088).
   */
  letDueFire(): Promise<void>;
  /** Skips time until something happens. @returns false when nothing will */
  skipToNext(): Promise<boolean>;
  now(): Promise<Date>;
}

export class StackRun<Result> implements TestRun<Result> {
  constructor(
    private readonly handle: WorkflowHandle,
    private readonly time: StackTime,
  ) {}

  get id(): string {
    return this.handle.workflowId;
  }

  async status(): Promise<RunStatus> {
    await this.time.settle();
    return this.handle.query(statusQuery);
  }

  async step(name: string): Promise<StepStatus> {
    const { steps } = await this.status();
    const found = steps.find((step) => step.name === name);
    if (found) return found;
    const names = steps.map((step) => step.name).join(', ');
    throw new Error(`${this.id} has no step "${name}"; there are: ${names || 'none yet'}`);
  }

  async result(): Promise<Result> {
    try {
      return await this.end();
    } catch (error) {
      throw error instanceof WorkflowFailedError ? toSluiceError(error) : error;
    }
  }

  async failure(): Promise<Failure> {
    try {
      await this.end();
    } catch (error) {
      if (!(error instanceof WorkflowFailedError)) throw error;
      const { failure } = await this.status();
      if (failure !== null) return failure;
      const { code, message } = toSluiceError(error);
      return { code, message, step: null };
    }
    throw new Error(`${this.id} did not fail: it is ${(await this.status()).state}`);
  }

  async waitUntil(name: string, state: StepState): Promise<StepStatus> {
    for (;;) {
      const status = await this.status();
      const step = status.steps.find((one) => one.name === name);
      if (step?.state === state) return step;
      if (status.state !== 'running' || !(await this.time.skipToNext()))
        throw new Error(
          `${this.id} is ${status.state} and ${name} was never ${state}: it is ${step?.state ?? 'not there'}`,
        );
    }
  }

  async cancel(): Promise<void> {
    await this.time.letDueFire();
    await this.handle.cancel();
    await this.time.settle();
  }

  async terminate(): Promise<void> {
    await this.handle.terminate('terminated by a test');
    await this.time.settle();
  }

  async resume(step?: string): Promise<void> {
    await this.time.letDueFire();
    await this.handle.signal(resumeSignal, step ?? null);
    await this.time.settle();
  }

  async signalArrival(uri: string): Promise<void> {
    const object = parseS3Uri(uri);
    if (object === null || object.key === '')
      throw new SluiceError('InvalidInput', `${uri} is no object; give one such as s3://lake/days/a.csv`);
    await this.time.letDueFire();
    const time = (await this.time.now()).toISOString();
    const unknown = { versionId: null, etag: null, size: null, sequencer: null };
    await this.handle.signal(arrivedSignal, [{ ...object, ...unknown, time, byHand: true }]);
    await this.time.settle();
  }

  /** Step by step, so that no time is skipped once the run has ended. */
  private async end(): Promise<Result> {
    for (;;) {
      await this.time.settle();
      if ((await this.handle.describe()).status.name !== 'RUNNING')
        return this.handle.result() as Promise<Result>;
      if (!(await this.time.skipToNext())) {
        const { steps } = await this.status();
        const open = steps
          .filter(({ endedAt }) => endedAt === null)
          .map(({ name, state }) => `${name} is ${state}`);
        throw new Error(
          `${this.id} does not end, and nothing more is to come: ${open.join(', ') || 'no step is open'}`,
        );
      }
    }
  }
}

function toSluiceError({ cause, message }: WorkflowFailedError): SluiceError {
  if (cause instanceof CancelledFailure)
    return new SluiceError('Cancelled', 'The run was cancelled.', { cause });
  if (cause instanceof TerminatedFailure)
    return new SluiceError('RunFailed', 'The run was terminated.', { cause });
  const type = cause instanceof ApplicationFailure ? cause.type : undefined;
  const code = type && type in ERROR_CODES ? (type as ErrorCode) : 'RunFailed';
  return new SluiceError(code, cause?.message ?? message, { cause });
}
