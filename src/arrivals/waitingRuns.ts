import { setTimeout } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Logger } from '../setup/logging';
import type { Arrival } from '../pipelines';
import { arrivalsWorkflowId, sourceOf, sourcesAbove } from '../pipelines/location';
import { matchesPattern } from '../pipelines/patterns';
import { hasContent } from '../pipelines/arrivalRule';
import { arrivedSignal, type SeenArrival } from '../contracts/messages';

/** Visibility's query for the runs that wait for files. */
export const WAITING_RUNS = `ExecutionStatus = 'Running' AND SluiceWaitingFor IS NOT NULL`;
/** How many runs are known, the newest first; the others hear from `arrivals` alone. */
const MAX_RUNS = 1_000;
/** Of a source with more waits than this, all hear from `arrivals` alone: the webhook's answer must not wait for so many. */
const MAX_WAITS_OF_SOURCE = 20;
const REFRESH_MS = 5_000;
const REFRESH_TIMEOUT_MS = 10_000;
/** The webhook's answer is not held up longer for what `arrivals` makes up for. */
const TELL_TIMEOUT_MS = 500;

interface WaitOfRun {
  workflowId: string;
  runId: string;
  pattern: string;
}

/**
 * Which runs wait for what, as Temporal's visibility store shows it, so that the webhook tells a run of its object at once
 * and not by way of an `arrivals` workflow. It is a hint, old by some seconds, and nothing depends on it: `arrivals` knows
 * who waits, hears of every object, and tells all who were not told. A wait is told of one object, which is what most wait
 * for; the others come in the pace that `arrivals` keeps.
 */
export class WaitingRuns {
  private bySource = new Map<string, WaitOfRun[]>();
  private told = new Set<string>();

  constructor(private readonly client: Client) {}

  /** Looks up who waits, every few seconds until `signal` aborts. */
  async follow(signal: AbortSignal, log: Pick<Logger, 'warn'>): Promise<void> {
    let failed = false;
    while (!signal.aborted) {
      try {
        await this.refresh();
        failed = false;
      } catch (error) {
        const reason = String((error as Error).cause ?? error);
        if (!failed && !signal.aborted)
          log.warn({ error: reason }, 'who waits is not known; runs hear a little later');
        failed = true;
      }
      await setTimeout(REFRESH_MS, null, { signal }).catch(() => {});
    }
  }

  /**
   * Looks up who waits now.
   * @returns how many waits are known
   */
  async refresh(): Promise<number> {
    const bySource = new Map<string, WaitOfRun[]>();
    const known = new Set<string>();
    for (const wait of await this.client.withDeadline(Date.now() + REFRESH_TIMEOUT_MS, () => this.list())) {
      const source = sourceOf(wait.pattern);
      if (source === null) continue;
      known.add(idOf(wait));
      const id = arrivalsWorkflowId(source);
      bySource.set(id, [...(bySource.get(id) ?? []), wait]);
    }
    this.bySource = bySource;
    this.told = new Set([...this.told].filter((id) => known.has(id)));
    return known.size;
  }

  /** Tells the runs that wait, and adds to each arrival which of them have it for certain. */
  tell(arrivals: Arrival[]): Promise<SeenArrival[]> {
    return Promise.all(
      arrivals.map(async (arrival) => {
        const told = await Promise.all(this.takeWaits(arrival).map((wait) => this.signal(wait, arrival)));
        const runIds = told.filter((runId) => runId !== null);
        return runIds.length === 0 ? arrival : { ...arrival, told: runIds };
      }),
    );
  }

  private async list(): Promise<WaitOfRun[]> {
    const waits: WaitOfRun[] = [];
    let runs = 0;
    for await (const run of this.client.workflow.list({ query: WAITING_RUNS, pageSize: MAX_RUNS })) {
      if (++runs > MAX_RUNS) break;
      const { workflowId, runId, searchAttributes } = run;
      const patterns = (searchAttributes as Record<string, unknown[] | undefined>)['SluiceWaitingFor'] ?? [];
      waits.push(...patterns.map((pattern) => ({ workflowId, runId, pattern: String(pattern) })));
    }
    return waits;
  }

  /** One wait of each run that waits for the arrival and was told of nothing yet. */
  private takeWaits(arrival: Arrival): WaitOfRun[] {
    // A run may be waiting for what takes its place, and would not be told of that.
    if (!hasContent(arrival)) return [];
    const byRun = new Map<string, WaitOfRun>();
    for (const source of sourcesAbove(arrival.bucket, arrival.key)) {
      const waits = this.bySource.get(arrivalsWorkflowId(source)) ?? [];
      if (waits.length > MAX_WAITS_OF_SOURCE) continue;
      for (const wait of waits) {
        if (this.told.has(idOf(wait)) || !matchesPattern(wait.pattern, arrival)) continue;
        this.told.add(idOf(wait));
        byRun.set(wait.runId, wait);
      }
    }
    return [...byRun.values()];
  }

  private async signal({ workflowId, runId }: WaitOfRun, arrival: Arrival): Promise<string | null> {
    const run = this.client.workflow.getHandle(workflowId, runId);
    try {
      await this.client.withDeadline(Date.now() + TELL_TIMEOUT_MS, () =>
        run.signal(arrivedSignal, [arrival]),
      );
      return runId;
    } catch {
      return null;
    }
  }
}

function idOf({ runId, pattern }: WaitOfRun): string {
  return `${runId} ${pattern}`;
}
