import { patched } from '@temporalio/workflow';
import type { Failure } from '../../contracts/messages';

/** What has to happen before a run ends, and what makes it end early. */
export class Ending {
  /** The first failure of something that no step awaits. */
  failure: Failure | null = null;
  private readonly background: Promise<void>[] = [];
  private readonly tasks: (() => Promise<void>)[] = [];

  /** @param interrupt cancels what the run is at */
  constructor(private readonly interrupt: () => void) {}

  /** Ends the run with a failure, whatever it does. */
  fail(failure: Failure): void {
    this.failure ??= failure;
    this.interrupt();
  }

  /** Goes on beside the steps; the run ends no earlier. It must not throw. */
  beside(work: Promise<void>): void {
    this.background.push(work);
  }

  /** Is done when the run ends, in whatever way. */
  atEnd(task: () => Promise<void>): void {
    this.tasks.push(task);
  }

  get isClosed(): boolean {
    return this.background.length === 0 && this.tasks.length === 0;
  }

  /** Does all that is left to do. */
  async close(): Promise<void> {
    let done = this.background.length;
    await Promise.all(this.background);
    for (const task of this.tasks.splice(0)) await task();
    // In histories that began before, a run ends without what has begun meanwhile.
    while (done < this.background.length && patched('all-beside-ends')) {
      const begun = this.background.slice(done);
      done += begun.length;
      await Promise.all(begun);
    }
  }
}
