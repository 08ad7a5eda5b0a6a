import { condition } from '@temporalio/workflow';
import type { Failure, StepStatus } from '../../contracts/messages';
import type { Notices } from './notices';
import type { StatusBoard } from './status';

/** The steps that wait, with a budget that is spent, until somebody has mended the reason and lets them go on. */
export class ParkedSteps {
  /** Whether the run was told to park the steps that do not say so themselves. */
  byDefault = false;
  private readonly waiting = new Set<StepStatus>();

  constructor(
    private readonly board: StatusBoard,
    private readonly notices: Notices,
  ) {}

  /** Lets one step go on, or all. */
  resume(name: string | null): void {
    for (const step of this.waiting) if (name === null || step.name === name) this.waiting.delete(step);
  }

  /** Waits until the step is let go on. @returns for how long it waited, in milliseconds */
  async park(step: StepStatus, failure: Failure): Promise<number> {
    const parkedAtMs = Date.now();
    // One word for all that one reason has parked, and none for each of a thousand.
    if (this.waiting.size === 0) this.notices.tellBeside('parked', failure);
    this.waiting.add(step);
    this.board.update(step, { state: 'parked', failure });
    try {
      await condition(() => !this.waiting.has(step));
    } finally {
      this.waiting.delete(step);
    }
    this.board.update(step, { state: 'running', failure: null });
    return Date.now() - parkedAtMs;
  }
}
