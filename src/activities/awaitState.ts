import { isDeepStrictEqual } from 'node:util';
import type { ErrorCode } from '../errors';
import type { AwaitDetails, JobProgress } from '../contracts/activities';
import type { Progress } from '../runners/runner';
import type { Beats } from './beating';
import { isBudgetSpent, type Budgets } from '../services/budgets';
import { isTimeToTell, TELL_AFTER_MS } from './retries';

/**
 * How often work is begun whose worker dies in it. SQL, which can crash a process, has its own; a worker is mostly ended by
 * others, perhaps at each thing that the work writes, and a run must live through that.
 */
const DEATHS = 6;
/** Work that takes long and fails is begun anew at least so often, however short the budget. */
const WORK_ATTEMPTS = 3;

/**
 * What the attempts of one await know of each other; kept with their heartbeats, and told by a time-out. Work inside the
 * worker is
 * - at work: a later attempt that finds it so knows that a worker died, or stood still, in the middle of it;
 * - idle: between two attempts of the work, each of which ended in a failure;
 * - moved on, when it keeps how far it is: earlier deaths and failures count no more.
 */
export class AwaitState {
  private details: AwaitDetails;

  /** @param recovered is called when a row of failures ends of which the run was told */
  constructor(
    private readonly beats: Beats,
    private readonly step: string,
    private readonly recovered: () => void,
  ) {
    const { isAtWork = false, deaths = 0, ...kept } = (beats.resumed ?? {}) as AwaitDetails;
    this.details = { ...kept, deaths: isAtWork ? deaths + 1 : deaths };
  }

  /** The work's own view: what it keeps, and nothing of what is kept about it. */
  get work(): Progress {
    const read = () => this.details.work;
    return {
      get resumed() {
        return read();
      },
      keep: (work) => this.endRow({ work, deaths: 0 }),
      report: (progress) => this.report(progress),
      begin: () => this.keep({ isAtWork: true }),
    };
  }

  /** Whether the work has taken its worker with it too often to be begun again. */
  get killsWorkers(): boolean {
    return (this.details.deaths ?? 0) >= DEATHS;
  }

  get lastFailure(): AwaitDetails['lastFailure'] {
    return this.details.lastFailure;
  }

  /** The attempt ends, and the work with it: by a failure, or since its worker shuts down. */
  end(): void {
    if (this.details.isAtWork) this.keep({ isAtWork: false });
  }

  answered(): void {
    if (this.details.failures) this.endRow({});
  }

  /** How far the job is; seen in the status of its step. */
  report(progress: JobProgress): void {
    if (!isDeepStrictEqual(progress, this.details.progress)) this.keep({ step: this.step, progress });
  }

  /** @returns whether the budget of this class of failure is spent */
  failed(
    code: ErrorCode,
    message: string,
    { worksInPoll, budgets }: { worksInPoll: boolean; budgets: Budgets },
  ) {
    const { failures: before = 0, failingSinceMs = Date.now() } = this.details;
    const failures = before + 1;
    this.keep({ failures, failingSinceMs, isAtWork: false, lastFailure: { code, message } });
    const failingMs = Date.now() - failingSinceMs;
    const row = { failures, failingMs };
    if (!worksInPoll) return isBudgetSpent(code, 'await', row, budgets);
    const mayPass = code === 'Transient' || code === 'ServerUnreachable';
    return isBudgetSpent(code, 'submit', row, budgets) && !(mayPass && failures < WORK_ATTEMPTS);
  }

  /**
   * To be asked after a failure, before the pause that follows it.
   * @returns how long the row of failures is, when the run is to be told of it; null when it is not
   */
  rowToTell(
    pauseMs: number,
    stuckAfterMs: number,
  ): { attempt: number; failingForMs: number; failure: NonNullable<AwaitDetails['lastFailure']> } | null {
    const { failures = 0, failingSinceMs = Date.now(), lastFailure, lookedToMs = 0 } = this.details;
    const { told = 0, isTold = false } = this.details;
    const failingForMs = Date.now() - failingSinceMs;
    const stretch = { fromMs: lookedToMs, toMs: failingForMs + pauseMs };
    // A service that fails now and then is told of ever more seldom.
    const firstMs = TELL_AFTER_MS * 2 ** (isTold ? told - 1 : told);
    const isTime = isTimeToTell(stretch, { firstMs, stuckAfterMs });
    this.keep({
      lookedToMs: stretch.toMs,
      ...(isTime && !isTold ? { told: told + 1, isTold: true } : {}),
    });
    return isTime && lastFailure ? { attempt: failures, failingForMs, failure: lastFailure } : null;
  }

  private endRow(change: Partial<Record<keyof AwaitDetails, unknown>>): void {
    const { isTold } = this.details;
    this.keep({ ...change, failures: 0, failingSinceMs: undefined, lookedToMs: undefined, isTold: false });
    if (isTold) this.recovered();
  }

  private keep(change: Partial<Record<keyof AwaitDetails, unknown>>): void {
    this.details = { ...this.details, ...change } as AwaitDetails;
    this.beats.keep(this.details);
  }
}
