/** The time of a stack, for code that cannot ask its server: it stands still but for the seconds of the machine. */
export class StackClock {
  private aheadMs = 0;

  constructor(private readonly currentTimeMs: () => Promise<number>) {}

  /** Looks at the server's time, which is to be done whenever it may have been skipped. */
  async refresh(): Promise<void> {
    this.aheadMs = (await this.currentTimeMs()) - Date.now();
  }

  /** In milliseconds since 1970. */
  readonly now = (): number => Date.now() + this.aheadMs;

  /** The same moment by the clock of the machine. */
  ofMachine(timeMs: number): number {
    return timeMs - this.aheadMs;
  }
}
