import type { SubmissionGroup, Undoes } from '../../contracts/activities';
import type { Place } from '../../contracts/earlier';

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
    private readonly names = new Names([]),
  ) {}

  /** When the newest work was done that a step builds on which begins now; milliseconds since 1970, 0 for none. */
  get newestMs(): number {
    return Math.max(this.ownNewestMs, this.beforeMs);
  }

  /** What a group does that is there to undo; undefined in any other. */
  get undoes(): Undoes | undefined {
    return this.within.find(({ undoes }) => undoes !== undefined)?.undoes;
  }

  /** To be told when work has been done. */
  note(doneMs: number): void {
    this.ownNewestMs = Math.max(this.ownNewestMs, doneMs);
  }

  /** The place of a step that begins now. */
  place(name: string): Place {
    return this.names.add(name);
  }

  /** The line of a group, to be joined when the group has ended. */
  branch(group: SubmissionGroup, place: Place): Line {
    return new Line(this.newestMs, [...this.within, group], new Names(place));
  }

  /** The line of a part of a fan-out, which builds on nothing that the other parts do; to be joined when the part has ended. */
  partOfFanOut(): Line {
    return new Line(this.beforeMs, this.within, this.names);
  }

  /** What was done in a line that has ended counts for this one. */
  join(line: Line): void {
    this.note(line.ownNewestMs);
  }
}

/** The names in one group; one that is taken gets a number. */
class Names {
  private readonly taken = new Set<string>();

  constructor(private readonly group: Place) {}

  add(given: string): Place {
    let name = given;
    for (let n = 2; this.taken.has(name); n++) name = `${given} (${n})`;
    this.taken.add(name);
    return [...this.group, name];
  }
}
