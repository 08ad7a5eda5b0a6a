import type { SubmissionGroup } from '../../contracts/activities';

/**
 * What the steps of one branch build on: all that was done before them in it, and in what holds it before the branch began.
 * Branches side by side have lines of their own; what was done in one counts for what holds it when the branch has ended.
 */
export class Line {
  private ownNewestMs = 0;

  constructor(
    private readonly beforeMs = 0,
    /** The groups that hold the line, outermost first. */
    readonly within: readonly SubmissionGroup[] = [],
  ) {}

  /** When the newest work was done that a step builds on which begins now; milliseconds since 1970, 0 for none. */
  get newestMs(): number {
    return Math.max(this.ownNewestMs, this.beforeMs);
  }

  /** To be told when work has been done. */
  note(doneMs: number): void {
    this.ownNewestMs = Math.max(this.ownNewestMs, doneMs);
  }

  /** The line of a group, to be joined when the group has ended. */
  branch(group: SubmissionGroup): Line {
    return new Line(this.newestMs, [...this.within, group]);
  }

  /** The line of a part of a fan-out, which builds on nothing that the other parts do; to be joined when the part has ended. */
  partOfFanOut(): Line {
    return new Line(this.beforeMs, this.within);
  }

  /** What was done in a line that has ended counts for this one. */
  join(line: Line): void {
    this.note(line.ownNewestMs);
  }
}
