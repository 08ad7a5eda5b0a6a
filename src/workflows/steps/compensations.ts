import type { Failure } from '../../contracts/messages';
import { isReportable, toFailure } from './failures';
import type { Run } from './run';

interface Compensation {
  name: string;
  undo: (run: Run) => Promise<unknown>;
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
    for (const { name, undo } of all) {
      try {
        await run.group(`undo ${name}`, undo);
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
