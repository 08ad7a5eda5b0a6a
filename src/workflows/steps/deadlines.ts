import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import type { Failure, StepStatus } from '../../contracts/messages';
import { DURATION_NEEDS, parseBoundedDuration } from '../../pipelines/duration';
import type { Ending } from './ending';
import { asApplicationFailure } from './failures';
import type { Notices } from './notices';
import type { StatusBoard } from './status';

/** Durations from the begin of what they are for. */
export interface Deadline {
  /** How long it is expected to take: when it takes longer, that is shown and told once, and it goes on. */
  expectedBy?: string;
  /** How long it may take: when it takes longer, it is cancelled and fails as `Overdue`. */
  within?: string;
}

/** Keeps the deadlines of a run and of its steps. Each is one timer, so that it costs the same however long the work takes. */
export class Deadlines {
  constructor(
    private readonly board: StatusBoard,
    private readonly ending: Ending,
    private readonly notices: Notices,
  ) {}

  /**
   * Does the work of a step, or of the run (null).
   * @throws ApplicationFailure Overdue when it has taken too long, InvalidInput for a duration that is none
   */
  keep<T>(step: StepStatus | null, { expectedBy, within }: Deadline, work: () => Promise<T>): Promise<T> {
    if (expectedBy === undefined && within === undefined) return work();
    return this.watchLate(step, expectedBy, () => this.endOverdue(step, within, work));
  }

  private async watchLate<T>(
    step: StepStatus | null,
    expectedBy: string | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    if (expectedBy === undefined) return work();
    const expectedMs = this.readDuration(step, 'expectedBy', expectedBy);
    const timer = new CancellationScope();
    // The run ends no earlier than it was told.
    this.ending.beside(timer.run(() => this.tellWhenLate(step, expectedMs)).catch(rethrowUnlessCancelled));
    try {
      return await work();
    } finally {
      timer.cancel();
    }
  }

  private async tellWhenLate(step: StepStatus | null, expectedMs: number): Promise<void> {
    const expectedBy = new Date(Date.now() + expectedMs).toISOString();
    await sleep(expectedMs, { summary: `${step?.name ?? 'the run'} is expected to have ended` });
    this.board.markLate(step, expectedBy);
    await this.notices.tell('late', { step: step?.name ?? null, expectedBy });
  }

  private async endOverdue<T>(
    step: StepStatus | null,
    within: string | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    if (within === undefined) return work();
    const withinMs = this.readDuration(step, 'within', within);
    const name = step?.name ?? null;
    const message = `${name ?? 'The run'} did not end within ${within}; what it was at was cancelled`;
    const failure: Failure = { code: 'Overdue', message, step: name };
    const timer = new CancellationScope();
    const scope = new CancellationScope();
    let isOver = false;
    const timing = timer.run(async () => {
      await sleep(withinMs, { summary: `${name ?? 'the run'} must have ended` });
      isOver = true;
      if (step === null) this.ending.fail(failure);
      else scope.cancel();
    });
    timing.catch(rethrowUnlessCancelled);
    try {
      return await scope.run(work);
    } catch (error) {
      throw isOver && isCancellation(error) ? asApplicationFailure(failure) : error;
    } finally {
      timer.cancel();
    }
  }

  private readDuration(step: StepStatus | null, option: keyof Deadline, text: string): number {
    const durationMs = parseBoundedDuration(text);
    if (durationMs !== null) return durationMs;
    const message = `${step?.name ?? 'the run'}: ${option} is ${JSON.stringify(text)}; give ${DURATION_NEEDS}`;
    const failure: Failure = { code: 'InvalidInput', message, step: step?.name ?? null };
    if (step !== null) this.board.update(step, { state: 'failed', failure });
    throw asApplicationFailure(failure);
  }
}

function rethrowUnlessCancelled(error: unknown): void {
  if (!isCancellation(error)) throw error;
}
