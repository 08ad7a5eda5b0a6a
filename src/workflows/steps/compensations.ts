import type { Failure } from '../../contracts/messages';
import { isReportable, toFailure } from './failures';
import type { Run } from './run';

interface Compensation {
  name: string;
  undo: (run: Run) => Promise<unknown>;
  /** When it was said, or what was taken over since had begun, in milliseconds since 1970; null for what puts back an output. */
  sinceMs: number | null;
}

/** How what a run does is undone: said before it is done, and carried out in reverse order when the run does not end well. */
export class Compensations {
  /** Whether the run was told to undo. */
  areWanted = false;
  /** Whether the undoing has begun. */
  haveBegun = false;
  private readonly registered: Compensation[] = [];

  add(compensation: Compensation): void {
    this.registered.push(compensation);
  }

  /** A retry has taken over a step that began at `beganMs`, before it was itself: that is undone as what it does itself is. */
  noteTaken(beganMs: number): void {
    for (const compensation of this.registered)
      if (compensation.sinceMs !== null) compensation.sinceMs = Math.min(compensation.sinceMs, beganMs);
  }

  /**
   * Undoes all that was registered, one after the other; what cannot be undone does not stop the rest. Each is a group in the
   * status. To be called where no cancellation reaches it.
   * @returns what is to be added to the run's own failure
   */
  async carryOut(run: Run): Promise<string> {
    if (!this.areWanted) return '';
    this.haveBegun = true;
    const failures: Failure[] = [];
    const all = this.registered.splice(0).reverse();
    for (const { name, undo, sinceMs } of all) {
      try {
        await run.undoing(`undo ${name}`, undo, sinceMs === null ? null : new Date(sinceMs).toISOString());
      } catch (error) {
        if (!isReportable(error)) throw error;
        failures.push(toFailure(error, `undo ${name}`));
      }
    }
    if (all.length === 0) return '; there was nothing to undo';
    const undone = `; what it had done was undone (${all.length - failures.length} of ${all.length})`;
    return [
      undone,
      ...failures.map(({ step, code, message }) => `${step} failed, too: ${code}: ${message}`),
    ].join('; ');
  }
}
