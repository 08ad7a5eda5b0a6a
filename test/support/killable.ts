import type { RunningProcess } from '../../src/local';

/** A process that a test kills or freezes at will, and starts again. */
export class Killable {
  private running: RunningProcess | null = null;

  constructor(private readonly launch: () => Promise<RunningProcess>) {}

  /** Starts it until it is ready, as a supervisor does: without a server, none of its clients gets there. */
  async start(): Promise<void> {
    const untilMs = Date.now() + 60_000;
    while (this.running === null) {
      try {
        this.running = await this.launch();
      } catch (error) {
        if (Date.now() > untilMs) throw error;
      }
    }
  }

  /** @throws Error when it had ended unasked */
  async kill(): Promise<void> {
    if (this.running === null) return;
    process.kill(this.running.pid, 'SIGKILL');
    await this.running.stop();
    this.running = null;
  }

  /** It stands still until it is told to go on: to all others, as if its network were cut. */
  freeze(): void {
    if (this.running !== null) process.kill(this.running.pid, 'SIGSTOP');
  }

  goOn(): void {
    if (this.running !== null) process.kill(this.running.pid, 'SIGCONT');
  }
}
